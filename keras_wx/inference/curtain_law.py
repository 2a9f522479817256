"""What a probabilistic head says of a curtain: its median, members, quantiles, probabilities."""

from __future__ import annotations

import numpy as np
from keras import ops
from scipy.special import expit, log_expit, spence

from keras_wx.losses import CloudDistribution
from keras_wx.losses.cloud_distribution import FAINTEST
from keras_wx.transforms import Cloud, Transform

_VANISHING = -30.0
"""From here downwards the tail of a logistic law is exponential to rounding."""


class CurtainLaw:
    """The law of every gate of some profiles, blended with what was measured.

    A network number is `mask * Y + (1 - mask) * measured`, as merging inside of a network makes it,
    of which Y has the distribution of the head. As this grows with Y, quantiles are blended as they
    are, and probabilities are those of the Y that gives the threshold.

    Args:
        parameters: `(draws, height, time, 3)`, of the head.
        measured: physical, `(height, time)`; where the mask is 0 it is all that counts.
        network: the same as network numbers, finite everywhere.
        mask: `(height, time)`.
        transform: of the target.
        top: number of gates, from the lowest, that the mask may reach.
    """

    def __init__(
        self,
        parameters: np.ndarray,
        measured: np.ndarray,
        network: np.ndarray,
        mask: np.ndarray,
        transform: Transform,
        top: int,
    ):
        self._gates = CloudDistribution(parameters[:, :top])
        self._measured = measured
        self._network = network[:top]
        self._mask = mask[:top]
        self._inside = self._mask > 0
        self._transform = transform
        self._top = top
        self._low = float(transform.inverse(np.float64(Cloud.CLEAR)))
        self._per_number = float(transform.inverse(np.float64(FAINTEST + 1))) - self._low

    def quantile(self, q) -> np.ndarray:
        """Physical values that gates stay below with probability q.

        Args:
            q: a number, or ranks `(members, top, time)`.

        Returns:
            `(members or draws, height, time)`; what was measured is as it was.
        """
        y = ops.convert_to_numpy(self._gates.quantile(q))
        number = self._mask * y + (1 - self._mask) * self._network
        return self._with_measured(self._transform.inverse(number))

    def probability(self, threshold: float) -> np.ndarray:
        """Of a physical value at or above a threshold, `(draws, height, time)`."""
        if threshold <= self._low:  # no cloud counts as the lowest value
            share = np.ones((1, self._top, 1))
        else:
            share = self._share_above(FAINTEST + (threshold - self._low) / self._per_number)
        return self._with_measured(share, self._known(self._measured >= threshold))

    def cloud_probability(self) -> np.ndarray:
        """Of any cloud, `(draws, height, time)`."""
        cloud = self._known(self._measured > self._low)
        return self._with_measured(self._share_above(FAINTEST), cloud)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation in physical units, each `(draws, height, time)`."""
        mask = np.where(self._inside, self._mask, 1).astype(np.float64)
        # Y at which the blend is as low as no cloud; what is below it counts as that.
        floor = (FAINTEST - (1 - mask) * self._network) / mask
        first, second = _excess(self._gates, floor)
        mean = self._low + self._per_number * mask * first
        std = self._per_number * mask * np.sqrt(np.maximum(second - first**2, 0))
        return self._with_measured(mean), self._with_measured(std, 0 * self._measured)

    def _share_above(self, number: float) -> np.ndarray:
        """Probability that the blend is above a network number, that of faintest cloud or more."""
        mask = np.where(self._inside, self._mask, 1).astype(np.float64)
        needed = (number - (1 - mask) * self._network) / mask
        cloudy = ops.convert_to_numpy(self._gates.exceedance(needed))
        return np.where(needed < Cloud.CLEAR, 1, cloudy)

    def _known(self, event: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(self._measured), np.nan, event)

    def _with_measured(self, field: np.ndarray, measured: np.ndarray | None = None) -> np.ndarray:
        """The field where the mask is not 0, and elsewhere what was measured."""
        measured = self._measured if measured is None else measured
        found = np.repeat(measured[None].astype(np.float32), len(field), axis=0)
        np.copyto(found[:, : self._top], field, where=self._inside, casting="same_kind")
        return found


def _excess(gates: CloudDistribution, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square of what the number of a gate is above a floor, 0 where it is below.

    With F the faintest cloud, l and s location and scale, and S the logistic function, the mean
    above a floor f >= F in cloud is `s log(1 + e^z) / S(z_F)`, `z = (l - f) / s`; the mean square
    is the integral of twice the excess times the probability to be above, `-2 s^2 Li2(-e^z) /
    S(z_F)`, with the dilogarithm Li2.
    """
    cloud, location, scale = (
        ops.convert_to_numpy(x).astype(np.float64)
        for x in (gates.cloud_probability(), gates.location, gates.scale)
    )
    above = np.maximum(floor, FAINTEST)
    kept, z = (location - FAINTEST) / scale, (location - above) / scale
    # Far down both are exponential, and only their difference counts.
    shift = np.minimum(kept - _VANISHING, 0)
    kept, z = kept - shift, z - shift
    share = expit(kept)
    mean = -scale * log_expit(-z) / share
    square = -2 * scale**2 * _dilogarithm(z) / share
    # A floor below the faintest cloud: all cloud is above it by so much more.
    more = above - floor
    clear = np.maximum(Cloud.CLEAR - floor, 0)
    return (
        cloud * (mean + more) + (1 - cloud) * clear,
        cloud * (square + 2 * more * mean + more**2) + (1 - cloud) * clear**2,
    )


def _dilogarithm(z: np.ndarray) -> np.ndarray:
    """Li2(-e^z), by its inversion where e^z is large."""
    found = spence(1 + np.exp(-np.abs(z)))
    return np.where(z > 0, -(np.pi**2) / 6 - z**2 / 2 - found, found)
