"""Extrapolation inside a network: the last frame carried along the motion of the frames."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.layers.advection import advect
from keras_wx.layers.optical_flow import motion


@keras.saving.register_keras_serializable(package="keras_wx")
class Extrapolation(keras.layers.Layer):
    """Carries the last frame along the motion of the frames: Lagrangian persistence, in the graph.

    The motion is that of Lucas and Kanade (1981): around each point the displacement v between
    consecutive frames I that minimises `sum(w (I(x + v, t + 1) - I(x, t))**2)` over a Gaussian
    neighbourhood w and all pairs of frames, found by a few Newton steps from coarse to fine. It
    starts from the one displacement that fits the whole domain, and stays there where there is no
    echo to see it move. The frames are then those of the semi-Lagrangian scheme of Germann and
    Zawadzki (2002): each point looks back along the motion, and reads the last frame where it
    arrives. What comes from outside is read from the nearest point of the border.

    The layer has no weights, and gives no gradient.

    Args:
        steps: number of frames to extrapolate.

    Input shape:
        `(batch, time, height, width, channels)` with at least two frames. Motion is seen in the
        mean over channels.

    Output shape:
        `(batch, steps, height, width, channels)`, float32 under every precision policy.

    Raises:
        ModelError: fewer than two frames, or no step.

    References:
        Lucas and Kanade (1981), An iterative image registration technique, IJCAI 81, 674-679.
        Germann and Zawadzki (2002), Scale-dependence of the predictability of precipitation from
        continental radar images, Monthly Weather Review 130, 2859-2873, section 3.
    """

    def __init__(self, steps: int, **kwargs):
        if steps < 1:
            raise ModelError(f"Expected at least one step. Received: steps={steps}")
        # Displacements of a tenth of a grid point are lost in bfloat16.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.steps = steps

    def build(self, shape):
        if shape[1] is not None and shape[1] < 2:
            raise ModelError(
                f"Motion is seen in two frames or more. Received: input shape {tuple(shape)}"
            )

    def call(self, frames):
        frames = ops.stop_gradient(frames)
        pictures = ops.transpose(ops.mean(frames, axis=-1), (0, 2, 3, 1))
        return advect(frames[:, -1], motion(pictures), self.steps)

    def compute_output_shape(self, shape):
        return (shape[0], self.steps, *shape[2:])

    def get_config(self):
        return super().get_config() | {"steps": self.steps}
