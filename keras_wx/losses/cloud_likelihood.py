"""How likely a network held what was measured."""

from __future__ import annotations

import keras

from keras_wx.errors import ModelError
from keras_wx.losses.cloud_distribution import CloudDistribution
from keras_wx.losses.reduction import POINT_MEAN


@keras.saving.register_keras_serializable(package="keras_wx")
class CloudLikelihood(keras.losses.Loss):
    """Negative log likelihood of reflectivity under a `CloudDistribution` at each gate.

    Under TensorFlow it is computed by tensorflow-probability, elsewhere by the same formula.

    Call arguments:
        y_true: network numbers `(batch, height, time, channels)`; the first channel, reflectivity,
            counts.
        y_pred: parameters `(batch, height, time, 3)`: logit of cloud, location, log of the scale.
        sample_weight: mask `(batch, height, time)`.

    Raises:
        ModelError: when called, not three parameters a gate.
    """

    def __init__(self, reduction=POINT_MEAN, name="cloud_likelihood", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)

    def call(self, y_true, y_pred):
        if y_pred.shape[-1] != CloudDistribution.PARAMETERS:
            raise ModelError(
                "The loss 'cloud_likelihood' expects three parameters a gate, as a probabilistic "
                f"head gives them. Received: y_pred of shape {tuple(y_pred.shape)}"
            )
        gates, observed = CloudDistribution(y_pred), y_true[..., 0]
        if keras.backend.backend() == "tensorflow":
            return -gates.log_prob_by_tfp(observed)
        return -gates.log_prob(observed)
