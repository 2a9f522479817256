"""The ConvLSTM encoder-forecaster of Shi et al. (2015)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_wx.errors import ModelError
from keras_wx.layers import (
    AddChange,
    ConvLSTM,
    DepthToSpace,
    Extrapolation,
    MonteCarloDropout,
    SpaceToDepth,
    dropout_layers,
    switch_dropout,
)
from keras_wx.models.frames import FrameModel
from keras_wx.registry import register_model


@register_model("convlstm")
@keras.saving.register_keras_serializable(package="keras_wx", name="ConvLSTMForecaster")
class ConvLSTMForecaster(FrameModel):
    """ConvLSTM encoder-forecaster: the last frames -> the next frames.

    The encoder is a stack of ConvLSTM layers that reads the input frames. Each layer of the
    forecaster starts from the last state (H, C) of the encoder layer of the same rank. The
    forecaster's first layer has no input and no input kernel; the others read the layer below.
    The states of all forecaster layers are concatenated and turned into frames by one 1x1
    convolution.

    Args:
        input_frames: number J of frames read.
        output_frames: number K of frames forecast. No weight depends on it.
        channels: number of variables of a frame.
        patch_size: side of the patches that become channels before the first layer.
        filters: width of each layer of the stack.
        kernel_size: size of the state-to-state kernels.
        input_kernel_size: size of the input-to-state kernels; None for `kernel_size`.
        peephole: `"channel"`, `"full"` (fixes the grid) or None; see `keras_wx.layers.ConvLSTM`.
        grid: `(height, width)`; None leaves both open, and the model takes any grid that the
            patch size divides.
        output_activation: `"sigmoid"` for gray levels in [0, 1]; `"linear"` for other transforms.
        first_guess: what the network forecasts the change of: `"persistence"`, the last frame;
            `"extrapolation"`, the last frame carried along its motion (see
            `keras_wx.layers.Extrapolation`); or None, as in the paper, for the frames themselves.
            Carried frames are also the input of the forecaster's first layer, which then has an
            input kernel: where they have gone is not in the encoder's states.
        dropout: rate at which channels of the states that the encoder hands to the forecaster are
            dropped, in training and in forecasts. Above 0 every forecast is a draw, and
            `keras_wx.predict(members=...)` gives an ensemble; `model.stochastic = False` turns it
            off. A dropped channel is so at every place and lead time, so that members stay
            coherent. It adds no weight. The paper has none.

    Input shape:
        `(batch, input_frames, height, width, channels)`, network numbers.

    Output shape:
        `(batch, output_frames, height, width, channels)`, network numbers.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214. The parameter counts of
        its table 1 fix what the text leaves open: peepholes by channel, no input kernel in the
        forecaster's first layer, concatenated states before the 1x1 convolution.
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, arXiv:1506.02142.

    Example:
        >>> model = keras_wx.load("convlstm_hko", weights=None)
        >>> model.predict(np.zeros((1, 5, 100, 100, 1))).shape
        (1, 15, 100, 100, 1)
    """

    tiny = {"input_frames": 2, "output_frames": 3, "patch_size": 2, "filters": (4, 3)}
    parts = {"encoder": ("encoder_*",), "forecaster": ("forecaster_*",), "head": ("readout",)}

    def __init__(
        self,
        input_frames: int = 5,
        output_frames: int = 15,
        channels: int = 1,
        patch_size: int = 2,
        filters: Sequence[int] = (64, 64),
        kernel_size: int = 3,
        input_kernel_size: int | None = None,
        peephole: str | None = "channel",
        grid: Sequence[int] | None = None,
        output_activation: str = "sigmoid",
        first_guess: str | None = None,
        dropout: float = 0.0,
        **kwargs,
    ):
        if input_frames < 1 or output_frames < 1 or not filters:
            raise ModelError(
                "Expected at least one input frame, one output frame and one layer. Received: "
                f"input_frames={input_frames}, output_frames={output_frames}, filters={filters}"
            )
        if first_guess not in (None, "persistence", "extrapolation"):
            raise ModelError(
                "first_guess is 'persistence', 'extrapolation' or None. "
                f"Received: first_guess={first_guess!r}"
            )
        height, width = grid or (None, None)
        guided = first_guess == "extrapolation"

        # === Layers ===
        def stack(part: str) -> list[ConvLSTM]:
            return [
                ConvLSTM(
                    width_,
                    kernel_size=kernel_size,
                    input_kernel_size=input_kernel_size,
                    peephole=peephole,
                    has_input=part == "encoder" or rank > 1 or guided,
                    name=f"{part}_{rank}",
                )
                for rank, width_ in enumerate(filters, start=1)
            ]

        encoder, forecaster = stack("encoder"), stack("forecaster")
        readout = layers.Conv3D(
            channels * patch_size**2,
            1,
            # Training starts from the first guess itself: from no change.
            kernel_initializer="zeros" if first_guess else "glorot_uniform",
            activation="linear" if first_guess else output_activation,
            name="readout",
        )

        def drop(part: str, rank: int, dtype: str | None) -> MonteCarloDropout:
            shape, name = (None, 1, 1, None), f"dropout_{part}_{rank}"
            return MonteCarloDropout(dropout, noise_shape=shape, dtype=dtype, name=name)

        # === Graph ===
        frames = keras.Input((input_frames, height, width, channels), name="frames")
        patches = SpaceToDepth(patch_size, name="patches")
        x = patches(frames)
        states = []
        for rank, layer in enumerate(encoder, start=1):
            x, h, c = layer(x)
            if dropout:
                # C is float32 under every precision policy.
                h, c = drop("h", rank, dtype=None)(h), drop("c", rank, dtype="float32")(c)
            states.append((h, c))
        guess, x = None, None
        if guided:
            guess = Extrapolation(output_frames, name="extrapolation")(frames)
            x = patches(guess)
        elif first_guess:
            guess = frames[:, -1:]
        outputs = []
        for layer, state in zip(forecaster, states, strict=True):
            x, *_ = layer(x, initial_state=state, steps=output_frames)
            outputs.append(x)
        x = outputs[0] if len(outputs) == 1 else layers.Concatenate(name="states")(outputs)
        x = DepthToSpace(patch_size, name="unpatch")(readout(x))
        if first_guess:
            x = AddChange(output_activation, name="change")(x, guess)
        # The forecast itself is float32 under every precision policy.
        x = layers.Activation("linear", dtype="float32", name="forecast")(x)
        super().__init__(inputs=frames, outputs=x, **kwargs)

        # === Config ===
        self.input_frames = input_frames
        self.output_frames = output_frames
        self.channels = channels
        self.patch_size = patch_size
        self.filters = tuple(filters)
        self.kernel_size = kernel_size
        self.input_kernel_size = input_kernel_size
        self.peephole = peephole
        self.grid = None if grid is None else tuple(grid)
        self.output_activation = output_activation
        self.first_guess = first_guess
        self.dropout = dropout

    @property
    def stochastic(self) -> bool:
        """Whether forecasts from the same frames differ."""
        return any(layer.active for layer in dropout_layers(self))

    @stochastic.setter
    def stochastic(self, value: bool):
        switch_dropout(self, value)

    def get_config(self):
        return {
            "input_frames": self.input_frames,
            "output_frames": self.output_frames,
            "channels": self.channels,
            "patch_size": self.patch_size,
            "filters": list(self.filters),
            "kernel_size": self.kernel_size,
            "input_kernel_size": self.input_kernel_size,
            "peephole": self.peephole,
            "grid": None if self.grid is None else list(self.grid),
            "output_activation": self.output_activation,
            "first_guess": self.first_guess,
            "dropout": self.dropout,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
