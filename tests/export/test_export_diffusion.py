"""A diffusion model in files: the loop that its record describes draws what the model draws."""

from __future__ import annotations

import json

import numpy as np
import pytest

import keras_wx
from keras_wx import spec
from keras_wx.errors import ModelError
from keras_wx.inference.export.write import FORMATS
from keras_wx.registry import models

LINEAR = {"linear": {"low": 250, "high": 300, "clip": False}}


def diffusion_model(**config):
    architecture = models.get("ddpm")
    config = {**architecture.tiny, **config}
    inputs = config["history"], config["conditions"]
    air = {"name": "air", "units": "K", "grid": "fine", "transform": LINEAR}
    variables = [
        {**air, "role": "input", "steps": [-inputs[0], -1]},
        {**air, "name": "coarse_air", "role": "input", "steps": [1 - inputs[1], 0]},
        {**air, "role": "target", "steps": [0, 0]},
    ]
    preset = {
        "name": "small",
        "title": "A small diffusion model",
        "task": "downscale",
        "architecture": "ddpm",
        "config": config,
        "sample": {"layout": "channels", "grids": {"fine": {}}, "variables": variables},
    }
    model = architecture(**config, name="small")
    model.preset = spec.validate(preset, "small.yaml")
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.05 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model, sum(inputs)


def follow(record, networks, maps, field):
    """The loop as `how` in the record says it."""
    (constant,) = networks["conditions"]({"maps": maps}).values()
    field_before = clean_before = np.zeros_like(field)
    for numbers in record["rows"]:
        row = dict(zip(record["columns"], np.float32(numbers), strict=True))
        time = np.full(len(field), row["time"], np.float32)
        step = networks["step"]({"field": field, "constant": constant, "time": time})
        (prediction,) = step.values()
        clean = {
            "epsilon": (field - row["sigma"] * prediction) / max(row["alpha"], 1e-9),
            "x0": prediction,
            "v": row["alpha"] * field - row["sigma"] * prediction,
            "mean": row["alpha"] * field + row["sigma"] ** 2 * prediction,
        }[record["prediction"]]
        if record["clip"]:
            clean = np.clip(clean, *record["clip"])
        following = row["x"] * field + row["x_before"] * field_before
        following = following + row["x0"] * clean + row["x0_before"] * clean_before
        field_before, clean_before, field = field, clean, following
    return field


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "config"),
    [
        ("onnx", {"prediction": "v"}),
        ("onnx", {"prediction": "mean"}),
        (
            "saved_model",
            {"prediction": "x0", "sampler": {"name": "ddim", "steps": 4, "clip": [0, 1]}},
        ),
        ("saved_model", {"prediction": "epsilon", "sampler": {"name": "heun", "steps": 3}}),
    ],
)
def test_the_loop_of_the_record_draws_what_the_model_draws(form, config, tmp_path):
    model, channels = diffusion_model(**config)
    folder = keras_wx.export(model, tmp_path / "small", form)
    record = json.loads((folder / "keras_wx.json").read_text())
    networks = {
        name: FORMATS[form].module.reader(folder / network["file"])
        for name, network in record["networks"].items()
    }
    rng = np.random.default_rng(1)
    maps = rng.uniform(size=(2, 16, 24, channels)).astype("float32")
    noise = rng.normal(size=(2, 16, 24, 1)).astype("float32")
    expected = model.sample(maps, noise=noise[None])[0]
    got = follow(record, networks, maps, noise)
    np.testing.assert_allclose(got, expected, atol=1e-4 * max(1, np.abs(expected).max()))
    assert (record["deterministic"], record["task"]) == (False, "downscale")
    assert record["inputs"][0]["transform"]["linear"]["high"] == 300
    assert record["schedule"]["name"] == "cosine"
    keras_wx.export(model, folder, form, overwrite=True)


def test_guidance_stays_out(tmp_path):
    model, _ = diffusion_model(guidance={"p_uncond": 0.1, "scale": 2.0})
    with pytest.raises(ModelError, match="guidance=None"):
        keras_wx.export(model, tmp_path / "small")
