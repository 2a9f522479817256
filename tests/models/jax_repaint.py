"""What Repaint does under JAX: a free sample, a filled one, training. Run as a script."""

import sys
from pathlib import Path

import keras
import numpy as np

import keras_wx.models.diffusion  # noqa: F401

folder = Path(sys.argv[1])
drawn = np.load(folder / "drawn.npz")
x, y = drawn["x"], drawn["y"]
model = keras.models.load_model(folder / "model.keras")
given = model.sample(x, noise=drawn["noise"])
np.testing.assert_allclose(given[:, 0], y[:, 0], rtol=1e-3, atol=1e-4)
known = x[1, ..., -1] < 1
np.testing.assert_array_equal(given[0, 1][known], x[1, ..., :1][known])
assert np.isfinite(given).all()
model.compile(optimizer=keras.optimizers.Adam(1e-3))
history = model.fit(x, y[0], sample_weight=x[..., -1], epochs=2, verbose=0).history
assert np.isfinite(history["loss"]).all()
assert model.evaluate(x, y[0], verbose=0) == model.evaluate(x, y[0], verbose=0)
