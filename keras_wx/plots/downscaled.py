"""`downscaled`: a coarse field, what a model makes of it, and the truth."""

from __future__ import annotations

from os import PathLike

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from keras_wx.data.units import same_units
from keras_wx.errors import DataError
from keras_wx.plots.layout import finish, panels
from keras_wx.plots.panel import add_color_bar, add_scale_bar, draw
from keras_wx.plots.style import ColorScale, utc


def downscaled(
    forecast: xr.Dataset,
    truth: xr.Dataset,
    *,
    coarse: str | None = None,
    time=None,
    members: int = 3,
    variable: str | None = None,
    path: str | PathLike | None = None,
) -> Figure:
    """Shows one time: the coarse field, the mean of the members, some of them, and the truth.

    All panels have one colour scale. A mean is smoother than the truth; a member is not to be.

    Args:
        forecast: what `keras_wx.predict` returns of a downscaling model: dims `([realization,]
            time, y, x)`.
        truth: the same variable without `realization`; it may hold the coarse field too.
        coarse: the variable of the truth that is the coarse field, on a grid of its own; by default
            none is shown.
        time: which one; by default the first of the forecast that the truth has.
        members: how many of them to show.
        variable: which one, if the forecast has several.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: a time or variable that is not there, or units that differ.

    Example:

    >>> downscaled(fine, pair, coarse="coarse_air", time="2014-12-24", path="case.png")
    """
    variable = _variable(forecast, variable)
    chosen = _time(forecast, truth, time)
    fields = {} if coarse is None else {"Coarse": _at(truth, coarse, chosen, "truth")}
    drawn = _at(forecast, variable, chosen, "forecast")
    if "realization" in drawn.dims and drawn.sizes["realization"] > 1:
        mean = drawn.mean("realization", skipna=False, keep_attrs=True)
        fields[f"Mean of {drawn.sizes['realization']} members"] = mean
        for number in range(min(members, drawn.sizes["realization"])):
            fields[f"Member {number + 1}"] = drawn.isel(realization=number)
    else:
        fields["Forecast"] = drawn.squeeze("realization") if drawn.ndim == 3 else drawn
    fields["Truth"] = _at(truth, variable, chosen, "truth")
    units = drawn.attrs.get("units", "")
    for name, field in fields.items():
        if not same_units(units, field.attrs.get("units", "")):
            raise DataError(
                f"The forecast is in {units!r}, {name.lower()} in {field.attrs.get('units')!r}: "
                "one colour scale cannot show both. Convert one of them first."
            )
    name = variable.replace("_", " ")
    colors = ColorScale.of(name.capitalize(), units, [field.values for field in fields.values()])
    figure, grid = panels(len(fields))
    for axes, (title, field) in zip(grid, fields.items(), strict=True):
        image = draw(axes, field, colors)
        axes.set_title(title, fontsize="medium")
    add_scale_bar(grid[-1], fields["Truth"])
    add_color_bar(figure, image, grid, colors)
    figure.suptitle(f"{name.capitalize()}, {utc(chosen)}")
    return finish(figure, path)


def _variable(forecast: xr.Dataset, variable: str | None) -> str:
    candidates = [str(name) for name, field in forecast.data_vars.items() if field.ndim >= 2]
    if variable is None and len(candidates) == 1:
        return candidates[0]
    if variable not in candidates:
        raise DataError(
            f"The forecast has the variables {candidates}. Name one by `variable=`. "
            f"Received: variable={variable!r}"
        )
    return variable


def _time(forecast: xr.Dataset, truth: xr.Dataset, time) -> np.datetime64:
    shared = np.intersect1d(forecast["time"].values, truth["time"].values)
    if time is None and shared.size:
        return shared[0]
    if time is not None and np.isin(np.datetime64(time, "ns"), shared):
        return np.datetime64(time, "ns")
    raise DataError(
        f"time: expected one that forecast and truth have, {shared.size} in all"
        + (f" from {shared[0]} to {shared[-1]}" if shared.size else "")
        + f". Received: {time!r}"
    )


def _at(dataset: xr.Dataset, name: str, time: np.datetime64, whose: str) -> xr.DataArray:
    if name not in dataset.data_vars:
        raise DataError(
            f"The {whose} has no variable {name!r}. Received: {sorted(map(str, dataset.data_vars))}"
        )
    return dataset[name].sel(time=time).load()
