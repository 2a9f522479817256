"""Networks whose gradient is known by hand, and data for them. Run as a script it checks them.

The script is what the tests run under JAX.
"""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import xarray as xr
from keras import layers

import keras_wx
from keras_wx import explain, spec
from keras_wx.layers import MonteCarloDropout

ROWS, COLUMNS = 8, 12
BLIND = 2
HEIGHT = 100.0 + 200 * np.arange(ROWS)
TO_DBZ = {"linear": {"low": 0, "high": 60, "clip": False}}


def preset_of(task: str, grids: dict, variables: list, **sample) -> spec.Preset:
    return spec.validate(
        {
            "name": f"small_{task}",
            "title": "A small model for tests",
            "task": task,
            "architecture": "small",
            "sample": {"grids": grids, "variables": variables, **sample},
        },
        "the tests' preset",
    )


NOWCAST = preset_of(
    "nowcast",
    {"radar": {}},
    [
        {"name": "reflectivity", "units": "dBZ", "role": role, "grid": "radar", "steps": steps,
         "transform": TO_DBZ, "fill": 0}
        for role, steps in (("input", [-1, 0]), ("target", [1, 3]))
    ],
    step="5min",
)  # fmt: skip

CURTAIN = preset_of(
    "inpaint",
    {"curtain": {"dims": ["height", "time"], "shape": [ROWS, None]}},
    [
        {"name": "reflectivity", "units": "dBZ", "role": "input", "grid": "curtain",
         "transform": {"cloud": {"low": -60, "high": 30}}},
        {"name": "temperature", "units": "K", "role": "input", "grid": "curtain",
         "transform": {"linear": {"low": 180, "high": 300, "clip": False}}},
        {"name": "blind_zone", "units": "1", "role": "mask", "grid": "curtain"},
        {"name": "reflectivity", "units": "dBZ", "role": "target", "grid": "curtain",
         "transform": {"cloud": {"low": -60, "high": 30}}},
    ],
    step="4s",
    blind_zone={"height": 200.0 * BLIND, "buffer": 2},
)  # fmt: skip


def radar(frames: int = 6, rows: int = 4, columns: int = 5) -> xr.Dataset:
    values = np.random.default_rng(0).uniform(5, 55, (frames, rows, columns)).astype("float32")
    coords = {
        "time": pd.date_range("2020-06-01", periods=frames, freq="5min"),
        "y": ("y", np.arange(rows) * 1000.0, {"units": "m"}),
        "x": ("x", np.arange(columns) * 1000.0, {"units": "m"}),
    }
    return xr.Dataset({"reflectivity": (("time", "y", "x"), values, {"units": "dBZ"})}, coords)


def curtain(columns: int = COLUMNS) -> xr.Dataset:
    rng = np.random.default_rng(1)
    dims = ("time", "height")
    reflectivity = rng.uniform(-50, 20, (columns, ROWS)).astype("float32")
    reflectivity[:, :BLIND] = np.nan
    temperature = rng.uniform(220, 280, (columns, ROWS)).astype("float32")
    return xr.Dataset(
        {
            "reflectivity": (dims, reflectivity, {"units": "dBZ"}),
            "temperature": (dims, temperature, {"units": "K"}),
        },
        {
            "time": pd.date_range("2020-06-01", periods=columns, freq="4s"),
            "height": ("height", HEIGHT, {"units": "m"}),
        },
    )


def linear_nowcast(rate: float = 0.0) -> tuple[keras.Model, np.ndarray]:
    """Two frames -> three, point by point, and its weights `(past, future)`."""
    frames = keras.Input((2, None, None, 1), name="frames")
    x = layers.Permute((2, 3, 1, 4))(frames)
    x = layers.Lambda(lambda t: keras.ops.squeeze(t, -1), output_shape=(None, None, 2))(x)
    x = MonteCarloDropout(rate, seed=0, name="dropout")(x)
    readout = layers.Conv2D(3, 1, name="readout")
    x = layers.Lambda(lambda t: keras.ops.expand_dims(t, -1), output_shape=(None, None, 3, 1))(
        readout(x)
    )
    model = keras.Model(frames, layers.Permute((3, 1, 2, 4))(x), name="small_nowcast")
    weights = np.random.default_rng(2).normal(size=(2, 3)).astype("float32")
    readout.set_weights([weights[None, None], np.float32([0.1, -0.2, 0.3])])
    model.preset = NOWCAST
    return model, weights


def convolution(activation: str | None = None) -> tuple[keras.Model, np.ndarray]:
    """A curtain -> a curtain by one 3x3 convolution, and its kernel `(3, 3, channels)`."""
    given = keras.Input((None, None, 3), name="curtain")
    layer = layers.Conv2D(1, 3, padding="same", activation=activation, name="readout")
    model = keras.Model(given, layer(given), name="small_inpaint")
    kernel = np.random.default_rng(3).normal(size=(3, 3, 3), scale=0.4).astype("float32")
    layer.set_weights([kernel[..., None], np.float32([0.2])])
    model.preset = CURTAIN
    return model, kernel


def gradient_by_hand(kernel: np.ndarray, explained: np.ndarray) -> np.ndarray:
    """Of the sum over the gates `explained` of a convolution; `(height, time, channels)`."""
    found = np.zeros((*explained.shape, kernel.shape[-1]))
    for row, column in np.argwhere(explained):
        for i in range(3):
            for j in range(3):
                at = row + i - 1, column + j - 1
                if 0 <= at[0] < explained.shape[0] and 0 <= at[1] < explained.shape[1]:
                    found[at] += kernel[i, j]
    return found


def hole() -> np.ndarray:
    return np.broadcast_to(np.arange(ROWS)[:, None] < BLIND, (ROWS, COLUMNS))


def check_saliency_of_forecasts() -> None:
    model, weights = linear_nowcast()
    found = explain.saliency(model, radar(), output={"lead_time": "10min"})
    assert found.gradient.dims == ("variable", "init_time", "lag", "y", "x")
    assert found.gradient.shape == (1, 1, 2, 4, 5)
    for lag, weight in zip((5, 0), weights[:, 1], strict=True):
        field = found.gradient.sel(lag=np.timedelta64(lag, "m"))
        np.testing.assert_allclose(field, weight, rtol=1e-6)
    x = radar().reflectivity.values[-2:] / 60
    by_hand = np.einsum("tyx,t->", x, weights[:, 1]) - 0.2 * 20
    np.testing.assert_allclose(found.output, by_hand, rtol=1e-5)


def check_saliency_of_curtains() -> None:
    model, kernel = convolution()
    found = explain.saliency(model, curtain())
    by_hand = gradient_by_hand(kernel, hole())[..., :2]
    assert found.gradient.dims == ("variable", "time", "height")
    got = found.gradient.transpose("height", "time", "variable")
    np.testing.assert_allclose(got, by_hand, atol=1e-6)
    largest = np.where(hole(), np.nan, np.abs(by_hand).max(-1))
    np.testing.assert_allclose(found.saliency, largest.T, atol=1e-6)


def check_completeness() -> None:
    model, _ = convolution("tanh")
    found = explain.integrated_gradients(model, curtain(), steps=32)
    whole = found.output - found.output_at_baseline
    assert abs(whole) > 0.1
    np.testing.assert_allclose(found.attribution.sum(), whole, rtol=1e-4)
    assert abs(found.residual) < 1e-4 * abs(whole)


if __name__ == "__main__":
    check_saliency_of_forecasts()
    check_saliency_of_curtains()
    check_completeness()

    from keras_wx.models.unet import UNet3Plus

    network = UNet3Plus(3, 1, filters=2, depth=3, dropout=0.3)
    network.preset = CURTAIN
    features = explain.feature_maps(network, curtain(16), "encoder_2_activation_1").features
    assert features.shape == (4, 8, 4), features.shape
    before = explain.integrated_gradients(network, curtain(16), steps=8)
    after = explain.integrated_gradients(network, curtain(16), steps=8)
    xr.testing.assert_identical(before, after)
    assert float(np.abs(before.attribution).max()) > 0

    forecaster, weights = linear_nowcast()
    forecaster.compile(loss="mse")
    windows = keras_wx.samples(radar(30), NOWCAST, split=None, batch_size=4)
    shuffled = explain.permutation_importance(forecaster, windows, repeats=2)
    x, y = (np.concatenate([batch[part] for batch in windows]) for part in (0, 1))
    past = np.einsum("ntyxc,tf->nfyxc", x, weights)
    forecast = past + np.array([0.1, -0.2, 0.3]).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(shuffled.reference, np.mean((forecast - y) ** 2), rtol=1e-4)
    assert (shuffled.importance != 0).all()
