"""What the numbers of a field mean to the scores: events, rain rate, gray level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_wx.data.units import is_reflectivity, same_units
from keras_wx.data.zr import zr_relation
from keras_wx.errors import DataError
from keras_wx.transforms import ZR

REFLECTIVITY = "dBZ"
RAIN_RATE = "mm h-1"
_THRESHOLDS = {REFLECTIVITY: (10.0, 20.0, 30.0), RAIN_RATE: (0.5, 2.0, 5.0, 10.0, 30.0)}
_ZR_2015 = "hko_2015"


@dataclass(frozen=True)
class Scale:
    """How a field in `units` is scored.

    Attributes:
        units: of the field.
        thresholds: an event is a value at or above one of them, in `threshold_units`.
        threshold_units: the field's own, or mm h-1 of a field in dBZ.
        zr: the conversion from dBZ to rain rate; None for any other field.
    """

    units: str
    thresholds: tuple[float, ...]
    threshold_units: str
    zr: ZR | None

    @classmethod
    def choose(
        cls,
        units: str,
        thresholds: Sequence[float] | float | None,
        zr: str | tuple[float, float] | ZR | None,
        usual: Sequence[float] | None = None,
    ) -> Scale:
        """The scale of a field in `units`, with the defaults for what the caller left open.

        `usual` are the thresholds that the data themselves name, in `units`.
        """
        units = _canonical(units)
        if zr is not None and units != REFLECTIVITY:
            raise DataError(
                f"zr converts reflectivity in {REFLECTIVITY} to rain rate; these fields are in "
                f"{units!r}. Leave zr out. Received: zr={zr!r}"
            )
        threshold_units = units if zr is None else RAIN_RATE
        if thresholds is None and zr is None:
            thresholds = usual
        if thresholds is None:
            if threshold_units not in _THRESHOLDS:
                raise DataError(
                    f"No default thresholds for units {units!r}. Give `thresholds=`, in "
                    f"{units!r}. There are defaults for {sorted(_THRESHOLDS)}, and for data with "
                    "an attribute 'thresholds'."
                )
            thresholds = _THRESHOLDS[threshold_units]
        try:
            levels = np.unique(np.asarray(thresholds, dtype=float))
        except (TypeError, ValueError):
            levels = np.array([])
        if levels.size == 0 or not np.isfinite(levels).all():
            raise DataError(
                f"thresholds: expected finite numbers in {threshold_units}, received {thresholds!r}"
            )
        pair = zr_relation(_ZR_2015 if zr is None else zr) if units == REFLECTIVITY else None
        return cls(units, tuple(levels.tolist()), threshold_units, pair)

    @property
    def is_rain(self) -> bool:
        """Whether there is a rain rate to score."""
        return self.units in (REFLECTIVITY, RAIN_RATE)

    def rain_rate(self, field: np.ndarray) -> np.ndarray:
        """In mm/h."""
        return field if self.zr is None else self.zr(field)

    def echo(self, field: np.ndarray) -> np.ndarray:
        """Proportional to the gray level whose zero is "no echo".

        Archives write "no echo" as 0, -10 or -32 dBZ; each of them is 0 here.
        """
        return np.maximum(field, 0)


def _canonical(units: str) -> str:
    if is_reflectivity(units):
        return REFLECTIVITY
    return RAIN_RATE if same_units(units, RAIN_RATE) else units
