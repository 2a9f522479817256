"""What is scored together: the frames of a season, the pixels of an area."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from keras_wx.data.downscale.groups import SEASONS, groups_of
from keras_wx.errors import DataError

_CALENDAR = ("season", "month")


@dataclass(frozen=True)
class Groups:
    """Frames by a property of their time, and pixels by area.

    Attributes:
        dim: what frames are told apart by; None takes all together.
        labels: of the groups of frames, `(group,)`.
        codes: the group of each frame, `(time,)`.
        areas: names of the areas; None where they are not told apart.
        masks: the pixels of each area, `(area, y, x)`; None where there is one that has them all.
    """

    dim: str | None
    labels: np.ndarray
    codes: np.ndarray
    areas: list[str] | None
    masks: np.ndarray | None

    def add(self, sums: xr.Dataset) -> xr.Dataset:
        """Adds what frames have, dim `time`, over those of each group."""
        order = np.argsort(self.codes, kind="stable")
        starts = np.searchsorted(self.codes[order], np.arange(len(self.labels)))
        added = xr.apply_ufunc(
            lambda values: np.add.reduceat(values[..., order], starts, axis=-1),
            sums.drop_vars("time", errors="ignore"),
            input_core_dims=[["time"]],
            output_core_dims=[["group"]],
        )
        return self.labelled(added)

    def labelled(self, scores: xr.Dataset) -> xr.Dataset:
        """Scores with dim `group` by the name that it has here; without, where there is one."""
        if self.dim is None:
            return scores.isel(group=0)
        return scores.rename(group=self.dim).assign_coords({self.dim: (self.dim, self.labels)})


def groups_by(
    by: str | Iterable[str] | None,
    forecast: xr.Dataset,
    truth: xr.Dataset,
    grid: tuple[str, str],
) -> Groups:
    """The groups that a caller asks for, or why there are none such.

    Args:
        by: "season", "month", "time" or a coordinate of the forecast along its times; "area",
            alone or with one of them.
        forecast: with dim `time`.
        truth: whose area counts where the forecast does not say any.
        grid: the two dims of the grid.
    """
    kinds = [by] if isinstance(by, str) else list(by or ())
    along_time = [kind for kind in kinds if kind != "area"]
    if len(along_time) > 1:
        raise DataError(
            f"by: expected one property of the times, and 'area'. Received: {along_time}"
        )
    dim = along_time[0] if along_time else None
    labels, codes = _frames(dim, forecast)
    areas = masks = None
    if "area" in kinds:
        areas, masks = _areas(forecast, truth, grid)
    return Groups(dim, labels, codes, areas, masks)


def _frames(dim: str | None, forecast: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    times = forecast["time"].values
    if dim is None:
        return np.array([""]), np.zeros(times.size, int)
    if dim in _CALENDAR:
        values = groups_of([dim], times)
    elif dim in forecast.coords and forecast[dim].dims == ("time",):
        values = forecast[dim].values
    else:
        known = [str(n) for n, c in forecast.coords.items() if c.dims == ("time",)]
        raise DataError(
            f"by: expected some of {[*_CALENDAR, 'area', *known]}: a calendar, or a coordinate of "
            f"the forecast along its times. Received: {dim!r}"
        )
    labels, codes = np.unique(values, return_inverse=True)
    if dim == "season":
        rank = np.array([SEASONS.index(label) for label in labels])
        order = np.argsort(rank)
        return labels[order], np.argsort(order)[codes]
    return labels, codes


def _areas(
    forecast: xr.Dataset, truth: xr.Dataset, grid: tuple[str, str]
) -> tuple[list[str], np.ndarray | None]:
    for dataset in (forecast, truth):
        if "area" in dataset.coords and set(dataset["area"].dims) == set(grid):
            names = dataset["area"].transpose(*grid).values.astype(str)
            known = [name for name in np.unique(names) if name not in ("", "nan", "None")]
            if not known:
                raise DataError(
                    "by='area': expected names of areas in the coordinate 'area'. Received: none "
                    "at any pixel"
                )
            return known, np.stack([names == name for name in known])
        if "area" in dataset.attrs:
            return [str(dataset.attrs["area"])], None
    raise DataError(
        "by='area': neither forecast nor truth says its area. dataset.attrs['area'] = 'A0' says it "
        f"of the whole; a coordinate 'area' with dims {grid} names that of each pixel."
    )
