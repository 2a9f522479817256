"""What RegressionDiffusion does under JAX: drawing, its spread, training. Run as a script."""

import sys
from pathlib import Path

import keras
import numpy as np

import keras_wx.models.diffusion  # noqa: F401

folder = Path(sys.argv[1])
drawn = np.load(folder / "drawn.npz")
x, y = drawn["x"], drawn["y"]
model = keras.models.load_model(folder / "model.keras")
given = model.sample(x, noise=drawn["noise"], members=2)
np.testing.assert_allclose(given, drawn["fields"], rtol=1e-3, atol=1e-4)

momentum = model.get_config()["momentum"]
square = np.square(y - drawn["mean"]).mean(axis=(0, 1, 2))
expected = np.sqrt(momentum * np.square(model.residual_std) + (1 - momentum) * square)
model.compile(optimizer=keras.optimizers.Adam(1e-3))
history = model.fit(x, y, batch_size=len(x), verbose=0).history
np.testing.assert_allclose(model.residual_std, expected, rtol=1e-5)
assert np.isfinite(history["loss"]).all()
assert model.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
np.testing.assert_allclose(model.residual_std, expected, rtol=1e-5)
