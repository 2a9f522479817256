"""Scores against tables counted by hand, plain NumPy loops, and identities."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest
import scores.categorical
import xarray as xr
from verification_fields import START, STEP, forecast_of, random_fields, truth_of
from xarray.core import indexing

import keras_wx
from keras_wx.errors import DataError
from keras_wx.transforms import ZR
from keras_wx.verification import pairs, pool, verify

COUNTS = ["hits", "misses", "false_alarms", "correct_negatives"]


def reference(forecast, truth, threshold, rate=lambda x: x, zero=0.0):
    """Scores of each lead time by loops over frames, straight from the definitions."""
    f = forecast["reflectivity"].values
    t = truth["reflectivity"].values
    found = {}
    for j in range(f.shape[1]):
        h = m = fa = cn = 0
        errors, rain_errors, correlations = [], [], []
        for i in range(f.shape[0]):
            index = i + j + 1
            if index >= len(t):
                continue
            ok = ~np.isnan(f[i, j]) & ~np.isnan(t[index])
            p, o = f[i, j][ok], t[index][ok]
            errors += list(p - o)
            rain_errors += list(rate(p) - rate(o))
            gray_p, gray_o = np.maximum(p - zero, 0) / 60, np.maximum(o - zero, 0) / 60
            correlations.append(
                (gray_p * gray_o).sum() / (np.sqrt((gray_p**2).sum() * (gray_o**2).sum()) + 1e-9)
            )
            for a, b in zip(p, o, strict=True):
                h += a >= threshold and b >= threshold
                m += a < threshold and b >= threshold
                fa += a >= threshold and b < threshold
                cn += a < threshold and b < threshold
        errors = np.array(errors)
        found[j] = {
            "hits": h,
            "misses": m,
            "false_alarms": fa,
            "correct_negatives": cn,
            "csi": h / (h + m + fa),
            "pod": h / (h + m),
            "far": fa / (h + fa),
            "frequency_bias": (h + fa) / (h + m),
            "hss": 2 * (h * cn - m * fa) / ((h + m) * (m + cn) + (h + fa) * (fa + cn)),
            "mae": np.abs(errors).mean(),
            "mse": (errors**2).mean(),
            "rmse": np.sqrt((errors**2).mean()),
            "mean_error": errors.mean(),
            "rainfall_mse": (np.array(rain_errors) ** 2).mean(),
            "correlation": np.mean(correlations),
            "n_pairs": len(errors),
        }
    return found


def hko_2015(dbz):
    return 10 ** ((dbz - 10 * np.log10(118.239)) / (10 * 1.5241))


def test_a_table_counted_by_hand():
    predicted = [[[[30, 30, 30, 5], [5, 30, 5, 5]]]]
    observed = [[[0] * 4] * 2, [[30, 30, 5, 30], [5, 5, 5, 5]]]
    found = verify(forecast_of(predicted), truth_of(observed), thresholds=20).isel(
        threshold=0, lead_time=0
    )
    assert [int(found[name]) for name in COUNTS] == [2, 1, 2, 3]
    assert found.csi == pytest.approx(2 / 5)
    assert found.pod == pytest.approx(2 / 3)
    assert found.far == pytest.approx(2 / 4)
    assert found.frequency_bias == pytest.approx(4 / 3)
    # 5 of 8 are correct; by chance 3 * 4 / 8 + 5 * 4 / 8 = 4 would be.
    assert found.hss == pytest.approx((5 - 4) / (8 - 4))
    assert found.mae == pytest.approx(3 * 25 / 8)
    assert found.mse == pytest.approx(3 * 25**2 / 8)
    assert found.rmse == pytest.approx(np.sqrt(3 * 25**2 / 8))
    assert found.mean_error == pytest.approx(25 / 8)
    assert found.n_pairs == 8
    assert found.n_forecasts == 1


@pytest.mark.parametrize("threshold", [10.0, 20.0, 30.0])
def test_equals_loops_over_pixels(threshold):
    forecast, truth = random_fields()
    found = verify(forecast, truth).sel(threshold=threshold)
    for j, expected in reference(forecast, truth, threshold, hko_2015).items():
        for name, value in expected.items():
            assert found[name].isel(lead_time=j).item() == pytest.approx(value, rel=1e-9), name


def test_hss_from_gss_as_the_hko7_code_has_it():
    forecast, truth = random_fields(seed=1)
    s = verify(forecast, truth, thresholds=[5, 15, 25, 35])
    total = s.hits + s.misses + s.false_alarms + s.correct_negatives
    chance = (s.hits + s.misses) * (s.hits + s.false_alarms) / total
    gss = (s.hits - chance) / (s.hits + s.misses + s.false_alarms - chance)
    np.testing.assert_allclose(s.hss, 2 * gss / (1 + gss), rtol=1e-12)


def test_counts_equal_the_event_operator_of_scores():
    forecast, truth = random_fields(seed=2)
    field = forecast.reflectivity
    observed = truth.reflectivity.sel(time=forecast.valid_time)
    manager = scores.categorical.ThresholdEventOperator(
        default_event_threshold=20.0, default_op_fn=operator.ge
    ).make_contingency_manager(field, observed)
    expected = manager.transform(preserve_dims="lead_time").get_counts()
    found = verify(forecast, truth, thresholds=20.0).isel(threshold=0)
    theirs = ("tp_count", "fn_count", "fp_count", "tn_count")
    for ours, name in zip(COUNTS, theirs, strict=True):
        np.testing.assert_array_equal(found[ours], expected[name])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.5, 0.7, 10.1])
def test_a_value_at_the_threshold_is_an_event(value, dtype):
    at = np.full((1, 1, 2, 2), value, dtype)
    below = np.nextafter(at, dtype(0))
    forecast = forecast_of(np.concatenate([at, below], axis=-1), units="mm h-1", name="rain_rate")
    observed = np.full((2, 2, 4), value, np.float64)
    found = verify(
        forecast, truth_of(observed, units="mm h-1", name="rain_rate"), thresholds=[value]
    )
    assert found.hits.item() == 4
    assert found.misses.item() == 4


def test_a_threshold_of_zero_is_zero():
    predicted, observed = np.array([[[[-1.0, 0.0]]]]), np.array([[[0.0, 0.0]], [[0.0, 0.0005]]])
    found = verify(forecast_of(predicted), truth_of(observed), thresholds=0.0)
    assert found.hits.item() == 1
    assert found.misses.item() == 1


def test_a_perfect_forecast():
    rng = np.random.default_rng(3)
    observed = rng.uniform(0, 50, (4, 8, 8))
    found = verify(forecast_of(observed[None, 1:]), truth_of(observed))
    for name, best in {"csi": 1, "pod": 1, "far": 0, "hss": 1, "frequency_bias": 1}.items():
        np.testing.assert_array_equal(found[name], best)
    for name in ("mae", "mse", "rmse", "mean_error", "rainfall_mse"):
        np.testing.assert_array_equal(found[name], 0)
    np.testing.assert_allclose(found.correlation, 1, atol=1e-9)


def test_dry_weather_has_no_ratios_and_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = verify(forecast_of(np.zeros((1, 2, 4, 4))), truth_of(np.zeros((3, 4, 4))))
    for name in ("csi", "pod", "far", "hss", "frequency_bias"):
        assert np.isnan(found[name]).all(), name
    np.testing.assert_array_equal(found.correct_negatives, 16)
    np.testing.assert_array_equal(found.mse, 0)
    np.testing.assert_array_equal(found.correlation, 0)


def test_the_bias_of_false_alarms_alone_is_undefined():
    found = verify(forecast_of(np.full((1, 1, 2, 2), 40.0)), truth_of(np.zeros((2, 2, 2))))
    assert np.isnan(found.frequency_bias).all()
    np.testing.assert_array_equal(found.csi, 0)


def test_times_without_truth_are_left_out_and_counted():
    forecast, truth = random_fields(seed=4, inits=3, leads=4)
    holes = truth.isel(time=[1, 2, 4, 5])  # of the frames 0 to 6: 3 and 6 are gone
    found = verify(forecast, holes)
    # init i, lead j is frame i + j + 1
    np.testing.assert_array_equal(found.n_forecasts, [2, 2, 2, 2])
    only = forecast.isel(init_time=[0, 1], lead_time=[0])
    xr.testing.assert_allclose(found.isel(lead_time=[0]), verify(only, truth))
    shuffled = holes.isel(time=[2, 0, 3, 1])
    xr.testing.assert_identical(found, verify(forecast, shuffled))


def test_a_lead_time_that_is_never_observed_is_missing():
    forecast, truth = random_fields(seed=5, inits=1, leads=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = verify(forecast, truth.isel(time=slice(0, 3))).isel(lead_time=-1)
    assert found.n_forecasts == 0
    assert found.n_pairs == 0
    for name in ("csi", "mae", "mse", "rmse", "rainfall_mse", "correlation"):
        assert np.isnan(found[name]).all(), name


def test_frames_missing_as_a_whole_are_not_counted():
    forecast, truth = random_fields(seed=6, inits=2, leads=2)
    expected = verify(forecast.isel(init_time=[1]), truth)
    forecast.reflectivity[0] = np.nan
    xr.testing.assert_allclose(verify(forecast, truth), expected)


def test_no_common_time_names_both_periods():
    forecast, truth = random_fields()
    truth = truth.assign_coords(time=truth.time + np.timedelta64(1, "D"))
    with pytest.raises(DataError, match=r"2016-09-28T15:05 .* 2016-09-29T15:00"):
        verify(forecast, truth)


def test_times_that_almost_agree_do_not():
    forecast, truth = random_fields()
    with pytest.raises(DataError, match="No valid time"):
        verify(forecast, truth.assign_coords(time=truth.time + np.timedelta64(1, "s")))


def test_thresholds_in_rain_rate_for_reflectivity():
    forecast, truth = random_fields(seed=7)
    found = verify(forecast, truth, zr="hko_7")
    np.testing.assert_array_equal(found.threshold, [0.5, 2, 5, 10, 30])
    assert found.threshold.attrs["units"] == "mm h-1"
    # 10 log10(58.53) + 15.6 log10(5) = 28.58 dBZ
    by_hand = verify(forecast, truth, thresholds=10 * np.log10(58.53) + 15.6 * np.log10(5.0))
    for name in COUNTS:
        np.testing.assert_array_equal(found[name].sel(threshold=5), by_hand[name].squeeze())
    assert found.attrs["zr"] == found.rainfall_mse.attrs["zr"] == "Z = 58.53 R^1.56"
    xr.testing.assert_identical(found, verify(forecast, truth, zr=ZR(a=58.53, b=1.56)))
    xr.testing.assert_identical(found, verify(forecast, truth, zr=(58.53, 1.56)))


def test_rainfall_mse_uses_the_given_pair():
    forecast, truth = random_fields(seed=8)
    expected = reference(
        forecast, truth, 20.0, lambda dbz: 10 ** ((dbz - 10 * np.log10(223)) / 15.3)
    )
    found = verify(forecast, truth, zr="fmi").rainfall_mse
    np.testing.assert_allclose(found, [expected[j]["rainfall_mse"] for j in expected])


def test_rain_rate_needs_no_conversion():
    forecast, truth = random_fields(seed=9)
    forecast = forecast_of(forecast.reflectivity / 10, units="mm h-1", name="rain_rate")
    truth = truth_of(truth.reflectivity / 10, units="mm/h", name="rain_rate")
    found = verify(forecast, truth)
    np.testing.assert_array_equal(found.threshold, [0.5, 2, 5, 10, 30])
    np.testing.assert_array_equal(found.rainfall_mse, found.mse)
    with pytest.raises(DataError, match="zr converts reflectivity"):
        verify(forecast, truth, zr="hko_7")


def test_a_floor_makes_every_way_to_write_no_echo_the_same():
    predicted = np.array([[[[0.0, 12.0], [0.0, 30.0]]]])
    observed = np.array([[[-32.0, 10.0], [3.0, np.nan]]])
    truth = truth_of(observed, start=START + STEP)
    floored = verify(forecast_of(predicted), truth, floor=0)
    assert floored.mse.item() == pytest.approx((0 + 4 + 9) / 3)
    plain = verify(forecast_of(predicted), truth)
    assert plain.mse.item() == pytest.approx((32**2 + 4 + 9) / 3)


def test_correlation_does_not_depend_on_how_no_echo_is_written():
    forecast, truth = random_fields(seed=10)
    floored = [ds.where((ds.reflectivity > 0) | ds.isnull(), -32) for ds in (forecast, truth)]
    xr.testing.assert_identical(verify(forecast, truth).correlation, verify(*floored).correlation)


def test_another_variable_has_its_own_thresholds():
    values = np.random.default_rng(0).normal(280, 5, (3, 4, 4))
    forecast = forecast_of(values[None, 1:], units="K", name="air_temperature")
    truth = truth_of(values, units="K", name="air_temperature")
    with pytest.raises(DataError, match="No default thresholds for units 'K'"):
        verify(forecast, truth)
    found = verify(forecast, truth, thresholds=[273.15])
    assert "rainfall_mse" not in found
    assert "correlation" not in found
    assert found.mse.attrs["units"] == "(K)^2"


def test_data_that_name_their_thresholds():
    values = np.random.default_rng(0).integers(0, 256, (3, 4, 4))
    forecast = forecast_of(values[None, 1:].astype(float), units="1", name="vil")
    truth = truth_of(values, units="1", name="vil")
    with pytest.raises(DataError, match="No default thresholds for units '1'"):
        verify(forecast, truth)
    of_dataset = truth.assign_attrs(thresholds=[133, 74])
    assert verify(forecast, of_dataset).threshold.values.tolist() == [74, 133]
    of_dataset.vil.attrs["thresholds"] = np.array([16, 219])
    assert verify(forecast, of_dataset).threshold.values.tolist() == [16, 219]
    assert verify(forecast, of_dataset, thresholds=100).threshold.values.tolist() == [100]


def test_thresholds_that_data_name_are_not_those_of_rain_rate():
    forecast, truth = random_fields(seed=7)
    truth.reflectivity.attrs["thresholds"] = [15.0]
    assert verify(forecast, truth).threshold.values.tolist() == [15]
    assert verify(forecast, truth, zr="hko_7").threshold.values.tolist() == [0.5, 2, 5, 10, 30]


def test_preserved_dims_pool_to_the_whole():
    forecast, truth = random_fields(seed=11, inits=5)
    cases = verify(forecast, truth, preserve_dims=("init_time", "lead_time"))
    assert cases.csi.dims == ("threshold", "init_time", "lead_time")
    one = verify(forecast.isel(init_time=[2]), truth)
    xr.testing.assert_allclose(cases.isel(init_time=2, drop=True), one)
    xr.testing.assert_allclose(pool(cases, "init_time"), verify(forecast, truth))
    everything = verify(forecast, truth, preserve_dims=())
    xr.testing.assert_allclose(pool(cases, ["init_time", "lead_time"]), everything)
    xr.testing.assert_allclose(pool(verify(forecast, truth), "lead_time"), everything)
    assert pool(cases, "init_time").attrs == cases.attrs
    assert pool(cases, "init_time").mse.attrs == cases.mse.attrs


def test_pooling_a_draw_weighs_a_case_as_often_as_it_is_drawn():
    forecast, truth = random_fields(seed=12, inits=3)
    cases = verify(forecast, truth, preserve_dims=("init_time", "lead_time"))
    drawn = pool(cases.isel(init_time=[0, 0, 2]), "init_time")
    expected = cases.isel(init_time=[0, 2])
    hits = 2 * expected.hits[:, 0] + expected.hits[:, 1]
    np.testing.assert_array_equal(drawn.hits, hits)
    n = np.array([2, 1])[:, None] * expected.n_pairs.values
    np.testing.assert_allclose(drawn.mse, (n * expected.mse).sum("init_time") / n.sum(0))


def test_pooling_over_a_dim_that_is_not_there():
    with pytest.raises(DataError, match=r"\['init_time'\].*\['lead_time'\]"):
        pool(verify(*random_fields()), "init_time")


def test_an_ensemble_is_verified_by_its_mean_or_member_by_member():
    forecast, truth = random_fields(seed=13, missing=0)
    members = np.stack([forecast.reflectivity + shift for shift in (-3.0, 0.0, 6.0)])
    ensemble = forecast_of(members)
    mean = forecast_of(forecast.reflectivity.values + 1.0)
    of_mean = verify(mean, truth)
    xr.testing.assert_allclose(verify(ensemble, truth)[list(of_mean)], of_mean)
    each = verify(ensemble, truth, preserve_dims=("realization", "lead_time"))
    assert each.sizes["realization"] == 3
    xr.testing.assert_allclose(each.isel(realization=1), verify(forecast, truth))
    np.testing.assert_allclose(each.mean_error[2] - each.mean_error[0], 9.0)


def test_a_pixel_that_one_member_misses_has_no_ensemble_mean():
    forecast, truth = random_fields(seed=13, missing=0)
    members = np.stack([forecast.reflectivity, forecast.reflectivity])
    members[1, :, :, 0, 0] = np.nan
    whole = verify(forecast, truth).n_pairs
    np.testing.assert_array_equal(verify(forecast_of(members), truth).n_pairs, whole - 4)


def test_one_forecast_taken_out_is_verified_as_one():
    forecast, truth = random_fields(seed=14)
    xr.testing.assert_identical(
        verify(forecast.isel(init_time=1), truth), verify(forecast.isel(init_time=[1]), truth)
    )
    alone = verify(forecast.isel(init_time=1, lead_time=2), truth)
    assert alone.csi.sizes == {"threshold": 3, "lead_time": 1}


def test_dims_in_another_order():
    forecast, truth = random_fields(seed=15)
    xr.testing.assert_allclose(
        verify(forecast.transpose("lead_time", "x", "y", "init_time"), truth.transpose("x", ...)),
        verify(forecast, truth),
    )


@pytest.mark.parametrize("frames", [1, 2, 5, 100])
def test_blocks_of_any_size_give_the_same_scores(monkeypatch, frames):
    forecast, truth = random_fields(seed=16, inits=5, leads=3)
    expected = verify(forecast, truth)
    monkeypatch.setattr(pairs, "PIXELS_IN_MEMORY", frames * 9 * 7)
    xr.testing.assert_allclose(verify(forecast, truth), expected)
    two = xr.concat([forecast, forecast], "realization")
    xr.testing.assert_allclose(verify(two, truth)[list(expected)], expected)


class Recorder(xr.backends.BackendArray):
    """An array on a file, as xarray sees one, that notes how much each read takes."""

    def __init__(self, values, reads):
        self.values, self.shape, self.dtype, self.reads = values, values.shape, values.dtype, reads

    def __getitem__(self, key):
        support = indexing.IndexingSupport.BASIC
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._read)

    def _read(self, key):
        part = self.values[key]
        self.reads.append(part.size)
        return part


def on_file(ds, name, reads):
    field = ds[name]
    lazy = indexing.LazilyIndexedArray(Recorder(field.values, reads))
    return ds.assign({name: xr.Variable(field.dims, lazy, field.attrs)})


def test_nothing_reads_a_whole_archive(monkeypatch):
    forecast, truth = random_fields(inits=30, leads=3)
    expected = verify(forecast, truth)
    monkeypatch.setattr(pairs, "PIXELS_IN_MEMORY", 6 * 9 * 7)
    reads = []
    lazy = on_file(forecast, "reflectivity", reads), on_file(truth, "reflectivity", reads)
    xr.testing.assert_allclose(verify(*lazy), expected)
    assert max(reads) == 6 * 9 * 7
    xr.testing.assert_allclose(verify(lazy[0].chunk(init_time=7), lazy[1].chunk(time=5)), expected)


def test_persistence_on_real_rain(shared_data):
    truth = xr.open_dataset(shared_data / "openmrg_rad_20150827.nc")
    rain = truth.rain_rate.values
    inits, leads = range(10, 100, 10), range(1, 4)
    predicted = np.stack([[rain[i]] * len(leads) for i in inits])
    forecast = xr.Dataset(
        {"rain_rate": (("init_time", "lead_time", "y", "x"), predicted, {"units": "mm h-1"})},
        coords={
            "init_time": truth.time.values[list(inits)],
            "lead_time": np.array(leads) * STEP,
            "y": truth.y,
            "x": truth.x,
        },
    )
    found = verify(forecast, truth, thresholds=[1.0])
    for j, lead in enumerate(leads):
        before = rain[list(inits)] >= 1
        after = rain[[i + lead for i in inits]] >= 1
        expected = (before & after).sum() / (before | after).sum()
        assert found.csi[0, j].item() == pytest.approx(expected)
    assert (np.diff(found.csi[0]) < 0).all(), "persistence loses skill with lead time"


def test_is_public_and_describes_itself():
    found = keras_wx.verify(*random_fields())
    assert found.attrs["model"] == "made_up"
    assert found.attrs["truth"] == "made up"
    assert found.attrs["variable"] == "reflectivity"
    assert found.mae.attrs["units"] == "dBZ"
    assert found.rainfall_mse.attrs["units"] == "(mm h-1)^2"
    assert found.threshold.attrs["units"] == "dBZ"
    assert "zr" not in found.attrs  # no threshold was converted
    assert found.rainfall_mse.attrs["zr"] == "Z = 118.239 R^1.5241"
    assert set(found.csi.dims) == {"threshold", "lead_time"}
    assert np.issubdtype(found.lead_time.dtype, np.timedelta64)
    forecast, truth = random_fields()
    forecast.lead_time.attrs["standard_name"] = "forecast_period"
    assert verify(forecast, truth).lead_time.attrs == forecast.lead_time.attrs


def test_scores_can_be_saved(tmp_path):
    found = verify(*random_fields())
    found.to_netcdf(tmp_path / "scores.nc")
    with xr.open_dataset(tmp_path / "scores.nc", decode_timedelta=True) as again:
        xr.testing.assert_allclose(again, found)


def shifted_grid(forecast, truth):
    return forecast, truth.assign_coords(x=truth.x + 200.0)


def flipped_grid(forecast, truth):
    """Rows that run the other way, of which not one is where one of the forecast's is."""
    return forecast, truth.isel(y=slice(None, None, -1)).assign_coords(y=truth.y[::-1] + 200.0)


def smaller_grid(forecast, truth):
    return forecast, truth.isel(x=slice(0, 5))


@pytest.mark.parametrize("change", [shifted_grid, flipped_grid, smaller_grid])
def test_grids_that_differ(change):
    forecast, truth = change(*random_fields())
    with pytest.raises(DataError, match=r"different grids.*Forecast: y of 9 from 0 to 8000 m") as e:
        verify(forecast, truth)
    assert "Truth: y of 9 from" in str(e.value)
    assert "keras_wx.data.conform" in str(e.value)


@pytest.mark.parametrize("dims", [["y"], ["x"], ["y", "x"]])
def test_rows_that_run_the_other_way_are_turned(tmp_path, dims):
    forecast, truth = random_fields()
    expected = verify(forecast, truth)
    turned = truth.isel({dim: slice(None, None, -1) for dim in dims})
    turned.to_netcdf(tmp_path / "truth.nc")
    with xr.open_dataset(tmp_path / "truth.nc") as lazy:
        for observed in (turned, lazy):
            xr.testing.assert_allclose(verify(forecast, observed), expected)
    # Without coordinates nothing says so: rows are compared in their order.
    assert not verify(forecast, turned.drop_vars(["y", "x"])).equals(expected)


def test_grids_that_differ_by_rounding_are_the_same():
    forecast, truth = random_fields()
    xr.testing.assert_allclose(
        verify(forecast, truth.assign_coords(x=truth.x + 0.01)), verify(forecast, truth)
    )


def test_fields_without_coordinates_are_compared_by_size():
    forecast, truth = random_fields()
    bare = truth.drop_vars(["y", "x"])
    xr.testing.assert_identical(verify(forecast, bare), verify(forecast, truth))


def test_a_field_alone_is_no_dataset():
    forecast, truth = random_fields()
    with pytest.raises(DataError, match=r"truth: expected an xarray.Dataset.*Received: DataArray"):
        verify(forecast, truth.reflectivity)
    with pytest.raises(DataError, match=r"forecast: expected an xarray.Dataset"):
        verify(forecast.reflectivity, truth)


def with_units(ds, units):
    ds = ds.copy()
    ds["reflectivity"] = ds.reflectivity.assign_attrs(units=units)
    return ds


def test_bad_input():
    forecast, truth = random_fields()
    with pytest.raises(DataError, match="forecast 'dBZ', truth 'mm h-1'"):
        verify(forecast, with_units(truth, "mm h-1"))
    with pytest.raises(DataError, match="truth None"):
        verify(forecast, with_units(truth, None))
    with pytest.raises(DataError, match="truth has no variable 'reflectivity'"):
        verify(forecast, truth.rename(reflectivity="dbz"))
    with pytest.raises(DataError, match="Asked for: 'dbz'"):
        verify(forecast, truth, variable="dbz")
    with pytest.raises(DataError, match="Name one by"):
        verify(forecast.assign(other=forecast.reflectivity), truth)
    with pytest.raises(DataError, match="has no init_time"):
        verify(truth, forecast)
    with pytest.raises(DataError, match="truth's 'reflectivity' does not have the forecast's dims"):
        verify(forecast, truth.rename(y="lat", x="lon"))
    with pytest.raises(DataError, match="two dims beside"):
        verify(forecast.isel(x=0), truth)
    with pytest.raises(DataError, match="decode_timedelta"):
        verify(forecast.assign_coords(lead_time=[5, 10, 15]), truth)
    with pytest.raises(DataError, match="time of the truth: expected datetime64"):
        verify(forecast, truth.assign_coords(time=np.arange(truth.time.size)))
    with pytest.raises(DataError, match="more than once"):
        verify(forecast, truth.isel(time=[0, 1, 1, 2]))
    with pytest.raises(DataError, match=r"No valid time.*no time at all"):
        verify(forecast, truth.isel(time=slice(0, 0)))
    with pytest.raises(DataError, match="expected finite numbers in dBZ"):
        verify(forecast, truth, thresholds=[10, np.nan])
    with pytest.raises(DataError, match="expected finite numbers in dBZ"):
        verify(forecast, truth, thresholds=[])
    with pytest.raises(DataError, match=r"expected finite numbers in dBZ, received \[10, 'a'\]"):
        verify(forecast, truth, thresholds=[10, "a"])
    with pytest.raises(DataError, match=r"expected finite numbers in dBZ, received '10, 20'"):
        verify(forecast, truth.assign_attrs(thresholds="10, 20"))
    with pytest.raises(DataError, match="preserve_dims"):
        verify(forecast, truth, preserve_dims=("y", "lead_time"))
    for zr in ("hko_8", (0, 1.5), 200):
        with pytest.raises(DataError, match=r"zr: expected one of .*hko_7"):
            verify(forecast, truth, zr=zr)
