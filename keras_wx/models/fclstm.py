"""The fully connected LSTM encoder-forecaster that Shi et al. (2015) compare ConvLSTM with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_wx.errors import ModelError
from keras_wx.layers.fclstm import FCLSTM
from keras_wx.models.frames import FrameModel
from keras_wx.registry import register_model


@register_model("fclstm")
@keras.saving.register_keras_serializable(package="keras_wx", name="FCLSTMForecaster")
class FCLSTMForecaster(FrameModel):
    """FC-LSTM encoder-forecaster: the last frames -> the next frames, each frame a long vector.

    As `convlstm`, with fully connected layers: the encoder reads the input frames; each layer of
    the forecaster starts from the last state (H, C) of the encoder layer of the same rank, the
    first without input, the others from the layer below. The states of the last layer alone are
    turned into frames. Neighbouring points are no closer to the network than distant ones, and the
    number of weights grows with the grid.

    Args:
        input_frames: number J of frames read.
        output_frames: number K of frames forecast. No weight depends on it.
        channels: number of variables of a frame.
        units: length of the state of each layer of the stack.
        grid: `(height, width)`, which fixes the size of the first and the last kernel.
        output_activation: `"sigmoid"` for gray levels in [0, 1]; `"linear"` for other transforms.

    Input shape:
        `(batch, input_frames, height, width, channels)`, network numbers.

    Output shape:
        `(batch, output_frames, height, width, channels)`, network numbers.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214. The 142,667,776 parameters
        in its table 1 fix what the text leaves open: three peepholes a unit, no input kernel in the
        forecaster's first layer, and an output layer that reads the last layer alone.
        Srivastava et al. (2015), Unsupervised Learning of Video Representations using LSTMs,
        arXiv:1502.04681, for the network it goes back to.

    Example:
        >>> model = keras_wx.load("fclstm_mnist_small")
        >>> model.predict(np.zeros((1, 10, 64, 64, 1))).shape
        (1, 10, 64, 64, 1)
    """

    tiny = {"input_frames": 2, "output_frames": 3, "units": (6, 5), "grid": (8, 8)}
    parts = {"encoder": ("encoder_*",), "forecaster": ("forecaster_*",), "head": ("readout",)}

    def __init__(
        self,
        input_frames: int = 10,
        output_frames: int = 10,
        channels: int = 1,
        units: Sequence[int] = (2048, 2048),
        grid: Sequence[int] = (64, 64),
        output_activation: str = "sigmoid",
        **kwargs,
    ):
        if input_frames < 1 or output_frames < 1 or not units:
            raise ModelError(
                "Expected at least one input frame, one output frame and one layer. Received: "
                f"input_frames={input_frames}, output_frames={output_frames}, units={units}"
            )
        if grid is None or None in grid:
            raise ModelError(
                "Each weight of an FC-LSTM belongs to a grid point: expected "
                f"grid=(height, width). Received: grid={grid}"
            )
        shape = (*grid, channels)

        # === Layers ===
        encoder, forecaster = (
            [
                FCLSTM(width, has_input=part == "encoder" or rank > 1, name=f"{part}_{rank}")
                for rank, width in enumerate(units, start=1)
            ]
            for part in ("encoder", "forecaster")
        )
        readout = layers.Dense(math.prod(shape), activation=output_activation, name="readout")

        # === Graph ===
        frames = keras.Input((input_frames, *shape), name="frames")
        x = layers.Reshape((input_frames, math.prod(shape)), name="vectors")(frames)
        states = []
        for layer in encoder:
            x, *state = layer(x)
            states.append(state)
        x = None
        for layer, state in zip(forecaster, states, strict=True):
            x, *_ = layer(x, initial_state=state, steps=output_frames)
        x = layers.Reshape((output_frames, *shape), name="images")(readout(x))
        # The forecast itself is float32 under every precision policy.
        x = layers.Activation("linear", dtype="float32", name="forecast")(x)
        super().__init__(inputs=frames, outputs=x, **kwargs)

        # === Config ===
        self.input_frames = input_frames
        self.output_frames = output_frames
        self.channels = channels
        self.units = tuple(units)
        self.grid = tuple(grid)
        self.output_activation = output_activation

    def get_config(self):
        return {
            "input_frames": self.input_frames,
            "output_frames": self.output_frames,
            "channels": self.channels,
            "units": list(self.units),
            "grid": list(self.grid),
            "output_activation": self.output_activation,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
