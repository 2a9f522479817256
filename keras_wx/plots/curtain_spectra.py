"""`curtain_spectra`: power along time and along height inside a blind zone."""

from __future__ import annotations

from os import PathLike

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from keras_wx.errors import DataError
from keras_wx.plots.layout import finish, legend, panels
from keras_wx.plots.scored import Scores, by_model, require, require_dims
from keras_wx.plots.style import line_style

_FROM = "; keras_wx.verify gives it of a reconstructed curtain"

_LEAST = 1e-3
"""Of the least observed power: what is drawn. No logarithmic axis could hold a power of 0."""


def curtain_spectra(scores: Scores, *, path: str | PathLike | None = None) -> Figure:
    """Shows power against period and against wavelength: a panel each, a line a model.

    The broad gray line is the observation. A reconstruction that falls below it at short waves is
    smoother than the cloud was; one that has next to none, as `repeat` along height, is below the
    panel. Of an ensemble, the mean of its members' spectra is drawn.

    Args:
        scores: what `keras_wx.verify` returns of reconstructed curtains, or a mapping from a
            model's name to it. The observation is drawn from the first.
        path: where to save the picture; the suffix (.png, .pdf, .svg) says as what.

    Returns:
        The figure, also when it was saved.

    Raises:
        DataError: scores without spectra, or by block; nothing was observed to compare with.

    Example:

    >>> curtain_spectra({"unet3plus_kazr": ours, "marching_average": theirs}, path="psd.png")
    """
    models = by_model(scores)
    first = next(iter(models.values()))
    figure, grid = panels(2, size=(3.9, 3.0))
    for axes, along, length, label in zip(
        grid,
        ("time", "height"),
        ("period", "wavelength"),
        ("Period [s]", "Vertical wavelength [m]"),
        strict=True,
    ):
        names = f"forecast_{along}_power", f"truth_{along}_power"
        require(models, *names, hint=_FROM)
        for name in names:
            require_dims(models, name, f"{along}_wavenumber")
        observed = first[names[1]]
        axes.plot(observed[length], observed, label="Observation", color="0.65", lw=5)
        for number, (name, dataset) in enumerate(models.items()):
            power = dataset[names[0]]
            style = line_style(number) | {"marker": None}
            axes.plot(power[length], power, label=name, **style)
        axes.set(xscale="log", yscale="log", xlabel=label)
        if not (observed > 0).any():
            raise DataError(
                f"There is no power along {along} to draw: no series of gates in the blind zone is "
                "without a gap in the observation, or all of them are clear."
            )
        axes.set_ylim(bottom=_LEAST * float(observed.where(observed > 0).min()))
        axes.xaxis.set_inverted(True)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(color="0.9", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel("Power [dBZ²]")
    legend(figure, *grid[0].get_legend_handles_labels())
    return finish(figure, path)
