"""Upsampling of images whose size is known only when they come."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="keras_wx")
class UpSampling(keras.layers.UpSampling2D):
    """`keras.layers.UpSampling2D` that takes any image under TensorFlow too.

    The same numbers and arguments. Keras 3.15 cannot interpolate bilinearly in a graph of
    TensorFlow that leaves a size open, which is what TensorFlow makes of a model that has read
    images of two sizes.

    Example:
        >>> UpSampling(2, interpolation="bilinear")(keras.ops.ones((1, 4, 8, 3))).shape
        (1, 8, 16, 3)
    """

    def call(self, inputs):
        if (
            keras.backend.backend() != "tensorflow"
            or self.interpolation != "bilinear"
            or None not in inputs.shape[1:3]
        ):
            return super().call(inputs)
        import tensorflow as tf

        size = tf.shape(inputs)[1:3] * self.size
        outputs = tf.cast(tf.image.resize(inputs, size, "bilinear"), inputs.dtype)
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return outputs
