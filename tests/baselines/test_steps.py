"""STEPS as a whole: what any input gives, and what the ensemble is worth on real radar."""

import numpy as np
import pytest
import xarray as xr
from moving_echo import translated
from scores.probability import crps_for_ensemble

from keras_wx.baselines.advection import advect
from keras_wx.baselines.base import Draws
from keras_wx.baselines.optical_flow.gray import to_gray
from keras_wx.baselines.optical_flow.variational import variational_flow
from keras_wx.baselines.steps import Steps, steps
from keras_wx.errors import ModelError


def ensemble(frames, members, seed=0, **options):
    """Members `(members, output_frames, y, x)` from frames `(time, y, x)`."""
    model = Steps(**options)
    model.rng = Draws(seed)
    return model.predict(np.repeat(np.asarray(frames)[None, ..., None], members, axis=0))[..., 0]


# === Any input ===


def test_members_keep_the_distribution_while_nothing_moves():
    """Without motion no value leaves the grid: all that a member does is to put them elsewhere."""
    frame = translated(0, 0, [0])[0].astype("float32")
    members = ensemble([frame] * 3, 4, output_frames=5)
    for member in members.reshape(-1, 64 * 64):
        np.testing.assert_allclose(np.sort(member), np.sort(frame, axis=None), rtol=1e-6)


def test_rain_that_only_moves_is_moved():
    """Unchanged but for its place: correlations near 1 leave hardly any noise."""
    frames = translated(1.5, -0.5, np.arange(6))
    members = ensemble(frames[:3], 3, output_frames=3, drift=0.0)
    rain = np.abs(frames[3:] - frames[2]).mean()
    assert np.abs(members - frames[3:]).mean() < 0.25 * rain


@pytest.fixture
def at_rest(monkeypatch):
    """No motion, whatever the frames are."""
    monkeypatch.setattr(steps, "variational_flow", lambda older, newer: np.zeros((2, *newer.shape)))


def test_unrelated_frames_are_forgotten_at_once(at_rest):
    """Without correlation in time, members have no more in common than any two fields."""
    frames = np.random.default_rng(0).gamma(2, 10, (3, 40, 40))
    one, other = ensemble(frames, 2, output_frames=2)[:, 1]
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.15


def test_new_rain_stays_near_rain(at_rest):
    frames = np.zeros((3, 40, 40), "float32")
    frames[:, 18:23, 18:23] = np.random.default_rng(0).uniform(20, 40, (3, 5, 5))
    frames[:2] = np.roll(frames[:2], 15, axis=(1, 2))  # so that what is there now is forgotten
    members = ensemble(frames, 8, output_frames=4, rim=3)
    y, x = np.abs(np.indices((40, 40)) - 20)
    distance = np.maximum(y - 2, 0) + np.maximum(x - 2, 0)
    for step in range(4):
        assert (members[:, step, distance > 3 * (step + 1)] == 0).all()
    assert (members[:, -1, distance > 0] > 0).any(axis=1).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4), (8, 31)], ids=str)
def test_any_grid(shape):
    frames = np.random.default_rng(0).uniform(0, 40, (3, *shape))
    members = ensemble(frames, 2, output_frames=2)
    assert members.shape == (2, 2, *shape)
    assert np.isfinite(members).all()
    assert members.min() >= frames.min() - 1e-4
    assert members.max() <= frames.max() + 1e-4


@pytest.mark.parametrize("value", [-32.0, 0.0, 2.0, 25.0])
def test_constant_frames_stay_constant(value):
    members = ensemble(np.full((3, 20, 30), value), 2, output_frames=4)
    np.testing.assert_array_equal(members, value)


def test_frames_that_dry_up_stay_dry():
    frames = np.zeros((3, 20, 20))
    frames[0, 5:10, 5:10] = 30
    np.testing.assert_array_equal(ensemble(frames, 3, output_frames=4), 0)


def test_the_first_rain_of_all():
    """Nothing to correlate with: the frames before are constant."""
    frames = np.zeros((3, 20, 20))
    frames[2, 5:10, 5:10] = np.random.default_rng(0).uniform(20, 30, (5, 5))
    members = ensemble(frames, 3, output_frames=4)
    assert np.isfinite(members).all()
    assert members.max() > 20


def test_more_frames_and_channels_are_forecast_by_themselves():
    x = np.random.default_rng(0).uniform(0, 40, (2, 5, 16, 16, 2)).astype("float32")

    def forecast(x):
        model = Steps(output_frames=2)
        model.rng = Draws(0)
        return model.predict(x)

    np.testing.assert_array_equal(forecast(x)[1, ..., 1:], forecast(x[1:, 2:, ..., 1:])[0])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 2, 8, 8, 1)), r"at least 3 frames.*\(1, 2, 8, 8, 1\)"),
        (np.zeros((3, 8, 8, 1)), r"\(3, 8, 8, 1\)"),
        (np.full((1, 3, 2, 2, 1), np.nan), "12 values not finite"),
    ],
)
def test_input_that_does_not_fit(x, message):
    with pytest.raises(ModelError, match=message):
        Steps().predict(x)


@pytest.mark.parametrize(
    "option", [{"output_frames": 0}, {"levels": 0}, {"rim": -1}, {"drift": -1}]
)
def test_arguments_that_make_no_forecast(option):
    with pytest.raises(ModelError, match="=".join(map(str, *option.items()))):
        Steps(**option)


# === Real radar ===

MEMBERS, LEADS, STARTS = 12, 12, 8


@pytest.fixture(scope="module")
def windows(request):
    """dBZ, `(start, time, y, x)`: rain in the Italian Alps in August 2016, 3.75 km, 5 min."""
    path = request.getfixturevalue("shared_data") / "taasrad19_64x64_2015-10_2017-01.nc"
    found = []
    with xr.open_dataset(path) as data:
        first, last = np.searchsorted(data.time, np.array(["2016-08-01", "2016-09-01"], "M8[ns]"))
        for start in range(first + 3, last - LEADS, 40):
            part = data.isel(time=slice(start - 3, start + LEADS))
            if (np.diff(part.time) == np.timedelta64(5, "m")).all():
                values = part.reflectivity.values
                if (values[2] > 10).mean() > 0.15:
                    found.append(values)
            if len(found) == STARTS:
                break
    return np.stack(found)


@pytest.fixture(scope="module")
def forecasts(windows):
    """Ensembles, advected last frames, last frames and truths, `(..., start, lead, y, x)`."""
    history, truth = windows[:, :3], windows[:, 3:]
    members = np.stack([ensemble(f, MEMBERS, output_frames=LEADS) for f in history], axis=1)
    advected = np.stack(
        [advect(f[-1], variational_flow(*to_gray(f[-2:])), LEADS, fill=0.0) for f in history]
    )
    return members, advected, history[:, -1:], truth


def test_the_ensemble_beats_persistence_and_advection(forecasts):
    members, advected, persistence, truth = forecasts
    dims = ("start", "lead", "y", "x")
    crps = crps_for_ensemble(
        xr.DataArray(members, dims=("member", *dims)),
        xr.DataArray(truth, dims=dims),
        "member",
        method="ecdf",
    )
    assert crps < 0.8 * np.abs(advected - truth).mean()
    assert crps < 0.8 * np.abs(persistence - truth).mean()


def test_spread_grows_with_lead_time(forecasts):
    members, *_ = forecasts
    spread = members.std(axis=0).mean(axis=(0, 2, 3))
    assert (np.diff(spread[[0, 2, 5, 11]]) > 0).all()
    assert spread[0] > 0.2


def test_members_look_like_rain_and_their_mean_does_not(forecasts):
    """Values above 30 dBZ are as frequent as observed in each member, and fewer in the mean."""
    members, _, persistence, _ = forecasts
    observed = (persistence >= 30).mean()
    frequency = (members[:, :, :6] >= 30).mean(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(frequency, observed, rtol=0.25)
    assert (members.mean(axis=0)[:, :6] >= 30).mean() < 0.75 * observed
