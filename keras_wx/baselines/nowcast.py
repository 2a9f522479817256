"""What the baselines share that forecast the frames that follow."""

from __future__ import annotations

from keras_wx.baselines.base import Baseline
from keras_wx.errors import ModelError


class NowcastBaseline(Baseline):
    """A baseline from the last frames to the next ones.

    Args:
        output_frames: number of frames to forecast.

    Input shape:
        `(batch, time, y, x, channels)`.

    Output shape:
        `(batch, output_frames, y, x, channels)`.

    Raises:
        ModelError: no frames to forecast.
    """

    def __init__(self, name: str | None = None, *, output_frames: int = 15):
        super().__init__(name)
        if output_frames < 1:
            raise ModelError(
                f"Expected at least one output frame. Received: output_frames={output_frames}"
            )
        self.output_frames = output_frames
