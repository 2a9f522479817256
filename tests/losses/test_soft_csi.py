"""The soft CSI against sums in NumPy, and its hard limit against the `scores` library."""

import numpy as np
import pytest
import scores.categorical
import xarray as xr
from loss_fields import GRAY

from keras_wx import losses
from keras_wx.errors import ModelError

THRESHOLDS = (10, 20, 30)


def soft_csi(y_true, y_pred, weight, temperature=2.0, smoothing=1.0):
    """One point after the other, in float64."""
    observed, forecast = (np.asarray(y, "float64") * 70 - 10 for y in (y_true, y_pred))
    indices = []
    for threshold in THRESHOLDS:
        for t in range(observed.shape[1]):
            hits = union = smoothing
            for n, i, j, c in np.ndindex(*np.delete(observed.shape, 1)):
                o = float(observed[n, t, i, j, c] >= threshold)
                f = 1 / (1 + np.exp(-(forecast[n, t, i, j, c] - threshold) / temperature))
                hits += weight[n, t, i, j] * o * f
                union += weight[n, t, i, j] * (o + f - o * f)
            indices.append(hits / union)
    return 1 - np.mean(indices)


def test_pooled_over_the_batch_by_threshold_and_lead_time(fields, mask):
    everywhere = np.ones_like(mask)
    assert float(losses.SoftCSI(GRAY)(*fields)) == pytest.approx(
        soft_csi(*fields, everywhere), rel=1e-5
    )
    arguments = {"temperature": 5.0, "smoothing": 0.1}
    loss = losses.SoftCSI(GRAY, **arguments)
    assert float(loss(*fields, mask)) == pytest.approx(
        soft_csi(*fields, mask, **arguments), rel=1e-5
    )


def test_a_mask_leaves_points_out_whatever_they_hold(fields, mask):
    loss = losses.SoftCSI(GRAY)
    expected = soft_csi(*fields, mask)
    garbage = [np.where(mask[..., None] == 1, y, 0.77) for y in fields]
    assert float(loss(*garbage, mask)) == pytest.approx(expected, rel=1e-5)


def test_a_weight_for_each_forecast_holds_for_all_its_points(fields):
    by_forecast = np.array([0.25, 2.0], "float32")
    weight = np.broadcast_to(by_forecast[:, None, None, None], fields[0].shape[:-1])
    expected = soft_csi(*fields, weight)
    for given in (by_forecast, by_forecast[:, None], weight, weight[..., None]):
        assert float(losses.SoftCSI(GRAY)(*fields, given)) == pytest.approx(expected, rel=1e-5)


def test_a_hard_step_gives_the_csi(fields):
    observed, forecast = (
        xr.DataArray(y[..., 0].astype("float64") * 70 - 10, dims=("n", "lead", "y", "x"))
        for y in fields
    )
    indices = []
    for threshold in THRESHOLDS:
        events = scores.categorical.ThresholdEventOperator(default_event_threshold=threshold)
        table = events.make_contingency_manager(forecast, observed)
        by_lead = table.transform(preserve_dims="lead")
        indices.append(by_lead.critical_success_index())
    loss = losses.SoftCSI(GRAY, temperature=1e-3, smoothing=1e-6)
    assert float(loss(*fields)) == pytest.approx(1 - float(np.mean(indices)), rel=1e-4)


def test_by_hand():
    """Two points, 40 dBZ observed at one: at 30 dBZ the forecast has 30 dBZ at both."""
    y_true = np.array([40.0, 0.0], "float32").reshape(1, 1, 1, 2, 1)
    y_pred = np.full_like(y_true, 30.0)
    # Soft events of a half: hits 0.5, union 1 + 0.5.
    loss = losses.SoftCSI(thresholds=(30,), smoothing=1e-6)
    assert float(loss(y_true, y_pred)) == pytest.approx(1 - 0.5 / 1.5, rel=1e-4)
    # Smoothing by one point: 1.5 / 2.5.
    loss = losses.SoftCSI(thresholds=(30,))
    assert float(loss(y_true, y_pred)) == pytest.approx(1 - 1.5 / 2.5, rel=1e-5)


@pytest.mark.parametrize(
    "arguments", [{"thresholds": ()}, {"temperature": 0}, {"smoothing": -1}], ids=str
)
def test_arguments_that_make_no_index(arguments):
    with pytest.raises(ModelError, match=r"temperature > 0 and smoothing > 0.*Received"):
        losses.SoftCSI(GRAY, **arguments)
