"""What the export tests share: a network as files, run in a bare process, and one by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import zoo_cases

import keras_wx
from keras_wx import spec
from keras_wx.errors import ModelError
from keras_wx.inference.export import export
from keras_wx.inference.network import fixed_grid, grid_multiple
from keras_wx.registry import models

BARE_PROCESS = str(Path(__file__).with_name("bare_process.py"))
SUFFIX = {"saved_model": "", "onnx": ".onnx", "litert": ".tflite"}
READ = ("input", "mask", "static", "calendar")
CHANNELS = ("inputs", "outputs", "history", "conditions")
"""Options of networks that are numbers of channels, as the sample has them."""
COMPLETE = {"transfer_unet": "transfer_unet_ncep_air", "downscale_unet": "unet_ncep_air"}
"""Presets whose transforms have numbers, where the first of their architecture wait for some."""


class Exported:
    """One model in all formats: what the files gave, or why there is none.

    Attributes:
        inputs: arrays in physical units, by a name.
        forecasts: of a format and the name of an input.
        records: of a format.
        errors: of a format that cannot hold the model.
    """

    def __init__(self, model, folder: Path, *, grid=None, formats=tuple(SUFFIX)):
        self.model, self.folder = model, folder
        folder.mkdir()
        self.inputs = {
            f"{number}": rain(model, batch, shape)
            for number, (batch, shape) in enumerate(shapes(model, grid))
        }
        np.savez(folder / "inputs.npz", **self.inputs)
        self.errors = {}
        for kind in formats:
            try:
                export(model, folder / f"model_{kind}{SUFFIX[kind]}", kind, grid=grid)
            except ModelError as error:
                self.errors[kind] = error

    def read(self):
        with np.load(self.folder / "forecasts.npz") as file:
            self.forecasts = dict(file)
        self.records = json.loads((self.folder / "records.json").read_text())


def run_bare(case: Exported) -> None:
    """Runs the files of a model in a process that cannot import keras_wx."""
    command = [sys.executable, BARE_PROCESS, str(case.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    case.read()


def fixed(model) -> tuple[int, int] | None:
    """The grid that a file has to be written for, None where every format takes any.

    LiteRT takes optical flow and nearest-neighbour upsampling on a fixed grid only.
    """
    if model.preset.sample.layout == "channels":
        return 10, 13
    config = model.get_config()
    flow = config.get("first_guess") == "extrapolation"
    return (32, 48) if flow or config.get("upsampling") == "nearest" else None


def shapes(model, grid):
    """Batches and grids to run a model on: several, where it leaves them open."""
    rows, columns = grid or fixed_grid(model)
    if rows is not None:
        return [(2, (rows, columns)), (1, (rows, columns))]
    multiple = grid_multiple(model)
    return [(2, (4 * multiple, 6 * multiple)), (1, (7 * multiple, 5 * multiple))]


def small(architecture: str) -> keras.Model:
    """The tiny model of an architecture, with the inputs and outputs that its sample has."""
    name = COMPLETE.get(architecture) or zoo_cases.tiny(architecture).preset.name
    published, tiny = keras_wx.info(name).config, getattr(models.get(architecture), "tiny", {})
    same = {key: published[key] for key in CHANNELS if key in published}
    model = keras_wx.load(name, weights=None, **tiny | same)
    zoo_cases.set_formula_weights(model)
    return model


def channels(sample, *roles) -> list[tuple[spec.Variable, list[int] | None]]:
    """What each channel is, and its first and last step."""
    variables = [variable for role in roles for variable in sample.of_role(role)]
    if sample.layout == "frames":
        return [(v, v.steps and list(v.steps)) for v in variables]
    return [
        (variable, variable.steps and [step, step])
        for variable in variables
        for step in (range(variable.steps[0], variable.steps[1] + 1) if variable.steps else [0])
    ]


def rain(model, batch: int, shape: tuple[int, int]) -> np.ndarray:
    """Moving echo in physical units, some of it beyond the transform's range, with gaps.

    Where frames are channels, each channel is another wave.
    """
    rng = np.random.default_rng(3)
    sample = model.preset.sample
    if sample.layout == "channels":
        y, x = np.indices(shape)
        fields = [
            v.transform.inverse(
                0.5 + 0.6 * np.sin(0.9 * y + 0.5 * x + rng.uniform(0, 6, (batch, 1, 1)))
            )
            for v, _ in channels(sample, *READ)
        ]
        return np.stack(fields, axis=-1).astype("float32")
    time, y, x = np.indices((sample.inputs[0].frames, *shape))
    fields = []
    for variable in sample.of_role("input", "mask"):
        phase = rng.uniform(0, 6, (batch, 1, 1, 1))
        waves = 0.5 + 0.6 * np.sin(0.9 * y + 0.5 * x - 0.6 * time + phase)
        field = variable.transform.inverse(waves)
        if variable.role == "mask":  # two rows are hidden, and a third is on the ramp
            field = np.broadcast_to(np.clip(1.5 - 0.5 * y, 0, 1), field.shape)
        elif sample.blind_zone and variable.units == "dBZ":
            field[:, 0, 0] = np.nan
        elif variable.fill is not None:
            field[:, 0, 1] = np.nan
            field[0, :, 2, 3] = np.nan
        fields.append(field)
    array = np.stack(fields, axis=-1).astype("float32")
    return array if len(model.input_shape) == 5 else array[:, 0]


def expected(model, x: np.ndarray) -> np.ndarray:
    """Fill, transform, network, inverse: with NumPy around a call of the model."""
    sample = model.preset.sample
    network = np.empty_like(x)
    for number, (variable, _) in enumerate(channels(sample, *READ)):
        field = x[..., number].astype("float64")
        stand_in = -70.0 if variable.fill is None else variable.fill  # clear air where it is hidden
        network[..., number] = variable.transform(np.where(np.isnan(field), stand_in, field))
    y = np.asarray(model(network, training=False), dtype="float64")
    targets = [target for target in sample.targets if not target.auxiliary]
    forecast = np.stack(
        [t.transform.inverse(y[..., number]) for number, t in enumerate(targets)], axis=-1
    )
    if sample.blind_zone:
        return np.where(x[..., -1:] == 0, x[..., : len(targets)], forecast)
    if sample.layout == "channels":
        return forecast
    missing = np.isnan(x).any(axis=-1, keepdims=True)
    return np.where(
        missing.all(axis=1, keepdims=True) if x.ndim == 5 else missing, np.nan, forecast
    )


def assert_equal(received: np.ndarray, wanted: np.ndarray) -> None:
    """To 1e-4 of the range of the forecast, and missing at the same points."""
    span = np.nanmax(wanted) - np.nanmin(wanted)
    assert span > 0.01, "a forecast that hardly varies shows no difference"
    np.testing.assert_allclose(received, wanted, rtol=0, atol=1e-4 * span, equal_nan=True)


def curtain(*names):
    """A sample of single fields of height x time without a step: two inputs and a target."""
    roles = ("input", "input", "target")
    variables = [
        {"name": name, "role": role, "grid": "curtain", "units": "dBZ", "fill": -60,
         "transform": {"linear": {"low": -60, "high": 40, "clip": False}}}
        for role, name in zip(roles, names, strict=True)
    ]  # fmt: skip
    grids = {"curtain": {"dims": ["height", "time"]}}
    return spec.read_sample({"grids": grids, "variables": variables})


def mean_of_two(channels=1, rank=4):
    """A network that reads `ze` and `ldr`, `(batch, height, time, channels)`, by their names."""
    shape = (*(None,) * (rank - 2), channels)
    fields = {name: keras.Input(shape, name=name) for name in ("ze", "ldr")}
    both = keras.layers.Concatenate()(list(fields.values()))
    mean = keras.layers.Dense(channels, kernel_initializer=keras.initializers.Constant(0.5))
    return keras.Model(fields, mean(both), name="mean_of_two")
