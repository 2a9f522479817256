"""What a network does with the mask of a blind zone: hide what lies in it, keep what does not."""

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
        filled = ops.where(blind, self.value, curtain[..., :hidden])
        return ops.concatenate([filled, curtain[..., hidden:]], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"channels": self.channels, "value": self.value}


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
