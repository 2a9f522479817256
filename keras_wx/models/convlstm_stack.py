"""The plain stack of `keras.layers.ConvLSTM2D`, for the next frame or for many."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_wx.errors import ModelError
from keras_wx.models.frames import FrameModel
from keras_wx.registry import register_model


@register_model("convlstm_stack")
@keras.saving.register_keras_serializable(package="keras_wx", name="ConvLSTMStack")
class ConvLSTMStack(FrameModel):
    """Stack of ConvLSTM2D layers: the next frame, and from its own forecasts the ones after it.

    ConvLSTM2D layers with batch normalisation between them, and one 3x3x3 convolution that turns
    the states of the last layer into frames. For more than one frame the forecast is fed back as
    input, from the states that the layers have reached, so that each further frame costs one step.

    With `output_frames=None` it forecasts the frame that follows each input frame, as the example
    of the Keras documentation trains it. There the last convolution sees one state ahead, which
    has read the frame to be forecast: only the last frame of each sequence is a true forecast.

    Args:
        input_frames: number J of frames read.
        output_frames: number K of frames forecast; None for the next of each input frame.
        channels: number of variables of a frame.
        filters: width of each layer.
        kernel_sizes: size of each layer's kernels, to state from input and from state.
        grid: `(height, width)`, which ConvLSTM2D needs to know. No weight depends on it.
        activation: activation of the layers, in the place of tanh.
        output_activation: `"sigmoid"` for gray levels in [0, 1]; `"linear"` for other transforms.

    Input shape:
        `(batch, input_frames, height, width, channels)`, network numbers.

    Output shape:
        `(batch, output_frames, height, width, channels)`, network numbers.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214, for the layer.
        Joshi (2021), Next-Frame Video Prediction with Convolutional LSTMs, keras.io/examples, for
        the stack; its 746,689 parameters are those of the defaults.

    Example:
        >>> model = keras_wx.load("convlstm_stack_mnist", weights=None)
        >>> model.predict(np.zeros((1, 10, 64, 64, 1))).shape
        (1, 10, 64, 64, 1)
    """

    parts = {"body": ("convlstm_*", "norm_*"), "head": ("readout",)}
    tiny = {
        "input_frames": 3,
        "output_frames": 2,
        "filters": (3, 2),
        "kernel_sizes": (3, 1),
        "grid": (8, 8),
    }

    def __init__(
        self,
        input_frames: int = 10,
        output_frames: int | None = 1,
        channels: int = 1,
        filters: Sequence[int] = (64, 64, 64),
        kernel_sizes: Sequence[int] = (5, 3, 1),
        grid: Sequence[int] = (64, 64),
        activation: str = "relu",
        output_activation: str = "sigmoid",
        **kwargs,
    ):
        if len(filters) != len(kernel_sizes) or not filters:
            raise ModelError(
                "Expected one kernel size for each layer, and at least one layer. Received: "
                f"filters={filters}, kernel_sizes={kernel_sizes}"
            )
        if input_frames < 1 or (output_frames is not None and output_frames < 1):
            raise ModelError(
                "Expected at least one input frame, and one output frame or None. Received: "
                f"input_frames={input_frames}, output_frames={output_frames}"
            )
        if grid is None or None in grid:
            raise ModelError(
                "keras.layers.ConvLSTM2D needs a known grid: expected grid=(height, width). "
                f"Received: grid={grid}"
            )

        # === Layers ===
        recurrent = [
            layers.ConvLSTM2D(
                width,
                size,
                padding="same",
                activation=activation,
                return_sequences=True,
                return_state=True,
                name=f"convlstm_{rank}",
            )
            for rank, (width, size) in enumerate(zip(filters, kernel_sizes, strict=True), start=1)
        ]
        norms = [
            layers.BatchNormalization(name=f"norm_{rank}") for rank in range(1, len(recurrent))
        ]
        # TensorFlow 2.21's gradient of such a kernel in bfloat16 is NaN at times, with the same
        # numbers and for some counts of channels: on AVX512-BF16 every 20 steps or so.
        readout = layers.Conv3D(
            channels,
            3,
            padding="same",
            activation=output_activation,
            dtype="float32",
            name="readout",
        )

        def run(x, states):
            """The states of the last layer at every step, and the last states of every layer."""
            last = []
            for rank, (layer, state) in enumerate(zip(recurrent, states, strict=True)):
                x, *state = layer(norms[rank - 1](x) if rank else x, initial_state=state)
                last.append(state)
            return x, last

        # === Graph ===
        frames = keras.Input((input_frames, *grid, channels), name="frames")
        features, states = run(frames, [None] * len(recurrent))
        if output_frames is None:
            x = readout(features)
        else:
            # The last frame of the readout depends on the last two steps alone.
            features = features[:, -2:]
            forecast = [readout(features)[:, -1:]]
            while len(forecast) < output_frames:
                new, states = run(forecast[-1], states)
                features = keras.ops.concatenate([features[:, -1:], new], axis=1)
                forecast.append(readout(features)[:, -1:])
            x = keras.ops.concatenate(forecast, axis=1)
        # The forecast itself is float32 under every precision policy.
        x = layers.Activation("linear", dtype="float32", name="forecast")(x)
        super().__init__(inputs=frames, outputs=x, **kwargs)

        # === Config ===
        self.input_frames = input_frames
        self.output_frames = output_frames
        self.channels = channels
        self.filters = tuple(filters)
        self.kernel_sizes = tuple(kernel_sizes)
        self.grid = tuple(grid)
        self.activation = activation
        self.output_activation = output_activation

    def get_config(self):
        return {
            "input_frames": self.input_frames,
            "output_frames": self.output_frames,
            "channels": self.channels,
            "filters": list(self.filters),
            "kernel_sizes": list(self.kernel_sizes),
            "grid": list(self.grid),
            "activation": self.activation,
            "output_activation": self.output_activation,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
