"""Metrics of the blind zone against NumPy and SciPy."""

import keras
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from keras_wx import losses, metrics
from keras_wx.transforms import Cloud

CLOUD = {"cloud": {"low": -60, "high": 30}}
NAMES = ("dice", "mae_dbz", "rmse_dbz", "emd")


@pytest.fixture(scope="module")
def batches():
    """Three batches of (observed, reconstructed, mask): dBZ with exact -60, a ramp in the mask."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(3):
        shape = (2, 16, 12)
        observed = np.maximum(rng.normal(-45, 25, shape), -60).clip(max=30)
        given = np.maximum(observed + rng.normal(0, 20, shape), -60).clip(max=30)
        ramp = np.clip((9 + number - np.arange(16)) / 4, 0, 1)
        made.append((observed, given, np.broadcast_to(ramp[:, None], shape).astype("float32")))
    return made


def numbers(reflectivity):
    """Network numbers, with an auxiliary channel that does not count."""
    first = Cloud()(reflectivity).astype("float32")
    return np.stack([first, 9 - first], axis=-1)


def expected(observed, given):
    o, f = observed > -60, given > -60
    centres = (np.arange(64) + 0.5) * 90 / 64 - 60

    def binned(values):
        return centres[np.minimum((values + 60) / 90 * 64, 63).astype(int)]

    return {
        "dice": 2 * (o & f).sum() / (o.sum() + f.sum()),
        "mae_dbz": np.abs(observed - given).mean(),
        "rmse_dbz": np.sqrt(np.square(observed - given).mean()),
        "emd": wasserstein_distance(binned(observed), binned(given)) / 90 * 100,
    }


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_over_several_batches(name, masked, batches):
    metric = metrics.get(name, transform=CLOUD)
    kept = []
    for observed, given, mask in batches:
        metric.update_state(numbers(observed), numbers(given), mask if masked else None)
        where = mask == 1 if masked else mask >= 0
        kept.append((observed[where], given[where]))
    whole = expected(*(np.concatenate(parts) for parts in zip(*kept, strict=True)))
    assert float(metric.result()) == pytest.approx(whole[name], rel=1e-4)
    metric.reset_state()
    assert float(metric.result()) == (1 if name == "dice" else 0)


@pytest.mark.parametrize(
    ("name", "perfect"), [("dice", 1), ("mae_dbz", 0), ("rmse_dbz", 0), ("emd", 0)]
)
def test_perfect(name, perfect, batches):
    metric = metrics.get(name, transform=CLOUD)
    metric.update_state(numbers(batches[0][0]), numbers(batches[0][0]))
    assert float(metric.result()) == perfect


def test_numbers_that_no_measurement_gives():
    """A network says -0.8 where it means no cloud, and 1.2 where it means a strong one."""
    y_true = np.array([-1.0, 1.0]).reshape(1, 1, 2, 1)
    y_pred = np.array([-0.8, 1.2]).reshape(1, 1, 2, 1)
    for name, score in (("dice", 1), ("mae_dbz", 6), ("rmse_dbz", 72**0.5), ("emd", 0)):
        metric = metrics.get(name, transform=CLOUD)
        metric.update_state(y_true, y_pred)
        assert float(metric.result()) == pytest.approx(score, abs=1e-5), name


def test_distance_by_hand():
    """Half of the gates moved from the first of four bins to the last: 100 / 4 * (3 * 0.5)."""
    metric = metrics.EMD(low=0, high=4, bins=4)
    metric.update_state(
        np.array([0.5, 0.5]).reshape(1, 1, 2, 1), np.array([0.5, 3.5]).reshape(1, 1, 2, 1)
    )
    assert float(metric.result()) == pytest.approx(37.5)


def test_shortage_and_surplus_do_not_cancel():
    """Both ends instead of the middle: the means are equal, the histograms are not."""
    metric = metrics.EMD(low=0, high=3, bins=3)
    metric.update_state(
        np.array([1.5, 1.5]).reshape(1, 1, 2, 1), np.array([0.5, 2.5]).reshape(1, 1, 2, 1)
    )
    assert float(metric.result()) == pytest.approx(100 / 3)


@pytest.mark.parametrize("xla", [False, True])
def test_in_fit_with_a_mask_under_mixed_precision(xla, batches):
    observed, given, mask = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input((16, 12, 2))
        model = keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(inputs))
        model.compile(
            loss="mse",
            weighted_metrics=[metrics.get(name, transform=CLOUD) for name in NAMES],
            jit_compile=xla,
        )
        found = model.evaluate(
            numbers(given), numbers(observed), sample_weight=mask, verbose=0, return_dict=True
        )
    finally:
        keras.config.set_dtype_policy("float32")
    for name, score in expected(observed[mask == 1], given[mask == 1]).items():
        assert found[name] == pytest.approx(score, rel=1e-4), name


@pytest.mark.parametrize("name", NAMES)
def test_serialisation_round_trip(name, batches):
    arguments = {"dice": {"threshold": -20}, "emd": {"low": -30, "high": 10, "bins": 8}}
    metric = metrics.get(name, transform=CLOUD, **arguments.get(name, {}))
    assert metric.name == name
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    for each in (metric, again):
        each.update_state(numbers(batches[0][0]), numbers(batches[0][1]))
    assert float(again.result()) == float(metric.result())


def test_no_metric_is_saved_under_the_name_of_a_loss():
    saved = [keras.saving.get_registered_name(each) for each in metrics.METRICS.values()]
    saved += [keras.saving.get_registered_name(each) for each in losses.LOSSES.values()]
    assert len(set(saved)) == len(metrics.METRICS) + len(losses.LOSSES)


@pytest.mark.parametrize("name", NAMES)
def test_callbacks_know_the_direction_of_a_better_reconstruction(name, batches):
    observed, given, _ = batches[0]
    right, wrong = (metrics.get(name, transform=CLOUD) for _ in range(2))
    right.update_state(numbers(observed), numbers(observed))
    wrong.update_state(numbers(observed), numbers(given))
    assert right._direction == ("up" if right.result() > wrong.result() else "down")
