"""What generative models do under JAX: drawing, training, evaluation. Run as a script."""

import sys
from pathlib import Path

import keras
import numpy as np

import keras_wx.models.diffusion  # noqa: F401
from keras_wx.inference.network import seeded

folder = Path(sys.argv[1])
drawn = np.load(folder / "drawn.npz")
x, target = drawn["x"], drawn["y"][0]
for name in ("ddpm", "vae"):
    model = keras.models.load_model(folder / f"{name}.keras")
    if name == "ddpm":
        given = model.sample(x, noise=drawn["noise"], members=2)
        np.testing.assert_allclose(given, drawn["y"], atol=1e-4)
    with seeded(model, 1):
        first = model.sample(x, members=2)
    with seeded(model, 1):
        np.testing.assert_array_equal(model.sample(x, members=2), first)
    assert np.abs(first[0] - first[1]).max() > 1e-4
    frozen = [w for w in model.weights if w.path.startswith("transfer_encoder/")]
    before = [np.array(w) for w in frozen]
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.1, use_ema=True)
    model.compile(loss="mse", optimizer=optimizer)
    history = model.fit(x, target, validation_data=(x, target), epochs=2, verbose=0).history
    assert history.keys() == {"loss", "val_loss"}, history
    assert np.isfinite([*history["loss"], *history["val_loss"]]).all()
    assert model.evaluate(x, target, verbose=0) == model.evaluate(x, target, verbose=0)
    for weight, old in zip(frozen, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert model.predict(x, verbose=0).shape == target.shape
