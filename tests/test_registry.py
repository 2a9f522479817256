"""Registries: by hand, and filled by a plug-in package in a fresh interpreter."""

import json
import os
import subprocess
import sys

import pytest
from fake_distribution import install, nowcast_preset

from keras_wx.errors import UnknownNameError
from keras_wx.registry import Registry, models


@pytest.fixture
def registry():
    return Registry("thing", (), "keras_wx.nothing")


def test_register_and_get(registry):
    @registry.register("first")
    class First:
        pass

    assert registry.get("first") is First
    assert registry.name_of(First) == "first"
    assert registry.name_of(Registry) is None
    assert list(registry) == ["first"]
    assert "first" in registry
    assert "second" not in registry


def test_registering_again_replaces_the_same_thing_only(registry):
    def make():
        @registry.register("thing")
        class Thing:
            pass

        return Thing

    make()
    again = make()
    assert registry.get("thing") is again
    with pytest.raises(ValueError, match=r"thing name 'thing' is taken by .*Thing.*Received"):
        registry.register("thing")(Registry)


def test_unknown_name_lists_the_near_ones(registry):
    with pytest.raises(UnknownNameError, match=r"Unknown thing: 'x'. No thing is registered"):
        registry.get("x")
    with pytest.raises(UnknownNameError, match=r"Unknown architecture: 'convlst'. .*'convlstm'"):
        models.get("convlst")


PLUG_IN = """
import numpy as np
import xarray as xr
from keras_wx.baselines import Baseline
from keras_wx import register_dataset, register_model

@register_model("test_zeros")
class Zeros(Baseline):
    def __init__(self, output_frames=15, name=None):
        super().__init__(name)
        self.output_frames = output_frames

    def forecast(self, x):
        return np.zeros_like(x[:, :1]).repeat(self.output_frames, 1)

@register_dataset("test_rain")
def rain(frames=2):
    return xr.Dataset({"rain_rate": (("time",), np.arange(frames))})
"""

ENTRY_POINTS = """
[keras_wx.models]
zeros = wx_plugin:Zeros
[keras_wx.datasets]
rain = wx_plugin:rain
broken = wx_plugin.not_there
[keras_wx.presets]
presets = wx_plugin.presets
"""

USE = """
import json, warnings
import numpy as np
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import keras_wx
    model = keras_wx.load("test_dry", output_frames=2)
    result = {
        "models": keras_wx.list_models("test_*"),
        "shape": model.predict(np.ones((1, 2, 4, 4, 1))).shape,
        "preset": model.preset.full_name,
        "datasets": keras_wx.list_datasets(),
        "sizes": dict(keras_wx.open_dataset("test_rain", frames=3).sizes),
    }
result["warnings"] = [str(w.message) for w in caught if w.category is UserWarning]
print(json.dumps(result))
"""


def test_a_plug_in_package_joins(tmp_path):
    """Its model, preset and dataset are there; one that cannot be imported is left out."""
    preset = nowcast_preset("test_dry").replace(
        "architecture: convlstm", "architecture: test_zeros"
    )
    preset = preset[: preset.index("training:")].replace(
        "config: {input_frames: 2, output_frames: 3, patch_size: 2, filters: [4, 3]}",
        "config: {output_frames: 3}",
    )
    install(
        tmp_path,
        "wx_plugin",
        {"__init__.py": PLUG_IN, "presets/__init__.py": "", "presets/test_dry.yaml": preset},
        ENTRY_POINTS,
    )
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    run = subprocess.run(
        [sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["models"] == ["test_dry"]
    assert result["shape"] == [1, 2, 4, 4, 1]
    assert result["preset"] == "test_dry"
    assert {"test_rain", "synthetic_rain"} <= set(result["datasets"])
    assert result["sizes"] == {"time": 3}
    [warning] = result["warnings"]
    assert "'broken'" in warning
    assert "wx_plugin.not_there" in warning
    assert "is left out" in warning
