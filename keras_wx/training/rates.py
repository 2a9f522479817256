"""Learning rates by layer."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from keras_wx.errors import ModelError
from keras_wx.training.averages import inner_optimizer
from keras_wx.training.freezing import select


def scale_rates(model: keras.Model, factors: Mapping[str, float]) -> None:
    """Multiplies the learning rate of some layers, whatever the optimizer and the schedule.

    Decoupled weight decay, which is no part of the gradient, keeps the common rate.

    Args:
        model: built and compiled, not trained yet.
        factors: name, pattern or part, as in `freeze` -> factor. Where several name a layer, the
            last one counts.

    Raises:
        ModelError: a name that no layer has, or a factor that is not positive.

    Example:
        >>> scale_rates(model, {"encoder": 0.1, "head": 2.0})
    """
    by_weight: dict[int, float] = {}
    for text, factor in factors.items():
        if not factor > 0:
            raise ModelError(
                f"layer_rates: expected factors above 0; freeze={text!r} keeps a layer as it is. "
                f"Received: {text!r}: {factor}"
            )
        for layer in select(model, text):
            by_weight |= {id(weight): float(factor) for weight in layer.trainable_weights}
    if not by_weight:
        return
    optimizer = inner_optimizer(model.optimizer)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    # By index: under TensorFlow update_step is given the bare variable, not Keras' own.
    own = [by_weight.get(id(weight), 1.0) for weight in model.trainable_variables]
    update = optimizer.update_step

    def update_scaled(gradient, variable, learning_rate):
        factor = own[optimizer._get_variable_index(variable)]
        return update(gradient, variable, learning_rate * factor)

    optimizer.update_step = update_scaled
    model.train_function = None
