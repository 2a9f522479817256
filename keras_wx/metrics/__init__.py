"""Scores in physical units as Keras metrics: summed up over the epoch, then one number.

Categorical scores count events, values at or above a threshold, over all points, frames and batches
that the mask keeps. Scores of curtains look into the blind zone.
"""

from keras_wx.metrics.contingency import CSI, FAR, HSS, POD, ContingencyMetric, FrequencyBias
from keras_wx.metrics.curtain import EMD, BlindZoneMAE, BlindZoneRMSE, Dice
from keras_wx.metrics.named import METRICS, get

__all__ = [
    "CSI",
    "EMD",
    "FAR",
    "HSS",
    "METRICS",
    "POD",
    "BlindZoneMAE",
    "BlindZoneRMSE",
    "ContingencyMetric",
    "Dice",
    "FrequencyBias",
    "get",
]
