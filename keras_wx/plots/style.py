"""Colours, class limits and labels that the pictures share."""

from __future__ import annotations

import re
from dataclasses import dataclass

import cmweather  # noqa: F401  (adds its colour maps to matplotlib's)
import matplotlib
import numpy as np
from matplotlib.colors import BoundaryNorm, Colormap, Normalize

from keras_wx.data.units import is_reflectivity, same_units

RADAR_COLORS = "HomeyerRainbow"
"""Blue, yellow, brown to a deuteranope, and lightest in the middle: each end stays recognisable."""

MISSING = "0.80"
NO_ECHO = "white"

LINE_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette: told apart by all eyes."""
LINE_MARKERS = "osD^vPX"


def line_style(number: int) -> dict:
    """Colour, marker and dashes of the n-th line: what repeats its colour has another marker."""
    round_, index = divmod(number, len(LINE_COLORS))
    return {
        "color": LINE_COLORS[index],
        "marker": LINE_MARKERS[(index + 3 * round_) % len(LINE_MARKERS)],
        "linestyle": ("-", "--", ":")[round_ % 3],
    }


_DBZ_CLASSES = np.arange(5.0, 65.0, 5.0)
_RAIN_CLASSES = np.array([0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])


@dataclass(frozen=True)
class ColorScale:
    """How numbers become colours, the same in every panel of a picture."""

    cmap: Colormap
    norm: Normalize
    label: str
    ticks: np.ndarray | None = None

    @classmethod
    def of(cls, name: str, units: str, fields: list[np.ndarray]) -> ColorScale:
        """Radar classes for dBZ and mm/h; the range of the fields for anything else."""
        label = f"{name} [{pretty_units(units)}]" if units else name
        if is_reflectivity(units):
            classes, ticks = _DBZ_CLASSES, _DBZ_CLASSES[1::2]
        elif same_units(units, "mm h-1"):
            classes = ticks = _RAIN_CLASSES
        else:
            return cls(_colors("viridis"), Normalize(*_range(fields)), label)
        cmap = _colors(RADAR_COLORS).with_extremes(under=NO_ECHO, bad=MISSING)
        return cls(cmap, BoundaryNorm(classes, cmap.N), label, ticks)

    def palette(self) -> np.ndarray:
        """Every colour of the scale as RGB from 0 to 255, `(n, 3)`; at most 67."""
        cmap = self.cmap
        inside = cmap(self.norm(np.linspace(self.norm.vmin, self.norm.vmax, 64)))
        colors = np.vstack([inside, cmap.get_under(), cmap.get_over(), cmap.get_bad()])
        return np.unique((colors[:, :3] * 255).round().astype(np.uint8), axis=0)


def _colors(name: str) -> Colormap:
    return matplotlib.colormaps[name].with_extremes(bad=MISSING)


def _range(fields: list[np.ndarray]) -> tuple[float, float]:
    finite = [field[np.isfinite(field)] for field in fields]
    finite = [field for field in finite if field.size]
    if not finite:
        return 0.0, 1.0
    return min(float(f.min()) for f in finite), max(float(f.max()) for f in finite)


def pretty_units(units: str) -> str:
    """As a person writes them: "(mm h-1)^2" becomes "(mm/h)²", "(K)^2" "K²"."""
    units = re.sub(r"\((\w+)\)\^2", r"\1²", units)
    return units.replace("mm h-1", "mm/h").replace("^2", "²")


def in_clock_units(lead_times: np.ndarray) -> tuple[np.ndarray, str]:
    """Lead times as numbers in minutes, or in hours where the longest is over three of them."""
    minutes = lead_times / np.timedelta64(1, "m")
    return (minutes / 60, "h") if np.abs(minutes).max() > 180 else (minutes, "min")


def lead_labels(lead_times: np.ndarray) -> list[str]:
    """Such as "+15 min", and "−5 min" for a frame before the forecast."""
    numbers, unit = in_clock_units(lead_times)
    signs = np.where(numbers > 0, "+", np.where(numbers < 0, "−", ""))
    return [f"{s}{abs(n):.4g} {unit}" for s, n in zip(signs, numbers, strict=True)]


def utc(time: np.datetime64) -> str:
    """Such as "2016-09-28 15:35 UTC": times of CF datasets are UTC."""
    return f"{np.datetime_as_string(time, unit='m').replace('T', ' ')} UTC"
