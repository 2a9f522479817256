"""A probabilistic head in a file: it gives the median, as `predict` does."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_wx

ROWS = 128


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_a_file_gives_the_median_that_predict_gives(tmp_path, suffix):
    keras.utils.set_random_seed(4)
    model = keras_wx.load(
        "unet3plus_curtain_era5_prob_small", weights=None, filters=2, deep_supervision=False
    )
    data = keras_wx.open_dataset(
        "synthetic_curtain", columns=32, rows=ROWS, events=1, seed=5
    ).load()
    found = keras_wx.predict(model, data)
    inputs = [data[v.name].values.T for v in model.preset.sample.inputs]
    x = np.stack([*inputs, found.blind_zone.values.T], axis=-1)[None].astype("float32")
    x[..., 0] = np.where(x[..., -1] == 1, np.nan, x[..., 0])

    file = keras_wx.export(model, tmp_path / f"model.{suffix}", grid=(ROWS, 32), batch_size=1)
    if suffix == "onnx":
        session = pytest.importorskip("onnxruntime").InferenceSession(file)
        forecast = session.run(["forecast"], {session.get_inputs()[0].name: x})[0]
    else:
        run = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(file))
        forecast = next(iter(run.get_signature_runner()(curtain=x).values()))
    expected = found.reflectivity.values.T
    assert (expected[:16] > -60).mean() > 0.05
    np.testing.assert_allclose(forecast[0, ..., 0], expected, atol=0.02)
