"""A diffusion model of whole fields, which fills the gaps of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_wx import diffusion
from keras_wx.errors import ModelError
from keras_wx.models.diffusion.generative import GenerativeModel, repeated
from keras_wx.models.diffusion.maps import listed, output
from keras_wx.models.diffusion.network import Tensor, TimeUNet
from keras_wx.models.diffusion.process import Process
from keras_wx.registry import register_model


@register_model("repaint")
@keras.saving.register_keras_serializable(package="keras_wx")
class Repaint(GenerativeModel):
    """Diffusion model of radar fields that is told nothing, and fills what a radar did not see.

    The last channel of the input is the mask: 1 where the field is hidden, less where it is known.
    `fit` looks at the targets alone, which are whole fields, and learns what such fields are like;
    so one model fills gaps of any shape. `predict` and `sample` draw what lies in the gaps by
    `keras_wx.diffusion.repaint`. What is known comes out as it went in, to the bit.

    Args:
        targets: channels of the field.
        widths, blocks, encoder_attention, decoder_attention, head_size, groups, dropout: of the
            network, as of `ddpm`.
        schedule: `name` and arguments of a `keras_wx.diffusion.Schedule`.
        prediction: `"epsilon"`, `"x0"`, `"v"` or `"mean"`, see `keras_wx.diffusion.to_x0`.
        min_snr_gamma: of the min-SNR weighting; None for `diffusion.plain_weight`.
        sampler: `name` (`"ddpm"` or `"ddim"`), `steps` and further arguments.
        jump_length: steps that are gone back in a jump.
        resamplings: how often each stretch of so many steps is taken; 1 does not jump.
        height: rows of the tiles on which `keras_wx.predict` runs it; None for the whole domain.
        width: columns, likewise.

    Input shape:
        `(batch, y, x, targets + 1)`, network numbers, of any size, the mask last.

    Output shape:
        `(batch, y, x, targets)`, network numbers: one draw.

    Raises:
        ModelError, UnknownNameError: a configuration that makes no model.

    References:
        Lugmayr et al. (2022), RePaint: Inpainting using Denoising Diffusion Probabilistic Models,
        arXiv:2201.09865.
        Ho et al. (2020), Denoising Diffusion Probabilistic Models, arXiv:2006.11239.

    Example:
        >>> model = keras_wx.load("repaint_curtain_small", weights=None)
        >>> model.sample(np.zeros((1, 128, 64, 2)), members=4).shape
        (4, 1, 128, 64, 1)
    """

    tiny = {
        "targets": 1,
        "widths": [8, 16],
        "blocks": 1,
        "encoder_attention": [2],
        "decoder_attention": [],
        "head_size": 4,
        "groups": 4,
        "schedule": {"name": "cosine", "steps": 50},
        "sampler": {"name": "ddpm", "steps": 5},
        "jump_length": 2,
        "resamplings": 2,
        "height": None,
        "width": None,
    }
    parts = {"network": ("network",), "head": ("head*",)}

    def __init__(
        self,
        targets: int = 1,
        widths: Sequence[int] = (64, 128, 256),
        blocks: int = 2,
        encoder_attention: Sequence[int] = (3,),
        decoder_attention: Sequence[int] = (3,),
        head_size: int = 8,
        groups: int = 32,
        dropout: float = 0.0,
        schedule: Mapping[str, Any] = {"name": "linear"},
        prediction: str = "epsilon",
        min_snr_gamma: float | None = None,
        sampler: Mapping[str, Any] = {"name": "ddpm", "steps": 250},
        jump_length: int = 10,
        resamplings: int = 10,
        height: int | None = None,
        width: int | None = None,
        name: str | None = None,
    ):
        super().__init__(targets + 1, targets, name)
        # What is known is not to be rounded to the precision of the network.
        self.autocast = False

        # === Layers ===
        unet = TimeUNet(
            targets,
            widths,
            blocks=blocks,
            encoder_attention=encoder_attention,
            decoder_attention=decoder_attention,
            head_size=head_size,
            groups=groups,
            dropout=dropout,
        )
        field = keras.Input((None, None, targets), dtype="float32", name="field")
        times = keras.Input((), dtype="float32", name="times")
        predicted = output("linear")(unet(field, times))
        self.network = keras.Model([field, times], predicted, name="network")

        # === Diffusion ===
        self._process = process = Process(schedule, prediction, min_snr_gamma, sampler)
        self._jumps = jump_length, resamplings
        diffusion.resampled(process.steps, *self._jumps)
        if process.sampler.plan(process.schedule, process.steps).looks_back:
            raise ModelError(
                "sampler: expected 'ddpm' or 'ddim', whose steps do not look at those before, so "
                f"that gaps can be drawn again and again. Received: {dict(sampler)}"
            )

        # === Config ===
        self._config = listed(
            {
                "targets": targets,
                "widths": widths,
                "blocks": blocks,
                "encoder_attention": encoder_attention,
                "decoder_attention": decoder_attention,
                "head_size": head_size,
                "groups": groups,
                "dropout": dropout,
                "schedule": schedule,
                "prediction": prediction,
                "min_snr_gamma": min_snr_gamma,
                "sampler": sampler,
                "jump_length": jump_length,
                "resamplings": resamplings,
                "height": height,
                "width": width,
            }
        )

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """Says the size of tiles, as that of a functional model does."""
        size = self._config["height"], self._config["width"]
        return [keras.KerasTensor((None, *size, self._channels[0]), name="maps")]

    # === Drawing ===

    def draw(
        self,
        x: Tensor,
        noise: Tensor | None,
        members: int,
        *,
        sampler: Mapping[str, Any] | None = None,
        steps: int | None = None,
        jump_length: int | None = None,
        resamplings: int | None = None,
    ) -> Tensor:
        """Fields of a batch, see `sample`.

        Args:
            x: maps.
            noise: `(members * batch, y, x, targets)`, or None.
            members: number of fields for each input, slowest along the batch.
            sampler: another one than the configuration's, written likewise, or its name.
            steps: another number of steps.
            jump_length, resamplings: others than the configuration's.
        """
        sampler, steps = self._process.chosen(sampler, steps)
        x = repeated(ops.cast(x, "float32"), members)
        known, mask = x[..., :-1], x[..., -1:]
        if noise is None:
            noise = keras.random.normal(ops.shape(known), dtype="float32", seed=self.seed_generator)
        return diffusion.repaint(
            lambda field, times: self.network([field, times], training=False),
            noise,
            known,
            mask < 1,
            self._process.schedule,
            sampler,
            steps,
            prediction=self._process.prediction,
            seed=self.seed_generator,
            jump_length=jump_length or self._jumps[0],
            resamplings=resamplings or self._jumps[1],
        )

    # === Training ===

    def objective(self, x, y, sample_weight, training):
        y = ops.cast(y, "float32")
        drawn = self._process.draw(y, self.seed_generator)
        predicted = self.network([drawn.x_t, drawn.times], training=training)
        return self._process.loss(predicted, drawn, y, _validity(x, sample_weight))


def _validity(x: Tensor, sample_weight: Tensor | None) -> Tensor | None:
    """1 where the target is a value, from weights that are those of the gaps.

    Samples of curtains weigh the blind zone alone, for models that fill nothing else. Whole fields
    are learnt here, so that a weight of 0 says something inside the mask only: that the target is
    missing there too.
    """
    if sample_weight is None or len(sample_weight.shape) < 3:
        return sample_weight
    hidden = x[..., -1] > 0
    return ops.where(hidden, ops.cast(sample_weight > 0, "float32"), 1.0)
