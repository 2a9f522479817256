"""Several devices under TensorFlow: `tf.distribute.MirroredStrategy`.

Keras runs the step of each device on its part of the batch, adds up the gradients and takes the
mean of the losses. That is the step of one device with the whole batch only where no mask weighs,
nothing is clipped and no layer looks at the batch; here it is made so.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import tree

from keras_wx.errors import ModelError, TrainingError
from keras_wx.training.averages import inner_optimizer
from keras_wx.training.distribution import choice
from keras_wx.training.distribution.placement import Placement, Shared


class Mirrored(Shared):
    """The devices of a `tf.distribute.MirroredStrategy`."""

    def __init__(self, strategy: tf.distribute.Strategy):
        super().__init__(strategy.num_replicas_in_sync)
        self.strategy = strategy

    def scope(self):
        return self.strategy.scope()

    def check(self, model, train, val):
        ours = self.strategy.extended.variable_created_in_scope
        if not all(ours(variable.value) for variable in model.variables):
            raise ModelError(
                f"{model.name} was built outside the strategy that it is to be trained in. Its "
                "name in place of it builds it there; so does a model made inside "
                "keras_wx.training.distribution.place(devices).scope()."
            )
        super().check(model, train, val)
        accumulate = model.preset.training.accumulate
        if accumulate > 1:
            raise TrainingError(
                f"accumulate={accumulate}: Keras then updates the weights inside a condition, "
                "where tf.distribute cannot add up gradients. accumulate=1, one device, or "
                "KERAS_BACKEND=jax can."
            )

    def adopt(self, model):
        _use_whole_batches(model)
        _clip_whole_gradients(inner_optimizer(model.optimizer))


def place(devices: int | str | Sequence[str] | None, model=None) -> Placement:
    """See `choice.place`."""
    if devices is None:
        strategy = _strategy_of(model)
        return Mirrored(strategy) if strategy.num_replicas_in_sync > 1 else Placement()
    workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {}).get("worker", [])
    if len(workers) > 1:
        raise TrainingError(
            f"TF_CONFIG names {len(workers)} workers, and Keras {keras.__version__} does not train "
            "in tf.distribute.MultiWorkerMirroredStrategy (keras#20585). Several processes work "
            "with KERAS_BACKEND=jax; without TF_CONFIG, the devices of this machine do."
        )
    logical = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    available = [":".join(device.name.lower().split(":")[-2:]) for device in logical]
    chosen = choice.select(devices, available)
    if chosen == available[:1]:
        return Placement()
    return Mirrored(_strategy(tuple(chosen)))


@functools.cache
def _strategy(names: tuple[str, ...]) -> tf.distribute.Strategy:
    """One for all runs of a program: a second one of the same devices would number its collective
    operations like the first, and TensorFlow takes them for the same."""
    return tf.distribute.MirroredStrategy([name.upper() for name in names])


def _strategy_of(model) -> tf.distribute.Strategy:
    if isinstance(model, keras.Model):
        return model.distribute_strategy
    return tf.distribute.get_strategy()


def _use_whole_batches(model: keras.Model) -> None:
    """Losses and batch normalization of whole batches.

    The mean over the points that a mask keeps is no mean of such means, and a pooled score none of
    scores. So every device gathers the forecasts of all and takes the loss of the whole; Keras
    divides it by their number before the gradients are added up.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    compute_loss = model.compute_loss

    def compute_loss_of_whole(x=None, y=None, y_pred=None, sample_weight=None, **training):
        return compute_loss(x, *_gathered((y, y_pred, sample_weight)), **training)

    model.compute_loss = compute_loss_of_whole


def _gathered(values):
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    # One by one: TensorFlow cannot take the gradient of several that differ in rank.
    return tree.map_structure(
        lambda array: None if array is None else context.all_gather(array, axis=0), values
    )


def _clip_whole_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Clips the sum of the gradients, where Keras would clip each device's and then add them up."""
    if not (optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue):
        return
    clip = optimizer._clip_gradients

    def clip_whole(gradients):
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return clip(gradients)
        whole = context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
        # Keras adds them up once more.
        return [gradient / context.num_replicas_in_sync for gradient in clip(whole)]

    optimizer._clip_gradients = clip_whole
