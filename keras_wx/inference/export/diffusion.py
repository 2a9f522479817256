"""Diffusion models as files: what runs once, what runs at each step, and the steps as a table.

A loop of many steps has no place in a graph that every runtime takes. What a runtime needs for it
are two networks and, for each step, five numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_wx.diffusion import Sampler, Schedule
from keras_wx.errors import ModelError
from keras_wx.inference.export.check import agree
from keras_wx.inference.export.physical import OUTPUT, Array, Physical
from keras_wx.inference.export.record import RECORD_FILE, common_facts
from keras_wx.registry import models

if TYPE_CHECKING:
    import keras

    from keras_wx.inference.export.write import Format
    from keras_wx.spec import Preset

CONDITIONS, STEP = "conditions", "step"
"""The two networks, by the names of their files."""

HOW = (
    "Numbers are those of the network; `inputs` says by which transforms physical values become "
    "them, and `outputs` by which they become physical again. Run `conditions` once on the maps: "
    "it gives `constant`. Begin with `field`, standard normal noise. In each row run `step` on "
    "field, constant and the row's time: it gives a prediction. The clean field is "
    "(field - sigma * prediction) / alpha if `prediction` is epsilon, the prediction itself if it "
    "is x0, alpha * field - sigma * prediction if it is v, and alpha * field + sigma^2 * "
    "prediction if it is mean; clip it if `clip` says so. The next field is x * field + x_before "
    "* field_before + x0 * clean + x0_before * clean_before + noise "
    "* z, with fresh standard normal z, and `before` what the row before had; nothing, 0, in the "
    "first. The last is the sample."
)


def is_diffusion(model: keras.Model) -> bool:
    """Whether samples of the model are made in steps by one network."""
    return type(model) is models.get("ddpm")


def write(
    model: keras.Model,
    preset: Preset,
    path: Path,
    form: Format,
    *,
    grid: tuple[int, int] | None,
    batch_size: int | None,
) -> None:
    """Writes a folder with both networks and the table.

    Args:
        model: as `portable` makes it.
        preset: of the model.
        path: of the folder.
        form: format of the networks.
        grid: rows and columns; None leaves them open.
        batch_size: None leaves it open.

    Raises:
        ModelError: a model with guidance, or a file that gives other numbers than the model.
    """
    if (model.get_config()["guidance"] or {}).get("scale", 1) != 1:
        raise ModelError(
            f"{preset.full_name} samples with guidance, which a file does not do: "
            "keras_wx.load(..., guidance=None) builds it without."
        )
    parts = {
        CONDITIONS: _conditions(model, grid, batch_size),
        STEP: _step(model, grid, batch_size),
    }
    path.mkdir()
    text = json.dumps(_facts(model, preset, parts, form), ensure_ascii=False)
    for name, part in parts.items():
        file = path / f"{name}{form.suffix}"
        form.module.write(part, file, text)
        _check(name, part, form.module.reader(file))
    (path / RECORD_FILE).write_text(text, encoding="utf-8")


def _facts(
    model: keras.Model, preset: Preset, parts: dict[str, Physical], form: Format
) -> dict[str, Any]:
    """The record: what any export says, both networks, the schedule and the sampler's steps."""
    config, sample = model.get_config(), preset.sample
    sampler = dict(config["sampler"])
    steps = sampler.pop("steps")
    schedule, chosen = Schedule.from_config(config["schedule"]), Sampler.from_config(sampler)
    plan = chosen.plan(schedule, steps)
    return common_facts(preset) | {
        "deterministic": False,
        "how": HOW,
        "networks": {
            name: {
                "file": f"{name}{form.suffix}",
                "inputs": [_array(array) for array in part.inputs],
                "output": _array(part.output),
            }
            for name, part in parts.items()
        },
        "inputs": [
            v.model_dump(mode="json", exclude_defaults=True)
            for role in ("input", "mask", "static", "calendar")
            for v in sample.of_role(role)
        ],
        "outputs": [v.model_dump(mode="json", exclude_defaults=True) for v in sample.targets],
        "prediction": config["prediction"],
        "schedule": schedule.get_config(),
        "sampler": chosen.get_config() | {"steps": steps},
        "clip": chosen.clip,
        "columns": ["time", "alpha", "sigma", "x", "x_before", "x0", "x0_before", "noise"],
        "rows": plan.table.tolist(),
    }


def _array(array: Array) -> dict:
    return {"name": array.name, "dims": array.dims, "shape": array.shape, "dtype": "float32"}


def _conditions(model: keras.Model, grid, batch_size: int | None) -> Physical:
    """Maps -> what the steps need of them."""
    import keras

    class Constant(keras.layers.Layer):
        def __init__(self):
            super().__init__(autocast=False)
            self.conditions, self.stem = model.conditions, model.network.stem
            self.built = True

        def call(self, maps):
            return self.stem.constant(self.conditions(maps))

    maps = _input("maps", (batch_size, *(grid or (None, None)), model.input_shape[-1]))
    y = Constant()(maps)
    return _part(keras.Model(maps, {OUTPUT: y}), {"maps": maps}, y)


def _step(model: keras.Model, grid, batch_size: int | None) -> Physical:
    """A noisy field, what the maps came to, and a time -> the prediction."""
    import keras

    size = batch_size, *(grid or (None, None))
    inputs = {
        "field": _input("field", (*size, model.output_shape[-1])),
        "constant": _input("constant", (*size, model.network.stem.filters)),
        "time": _input("time", (batch_size,)),
    }
    y = model.network(*inputs.values())
    return _part(keras.Model(inputs, {OUTPUT: y}), inputs, y)


def _input(name: str, shape: tuple):
    import keras

    return keras.Input(batch_shape=shape, dtype="float32", name=name)


def _part(network: keras.Model, inputs: dict, y) -> Physical:
    def array(name: str, tensor) -> Array:
        dims = ("batch", "y", "x", "channel")[: len(tensor.shape)]
        return Array(name, dims, tuple(tensor.shape), ())

    arrays = tuple(array(name, tensor) for name, tensor in inputs.items())
    return Physical(network, arrays, array(OUTPUT, y))


def _check(name: str, part: Physical, run) -> None:
    """Runs network and file on the same random numbers."""
    rng = np.random.default_rng(0)
    open_sizes = {"batch": 2, "y": 16, "x": 24}
    x = {
        array.name: rng.normal(
            size=[n or open_sizes[d] for d, n in zip(array.dims, array.shape, strict=True)]
        ).astype(np.float32)
        for array in part.inputs
    }
    if not agree(run(x)[OUTPUT], part(x)[OUTPUT]):
        raise ModelError(f"the file of {name} does not give what the network gives.")
