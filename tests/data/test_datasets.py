import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError, UnknownNameError
from keras_wx.registry import datasets


def test_the_sources_of_the_package():
    known = keras_wx.list_datasets()
    assert known == sorted(known)
    assert {"radar", "sample_radar", "synthetic_rain", "taasrad19"} <= set(known)


@pytest.mark.parametrize("name", ["radar", "sample_radar", "synthetic_rain", "taasrad19"])
def test_every_source_explains_itself(name):
    text = datasets.get(name).__doc__
    assert "Returns:" in text
    assert "Example:" in text


def test_unknown_name():
    with pytest.raises(UnknownNameError, match=r"dataset: 'tasrad19'. Did you mean 'taasrad19'"):
        keras_wx.open_dataset("tasrad19")


def test_unknown_option():
    with pytest.raises(DataError, match=r"unexpected keyword argument 'frame'.*frames=480, shape="):
        keras_wx.open_dataset("synthetic_rain", frame=3)


def test_options_that_are_spelt_otherwise():
    with pytest.raises(DataError, match=r"Did you mean 'path' and 'units'\? Its options: path"):
        keras_wx.open_dataset("radar", pth="a.nc", unit="dBZ", chunks=None)
    with pytest.raises(DataError, match=r"'colour'. Its options: frames=480"):
        keras_wx.open_dataset("synthetic_rain", colour=1)


def test_missing_option():
    with pytest.raises(
        DataError, match=r"'path'. Its options: path \(required\), chunks=None.*none"
    ):
        keras_wx.open_dataset("taasrad19")


def test_a_source_of_ones_own(monkeypatch):
    monkeypatch.setattr(datasets, "_members", dict(datasets._members))

    @keras_wx.register_dataset("mine")
    def mine(*, name):
        return xr.Dataset(attrs={"name": name})

    assert keras_wx.open_dataset("mine", name="an option").attrs == {"name": "an option"}
    assert "mine" in keras_wx.list_datasets()
