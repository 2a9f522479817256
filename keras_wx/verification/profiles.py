"""Several models reconstruct the same profiles, in bounded memory, and are measured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from keras_wx.data.curtain import blind_rows
from keras_wx.data.curtain.decorrelation import decorrelation_time, gap_between_parts
from keras_wx.data.frames import FrameStore
from keras_wx.data.splits import frames_of
from keras_wx.errors import DataError, ModelError
from keras_wx.inference.predict import predict
from keras_wx.inference.progress import progress_bar
from keras_wx.verification.curtain import joined, verify_curtain
from keras_wx.verification.ensemble import with_crps
from keras_wx.verification.hindcasts import FRAMES_CACHE, PIXELS_IN_MEMORY, members_of

if TYPE_CHECKING:
    import keras

    from keras_wx.baselines import Baseline
    from keras_wx.spec import Sample

    Model = keras.Model | Baseline

T = TypeVar("T")

SCENE = 128
"""Columns of a scene, in which an event happens."""

BLOCK = 512
"""Columns of the blocks that are scored, before those that follow each other too soon are joined:
whole scenes."""

CONTEXT = 256
"""Columns beside those that are scored which a model sees, lest a cut through a long curtain count
as the edge of it."""


@dataclass(frozen=True)
class Profiles:
    """The columns that are scored.

    Attributes:
        parts: of the time axis, in order; no column is seen from another part.
        times: of all columns in the parts.
        decorrelation: time in which columns forget each other; None where it is not known.
        is_lower_bound: whether they still remembered each other at the longest lag.
    """

    parts: tuple[slice, ...]
    times: np.ndarray
    decorrelation: timedelta | None
    is_lower_bound: bool = False

    @property
    def apart(self) -> timedelta:
        """From the start of one block to that of the next one that is drawn by itself: twice the
        decorrelation time, so that most columns of a block know nothing of the next."""
        return 2 * (self.decorrelation or timedelta(0))

    def pieces(self, columns: int) -> Iterator[tuple[slice, slice]]:
        """Columns to score, so many at a time, among the columns to look at."""
        for part in self.parts:
            edges = [*range(part.start, part.stop, columns), part.stop]
            for start, stop in pairwise(edges):
                seen = slice(max(part.start, start - CONTEXT), min(part.stop, stop + CONTEXT))
                yield slice(start - seen.start, stop - seen.start), seen


def profiles_of(data: xr.Dataset, sample: Sample, split: str | None) -> Profiles:
    """The profiles of one part of a curtain: those that `samples` would cut its windows from.

    Args:
        data: what `conform` gives for `sample`.
        sample: says what is looked at, and how long a window is.
        split: see `keras_wx.samples`.

    Raises:
        UnknownNameError: for a part that there is not.
        DataError: for one without a profile.
    """
    target, times = sample.targets[0], data["time"].values
    columns = data[target.name].transpose("time", "height")
    store = FrameStore(columns, target.transform, cache_bytes=FRAMES_CACHE)
    # It warns of the gap between parts where it is a lower bound, which is not its use here.
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        correlated = decorrelation_time(store)
    (grid,) = sample.grids.values()
    width = grid.shape[grid.dims.index("time")] or 1
    gap = None
    if "split_gap" not in data.attrs:
        gap = gap_between_parts(times, sample, width, correlated)
    parts = frames_of(split, times, sample, gap=gap, attrs=data.attrs)
    if not parts:
        raise DataError(f"split: {split!r} has no profile. split=None takes all of them.")
    return Profiles(
        tuple(parts), np.concatenate([times[part] for part in parts]), correlated, bool(told)
    )


def with_variables_of(other: xr.Dataset, data: xr.Dataset) -> xr.Dataset:
    """Curtains with what another model reads as well.

    Args:
        other: what `conform` gives for that model.
        data: the same for the first one.

    Raises:
        ModelError: they are not of the same gates.
    """
    for dim in ("height", "time"):
        ours, theirs = data[dim].values, other[dim].values
        if not np.array_equal(ours, theirs):
            raise ModelError(
                f"reads curtains of another {dim}: {len(theirs)} from {theirs[0]} to {theirs[-1]}, "
                f"the table {len(ours)} from {ours[0]} to {ours[-1]}"
            )
    return data.assign({name: field for name, field in other.items() if name not in data})


def reconstruct_all(
    models: Mapping[str, Model],
    data: xr.Dataset,
    sample: Sample,
    profiles: Profiles,
    measure: Callable[[xr.Dataset, xr.Dataset], T],
    *,
    members: int = 1,
    seed: int = 0,
    failures: dict[str, Exception] | None = None,
) -> dict[str, list[T]]:
    """Hands the reconstructions of each model to `measure`, some columns after the others.

    Args:
        models: name -> model; all fill the same blind zone.
        data: what `conform` gives for their samples.
        sample: of the first model.
        profiles: which columns.
        measure: takes a reconstruction and the data that hold its truth.
        members: of the ensemble of each stochastic model; others have one.
        seed: of what they draw.
        failures: takes the error of a model that fails, which is left out from there on, while the
            others go on. Without it, the error ends everything.

    Returns:
        Name -> what `measure` gave, in order of time, of the models that did not fail. Columns
        without any blind zone among them, in which there is nothing to measure, are left out.
    """
    parts = {name: [] for name in models}
    blind = blind_rows(data, sample) > 0
    most = max(members_of(model, members) for model in models.values())
    gates = most * data[sample.targets[0].name].sizes["height"]
    size = max(1, PIXELS_IN_MEMORY // (gates * BLOCK)) * BLOCK
    with progress_bar("reconstructing", len(profiles.times) * len(models), None) as count:
        for scored, seen in profiles.pieces(size):
            if not blind[seen][scored].any():
                count((scored.stop - scored.start) * len(models))
                continue
            piece = data.isel(time=seen).load()
            for name, model in models.items():
                if name in parts:
                    try:
                        made = predict(
                            model,
                            piece,
                            members=members_of(model, members),
                            seed=seed,
                            progress=False,
                        )
                        parts[name].append(measure(made.isel(time=scored), piece))
                    except Exception as error:
                        if failures is None:
                            raise
                        failures[name] = error
                        del parts[name]
                count(scored.stop - scored.start)
    return parts


def score_curtains(
    models: Mapping[str, Model],
    data: xr.Dataset,
    sample: Sample,
    profiles: Profiles,
    *,
    members: int = 1,
    seed: int = 0,
    failures: dict[str, Exception] | None = None,
) -> dict[str, xr.Dataset]:
    """Reconstructions of the same profiles, compared with what was observed.

    Args:
        models, data, sample, profiles, members, seed, failures: as in `reconstruct_all`.

    Returns:
        Name -> what `verify_curtain` returns of every block of columns, `profiles.apart` or more
        from start to start. An ensemble is scored by the median of its members; with a CRPS for
        every model where one of them has members.

    Raises:
        DataError: profiles of which none has a blind zone.
    """
    ensembles = [members_of(model, members) > 1 for model in models.values()]
    # Of all data: a part of them may be blind nowhere, which is no mistake.
    blind = blind_rows(data, sample)
    rows = np.concatenate([blind[part] for part in profiles.parts])
    if not rows.any():
        raise DataError(
            f"Nothing to score: none of the {len(rows):,} profiles from {profiles.times[0]:.19} to "
            f"{profiles.times[-1]:.19} has a blind zone. split=None takes all profiles; load(..., "
            "sample={'blind_zone': {'height': ...}}) makes it deeper."
        )
    options = {
        "variable": sample.targets[0].name,
        "scene": SCENE,
        "block": BLOCK,
        "by_block": True,
        "depth": int(np.bincount(rows[rows > 0]).argmax()),  # the same for all pieces
    }

    def measure(made: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
        return verify_curtain(made, truth, **options)

    parts = reconstruct_all(
        models, data, sample, profiles, measure, members=members, seed=seed, failures=failures
    )
    scores = {name: joined(_in_a_row(found), profiles.apart) for name, found in parts.items()}
    return {name: with_crps(found) if any(ensembles) else found for name, found in scores.items()}


def _in_a_row(parts: list[xr.Dataset]) -> xr.Dataset:
    # The period of a wave follows from the usual step, which pieces may see a little differently.
    same = {"coords": "minimal", "compat": "override", "join": "override"}
    return xr.concat(parts, "block", combine_attrs="override", **same)


def refuse_members_of_deterministic(models: Mapping[str, Model], members: int) -> None:
    """Raises `ModelError` for an ensemble that no model would make."""
    if members > 1 and all(members_of(model, members) == 1 for model in models.values()):
        raise ModelError(
            f"{', '.join(models)}: deterministic, the members would all be the same. A model that "
            f"draws at random says `model.stochastic = True`. Received: members={members}"
        )
