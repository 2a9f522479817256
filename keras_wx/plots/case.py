"""One case to be shown: forecasts from one init_time, with what was observed then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.data.units import same_units
from keras_wx.errors import DataError

Forecasts = xr.Dataset | Mapping[str, xr.Dataset]

FORECAST_DIMS = ("realization", "init_time", "lead_time")


@dataclass(frozen=True)
class Case:
    """Fields in memory, all with dims `(lead_time, y, x)` or `(lead_time, lat, lon)`.

    Attributes:
        init_time: when the forecasts start.
        forecasts: label -> field at the lead times; the label says where a field is a mean.
        observed: field at the lead times, after those of the past, whose lead time is at most 0;
            NaN where there is no observation. None without a truth.
    """

    init_time: np.datetime64
    forecasts: dict[str, xr.DataArray]
    observed: xr.DataArray | None

    @property
    def rows(self) -> dict[str, xr.DataArray]:
        """What is shown one above the other, the observation first."""
        observed = {} if self.observed is None else {"Observation": self.observed}
        return observed | self.forecasts

    @property
    def name(self) -> str:
        name = str(next(iter(self.forecasts.values())).name).replace("_", " ")
        return name[:1].upper() + name[1:]

    @property
    def units(self) -> str:
        return next(iter(self.forecasts.values())).attrs.get("units", "")


def select(
    forecast: Forecasts,
    truth: xr.Dataset | None,
    *,
    variable: str | None = None,
    init_time=None,
    lead_times: Sequence | None = None,
    at_most: int | None = None,
    past: int = 0,
    floor: float | None = None,
) -> Case:
    """Takes one case out of forecasts and truth, or says what they do not have.

    Args:
        forecast: what `predict` returns, or a mapping from a name to it. An ensemble is shown by
            its mean.
        truth: dims `(time, y, x)`; None for no observations.
        variable: which one, if the forecast has several.
        init_time: which one; by default the first that all forecasts have.
        lead_times: timedeltas, or numbers of minutes; by default all.
        at_most: how many of them, if none are named.
        past: how many observed frames up to init_time to add.
        floor: values below it count as it, those of a member before the mean is taken.
    """
    named = _named(forecast)
    fields = {name: _field(dataset, name, variable) for name, dataset in named.items()}
    first = next(iter(fields.values()))
    start = _start(fields.values(), init_time)
    leads = _thinned(first, at_most) if lead_times is None else as_leads(lead_times)
    taken = {name: _take(field, name, start, leads) for name, field in fields.items()}
    observed = None if truth is None else _observed(truth, taken, start, leads, past)
    if floor is not None:
        taken = {name: field.clip(min=floor) for name, field in taken.items()}
        observed = None if observed is None else observed.clip(min=floor)
    return Case(start, dict(_mean(name, field) for name, field in taken.items()), observed)


def _named(forecast: Forecasts) -> dict[str, xr.Dataset]:
    if isinstance(forecast, xr.Dataset):
        return {str(forecast.attrs.get("model", "Forecast")): forecast}
    if not forecast:
        raise DataError("Expected at least one forecast to show. Received: an empty mapping")
    return dict(forecast)


def _field(forecast: xr.Dataset, name: str, variable: str | None) -> xr.DataArray:
    candidates = [str(key) for key, field in forecast.data_vars.items() if field.ndim >= 2]
    if variable is None and len(candidates) == 1:
        variable = candidates[0]
    if variable not in candidates:
        raise DataError(
            f"Forecast {name!r} has the variables {candidates}. Name one by `variable=`. "
            f"Received: variable={variable!r}"
        )
    field = forecast[variable]
    for coordinate in ("init_time", "lead_time"):
        if coordinate not in field.coords:
            raise DataError(
                f"Forecast {name!r} has no {coordinate}. Expected: the dataset that "
                f"keras_wx.predict returns. Received: {variable!r} with dims {field.dims}"
            )
    if not np.issubdtype(field["lead_time"].dtype, np.timedelta64):
        raise DataError(
            f"lead_time of forecast {name!r} is not a length of time. Received: "
            f"{field['lead_time'].dtype}. Open a saved forecast with "
            "xarray.open_dataset(..., decode_timedelta=True)."
        )
    return field


def _start(fields: Iterable[xr.DataArray], init_time) -> np.datetime64:
    if init_time is None:
        # A model with a longer history starts later.
        first, *others = (np.atleast_1d(field["init_time"].values) for field in fields)
        shared = [start for start in first if all(start in other for other in others)]
        return (shared or first)[0]
    try:
        # `[()]` takes the time out of a DataArray, as of `forecast.init_time[3]`.
        return np.datetime64(pd.Timestamp(np.asarray(init_time)[()]), "ns")
    except (ValueError, TypeError):
        raise DataError(
            f"init_time: expected a time such as '2016-09-28T15:35', received {init_time!r}"
        ) from None


def _thinned(field: xr.DataArray, at_most: int | None) -> np.ndarray:
    """Every n-th lead time, counted from the last: of 15 every third, the last among them."""
    leads = np.atleast_1d(field["lead_time"].values)
    every = 1 if at_most is None else -(-len(leads) // at_most)
    return leads[::-1][::every][::-1]


def as_leads(lead_times: Sequence) -> np.ndarray:
    """Lead times as timedelta64, of timedeltas or numbers of minutes."""
    values = np.asarray(lead_times)
    unit = "min" if values.dtype.kind in "iuf" else None
    try:
        leads = pd.to_timedelta(values, unit=unit).to_numpy("timedelta64[ns]")
    except (ValueError, TypeError):
        leads = np.array([])
    if not leads.size:
        raise DataError(
            "lead_times: expected timedeltas such as '30min', or numbers of minutes, at least one. "
            f"Received: {lead_times!r}"
        )
    return leads


def _take(field: xr.DataArray, name: str, start: np.datetime64, leads: np.ndarray) -> xr.DataArray:
    for coordinate in ("init_time", "lead_time"):
        if coordinate not in field.dims:
            field = field.expand_dims(coordinate)
    if start not in field["init_time"].values:
        raise DataError(
            f"Forecast {name!r} has no init_time {pd.Timestamp(start)}. It has "
            f"{_listed(field['init_time'].values.astype('datetime64[m]'))}"
        )
    missing = leads[~np.isin(leads, field["lead_time"].values)]
    if missing.size:
        raise DataError(
            f"Forecast {name!r} has no lead time of {_minutes(missing)} min. It has "
            f"{_minutes(field['lead_time'].values)} min"
        )
    field = field.sel(init_time=start, lead_time=leads).load()
    if field.ndim - ("realization" in field.dims) != 3:
        raise DataError(
            f"A forecast to be shown has two dims beside realization, init_time and lead_time. "
            f"Received: {name!r} with dims {field.dims}"
        )
    return field.transpose(..., "lead_time", *(d for d in field.dims if d not in FORECAST_DIMS))


def _mean(name: str, field: xr.DataArray) -> tuple[str, xr.DataArray]:
    """A member by itself; of several the mean, and a label that says so."""
    members = field.sizes.get("realization", 1)
    if "realization" in field.dims:
        field = field.mean("realization", skipna=False, keep_attrs=True)
    return name if members == 1 else f"{name}\nmean of {members} members", field


def _observed(
    truth: xr.Dataset,
    forecasts: dict[str, xr.DataArray],
    start: np.datetime64,
    leads: np.ndarray,
    past: int,
) -> xr.DataArray:
    forecast = next(iter(forecasts.values()))
    if forecast.name not in truth.data_vars or "time" not in truth[forecast.name].dims:
        raise DataError(
            f"The truth has no variable {forecast.name!r} with times. "
            f"Received: {sorted(map(str, truth.data_vars))}"
        )
    field = truth[forecast.name]
    for name, other in forecasts.items():
        units = other.attrs.get("units", ""), field.attrs.get("units", "")
        if not same_units(*units):
            raise DataError(
                f"Forecast {name!r} is in {units[0]!r}, the truth in {units[1]!r}: one colour "
                "scale cannot show both. Convert one of them first."
            )
    times = field["time"].values
    before = np.sort(times[times <= start])[-past:] if past else times[:0]
    wanted = np.concatenate([before, start + leads])
    return (
        field.isel(time=np.isin(times, wanted))
        .load()
        .reindex(time=wanted)
        .assign_coords(time=wanted - start)
        .rename(time="lead_time")
        .transpose("lead_time", ...)
    )


def _listed(values: np.ndarray) -> str:
    texts = [str(value) for value in values]
    return ", ".join(texts if len(texts) <= 6 else [*texts[:3], "...", *texts[-3:]])


def _minutes(leads: np.ndarray) -> str:
    return _listed([f"{lead / np.timedelta64(1, 'm'):g}" for lead in leads])
