"""Finnish composites: the real file, pictures and ODIM files made as documented, wrong ones."""

import gzip

import h5py
import netCDF4
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.errors import DataError

PICTURE = """P5
# obstime {time}
# param CorrectedReflectivity
# metersperpixel_x 999.674053
# metersperpixel_y 999.62859
# projection radar {{
# type stereographic
# centrallongitude 25
# centrallatitude 90
# truelatitude 60
# bottomleft 18.600000 57.930000
# topright 34.903000 69.005000
# }}
# radar LUO 1 26.9008 67.1386
# productname LOWEST
# producttype CAPPI
{columns} {rows}
255
"""
PIXELS = np.array([[0, 64, 255], [65, 164, 254]], "uint8")
DBZ = [[-32, 0, np.nan], [0.5, 50, 95]]


def picture(path, time="201609281600", pixels=PIXELS, header=PICTURE):
    rows, columns = pixels.shape
    content = header.format(time=time, rows=rows, columns=columns).encode() + pixels.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def odim(path, *, time="160000", quantity="DBZH", data=None, kind="COMP", **changes):
    """A composite with the groups and attributes of ODIM_H5."""
    what = {"gain": 0.5, "offset": -32.0, "nodata": 255.0, "undetect": 0.0} | changes
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_2")
        file.create_group("what").attrs.update(
            {"object": kind, "date": "20160928", "time": time, "source": "ORG:86"}
        )
        file.create_group("where").attrs.update(
            {
                "projdef": "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=25 +a=6371288 "
                "+x_0=380886.310 +y_0=3395677.920",
                "xsize": 3,
                "ysize": 2,
                "xscale": 1000.0,
                "yscale": 1000.0,
                "LL_lon": 18.6,
                "LL_lat": 57.93,
            }
        )
        file.create_group("dataset1/what").attrs.update(
            {
                "product": "COMP",
                "startdate": "20160928",
                "starttime": "155500",
                "enddate": "20160928",
                "endtime": "160000",
            }
        )
        group = file.create_group("dataset1/data1")
        group.create_group("what").attrs.update({"quantity": quantity} | what)
        group["data"] = PIXELS if data is None else data
    return path


def opened(path, **options):
    return keras_wx.open_dataset("fmi", path=path, **options)


def test_real_file(shared_data):
    path = shared_data / "fmi_20160928.nc"
    dataset = opened(path)
    field = dataset["reflectivity"]
    assert field.dims == ("time", "y", "x")
    assert field.shape == (40, 1226, 760)
    assert field.attrs["units"] == "dBZ"
    assert not field.variable._in_memory
    assert "CC BY 4.0" in dataset.attrs["license"]
    assert spacing_km(field) == pytest.approx((0.99963, 0.99967), abs=1e-5)
    with netCDF4.Dataset(path) as file:
        plain = file["reflectivity"][7].filled(np.nan)
    np.testing.assert_array_equal(field[7], plain)
    assert np.isnan(plain).mean() == pytest.approx(0.24, abs=0.005), "as its description says"
    # The corners of the header of the pictures, half a pixel further in.
    assert dataset["lat"].values[-1, 0] == pytest.approx(57.93, abs=0.01)
    assert dataset["lon"].values[-1, 0] == pytest.approx(18.60, abs=0.01)
    assert dataset["lat"].values[0, -1] == pytest.approx(69.005, abs=0.01)
    assert dataset["lon"].values[0, -1] == pytest.approx(34.903, abs=0.02)


def test_pictures_of_a_folder(tmp_path):
    for minute in ("05", "00"):
        picture(tmp_path / f"2016092816{minute}_FIN_SUOMI1.pgm.gz", f"2016092816{minute}")
    (tmp_path / "notes.txt").write_text("no frame")
    dataset = opened(tmp_path)
    assert dataset["time"].values.tolist() == [
        np.datetime64(f"2016-09-28T16:{minute}", "ns").astype(int) for minute in ("00", "05")
    ]
    for frame in dataset["reflectivity"]:
        np.testing.assert_array_equal(frame, DBZ)
    np.testing.assert_allclose(dataset["y"], [1.5 * 999.62859, 0.5 * 999.62859], atol=0.02)
    np.testing.assert_allclose(dataset["x"], np.array([0.5, 1.5, 2.5]) * 999.674053, atol=0.02)
    assert dataset["lat"].values[-1, 0] == pytest.approx(57.934, abs=1e-3), "the south comes last"


@pytest.mark.slow  # importing it takes seconds
def test_pictures_equal_pysteps(tmp_path):
    pytest.importorskip("pyproj")
    importers = pytest.importorskip("pysteps.io.importers")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30)).astype("uint8")
    path = picture(tmp_path / "a.pgm.gz", pixels=pixels)
    theirs, _, metadata = importers.import_fmi_pgm(str(path), gzipped=True)
    ours = opened(path)
    np.testing.assert_array_equal(ours["reflectivity"][0], theirs)
    assert metadata["yorigin"] == "upper"
    assert float(ours["x"][0]) == pytest.approx(metadata["x1"] + metadata["xpixelsize"] / 2)
    assert float(ours["y"][-1]) == pytest.approx(metadata["y1"] + metadata["ypixelsize"] / 2)


def geotiff(path, pixels=PIXELS, system=3067, **options):
    """As GDAL writes it: size of a pixel, place of its corner, and the keys of the projection."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33550] = (250.0, 250.0, 0.0)
    tags[33922] = (0.0, 0.0, 0.0, 50_000.0, 7_800_000.0, 0.0)
    tags[34735] = (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, system)
    for tag, kind in ((33550, 12), (33922, 12), (34735, 3)):
        tags.tagtype[tag] = kind
    Image.fromarray(pixels).save(path, tiffinfo=tags, compression="tiff_adobe_deflate", **options)
    return path


def test_geotiff_of_a_folder(tmp_path):
    for minute in ("05", "00"):
        geotiff(tmp_path / f"2020080516{minute}_FIN-DBZ-3067-250M.tif")
    dataset = opened(tmp_path)
    np.testing.assert_array_equal(
        dataset["time"], np.array(["2020-08-05T16:00", "2020-08-05T16:05"], "M8[ns]")
    )
    for frame in dataset["reflectivity"]:
        np.testing.assert_array_equal(frame, DBZ)
    np.testing.assert_allclose(dataset["y"], 7_800_000 - 250 * np.array([0.5, 1.5]))
    np.testing.assert_allclose(dataset["x"], 50_000 + 250 * np.array([0.5, 1.5, 2.5]))
    assert spacing_km(dataset["reflectivity"]) == pytest.approx((0.25, 0.25))
    assert "utm" in dataset.attrs["projection"]
    assert "CC BY 4.0" in dataset.attrs["license"]


def test_geotiff_of_rain_rate(tmp_path):
    pixels = np.array([[0, 1, 65535], [250, 10_000, 65534]], "uint16")
    field = opened(geotiff(tmp_path / "202008051600_FIN-RR-3067-1KM.tif", pixels))["rain_rate"]
    np.testing.assert_allclose(field[0], [[0, 0.01, np.nan], [2.5, 100, 655.34]], rtol=1e-6)
    assert field.attrs["units"] == "mm h-1"


def test_geotiff_of_another_kind(tmp_path):
    for name in ("radar.tif", "202008051600_FIN-RR1H-3067-1KM.tif", "2020_FIN-DBZ-3067.tif"):
        with pytest.raises(DataError, match=rf"DBZ or RR. Received: '{name}'"):
            opened(geotiff(tmp_path / name))
    with pytest.raises(DataError, match=r"EPSG:3067\), received EPSG:3857"):
        opened(geotiff(tmp_path / "202008051600_FIN-DBZ.tif", system=3857))
    colours = np.zeros((2, 3, 3), "uint8")
    with pytest.raises(DataError, match=r"one band of 8 or 16 bits .*\(2, 3, 3\)"):
        opened(geotiff(tmp_path / "202008051605_FIN-DBZ.tif", colours)).load()


def test_odim(tmp_path):
    odim(tmp_path / "b.h5", time="160500")
    odim(tmp_path / "a.h5")
    dataset = opened(tmp_path)
    assert dataset.sizes == {"time": 2, "y": 2, "x": 3}
    np.testing.assert_array_equal(
        dataset["reflectivity"][0], [[-32, 0, np.nan], [0.5, 50, 95]], "undetect is no echo"
    )
    np.testing.assert_allclose(dataset["y"], [1500, 500], atol=0.02)
    assert float(dataset["lat"][1, 0]) == pytest.approx(57.934, abs=1e-3)


def test_odim_amount_and_rate(tmp_path):
    data = np.array([[0.0, -1.0, 2.5], [0.1, -9.0, 1.0]], "float32")
    codes = {"gain": 1.0, "offset": 0.0, "nodata": -9.0, "undetect": -1.0, "data": data}
    expected = np.array([[0.0, 0.0, 2.5], [0.1, np.nan, 1.0]])
    amount = opened(odim(tmp_path / "a.h5", quantity="ACRR", **codes))["rain_rate"]
    np.testing.assert_allclose(amount[0], expected * 12, rtol=1e-6)
    assert amount.attrs["units"] == "mm h-1"
    rate = opened(odim(tmp_path / "b.h5", quantity="RATE", **codes))["rain_rate"]
    np.testing.assert_allclose(rate[0], expected, rtol=1e-6)


@pytest.mark.slow  # importing it takes seconds
def test_odim_equals_pysteps(tmp_path):
    pytest.importorskip("pyproj")
    importers = pytest.importorskip("pysteps.io.importers")
    path = odim(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        where = file["where"].attrs
        where["UR_lon"], where["UR_lat"] = 18.65, 57.95
        file["dataset1/data1/what"].attrs["quantity"] = np.bytes_("DBZH")
    theirs, _, metadata = importers.import_odim_hdf5(str(path), qty="DBZH")
    ours = opened(path)
    theirs[theirs == -30] = -32  # for no echo
    np.testing.assert_array_equal(ours["reflectivity"][0], theirs)
    assert float(ours["x"][0]) == pytest.approx(metadata["x1"] + 500)
    assert float(ours["y"][-1]) == pytest.approx(metadata["y1"] + 500)


def test_odim_with_several_fields(tmp_path):
    path = odim(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file.copy("dataset1/data1", "dataset1/data2")
        file["dataset1/data2/what"].attrs["quantity"] = "TH"
        file["dataset1/data2/what"].attrs["offset"] = -31.5
        file.copy("dataset1/data1", "dataset1/data3")
        file["dataset1/data3/what"].attrs["quantity"] = "QIND"
    with pytest.raises(DataError, match=r"DBZH \(dataset1/data1\), TH .*QIND .*quantity='DBZH'"):
        opened(path)
    assert float(opened(path, quantity="TH")["reflectivity"][0, 0, 1]) == 0.5
    with pytest.raises(DataError, match=r"one field of quantity ACRR. The file has: DBZH"):
        opened(path, quantity="ACRR")
    with pytest.raises(DataError, match="Received: 'QIND'"):
        opened(path, quantity="QIND")


def test_files_that_are_no_composites(tmp_path):
    with pytest.raises(DataError, match=r"a.h5.*received object PVOL"):
        opened(odim(tmp_path / "a.h5", kind="PVOL"))
    with pytest.raises(DataError, match=r"reflectivity, received param 'RainRate LOWEST'"):
        opened(
            picture(tmp_path / "a.pgm", header=PICTURE.replace("CorrectedReflectivity", "RainRate"))
        )
    with pytest.raises(DataError, match=r"c.pgm.*'obstime'"):
        opened(picture(tmp_path / "c.pgm", header=PICTURE.replace("obstime", "date")))


def test_damaged_files(tmp_path):
    path = picture(tmp_path / "a.pgm")
    path.write_bytes(path.read_bytes()[:-2])
    dataset = opened(path)  # the header is whole, and no more is read
    with pytest.raises(DataError, match=r"a.pgm: expected 6 pixels, received 4"):
        dataset.load()

    pixels = np.random.default_rng(0).integers(0, 256, (300, 300)).astype("uint8")
    path = picture(tmp_path / "b.pgm.gz", pixels=pixels)
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(DataError, match=r"Cannot read .*b.pgm.gz \([\d,]+ bytes\).*cut off"):
        opened(path).load()

    path = odim(tmp_path / "c.h5")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"Cannot read .*c.h5 \(2,000 bytes\)"):
        opened(path)
    with pytest.raises(DataError, match=r"No such file: .*missing.pgm"):
        opened(tmp_path / "missing.pgm")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=r"empty: expected a Zarr store, or a folder with files named \*.pgm"
    ):
        opened(tmp_path / "empty")
    with pytest.raises(DataError, match="empty list"):
        opened([])


def test_files_that_do_not_belong_together(tmp_path):
    one = picture(tmp_path / "a.pgm")
    other = picture(tmp_path / "b.pgm", "201609281605", np.zeros((4, 3), "uint8"))
    with pytest.raises(DataError, match=r"b.pgm has a grid of 4 x 3 points .*a.pgm one of 2 x 3"):
        opened([one, other])
    with pytest.raises(DataError, match=r"h5 holds 'TH', .*a.h5 holds 'DBZH'. Open files of one"):
        opened([odim(tmp_path / "a.h5"), odim(tmp_path / "b.h5", quantity="TH")])
