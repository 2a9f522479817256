"""German composites: the real file, binary and ODIM files made as documented, wrong ones."""

import bz2
import gzip

import netCDF4
import numpy as np
import pytest

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.data.sources import _radolan
from keras_wx.errors import DataError

NO_DATA = 2500 | 0x2000
CLUTTER = 7 | 0x8000
SECONDARY = 7 | 0x1000


def binary(
    path, product="RY", *, stamp="1600501000008", year="17", raw=None, shape=(900, 900), **changes
):
    """A composite: an ASCII header up to byte 3, then the rows from the south."""
    fields = {"VS": " 3", "PR": " E-02", "INT": "   5", "extra": ""} | changes
    if raw is None:
        raw = np.zeros(shape, "<u2")
        raw[0, :6] = 0, 1, 100, NO_DATA, CLUTTER, SECONDARY
        raw[-1, 0] = 5
    size = f"{shape[0]:4d}x{shape[1]:4d}"
    header = (
        f"{product}{stamp}{year}BY{{}}VS{fields['VS']}SW   2.18.3PR{fields['PR']}"
        f"INT{fields['INT']}GP{size}{fields['extra']}MS 58<boo,ros,emd,hnr,umd,pro,ess,fld,drs,neu,"
        "oft,eis,tur,isn,fbg>"
    )
    content = header.format(f"{len(header) + 6 + raw.nbytes:7d}").encode() + b"\x03" + raw.tobytes()
    pack = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content))
    return path


def opened(path, **options):
    return keras_wx.open_dataset("dwd", path=path, **options)


def test_real_file(shared_data):
    path = shared_data / "dwd_yw_20170816.nc"
    dataset = opened(path)
    field = dataset["rain_rate"]
    assert field.dims == ("time", "y", "x")
    assert field.shape == (12, 1100, 900)
    assert field.attrs["units"] == "mm h-1"
    assert not field.variable._in_memory
    assert spacing_km(field) == pytest.approx((1, 1))
    with netCDF4.Dataset(path) as file:
        plain = file["precip_amount"][5].filled(np.nan)
    np.testing.assert_allclose(field[5], 12 * plain, rtol=1e-6)
    assert "Deutscher Wetterdienst" in dataset.attrs["citation"]
    # The corners of the documentation, half a pixel further out: the first row is the southernmost.
    assert float(dataset["lat"][0, 0]) == pytest.approx(46.1929, abs=0.01)
    assert float(dataset["lon"][-1, -1]) == pytest.approx(17.1128, abs=0.01)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_amounts_become_rates(tmp_path, suffix):
    binary(tmp_path / f"raa01-ry_10000-1708160055-dwd---bin{suffix}", stamp="1600551000008")
    binary(tmp_path / f"raa01-ry_10000-1708160050-dwd---bin{suffix}", stamp="1600501000008")
    dataset = opened(tmp_path)
    field = dataset["rain_rate"]
    np.testing.assert_array_equal(
        dataset["time"], np.array(["2017-08-16T00:50", "2017-08-16T00:55"], "datetime64[ns]")
    )
    # 0.01 mm in 5 min is 0.12 mm/h. Clutter is missing; what came from a neighbour is not.
    np.testing.assert_allclose(field[1, 0, :6], [0, 0.12, 12, np.nan, np.nan, 0.84], rtol=1e-6)
    assert float(field[0, -1, 0]) == pytest.approx(0.6)
    assert float(dataset["y"][0]) < float(dataset["y"][-1])
    assert float(dataset["lat"][0, 0]) == pytest.approx(46.9526, abs=0.01)


def test_hourly_amount(tmp_path):
    path = binary(tmp_path / "rw-bin", "RW", stamp="0114501000008", PR=" E-01", INT="  60")
    field = opened(path)["rain_rate"]
    assert field["time"].values[0] == np.datetime64("2017-08-01T14:50")
    np.testing.assert_allclose(field[0, 0, :3], [0, 0.1, 10], rtol=1e-6)


def test_reflectivity_in_8_bits(tmp_path):
    raw = np.zeros((900, 900), "u1")
    raw[0, :5] = 0, 65, 130, 249, 250
    field = opened(binary(tmp_path / "rx-bin", "RX", PR=" E+00", raw=raw))["reflectivity"]
    np.testing.assert_array_equal(field[0, 0, :5], [-32.5, 0, 32.5, np.nan, np.nan])


def test_reflectivity_in_12_bits_on_the_ellipsoid(tmp_path):
    raw = np.zeros((1200, 1100), "<u2")
    raw[0, :3] = 0, 650, NO_DATA
    path = binary(
        tmp_path / "WN_000", "WN", PR=" E-01", VS=" 5", raw=raw, shape=raw.shape, extra="VV 000"
    )
    dataset = opened(path)
    np.testing.assert_allclose(dataset["reflectivity"][0, 0, :3], [-32.5, 0, np.nan], atol=1e-5)
    # The lower left corner of the ODIM files of this grid is -500, -1199500 m.
    assert float(dataset["x"][0]) == pytest.approx(0, abs=1)
    assert float(dataset["y"][0]) == pytest.approx(-1_199_000, abs=1)
    assert float(dataset["lat"][0, 0]) == pytest.approx(45.7015, abs=1e-3)


@pytest.mark.parametrize(
    ("product", "shape", "options"),
    [("RY", (900, 900), {}), ("YW", (1100, 900), {}), ("RW", (900, 900), {"PR": " E-01"})],
)
def test_equals_wradlib(tmp_path, product, shape, options):
    radolan = pytest.importorskip("wradlib.io.radolan")
    rect = pytest.importorskip("wradlib.georef.rect")
    raw = np.random.default_rng(0).integers(0, 300, shape).astype("<u2")
    raw[10:20] = NO_DATA
    path = binary(tmp_path / "a-bin", product, raw=raw, shape=shape, **options)
    theirs, attrs = radolan.read_radolan_composite(str(path), missing=-1)
    ours = opened(path)
    amounts = np.where(theirs == -1, np.nan, theirs)
    np.testing.assert_allclose(ours["rain_rate"][0], amounts * 12, rtol=1e-6)
    assert ours["time"].values[0] == np.datetime64(attrs["datetime"].replace(tzinfo=None))
    x, y = rect.get_radolan_coordinates(*shape, mode="center", crs="trig")
    np.testing.assert_allclose(ours["x"], x * 1000, atol=0.01)
    np.testing.assert_allclose(ours["y"], y * 1000, atol=0.01)


def test_a_month_opens_without_its_fields(tmp_path, monkeypatch):
    def read(_):
        raise AssertionError("a field was read")

    monkeypatch.setattr(_radolan, "read_values", read)
    for number in range(20):
        binary(tmp_path / f"{number:02d}-bin", stamp=f"16{number:02d}001000008", shape=(900, 900))
    dataset = opened(tmp_path)
    assert dataset["rain_rate"].shape == (20, 900, 900)
    assert dataset["rain_rate"].chunks[0] == (1,) * 20


def test_files_of_another_kind(tmp_path):
    with pytest.raises(DataError, match=r"amount of precipitation .RY, .*Received: 'PG'"):
        opened(binary(tmp_path / "a-bin", "PG"))
    small = np.zeros((100, 100), "<u2")
    with pytest.raises(DataError, match=r"900 x 900, 1100 x 900.*Received: 100 x 100"):
        opened(binary(tmp_path / "b-bin", raw=small, shape=small.shape))
    with pytest.raises(DataError, match=r"a forecast of 30 minutes"):
        opened(binary(tmp_path / "c-bin", "RV", extra="VV 030"))
    cut = binary(tmp_path / "d-bin")
    cut.write_bytes(cut.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"1,620,000 bytes .* 900 x 900 points, received 1,619,990"):
        opened(cut).load()
    cut.write_bytes(cut.read_bytes()[:60])
    with pytest.raises(DataError, match=r"a header that ends with byte 0x03"):
        opened(cut)
    mixed = [binary(tmp_path / "e-bin"), binary(tmp_path / "f-bin", "RW")]
    with pytest.raises(DataError, match=r"f-bin holds 'RW', .*e-bin holds 'RY'"):
        opened(mixed)


def test_netcdf_of_another_size(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for dim, size in (("time", 2), ("y", 3), ("x", 3)):
            file.createDimension(dim, size)
        file.createVariable("time", "f8", ("time",)).units = "minutes since 2017-08-16"
        file["time"][:] = 0, 5
        file.createVariable("rain", "f4", ("time", "y", "x")).units = "mm (5 min)"
    with pytest.raises(DataError, match="Received: 3 x 3"):
        opened(tmp_path / "a.nc")
