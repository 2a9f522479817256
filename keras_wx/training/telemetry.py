"""Learning rate and gradient norm of every step and epoch, beside the metrics in Keras' logs."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_wx.errors import ModelError
from keras_wx.training.averages import inner_optimizer

LEARNING_RATE = "learning_rate"
GRADIENT_NORM = "gradient_norm"

# What the tracked variable holds, in this order. The sum over an epoch lives in the model's state
# and not in the callback, so that a run that goes on in the middle of an epoch reports its mean.
_RATE, _NORM, _NORM_SUM, _UPDATES = range(4)


def track(model: keras.Model) -> None:
    """Makes the optimizer of a compiled model remember its learning rate and gradient norm.

    Adds one variable of four numbers to the optimizer, always the last one, so that a checkpoint
    holds it like a momentum. What is trained stays the same, bit for bit. Call it before the state
    of a checkpoint is restored; a second call does nothing.

    Args:
        model: built and compiled.

    Raises:
        ModelError: the model is not built, or not compiled.
    """
    if not (model.built and model.compiled):
        raise ModelError(
            "Gradients are measured in a model that is built and compiled. "
            f"Received: built={model.built}, compiled={model.compiled}"
        )
    optimizer = inner_optimizer(model.optimizer)
    if _record_of(optimizer) is not None:
        return
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    record = optimizer.add_variable(
        (4,), dtype="float32", name="telemetry", aggregation="only_first_replica"
    )
    clip = optimizer._clip_gradients

    def measure_and_clip(gradients):
        # The one place that sees gradients unscaled, accumulated and not yet clipped, and the
        # learning rate of the very step, under each backend.
        norm = _global_norm(_over_replicas(gradients))
        rate = ops.cast(optimizer.learning_rate, "float32")
        optimizer.assign(
            record, ops.stack([rate, norm, record[_NORM_SUM] + norm, record[_UPDATES] + 1])
        )
        return clip(gradients)

    optimizer._clip_gradients = measure_and_clip
    optimizer._keras_wx_telemetry = record
    # A function that was traced before knows nothing of it.
    model.train_function = None


class Telemetry(keras.callbacks.Callback):
    """Writes `learning_rate` and `gradient_norm` into the logs, for the callbacks after it.

    Put it first. In the logs of a step both are those of its update of the weights; in the logs of
    an epoch they are the rate of its last update and the mean norm over its updates. The norm is
    the global one, sqrt of the sum of the squares of all gradients, before any clipping, unscaled;
    with gradient accumulation, that of the accumulated gradient, which stays until the next update.

    Args:
        step: batches trained before this training begins; a checkpoint's when it goes on from one.

    Attributes:
        step: batches trained so far, over all calls of `fit` that this callback has seen. The
            loggers number their rows by it.
    """

    def __init__(self, step: int = 0):
        super().__init__()
        self.step = step
        self._batch = 0
        self._latest = np.zeros(4, np.float32)

    def set_model(self, model):
        super().set_model(model)
        track(model)

    def on_train_batch_begin(self, batch, logs=None):
        self._batch = batch

    def on_train_batch_end(self, batch, logs=None):
        # Several steps may be one execution: `batch` is the last of them.
        self.step += batch - self._batch + 1
        self._latest = self._read()
        if logs is not None:
            logs[LEARNING_RATE] = float(self._latest[_RATE])
            logs[GRADIENT_NORM] = float(self._latest[_NORM])

    def on_epoch_end(self, epoch, logs=None):
        latest, updates = self._latest, self._latest[_UPDATES]
        if logs is not None:
            logs[LEARNING_RATE] = float(latest[_RATE])
            logs[GRADIENT_NORM] = float(latest[_NORM_SUM] / updates) if updates else float("nan")
        record = _record_of(inner_optimizer(self.model.optimizer))
        record.assign([latest[_RATE], latest[_NORM], 0.0, 0.0])

    def _read(self) -> np.ndarray:
        optimizer = self.model.optimizer
        record = _record_of(inner_optimizer(optimizer))
        if keras.backend.backend() == "jax" and not self.model._jax_state_synced:
            # Inside an epoch the variables are stale; to bring all of them up to date after each
            # step costs more than many a step.
            place = next(i for i, v in enumerate(optimizer.variables) if v is record)
            return np.asarray(self.model._jax_state["optimizer_variables"][place])
        return ops.convert_to_numpy(record)


def _record_of(optimizer):
    return getattr(optimizer, "_keras_wx_telemetry", None)


def _global_norm(gradients):
    squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients if g is not None]
    return ops.sqrt(ops.sum(ops.stack(squares)))


def _over_replicas(gradients):
    """Gradients summed over the replicas of `tf.distribute`, which Keras does after clipping."""
    if keras.backend.backend() != "tensorflow":
        return gradients
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return gradients
    return context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
