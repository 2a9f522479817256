"""Batch normalisation in one operator under TensorFlow, where Keras takes seven."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_wx")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` of images, faster under TensorFlow.

    The same numbers, weights and arguments. TensorFlow's own operator reads a tensor fewer times,
    and reads bfloat16 as it is, while Keras converts it to float32 first. Elsewhere, for other than
    `(batch, height, width, channels)`, and synchronised between devices it is Keras' layer.

    References:
        Ioffe & Szegedy (2015), Batch Normalization, arXiv:1502.03167.

    Example:
        >>> BatchNormalization()(keras.ops.ones((2, 8, 8, 16)), training=True).shape
        (2, 8, 8, 16)
    """

    def call(self, inputs, training=None, mask=None):
        plain = (
            keras.backend.backend() != "tensorflow"
            or len(inputs.shape) != 4
            or self.axis not in (-1, 3)
            or mask is not None
            or self.synchronized
            or self.renorm
            or not (self.scale and self.center)
            or self.compute_dtype == "float64"
        )
        if plain:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        training = bool(training) and self.trainable
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            # The operator gives the unbiased estimate; Keras keeps the variance of the batch.
            points = ops.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
            variance = variance * ((points - 1) / points)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs
