import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.data.geometry import spacing_km
from keras_wx.errors import DataError


@pytest.fixture
def archive(tmp_path):
    """Two files in the layout of the resized archive, the later one first by name."""
    for name, day in (("a", "2016-05-02"), ("b", "2016-05-01")):
        packed = np.full((3, 64, 64), 102, "uint8")
        attrs = {"units": "dBZ", "scale_factor": 52.5 / 255}
        xr.Dataset(
            {
                "reflectivity": (("time", "y", "x"), packed, attrs),
                "run": ("time", np.zeros(3, "int16")),
            },
            coords={"time": np.datetime64(day, "ns") + np.arange(3) * np.timedelta64(5, "m")},
        ).to_netcdf(tmp_path / f"{name}.nc")
    return tmp_path


def check(dataset):
    field = dataset["reflectivity"]
    assert list(dataset.data_vars) == ["reflectivity"]
    assert field.dims == ("time", "y", "x")
    assert field.attrs["units"] == "dBZ"
    assert field.attrs["standard_name"] == "equivalent_reflectivity_factor"
    assert "10.1038/s41597-020-0574-8" in dataset.attrs["citation"]
    assert spacing_km(field) == pytest.approx((3.75, 3.75))
    for dim in ("y", "x"):
        assert dataset[dim].attrs["units"] == "m"
        assert float(dataset[dim].mean()) == pytest.approx(0), "centred on the radar"
    # The outermost pixels are half a pixel from the edges of 240 km.
    np.testing.assert_allclose(dataset["x"][[0, -1]], [-118125, 118125])
    np.testing.assert_allclose(dataset["y"][[0, -1]], [118125, -118125])


def test_one_file(archive):
    dataset = keras_wx.open_dataset("taasrad19", path=archive / "a.nc")
    check(dataset)
    field = dataset["reflectivity"]
    assert not field.variable._in_memory
    assert field.encoding["dtype"] == "uint8"
    assert "_FillValue" not in field.encoding, "no value can be missing"
    np.testing.assert_allclose(field, 21.0)


def test_folder_and_pattern(archive):
    for path in (archive, str(archive / "*.nc")):
        dataset = keras_wx.open_dataset("taasrad19", path=path)
        check(dataset)
        assert np.all(np.diff(dataset["time"]) > np.timedelta64(0))
        assert dataset.sizes["time"] == 6
        assert dataset["reflectivity"].encoding["dtype"] == "uint8"


def test_another_file(tmp_path):
    xr.Dataset({"rain": (("time", "y"), np.zeros((2, 3)))}).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(
        DataError, match=r"'reflectivity' with dims.*'rain': \('time', 'y'\).*'radar'"
    ):
        keras_wx.open_dataset("taasrad19", path=tmp_path / "a.nc")


def test_real_archive_and_its_splits(shared_data):
    path = shared_data / "taasrad19_64x64_2015-10_2017-01.nc"
    if not path.exists():
        pytest.skip(f"real data not found: {path.name}")
    dataset = keras_wx.open_dataset("taasrad19", path=path)
    check(dataset)
    assert dataset.sizes["time"] == 43_080
    # Every tenth frame in time is enough to measure shares; splits keep the order of time.
    wet = (dataset["reflectivity"][::10] > 7.4).mean(("y", "x")) > 0.05
    shares, last = {}, np.datetime64(0, "s")
    for name in ("train", "val", "test"):
        start, end = map(np.datetime64, dataset.attrs[f"split_{name}"].split("/"))
        part = dataset["time"].sel(time=slice(start, end))
        assert part[0] - last >= np.timedelta64(24, "h")
        last = part[-1].values
        shares[name] = float(wet.sel(time=slice(start, end)).sum() / wet.sum())
    assert shares["train"] > 0.7
    assert shares["val"] > 0.08
    assert shares["test"] >= 0.15
