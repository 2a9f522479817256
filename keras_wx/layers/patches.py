"""Patches: neighbouring grid points as channels, and back."""

from __future__ import annotations

import keras
from keras import ops

from keras_wx.errors import ModelError


class _Patches(keras.layers.Layer):
    def __init__(self, patch_size: int, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def call(self, x):
        # Shapes are read from the tensor, so that one model takes any grid.
        lead, (height, width) = ops.shape(x)[:-3], ops.shape(x)[-3:-1]
        blocks = ops.reshape(x, (-1, *self._split(height, width, x.shape[-1])))
        blocks = ops.transpose(blocks, self._axes)
        return ops.reshape(blocks, (*lead, *self._grid(height, width, x.shape[-1])))

    def compute_output_shape(self, shape):
        return (*shape[:-3], *self._grid(*shape[-3:]))

    def get_config(self):
        return super().get_config() | {"patch_size": self.patch_size}


@keras.saving.register_keras_serializable(package="keras_wx")
class SpaceToDepth(_Patches):
    """Turns each `p x p` patch of the grid into channels.

    Args:
        patch_size: side p of a patch, in grid points.

    Input shape:
        `(..., height, width, channels)`; p divides height and width.

    Output shape:
        `(..., height / p, width / p, p * p * channels)`.

    References:
        Shi et al. (2015), arXiv:1506.04214, section 4 (patch size 4 for 64x64, 2 for 100x100).
    """

    _axes = (0, 1, 3, 2, 4, 5)

    def build(self, shape):
        self._check_divides(shape)

    def call(self, x):
        self._check_divides(x.shape)  # a layer built for an open grid meets its grid only here
        return super().call(x)

    def _check_divides(self, shape):
        if any(size is not None and size % self.patch_size for size in shape[-3:-1]):
            raise ModelError(
                f"patch_size={self.patch_size} does not divide the grid. "
                f"Received: grid={tuple(shape[-3:-1])}. Crop or pad the grid to a multiple "
                f"of {self.patch_size}, or choose another patch_size."
            )

    def _split(self, height, width, channels):
        p = self.patch_size
        return height // p, p, width // p, p, channels

    def _grid(self, height, width, channels):
        p = self.patch_size
        return (
            None if height is None else height // p,
            None if width is None else width // p,
            p * p * channels,
        )


@keras.saving.register_keras_serializable(package="keras_wx")
class DepthToSpace(_Patches):
    """Undoes `SpaceToDepth`.

    Args:
        patch_size: side p of a patch, in grid points.

    Input shape:
        `(..., height, width, p * p * channels)`.

    Output shape:
        `(..., height * p, width * p, channels)`.
    """

    _axes = (0, 1, 3, 2, 4, 5)

    def _split(self, height, width, channels):
        p = self.patch_size
        return height, width, p, p, channels // (p * p)

    def _grid(self, height, width, channels):
        p = self.patch_size
        return (
            None if height is None else height * p,
            None if width is None else width * p,
            channels // (p * p),
        )
