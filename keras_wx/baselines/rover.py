"""ROVER: variational optical flow, then semi-Lagrangian advection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_wx.baselines.extrapolation import Extrapolation
from keras_wx.baselines.optical_flow.gray import check_gray_range, to_gray
from keras_wx.baselines.optical_flow.variational import variational_flow
from keras_wx.errors import ModelError
from keras_wx.registry import register_model


@register_model("rover")
class Rover(Extrapolation):
    """The optical flow baseline of the Hong Kong Observatory's papers.

    The velocity is a weighted mean of the flows between the last pairs of frames: of one pair in
    ROVER1, of two pairs in ROVER2, of three in ROVER3. The energy that the flow minimises and its
    weights are those of `variational_flow`, chosen for the best forecasts: the original's numbers
    belong to another energy and another solver.

    Args:
        flow_weights: of the flow between each pair of frames, the newest pair first; they sum to
            one.
        output_frames: number of frames to forecast.
        gray_range: what the flow sees as black and white, in the units of the input; of rain rate,
            in dBZ.
        nonlinear: shows echo around 33 dBZ with most contrast, see `to_gray`.

    Input shape, output shape:
        As `Extrapolation`, with one input frame more than there are weights.

    Raises:
        ModelError: no frames to forecast, weights that do not sum to one, an empty range of gray.

    References:
        Woo and Wong (2017), Operational Application of Optical Flow Techniques to Radar-Based
        Rainfall Nowcasting, Atmosphere 8, 48.
        Shi et al. (2015), arXiv:1506.04214: ROVER1, ROVER2, ROVER3.

    Example:
        >>> forecast = keras_wx.predict(keras_wx.load("rover3"), radar)
    """

    def __init__(
        self,
        flow_weights: Sequence[float] = (1.0,),
        output_frames: int = 15,
        gray_range: Sequence[float] = (0.0, 60.0),
        nonlinear: bool = False,
        name: str | None = None,
    ):
        super().__init__(name, output_frames=output_frames)
        self.flow_weights = [float(weight) for weight in flow_weights]
        self.gray_range = check_gray_range(gray_range)
        self.nonlinear = nonlinear
        if not np.isclose(sum(self.flow_weights), 1):
            raise ModelError(
                "Expected weights of flows that sum to one, the newest first. Received: "
                f"flow_weights={self.flow_weights}"
            )

    @property
    def input_frames(self) -> int:
        return len(self.flow_weights) + 1

    def velocity(self, frames: np.ndarray) -> np.ndarray:
        gray = to_gray(frames, self.gray_range, self.nonlinear)
        pairs = zip(self.flow_weights, gray[-2::-1], gray[:0:-1], strict=True)
        return sum(weight * variational_flow(older, newer) for weight, older, newer in pairs)
