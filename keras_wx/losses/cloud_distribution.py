"""What a gate may hold: no cloud, or cloud of a reflectivity that is not known exactly."""

from __future__ import annotations

from keras import ops

from keras_wx.transforms import Cloud

FAINTEST = -0.5
"""Network number below which there is no cloud: see `keras_wx.transforms.Cloud`."""

LEAST_SCALE = 0.01
"""Least scale of a reflectivity, 0.6 dB on the usual 90: no gate is known better, and none can have
all of the likelihood."""

# From here downwards softplus(x) / sigmoid(x) is 1 to rounding, and both are 0 somewhere below.
_VANISHING = -30.0


class CloudDistribution:
    """The distribution of a gate's network number, from three parameters of a network.

    Cloud is a Bernoulli variable of probability `sigmoid(logit)`. In cloud the number follows a
    logistic law with `location` and `scale = exp(log_scale) + 0.01`, cut off below -0.5, where no
    cloud is; without cloud it is -1. With S the logistic function, the probability of a number
    above y >= -0.5 is

        sigmoid(logit) S((location - y) / scale) / S((location + 0.5) / scale)

    from which quantiles follow in closed form.

    Args:
        parameters: `(..., 3)`: logit, location, log_scale.

    Example:
        >>> gates = CloudDistribution(model.predict(x))        # (batch, height, time, 3)
        >>> median, p90 = gates.quantile(0.5), gates.quantile(0.9)
        >>> snow = gates.exceedance(transform(-20.0))
    """

    PARAMETERS = 3
    """Numbers a gate that a head gives."""

    def __init__(self, parameters):
        parameters = ops.cast(parameters, "float32")
        self.logit = parameters[..., 0]
        self.location = parameters[..., 1]
        self.scale = ops.exp(parameters[..., 2]) + LEAST_SCALE

    def cloud_probability(self):
        """Probability that there is cloud, `(...)`."""
        return ops.sigmoid(self.logit)

    def exceedance(self, threshold):
        """Probability of cloud above a threshold.

        Args:
            threshold: network number, or an array that broadcasts against the gates; one of no
                cloud asks for any cloud.

        Returns:
            Probabilities `(...)`.
        """
        threshold = ops.maximum(ops.cast(threshold, "float32"), FAINTEST)
        above = self._log_survival(threshold) - self._log_kept()
        return self.cloud_probability() * ops.exp(above)

    def quantile(self, q):
        """The network number that the gate stays below with probability `q`.

        Args:
            q: between 0 and 1, or an array that broadcasts against the gates; independent uniform
                numbers draw a member of an ensemble.

        Returns:
            Network numbers `(...)`: -1 where no cloud is that likely.
        """
        # A number stays one: as a tensor it would become an input of exported graphs.
        above = 1.0 - (q if isinstance(q, float) else ops.cast(q, "float32"))
        cloud = self.cloud_probability()
        clear = above >= cloud
        # Log of the share of the uncut law that lies above; where it is clear any share will do.
        above = ops.log(ops.where(clear, 0.5, above / cloud)) + self._log_kept()
        # 1 - e^above without a difference of near numbers. Exported files have no expm1.
        t = ops.tanh(-0.5 * above)
        number = self.location + self.scale * (ops.log(2.0 * t / (1.0 + t)) - above)
        return ops.where(clear, Cloud.CLEAR, ops.maximum(number, FAINTEST))

    def mean(self):
        """The mean, `(...)`, with -0.5 for no cloud: its inverse transform is the mean in dBZ."""
        x = ops.maximum((self.location - FAINTEST) / self.scale, _VANISHING)
        above = self.scale * ops.softplus(x) / ops.sigmoid(x)
        return FAINTEST + self.cloud_probability() * above

    def log_prob(self, y):
        """Log likelihood of observed network numbers `(...)`: a density in cloud."""
        cloud = ops.cast(y > FAINTEST, "float32")
        z = (y - self.location) / self.scale
        density = -z - 2.0 * ops.softplus(-z) - ops.log(self.scale) - self._log_kept()
        return cloud * (ops.log_sigmoid(self.logit) + density) + (1.0 - cloud) * ops.log_sigmoid(
            -self.logit
        )

    def log_prob_by_tfp(self, y):
        """The same through tensorflow-probability; under TensorFlow alone."""
        import tensorflow_probability as tfp

        cloud = ops.cast(y > FAINTEST, "float32")
        law = tfp.distributions.Logistic(self.location, self.scale)
        density = law.log_prob(y) - law.log_survival_function(FAINTEST)
        return tfp.distributions.Bernoulli(self.logit).log_prob(cloud) + cloud * density

    def _log_survival(self, number):
        """Of the logistic law that is not cut off."""
        return ops.log_sigmoid((self.location - number) / self.scale)

    def _log_kept(self):
        """What the cut leaves of it."""
        return self._log_survival(FAINTEST)
