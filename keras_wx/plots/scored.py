"""What is drawn of scores: by model, by threshold, at chosen lead times, or why it is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.plots.case import as_leads
from keras_wx.plots.style import pretty_units

Scores = xr.Dataset | Mapping[str, xr.Dataset]


def by_model(scores: Scores) -> dict[str, xr.Dataset]:
    """Name -> scores, of one model or of several."""
    if isinstance(scores, xr.Dataset):
        scores = {str(scores.attrs.get("model", "forecast")): scores}
    if not scores:
        raise DataError("Expected the scores of at least one model. Received: an empty mapping")
    return dict(scores)


def require(models: Mapping[str, xr.Dataset], *names: str, hint: str = "") -> None:
    """Raises `DataError` where scores lack what is to be drawn, with a hint at who gives it."""
    for model, dataset in models.items():
        for name in names:
            if name not in dataset.data_vars:
                raise DataError(
                    f"The scores of {model!r} have no {name!r}. Expected one of "
                    f"{sorted(map(str, dataset.data_vars))}{hint}"
                )


def require_dims(models: Mapping[str, xr.Dataset], name: str, *dims: str) -> None:
    """Raises `DataError` where a score has other dims than those that are drawn."""
    for model, dataset in models.items():
        if set(dataset[name].dims) != set(dims):
            raise DataError(
                f"Expected {name!r} with dims {dims}. The scores of {model!r} have it with "
                f"{dataset[name].dims}; keras_wx.verification.pool takes start times and members "
                "together, .sel chooses among the others."
            )


def by_group(models: Mapping[str, xr.Dataset], name: str, *own: str) -> dict[str, dict]:
    """Title of a panel -> what to select from the scores of each model, for `.sel`.

    A panel is a value of the one dim that a score has beside its `own`, such as a season; there is
    a single one without title where it has none.

    Raises:
        DataError: a score with several such dims, or models that do not share its values.
    """
    first = next(iter(models.values()))[name]
    dims = [str(dim) for dim in first.dims if dim not in own]
    for model, dataset in models.items():
        found = dataset[name]
        if len(dims) > 1 or set(found.dims) != set(first.dims):
            raise DataError(
                f"Expected {name!r} with dims {own} and at most one more, such as season. The "
                f"scores of {model!r} have it with {found.dims}; .sel chooses among the others."
            )
        if dims and not np.isin(first[dims[0]].values, found[dims[0]].values).all():
            raise DataError(
                f"Expected scores of the same {dims[0]}: {first[dims[0]].values.tolist()}. "
                f"Those of {model!r} have {found[dims[0]].values.tolist()}"
            )
    if not dims:
        return {"": {}}
    return {str(label): {dims[0]: label} for label in first[dims[0]].values}


def by_threshold(
    models: Mapping[str, xr.Dataset | xr.DataArray], thresholds: Sequence[float] | float | None
) -> dict[str, dict]:
    """Title of a panel -> what to select from the scores of each model, for `.sel`.

    Args:
        models: scores with a coordinate `threshold`.
        thresholds: the wanted ones; None takes those of the first model.

    Raises:
        DataError: a threshold that a model does not have.
    """
    first = next(iter(models.values()))
    wanted = first["threshold"].values if thresholds is None else np.atleast_1d(thresholds)
    for name, found in models.items():
        known = found["threshold"].values
        if not len(wanted) or not np.isin(wanted, known).all():
            raise DataError(
                f"thresholds: expected some of those that {name!r} has, {known.tolist()}. "
                f"Received: {wanted.tolist()}"
            )
    units = pretty_units(first["threshold"].attrs.get("units", ""))
    return {f"≥ {value:g} {units}".rstrip(): {"threshold": value} for value in wanted}


def chosen_leads(
    models: Mapping[str, xr.Dataset], lead_times: Sequence | None, most: int | None
) -> np.ndarray:
    """Lead times to show, timedelta64.

    Args:
        models: scores with a coordinate `lead_time`.
        lead_times: the wanted ones, timedeltas or numbers of minutes; None takes those of the first
            model.
        most: how many of them, the first and the last included; None takes all.

    Raises:
        DataError: a lead time that a model does not have.
    """
    known = next(iter(models.values()))["lead_time"].values
    if lead_times is None:
        count = min(most or len(known), len(known))
        return known[np.linspace(0, len(known) - 1, count).round().astype(int)]
    wanted = as_leads(lead_times)
    for name, found in models.items():
        if not np.isin(wanted, found["lead_time"].values).all():
            known, asked = (t / np.timedelta64(1, "m") for t in (found["lead_time"].values, wanted))
            raise DataError(
                f"lead_times: expected some of those that {name!r} has, {known.tolist()} min. "
                f"Received: {asked.tolist()} min"
            )
    return wanted
