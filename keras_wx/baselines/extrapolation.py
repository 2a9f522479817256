"""What the baselines share that carry the last frame along a velocity."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.advection import advect
from keras_wx.baselines.echo import EchoBaseline
from keras_wx.errors import ModelError


class Extrapolation(EchoBaseline):
    """Lagrangian persistence: the last frame, moved and otherwise unchanged.

    Subclasses set `input_frames` and write `velocity(frames)`.

    Args:
        output_frames: number of frames to forecast.

    Input shape:
        `(batch, time, y, x, 1)` in dBZ, or in the mm/h of a preset of rain rate, without gaps in
        time and without NaN; of more frames than `input_frames` the last ones are used.

    Output shape:
        `(batch, output_frames, y, x, 1)`. What enters from outside the grid has the least value
        among the frames that are used.

    Raises:
        ModelError: no frames to forecast, or an input that does not fit.
    """

    input_frames: int

    def velocity(self, frames: np.ndarray) -> np.ndarray:
        """Grid points a step along x and along y, `(2, y, x)`, from dBZ `(input_frames, y, x)`."""
        raise NotImplementedError

    def forecast(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        if x.ndim != 5 or x.shape[1] < self.input_frames or x.shape[-1] != 1:
            raise ModelError(
                f"{self.name}: expected an input (batch, time, y, x, 1) with at least "
                f"{self.input_frames} frames. Received: shape {x.shape}"
            )
        if not np.isfinite(x).all():
            raise ModelError(
                f"{self.name}: expected finite values; the `fill` of a preset's variable says what "
                f"stands in for missing ones. Received: {np.count_nonzero(~np.isfinite(x))} of "
                f"{x.size} values not finite"
            )
        windows = x[:, -self.input_frames :, ..., 0]
        moved = [
            advect(frames[-1], self.velocity(dbz), self.output_frames, fill=frames.min())
            for frames, dbz in zip(windows, self.dbz(windows), strict=True)
        ]
        return np.stack(moved)[..., None]
