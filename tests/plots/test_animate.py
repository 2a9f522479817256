"""The GIF, read back with Pillow."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from keras_wx import plots
from keras_wx.errors import DataError


def frames_of(path) -> list[np.ndarray]:
    with Image.open(path) as gif:
        frames = []
        for i in range(gif.n_frames):
            gif.seek(i)
            frames.append(np.asarray(gif.convert("RGB")))
        return frames


def durations_of(path) -> list[int]:
    with Image.open(path) as gif:
        durations = []
        for i in range(gif.n_frames):
            gif.seek(i)
            durations.append(gif.info["duration"])
        return durations


def test_a_frame_for_each_lead_time(forecast, truth, tmp_path):
    path = plots.animate(forecast, truth, path=tmp_path / "forecast.gif", fps=5)
    assert path == tmp_path / "forecast.gif"
    assert durations_of(path) == [200] * 11 + [1200]
    frames = frames_of(path)
    assert len({frame.shape for frame in frames}) == 1
    assert path.stat().st_size < 300_000
    with Image.open(path) as gif:
        assert gif.info["loop"] == 0, "runs for ever"


def test_the_observation_moves_and_persistence_does_not(forecast, truth, tmp_path):
    frames = frames_of(plots.animate(forecast, truth, path=tmp_path / "forecast.gif"))
    height, width, _ = frames[0].shape
    # Below the heading, which says the time; both halves without the colour bar.
    below = slice(height // 6, None)
    left, right = (below, slice(0, width // 3)), (below, slice(width // 2, int(0.8 * width)))
    assert (frames[0][left] != frames[-1][left]).any()
    assert (frames[0][right] == frames[-1][right]).all()
    heading = slice(0, height // 16)
    for one, other in itertools.pairwise(frames):
        assert (one[heading] != other[heading]).any()


def test_colours_are_exact(forecast, tmp_path):
    """No dithering, and no nearly white: what the film strip has, the GIF has."""
    frame = frames_of(plots.animate(forecast, path=tmp_path / "forecast.gif"))[3]
    colors, counts = np.unique(frame.reshape(-1, 3), axis=0, return_counts=True)
    assert tuple(colors[counts.argmax()]) == (255, 255, 255)
    present = {tuple(color) for color in colors.tolist()}
    assert {(204, 204, 204), (167, 0, 0), (0, 108, 198)} <= present


def test_without_truth_and_with_several_models(forecast, truth, tmp_path):
    alone = frames_of(plots.animate(forecast, path=tmp_path / "one.gif"))
    three = frames_of(
        plots.animate({"a": forecast, "b": forecast}, truth, path=tmp_path / "three.gif")
    )
    assert len(alone) == len(three) == 12
    assert three[0].shape[1] > 2 * alone[0].shape[1]


def test_an_observation_that_ends_early(forecast, truth, tmp_path):
    frames = frames_of(
        plots.animate(forecast, truth.isel(time=slice(0, 8)), path=tmp_path / "forecast.gif")
    )
    gray = [(frame == 204).all(-1).mean() for frame in frames]
    assert gray[-1] > gray[0] + 0.2


def test_what_it_refuses(forecast, truth, tmp_path):
    with pytest.raises(DataError, match=r"ends in '.gif'"):
        plots.animate(forecast, truth, path=tmp_path / "forecast.mp4")
    with pytest.raises(DataError, match="fps"):
        plots.animate(forecast, truth, path=tmp_path / "forecast.gif", fps=0)
    with pytest.raises(DataError, match="no init_time"):
        plots.animate(forecast, path=tmp_path / "forecast.gif", init_time="2000-01-01")
    assert not list(tmp_path.iterdir())
