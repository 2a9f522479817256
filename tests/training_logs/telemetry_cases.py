"""Small trainings whose learning rates and gradient norms are known, for either backend.

`run_under_jax` runs this file as a script.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from keras_wx.training.telemetry import Telemetry, track

BATCH, STEPS, EPOCHS = 4, 5, 2
RATES = np.geomspace(0.2, 0.01, STEPS * EPOCHS).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class Listed(keras.optimizers.schedules.LearningRateSchedule):
    """One rate a step."""

    def __call__(self, step):
        return keras.ops.take(RATES, keras.ops.cast(step, "int32"))

    def get_config(self):
        return {}


class Listener(keras.callbacks.Callback):
    """What a callback after telemetry finds in the logs."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append([logs["learning_rate"], logs["gradient_norm"]])

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append([logs["learning_rate"], logs["gradient_norm"]])


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * STEPS, 3)).astype("float32")
    return x, (x @ [[1.0], [-2.0], [0.5]]).astype("float32")


def trained(optimizer) -> dict[str, np.ndarray]:
    """A linear model, from zero, on the batches in order."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer, "mse")
    listener, telemetry = Listener(), Telemetry(step=7)
    model.fit(
        *data(),
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[telemetry, listener],
    )
    return {
        "steps": np.array(listener.steps),
        "epochs": np.array(listener.epochs),
        "weights": np.concatenate([w.ravel() for w in model.get_weights()]),
        "count": np.array(telemetry.step),
    }


def field_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, padding="same", activation="tanh"),
            keras.layers.Dropout(0.2, seed=3),
            keras.layers.Conv2D(1, 3, padding="same"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2, clipnorm=0.1, use_ema=True), "mse")
    return model


def fields():
    rng = np.random.default_rng(2)
    return rng.normal(size=(6, 8, 8, 1)).astype("float32"), rng.normal(size=(6, 8, 8, 1))


def weights_with_and_without() -> dict[str, np.ndarray]:
    """Every weight and moment of a training, by whether telemetry took part."""
    found = {}
    for name, callbacks in {"with": [Telemetry()], "without": []}.items():
        model = field_model()
        model.fit(*fields(), batch_size=2, epochs=2, verbose=0, callbacks=callbacks)
        values = [*model.weights, *(v for v in model.optimizer.variables if v.name != "telemetry")]
        found[name] = np.concatenate([np.ravel(keras.ops.convert_to_numpy(v)) for v in values])
    return found


def gradient_of_fields() -> np.ndarray:
    """Norm in the logs of a first step, and by the backend's own differentiation."""
    x, y = fields()
    y = y.astype("float32")
    model = field_model()
    model.layers[1].rate = 0  # what is dropped is drawn anew
    if keras.backend.backend() == "jax":
        import jax

        state = [v.value for v in model.non_trainable_variables]

        def loss(weights):
            return ((model.stateless_call(weights, state, x)[0] - y) ** 2).mean()

        gradients = jax.grad(loss)([v.value for v in model.trainable_variables])
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        gradients = tape.gradient(loss, model.trainable_weights)
    expected = np.sqrt(sum((np.asarray(g).astype("float64") ** 2).sum() for g in gradients))
    listener = Listener()
    model.fit(x, y, batch_size=len(x), verbose=0, callbacks=[Telemetry(), listener])
    return np.array([listener.steps[0][1], expected])


def broken_off(folder: Path) -> dict[str, np.ndarray]:
    """An epoch in one piece, and in two with a file in between."""

    def model_and_data():
        model = field_model()
        model.layers[1].rate = 0
        track(model)
        track(model)  # a second time changes nothing
        return model, *fields()

    def fit(model, x, y):
        listener = Listener()
        model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[Telemetry(), listener])
        return listener

    model, x, y = model_and_data()
    whole = fit(model, x, y)

    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                if keras.backend.backend() == "jax":
                    self.model.jax_state_sync()
                self.model.save_weights(folder / "half.weights.h5")

    model, x, y = model_and_data()
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[Telemetry(), Save()])
    model, x, y = model_and_data()
    model.load_weights(folder / "half.weights.h5")
    rest = fit(model, x[4:], y[4:])
    return {
        "whole": np.array([*whole.steps[2:], *whole.epochs]),
        "rest": np.array([*rest.steps, *rest.epochs]),
    }


def outputs(folder: Path) -> dict[str, np.ndarray]:
    sgd = keras.optimizers.SGD
    runs = {
        "plain": trained(sgd(Listed())),
        "clipped": trained(sgd(Listed(), global_clipnorm=0.3)),
        "accumulated": trained(sgd(0.05, gradient_accumulation_steps=2)),
        "scaled": trained(keras.optimizers.LossScaleOptimizer(sgd(Listed(), clipvalue=0.2))),
        "bits": weights_with_and_without(),
        "broken_off": broken_off(folder),
    }
    found = {f"{run}/{key}": value for run, values in runs.items() for key, value in values.items()}
    return found | {"gradient_of_fields": gradient_of_fields()}


if __name__ == "__main__":
    np.savez(sys.argv[1], **outputs(Path(sys.argv[1]).parent))
