"""`spread_skill`: whether an ensemble spreads as far as its mean errs."""

from __future__ import annotations

from os import PathLike

from matplotlib.figure import Figure

from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, require, require_dims
from keras_wx.plots.style import in_clock_units, line_style, pretty_units

_FROM = "; keras_wx.verify gives them of a forecast with several members"


def spread_skill(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows the error of an ensemble's mean and the spread of its members against lead time.

    Of a reliable ensemble, both lines lie on each other. Spread (dashed) below the error (full)
    means that it is too sure of itself.

    Args:
        scores: what `keras_wx.verify` returns of ensembles, or a mapping from a model's name to it.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores of a single forecast.

    References:
        Fortin et al. (2014), Why Should Ensemble Spread Match the RMSE of the Ensemble Mean?,
        Journal of Hydrometeorology 15, 1708-1713.

    Example:

    >>> scores = keras_wx.verify(keras_wx.predict(model, radar, members=20), radar)
    >>> spread_skill(scores, path="spread.png")
    """
    models = by_model(scores)
    require(models, "spread", "rmse", hint=_FROM)
    for name in ("spread", "rmse"):
        require_dims(models, name, "lead_time")
    figure, (axes,) = panels(1, size=(4.2, 3.2))
    for number, (name, dataset) in enumerate(models.items()):
        style = line_style(number) | {"markersize": 4}
        minutes, unit = in_clock_units(dataset["lead_time"].values)
        axes.plot(minutes, dataset["rmse"], label=name, **(style | {"linestyle": "-"}))
        axes.plot(minutes, dataset["spread"], **(style | {"linestyle": "--"}))
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(color="0.9", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    units = pretty_units(next(iter(models.values()))["rmse"].attrs.get("units", ""))
    axes.set_xlabel(f"Lead time [{unit}]")
    axes.set_ylabel(f"Full: RMSE of the mean, dashed: spread [{units}]".replace(" []", ""))
    handles, names = axes.get_legend_handles_labels()
    legend(figure, handles, names)
    return finish(figure, path)
