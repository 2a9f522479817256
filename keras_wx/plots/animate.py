"""`animate`: a GIF of forecasts beside the observation."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import KDTree

from keras_wx.errors import DataError
from keras_wx.plots.case import Case, Forecasts, select
from keras_wx.plots.panel import add_color_bar, add_scale_bar, draw, extent
from keras_wx.plots.style import ColorScale, lead_labels, utc

_PANEL_AREA = 10.0  # square inches
_DPI = 90
_COLORS = 96  # of the palette, beside those of the scale
_REST = 1.0  # seconds for which the last frame stays


def animate(
    forecast: Forecasts,
    truth: xr.Dataset | None = None,
    *,
    path: str | PathLike,
    init_time=None,
    variable: str | None = None,
    floor: float | None = None,
    fps: float = 4,
) -> Path:
    """Writes a GIF that runs through the lead times, forecasts beside the observation.

    Args:
        forecast: what `keras_wx.predict` returns, or a mapping from a model's name to it: one panel
            each. An ensemble is shown by its mean, and labelled so.
        truth: observations `(time, y, x)` in the same units, for the first panel.
        path: where to write it; ends in ".gif".
        init_time: which forecast to show; by default the first that all models have.
        variable: which one, if the forecast has several.
        floor: values below it count as it, as in `keras_wx.verify`, before any mean is taken. Where
            "no echo" is -32 dBZ, the mean of an ensemble would hide rain that half of it forecasts.
        fps: frames a second. The last frame stays for a second longer.

    Returns:
        The path.

    Raises:
        DataError: an init_time or variable that is not there, units that differ, another suffix.

    Example:

    >>> animate(forecast, radar, path="forecast.gif")
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise DataError(f"path: expected a name that ends in '.gif'. Received: {str(path)!r}")
    if fps <= 0:
        raise DataError(f"fps: expected a number above 0. Received: {fps}")
    frames = _frames(select(forecast, truth, variable=variable, init_time=init_time, floor=floor))
    durations = [round(1000 / fps)] * len(frames)
    durations[-1] += round(1000 * _REST)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return path


def _frames(case: Case) -> list[Image.Image]:
    rows = case.rows
    leads = next(iter(rows.values()))["lead_time"].values
    colors = ColorScale.of(case.name, case.units, [field.values for field in rows.values()])
    height, width = extent(next(iter(rows.values()))[0])
    panel = np.sqrt(_PANEL_AREA * np.array([width / height, height / width]))
    figure = Figure(figsize=(panel[0] * len(rows) + 1.3, panel[1] + 0.9), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(_DPI)
    grid = figure.subplots(1, len(rows), squeeze=False)[0]
    images = [draw(axes, field[0], colors) for axes, field in zip(grid, rows.values(), strict=True)]
    for axes, name in zip(grid, rows, strict=True):
        axes.set_title(name)
    add_scale_bar(grid[0], next(iter(rows.values()))[0])
    add_color_bar(figure, images[0], grid, colors)
    heading = figure.suptitle(" ")

    frames = []
    for i, (lead, label) in enumerate(zip(leads, lead_labels(leads), strict=True)):
        for image, field in zip(images, rows.values(), strict=True):
            image.set_data(np.ma.masked_invalid(field[i].values))
        heading.set_text(f"{utc(case.init_time + lead)}  ({label})")
        canvas.draw()
        # Laid out once: nothing shall move from frame to frame.
        figure.set_layout_engine("none")
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    palette = _palette(colors, frames[0])
    return [_indexed(frame, palette) for frame in frames]


def _palette(colors: ColorScale, frame: np.ndarray) -> np.ndarray:
    """One palette for all frames, or colours would flicker: those of the scale exactly, and what
    the picture has beside them, such as the shades of letters."""
    exact = colors.palette()
    others = Image.fromarray(frame).quantize(_COLORS).getpalette()
    return np.concatenate([exact, np.reshape(others, (-1, 3)).astype(np.uint8)])[:256]


def _indexed(frame: np.ndarray, palette: np.ndarray) -> Image.Image:
    """The nearest colour of the palette for each pixel: Pillow's own choice is off by a little,
    which turns white into gray."""
    code = frame.astype(np.int32) @ [1 << 16, 1 << 8, 1]
    codes, where = np.unique(code, return_inverse=True)
    present = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)
    nearest = KDTree(palette).query(present)[1].astype(np.uint8)
    image = Image.fromarray(nearest[where].reshape(code.shape))
    image.putpalette(palette.ravel().tolist())
    return image
