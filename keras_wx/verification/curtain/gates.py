"""Sums over gates: errors, cloud in common, histograms, profiles, lowest echoes."""

from __future__ import annotations

import numpy as np

from keras_wx.verification.curtain.pairs import Columns

Sums = dict[str, tuple[tuple[str, ...], np.ndarray]]
"""Name -> dims and values; values add up over columns."""

HISTOGRAM_BINS = 64
"""Of the published earth mover's distance."""

MOMENTS = ("n", "x", "y", "xx", "yy", "xy")


def of_gates(part: Columns, gates: np.ndarray, low: float, high: float) -> Sums:
    """What the scores of `gates` follow from: errors, cloud, histograms of reflectivity."""
    gates = gates & part.valid
    x, y = (field[gates] for field in (part.centre, part.truth))
    # In the precision of the fields, which hold `low` as it is rounded there.
    clouds = x > low, y > low
    error = x.astype(float) - y
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    sums = {
        "n_columns": gates.any(axis=1).sum(),
        "n_pairs": gates.sum(),
        "mae": np.abs(error).sum(),
        "mse": (error**2).sum(),
        "mean_error": error.sum(),
        "forecast_cloud": clouds[0].sum(),
        "truth_cloud": clouds[1].sum(),
        "cloud_in_both": (clouds[0] & clouds[1]).sum(),
    }
    histograms = {
        name: np.histogram(np.clip(field, low, high), edges)[0]
        for name, field in (("forecast_histogram", x), ("truth_histogram", y))
    }
    return {name: ((), value) for name, value in sums.items()} | {
        name: (("reflectivity_bin",), counts) for name, counts in histograms.items()
    }


def of_heights(part: Columns, low: float) -> Sums:
    """Profiles over the whole column."""
    valid = part.valid
    sums = {"profile_count": valid.sum(axis=0)}
    for name, field in (("forecast", part.centre), ("truth", part.truth)):
        sums[f"{name}_profile"] = np.where(valid, field, 0).sum(axis=0, dtype=float)
        sums[f"{name}_cloud_profile"] = (valid & (field > low)).sum(axis=0)
    return {name: (("height",), values) for name, values in sums.items()}


def of_lowest_echo(part: Columns, heights: np.ndarray, low: float) -> Sums:
    """Where the lowest echo of each column is.

    A gate without truth counts on neither side; a column without one in the hole is left out.
    """
    known = (part.valid & part.hole).any(axis=1)
    lowest, found, sums = {}, {}, {}
    for name, field in (("forecast", part.centre), ("truth", part.truth)):
        echo = (part.valid & (field > low))[known]
        found[name], lowest[name] = echo.any(axis=1), echo.argmax(axis=1)
        counts = np.bincount(lowest[name][found[name]], minlength=heights.size)
        sums[f"{name}_lowest_echo"] = (("height",), counts)
        sums[f"{name}_without_echo"] = ((), (~found[name]).sum())
    both = found["forecast"] & found["truth"]
    error = heights[lowest["forecast"][both]] - heights[lowest["truth"][both]]
    return sums | {
        "n_lowest_echo": ((), both.sum()),
        "lowest_echo_mae": ((), np.abs(error).sum()),
        "lowest_echo_bias": ((), error.sum()),
    }


def of_edge(part: Columns) -> Sums:
    """Moments of reconstruction and truth at the lowest gate of each hole that has a truth."""
    x, y = (field.astype(float) for field in lowest_gate(part))
    there = ~np.isnan(y)
    x, y = x[there], y[there]
    moments = [x.size, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()]
    return {"edge_moments": (("moment",), np.array(moments))}


def lowest_gate(part: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Reconstruction and truth at the lowest gate of each hole that can be compared, `(time,)`;
    NaN where there is none."""
    gates = part.valid & part.hole
    row, columns = gates.argmax(axis=1), np.arange(len(gates))
    there = gates[columns, row]
    return tuple(
        np.where(there, field[columns, row], np.nan) for field in (part.centre, part.truth)
    )
