"""Beside pysteps' Lucas-Kanade on real radar: the same motion, and forecasts no worse."""

import numpy as np
import pytest
import xarray as xr

from keras_wx.baselines.advection import advect
from keras_wx.baselines.lucas_kanade import LucasKanade
from keras_wx.baselines.rover import Rover

motion = pytest.importorskip("pysteps.motion.lucaskanade")

MODELS = pytest.mark.parametrize(
    "model", [Rover(), Rover([0.7, 0.2, 0.1]), LucasKanade()], ids=("rover1", "rover3", "lk")
)


@pytest.fixture(scope="module")
def finland(shared_data) -> np.ndarray:
    """Four frames of a composite, middle part."""
    radar = xr.open_dataset(shared_data / "fmi_20160928.nc")["reflectivity"]
    return radar[:4, 400:656, 300:556].clip(min=0).fillna(0).values


@pytest.fixture(scope="module")
def alps(shared_data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """4 past and 15 future frames of windows with echo on a tenth of the grid; their forecasts."""
    radar = xr.open_dataset(shared_data / "taasrad19_64x64_2015-10_2017-01.nc")["reflectivity"]
    windows = (radar[start : start + 19] for start in range(8_000, 20_000, 100))
    step = np.timedelta64(5, "m")
    wet = np.stack(
        [
            w.values
            for w in windows
            if (np.diff(w["time"]) == step).all() and (w[:4] > 10).mean() > 0.1
        ]
    )
    theirs = [advect(w[3], motion.dense_lucaskanade(w[1:4]), 15, fill=w[:4].min()) for w in wet]
    return wet[:, :4], wet[:, 4:], np.stack(theirs)


@MODELS
def test_same_mean_velocity_over_finland(model, finland):
    """Echo that moves by some five grid points a step: to a fifth of one."""
    theirs = motion.dense_lucaskanade(finland[-3:]).mean(axis=(1, 2))
    assert np.hypot(*theirs) > 4
    ours = model.velocity(finland[-model.input_frames :]).mean(axis=(1, 2))
    np.testing.assert_allclose(ours, theirs, atol=0.2)


@MODELS
def test_forecasts_over_the_alps_are_no_worse(model, alps):
    past, future, theirs = alps
    assert len(past) >= 10
    ours = model.predict(past[..., None])[..., 0]
    assert ((ours - future) ** 2).mean() < ((theirs - future) ** 2).mean()
    assert _csi(ours, future) > _csi(theirs, future)


def _csi(forecast: np.ndarray, truth: np.ndarray, threshold: float = 20) -> float:
    forecast, truth = forecast >= threshold, truth >= threshold
    return (forecast & truth).sum() / (forecast | truth).sum()
