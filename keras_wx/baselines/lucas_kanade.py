"""Lucas-Kanade: features tracked through the last frames, then semi-Lagrangian advection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_wx.baselines.extrapolation import Extrapolation
from keras_wx.baselines.optical_flow.gray import check_gray_range, to_gray
from keras_wx.baselines.optical_flow.lucas_kanade import lucas_kanade_flow
from keras_wx.errors import ModelError
from keras_wx.registry import register_model


@register_model("lucas_kanade")
class LucasKanade(Extrapolation):
    """Carries the last frame along the motion of tracked features.

    Args:
        input_frames: number of frames that features are tracked through; at least two.
        output_frames: number of frames to forecast.
        gray_range: what is black and white to the tracker, in the units of the input; of rain
            rate, in dBZ.

    Input shape, output shape:
        As `Extrapolation`.

    Raises:
        ModelError: fewer than two input frames, no frames to forecast, an empty range of gray.

    References:
        Those of `lucas_kanade_flow`.

    Example:
        >>> forecast = keras_wx.predict(keras_wx.load("lucas_kanade"), radar)
    """

    def __init__(
        self,
        input_frames: int = 3,
        output_frames: int = 15,
        gray_range: Sequence[float] = (0.0, 60.0),
        name: str | None = None,
    ):
        super().__init__(name, output_frames=output_frames)
        if input_frames < 2:
            raise ModelError(
                f"Expected at least two input frames. Received: input_frames={input_frames}"
            )
        self.input_frames = input_frames
        self.gray_range = check_gray_range(gray_range)

    def velocity(self, frames: np.ndarray) -> np.ndarray:
        return lucas_kanade_flow(to_gray(frames, self.gray_range))
