"""Pictures of a search for better configurations, drawn from the table of its trials."""

from __future__ import annotations

from os import PathLike

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from keras_wx.errors import DataError
from keras_wx.plots.layout import finish
from keras_wx.plots.style import LINE_COLORS

_FEWEST = 8
"""Completed trials below which no importance is told."""
_TREES = 100
_DRAWS = 20


def search_history(trials: pd.DataFrame, *, path: str | PathLike | None = None) -> Figure:
    """Shows the score of each trial, and the best so far.

    Args:
        trials: what `keras_wx.tune` returns as `trials`.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: no trial has completed.

    Example:

    >>> search_history(sweep.trials, path="history.png")
    """
    scores = _scores(trials)
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    numbers = np.arange(1, len(trials) + 1)
    so_far = np.fmin.accumulate if _minimised(trials) else np.fmax.accumulate
    axes.plot(numbers, trials["score"], "o", color=LINE_COLORS[0], markersize=4, label="trial")
    best = so_far(trials["score"].to_numpy())
    axes.step(numbers, best, where="post", color=LINE_COLORS[1], label="best so far")
    failed = numbers[(trials["status"] == "failed").to_numpy()]
    if failed.size:
        worst = scores.max() if _minimised(trials) else scores.min()
        axes.plot(failed, np.full(failed.size, worst), "x", color="0.5", label="failed")
    axes.set_xlabel("Trial")
    axes.set_ylabel(trials.attrs["objective"])
    if (scores > 0).all() and scores.max() > 30 * scores.min():
        axes.set_yscale("log")
    axes.grid(color="0.9", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return finish(figure, path)


def parallel_coordinates(trials: pd.DataFrame, *, path: str | PathLike | None = None) -> Figure:
    """Shows each trial as a line through its values, in the colour of its score.

    Numbers that span more than a factor of 30 are on a logarithmic axis; the best trials are drawn
    last. Colours go from the best to the median score, so that bad trials do not hide the rest.

    Args, Returns, Raises: see `search_history`.

    Example:

    >>> parallel_coordinates(sweep.trials, path="parallel.png")
    """
    scores = _scores(trials)
    parameters = trials.attrs["parameters"]
    figure = Figure(figsize=(max(6.0, 1.6 * len(parameters) + 2), 4.2), layout="constrained")
    axes = figure.subplots()
    heights = {}
    for place, name in enumerate(parameters):
        heights[name], ticks = _axis(trials[name])
        axes.axvline(place, color="0.7", lw=1, zorder=0)
        for label, height in ticks.items():
            axes.annotate(label, (place, height), (4, 0), textcoords="offset points",
                          va="center", fontsize="x-small", zorder=5)  # fmt: skip
    ends = (
        (scores.min(), scores.median()) if _minimised(trials) else (scores.median(), scores.max())
    )
    colors = ScalarMappable(
        Normalize(*ends), matplotlib.colormaps["viridis_r" if _minimised(trials) else "viridis"]
    )
    for trial in scores.sort_values(ascending=not _minimised(trials)).index:
        line = [heights[name][trial] for name in parameters]
        axes.plot(line, "o-", color=colors.to_rgba(scores[trial]), lw=1.2, markersize=3, alpha=0.8)
    axes.set_xticks(range(len(parameters)), [name.replace(".", ".\n") for name in parameters],
                    fontsize="x-small")  # fmt: skip
    axes.set_yticks([])
    axes.set_xlim(-0.1, len(parameters) - 0.5)
    axes.spines[:].set_visible(False)
    figure.colorbar(colors, ax=axes, label=trials.attrs["objective"], extend="both")
    return finish(figure, path)


def importance(trials: pd.DataFrame, *, path: str | PathLike | None = None) -> Figure:
    """Shows how much of the spread of scores each parameter explains.

    Forests of trees learn the rank of the score from the values of four fifths of the trials, and
    forecast it for the others. A parameter matters as much as the squared error of these forecasts
    grows when its values are drawn anew, as a fraction of the variance. The bars are means of 20
    draws, the lines their standard deviations. Few trials tell little.

    Args, Returns: see `search_history`.

    Raises:
        DataError: fewer than 8 trials have completed, or none of the parameters varies.

    References:
        Breiman (2001), Random Forests, Machine Learning 45.

    Example:

    >>> importance(sweep.trials, path="importance.png")
    """
    found = importances(trials)
    figure = Figure(figsize=(6, 0.45 * len(found) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(found.index[::-1], found["mean"][::-1], xerr=found["std"][::-1],
              color=LINE_COLORS[0], ecolor="0.4")  # fmt: skip
    axes.axvline(0, color="0.5", lw=1)
    axes.set_xlabel(f"Importance for {trials.attrs['objective']} (growth of the error / variance)")
    axes.spines[["top", "right"]].set_visible(False)
    return finish(figure, path)


def importances(trials: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind `importance`: parameter -> `mean`, `std`; the greatest first."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    if not can_tell_importance(trials):
        raise DataError(
            f"Importance takes at least {_FEWEST} completed trials and parameters that vary. "
            f"Received: {len(_scores(trials))} trials."
        )
    scores = _scores(trials)
    names = _varying(trials)
    x = np.column_stack([_axis(trials[name])[0][scores.index] for name in names])
    x = np.nan_to_num(x, nan=-0.5)  # a value that did not matter, beside all that did
    y = scores.rank().to_numpy() / len(scores)
    draw = np.random.default_rng(0)
    growth = np.zeros((len(names), _DRAWS))
    for learnt, left in KFold(5, shuffle=True, random_state=0).split(x):
        forest = RandomForestRegressor(_TREES, random_state=0, min_samples_leaf=2)
        forest.fit(x[learnt], y[learnt])
        usual = ((forest.predict(x[left]) - y[left]) ** 2).sum()
        for rank in range(len(names)):
            shuffled = np.tile(x[left], (_DRAWS, 1, 1))
            shuffled[:, :, rank] = draw.choice(x[:, rank], shuffled.shape[:2])
            forecast = forest.predict(shuffled.reshape(-1, len(names))).reshape(_DRAWS, -1)
            growth[rank] += ((forecast - y[left]) ** 2).sum(axis=1) - usual
    growth /= len(y) * y.var()
    table = pd.DataFrame(
        {"mean": growth.mean(axis=1), "std": growth.std(axis=1)}, index=pd.Index(names)
    )
    return table.sort_values("mean", ascending=False)


def can_tell_importance(trials: pd.DataFrame) -> bool:
    """Whether there are trials enough for `importance`."""
    return trials["score"].count() >= _FEWEST and bool(_varying(trials))


def _varying(trials: pd.DataFrame) -> list[str]:
    completed = trials[trials["score"].notna()]
    return [name for name in trials.attrs["parameters"] if completed[name].nunique() > 1]


def _scores(trials: pd.DataFrame) -> pd.Series:
    scores = trials["score"].dropna()
    if scores.empty:
        raise DataError("No trial of this search has completed: there is nothing to show.")
    return scores


def _minimised(trials: pd.DataFrame) -> bool:
    return trials.attrs["direction"] == "min"


def _axis(values: pd.Series) -> tuple[pd.Series, dict[str, float]]:
    """Heights between 0 and 1 (NaN where there is no value), and the heights of some labels."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 1:
        logarithmic = values.min() > 0 and values.max() > 30 * values.min()
        scaled = np.log(values) if logarithmic else values
        low, span = scaled.min(), scaled.max() - scaled.min()
        few = np.sort(values.dropna().unique())
        if len(few) > 6:
            few = np.quantile(few, [0, 0.5, 1])
        places = ((np.log(few) if logarithmic else few) - low) / span
        return (scaled - low) / span, {f"{v:.3g}": p for v, p in zip(few, places, strict=True)}
    names = [str(name) for name in pd.unique(values.dropna())]
    places = {name: i / max(1, len(names) - 1) for i, name in enumerate(sorted(names))}
    return values.map(lambda v: places.get(str(v), np.nan)).astype(float), places
