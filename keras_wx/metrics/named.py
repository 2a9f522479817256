"""Metrics by name, as a preset writes them."""

from __future__ import annotations

import keras

from keras_wx import transforms
from keras_wx.errors import unknown_name
from keras_wx.keras_names import keras_class
from keras_wx.metrics.contingency import CSI, FAR, HSS, POD, FrequencyBias
from keras_wx.metrics.curtain import EMD, BlindZoneMAE, BlindZoneRMSE, Dice

METRICS = {
    m.score: m for m in (CSI, POD, FAR, HSS, FrequencyBias, Dice, BlindZoneMAE, BlindZoneRMSE, EMD)
}


def get(name: str, *, transform=None, **arguments) -> keras.metrics.Metric:
    """A metric by name: one of keras_wx' own, else one of Keras'.

    Args:
        name: one of `METRICS`, or a Keras metric such as `"mae"`, which sees network numbers.
        transform: the target's transform, for the scores in physical units.
        **arguments: arguments of the metric, e.g. `threshold=10`.

    Raises:
        UnknownNameError: neither has it.
    """
    metric = METRICS.get(name)
    if metric is not None:
        return metric(transform=transforms.build(transform).to_config(), **arguments)
    try:
        metric = keras_class(keras.metrics, name)
    except ValueError:
        raise unknown_name("metric", name, METRICS, "Any Keras metric works too.") from None
    return metric(**arguments)
