"""What the members of an ensemble say together: CRPS, spread, ranks, probabilities."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.verification.scale import RAIN_RATE, Scale

FRAMES = ("init_time", "lead_time")


def score_members(
    members: xr.DataArray,
    truth: xr.DataArray,
    scale: Scale,
    probability_bins: int,
) -> xr.Dataset:
    """Scores of each frame of an ensemble, and the counts that others follow from.

    Args:
        members: dims `realization, init_time, lead_time` and the grid; two members or more.
        truth: the same without `realization`. A pixel that is NaN here or in any member is left
            out.
        scale: thresholds, if any, and how to get what they apply to.
        probability_bins: number of bins of forecast probability.

    Returns:
        `crps`, `crps_fair`, `ensemble_variance` by frame; `rank_histogram` by rank; `brier` by
        threshold; `forecast_count`, `observed_count`, `probability_sum` by threshold and
        `probability_bin`. Without thresholds, no probabilities.
    """
    shape = truth.shape[:2]
    frames = shape[0] * shape[1]
    x = members.values.reshape(members.shape[0], frames, -1)
    y = truth.values.reshape(frames, -1)
    valid = ~np.isnan(y) & ~np.isnan(x).any(axis=0)
    # Left out means here: members and truth all the same, which adds 0 to every sum below.
    x, y = np.where(valid, x, 0), np.where(valid, y, 0)
    pixels = valid.sum(axis=1)

    found = dict(zip(("crps", "crps_fair"), _crps(x, y), strict=True))
    found["ensemble_variance"] = x.var(axis=0, ddof=1, dtype=float).sum(axis=1)
    with np.errstate(invalid="ignore"):  # a frame of which nothing is left
        means = {name: total / pixels for name, total in found.items()}
    scores = xr.Dataset({name: (FRAMES, mean.reshape(shape)) for name, mean in means.items()})
    scores["rank_histogram"] = ((*FRAMES, "rank"), _ranks(x, y).reshape(*shape, -1))
    scores = scores.assign_coords(
        rank=("rank", np.arange(len(x) + 1), {"long_name": "members below the truth"})
    )
    if not scale.thresholds:
        return scores.transpose("rank", ...)

    if scale.threshold_units == RAIN_RATE:
        x, y = scale.rain_rate(x), scale.rain_rate(y)
    tables = [
        _probabilities(x >= threshold, y >= threshold, valid, probability_bins)
        for threshold in scale.thresholds
    ]
    by_threshold = (*FRAMES, "threshold")
    for name in tables[0]:
        values = np.stack([table[name] for table in tables], axis=1).reshape(
            *shape, len(tables), *tables[0][name].shape[1:]
        )
        dims = by_threshold if name == "brier" else (*by_threshold, "probability_bin")
        scores[name] = (dims, values)
    edges = np.linspace(0, 1, probability_bins + 1)
    return scores.assign_coords(
        probability_bin=(
            "probability_bin",
            (edges[:-1] + edges[1:]) / 2,
            {"units": "1", "long_name": "middle of the bin of forecast probability"},
        ),
    ).transpose("threshold", "probability_bin", "rank", ...)


def with_crps(cases: xr.Dataset) -> xr.Dataset:
    """Scores with a CRPS: that of a single forecast is its absolute error (Hersbach 2000)."""
    return cases if "crps" in cases else cases.assign(crps=cases["mae"])


def _crps(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum over pixels of `E|X - y| - E|X - X'| / 2`, of the ensemble and fair (Ferro 2014)."""
    m = len(x)
    distance = sum(np.abs(member - y) for member in x).sum(axis=1, dtype=float) / m
    # Sorted, member i is the larger one of i pairs and the smaller one of m - 1 - i.
    pairs = np.tensordot(2.0 * np.arange(m) - m + 1, np.sort(x, axis=0), axes=1).sum(axis=1)
    return distance - pairs / m**2, distance - pairs / (m * (m - 1))


def _ranks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How often the truth has each rank among the members, `(frames, members + 1)`.

    Among equal members its ranks share the count evenly. Where all are equal, as where it is dry
    throughout, there is nothing to rank.
    """
    frames, m = len(y), len(x)
    below, equal = (x < y).sum(axis=0), (x == y).sum(axis=0)
    kinds = m * (m + 2) + 1  # (below, equal) as one number, from (0, 0) to (0, m) and (m, 0)
    number = below * (m + 1) + equal + kinds * np.arange(frames)[:, None]
    counts = np.bincount(number.ravel(), minlength=frames * kinds).reshape(frames, kinds)
    below, equal = np.divmod(np.arange(kinds), m + 1)
    rank = np.arange(m + 1)[:, None]
    shares = ((rank >= below) & (rank <= below + equal) & (equal < m)) / (equal + 1)
    return counts @ shares.T


def _probabilities(
    predicted: np.ndarray, observed: np.ndarray, valid: np.ndarray, bins: int
) -> dict[str, np.ndarray]:
    """Counts by the share of members with an event; `(frames,)` or `(frames, bins)`."""
    (m, frames), pixels = predicted.shape[:2], valid.sum(axis=1)
    share = predicted.sum(axis=0)
    number = share * 2 + observed + 2 * (m + 1) * np.arange(frames)[:, None]
    counts = np.bincount(number[valid], minlength=frames * 2 * (m + 1))
    without, with_event = np.moveaxis(counts.reshape(frames, m + 1, 2), 2, 0)

    share = np.arange(m + 1)
    probability = share / m
    # In whole numbers: 3 of 10 is in the bin from 0.3, whatever 3 / 10 rounds to.
    bin_of = np.minimum(share * bins // m, bins - 1)[:, None] == np.arange(bins)
    with np.errstate(invalid="ignore"):
        brier = (without @ probability**2 + with_event @ (1 - probability) ** 2) / pixels
    return {
        "brier": brier,
        "forecast_count": (without + with_event) @ bin_of.astype(int),
        "observed_count": with_event @ bin_of.astype(int),
        "probability_sum": ((without + with_event) * probability) @ bin_of,
    }
