"""Dutch composites made in the layout that KNMI documents; there is no real file here."""

import h5py
import netCDF4
import numpy as np
import pytest

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.errors import DataError

PIXELS = np.array([[0, 1, 250], [12, 65534, 65535]], "uint16")
PROJECTION = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.14 +b=6356.75 +x_0=0 y_0=0"


def composite(
    path,
    *,
    start="26-AUG-2010;00:00:00.000",
    end="26-AUG-2010;00:05:00.000",
    images=(("PRECIP_[MM]", PIXELS),),
    formula="GEO = 0.010000 * PV + 0.000000",
    missing=65534,
    outside=65535,
):
    """A file with the groups and attributes of RAD_NL25_RAC_5min; strings as fixed bytes."""
    rows, columns = images[0][1].shape
    with h5py.File(path, "w") as file:
        file.create_group("overview").attrs.update(
            {
                "product_datetime_start": np.bytes_(start),
                "product_datetime_end": np.bytes_(end),
                "number_image_groups": np.array([len(images)], "int32"),
            }
        )
        geographic = file.create_group("geographic")
        geographic.attrs.update(
            {
                "geo_pixel_size_x": np.array([1.0000349], "float32"),
                "geo_pixel_size_y": np.array([-1.0000484], "float32"),
                "geo_column_offset": np.array([0], "float32"),
                "geo_row_offset": np.array([3649.9819], "float32"),
                "geo_number_columns": np.array([columns], "int32"),
                "geo_number_rows": np.array([rows], "int32"),
                "geo_dim_pixel": np.bytes_("KM,KM"),
            }
        )
        geographic.create_group("map_projection").attrs["projection_proj4_params"] = np.bytes_(
            PROJECTION
        )
        for number, (parameter, pixels) in enumerate(images, 1):
            group = file.create_group(f"image{number}")
            group.attrs["image_geo_parameter"] = np.bytes_(parameter)
            group["image_data"] = pixels
            group.create_group("calibration").attrs.update(
                {
                    "calibration_formulas": np.bytes_(formula),
                    "calibration_missing_data": np.array([missing]),
                    "calibration_out_of_image": np.array([outside]),
                }
            )
    return path


def opened(path, **options):
    return keras_wx.open_dataset("knmi", path=path, **options)


def test_amounts_become_rates(tmp_path):
    composite(
        tmp_path / "RAD_NL25_RAC_5min_201008260010.h5",
        start="26-AUG-2010;00:05:00.000",
        end="26-AUG-2010;00:10:00.000",
    )
    composite(tmp_path / "RAD_NL25_RAC_5min_201008260005.h5")
    dataset = opened(tmp_path)
    field = dataset["rain_rate"]
    assert field.attrs["units"] == "mm h-1"
    np.testing.assert_array_equal(
        dataset["time"],
        np.array(["2010-08-26T00:05", "2010-08-26T00:10"], "datetime64[ns]"),
    )
    # 0.01 mm in 5 min is 0.12 mm/h.
    expected = [[0, 0.12, 30], [1.44, np.nan, np.nan]]
    for frame in field:
        np.testing.assert_allclose(frame, expected, rtol=1e-6)
    assert spacing_km(field) == pytest.approx((1.0, 1.0), abs=1e-4)


def test_place(tmp_path):
    pixels = np.zeros((765, 700), "uint16")
    dataset = opened(composite(tmp_path / "a.h5", images=(("PRECIP_[MM]", pixels),)))
    assert float(dataset["y"][0]) > float(dataset["y"][-1]), "the first row is the northernmost"
    # The corners of the national product, which are half a pixel further out.
    corners = [(0, 0), (0, -1), (-1, -1), (-1, 0)]
    lon = [float(dataset["lon"][at]) for at in corners]
    lat = [float(dataset["lat"][at]) for at in corners]
    np.testing.assert_allclose(lon, [0, 10.856, 9.009, 0], atol=0.01)
    np.testing.assert_allclose(lat, [55.974, 55.389, 48.895, 49.362], atol=0.01)


@pytest.mark.slow  # importing it takes seconds
def test_equals_pysteps(tmp_path):
    importers = pytest.importorskip("pysteps.io.importers")
    path = composite(tmp_path / "a.h5", missing=65535)
    theirs, _, metadata = importers.import_knmi_hdf5(str(path), qty="ACRR")
    dataset = opened(path)
    np.testing.assert_allclose(dataset["rain_rate"][0] / 12, theirs, rtol=1e-6)
    # Places are those of the header; pysteps rounds them to whole pixels of 1 km for this string.
    assert metadata["x1"] == 0
    np.testing.assert_allclose(dataset["x"], [500, 1500, 2500], atol=0.5)
    np.testing.assert_allclose(dataset["y"], [-3650_500, -3651_500], atol=250)


def test_reflectivity(tmp_path):
    pixels = np.array([[0, 64, 255]], "uint8")
    dataset = opened(
        composite(
            tmp_path / "a.h5",
            images=(("REFLECTIVITY_[DBZ]", pixels),),
            formula="GEO=0.500000*PV+-32.000000",
            missing=0,
            outside=255,
        )
    )
    np.testing.assert_array_equal(dataset["reflectivity"][0], [[-32, 0, np.nan]], "0 is no echo")


def test_fields_of_quality_are_left(tmp_path):
    quality = ("QUALITY_[-]", np.zeros((2, 3), "uint8"))
    path = composite(tmp_path / "a.h5", images=(("PRECIP_[MM]", PIXELS), quality))
    assert float(opened(path)["rain_rate"][0, 0, 1]) == pytest.approx(0.12)


def test_files_of_another_kind(tmp_path):
    forecast = composite(tmp_path / "a.h5", images=(("PRECIP_[MM]", PIXELS),) * 2)
    with pytest.raises(DataError, match=r"one measured image .*PRECIP_\[MM\], PRECIP.*a forecast"):
        opened(forecast)
    top = composite(tmp_path / "b.h5", images=(("ECHOTOP_[KM]", PIXELS),))
    with pytest.raises(DataError, match=r"The file has ECHOTOP_\[KM\]"):
        opened(top)
    with pytest.raises(DataError, match=r"such as '31-AUG-2017;14:20:00', received 'soon'"):
        opened(composite(tmp_path / "c.h5", end="soon"))
    broken = composite(tmp_path / "d.h5", formula="PV**2")
    with pytest.raises(DataError, match=r"d.h5: expected a calibration .*received 'PV\*\*2'"):
        opened(broken).load()


def test_netcdf_whose_units_the_user_says(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for dim, size in (("time", 1), ("y", 2), ("x", 3)):
            file.createDimension(dim, size)
        file.createVariable("time", "f8", ("time",)).units = "minutes since 2010-08-26 00:05"
        file["time"][:] = 0
        for axis, values in (("y", [-3650.5, -3651.5]), ("x", [0.5, 1.5, 2.5])):
            file.createVariable(axis, "f8", (axis,)).units = "km"
            file[axis][:] = values
        field = file.createVariable("image1_image_data", "u2", ("time", "y", "x"), fill_value=65535)
        field.scale_factor = 0.01
        field.set_auto_maskandscale(False)
        field[:] = [[[0, 1, 250], [12, 2, 65535]]]
    with pytest.raises(DataError, match=r"'image1_image_data' \[no units\]. units= says"):
        opened(tmp_path / "a.nc")
    dataset = opened(tmp_path / "a.nc", units="mm", step="5min")
    np.testing.assert_allclose(
        dataset["rain_rate"][0], [[0, 0.12, 30], [1.44, 0.24, np.nan]], rtol=1e-6
    )
    assert "KNMI" in dataset.attrs["source"]
