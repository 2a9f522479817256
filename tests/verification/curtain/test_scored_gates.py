"""Errors, cloud, histograms, profiles and lowest echoes: by hand, by SciPy, by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from verified_curtains import CLEAR, clouds, curtain, reconstruction

from keras_wx.errors import DataError
from keras_wx.verification.curtain import verify_curtain

NAN = np.nan


def small():
    """Two columns of four gates, the lower two blind."""
    truth = [[-10, -20, -30, CLEAR], [CLEAR, -25, -5, 0]]
    made = [[-14, CLEAR, -30, CLEAR], [-50, -19, -5, 0]]
    return reconstruction(made, 2), curtain(truth)


def test_errors_and_cloud_by_hand():
    found = verify_curtain(*small())
    # Errors in the hole: -4, -40, +10, +6.
    assert found.n_pairs == 4
    assert found.n_columns == 2
    assert found.mae.item() == pytest.approx((4 + 40 + 10 + 6) / 4)
    assert found.rmse.item() == pytest.approx(np.sqrt((16 + 1600 + 100 + 36) / 4))
    assert found.mean_error.item() == pytest.approx((-4 - 40 + 10 + 6) / 4)
    # Three gates with cloud on either side, two of them the same.
    assert found.dice.item() == pytest.approx(2 * 2 / (3 + 3))
    assert found.mae.attrs["units"] == "dBZ"
    assert found.attrs == {
        "variable": "reflectivity",
        "units": "dBZ",
        "model": "made_up",
        "truth": "made up",
    }


def test_what_is_below_low_is_no_echo():
    made, truth = small()
    deeper = truth.assign(reflectivity=truth.reflectivity.where(truth.reflectivity > CLEAR, -75))
    deeper.reflectivity.attrs["units"] = "dBZ"
    assert verify_curtain(made, deeper).identical(verify_curtain(made, truth))


def test_a_truth_that_is_missing_everywhere_is_told_of():
    made, truth = small()
    nowhere = truth.where(truth.height > 200).assign_attrs(truth.attrs)
    with pytest.warns(UserWarning, match="No gate of the blind zone has a truth"):
        assert verify_curtain(made, nowhere).n_pairs == 0


def test_a_truth_with_numbers_that_stand_for_missing_is_refused():
    made, truth = small()
    with pytest.raises(DataError, match="-9999 at 1 points"):
        verify_curtain(made, truth.where(truth.reflectivity != 0, -9999.0))


@pytest.mark.parametrize("low", [-40.3, -60.1, np.float64(-40.3), -20.0])
def test_low_may_be_a_number_that_float32_rounds(low):
    """Rounded up, no echo would be above `low`, and all of the hole cloud on both sides."""
    truth = curtain([[-10, low, low, -30], [low, low, -5, 0]])
    made = reconstruction([[-10, -14, low, -30], [low, low, -5, 0]], 2)
    found = verify_curtain(made, truth, low=low)
    assert (found.forecast_cloud, found.truth_cloud, found.cloud_in_both) == (2, 1, 1)
    assert found.dice == pytest.approx(2 / 3)
    assert found.truth_histogram.sum() == 4


def test_heights_in_km_are_read_as_such():
    made, truth = small()
    height = made.height.copy(data=made.height / 1000).assign_attrs(units="km")
    found = verify_curtain(made.assign_coords(height=height), truth)
    xr.testing.assert_allclose(found, verify_curtain(made, truth))


def test_missing_truth_is_left_out():
    made, truth = small()
    truth.reflectivity[0, 1] = NAN
    found = verify_curtain(made, truth)
    assert found.n_pairs == 3
    assert found.mae.item() == pytest.approx((4 + 10 + 6) / 3)
    # Cloud in three gates that are left, in two that were observed, in two of both.
    assert found.dice.item() == pytest.approx(2 * 2 / (3 + 2))
    made.reflectivity[1, :] = NAN
    assert verify_curtain(made, truth).n_pairs == 1


def test_columns_without_truth_are_left_out():
    made, truth = small()
    found = verify_curtain(made, truth.isel(time=[1]))
    assert found.n_pairs == 2
    assert found.mae.item() == pytest.approx((10 + 6) / 2)


def test_the_ramp_is_scored_where_it_is_asked_for():
    truth = clouds((5, 8), 1)
    made = truth + 2
    found = verify_curtain(reconstruction(made, 3, buffer=2), curtain(truth), region="blended")
    assert found.n_pairs == 5 * 5
    hole = verify_curtain(reconstruction(made, 3, buffer=2), curtain(truth))
    assert hole.n_pairs == 5 * 3


@pytest.mark.parametrize("missing", [0, 0.2])
def test_earth_movers_distance_is_scipys(missing):
    truth, made = clouds((40, 10), 2, missing=missing), clouds((40, 10), 3)
    found = verify_curtain(reconstruction(made, 6), curtain(truth))
    x, y = made[:, :6].astype(np.float32), truth[:, :6].astype(np.float32)
    x, y = (np.clip(field[~np.isnan(y)], -60, 30) for field in (x, y))
    edges = np.linspace(-60, 30, 65)
    middle = (edges[1:] + edges[:-1]) / 2
    of_x, of_y = (np.histogram(field, edges)[0] for field in (x, y))
    expected = scipy.stats.wasserstein_distance(middle, middle, of_x, of_y)
    assert found.emd.item() * 90 / 100 == pytest.approx(expected)
    np.testing.assert_array_equal(found.truth_histogram, of_y)
    np.testing.assert_allclose(found.reflectivity_bin, middle)


def test_earth_movers_distance_by_hand():
    # All of it one bin of 90 / 64 dB further: one of 64 differences of the distributions is 1.
    width = 90 / 64
    truth = np.full((4, 3), -20.1)
    made = reconstruction(truth + width, 2)
    assert verify_curtain(made, curtain(truth)).emd.item() == pytest.approx(100 / 64)
    # Only the shares count, and not where the gates are.
    swapped = truth.copy()
    swapped[0] = -40
    assert verify_curtain(reconstruction(swapped[::-1], 2), curtain(swapped)).emd == 0


def test_edge_correlation_is_scipys_at_the_lowest_observed_gate():
    truth, made = clouds((60, 10), 4), clouds((60, 10), 5)
    made[:, 2] = 0.5 * truth[:, 2] + 0.5 * made[:, 2]
    truth[:, :2] = NAN  # its own blind zone, below a hole of six gates
    truth[7, 2] = NAN  # one column is blind a gate further
    found = verify_curtain(reconstruction(made, 6), curtain(truth))
    row = np.where(np.arange(60) == 7, 3, 2)
    x, y = (np.maximum(field[np.arange(60), row], CLEAR) for field in (made, truth))
    assert found.edge_correlation.item() == pytest.approx(scipy.stats.pearsonr(x, y)[0], rel=1e-5)
    assert found.edge_correlation > 0.3
    flat = verify_curtain(reconstruction(np.full((60, 10), -20.0), 6), curtain(truth))
    assert np.isnan(flat.edge_correlation)


def test_lowest_echo_by_hand():
    truth = [
        [CLEAR, -20, -20, CLEAR],  # 150 m
        [CLEAR, CLEAR, CLEAR, -10],  # 350 m
        [CLEAR, CLEAR, CLEAR, CLEAR],
        [-5, -5, -5, -5],  # 50 m
        [NAN, NAN, NAN, NAN],
    ]
    made = [
        [-30, -20, -20, CLEAR],  # 50 m
        [CLEAR, CLEAR, CLEAR, -10],
        [CLEAR, -40, CLEAR, CLEAR],  # 150 m, where none was observed
        [CLEAR, CLEAR, -5, -5],  # 250 m
        [-5, -5, -5, -5],
    ]
    found = verify_curtain(reconstruction(made, 2), curtain(truth))
    assert found.truth_lowest_echo.values.tolist() == [1, 1, 0, 1]
    assert found.forecast_lowest_echo.values.tolist() == [1, 1, 1, 1]
    assert found.truth_without_echo == 1
    assert found.forecast_without_echo == 0
    assert found.n_lowest_echo == 3
    assert found.lowest_echo_mae.item() == pytest.approx((100 + 0 + 200) / 3)
    assert found.lowest_echo_bias.item() == pytest.approx((-100 + 0 + 200) / 3)


def test_profiles_are_means_over_what_both_have():
    truth, made = clouds((30, 9), 6, missing=0.2), clouds((30, 9), 7)
    found = verify_curtain(reconstruction(made, 4), curtain(truth))
    for k in range(9):
        there = ~np.isnan(truth[:, k])
        x, y = (np.maximum(field[there, k], CLEAR) for field in (made, truth))
        at = found.isel(height=k)
        assert at.profile_count == there.sum()
        assert at.profile_bias.item() == pytest.approx(x.mean() - y.mean(), abs=1e-4)
        assert at.truth_profile.item() == pytest.approx(y.mean(), rel=1e-5)
        assert at.forecast_cloud_profile.item() == pytest.approx((x > CLEAR).mean())
        assert at.truth_cloud_profile.item() == pytest.approx((y > CLEAR).mean())


def test_holes_of_different_depth():
    truth, made = clouds((20, 10), 8), clouds((20, 10), 9)
    depth = np.arange(20) % 4 + 2
    found = verify_curtain(reconstruction(made, depth, buffer=3), curtain(truth))
    x, y = (
        np.concatenate([np.maximum(column[:n], CLEAR) for column, n in zip(f, depth, strict=True)])
        for f in (made, truth)
    )
    assert found.n_pairs == depth.sum()
    assert found.mae.item() == pytest.approx(np.abs(x - y).mean(), rel=1e-5)


def test_blocks_and_turned_axes_change_nothing():
    truth, made = curtain(clouds((50, 9), 10)), reconstruction(clouds((50, 9), 11), 4)
    whole = verify_curtain(made, truth, scene=10)
    parts = verify_curtain(made, truth, scene=10, block=10)
    turned = verify_curtain(
        made.isel(height=slice(None, None, -1)).transpose(), truth.transpose(), scene=10
    )
    longer = curtain(np.vstack([clouds((50, 9), 10), clouds((5, 9), 12)]))
    for other in (parts, turned, verify_curtain(made, longer, scene=10)):
        for name in whole.data_vars:
            np.testing.assert_allclose(other[name], whole[name], rtol=1e-9, err_msg=name)


def test_what_it_refuses():
    made, truth = small()
    with pytest.raises(DataError, match=r"no variable 'rain_rate'"):
        verify_curtain(made, truth, variable="rain_rate")
    with pytest.raises(DataError, match=r"dBZ.*'mm6 m-3'.*convert_units"):
        verify_curtain(made, curtain(np.ones((2, 4)), units="mm6 m-3"))
    with pytest.raises(DataError, match=r"different heights.*4 gates from 50 to 350 m.*regrid"):
        verify_curtain(made, curtain(np.ones((2, 4)), spacing=90))
    with pytest.raises(DataError, match=r"No column.*2018"):
        verify_curtain(made, curtain(np.ones((2, 4)), start=np.datetime64("2018-01-01", "ns")))
    with pytest.raises(DataError, match="where its blind zone is"):
        verify_curtain(made.drop_vars("blind_zone"), truth)
    with pytest.raises(DataError, match="1 in the gates that were not measured"):
        verify_curtain(reconstruction(np.ones((2, 4)), 0), truth)
    with pytest.raises(DataError, match="truth do not increase"):
        verify_curtain(made, truth.isel(time=[1, 0]))
    with pytest.raises(DataError, match=r"no curtain.*\('height',\)"):
        verify_curtain(made, truth.isel(time=0))
    with pytest.raises(DataError, match="expected an xarray"):
        verify_curtain(made.reflectivity, truth)
    with pytest.raises(DataError, match="region: expected 'hole' or 'blended'"):
        verify_curtain(made, truth, region="all")
    with pytest.raises(DataError, match="reconstruction has no columns"):
        verify_curtain(made.isel(time=slice(0)), truth)
    for option, value in (("by", "Median"), ("events_by", "columns")):
        with pytest.raises(DataError, match=f"{option}: expected .* or .*Received: '{value}'"):
            verify_curtain(made, truth, **{option: value})
    for depth in (0, 5, 1.5):
        with pytest.raises(DataError, match=f"depth: expected 1 to 4 gates.*Received: {depth}"):
            verify_curtain(made, truth, depth=depth)
    with pytest.raises(DataError, match=r"low < high.*low=-60, high=-70"):
        verify_curtain(made, truth, high=-70)
    other = made.convert_calendar("noleap", use_cftime=True)
    with pytest.raises(DataError, match="times of the reconstruction: expected datetime64"):
        verify_curtain(other, truth)
    with pytest.raises(DataError, match="scene: expected a whole number"):
        verify_curtain(made, truth, scene=0)
