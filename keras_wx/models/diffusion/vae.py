"""The variational autoencoder, a rival of the diffusion model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_wx.diffusion.objective import point_mean
from keras_wx.layers import ResizeLike
from keras_wx.layers.initial import fan_in_uniform
from keras_wx.models.diffusion.conditions import TINY, ConditionalUNet, Conditions
from keras_wx.models.diffusion.generative import GenerativeModel, repeated
from keras_wx.models.diffusion.maps import listed
from keras_wx.models.diffusion.network import Tensor, TimeUNet
from keras_wx.registry import register_model

_LOG_VARIANCE = (-20.0, 10.0)


@register_model("vae")
@keras.saving.register_keras_serializable(package="keras_wx")
class VAE(GenerativeModel):
    """Conditional variational autoencoder: draws fine fields, told what `ddpm` is told.

    A posterior network reads the field and the conditions and gives mean and variance of a latent
    map at the resolution of its lowest level; a U-Net reads a draw of it, interpolated to the full
    resolution, and the conditions, and gives the field. The prior of the latent map is a standard
    normal distribution. The loss is

        mean over points of (y - field)^2  +  kl_weight * KL / number of points

    with KL summed over the latent map, both as means over the batch: at `kl_weight=2` it is twice
    the negative evidence bound per point of a field with unit variance (up to a constant).

    Args:
        targets: channels of the field.
        history: number of channels, the first of the input, that go to the encoder alone.
        conditions: number of the other channels.
        latent: channels of the latent map.
        kl_weight: factor of the divergence in the loss.
        widths, blocks, encoder_attention, decoder_attention, head_size, groups, dropout: of the
            U-Net, as of `ddpm`.
        posterior_widths: of the posterior network, whose number of levels may differ.
        encoder: of a transfer network, as of `ddpm`; None for none.
        frozen: whether training leaves the encoder as it is.
        output_activation: of the field.

    Input shape:
        `(batch, y, x, history + conditions)`, network numbers, of any size.

    Output shape:
        `(batch, y, x, targets)`, network numbers: one draw.

    Raises:
        ModelError: a configuration that makes no network.

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.
        Sohn et al. (2015), Learning Structured Output Representation using Deep Conditional
        Generative Models, NIPS.

    Example:
        >>> model = keras_wx.load("vae_merra2_g5nr", weights=None)
        >>> model.sample(np.zeros((1, 16, 16, 45)), members=4).shape
        (4, 1, 16, 16, 1)
    """

    tiny = TINY | {"latent": 2, "posterior_widths": [8, 16]}
    parts = {
        "transfer": ("transfer_encoder",),
        "network": ("network",),
        "posterior": ("posterior",),
        "head": ("head*",),
    }

    def __init__(
        self,
        targets: int = 1,
        history: int = 40,
        conditions: int = 5,
        latent: int = 8,
        kl_weight: float = 1.0,
        widths: Sequence[int] = (128, 256, 512),
        blocks: int = 2,
        encoder_attention: Sequence[int] = (2, 3),
        decoder_attention: Sequence[int] = (2,),
        head_size: int = 8,
        groups: int = 32,
        dropout: float = 0.0,
        posterior_widths: Sequence[int] = (64, 128, 256),
        encoder: Mapping[str, Any] | None = None,
        frozen: bool = True,
        output_activation: str | None = None,
        name: str | None = None,
    ):
        super().__init__(history + conditions, targets, name)

        # === Layers ===
        told = Conditions(history, conditions, encoder, frozen)
        self.conditions = told.model()
        self.posterior = _posterior(
            targets + told.channels, latent, posterior_widths, blocks, head_size, groups
        )
        self.resize = ResizeLike(name="resize")
        self.network = ConditionalUNet(
            targets,
            changing=latent,
            constant=told.channels,
            widths=widths,
            blocks=blocks,
            encoder_attention=encoder_attention,
            decoder_attention=decoder_attention,
            head_size=head_size,
            groups=groups,
            dropout=dropout,
            timestep=0,
            activation=output_activation,
            name="network",
        )
        self._latent = latent
        self._halvings = len(posterior_widths) - 1
        self._kl_weight = kl_weight

        # === Config ===
        self._config = listed(
            {
                "targets": targets,
                "history": history,
                "conditions": conditions,
                "latent": latent,
                "kl_weight": kl_weight,
                "widths": widths,
                "blocks": blocks,
                "encoder_attention": encoder_attention,
                "decoder_attention": decoder_attention,
                "head_size": head_size,
                "groups": groups,
                "dropout": dropout,
                "posterior_widths": posterior_widths,
                "encoder": encoder,
                "frozen": frozen,
                "output_activation": output_activation,
            }
        )

    def sample(self, x, members: int = 1):
        # Without noise=: what this model begins with is no field of the size of its result.
        return super().sample(x, members=members)

    sample.__doc__ = GenerativeModel.sample.__doc__

    def draw(self, x: Tensor, noise: None, members: int) -> Tensor:
        """Fields of a batch from draws of the prior, see `sample`."""
        batch, *size, _ = ops.shape(x)
        for _ in range(self._halvings):
            size = [(n + 1) // 2 for n in size]
        z = self._noise((members * batch, *size, self._latent))
        constant = self.network.constant(self.conditions(x))
        return self.network(self.resize(z, repeated(x, members)), repeated(constant, members))

    def objective(self, x, y, sample_weight, training):
        y = ops.cast(y, "float32")
        conditions = self.conditions(x, training=training)
        read = ops.concatenate([y, ops.cast(conditions, "float32")], axis=-1)
        mean, log_variance = self.posterior(read, training=training)
        z = mean + ops.exp(0.5 * log_variance) * self._noise(ops.shape(mean))
        constant = self.network.constant(conditions)
        error = ops.square(self.network(self.resize(z, x), constant, training=training) - y)
        rows, columns = ops.shape(y)[1:3]
        points = ops.cast(rows * columns * self._channels[1], "float32")
        divergence = ops.mean(gaussian_divergence(mean, log_variance))
        return point_mean(error, sample_weight) + self._kl_weight * divergence / points

    def _noise(self, shape) -> Tensor:
        return keras.random.normal(shape, dtype="float32", seed=self.seed_generator)


def gaussian_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal distributions from the standard one.

    `(exp(log_variance) + mean^2 - 1 - log_variance) / 2`, summed over all axes but the first.

    Args:
        mean: `(batch, ...)`.
        log_variance: of the same shape.

    Returns:
        `(batch,)`.

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix B.
    """
    each = ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance
    return 0.5 * ops.sum(each, axis=tuple(range(1, len(mean.shape))))


def _posterior(channels, latent, widths, blocks, head_size, groups) -> keras.Model:
    """Field and conditions -> mean and logarithm of the variance, both float32."""
    with keras.name_scope("posterior"):
        network = TimeUNet(
            latent, widths, blocks=blocks, head_size=head_size, groups=groups, timestep=0
        )
        read = keras.Input((None, None, channels), name="read")
        bottom = network.encode(network.stem(read), network.time(read)).bottom
        moments = layers.Conv2D(
            2 * latent, 1, kernel_initializer=fan_in_uniform(), dtype="float32", name="moments"
        )(bottom)
        mean, log_variance = ops.split(moments, 2, axis=-1)
        # Beyond these a variance is none for float32, and its gradient infinite.
        log_variance = ops.clip(log_variance, *_LOG_VARIANCE)
    return keras.Model(read, [mean, log_variance], name="posterior")
