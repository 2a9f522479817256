"""Times as whole numbers of steps, so that lags reach over gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_wx.errors import DataError
from keras_wx.spec import format_step

_UNEVEN = 0.01
"""Of a step."""


@dataclass(frozen=True)
class Slots:
    """Which step of an even series each frame is.

    Attributes:
        number: of each frame, from 0, `(time,)`.
        step: length of a step; None of a single frame.
    """

    number: np.ndarray
    step: np.timedelta64 | None

    @classmethod
    def of(cls, times: np.ndarray) -> Slots:
        """The slots of times, of which some may be absent.

        Raises:
            DataError: for times that are no whole steps apart.
        """
        if times.size < 2:
            return cls(np.zeros(times.size, int), None)
        gaps = np.diff(np.sort(times))
        step = gaps.min()
        if not step:
            raise DataError(
                f"Autocorrelation needs one field at each time. Received: several at "
                f"{np.sort(times)[gaps.argmin()]:.19}. lags=0 leaves it out."
            )
        exact = (times - times.min()) / step
        number = np.rint(exact).astype(int)
        if np.abs(exact - number).max() > _UNEVEN:
            raise DataError(
                "Autocorrelation needs times that are whole steps apart. Received: steps from "
                f"{_text(step)} to {_text(gaps.max())}. lags=0 leaves it out."
            )
        return cls(number, step)

    def series(self, values: np.ndarray) -> np.ndarray:
        """Values `(time, ...)` in their slots, from the first to the last; NaN in the others."""
        first = self.number.min()
        whole = np.full((self.number.max() - first + 1, *values.shape[1:]), np.nan)
        whole[self.number - first] = values
        return whole

    def earlier(self, lag: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames that have another one `lag` steps before them, and which that is."""
        frame = np.full(self.number.max() + 1, -1)
        frame[self.number] = np.arange(self.number.size)
        before = np.where(self.number >= lag, frame[self.number - lag], -1)
        return np.flatnonzero(before >= 0), before[before >= 0]

    def __getitem__(self, frames: np.ndarray) -> Slots:
        return Slots(self.number[frames], self.step)


def _text(length: np.timedelta64) -> str:
    return format_step(length.astype("m8[us]").item())
