"""What the compiled loops give, for whichever backend runs this.

`run_under_jax` runs this file as a script.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))

import make_diffusion_golden as source

from keras_wx import diffusion
from keras_wx.diffusion.sampling import follow

START = source.noise(-1).astype("float32")


def compiled(function):
    """The backend's own compiler of whole functions."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


def network(x, t):
    return source.network(x, ops.reshape(t, (-1, 1, 1, 1)), sine=ops.sin)


def loop(case: str):
    """A function of the start that runs one of `LOOPS` on diffusers' noise."""
    case, steps, _, changes = source.LOOPS[case]
    *_, schedule, sampler, prediction = source.STEPS[case]
    sampler = diffusion.Sampler.from_config(sampler)
    plan = sampler.plan(diffusion.Schedule.from_config(schedule | changes), steps)
    noise = np.stack([source.noise(number) for number in range(len(plan))]).astype("float32")
    return lambda x: follow(
        network,
        x,
        plan,
        prediction,
        clip=sampler.clip,
        draw=lambda number, like: ops.take(ops.convert_to_tensor(noise), number, axis=0),
    )


def drawn(seed):
    """Samples of an ancestral sampler with noise of its own."""
    return diffusion.sample(
        network,
        START,
        diffusion.CosineSchedule(),
        diffusion.DDPM(),
        12,
        prediction="x0",
        seed=seed,
    )


class Sampled(keras.Model):
    """A model whose forecast is a sample, as `predict` compiles it."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(7)
        self.inner = keras.layers.Dense(1, kernel_initializer="ones")

    def call(self, x):
        noise = keras.random.normal(ops.shape(x), seed=self.seed_generator)
        return diffusion.sample(
            lambda field, times: ops.tanh(self.inner(field) + x),
            noise,
            diffusion.CosineSchedule(),
            diffusion.DDIM(eta=0.5),
            8,
            prediction="x0",
            seed=self.seed_generator,
        )


class Trained(keras.Model):
    """A model that plain `fit` trains on the objective."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(7)
        self.inner = keras.layers.Dense(1)
        self.schedule = diffusion.ContinuousCosineSchedule()

    def call(self, x):
        return self.inner(ops.concatenate([x, x], axis=-1))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        batch = diffusion.draw(self.seed_generator, y, self.schedule)
        output = self.inner(ops.concatenate([x, batch.x_t], axis=-1))
        return diffusion.loss(
            output,
            batch,
            y,
            self.schedule,
            prediction="v",
            min_snr_gamma=5.0,
            sample_weight=sample_weight,
        )


def trained_losses() -> list[float]:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    y = rng.normal(size=(256, 4, 4, 1)).astype("float32")
    model = Trained()
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    model.inner.build((None, 4, 4, 2))
    history = model.fit(
        y, y, sample_weight=np.ones((256, 4, 4), "float32"), epochs=8, batch_size=32, verbose=0
    )
    return history.history["loss"]


def jax_bytes(steps: int) -> int:
    """What the compiled loop holds beside the fields that go in and come out."""
    import jax

    def run(x):
        return diffusion.sample(
            network, x, diffusion.CosineSchedule(), diffusion.DDPM(), steps, prediction="x0", seed=0
        )

    field = jax.ShapeDtypeStruct((4, 64, 64, 1), "float32")
    return jax.jit(run).lower(field).compile().memory_analysis().temp_size_in_bytes


def outputs() -> dict[str, np.ndarray]:
    found = {f"loop_{case}": compiled(loop(case))(START) for case in source.LOOPS}
    model = Sampled()
    first, second = (model.predict(START, verbose=0) for _ in range(2))
    model.seed_generator.state.assign([7, 0])
    found |= {
        "seed_1": compiled(lambda: drawn(1))(),
        "seed_1_again": drawn(1),
        "seed_2": compiled(lambda: drawn(2))(),
        "predict": first,
        "predict_next": second,
        "predict_again": model.predict(START, verbose=0),
        "trained_losses": trained_losses(),
        "repainted": compiled(
            lambda: diffusion.repaint(
                network,
                START,
                START,
                START > 0,
                diffusion.CosineSchedule(),
                diffusion.DDPM(),
                12,
                prediction="x0",
                seed=1,
                jump_length=3,
                resamplings=2,
            )
        )(),
    }
    if keras.backend.backend() == "jax":
        found["jax_bytes"] = np.array([jax_bytes(10), jax_bytes(1000)])
    return {name: ops.convert_to_numpy(value) for name, value in found.items()}


if __name__ == "__main__":
    np.savez(sys.argv[1], **outputs())
