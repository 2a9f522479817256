"""What does not fit a curtain sample, and what is converted."""

import numpy as np
import pytest
import xarray as xr
from curtain_fields import make_curtain, make_curtain_sample
from scipy.interpolate import CubicSpline

from keras_wx.data import conform
from keras_wx.errors import DataError


@pytest.fixture
def curtain():
    return make_curtain(20)


@pytest.fixture
def sample():
    return make_curtain_sample()


def test_what_fits_is_transposed_and_nothing_else(curtain, sample):
    found = conform(curtain.assign(rain=curtain["temperature"]), sample)
    assert set(found.data_vars) == {"reflectivity", "temperature"}
    assert found["reflectivity"].dims == ("height", "time")
    np.testing.assert_array_equal(found["reflectivity"], curtain["reflectivity"].T)
    turned = conform(curtain.transpose("height", "time"), sample)
    xr.testing.assert_identical(turned, found)


def test_the_lowest_rows_are_kept(curtain):
    found = conform(curtain, make_curtain_sample((8, 8)))
    np.testing.assert_allclose(found["height"], 50 + 100 * np.arange(8))
    np.testing.assert_array_equal(found["temperature"], curtain["temperature"].values[:, :8].T)


def test_open_rows_become_a_multiple(curtain):
    sample = make_curtain_sample((None, 8))
    grid = sample.grids["curtain"].model_copy(update={"multiple": 8})
    sample = sample.model_copy(update={"grids": {"curtain": grid}})
    assert conform(curtain, sample).sizes["height"] == 8


def test_the_top_of_the_blind_zone_comes_along(curtain, sample):
    curtain["blind_zone_top"] = ("time", np.arange(20.0), {"units": "m"})
    np.testing.assert_array_equal(conform(curtain, sample)["blind_zone_top"], np.arange(20))


def test_heights_in_km_become_metres(curtain, sample):
    kilometres = curtain.assign_coords(
        height=("height", curtain["height"].values / 1000, {"units": "km"})
    )
    found = conform(kilometres, sample)
    np.testing.assert_allclose(found["height"], curtain["height"])
    assert found["height"].attrs["units"] == "m"


def test_another_spacing_is_said(curtain):
    with pytest.raises(DataError, match=r"spacing of 100 m, the sample needs 78\.125 m. regrid=T"):
        conform(curtain, make_curtain_sample(spacing="78.125m"))


def test_uneven_heights_are_said(curtain, sample):
    heights = curtain["height"].values.copy()
    heights[5:] += 40
    with pytest.raises(DataError, match=r"100 to 140 m, the sample needs 100 m. regrid=True"):
        conform(curtain.assign_coords(height=("height", heights, {"units": "m"})), sample)


@pytest.mark.parametrize("lazy", [False, True])
def test_regrid(curtain, lazy, tmp_path):
    """Rows of 250 m from gates of 100 m: nearest gate for echo, a cubic spline for the state."""
    curtain["reflectivity"][0, 2] = np.nan
    if lazy:
        curtain.to_netcdf(tmp_path / "curtain.nc")
        curtain = xr.open_dataset(tmp_path / "curtain.nc")
    found = conform(curtain, make_curtain_sample((4, 8), spacing="0.25km"), regrid=True)
    if lazy:
        assert not found["temperature"].variable._in_memory
    np.testing.assert_allclose(found["height"], [125, 375, 625, 875])
    z, t = curtain["reflectivity"].values, curtain["temperature"].values
    # 125 m lies in the gate from 100 to 200 m, 375 m in that from 300 to 400 m, and so on.
    np.testing.assert_array_equal(found["reflectivity"], z[:, [1, 3, 6, 8]].T)
    expected = [CubicSpline(50 + 100 * np.arange(12), column)([125, 375, 625, 875]) for column in t]
    np.testing.assert_allclose(found["temperature"], np.transpose(expected), rtol=1e-6)


def test_regrid_beyond_the_gates():
    """No echo is made up below the lowest gate or above the highest; the state is held below."""
    curtain = make_curtain(3, rows=6)
    curtain = curtain.assign_coords(
        height=("height", 400 + 100.0 * np.arange(6), {"units": "m"})  # 400 to 900 m
    )
    found = conform(curtain, make_curtain_sample((12, 3), spacing="110m"), regrid=True)
    # Rows at 55, 165, 275, 385, ..., 935, 1045 m: half a gate and half a row are 105 m.
    z, t = found["reflectivity"].values, found["temperature"].values
    np.testing.assert_array_equal(np.isnan(z[:, 0]), [True] * 3 + [False] * 6 + [True] * 3)
    np.testing.assert_array_equal(np.isnan(t[:, 0]), [False] * 9 + [True] * 3)
    np.testing.assert_allclose(t[:3], np.broadcast_to(curtain["temperature"].values[:, 0], (3, 3)))


def test_gates_that_begin_far_above_the_surface(curtain, sample):
    """Of the right spacing, and yet each a network's row of another height."""
    higher = curtain.assign_coords(height=curtain["height"] + 500)
    with pytest.raises(DataError, match=r"lowest gate .* at 550 m, .* row at 50 m\. regrid=True"):
        conform(higher, sample)
    found = conform(higher, sample, regrid=True)
    np.testing.assert_allclose(found["height"], 50 + 100 * np.arange(12))
    gates = found["reflectivity"].transpose("time", "height").values
    assert np.isnan(gates[:, :5]).all()
    np.testing.assert_array_equal(gates[:, 5:], curtain["reflectivity"].values[:, :7])
    half = curtain.assign_coords(height=curtain["height"] + 50)  # gates at whole spacings
    np.testing.assert_array_equal(conform(half, sample)["height"], half["height"])


def test_a_single_gate(curtain, sample):
    with pytest.raises(DataError, match=r"a single gate at 50 m.*12 rows of 100 m"):
        conform(curtain.isel(height=[0]), sample)


def test_too_few_rows(curtain):
    with pytest.raises(DataError, match="needs 128 rows of height, the data have 12"):
        conform(curtain, make_curtain_sample((128, 8)))


def test_upside_down(curtain, sample):
    with pytest.raises(DataError, match=r"upside down, from 1150 to 50 m.*sortby\('height'\)"):
        conform(curtain.isel(height=slice(None, None, -1)), sample)


def test_heights_in_km_that_say_metres(curtain, sample):
    wrong = curtain.assign_coords(height=("height", curtain["height"].values / 1000))
    with pytest.raises(DataError, match=r"gate would be at 1\.15 m: .*attrs\['units'\] = 'km'"):
        conform(wrong, sample)


def test_heights_in_no_order(curtain, sample):
    with pytest.raises(DataError, match="no such order"):
        conform(curtain.isel(height=[0, 2, 1, *range(3, 12)]), sample)


def test_heights_that_are_none(curtain, sample):
    with pytest.raises(DataError, match="without heights"):
        conform(curtain.drop_vars("height"), sample)
    wrong = curtain.assign_coords(height=curtain["height"].assign_attrs(units="hPa"))
    with pytest.raises(DataError, match="expected metres, received units 'hPa'"):
        conform(wrong, sample)


def test_columns_out_of_order(curtain, sample):
    with pytest.raises(DataError, match=r"times that increase.*sortby\('time'\)"):
        conform(curtain.isel(time=[0, 2, 1, 3]), sample)


def test_linear_units(curtain, sample):
    """10 log10 of 0.001, 1, 1000 mm6 m-3 and of none at all."""
    powers = np.resize([1e-3, 1, 1e3, 0.0], curtain["reflectivity"].shape)
    curtain["reflectivity"] = ("time", "height"), powers, {"units": "mm6 m-3"}
    with pytest.raises(DataError, match=r"received 'mm6 m-3'\. convert_units"):
        conform(curtain, sample)
    found = conform(curtain, sample, convert_units=True)["reflectivity"]
    np.testing.assert_allclose(found.values[:4, 0], [-30, 0, 30, -60], atol=1e-5)
    assert found.attrs["units"] == "dBZ"


def test_a_missing_state_variable(curtain, sample):
    with pytest.raises(DataError, match=r"needs variable 'temperature' \[K\]. The dataset has 're"):
        conform(curtain.drop_vars("temperature"), sample)
    with pytest.raises(DataError, match=r"\{'temperature': None\}\}\) a network without it"):
        conform(curtain.drop_vars("temperature"), sample)


def test_a_map_is_no_curtain(curtain, sample):
    field = curtain.rename(height="y").assign_coords(y=np.arange(12.0))
    with pytest.raises(DataError, match=r"expected dims \('height', 'time'\) in any order"):
        conform(field, sample)


def test_a_spacing_that_is_no_length(curtain):
    with pytest.raises(DataError, match=r"such as '78\.125m', received '78 K'"):
        conform(curtain, make_curtain_sample(spacing="78 K"))


def test_resample(curtain, sample):
    coarse = sample.merged({"step": "8s"})
    with pytest.raises(DataError, match=r"every 4s, .* every 8s. resample=True .*'step': '4s'"):
        conform(curtain, coarse)
    with pytest.raises(DataError, match=r"every 4s, .* every 2s. load\(.*'step': '4s'"):
        conform(curtain, sample.merged({"step": "2s"}), resample=True)
    curtain["blind_zone_top"] = ("time", np.arange(20.0), {"units": "m"})
    found = conform(curtain, coarse, resample=True)
    np.testing.assert_array_equal(found["reflectivity"], curtain["reflectivity"][::2].T)
    np.testing.assert_array_equal(found["blind_zone_top"], np.arange(0, 20, 2))


@pytest.mark.parametrize("spacing", [125.0, 78.125, 40.0, 250.0])
def test_rows_of_a_blind_gate_are_blind(spacing):
    """Of gates 125 m high, one of which is missing wherever its middle is below the top."""
    from keras_wx.data.curtain import blind_rows

    tops = np.arange(400.0, 1000.0, 7.0)
    heights = 62.5 + 125 * np.arange(40)
    dbz = np.where(heights < tops[:, None], np.nan, 3.0).astype("float32")
    times = np.datetime64("2020-01-01", "ns") + np.arange(tops.size) * np.timedelta64(4, "s")
    curtain = xr.Dataset(
        {
            "reflectivity": (("time", "height"), dbz, {"units": "dBZ"}),
            "blind_zone_top": ("time", tops / 1000, {"units": "km"}),
        },
        coords={"time": times, "height": ("height", heights, {"units": "m"})},
    )
    sample = make_curtain_sample(
        (None, 8), spacing=f"{spacing}m", state=False, blind_zone={"buffer": 0}
    )
    found = conform(curtain, sample, regrid=True)
    blind = np.arange(found.sizes["height"])[:, None] < blind_rows(found, sample)
    missing = np.isnan(found["reflectivity"].values)
    assert not (missing & ~blind)[:30].any()
    # ... and they end where the gates do, but for half of a row.
    deeper = blind.sum(axis=0) * spacing - (heights < tops[:, None]).sum(axis=1) * 125
    assert np.abs(deeper).max() <= spacing / 2


def test_a_level_that_is_missing_takes_the_rows_beside_it_alone(curtain):
    """The published spline of what is there, but no number where it would bridge a gap."""
    wanted = make_curtain_sample((20, 8), spacing="50m")
    curtain["temperature"][3, 7] = np.nan
    curtain["temperature"][5, 11] = np.nan
    found = conform(curtain, wanted, regrid=True)["temperature"].transpose("time", "height")
    old, new = curtain["height"].values, found["height"].values
    missing = np.isnan(found.values)
    beside = (new > old[6]) & (new < old[8])
    np.testing.assert_array_equal(missing[3], beside)
    assert not missing[[0, 4]].any()
    np.testing.assert_array_equal(missing[5], new > old[10])
    known = np.arange(12) != 7
    expected = CubicSpline(old[known], curtain["temperature"].values[3, known])
    np.testing.assert_allclose(
        found.values[3, ~beside], expected(new.clip(old[0], old[-1]))[~beside], rtol=1e-6
    )


@pytest.mark.parametrize("own_top", [False, True])
def test_no_echo_has_a_number_where_it_is_the_truth_too(curtain, own_top):
    dbz = curtain["reflectivity"].values
    dbz[2, 1], dbz[4, 9] = np.nan, np.nan
    if own_top:
        curtain["blind_zone_top"] = "time", np.full(20, 0.3), {"units": "km"}
    wanted = make_curtain_sample(fill=-60.0, blind_zone={"height": 200})
    found = conform(curtain.chunk(time=5), wanted)["reflectivity"]
    expected = np.where(np.isnan(dbz), -60, dbz)
    if own_top:
        expected[2, 1] = np.nan  # at 150 m, where the radar did not look
    np.testing.assert_array_equal(found.values.T, expected)
    assert found.attrs["units"] == "dBZ"


@pytest.mark.parametrize("resample", [False, True])
def test_times_without_a_step_of_their_own(curtain, sample, resample):
    scatter = np.random.default_rng(1).normal(0, 0.3e9, 20).astype("timedelta64[ns]")
    rough = curtain.assign_coords(time=curtain.time.values + scatter)
    with pytest.raises(DataError, match=r"no step in time: .* s apart.*step='4s'\) rounds"):
        conform(rough, sample, resample=resample)
