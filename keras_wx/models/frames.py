"""What models from frames to frames share: a clear word when the frames do not fit."""

from __future__ import annotations

import keras

from keras_wx.errors import ModelError


class FrameModel(keras.Model):
    """Base of functional models that read `(batch, time, height, width, channels)`."""

    # Keras' own check of the input's shape runs under TensorFlow only and names no remedy.
    input_spec = None

    def call(self, frames, training=None, mask=None):
        self._check_fits(tuple(frames.shape))
        return super().call(frames, training=training, mask=mask)

    def _check_fits(self, received: tuple[int | None, ...]):
        expected = self.input_shape
        given = received
        if len(given) == len(expected) - 1 and expected[-1] == 1:
            given = (*given, 1)  # Keras adds the axis of a single channel
        if len(given) == len(expected) and all(
            None in (want, have) or want == have
            for want, have in zip(expected[1:], given[1:], strict=True)
        ):
            return
        _, time, height, width, channels = ("any" if n is None else n for n in expected)
        raise ModelError(
            f"{self.name} reads {time} input frames of {height} x {width} grid points and "
            f"{channels} channels: (batch, {time}, {height}, {width}, {channels}). "
            f"Received: shape={received}. keras_wx.load takes input_frames=, grid= and channels= "
            "to build it for others, and keeps the weights that fit."
        )
