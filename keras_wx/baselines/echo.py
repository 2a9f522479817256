"""What the baselines share that look at echo: reflectivity, or the rain rate that stands for it."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.nowcast import NowcastBaseline
from keras_wx.transforms import ZR

RAIN_RATE = ("mm h-1", "mm/h", "mm hr-1", "mm/hr")
_RELATION = ZR.model_validate("marshall_palmer")


class EchoBaseline(NowcastBaseline):
    """A baseline of reflectivity [dBZ] or rain rate [mm h-1]: the units are those of its preset.

    A baseline without a preset takes its numbers for dBZ. Of a rain rate R it looks at the
    reflectivity by Z = 200 R**1.6, with -10 dBZ where no rain falls: motion is then seen in weak
    rain too, and thresholds in dBZ keep their meaning.

    References:
        Marshall and Palmer (1948), The distribution of raindrops with size, Journal of Meteorology
        5, 165-166.
    """

    @classmethod
    def forecasts(cls, units: str) -> bool:
        return units in ("dBZ", *RAIN_RATE)

    def dbz(self, x: np.ndarray) -> np.ndarray:
        """Reflectivity of what the baseline is given."""
        return _RELATION.inverse(x) if self._is_rain_rate else x

    def from_dbz(self, dbz: np.ndarray) -> np.ndarray:
        """What the baseline gives for a reflectivity."""
        return _RELATION(dbz) if self._is_rain_rate else dbz

    @property
    def _is_rain_rate(self) -> bool:
        return self.preset is not None and self.preset.sample.inputs[0].units in RAIN_RATE
