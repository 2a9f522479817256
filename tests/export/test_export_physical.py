"""The transforms inside: by hand, for several variables, against `predict`."""

import keras
import numpy as np
import pytest
from export_cases import curtain, expected, mean_of_two
from keras import ops

import keras_wx
from keras_wx import spec
from keras_wx.errors import ModelError
from keras_wx.inference.export import export
from keras_wx.inference.export.check import agree, echo
from keras_wx.inference.export.physical import physical
from keras_wx.inference.export.portable import portable
from keras_wx.inference.network import fixed_grid
from keras_wx.layers import HideBlindZone


def sample_of(*inputs, target):
    """A sample on one grid from (name, units, transform, fill) of each variable."""

    def variable(role, steps, name, units, transform, fill):
        return {
            "name": name, "role": role, "grid": "radar", "steps": steps,
            "units": units, "transform": transform, "fill": fill,
        }  # fmt: skip

    return spec.read_sample(
        {
            "step": "5min",
            "grids": {"radar": {}},
            "variables": [
                *(variable("input", [-1, 0], *fields) for fields in inputs),
                variable("target", [1, 1], *target),
            ],
        }
    )


DBZ = ("reflectivity", "dBZ", {"linear": {"low": 0, "high": 60}}, 0)
WIND = ("wind", "m s-1", {"standard": {"mean": 2.0, "std": 4.0}}, 2)
RAIN = ("rain_rate", "mm h-1", [{"log": {"floor": 0.1}}, {"standard": {"mean": 0, "std": 2}}], 0.1)


CURTAIN = curtain("ze", "ldr", "ze")


def sum_of_channels():
    """The last frame, its channels added."""
    frames = keras.Input((2, None, None, 2), name="frames")
    return keras.Model(frames, ops.sum(frames[:, -1:], axis=-1, keepdims=True))


def test_fill_transform_inverse_by_hand():
    model = sum_of_channels()
    whole = physical(model, sample_of(DBZ, WIND, target=DBZ))
    x = np.zeros((1, 2, 1, 5, 2), "float32")
    x[0, 1, 0, :, 0] = [30, 90, np.nan, 12, 12]  # dBZ: 0.5, clipped to 1, filled with 0, 0.2, 0.2
    x[0, 1, 0, :, 1] = [2, 6, 4, np.nan, np.nan]  # m/s: 0, 1, 0.5, filled with the mean, ...
    x[0, 0, 0, 4, 1] = np.nan  # and here no frame holds both
    (forecast,) = whole({"frames": x}).values()
    np.testing.assert_allclose(
        forecast[0, 0, 0, :, 0], [30, 120, 30, 12, np.nan], rtol=1e-6, equal_nan=True
    )


def test_arrays_by_name():
    """A model with a dictionary of inputs gets each variable by its name."""
    inputs = {name: keras.Input((2, 4, 4, 1), name=name) for name in ("rain_rate", "wind")}
    model = keras.Model(inputs, inputs["rain_rate"][:, -1:] - 0 * inputs["wind"][:, -1:])
    whole = physical(model, sample_of(RAIN, WIND, target=RAIN), batch_size=1)
    assert [(array.name, array.shape) for array in whole.inputs] == [
        ("rain_rate", (1, 2, 4, 4, 1)),
        ("wind", (1, 2, 4, 4, 1)),
    ]
    rain = np.full((1, 2, 4, 4, 1), 7.0, "float32")
    rain[0, 1, 0, 0] = 0.0  # below the floor
    forecast = whole({"rain_rate": rain, "wind": 0 * rain})["forecast"][0, 0, ..., 0]
    np.testing.assert_allclose(forecast[0, :2], [0.1, 7], rtol=1e-5)


def test_without_a_fill_missing_stays_missing():
    dbz = (*DBZ[:3], None)
    whole = physical(sum_of_channels(), sample_of(dbz, WIND, target=DBZ))
    x = np.full((1, 2, 1, 2, 2), 6.0, "float32")
    x[0, 1, 0, 0, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(whole({"frames": x})["forecast"]).ravel(), [True, False])


def test_fields_without_a_time_axis():
    """(batch, height, time, channels), by name and in the order of the model, not the sample's."""
    whole = physical(mean_of_two(), curtain("ldr", "ze", "ze"), grid=(1, 4))
    dims = ("batch", "height", "time", "channel")
    assert [(array.name, array.dims, array.shape) for array in (*whole.inputs, whole.output)] == [
        ("ze", dims, (None, 1, 4, 1)),
        ("ldr", dims, (None, 1, 4, 1)),
        ("forecast", dims, (None, 1, 4, 1)),
    ]
    ze = np.array([-20, -60, np.nan, np.nan], "float32").reshape(1, 1, 4, 1)
    ldr = np.array([0, -30, -30, np.nan], "float32").reshape(1, 1, 4, 1)
    forecast = whole({"ze": ze, "ldr": ldr})["forecast"]
    np.testing.assert_allclose(forecast.ravel(), [-10, -45, np.nan, np.nan], rtol=1e-5)
    gaps = [np.isnan(echo(array, 2, (1, 4))).ravel().tolist() for array in whole.inputs]
    assert gaps == 2 * [[False, False, False, True] * 2]


def test_the_blind_zone_of_a_curtain_by_hand(tmp_path):
    """Hidden where the mask is 1, blended on its ramp, as it was where it is 0; in ONNX as well."""
    onnxruntime = pytest.importorskip("onnxruntime")
    cloud = {"cloud": {"low": -60, "high": 30}}
    dbz, kelvin = {"units": "dBZ", "transform": cloud}, {"units": "K"}
    variables = [
        {"name": "reflectivity", "role": "input", **dbz},
        {"name": "temperature", "role": "input", **kelvin},
        {"name": "blind_zone", "role": "mask", "units": "1"},
        {"name": "reflectivity", "role": "target", **dbz},
        {"name": "temperature", "role": "target", "auxiliary": True, **kelvin},
    ]
    sample = spec.read_sample(
        {
            "grids": {"curtain": {"dims": ["height", "time"]}},
            "variables": [{"grid": "curtain"} | variable for variable in variables],
            "blind_zone": {"height": 100},
        }
    )
    x = keras.Input((None, None, 3), name="curtain")
    seen = HideBlindZone(channels=1)(x)  # in place of a network: everything is doubled
    model = keras.Model(x, 2 * seen[..., :2], name="double")
    whole = physical(model, sample)
    assert [variable.name for variable in whole.output.variables] == ["reflectivity"]
    nan = np.nan
    reflectivity = [nan, 20, 0, 0, 50, nan, 0, nan]
    temperature = [250, 250, 250, 250, 250, 250, nan, nan]
    mask = [1, 1, 0.5, 0, 0, 0.5, 0, 1]
    curtain = np.stack([reflectivity, temperature, mask], axis=-1).astype("float32")
    x = {"curtain": curtain[None, None]}
    # Clear air is -1: doubled it is clear, -60 dBZ. 0 dBZ is 0.5: doubled it is 1, 30 dBZ.
    wanted = [-60, -60, 30, 0, 50, nan, nan, nan]
    np.testing.assert_allclose(whole(x)["forecast"].ravel(), wanted, rtol=1e-5)
    model.preset = keras_wx.info("unet3plus_kazr").model_copy(update={"sample": sample})
    session = onnxruntime.InferenceSession(export(model, tmp_path / "double.onnx"))
    np.testing.assert_allclose(session.run(["forecast"], x)[0].ravel(), wanted, rtol=1e-5)


def two_grids():
    data = sample_of(DBZ, WIND, target=DBZ).model_dump()
    data["grids"]["coarse"] = {}
    data["variables"][1]["grid"] = "coarse"
    return spec.read_sample(data)


def one_array():
    frames = keras.Input((2, None, None, 1), name="frames")
    return keras.Model(frames, frames[:, -1:], name="last")


@pytest.mark.parametrize(
    ("model", "sample", "message"),
    [
        (
            one_array, sample_of(DBZ, WIND, target=DBZ),
            r"for each of \['reflectivity', 'wind'\].*2, y, x, 2\).*\(None, 2, None, None, 1\)",
        ),
        (one_array, two_grids(), r"fields on one grid. Received: grids \['coarse', 'radar'\]"),
        (
            one_array, sample_of(DBZ, target=DBZ).with_frames(input_frames=3),
            r"frames has .* 3 frames: expected \(batch, 3, y, x, 1\).*\(None, 2, None, None, 1\)",
        ),
        (
            one_array, sample_of(DBZ, target=DBZ).with_frames(output_frames=4),
            r"forecast has .* 4 frames: .*\(None, 1, None, None, 1\)",
        ),
        (mean_of_two, curtain("ze", "cdr", "ze"), r"'cdr'\] by.*inputs \['ldr', 'ze'\]"),
        (lambda: mean_of_two(channels=2), CURTAIN, r"height, time, 1\).*None, 2\)"),
        (lambda: mean_of_two(rank=3), CURTAIN, r"Received: \(None, None, 1\)"),
    ],
    ids=["channels", "grids", "input frames", "output frames", "names", "channels by name", "rank"],
)  # fmt: skip
def test_a_model_that_does_something_else_than_its_sample_says(model, sample, message):
    with pytest.raises(ModelError, match=message):
        physical(model(), sample)


def test_the_grid_of_a_model_with_several_inputs():
    """Vectors, such as the time of a diffusion step, lie on no grid."""
    shapes = {"a": (3,), "b": (4, 6, 1), "c": (2, 4, 6, 1)}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    outputs = ops.sum(inputs["a"]) + inputs["b"] + inputs["c"][:, 0]
    assert fixed_grid(keras.Model(inputs, outputs)) == (4, 6)
    coarse = keras.Input((2, 3, 1))
    model = keras.Model([coarse, inputs["b"]], ops.sum(coarse) + inputs["b"], name="finer")
    with pytest.raises(ModelError, match=r"finer was built for \[\(2, 3\), \(4, 6\)\]"):
        fixed_grid(model)


def test_the_copy_is_float32_and_draws_nothing():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        config = {"input_frames": 2, "output_frames": 1, "filters": (4,), "dropout": 0.5}
        model = keras_wx.load("convlstm_hko", weights=None, **config)
        copy = portable(model)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    assert model.stochastic
    assert not copy.stochastic
    x = np.random.default_rng(0).uniform(size=(1, 2, 4, 4, 1)).astype("float32")
    np.testing.assert_array_equal(copy(x), copy(x))
    for ours, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("change", "same"), [(0.9e-4, True), (1.1e-4, False), (np.nan, False)], ids=str
)
def test_the_tolerance(change, same):
    """1e-4 of the range, which is 50 here; a value that is missing in one alone is a difference."""
    wanted = np.array([10.0, 60.0, np.nan, 20.0], "float64")
    received = wanted + np.array([0, 0, 0, 50 * change])
    assert agree(received, wanted) == same
    assert not agree(received[:3], wanted)


def test_the_reference_of_these_tests_knows_gaps():
    """`expected` itself, on a network that gives back its last frame."""
    frames = keras.Input((2, None, None, 1), name="frames")
    model = keras.Model(frames, frames[:, -1:])
    model.preset = type("Preset", (), {"sample": sample_of(DBZ, target=DBZ)})
    x = np.array([[np.nan, 12], [np.nan, np.nan], [5, np.nan]], "float32").T
    forecast = expected(model, x.reshape(1, 2, 1, 3, 1))
    np.testing.assert_allclose(forecast.ravel(), [12, np.nan, 0], equal_nan=True)
