"""How alike two domains are, before a network learns on one and works on the other."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import wasserstein_distance

from keras_wx.data.frames import FrameStore
from keras_wx.data.units import same_units
from keras_wx.errors import DataError
from keras_wx.transforms import IDENTITY

BINS = 2**16
"""Classes of the pooled distributions, whose distance is exact to 1 / BINS."""
SHOWN_BINS = 128
"""Classes of the densities that are given."""

_CACHE_BYTES = 256 * 2**20
_VERDICTS = (
    (1.0, "similar: two days of the first domain differ at least as much from each other"),
    (2.0, "alike in part: fine-tune on the second domain, and check the tails of the distribution"),
    (np.inf, "different: what is learnt on one domain is not expected to hold on the other"),
)
"""Largest ratio of the distance between domains to that between days of one -> what it means."""


def domain_similarity(
    first: xr.DataArray, second: xr.DataArray, *, floor: float | None = 1e-6
) -> xr.Dataset:
    """Wasserstein distances between two domains, day by day and of all days together.

    Values are taken as `log10(max(x, floor))` and mapped to [0, 1] by the extrema of both domains
    together, so that a distance is a share of their joint range. The yardstick is the distance of
    each day of the first domain to another of its own, half the record later: what two days differ
    by anyway.

    Args:
        first: dims `(time, y, x)`, such as the fine field of a pair; read block by block.
        second: the same in the same units, on any grid. Times are those that both have.
        floor: least value before the logarithm; None takes no logarithm.

    Returns:
        `distance` (time) between the domains, `distance_within` (time) between days of the first,
        `pooled_distance`, and `density` (domain, value) of each domain on [0, 1]. As attributes:
        `low` and `high` of the joint range, `mean`, `median`, `p10` and `p90` of `distance`,
        `ratio` of its mean to that of `distance_within`, and a `verdict` in words.

    Raises:
        DataError: for units that differ, no time in common, no valid value, a constant, or negative
            values of which a logarithm is to be taken.

    References:
        Xiang et al. 2025, arXiv:2512.05139: between MERRA-2 and G5NR a mean of 0.0282 and 0.0080
        pooled in area A0, 0.0237 and 0.0151 in A1.
        Villani 2009, Optimal Transport, definition 6.1.

    Example:

    ```python
    found = keras_wx.data.domain_similarity(
        pair["dust_optical_depth"], pair["coarse_dust_optical_depth"]
    )
    print(found.attrs["verdict"])
    ```
    """
    domains = [_Domain(field, floor) for field in _at_common_times(first, second)]
    times = domains[0].times
    low, high = _joint_range(domains)
    counts = np.zeros((2, BINS))
    between, within = np.empty(len(times)), np.empty(len(times))
    half = len(times) // 2
    for number in range(len(times)):
        here, there = ((domain.values(number) - low) / (high - low) for domain in domains)
        for row, values in zip(counts, (here, there), strict=True):
            row += np.histogram(values, BINS, (0.0, 1.0))[0]
        other = (domains[0].values((number + half) % len(times)) - low) / (high - low)
        between[number] = _distance(here, there)
        within[number] = _distance(here, other) if half else np.nan
    shares = counts / counts.sum(axis=1, keepdims=True)
    pooled = abs(np.cumsum(shares[0] - shares[1])).sum() / BINS
    density = shares.reshape(2, SHOWN_BINS, -1).sum(axis=-1) * SHOWN_BINS
    dimensionless = {"units": "1"}
    return xr.Dataset(
        {
            "distance": ("time", between, dimensionless),
            "distance_within": ("time", within, dimensionless),
            "pooled_distance": ((), pooled, dimensionless),
            "density": (("domain", "value"), density, dimensionless),
        },
        coords={
            "time": times,
            "domain": [str(domain.name) for domain in domains],
            "value": ("value", (np.arange(SHOWN_BINS) + 0.5) / SHOWN_BINS, dimensionless),
        },
        attrs=_summary(between, within) | {"low": low, "high": high},
    )


class _Domain:
    """The valid values of a field, a time at a time, as they are compared."""

    def __init__(self, field: xr.DataArray, floor: float | None):
        self.name, self.times = field.name, field["time"].values
        self._floor = floor
        self._store = FrameStore(field.transpose("time", ...), IDENTITY, cache_bytes=_CACHE_BYTES)

    def values(self, number: int) -> np.ndarray:
        values = self._store.read(number, number + 1).ravel().astype("float64")
        values = values[~np.isnan(values)]
        if self._floor is None:
            return values
        if (values < -self._floor).any():
            raise DataError(
                f"Field {self.name!r} has {values.min():g} at {self.times[number]:.19}, and the "
                "logarithm is to be taken. floor=None takes none; field.clip(min=0) makes negative "
                "values 0, where they are noise."
            )
        return np.log10(np.maximum(values, self._floor))


def _at_common_times(first: xr.DataArray, second: xr.DataArray) -> tuple[xr.DataArray, ...]:
    units = [str(field.attrs.get("units", "")) for field in (first, second)]
    if not same_units(*units):
        raise DataError(
            f"Expected fields in the same units. Received: {first.name!r} in {units[0]!r}, "
            f"{second.name!r} in {units[1]!r}"
        )
    _, *places = np.intersect1d(first["time"].values, second["time"].values, return_indices=True)
    if not len(places[0]):
        raise DataError(f"{first.name!r} and {second.name!r} have no time in common.")
    return first.isel(time=places[0]), second.isel(time=places[1])


def _joint_range(domains: list[_Domain]) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for domain in domains:
        found = False
        for number in range(len(domain.times)):
            values = domain.values(number)
            if values.size:
                low, high, found = min(low, values.min()), max(high, values.max()), True
        if not found:
            raise DataError(f"Field {domain.name!r} has no valid value.")
    if not low < high:
        raise DataError(f"Both domains are {low:g} everywhere: there is no range to compare.")
    return float(low), float(high)


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return wasserstein_distance(first, second) if first.size and second.size else np.nan


def _summary(between: np.ndarray, within: np.ndarray) -> dict[str, float | str]:
    known = between[~np.isnan(between)]
    if not known.size:
        raise DataError("At no time do both domains have valid values.")
    numbers = {
        "mean": known.mean(),
        "median": np.median(known),
        "p10": np.quantile(known, 0.1),
        "p90": np.quantile(known, 0.9),
    }
    numbers = {name: float(number) for name, number in numbers.items()}
    yardstick = within[~np.isnan(within)]
    if not yardstick.size or not yardstick.mean() > 0:
        return numbers | {"verdict": "one day, or days that are all alike, are no yardstick"}
    ratio = float(known.mean() / yardstick.mean())
    meaning = next(text for limit, text in _VERDICTS if ratio <= limit)
    return numbers | {
        "ratio": ratio,
        "verdict": (
            f"{meaning} (mean distance {numbers['mean']:.4f} of the joint range, {ratio:.2g} times "
            "that between days of the first domain)"
        ),
    }
