"""A deterministic mean, and a diffusion model of what it leaves over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_wx.diffusion.objective import point_mean
from keras_wx.models.diffusion.ddpm import DDPM
from keras_wx.models.diffusion.generative import repeated
from keras_wx.models.diffusion.maps import listed, output
from keras_wx.models.diffusion.network import Tensor, TimeUNet
from keras_wx.registry import register_model


@register_model("regression_diffusion")
@keras.saving.register_keras_serializable(package="keras_wx")
class RegressionDiffusion(DDPM):
    """A U-Net says the mean of the fine field, and a diffusion model draws the residual.

    Both are told what `ddpm` is told. They are trained together: the loss is the squared error of
    the mean plus the loss of the diffusion model, which passes no gradient to the mean; an encoder
    that is not frozen learns from both. Residuals are divided by their standard deviation, a moving
    average over batches that is kept with the weights.

    Args:
        mean: `widths`, `blocks`, `encoder_attention`, `decoder_attention`, `head_size` and
            `groups` of the network of the mean; None for those of the diffusion model's.
        momentum: of the moving average, in each step.
        targets, history, conditions, widths, blocks, encoder_attention, decoder_attention,
            head_size, groups, dropout, encoder, frozen, schedule, prediction, min_snr_gamma,
            guidance, sampler: of the diffusion model, as of `ddpm`.

    Input shape:
        `(batch, y, x, history + conditions)`, network numbers, of any size.

    Output shape:
        `(batch, y, x, targets)`, network numbers: one draw.

    Raises:
        ModelError, UnknownNameError: a configuration that makes no model.

    References:
        Mardani et al. (2023), Residual Corrective Diffusion Modeling for Km-scale Atmospheric
        Downscaling, arXiv:2309.15214. Its two networks are trained one after the other.

    Example:
        >>> model = keras_wx.load("regression_diffusion_ncep_air", weights=None)
        >>> model.sample(np.zeros((1, 24, 51, 25)), members=4).shape
        (4, 1, 24, 51, 1)
    """

    parts = DDPM.parts | {"mean": ("mean",)}

    def __init__(
        self,
        targets: int = 1,
        history: int = 40,
        conditions: int = 5,
        mean: Mapping[str, Any] | None = None,
        momentum: float = 0.99,
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
        sampler: Mapping[str, Any] = {"name": "dpm_solver", "steps": 20},
        name: str | None = None,
    ):
        super().__init__(
            targets=targets,
            history=history,
            conditions=conditions,
            widths=widths,
            blocks=blocks,
            encoder_attention=encoder_attention,
            decoder_attention=decoder_attention,
            head_size=head_size,
            groups=groups,
            dropout=dropout,
            encoder=encoder,
            frozen=frozen,
            schedule=schedule,
            prediction=prediction,
            min_snr_gamma=min_snr_gamma,
            guidance=guidance,
            sampler=sampler,
            name=name,
        )

        # === Layers ===
        own = ("widths", "blocks", "encoder_attention", "decoder_attention", "head_size", "groups")
        network = dict(mean or {key: self._config[key] for key in own})
        with keras.name_scope("mean"):
            told = keras.Input((None, None, self.conditions.output_shape[-1]), name="told")
            field = output("linear")(TimeUNet(targets, timestep=0, **network)(told))
        self.mean = keras.Model(told, field, name="mean")
        # Without autocast it stays float32 under mixed precision.
        self.residual_std = self.add_weight(
            name="residual_std",
            shape=(targets,),
            initializer="ones",
            trainable=False,
            autocast=False,
        )
        self._momentum = momentum

        # === Config ===
        del self._config["output_activation"]
        self._config |= {"mean": None if mean is None else listed(network), "momentum": momentum}

    def draw(self, x, noise, members, *, sampler=None, steps=None, guidance_scale=None):
        conditions = self.conditions(x)
        residual = self._draw_from(conditions, x, noise, members, sampler, steps, guidance_scale)
        return repeated(self.mean(conditions), members) + residual * self.residual_std

    draw.__doc__ = DDPM.draw.__doc__

    def objective(self, x, y, sample_weight, training):
        conditions = self.conditions(x, training=training)
        y = ops.cast(y, "float32")
        residual = y - self.mean(conditions, training=training)
        error = point_mean(ops.square(residual), sample_weight)
        residual = ops.stop_gradient(residual)
        if training:
            self._follow(residual, sample_weight)
        residual = residual / self.residual_std
        return error + self._diffusion_loss(conditions, residual, sample_weight, training)

    def _follow(self, residual: Tensor, sample_weight: Tensor | None) -> None:
        """Lets the standard deviation follow that of a batch."""
        square = ops.stack(
            [
                point_mean(channel[..., None], sample_weight)
                for channel in ops.unstack(ops.square(residual), axis=-1)
            ]
        )
        # A batch that a mask hides has none to follow.
        square = ops.where(square > 0, square, ops.square(self.residual_std))
        kept = self._momentum * ops.square(self.residual_std) + (1 - self._momentum) * square
        self.residual_std.assign(ops.sqrt(kept))
