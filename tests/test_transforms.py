"""Transforms against hand-computed values, in both directions, on every kind of array."""

import keras
import numpy as np
import pytest
import xarray as xr
from keras import ops

from keras_wx import transforms
from keras_wx.errors import PresetError

# configuration, physical values inside its range, network numbers computed by hand
CASES = {
    "linear": ({"linear": {"low": -10, "high": 60}}, [-10.0, 4.0, 25.0, 60.0], [0, 0.2, 0.5, 1]),
    "linear_to": (
        {"linear": {"low": 180, "high": 300, "to": [-0.5, 1], "clip": False}},
        [160.0, 180.0, 220.0, 300.0],
        [-0.75, -0.5, 0.0, 1.0],
    ),
    "cloud": (
        {"cloud": {"low": -60, "high": 30}},
        [-60.0, -54.0, -30.0, 0.0, 30.0],
        [-1.0, -0.4, 0.0, 0.5, 1.0],
    ),
    "zr": ({"zr": {"a": 200, "b": 1.6}}, [23.010299957, 39.010299957], [1.0, 10.0]),
    "log": ({"log": {"floor": 0.01}}, [0.01, 1.0, 1000.0], [-2.0, 0.0, 3.0]),
    "standard": ({"standard": {"mean": 4.0, "std": 2.0}}, [0.0, 5.0, 10.0], [-2.0, 0.5, 3.0]),
    "minmax": ({"minmax": {"low": -2.0, "high": 2.0}}, [-3.0, -2.0, 1.0, 2.0], [-0.25, 0, 0.75, 1]),
    "chain": (
        [{"zr": {"a": 200, "b": 1.6}}, {"log": {"floor": 0.01}}],
        [23.010299957, 39.010299957],
        [0.0, 1.0],
    ),
    "identity": (None, [1.0, -2.0], [1.0, -2.0]),
}


@pytest.fixture(params=CASES, ids=str)
def case(request):
    config, physical, network = CASES[request.param]
    return transforms.build(config), np.array(physical), np.array(network, "float64")


def test_both_directions_by_hand(case):
    transform, physical, network = case
    np.testing.assert_allclose(transform(physical), network, atol=1e-9)
    np.testing.assert_allclose(transform.inverse(network), physical, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_keep_their_dtype(case, dtype):
    transform, physical, network = case
    assert transform(physical.astype(dtype)).dtype == dtype
    assert transform.inverse(network.astype(dtype)).dtype == dtype
    assert transform(physical.astype(dtype)[0]).dtype == dtype


def test_numpy_numbers_as_parameters_do_not_widen_float32():
    """Statistics are computed in float64; a scalar of NumPy's would pull the arrays with it."""
    x = np.ones(2, "float32")
    for transform in (
        transforms.Standard(mean=np.float64(1.5), std=np.float64(0.5)),
        transforms.Linear(low=np.float64(0), high=np.float64(2)),
    ):
        assert transform(x).dtype == transform.inverse(x).dtype == "float32"


def test_tensors_give_what_numpy_gives(case):
    transform, physical, network = case
    physical, network = physical.astype("float32"), network.astype("float32")
    for function, x in ((transform, physical), (transform.inverse, network)):
        result = function(ops.convert_to_tensor(x))
        assert ops.is_tensor(result)
        np.testing.assert_allclose(result, function(x), rtol=1e-6, atol=1e-6)


def test_symbolic_tensors(case):
    transform, *_ = case
    x = keras.KerasTensor((2, 3))
    assert transform(x).shape == transform.inverse(x).shape == (2, 3)


@pytest.mark.parametrize("kind", ["array", "variable", "dask"])
def test_xarray_stays_xarray(case, kind):
    transform, physical, network = case
    for function, x in ((transform, physical), (transform.inverse, network)):
        field = xr.DataArray(x, {"x": range(x.size)}, dims="x")
        field = {"array": field, "variable": field.variable, "dask": field.chunk()}[kind]
        result = function(field)
        assert type(result) is type(field)
        assert result.dims == ("x",)
        if kind == "dask":
            assert result.chunks, "computed at once"
        np.testing.assert_allclose(result, function(x))


def test_missing_values_stay_missing(case):
    transform, *_ = case
    missing = np.array([np.nan], "float32")
    for function in (transform, transform.inverse):
        assert np.isnan(function(missing)).all()
        assert np.isnan(ops.convert_to_numpy(function(ops.convert_to_tensor(missing)))).all()


def test_python_numbers(case):
    transform, physical, network = case
    assert transform(float(physical[0])) == pytest.approx(network[0], abs=1e-8)


def test_linear_clips_unless_told_not_to():
    gray = transforms.build({"linear": {"low": 0, "high": 50}})
    np.testing.assert_allclose(gray(np.array([-5.0, 100.0])), [0, 1])
    free = transforms.build({"linear": {"low": 0, "high": 50, "clip": False}})
    np.testing.assert_allclose(free(np.array([-5.0, 100.0])), [-0.1, 2])


def test_linear_clips_to_the_range_that_it_maps_to():
    signed = transforms.build({"linear": {"low": 0, "high": 50, "to": [-1, 1]}})
    np.testing.assert_allclose(signed(np.array([-5.0, 25.0, 100.0])), [-1, 0, 1])


def test_linear_without_a_range_is_written_as_it_always_was():
    """Fingerprints of data and files of presets hold this form."""
    config = transforms.build({"linear": {"low": 0, "high": 50}}).to_config()
    assert config == {"linear": {"low": 0.0, "high": 50.0, "clip": True}}


def test_cloud_leaves_a_step_between_the_faintest_cloud_and_none():
    """The published rules, number by number: 1.5 (x + 60) / 90 - 0.5, then the exceptions."""
    cloud = transforms.build({"cloud": {"low": -60, "high": 30}})
    faintest = np.nextafter(np.float64(-60), 0)
    x = np.array([-9999.0, -np.inf, -100.0, -60.0, faintest, 45.0, 100.0, 100.1, 9.96921e36])
    expected = [-1, -1, -1, -1, -0.5, 1, 1, -1, -1]
    np.testing.assert_allclose(cloud(x), expected)
    np.testing.assert_allclose(
        ops.convert_to_numpy(cloud(ops.convert_to_tensor(x[3:-1]))), expected[3:-1]
    )
    np.testing.assert_allclose(
        cloud.inverse(np.array([-1.0, -0.7, -0.5, 1.0])), [-60, -60, -60, 30]
    )


# Rain rate by hand: R = 10 ** ((dBZ - 10 log10(a)) / (10 b)).
# hko_2015: 10 log10(118.239) = 20.727607, 10 b = 15.241;  hko_7: 17.673785 and 15.6.
@pytest.mark.parametrize(
    ("pair", "reflectivity", "rain_rate"),
    [
        ("hko_2015", 20.727607, 1.0),
        ("hko_2015", 35.968607, 10.0),
        ("hko_2015", 16.139609, 0.5),
        ("hko_7", 17.673785, 1.0),
        ("hko_7", 33.273785, 10.0),
        ("hko_7", 12.977717, 0.5),
        ("hko_7", 40.716876, 30.0),
    ],
)
def test_published_zr_pairs(pair, reflectivity, rain_rate):
    zr = transforms.build({"zr": pair})
    assert zr(reflectivity) == pytest.approx(rain_rate, rel=1e-6)
    assert zr.inverse(rain_rate) == pytest.approx(reflectivity, abs=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pair", transforms.ZR_PAIRS)
@pytest.mark.parametrize("backend", ["numpy", "tensor"])
def test_no_rain_stays_no_rain(pair, dtype, backend):
    """0 mm/h -> `no_rain` dBZ -> 0 mm/h, not a trace of rain by rounding."""
    zr = transforms.build({"zr": pair})
    rate = np.array([0.0, -1.0, 1.0], dtype)
    if backend == "tensor":
        rate = ops.convert_to_tensor(rate)
    reflectivity = zr.inverse(rate)
    np.testing.assert_allclose(reflectivity[:2], zr.no_rain, atol=1e-5)
    back = zr(reflectivity)
    assert float(back[0]) == float(back[1]) == 0.0
    assert float(back[2]) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "numbers"), [("standard", "mean and std"), ("minmax", "low and h")]
)
def test_without_numbers_it_waits_for_the_training_part(name, numbers):
    transform = transforms.build({name: None})
    assert transform.needs_statistics
    assert transforms.waiting(transforms.build([{"log": {"floor": 1}}, transform])) == (transform,)
    for function in (transform, transform.inverse):
        with pytest.raises(PresetError, match=rf"no {numbers}.* yet.*fit_statistics"):
            function(np.ones(1))


def test_numbers_go_into_the_step_that_waits():
    chain = transforms.build([{"log": {"floor": 0.01}}, {"minmax": {}}])
    filled = chain.with_numbers({"low": -2, "high": 0})
    assert filled.to_config() == [{"log": {"floor": 0.01}}, {"minmax": {"low": -2, "high": 0}}]
    assert filled.with_numbers({"low": 5, "high": 6}) == filled
    assert transforms.IDENTITY.with_numbers({"low": 5, "high": 6}) == transforms.IDENTITY


def test_fitted_to_what_comes_in():
    statistics = {"mean": 1.0, "std": 2.0, "min": -3.0, "max": 5.0}
    assert transforms.Standard().fitted(statistics) == transforms.Standard(mean=1, std=2)
    assert transforms.MinMax().fitted(statistics) == transforms.MinMax(low=-3, high=5)


@pytest.mark.parametrize("name", CASES)
def test_config_round_trip(name):
    transform = transforms.build(CASES[name][0])
    again = transforms.build(transform.to_config())
    assert again == transform
    assert transforms.build(again) is again


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"liner": {"low": 0, "high": 1}}, r"one of .*'linear', .*received 'liner'"),
        ({"linear": {"low": 5, "high": 1}}, r"low < high, received low=5.0, high=1.0"),
        ({"linear": {"low": 5, "hihg": 1}}, r"hihg"),
        ({"linear": {"low": 0, "high": 1, "to": [1, 0]}}, r"low < high, received \[1.0, 0.0\]"),
        ({"cloud": {"low": 30, "high": -60}}, r"-100 <= low < high <= 100, received low=30.0"),
        ({"zr": "hko"}, r"one of \['fmi', 'hko_2015'.*received 'hko'"),
        ({"zr": {"a": -1, "b": 1}}, r"a > 0 and b > 0, received a=-1.0"),
        ({"log": {"floor": 0}}, r"floor > 0, received 0"),
        ({"standard": {"mean": 1}}, r"both mean and std, or neither"),
        ({"standard": {"mean": 1, "std": 0}}, r"std > 0, received 0"),
        ({"minmax": {"low": 1}}, r"both low and high, or neither"),
        ({"minmax": {"low": 1, "high": 1}}, r"low < high, received low=1.0, high=1.0"),
        ("linear", r"one transform of .*received 'linear'"),
        ({"linear": {"low": 0, "high": 1}, "log": {"floor": 1}}, r"one transform of .*'log'"),
    ],
    ids=str,
)
def test_bad_configuration(config, message):
    with pytest.raises(ValueError, match=message):
        transforms.build(config)
