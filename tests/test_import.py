"""What an import costs: names load on first use, and looking at the zoo needs no framework."""

import json
import subprocess
import sys

import pytest

import keras_wx

HEAVY = ["keras", "tensorflow", "jax", "torch", "xarray", "numpy", "h5py", "matplotlib"]

LOOK = f"""
import json, sys
import keras_wx
loaded = {{}}
def note(step):
    loaded[step] = [name for name in {HEAVY} if name in sys.modules]
note("import keras_wx")
names = keras_wx.list_models()
note("list_models")
card = str(keras_wx.info("convlstm_hko"))
note("info")
print(json.dumps([loaded, names, card]))
"""


def test_looking_at_the_zoo_imports_no_framework():
    run = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    loaded, names, card = json.loads(run.stdout)
    assert loaded == {"import keras_wx": [], "list_models": [], "info": []}
    assert "persistence" in names
    assert "reflectivity [dBZ]" in card


@pytest.mark.parametrize("name", keras_wx.__all__)
def test_every_public_name_is_there(name):
    assert getattr(keras_wx, name) is not None
    assert name in dir(keras_wx)


MODULES = {"curtain", "downscale", "hko_2015"}


def test_the_modules_of_data():
    assert callable(keras_wx.data.hko_2015.prepare)
    assert callable(keras_wx.data.downscale.to_physical)


@pytest.mark.parametrize("name", sorted({*keras_wx.data.__all__} - MODULES))
def test_every_other_name_of_data_is_no_module(name):
    for _ in range(2):  # the first use imports the name's home, which may be called the same
        assert callable(getattr(keras_wx.data, name))


def test_unknown_name():
    with pytest.raises(AttributeError, match="'keras_wx' has no attribute 'lod'"):
        keras_wx.lod  # noqa: B018
