"""What `unet`, `unetplusplus` and `unet3plus` share: mask, heads, deep supervision, members."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.layers import (
    AddChange,
    ClassGate,
    HideBlindZone,
    MergeMeasured,
    RepeatMeasured,
    dropout_layers,
    switch_dropout,
)
from keras_wx.losses import CloudDistribution, CloudLikelihood
from keras_wx.models.unet.blocks import Block, Blocks, Draws, Tensor
from keras_wx.models.unet.members import Members

DEPTHS = range(3, 7)
FIRST_GUESSES = {"clear": HideBlindZone, "repeat": RepeatMeasured}
"""What the network sees in the blind zone."""
_EMPTY = {"sigmoid": 0.0}  # otherwise clear air, -1


class Features(NamedTuple):
    """What the body of a network gives: features to read forecasts from."""

    top: Tensor
    """Of the last decoder, in full resolution."""
    sides: tuple[tuple[str, Tensor, int], ...]
    """Name, features and how many times coarser they are, of the nodes that are supervised too."""
    bottom: Tensor
    """Of the bottleneck."""


class Body(Protocol):
    """The part of a network that differs between the three. It holds its layers."""

    reach: int
    """Number of rows by which the convolutions after the last upsampling reach upwards."""

    def __init__(self, blocks: Blocks, filters: int, depth: int): ...

    def __call__(self, x: Tensor, draws: Draws) -> Features: ...


class UNetFamily(keras.Model):
    """A curtain with a blind zone -> the whole curtain: base of the three networks.

    The last channel of the input is the mask: 1 in the blind zone, falling to 0 above. The network
    sees a first guess in the place of what is hidden, and its forecast is blended with the
    measurement by the mask. Where that is 0, the measurement comes out to the bit.

    With deep supervision `fit` trains heads on coarser features too, with the same target;
    `predict` has none of them.

    A subclass says by `body` what makes its body, from `(blocks, filters, depth)`, and by
    `head_size` the size of its heads' kernels.

    Args:
        inputs: number of channels, the mask included.
        outputs: number of variables forecast: the first channels of the input.
        filters: channels of the first level and of every branch.
        depth: number of poolings, 3 to 6. Height and width have to be a multiple of 2**depth.
        dropout: rate of the Monte Carlo dropout. `keras_wx.predict(members=...)` gives an ensemble;
            `model.stochastic = False` turns it off.
        l2: factor of the squared kernels in the loss.
        upsampling: `"bilinear"` or `"nearest"`.
        mask: whether the last channel is a mask; False for images without a blind zone.
        hidden_channels: how many channels, from the first, are hidden in the blind zone; None for
            all, as published. State variables need no hiding: a model of the atmosphere has them.
        first_guess: what the network sees in their place: `"clear"` air, as published; or
            `"repeat"`, the lowest gate that was measured. Then it forecasts the change of that,
            none before it is trained, and begins where the baseline `repeat` is.
        deep_supervision: whether `fit` trains the other heads too.
        supervision_weight: what their losses are multiplied by.
        head: activation of the forecast, `"linear"`, `"tanh"` or `"sigmoid"`; or
            `"probabilistic"` for the parameters of a `keras_wx.losses.CloudDistribution` at each
            gate in the place of its value: logit of cloud, location, logarithm of the scale. The
            loss `"cloud_likelihood"` trains them, metrics see the median. They are not merged with
            the measurement: `keras_wx.predict` does that with what it reads off them.
        classification_guided: whether a classifier on the bottleneck, trained beside the rest,
            empties forecasts of curtains in which it finds nothing.
        height: number of rows; None for any.
        width: number of columns; None for any.

    Input shape:
        `(batch, height, width, inputs)`, network numbers, row 0 the lowest.

    Output shape:
        `(batch, height, width, outputs)`, network numbers; 3 channels for a probabilistic head.
    """

    body: type[Body]
    head_size = 3
    tiny = {"inputs": 3, "outputs": 1, "filters": 4, "depth": 3, "dropout": 0.0}
    parts = {
        "encoder": ("encoder_*",),
        "decoder": ("decoder_*",),
        "head": ("head*", "classes"),
    }

    # Keras' own check of the input's shape runs under TensorFlow only and names no remedy.
    input_spec = None

    def __init__(
        self,
        inputs: int = 6,
        outputs: int = 5,
        filters: int = 32,
        depth: int = 4,
        dropout: float = 0.2,
        l2: float = 1e-5,
        upsampling: str = "bilinear",
        mask: bool = True,
        hidden_channels: int | None = None,
        first_guess: str = "clear",
        deep_supervision: bool = True,
        supervision_weight: float = 1.0,
        head: str = "linear",
        classification_guided: bool = False,
        height: int | None = None,
        width: int | None = None,
        name: str | None = None,
    ):
        config = {
            "inputs": inputs,
            "outputs": outputs,
            "filters": filters,
            "depth": depth,
            "dropout": dropout,
            "l2": l2,
            "upsampling": upsampling,
            "mask": mask,
            "hidden_channels": hidden_channels,
            "first_guess": first_guess,
            "deep_supervision": deep_supervision,
            "supervision_weight": supervision_weight,
            "head": head,
            "classification_guided": classification_guided,
            "height": height,
            "width": width,
        }
        _check(config)
        probabilistic = head == "probabilistic"
        activation = "linear" if probabilistic else head
        channels = CloudDistribution.PARAMETERS if probabilistic else outputs
        empty = _EMPTY.get(activation, -1.0)

        # === Layers ===
        blocks = Blocks(dropout, l2, upsampling)
        body = self.body(blocks, filters, depth)
        hide = FIRST_GUESSES[first_guess](hidden_channels, name="hide") if mask else None
        change = AddChange("linear", name="change") if first_guess != "clear" else None
        merge = MergeMeasured(name="merge") if mask and not probabilistic else None
        gate = ClassGate(empty, name="class_gate") if classification_guided else None

        def head_of(place: str, factor: int = 1) -> Block:
            return blocks.head(
                f"head{place}",
                channels,
                activation,
                size=self.head_size,
                factor=factor,
                zero=change is not None,
            )

        main_head = head_of("")
        classifier = blocks.classifier("classifier") if classification_guided else None

        # === Graph ===
        def given(
            forecast: Tensor, classes: Tensor | None, curtain: Tensor, shown: Tensor
        ) -> Tensor:
            if change:
                forecast = change(forecast, shown[..., :outputs])
            if gate:
                forecast = gate(forecast, classes)
            return merge(forecast, curtain) if merge else forecast

        def run(shown: Tensor, curtain: Tensor, draws: Draws):
            features = body(shown, draws)
            classes = classifier(features.bottom) if classifier else None
            kept = (draws.repeated(draws.cut(x)) for x in (curtain, shown))
            return given(main_head(features.top), classes, *kept), features, classes

        def seen(curtain: Tensor) -> Tensor:
            return hide(curtain) if hide else curtain

        curtain = keras.Input((height, width, inputs), name="curtain")
        shown = seen(curtain)
        forecast, features, classes = run(shown, curtain, Draws())
        super().__init__(inputs=curtain, outputs=forecast, name=name)
        trained = [forecast]
        if deep_supervision:
            for place, x, factor in features.sides:
                trained.append(given(head_of(f"_{place}", factor)(x), classes, curtain, shown))
        if classification_guided:
            trained.append(classes)
        # The graph of the forecast has no other head: they cost nothing in `predict`.
        self.supervised = keras.Model(curtain, trained, name="supervised") if trained[1:] else None

        # === Config ===
        self._config = config
        self._empty = empty
        self._merges = merge is not None
        self._draws_from_law = probabilistic
        self._members = Members(
            lambda x, draws: run(seen(x), x, draws)[0], body.reach + self.head_size // 2
        )

    # === Forecasts ===

    def call(self, curtain, training=None, mask=None):
        self._check_fits(tuple(curtain.shape))
        if training and self.supervised is not None:
            return self.supervised(curtain, training=True)
        return super().call(curtain, training=training, mask=mask)

    @property
    def grid_multiple(self) -> int:
        """What height and width have to be a multiple of."""
        return 2 ** self._config["depth"]

    @property
    def distribution(self) -> type[CloudDistribution] | None:
        """What the forecast holds the parameters of, gate by gate; None where it is the value."""
        return CloudDistribution if self._config["head"] == "probabilistic" else None

    @property
    def drops_out(self) -> bool:
        """Whether two calls with the same curtain differ: dropout is on."""
        return any(layer.active and layer.rate > 0 for layer in dropout_layers(self))

    @property
    def stochastic(self) -> bool:
        """Whether `keras_wx.predict` draws members: by dropout, or from distributions."""
        return self._draws_from_law or self.drops_out

    @stochastic.setter
    def stochastic(self, value: bool):
        self._draws_from_law = value and self.distribution is not None
        switch_dropout(self, value)

    def predict_members(self, x: np.ndarray, members: int) -> np.ndarray:
        """An ensemble, for less than what so many calls of `predict` cost.

        What comes before the first dropout is computed once for all members, and the last decoder
        only on the rows that the mask can reach: above it the forecast is the measurement. The
        members are drawn as so many calls of `predict` in a row would draw them, so that within
        `keras_wx.inference.network.seeded` they are the same.

        Args:
            x: curtains `(batch, height, time, channels)`, network numbers.
            members: number of forecasts of each.

        Returns:
            `(members, batch, height, time, outputs)`, float32.

        Raises:
            ModelError: curtains that do not fit, no member, or a network without dropout.

        Example:
            >>> model.predict_members(curtains, members=50).std(axis=0)
        """
        x = np.asarray(x, np.float32)
        self._check_fits(x.shape)
        if members < 1 or not self.drops_out:
            raise ModelError(
                f"An ensemble needs at least one member and a network with dropout that is on. "
                f"Received: members={members}, dropout={self._config['dropout']}, "
                f"stochastic={self.stochastic}"
            )
        return self._members.forecast(self, x, members, merged=self._merges)

    # === Training ===

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self._check_loss()
        if not isinstance(y_pred, (list, tuple)):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        forecast, *sides = y_pred
        classes = sides.pop() if self._config["classification_guided"] else None
        # Regularisation is part of the first term only.
        loss = super().compute_loss(x, y, forecast, sample_weight, training)
        for side in sides:
            loss += self._config["supervision_weight"] * self._compile_loss(y, side, sample_weight)
        if classes is not None:
            loss += self._class_loss(y, classes, sample_weight)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if isinstance(y_pred, (list, tuple)):
            y_pred = y_pred[0]
        if self.distribution:
            y_pred = ops.expand_dims(self.distribution(y_pred).quantile(0.5), -1)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _class_loss(self, y, classes, sample_weight):
        """Cross entropy of whether the target has anything where it is weighed."""
        there = ops.cast(y[..., 0] > self._empty + 0.5, "float32")
        if sample_weight is not None:
            there = ops.where(ops.cast(sample_weight, "float32") > 0, there, 0.0)
        there = ops.max(there, axis=(1, 2))
        truth = ops.stack([1.0 - there, there], axis=-1)
        return ops.mean(keras.losses.binary_crossentropy(truth, classes))

    # === Checks, configuration ===

    def _check_loss(self):
        """A loss of values would train the first parameter to be one, and say nothing."""
        known = isinstance(self.loss, (str, keras.losses.Loss))
        if self.distribution and known and not isinstance(self.loss, CloudLikelihood):
            raise ModelError(
                f"{self.name} has a probabilistic head, whose parameters the loss "
                "'cloud_likelihood' trains: model.compile(loss=keras_wx.losses.get("
                "'cloud_likelihood'), ...). A function of one's own is taken too. "
                f"Received: loss={getattr(self.loss, 'name', self.loss)!r}"
            )

    def _check_fits(self, received: tuple[int | None, ...]):
        _, height, width, channels = self.input_shape
        multiple = self.grid_multiple
        fits = len(received) == 4 and received[3] in (None, channels)
        for want, have in zip((height, width), received[1:3], strict=False):
            fits = fits and (None in (want, have) or want == have)
            fits = fits and (have is None or have % multiple == 0)
        if not fits:
            raise ModelError(
                f"{self.name} reads {height or 'any'} x {width or 'any'} points, both a multiple "
                f"of {multiple}, with {channels} channels: (batch, {height}, {width}, {channels}). "
                f"Received: shape={received}. keras_wx.load takes height=, width= and inputs= to "
                "build it for others, and keeps the weights that fit."
            )

    def get_config(self):
        return self._config | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _check(config: dict[str, Any]) -> None:
    """What the layers would not say, or not clearly."""
    inputs, outputs, mask = config["inputs"], config["outputs"], config["mask"]
    problems = []
    if config["depth"] not in DEPTHS:
        problems.append(f"depth from {DEPTHS[0]} to {DEPTHS[-1]}")
    if config["filters"] < 1:
        problems.append("at least one filter")
    if config["head"] not in ("linear", "tanh", "sigmoid", "probabilistic"):
        problems.append("head='linear', 'tanh', 'sigmoid' or 'probabilistic'")
    if config["first_guess"] not in FIRST_GUESSES:
        problems.append(f"first_guess={' or '.join(map(repr, FIRST_GUESSES))}")
    elif config["first_guess"] != "clear" and (config["head"] != "linear" or not mask):
        problems.append("with a first guess, head='linear' and a mask")
    if config["upsampling"] not in ("bilinear", "nearest"):
        problems.append("upsampling='bilinear' or 'nearest'")
    if inputs < 1 + mask or outputs < 1 or (mask and outputs > inputs - 1):
        problems.append("no more outputs than inputs; of these the last is the mask, if mask=True")
    if config["head"] == "probabilistic" and (outputs > 1 or config["classification_guided"]):
        problems.append("a probabilistic head with one output and without classification_guided")
    for key in ("height", "width"):
        if config[key] is not None and config[key] % 2 ** config["depth"]:
            problems.append(f"{key} a multiple of {2 ** config['depth']}, or None")
    if problems:
        raise ModelError(f"Expected {'; '.join(problems)}. Received: {config}")
