"""Categorical metrics against NumPy counts and the `scores` library."""

import keras
import numpy as np
import pytest
import scores.categorical
import xarray as xr
from keras import ops

from keras_wx import metrics
from keras_wx.errors import UnknownNameError

GRAY = {"linear": {"low": -10, "high": 60}}
THRESHOLD = 20.0

PEER = {
    "csi": "critical_success_index",
    "pod": "probability_of_detection",
    "far": "false_alarm_ratio",
    "hss": "heidke_skill_score",
    "bias": "frequency_bias",
}
# hits a, misses b, false alarms c, correct negatives d
FORMULA = {
    "csi": lambda a, b, c, d: a / (a + b + c),
    "pod": lambda a, b, c, d: a / (a + b),
    "far": lambda a, b, c, d: c / (a + c),
    "hss": lambda a, b, c, d: 2 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d)),
    "bias": lambda a, b, c, d: (a + c) / (a + b),
}


@pytest.fixture(scope="module")
def batches():
    """Three batches of (observed dBZ, forecast dBZ, mask); values on the threshold are events."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(3):
        observed = rng.uniform(-10, 60, (2, 3, 6, 5, 1))
        forecast = np.clip(observed + rng.normal(0, 15, observed.shape), -10, 60)
        made.append((observed, forecast, rng.integers(0, 2, observed.shape[:-1])))
    made[0][0][0, 0, 0, 0] = THRESHOLD
    return made


def gray(reflectivity):
    return ((reflectivity + 10) / 70).astype("float32")


def counts(observed, forecast):
    o, f = observed >= THRESHOLD, forecast >= THRESHOLD
    return np.array([(o & f).sum(), (o & ~f).sum(), (~o & f).sum(), (~o & ~f).sum()])


def test_the_table_of_formulas_covers_every_categorical_metric():
    in_blind_zones = {"dice", "mae_dbz", "rmse_dbz", "emd"}  # test_metrics_curtain.py
    assert metrics.METRICS.keys() - in_blind_zones == FORMULA.keys() == PEER.keys()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", FORMULA)
def test_over_several_batches(name, masked, batches):
    metric = metrics.get(name, transform=GRAY, threshold=THRESHOLD)
    total = np.zeros(4)
    for observed, forecast, mask in batches:
        metric.update_state(gray(observed), gray(forecast), mask if masked else None)
        keep = mask.astype(bool) if masked else ...
        total += counts(observed[keep], forecast[keep])
    np.testing.assert_array_equal(metric.counts[1], total)
    assert float(metric.result()) == pytest.approx(FORMULA[name](*total), rel=1e-5)
    metric.reset_state()
    np.testing.assert_array_equal(metric.counts, np.zeros((2, 4)))


@pytest.mark.parametrize("name", PEER)
def test_equals_the_scores_library(name, batches):
    observed, forecast, _ = batches[0]
    peer = scores.categorical.ThresholdEventOperator(default_event_threshold=THRESHOLD)
    dims = ("n", "time", "y", "x", "channel")
    table = peer.make_contingency_manager(
        xr.DataArray(forecast, dims=dims), xr.DataArray(observed, dims=dims)
    ).transform()
    metric = metrics.get(name, transform=GRAY, threshold=THRESHOLD)
    metric.update_state(gray(observed), gray(forecast))
    assert float(metric.result()) == pytest.approx(float(getattr(table, PEER[name])()), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "no_events", "perfect"),
    [("csi", 0, 1), ("pod", 0, 1), ("far", 0, 0), ("hss", 0, 1), ("bias", 0, 1)],
)
def test_extremes(name, no_events, perfect):
    metric = metrics.get(name, threshold=0.5)
    dry = np.zeros((1, 1, 2, 2, 1), "float32")
    metric.update_state(dry, dry)
    assert float(metric.result()) == no_events
    wet = dry + np.array([0, 1], "float32")[:, None]
    metric.reset_state()
    metric.update_state(wet, wet)
    assert float(metric.result()) == perfect


def test_counts_beyond_the_exact_range_of_float32_go_on():
    """2**24 + 1 is no float32: sums of odd numbers would be rounded there."""
    metric = metrics.CSI(threshold=0.5)
    hits = np.ones((1, 1, 1000, 1000, 1), "float32")
    hits[0, 0, 0, 0] = 0
    for _ in range(20):
        metric.update_state(hits, hits)
        metric.update_state(hits[:, :, 1:2, :1], 0 * hits[:, :, 1:2, :1])
    millions, rest = ops.convert_to_numpy(metric.counts).astype("int64")
    np.testing.assert_array_equal(millions * 10**6 + rest, [20 * 999_999, 20, 0, 20])
    assert (rest < 10**6).all()
    assert float(metric.result()) == pytest.approx(19_999_980 / 20e6, rel=1e-6)


def test_one_batch_beyond_the_exact_range_of_float32():
    """An odd number of hits above 2**24, in one call."""
    metric = metrics.CSI(threshold=0.5)
    hits = np.ones((17, 1, 1000, 1000, 1), "float32")
    hits[3, 0, 5, 7] = 0
    metric.update_state(hits, hits)
    millions, rest = ops.convert_to_numpy(metric.counts).astype("int64")
    np.testing.assert_array_equal(millions * 10**6 + rest, [17 * 10**6 - 1, 0, 0, 1])


def test_in_fit_with_a_mask_under_mixed_precision(batches):
    """`weighted_metrics` give the model's own mask; labels stay float32."""
    observed, forecast, mask = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input(observed.shape[1:])
        model = keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(inputs))
        model.compile(
            loss="mse",
            weighted_metrics=[metrics.get("csi", transform=GRAY, threshold=THRESHOLD)],
        )
        x, y = gray(forecast), gray(observed)
        result = model.evaluate(x, y, sample_weight=mask, verbose=0, return_dict=True)
    finally:
        keras.config.set_dtype_policy("float32")
    keep = mask.astype(bool)
    expected = FORMULA["csi"](*counts(observed[keep], forecast[keep]))
    assert result["csi_20"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "better"), [("csi", max), ("pod", max), ("far", min), ("hss", max)]
)
def test_callbacks_know_which_value_is_better(name, better):
    """Keras' own, of `mode="auto"`, with a model that gets worse after the first epoch."""
    inputs = keras.Input((1, 2, 2, 1))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model.compile(loss="mse", weighted_metrics=[metrics.get(name, threshold=0.5)])
    monitor = keras.callbacks.EarlyStopping(f"val_{name}_0.5", patience=5)
    monitor.set_model(model)
    model.evaluate(np.ones((1, 1, 2, 2, 1)), np.ones((1, 1, 2, 2, 1)), verbose=0)
    monitor.on_train_begin()
    for score in (0.4, 0.2, 0.6):
        monitor.on_epoch_end(0, {monitor.monitor: score})
    assert float(monitor.best) == better(0.4, 0.2, 0.6)


@pytest.mark.parametrize("name", FORMULA)
def test_serialisation_round_trip(name):
    metric = metrics.get(name, transform=GRAY, threshold=2.5)
    assert metric.name == f"{name}_2.5"
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()


def test_without_transform_network_numbers_are_compared():
    metric = metrics.POD(threshold=0.5)
    metric.update_state(np.array([[0.6, 0.7, 0.2]]), np.array([[0.5, 0.4, 0.1]]))
    assert float(metric.result()) == 0.5


def test_a_keras_metric_takes_its_arguments():
    metric = metrics.get("binary_accuracy", threshold=0.9)
    metric.update_state([[1.0, 1.0]], [[0.8, 0.95]])
    assert float(metric.result()) == 0.5


def test_a_keras_metric_by_its_abbreviation_is_a_masked_mean():
    metric = metrics.get("mae")
    metric.update_state([[1.0], [5.0]], [[0.5], [0.0]], sample_weight=[1, 0])
    assert float(metric.result()) == 0.5


def test_unknown_metric_lists_the_near_ones():
    with pytest.raises(UnknownNameError, match=r"'cis'.*'csi'.*Any Keras metric works too"):
        metrics.get("cis", threshold=1)
