"""The diffusion model that draws fine fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_wx import diffusion
from keras_wx.errors import ModelError
from keras_wx.models.diffusion.conditions import TINY, ConditionalUNet, Conditions
from keras_wx.models.diffusion.generative import GenerativeModel, repeated
from keras_wx.models.diffusion.maps import listed
from keras_wx.models.diffusion.network import Tensor
from keras_wx.models.diffusion.process import Process
from keras_wx.registry import register_model


@register_model("ddpm")
@keras.saving.register_keras_serializable(package="keras_wx")
class DDPM(GenerativeModel):
    """Diffusion model of a fine field, told the coarse one, the field's history and the place.

    The network sees the noisy field, the features that a transfer encoder finds in the history,
    and the other conditions; see `TimeUNet` for what it is. `fit` trains it on times and noise that
    it draws itself; `predict` and `sample` draw fields, in one compiled loop that runs the encoder
    and the conditions once.

    Args:
        targets: channels of the field.
        history: number of channels, the first of the input, that go to the encoder alone.
        conditions: number of the other channels.
        widths: of the network's levels; level 1 is the full resolution.
        blocks: residual blocks of a level on the way down; one more on the way up.
        encoder_attention: levels with attention on the way down, counted from 1.
        decoder_attention: the same on the way up.
        head_size: channels of a head of attention.
        groups: of the group normalisations.
        dropout: rate in the residual blocks, in training.
        encoder: `widths`, `blocks`, `encoder_attention`, `head_size` and `groups` of a
            transfer network; None for none, the history is then a condition like the others.
            `take_encoder` gives it trained weights.
        frozen: whether training leaves the encoder as it is.
        schedule: `name` and arguments of a `keras_wx.diffusion.Schedule`.
        prediction: `"epsilon"`, `"x0"`, `"v"` or `"mean"`, see `keras_wx.diffusion.to_x0`.
        min_snr_gamma: of the min-SNR weighting; None for `diffusion.plain_weight`.
        guidance: `p_uncond`, the share of training without conditions, and `scale`, how far
            samples go from what the network says without them; None for neither.
        output_activation: of what the network predicts; `"sigmoid"` for `"x0"` between 0 and 1.
        sampler: `name`, `steps` and further arguments of a `keras_wx.diffusion.Sampler`.

    Input shape:
        `(batch, y, x, history + conditions)`, network numbers, of any size.

    Output shape:
        `(batch, y, x, targets)`, network numbers: one draw.

    Raises:
        ModelError, UnknownNameError: a configuration that makes no model.

    References:
        Ho et al. (2020), Denoising Diffusion Probabilistic Models, arXiv:2006.11239.
        Xiang et al. (2025), arXiv:2512.05139.
        Ho & Salimans (2022), Classifier-Free Diffusion Guidance, arXiv:2207.12598.

    Example:
        >>> model = keras_wx.load("ddpm_merra2_g5nr", weights=None)
        >>> model.sample(np.zeros((1, 16, 16, 45)), members=4).shape
        (4, 1, 16, 16, 1)
    """

    tiny = TINY | {
        "schedule": {"name": "cosine", "steps": 50},
        "sampler": {"name": "dpm_solver", "steps": 5},
    }
    parts = {
        "transfer": ("transfer_encoder",),
        "network": ("network",),
        "head": ("head*",),
    }

    def __init__(
        self,
        targets: int = 1,
        history: int = 40,
        conditions: int = 5,
        widths: Sequence[int] = (128, 256, 512),
        blocks: int = 2,
        encoder_attention: Sequence[int] = (2, 3),
        decoder_attention: Sequence[int] = (2,),
        head_size: int = 8,
        groups: int = 32,
        dropout: float = 0.0,
        encoder: Mapping[str, Any] | None = None,
        frozen: bool = True,
        schedule: Mapping[str, Any] = {"name": "cosine"},
        prediction: str = "v",
        min_snr_gamma: float | None = None,
        guidance: Mapping[str, float] | None = None,
        output_activation: str | None = None,
        sampler: Mapping[str, Any] = {"name": "dpm_solver", "steps": 20},
        name: str | None = None,
    ):
        super().__init__(history + conditions, targets, name)

        # === Layers ===
        told = Conditions(history, conditions, encoder, frozen)
        self.conditions = told.model()
        self.network = ConditionalUNet(
            targets,
            changing=targets,
            constant=told.channels,
            widths=widths,
            blocks=blocks,
            encoder_attention=encoder_attention,
            decoder_attention=decoder_attention,
            head_size=head_size,
            groups=groups,
            dropout=dropout,
            activation=output_activation,
            name="network",
        )

        # === Diffusion ===
        self._process = Process(schedule, prediction, min_snr_gamma, sampler)
        self._p_uncond, self._guidance_scale = _read_guidance(guidance)

        # === Config ===
        self._config = listed(
            {
                "targets": targets,
                "history": history,
                "conditions": conditions,
                "widths": widths,
                "blocks": blocks,
                "encoder_attention": encoder_attention,
                "decoder_attention": decoder_attention,
                "head_size": head_size,
                "groups": groups,
                "dropout": dropout,
                "encoder": encoder,
                "frozen": frozen,
                "schedule": schedule,
                "prediction": prediction,
                "min_snr_gamma": min_snr_gamma,
                "guidance": guidance,
                "output_activation": output_activation,
                "sampler": sampler,
            }
        )

    # === Drawing ===

    def draw(
        self,
        x: Tensor,
        noise: Tensor | None,
        members: int,
        *,
        sampler: Mapping[str, Any] | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
    ) -> Tensor:
        """Fields of a batch, see `sample`.

        Args:
            x: maps.
            noise: `(members * batch, y, x, targets)`, or None.
            members: number of fields for each input, slowest along the batch.
            sampler: another one than the configuration's, written likewise, or its name.
            steps: another number of steps.
            guidance_scale: another one.
        """
        return self._draw_from(
            self.conditions(x), x, noise, members, sampler, steps, guidance_scale
        )

    def _draw_from(self, conditions, x, noise, members, sampler, steps, guidance_scale):
        sampler, steps = self._process.chosen(sampler, steps)
        scale = self._guidance_scale if guidance_scale is None else guidance_scale
        if noise is None:
            batch, *size, _ = ops.shape(x)
            shape = (members * batch, *size, self._channels[1])
            noise = keras.random.normal(shape, dtype="float32", seed=self.seed_generator)
        told = repeated(self.network.constant(conditions), members)
        untold = None if scale == 1 else self.network.constant(ops.zeros_like(conditions[:1]))

        def network(field, times, heed):
            return self.network(field, told if heed else untold, times, training=False)

        return diffusion.sample(
            diffusion.guided(network, scale),
            noise,
            self._process.schedule,
            sampler,
            steps,
            prediction=self._process.prediction,
            seed=self.seed_generator,
        )

    # === Training ===

    def objective(self, x, y, sample_weight, training):
        return self._diffusion_loss(
            self.conditions(x, training=training), y, sample_weight, training
        )

    def _diffusion_loss(self, conditions, y, sample_weight, training):
        y = ops.cast(y, "float32")
        drawn = self._process.draw(y, self.seed_generator)
        if training and self._p_uncond:
            told = keras.random.uniform((ops.shape(y)[0], 1, 1, 1), seed=self.seed_generator)
            conditions = ops.where(told >= self._p_uncond, conditions, 0)
        output = self.network(
            drawn.x_t, self.network.constant(conditions), drawn.times, training=training
        )
        return self._process.loss(output, drawn, y, sample_weight)


def _read_guidance(config: Mapping[str, float] | None) -> tuple[float, float]:
    given = {"p_uncond": 0.0, "scale": 1.0} | dict(config or {})
    if set(given) != {"p_uncond", "scale"} or not 0 <= given["p_uncond"] < 1:
        raise ModelError(
            "guidance: expected p_uncond, at least 0 and below 1, and scale. "
            f"Received: {dict(config or {})}"
        )
    return given["p_uncond"], given["scale"]
