"""What the compiled loop holds under JAX; `run_under_jax` runs this file as a script."""

import jax
import keras

from keras_wx import diffusion


def temporary_bytes(steps: int) -> int:
    def run(x):
        return diffusion.sample(
            lambda field, times: keras.ops.tanh(field),
            x,
            diffusion.CosineSchedule(),
            diffusion.DDPM(),
            steps,
            prediction="x0",
            seed=0,
        )

    field = jax.ShapeDtypeStruct((4, 64, 64, 1), "float32")
    return jax.jit(run).lower(field).compile().memory_analysis().temp_size_in_bytes


FIELD = 4 * 64 * 64 * 4
few, many = temporary_bytes(10), temporary_bytes(1000)
assert FIELD <= few <= 16 * FIELD, few
# The table of steps grows; nothing else does.
assert many - few < 2 * 8 * 4 * 1000, (few, many)
