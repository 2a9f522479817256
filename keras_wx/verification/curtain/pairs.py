"""Reconstruction and truth brought together, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.data.conform import require_dataset
from keras_wx.data.curtain.rows import in_metres
from keras_wx.data.sentinels import refuse_sentinels
from keras_wx.data.units import is_reflectivity
from keras_wx.errors import DataError
from keras_wx.inference.summary import middle

_HEIGHT_TOLERANCE = 0.01
"""Of the gate spacing."""

_LONGEST_STEP = 1.5
"""Of the usual one: a longer step is a gap in time."""


@dataclass(frozen=True)
class Columns:
    """Neighbouring columns without a gap between them, in memory; heights ascend.

    Attributes:
        members: `(realization, time, height)` in dBZ, no less than the lowest number.
        centre: `(time, height)`, their mean or median.
        truth: `(time, height)`; NaN where it is missing.
        mask: `(time, height)`, what the model saw: 1 in the hole, a ramp above it.
    """

    members: np.ndarray
    centre: np.ndarray
    truth: np.ndarray
    mask: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Gates that can be compared, `(time, height)`."""
        return ~(np.isnan(self.centre) | np.isnan(self.truth))

    @property
    def hole(self) -> np.ndarray:
        """Gates that were not measured at all, `(time, height)`."""
        return self.mask >= 1


@dataclass(frozen=True)
class CurtainPair:
    """A reconstruction, and where its truth lies. Neither needs to be in memory.

    Attributes:
        forecast: dims `time`, `height` and possibly `realization`, coordinate `blind_zone`.
        truth: dims `time` and `height`.
        position: of each column in the truth's time, -1 where the truth does not have it.
        low: dBZ that means "no echo"; what is below counts as it.
        by: how the members of an ensemble become one curtain.
    """

    forecast: xr.DataArray
    truth: xr.DataArray
    position: np.ndarray
    low: float
    by: Literal["mean", "median"]

    @property
    def heights(self) -> np.ndarray:
        """In metres, ascending."""
        return np.sort(in_metres(self.forecast["height"]))

    @property
    def times(self) -> np.ndarray:
        return self.forecast["time"].values

    @property
    def step_seconds(self) -> float:
        """Usual time between columns; NaN of a single one."""
        steps = np.diff(self.times) / np.timedelta64(1, "s")
        return float(np.median(steps)) if steps.size else np.nan

    def depth(self) -> int:
        """Number of gates that most holes have."""
        gates = (self.forecast["blind_zone"] >= 1).sum("height").values
        counts = np.bincount(gates)
        counts[0] = 0  # columns without a hole
        return int(counts.argmax())

    def blocks(self, columns: int) -> Iterator[tuple[int, Columns]]:
        """First column and content of each block of so many columns.

        A gap in time begins a new block; the last one before it may be shorter.
        """
        steps = np.diff(self.times)
        gaps = np.flatnonzero(steps > _LONGEST_STEP * np.median(steps)) + 1 if steps.size else []
        edges = [0, *gaps, len(self.times)]
        for begin, end in pairwise(edges):
            for start in range(begin, end, columns):
                yield int(start), self._read(slice(start, min(start + columns, end)))

    def _read(self, columns: slice) -> Columns:
        forecast = _upward(self.forecast.isel(time=columns).load())
        if "realization" not in forecast.dims:
            forecast = forecast.expand_dims("realization")
        members = forecast.transpose("realization", "time", "height").values
        mask = forecast["blind_zone"].transpose("time", "height").values

        position = self.position[columns]
        known = position >= 0
        truth = np.full(mask.shape, np.nan, np.float32)
        if known.any():
            read = _upward(self.truth.isel(time=position[known]).load())
            truth[known] = read.transpose("time", "height").values
            refuse_sentinels(self.truth.name, truth, self.times[columns])
        members = np.maximum(members.astype(np.float32, copy=False), self.low)
        truth = np.maximum(truth, self.low)
        centre = middle(members) if self.by == "median" else members.mean(axis=0)
        return Columns(members, centre, truth, mask)


def _upward(field: xr.DataArray) -> xr.DataArray:
    # Not by sortby alone: it copies every member of what is in order.
    in_order = field.indexes["height"].is_monotonic_increasing
    return field if in_order else field.sortby("height")


def match(
    reconstruction: xr.Dataset,
    truth: xr.Dataset,
    variable: str,
    low: float,
    by: Literal["mean", "median"],
) -> CurtainPair:
    """Finds the truth of each column, or says why the two cannot be compared."""
    require_dataset("reconstruction", reconstruction)
    require_dataset("truth", truth)
    fields = []
    for name, dataset in (("reconstruction", reconstruction), ("truth", truth)):
        if variable not in dataset.data_vars:
            raise DataError(
                f"The {name} has no variable {variable!r}. Received: {sorted(dataset.data_vars)}"
            )
        field = dataset[variable]
        if set(field.dims) - ({"realization"} if name == "reconstruction" else set()) != {
            "time",
            "height",
        }:
            raise DataError(
                f"The {name}'s {variable!r} is no curtain. Expected: dims time and height. "
                f"Received: {field.dims}"
            )
        if not is_reflectivity(field.attrs.get("units", "")):
            raise DataError(
                f"Curtains are verified in dBZ. Received: the {name}'s {variable!r} in "
                f"{field.attrs.get('units')!r}; keras_wx.data.conform(..., convert_units=True) "
                "converts it."
            )
        if not field.sizes["time"]:
            raise DataError(f"The {name} has no columns. Expected one at least.")
        fields.append(field)
    forecast, observed = fields
    if "blind_zone" not in forecast.coords:
        raise DataError(
            "The reconstruction does not say where its blind zone is. Expected: the dataset that "
            "keras_wx.predict returns, with the coordinate blind_zone (time, height). "
            f"Received: {sorted(map(str, forecast.coords))}"
        )
    mask = forecast["blind_zone"]
    if set(mask.dims) != {"time", "height"} or not (mask >= 1).any():
        raise DataError(
            "blind_zone: expected dims time and height, and 1 in the gates that were not measured. "
            f"Received: dims {mask.dims}, highest number {float(mask.max()):g}"
        )
    _check_heights(forecast, observed)
    return CurtainPair(forecast, observed, _positions(forecast, observed), low, by)


def _check_heights(forecast: xr.DataArray, truth: xr.DataArray) -> None:
    ours, theirs = (np.sort(in_metres(field["height"])) for field in (forecast, truth))
    spacing = np.diff(ours).min() if ours.size > 1 else np.abs(ours).max()
    if ours.size != theirs.size or np.abs(ours - theirs).max() > _HEIGHT_TOLERANCE * spacing:
        raise DataError(
            "Reconstruction and truth have different heights. "
            f"Reconstruction: {_span(ours)}. Truth: {_span(theirs)}. "
            "keras_wx.data.conform(truth, model.preset.sample, regrid=True) puts the truth on the "
            "model's."
        )


def _positions(forecast: xr.DataArray, truth: xr.DataArray) -> np.ndarray:
    sides = {"reconstruction": forecast["time"], "truth": truth["time"]}
    for name, time in sides.items():
        if not np.issubdtype(time.dtype, np.datetime64):
            raise DataError(
                f"The times of the {name}: expected datetime64. Received: {time.dtype}. "
                "dataset.convert_calendar('standard') changes the calendar."
            )
    ours, theirs = (pd.DatetimeIndex(time.values) for time in sides.values())
    for name, times in (("reconstruction", ours), ("truth", theirs)):
        if not (times.is_monotonic_increasing and times.is_unique):
            raise DataError(
                f"The times of the {name} do not increase from column to column. "
                "dataset.sortby('time').drop_duplicates('time') puts them in order."
            )
    position = theirs.get_indexer(ours)
    if not (position >= 0).any():
        raise DataError(
            "No column of the reconstruction is among the truth's. "
            f"Reconstruction: {ours[0]} to {ours[-1]}. Truth: {theirs[0]} to {theirs[-1]}."
        )
    return position


def _span(heights: np.ndarray) -> str:
    return f"{heights.size} gates from {heights[0]:g} to {heights[-1]:g} m"
