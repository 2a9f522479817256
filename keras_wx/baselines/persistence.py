"""Persistence: the last frame again and again."""

from __future__ import annotations

import numpy as np

from keras_wx.baselines.nowcast import NowcastBaseline
from keras_wx.registry import register_model


@register_model("persistence")
class Persistence(NowcastBaseline):
    """Repeats the last frame: the forecast that any other has to beat.

    Args:
        output_frames: number of frames to forecast.

    Input shape:
        `(batch, time, height, width, channels)`; only the last frame is used.

    Output shape:
        `(batch, output_frames, height, width, channels)`.

    Raises:
        ModelError: no frames to forecast.

    Example:
        >>> keras_wx.load("persistence", output_frames=20)
    """

    any_variable = True

    def __init__(self, output_frames: int = 15, name: str | None = None):
        super().__init__(name, output_frames=output_frames)

    def forecast(self, x: np.ndarray) -> np.ndarray:
        return np.repeat(np.asarray(x)[:, -1:], self.output_frames, axis=1)
