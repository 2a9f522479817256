"""What a network does with the mask of a blind zone: fill what lies in it, keep what does not."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError


@keras.saving.register_keras_serializable(package="keras_wx")
class HideBlindZone(keras.layers.Layer):
    """Fills the blind zone of the data channels with one value.

    Only gates whose mask is exactly 1 are filled: those of the ramp above, where the forecast and
    the measurement are blended, stay what they are. The mask itself is kept. It is computed in
    float32 under every precision policy, since a ramp that is rounded to 1 would be filled.

    Args:
        channels: how many of the channels, counted from the first, are hidden; None for all but
            the mask. State variables of a model are known in the blind zone too, and may be shown.
        value: network number to fill with: -1 is clear air.

    Input shape:
        `(batch, height, time, channels)`, the mask last.

    Output shape:
        That of the input.

    References:
        King et al. (2024), Deep learning for the blind zone of radars: `preprocess` of its code.
        Geiss & Hardin (2021), Inpainting radar missing data regions with deep learning,
        doi:10.5194/amt-14-7729-2021.

    Example:
        >>> curtain = keras.ops.ones((1, 16, 16, 2))
        >>> float(HideBlindZone()(curtain)[0, 0, 0, 0])
        -1.0
    """

    def __init__(self, channels: int | None = None, value: float = -1.0, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.channels = channels
        self.value = value

    def build(self, input_shape):
        data = input_shape[-1] - 1
        if data < 1 or not 0 <= (data if self.channels is None else self.channels) <= data:
            raise ModelError(
                f"Expected at most {data} hidden channels, the mask being the last of "
                f"{input_shape[-1]}. Received: channels={self.channels}"
            )

    def call(self, curtain):
        hidden = curtain.shape[-1] - 1 if self.channels is None else self.channels
        blind = curtain[..., -1:] >= 1
        data = curtain[..., :hidden]
        filled = ops.where(blind, self.filling(data, blind), data)
        return ops.concatenate([filled, curtain[..., hidden:]], axis=-1)

    def filling(self, data, blind):
        """What stands in the blind zone: a number, or a tensor that goes with `data`."""
        return self.value

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"channels": self.channels, "value": self.value}


@keras.saving.register_keras_serializable(package="keras_wx")
class RepeatMeasured(HideBlindZone):
    """Fills the blind zone of each column with the lowest gate that was measured above it.

    It is the baseline `repeat` (REP) as a layer. For the arguments and shapes see `HideBlindZone`;
    `value` is for columns of which nothing was measured.

    References:
        King et al. (2024), as `HideBlindZone`: REP.

    Example:
        >>> curtain = np.array([[0.1, 1], [0.2, 1], [0.3, 0], [0.4, 0]]).reshape(1, 4, 1, 2)
        >>> RepeatMeasured()(curtain)[0, :, 0, 0]
        [0.3, 0.3, 0.3, 0.4]
    """

    def filling(self, data, blind):
        seen = ops.cast(ops.logical_not(blind), "int32")
        lowest = ops.logical_and(seen > 0, ops.cumsum(seen, axis=1) == 1)
        repeated = ops.sum(ops.where(lowest, data, 0.0), axis=1, keepdims=True)
        return ops.where(ops.any(seen > 0, axis=1, keepdims=True), repeated, self.value)


@keras.saving.register_keras_serializable(package="keras_wx")
class MergeMeasured(keras.layers.Layer):
    """Blends a forecast with what was measured: mask * forecast + (1 - mask) * measurement.

    Where the mask is 0 the measurement comes out untouched, to the bit. Computed in float32 under
    every precision policy.

    Call arguments:
        forecast: `(batch, height, time, outputs)`.
        curtain: `(batch, height, time, channels)`, the mask last; its first channels are what the
            outputs are forecasts of.

    Output shape:
        That of the forecast.

    References:
        As `HideBlindZone`: `merge_output`.

    Example:
        >>> curtain = keras.ops.zeros((1, 16, 16, 2))
        >>> float(keras.ops.max(MergeMeasured()(keras.ops.ones((1, 16, 16, 1)), curtain)))
        0.0
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)

    def call(self, forecast, curtain):
        measured, mask = curtain[..., : forecast.shape[-1]], curtain[..., -1:]
        blend = mask * forecast + (1.0 - mask) * measured
        # A network that has gone wrong gives numbers that even 0 times do not vanish.
        return ops.where(mask > 0, blend, measured)

    def compute_output_shape(self, forecast_shape, curtain_shape):
        return forecast_shape
