"""An ensemble in a few fields: mean, spread, quantiles, probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr

from keras_wx.errors import DataError

QUANTILES = (0.05, 0.5, 0.95)


class Statistics(NamedTuple):
    """What is wanted of the values that a gate or pixel may have, beside mean and deviation."""

    quantiles: tuple[float, ...] = QUANTILES
    thresholds: tuple[float, ...] = ()

    @classmethod
    def of(cls, quantiles: Iterable[float] | None, thresholds: Iterable[float] | None):
        """Statistics that are asked for; None takes those that are usual.

        Raises:
            DataError: a quantile outside `[0, 1]`.
        """
        given = {"quantiles": quantiles, "thresholds": thresholds}
        wanted = cls(**{key: tuple(levels) for key, levels in given.items() if levels is not None})
        outside = [q for q in wanted.quantiles if not 0 <= q <= 1]
        if outside:
            raise DataError(f"quantiles: expected numbers from 0 to 1. Received: {outside}")
        return wanted


def summarise(
    ensemble: xr.Dataset,
    *,
    quantiles: Iterable[float] = QUANTILES,
    thresholds: Iterable[float] = (),
) -> xr.Dataset:
    """Mean, standard deviation, quantiles and exceedance probabilities of an ensemble.

    Args:
        ensemble: what `keras_wx.predict(..., members=n)` gives, dims `(realization, ...)`.
        quantiles: from 0 to 1, by linear interpolation between the members.
        thresholds: in the units of the variables. An event is a value at or above one.

    Returns:
        For every variable of the ensemble `<name>_mean`, `<name>_std` (of the sample, `ddof=1`),
        `<name>_quantile` with the dim `quantile` and, if there are thresholds,
        `<name>_probability` with the dim `threshold`; missing where the members are.

    Raises:
        DataError: no dim `realization`, fewer than two members, or a quantile outside `[0, 1]`.

    Example:

    ```python
    ensemble = keras_wx.predict(model, curtain, members=50)
    keras_wx.summarise(ensemble, thresholds=(-20, 0)).reflectivity_probability
    ```
    """
    quantiles, thresholds = map(list, Statistics.of(quantiles, thresholds))
    members = ensemble.sizes.get("realization", 1)
    if members < 2:
        raise DataError(
            "ensemble: expected a dim 'realization' of two members or more, as "
            f"keras_wx.predict(..., members=50) gives it. Received: {dict(ensemble.sizes)}"
        )
    found = {}
    for name, field in ensemble.data_vars.items():
        if "realization" not in field.dims:
            found[name] = field
            continue
        if field.chunks is not None:
            field = field.chunk(realization=-1)
        over = {"dim": "realization", "skipna": False, "keep_attrs": True}
        found[f"{name}_mean"] = field.mean(**over)
        found[f"{name}_std"] = field.std(ddof=1, **over)
        if quantiles:
            found[f"{name}_quantile"] = field.quantile(quantiles, **over).astype(field.dtype)
        if thresholds:
            found[f"{name}_probability"] = _probability(field, thresholds)
    summary = xr.Dataset(found, attrs=ensemble.attrs).drop_vars("realization", errors="ignore")
    return summary.assign_attrs(members=members)


def _probability(field: xr.DataArray, thresholds: list[float]) -> xr.DataArray:
    levels = xr.DataArray(
        thresholds, dims="threshold", attrs={"units": field.attrs.get("units", "")}
    ).assign_coords(threshold=thresholds)
    known = field.isel(realization=0, drop=True).notnull()
    share = (field >= levels).mean("realization").where(known).astype(np.float32)
    return share.transpose("threshold", ...).assign_attrs(
        units="1", long_name=f"share of members at or above the threshold, {field.name}"
    )


def middle(members: np.ndarray) -> np.ndarray:
    """The curtain that stands for an ensemble of them, in pictures and in tables alike.

    It is the median at each gate, which has cloud where half of the members have some. Their mean
    has some wherever one of them does, of a reflectivity that none of them has.

    Args:
        members: dBZ, `(realization, ...)`, the same number for all that is no echo.

    Returns:
        `(...)`, missing where one of them is.
    """
    return np.median(members, axis=0)
