"""`predict` for curtains: what lies in the blind zone, from what is seen above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.baselines import Baseline
from keras_wx.inference.curtain_inputs import COLUMNS_AT_ONCE, CurtainInputs
from keras_wx.inference.curtain_readings import GATES, Distributions, Values, reading_of
from keras_wx.inference.layout import Pair, cover
from keras_wx.inference.network import fixed_grid, run, seeded
from keras_wx.inference.output import Block, Outline, attributes, in_memory, in_zarr
from keras_wx.inference.progress import progress_bar
from keras_wx.inference.summary import Statistics
from keras_wx.inference.tiles import Tile
from keras_wx.spec import Preset

if TYPE_CHECKING:
    import keras

MASK = "blind_zone"


def reconstruct(
    model: keras.Model | Baseline,
    preset: Preset,
    data: xr.Dataset,
    *,
    members: int,
    seed: int,
    statistics: Statistics | None,
    batch_size: int | None,
    tile: Pair | None,
    overlap: Pair | None,
    path: Path | None,
    progress: bool | None,
) -> xr.Dataset:
    """Curtains with their blind zone filled in.

    Args:
        model: gives network numbers `(batch, height, time, outputs)`, or the parameters of its
            `distribution`.
        preset: of the model.
        data: what `keras_wx.data.conform` gives, dims `(height, time)`.
        statistics: of the distributions, in closed form; None for none.
        members, seed, batch_size, tile, overlap, path, progress: as in `keras_wx.predict`.

    Returns:
        A Dataset with dims `([realization,] time, height)`, each target that is not auxiliary in
        its units, and the coordinate `blind_zone (time, height)`: the mask that the model has seen.

    Raises:
        DataError: for missing values outside the blind zone, unless a whole profile is missing.
    """
    sample = preset.sample
    inputs = CurtainInputs(data, sample)
    reading = reading_of(
        model, data, inputs, sample, members=members, seed=seed, statistics=statistics
    )
    runs = [
        (profiles, _tiles(model, (inputs.height, profiles.stop - profiles.start), tile, overlap))
        for profiles in inputs.runs()
    ]
    form = _outline(preset, data, inputs, reading)
    if reading.drawn:
        form.attrs["seed"] = seed

    def blocks() -> Iterator[Block]:
        total = reading.passes * sum(len(tiles) for _, tiles in runs)
        with progress_bar(preset.full_name, total, progress) as count, seeded(model, seed):
            done = 0
            for profiles, tiles in runs:
                yield from _missing(form, inputs, done, profiles.start)
                reading.begin()
                forecast = _Forecast(model, inputs, reading, profiles.start, count)
                for columns, network in _blended(tiles, batch_size or 1, forecast):
                    part = _moved(columns, profiles.start)
                    fields = reading.fields(network, part)
                    yield part, fields | {MASK: inputs.mask(part).T}
                done = profiles.stop
            yield from _missing(form, inputs, done, len(inputs.times))

    if path is None:
        return in_memory(form, blocks())
    return in_zarr(form, blocks(), path, together=COLUMNS_AT_ONCE)


def _tiles(model, domain: tuple[int, int], tile: Pair | None, overlap: Pair | None) -> list[Tile]:
    """From left to right."""
    if tile is None:
        rows, columns = fixed_grid(model)
        tile = rows or domain[0], columns or min(domain[1], COLUMNS_AT_ONCE)
    tiles = cover(model, domain, tile, overlap)
    return sorted(tiles, key=lambda tile: tile.columns.start)


class _Forecast:
    """Network numbers of some tiles of a run of profiles, `(tile, passes, height, time, channels)`.

    Args:
        model: of curtains.
        inputs: that it reads.
        reading: says how often, and how many numbers a gate it gives.
        start: of the run.
        count: is told how many tiles have been done.
    """

    def __init__(
        self,
        model: keras.Model | Baseline,
        inputs: CurtainInputs,
        reading: Values | Distributions,
        start: int,
        count: Callable[[int], None],
    ):
        self._model = model
        self._inputs = inputs
        self._reading = reading
        self._start = start
        self._count = count

    def __call__(self, tiles: list[Tile]) -> np.ndarray:
        model, passes = self._model, self._reading.passes
        x = np.concatenate([self._cut(tile) for tile in tiles])
        # Also for a single member: only the rows that the mask can reach are computed.
        if getattr(model, "drops_out", False):
            drawn = model.predict_members(x, passes)
        else:
            expected = (*x.shape[1:3], self._reading.channels)
            drawn = np.stack([run(model, {"x": x}, expected) for _ in range(passes)])
        self._count(passes * len(tiles))
        return drawn.swapaxes(0, 1)

    def _cut(self, tile: Tile) -> np.ndarray:
        x = self._inputs.read(_moved(tile.columns.inside, self._start))
        repeat_edges = np.full(x.shape[-1], np.nan)
        return _shifted(tile, -tile.columns.start).cut(x, repeat_edges)


def _blended(
    tiles: list[Tile], together: int, forecast: Callable[[list[Tile]], np.ndarray]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blends tiles, and gives columns as soon as no other tile reaches them.

    Args:
        tiles: from left to right.
        together: number of them in a call.
        forecast: of some tiles, `(tile, passes, height, time, channels)`.

    Yields:
        Which columns, and their network numbers `(passes, height, time, channels)`.
    """
    done, pending = 0, None
    for first in range(0, len(tiles), together):
        group = tiles[first : first + together]
        drawn = forecast(group)
        reach = max(tile.columns.inside.stop for tile in group)
        _, passes, _, _, channels = drawn.shape
        rows = max(tile.rows.inside.stop for tile in tiles)
        wider = np.zeros((passes, rows, reach - done, channels), np.float32)
        if pending is not None:
            wider[:, :, : pending.shape[2]] = pending
        for tile, part in zip(group, drawn, strict=True):
            _shifted(tile, -done).add(wider, part)
        rest = tiles[first + together :]
        final = rest[0].columns.start if rest else reach
        yield slice(done, final), wider[:, :, : final - done]
        done, pending = final, wider[:, :, final - done :]


def _shifted(tile: Tile, columns: int) -> Tile:
    return tile._replace(columns=tile.columns._replace(start=tile.columns.start + columns))


def _moved(columns: slice, start: int) -> slice:
    return slice(columns.start + start, columns.stop + start)


def _missing(form: Outline, inputs: CurtainInputs, start: int, stop: int) -> Iterator[Block]:
    """Profiles that nothing can be said of."""
    for part in inputs.parts(start, stop):
        sizes = form.sizes | {"time": part.stop - part.start}
        nothing = {
            name: np.full([sizes[dim] for dim in dims], np.nan, np.float32)
            for name, (dims, _) in form.variables.items()
        }
        yield part, nothing | {MASK: inputs.mask(part).T}


def _outline(
    preset: Preset, data: xr.Dataset, inputs: CurtainInputs, reading: Values | Distributions
) -> Outline:
    kept = {name: coord.variable for name, coord in data.coords.items()}
    coords = xr.Dataset(coords=kept | reading.coords).drop_encoding()
    sizes = {"time": len(inputs.times), "height": inputs.height} | dict(coords.sizes)
    targets = [target.name for target in preset.sample.targets if not target.auxiliary]
    mask = {"long_name": "1 in the blind zone, falling to 0 over the buffer above", "units": "1"}
    return Outline(
        along="time",
        sizes=sizes,
        coords=coords,
        variables=reading.variables | {MASK: (GATES, mask)},
        attrs=attributes(preset, data, f"Reconstruction of {', '.join(targets)}"),
        auxiliary=(MASK,),
    )
