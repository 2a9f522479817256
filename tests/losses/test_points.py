"""Losses with a value at each point, against sums written out in NumPy."""

import numpy as np
import pytest
from loss_fields import GRAY, SHAPE

from keras_wx import losses
from keras_wx.errors import ModelError


def balanced_points(y_true, y_pred):
    """HKO-7's weights 1, 1, 2, 5, 10, 30 for the bins cut at 0.5, 2, 5, 10, 30 mm/h."""
    reflectivity = y_true.astype("float64") * 70 - 10
    rain_rate = 10 ** ((reflectivity - 10 * np.log10(58.53)) / 15.6)
    weight = np.array([1, 1, 2, 5, 10, 30])[np.digitize(rain_rate, [0.5, 2, 5, 10, 30])]
    assert set(weight.ravel()) == {1, 2, 5, 10, 30}
    error = y_true.astype("float64") - y_pred
    return weight * (error**2 + np.abs(error))


def cross_entropy_points(y_true, y_pred):
    t, p = y_true.astype("float64"), y_pred.astype("float64")
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def test_cross_entropy_is_the_sum_over_a_sequence_averaged_over_sequences(fields):
    points = cross_entropy_points(*fields)
    by_sequence = [sum(points[n].ravel()) for n in range(len(points))]
    loss = losses.SequenceCrossEntropy()(*fields)
    assert float(loss) == pytest.approx(np.mean(by_sequence), rel=1e-5)


def test_cross_entropy_of_a_coin_toss_by_hand():
    """Every pixel costs log 2, whatever the target: 15 x 100 x 100 x log 2 = 103972.1."""
    y_true = np.random.default_rng(0).uniform(size=(2, 15, 100, 100, 1)).astype("float32")
    loss = losses.SequenceCrossEntropy()(y_true, np.full_like(y_true, 0.5))
    assert float(loss) == pytest.approx(103972.077, rel=1e-5)


def test_cross_entropy_of_certain_forecasts_is_finite(fields):
    y_true = np.round(fields[0])
    assert np.isfinite(losses.SequenceCrossEntropy()(y_true, 1 - y_true))
    assert float(losses.SequenceCrossEntropy()(y_true, y_true)) == pytest.approx(0, abs=1e-3)


def test_balanced_error_with_the_weights_of_hko_7(fields):
    loss = losses.BalancedError(transform=GRAY)(*fields)
    assert float(loss) == pytest.approx(balanced_points(*fields).mean(), rel=1e-5)


def test_balanced_error_parts_and_channels(fields):
    """A channel is another point; `mse` and `mae` scale their parts."""
    y_true, y_pred = (np.concatenate([y, y[::-1]], axis=-1) for y in fields)
    loss = losses.BalancedError(transform=GRAY, weights=(1, 1), thresholds=(5,), mse=2.0, mae=0.5)
    error = y_true.astype("float64") - y_pred
    expected = (2 * error**2 + 0.5 * np.abs(error)).mean()
    assert float(loss(y_true, y_pred)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "points", "scale"),
    [
        (losses.SequenceCrossEntropy(), cross_entropy_points, np.prod(SHAPE[1:])),
        (losses.BalancedError(transform=GRAY), balanced_points, 1),
        (losses.get("mse"), lambda y_true, y_pred: (y_true - y_pred) ** 2, 1),
        (losses.get("mean_absolute_error"), lambda y_true, y_pred: abs(y_true - y_pred), 1),
    ],
    ids=["cross_entropy", "balanced_error", "mse", "mae"],
)
def test_a_mask_gives_exactly_the_mean_of_what_it_keeps(loss, points, scale, fields, mask):
    kept = points(*fields)[mask == 1]
    assert 0 < kept.size < mask.size
    assert float(loss(*fields, sample_weight=mask)) == pytest.approx(kept.mean() * scale, rel=1e-5)
    garbage = np.where(mask[..., None] == 1, fields[0], 0.77)
    assert float(loss(garbage, fields[1], mask)) == pytest.approx(kept.mean() * scale, rel=1e-5)
    assert float(loss(*fields, sample_weight=0 * mask)) == 0


@pytest.mark.parametrize(
    "arguments", [{"weights": (1, 2)}, {"thresholds": (5, 2), "weights": (1, 2, 3)}], ids=str
)
def test_bins_without_weights(arguments):
    with pytest.raises(ModelError, match=r"increasing thresholds and one weight more.*Received"):
        losses.BalancedError(GRAY, **arguments)
