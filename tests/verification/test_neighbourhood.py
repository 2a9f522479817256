"""The fractions skill score against sums by hand, loops over pixels, and `scores`."""

from __future__ import annotations

import numpy as np
import pytest
import scores.spatial
import xarray as xr
from verification_fields import START, STEP, forecast_of, random_fields, truth_of

from keras_wx.errors import DataError
from keras_wx.verification import interval, pool, verify


def one_frame(predicted, observed, **options):
    forecast = forecast_of(np.asarray(predicted, float)[None, None])
    truth = truth_of(np.asarray(observed, float)[None], start=START + STEP)
    return verify(forecast, truth, thresholds=1, **options).isel(threshold=0, lead_time=0)


def test_a_rain_cell_one_pixel_off_by_hand():
    predicted, observed = np.zeros((5, 5)), np.zeros((5, 5))
    predicted[2, 1] = observed[2, 2] = 1
    found = one_frame(predicted, observed, scales=(1, 3))
    # Side 1: nothing in common. Side 3: each has 9 neighbourhoods with a share of 1/9, those of
    # the forecast in columns 0 to 2, of the truth in columns 1 to 3: 6 differ.
    np.testing.assert_allclose(found.fss, [0, 1 - 6 / 18])
    np.testing.assert_allclose(found.fss_error, [2, 6 / 81])
    np.testing.assert_allclose(found.fss_reference, [2, 18 / 81])


def fraction(events, side):
    """Share of events in the neighbourhood of each pixel; beyond the edge there is none."""
    before, after = side // 2, (side - 1) // 2
    padded = np.pad(events.astype(float), ((before, after), (before, after)))
    shape = events.shape
    return np.array(
        [
            [padded[i : i + side, j : j + side].mean() for j in range(shape[1])]
            for i in range(shape[0])
        ]
    )


def test_equals_loops_over_pixels_with_missing_ones():
    forecast, truth = random_fields(seed=1, inits=3, leads=2)
    found = verify(forecast, truth, thresholds=[15], scales=(1, 2, 3, 6)).isel(threshold=0)
    for j in range(2):
        for k, side in enumerate((1, 2, 3, 6)):
            error = reference = 0
            for i in range(3):
                f = forecast.reflectivity.values[i, j]
                t = truth.reflectivity.values[i + j + 1]
                both = ~np.isnan(f) & ~np.isnan(t)
                f, t = (fraction((x >= 15) & both, side) for x in (f, t))
                error += ((f - t) ** 2).sum()
                reference += (f**2 + t**2).sum()
            assert found.fss[k, j].item() == pytest.approx(1 - error / reference)


@pytest.mark.parametrize("side", [1, 3, 5])
def test_equals_scores_where_it_is_dry_along_the_edge(side):
    # `scores` moves its windows further beyond the edge, which changes nothing where it is dry.
    forecast, truth = (
        field.where((field.x > 4500) & (field.x < 16500) & (field.y > 4500) & (field.y < 16500), 0)
        for field in random_fields(seed=2, missing=0, size=(22, 22))
    )
    expected = scores.spatial.fss_2d(
        forecast.reflectivity,
        truth.reflectivity.sel(time=forecast.valid_time),
        event_threshold=20.0,
        window_size=(side, side),
        spatial_dims=("y", "x"),
        zero_padding=True,
        threshold_operator=np.greater_equal,
        preserve_dims=["lead_time"],
    )
    found = verify(forecast, truth, thresholds=20, scales=side).isel(threshold=0, scale=0)
    np.testing.assert_allclose(found.fss, expected)


def test_a_perfect_and_a_dry_forecast():
    rain = random_fields(seed=3, missing=0)[1].reflectivity.values[0]
    assert one_frame(rain, rain, scales=(1, 4)).fss.values.tolist() == [1, 1]
    assert one_frame(np.zeros((4, 4)), np.ones((4, 4)), scales=2).fss.item() == 0
    assert np.isnan(one_frame(np.zeros((4, 4)), np.zeros((4, 4)), scales=2).fss.item())


def test_an_unbiased_forecast_is_perfect_in_the_end():
    forecast, truth = random_fields(seed=4, missing=0, size=(8, 8))
    shuffled = np.random.default_rng(0).permuted(
        truth.reflectivity.values[1:4].reshape(3, -1), axis=1
    )
    forecast = forecast_of(shuffled.reshape(3, 1, 8, 8))
    fss = verify(forecast, truth, thresholds=20, scales=(1, 2, 4, 8)).fss.squeeze()
    assert (np.diff(fss) > 0).all()
    with pytest.raises(DataError, match="from 1 to 8"):
        verify(forecast, truth, scales=9)


def test_pooling_is_exact():
    forecast, truth = random_fields(seed=5)
    cases = verify(forecast, truth, scales=(1, 3), preserve_dims=("init_time", "lead_time"))
    xr.testing.assert_allclose(pool(cases, "init_time"), verify(forecast, truth, scales=(1, 3)))
    found = interval(cases, "fss")
    assert found.value.dims == ("threshold", "scale")
    assert ((found.low <= found.value) & (found.value <= found.high)).all()


def test_scales_are_in_grid_points_and_kilometres():
    forecast, truth = random_fields(seed=6)
    found = verify(forecast, truth, scales=(3, 1))
    assert found.scale.values.tolist() == [1, 3]
    np.testing.assert_allclose(found.scale_km, [1, 3])
    assert found.scale_km.attrs["units"] == "km"
    bare = forecast.drop_vars(["x", "y"]), truth.drop_vars(["x", "y"])
    assert "scale_km" not in verify(*bare, scales=(1, 3)).coords


@pytest.mark.parametrize("scales", [(0, 1), (1.5,), (), (1, 10), "4"])
def test_what_is_no_scale(scales):
    with pytest.raises(DataError, match=r"scales: expected sides .* from 1 to 9\. Received"):
        verify(*random_fields(), scales=scales)


def test_without_scales_there_is_no_fss():
    found = verify(*random_fields())
    assert "fss" not in found
    assert "scale" not in found.dims
