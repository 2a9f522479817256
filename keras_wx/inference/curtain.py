"""`predict` for curtains: what lies in the blind zone, from what is seen above it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.baselines import Baseline
from keras_wx.data.curtain import gate_values, mask_of
from keras_wx.data.timeaxis import time_step
from keras_wx.inference.layout import Pair, cover
from keras_wx.inference.network import is_stochastic, run, seeded
from keras_wx.inference.output import attributes
from keras_wx.inference.progress import progress_bar
from keras_wx.inference.tiles import Tile
from keras_wx.spec import Preset, Sample, Variable

if TYPE_CHECKING:
    import keras

MASK = "blind_zone"
COLUMNS_AT_ONCE = 4096
"""Profiles that a network is given at once, unless the caller says otherwise: members of an
ensemble that are blended between two tiles would differ less there than elsewhere."""


def reconstruct(
    model: keras.Model | Baseline,
    preset: Preset,
    data: xr.Dataset,
    *,
    members: int,
    seed: int,
    tile: Pair | None,
    overlap: Pair | None,
    progress: bool | None,
) -> xr.Dataset:
    """Curtains with their blind zone filled in.

    Args:
        model: gives network numbers `(batch, height, time, outputs)`.
        preset: of the model.
        data: what `keras_wx.data.conform` gives, dims `(height, time)`.
        members, seed, tile, overlap, progress: as in `keras_wx.predict`.

    Returns:
        A Dataset with dims `([realization,] time, height)`, each target that is not auxiliary in
        its units, and the coordinate `blind_zone (time, height)`: the mask that the model has seen.

    Raises:
        DataError: for missing values outside the blind zone, unless a whole profile is missing.
    """
    sample = preset.sample
    mask = mask_of(data, sample, buffer=sample.blind_zone.buffer)
    x, missing = _arrays(data, sample, mask)
    network = np.full((members, *mask.shape, len(sample.targets)), np.nan, np.float32)
    pieces = list(_pieces(data["time"].values, sample, missing))
    tiles = [_tiles(model, x[:, :, piece], tile, overlap) for piece in pieces]
    with (
        progress_bar(preset.full_name, members * sum(map(len, tiles)), progress) as count,
        seeded(model, seed),
    ):
        for piece, parts in zip(pieces, tiles, strict=True):
            network[:, :, piece] = _fill_in(model, x[:, :, piece], parts, members, sample, count)
    values = {
        target.name: _physical(network[..., channel], data[target.name].values, mask, target)
        for channel, target in enumerate(sample.targets)
        if not target.auxiliary
    }
    return _dataset(preset, data, values, mask, members, seed if is_stochastic(model) else None)


def _arrays(data: xr.Dataset, sample: Sample, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the model reads, `(1, height, time, channels)`, and which profiles are missing."""
    values = [data[variable.name].values for variable in sample.inputs]
    seen = mask < 1
    missing = np.any([(np.isnan(v) | ~seen).all(axis=0) & seen.any(axis=0) for v in values], axis=0)
    channels = [
        gate_values(variable, field, mask, data["time"].values, ignore=missing)
        for variable, field in zip(sample.inputs, values, strict=True)
    ]
    return np.stack([*channels, mask], axis=-1)[None].astype(np.float32), missing


def _pieces(times: np.ndarray, sample: Sample, missing: np.ndarray) -> Iterator[slice]:
    """Runs of profiles that follow each other, none of which is missing."""
    step = sample.step or time_step(times)
    jumps = np.zeros(len(times), bool)
    if step is not None:
        length = np.timedelta64(step).astype("m8[ns]")
        jumps[1:] = np.diff(times.astype("M8[ns]")) > 1.5 * length
    begins = ~missing & (jumps | np.concatenate([[True], missing[:-1]]))
    ends = ~missing & np.concatenate([jumps[1:] | missing[1:], [True]])
    for begin, end in zip(np.flatnonzero(begins), np.flatnonzero(ends), strict=True):
        yield slice(int(begin), int(end) + 1)


def _tiles(model, x: np.ndarray, tile: Pair | None, overlap: Pair | None) -> list[Tile]:
    rows, columns = x.shape[1:3]
    if tile is None and not isinstance(model, Baseline):
        tile = rows, min(columns, COLUMNS_AT_ONCE)
    return cover(model, (rows, columns), tile, overlap)


def _fill_in(
    model: keras.Model | Baseline,
    x: np.ndarray,
    tiles: list[Tile],
    members: int,
    sample: Sample,
    count,
) -> np.ndarray:
    """Network numbers of one run of profiles, `(members, height, time, targets)`."""
    found = np.zeros((members, *x.shape[1:3], len(sample.targets)), np.float32)
    repeat_edges = np.full(x.shape[-1], np.nan)
    for tile in tiles:
        part = tile.cut(x, repeat_edges)
        expected = (*part.shape[1:3], len(sample.targets))
        # Also for a single member: only the rows that the mask can reach are computed.
        if hasattr(model, "predict_members") and is_stochastic(model):
            drawn = model.predict_members(part, members)[:, 0]
        else:
            drawn = np.stack([run(model, {"x": part}, expected)[0] for _ in range(members)])
        tile.add(found, drawn)
        count(members)
    return found


def _physical(
    network: np.ndarray, measured: np.ndarray, mask: np.ndarray, target: Variable
) -> np.ndarray:
    """`(members, time, height)` in the target's units; what was measured is as it was."""
    field = target.transform.inverse(network).astype(np.float32)
    np.copyto(field, measured.astype(np.float32), where=(mask == 0) & ~np.isnan(field))
    return field.swapaxes(1, 2)


def _dataset(
    preset: Preset,
    data: xr.Dataset,
    values: dict[str, np.ndarray],
    mask: np.ndarray,
    members: int,
    seed: int | None,
) -> xr.Dataset:
    dims = ("time", "height")
    coords = {name: coord.variable for name, coord in data.coords.items()}
    coords[MASK] = (
        dims,
        mask.T.astype(np.float32),
        {"long_name": "1 in the blind zone, falling to 0 over the buffer above", "units": "1"},
    )
    if members > 1:
        dims = ("realization", *dims)
        attrs = {"standard_name": "realization", "units": "1"}
        coords["realization"] = ("realization", np.arange(members), attrs)
    variables = {}
    for target in preset.sample.targets:
        if target.name in values:
            known = data[target.name].attrs
            kept = {k: known[k] for k in ("standard_name", "long_name") if k in known}
            field = values[target.name]
            variables[target.name] = (
                dims,
                field if members > 1 else field[0],
                {"units": target.units, **kept},
            )
    attrs = attributes(preset, data, f"Reconstruction of {', '.join(variables)}")
    if seed is not None:
        attrs["seed"] = seed
    return xr.Dataset(variables, coords, attrs)
