"""What must not depend on the backend: outputs of saved models, and of one step of training.

`run_under_jax` runs this file as a script.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

LEARNING_RATE = 0.05


def outputs(folder: Path) -> dict[str, np.ndarray]:
    """Forecast, loss, metrics and weights after one step, for every saved model in `folder`."""
    import keras

    import keras_wx
    from keras_wx.inference.network import seeded

    found = {}
    for directory in sorted(path for path in folder.iterdir() if path.is_dir()):
        model = keras_wx.load(directory)
        data = np.load(directory / "data.npz")
        with seeded(model, 0):
            found[f"{directory.name}/forecast"] = model.predict(data["x"], verbose=0)
        if not isinstance(model, keras.Model):
            continue
        scores = model.evaluate(
            data["x"], data["y"], sample_weight=data["mask"], verbose=0, return_dict=True
        )
        found |= {f"{directory.name}/{key}": np.asarray(value) for key, value in scores.items()}
        # Plain gradient descent: the weights then show the gradients.
        model.compile(loss=model.loss, optimizer=keras.optimizers.SGD(LEARNING_RATE))
        model.fit(data["x"], data["y"], sample_weight=data["mask"], verbose=0)
        for weight in model.weights:
            found[f"{directory.name}/{weight.path}"] = np.asarray(weight)
    return found


if __name__ == "__main__":
    here = Path(sys.argv[1])
    np.savez(here / "jax.npz", **outputs(here))
