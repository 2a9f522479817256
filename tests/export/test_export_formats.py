"""Every registered network in every format, against its own call, in a process without keras_wx."""

import functools
import json

import export_cases
import numpy as np
import pytest
import xarray as xr

pytest.importorskip("tf2onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

import zoo_cases

import keras_wx
from keras_wx.inference.export import export
from keras_wx.inference.network import is_stochastic
from keras_wx.registry import models

FORMATS = list(export_cases.SUFFIX)


# Any one of them shows that the formats work. Those that draw have files of another kind, or none.
NETWORKS = [
    name if name == "convlstm" else pytest.param(name, marks=pytest.mark.slow)
    for name in zoo_cases.NETWORKS
    if not hasattr(models.get(name), "sample")
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A function from an architecture to its tiny model as files, and what they gave."""

    @functools.cache
    def export_and_run(name):
        model = export_cases.small(name)
        folder = tmp_path_factory.mktemp(name) / "exported"
        case = export_cases.Exported(model, folder, grid=export_cases.fixed(model))
        export_cases.run_bare(case)
        return case

    return export_and_run


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_gives_what_the_model_gives(exported, name, format):
    case = exported(name)
    if format in case.errors:
        raise case.errors[format]
    for key, x in case.inputs.items():
        wanted = export_cases.expected(case.model, x)
        export_cases.assert_equal(case.forecasts[f"{format}_{key}"], wanted)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_says_what_it_takes_and_gives(exported, name, format):
    case = exported(name)
    record = json.loads(case.records[format])
    sample = case.model.preset.sample
    assert record["preset"] == case.model.preset.full_name
    assert record["step"] == sample.step_text
    assert record["grids"].keys() == sample.grids.keys()
    (given,), (wanted,) = record["inputs"], record["outputs"]
    batch, *time, _, _, channels = case.model.input_shape
    grid = export_cases.fixed(case.model) or case.model.input_shape[-3:-1]
    assert given["shape"] == [batch, *time, *grid, channels]
    assert len(given["dims"]) == len(given["shape"])
    read = export_cases.channels(sample, *export_cases.READ)
    targets = [t for t in export_cases.channels(sample, "target") if not t[0].auxiliary]
    batch, *time, _, _, _ = case.model.output_shape
    assert wanted["shape"] == [batch, *time, *grid, len(targets)]
    for array, expected in ((given, read), (wanted, targets)):
        received = array["channels"]
        assert [c["steps"] for c in received] == [steps for _, steps in expected]
        for key in ("name", "units", "fill"):
            assert [c[key] for c in received] == [getattr(v, key) for v, _ in expected]


@pytest.mark.parametrize("format", FORMATS)
def test_the_file_gives_what_predict_gives(exported, format):
    case = exported("convlstm")
    x = case.inputs["1"]
    spacing = 1000 * case.model.preset.sample.grids["radar"].spacing_km
    start = np.datetime64("2016-09-28T15:00", "ns")
    radar = xr.Dataset(
        {"reflectivity": (("time", "y", "x"), x[0, ..., 0], {"units": "dBZ"})},
        coords={
            "time": start + np.arange(x.shape[1]) * np.timedelta64(6, "m"),
            "y": ("y", spacing * np.arange(x.shape[2]), {"units": "m"}),
            "x": ("x", spacing * np.arange(x.shape[3]), {"units": "m"}),
        },
    )
    forecast = keras_wx.predict(case.model, radar).reflectivity.values
    received = case.forecasts[f"{format}_1"][..., 0]
    assert np.isnan(forecast).any()
    export_cases.assert_equal(received, forecast)


def test_several_inputs_without_a_time_axis(tmp_path):
    """Each by its name; the forecast is their mean, and missing where one of them is."""
    import onnxruntime
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    model = export_cases.mean_of_two()
    sample = export_cases.curtain("ze", "ldr", "ze")
    model.preset = keras_wx.info("convlstm_hko").model_copy(update={"sample": sample})
    onnx, litert, folder = (tmp_path / name for name in ("a.onnx", "a.tflite", "a"))
    for path in (onnx, litert, folder):
        export(model, path)
    session = onnxruntime.InferenceSession(onnx)
    assert [(i.name, i.shape) for i in session.get_inputs()] == [
        (name, ["batch", "height", "time", 1]) for name in ("ze", "ldr")
    ]
    ze, ldr = np.random.default_rng(4).uniform(-50, 30, (2, 3, 6, 4, 1)).astype("float32")
    ldr[1, 2, 3] = np.nan
    x = {"ze": ze, "ldr": ldr}
    (forecast,) = session.run(["forecast"], x)
    np.testing.assert_allclose(forecast, (ze + ldr) / 2, rtol=1e-4, atol=1e-3)
    forecast = Interpreter(str(litert)).get_signature_runner()(**x)["forecast"]
    np.testing.assert_allclose(forecast, (ze + ldr) / 2, rtol=1e-4, atol=1e-3)
    served = tf.saved_model.load(str(folder))
    forecast = served.serve({name: tf.constant(field) for name, field in x.items()})["forecast"]
    np.testing.assert_allclose(forecast, (ze + ldr) / 2, rtol=1e-4, atol=1e-3)


def test_inputs_have_the_order_of_the_model_whatever_the_converter_gives(tmp_path, monkeypatch):
    import onnxruntime
    import tf2onnx

    converted = tf2onnx.convert.from_function

    def reversed_inputs(*args, **options):
        model, rest = converted(*args, **options)
        inputs = list(model.graph.input)[::-1]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        return model, rest

    monkeypatch.setattr(tf2onnx.convert, "from_function", reversed_inputs)
    model = export_cases.mean_of_two()
    sample = export_cases.curtain("ze", "ldr", "ze")
    model.preset = keras_wx.info("convlstm_hko").model_copy(update={"sample": sample})
    export(model, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    assert [i.name for i in session.get_inputs()] == ["ze", "ldr"]


# === Slow: what ships, and the first guess by optical flow ===


def trained() -> list[str]:
    """Presets with weights, but for those that draw: test_export_diffusion.py has these."""
    return [
        name
        for name in keras_wx.list_models(pretrained=True)
        if not hasattr(models.get(keras_wx.info(name).architecture), "sample")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", trained())
def test_trained_weights(name, tmp_path):
    model = keras_wx.load(name)
    if is_stochastic(model):
        model.stochastic = False  # as it is in a file
    case = export_cases.Exported(model, tmp_path / name, grid=export_cases.fixed(model))
    export_cases.run_bare(case)
    assert case.errors == {}
    record = json.loads(case.records["onnx"])
    weights = model.preset.weights.variants[model.preset.variant]
    assert record["weights"]["terms"] == weights.terms
    assert record["weights"]["sha256"] == weights.sha256
    for key, x in case.inputs.items():
        for format in FORMATS:
            received = case.forecasts[f"{format}_{key}"]
            export_cases.assert_equal(received, export_cases.expected(model, x))


@pytest.mark.slow
@pytest.mark.parametrize(("grid", "formats"), [(None, FORMATS[:2]), ((8, 12), FORMATS[2:])])
def test_first_guess_by_extrapolation(grid, formats, tmp_path):
    """Optical flow and advection are in the file too; in LiteRT on a fixed grid."""
    config = {"input_frames": 3, "output_frames": 2, "filters": (4,)}
    model = keras_wx.load("convlstm_hko", weights=None, first_guess="extrapolation", **config)
    zoo_cases.set_formula_weights(model)
    case = export_cases.Exported(model, tmp_path / "flow", grid=grid, formats=formats)
    export_cases.run_bare(case)
    assert case.errors == {}
    for key, x in case.inputs.items():
        for format in formats:
            received = case.forecasts[f"{format}_{key}"]
            export_cases.assert_equal(received, export_cases.expected(model, x))


@pytest.mark.slow
def test_extrapolation_in_litert_needs_a_fixed_grid(tmp_path):
    config = {"input_frames": 2, "output_frames": 1, "filters": (4,)}
    model = keras_wx.load("convlstm_hko", weights=None, first_guess="extrapolation", **config)
    with pytest.raises(keras_wx.errors.ModelError, match=r"as LiteRT: .*grid=\(rows, columns\)"):
        export(model, tmp_path / "flow.tflite")
    assert list(tmp_path.iterdir()) == []
