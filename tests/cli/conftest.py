"""A tiny model, a small radar file, and the command line in this process."""

from __future__ import annotations

import pytest
from cli_radar import INPUT_FRAMES, OUTPUT_FRAMES, radar_frames
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def _no_width(monkeypatch):
    """Some test runners set a width, which the command line would obey."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run():
    """Runs `keras-wx ARGUMENTS`; without a terminal, as in a pipe."""
    from keras_wx.cli import app

    return lambda *arguments, **options: CliRunner().invoke(
        app, list(map(str, arguments)), **options
    )


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A saved ConvLSTM with random weights: 3 -> 4 frames, 5 min, 3.75 km, 0 to 60 dBZ."""
    import keras

    from keras_wx.zoo import presets
    from keras_wx.zoo.loading import build, save

    keras.utils.set_random_seed(0)
    preset = presets.base("convlstm_hko")
    frames = {"input_frames": INPUT_FRAMES, "output_frames": OUTPUT_FRAMES}
    sample = preset.sample.with_frames(**frames).merged(
        {
            "step": "5min",
            "grids": {"radar": {"shape": [64, 64], "spacing_km": 3.75}},
            "variables": {"reflectivity": {"transform": {"linear": {"low": 0, "high": 60}}}},
            "filter": {"above": 10, "min_fraction": 0.05},
        }
    )
    config = preset.config | frames | {"filters": [4]}
    preset = preset.model_copy(update={"sample": sample, "config": config, "parameters": None})
    return save(build(preset), tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def radar_file(tmp_path_factory):
    """Twelve CF frames, 5 min and 3.75 km apart, that need no conversion."""
    path = tmp_path_factory.mktemp("radar") / "radar.nc"
    radar_frames(12).to_netcdf(path)
    return path
