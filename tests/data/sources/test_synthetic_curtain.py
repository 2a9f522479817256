"""The synthetic curtain: its form, what is in it, and what its state variables know of it."""

import numpy as np
import pytest
import xarray as xr

import keras_wx
from keras_wx.errors import DataError

STATE = ("temperature", "specific_humidity", "eastward_wind", "northward_wind")


def curtain(**options):
    return keras_wx.open_dataset("synthetic_curtain", **options)


@pytest.fixture(scope="module")
def many() -> xr.Dataset:
    """Forty events, at a coarse step: what is in one depends little on it."""
    return curtain(columns=4000, events=40, step="20s", seed=1)


@pytest.fixture(scope="module")
def relative_humidity(many) -> np.ndarray:
    """Over ice, from the state variables, as a network would have to find out.

    Vapour pressure by e = q p / (0.622 + 0.378 q) with the pressure of an isothermal atmosphere;
    saturation by the formula of Goff and Gratch (1946), which the source does not use.
    """
    pressure = 101325 * np.exp(-many["height"].values / 7600)
    q, t = many["specific_humidity"].values, many["temperature"].values
    ratio = 273.16 / t
    log10 = -9.09718 * (ratio - 1) - 3.56654 * np.log10(ratio) + 0.876793 * (1 - 1 / ratio)
    return q * pressure / (0.622 + 0.378 * q) / (610.71 * 10**log10)


def area_under_roc(score, event):
    """Chance that an event has the higher score than a non-event (Mann-Whitney)."""
    ranks = np.argsort(np.argsort(score)) + 1
    events, others = event.sum(), (~event).sum()
    return (ranks[event].sum() - events * (events + 1) / 2) / (events * others)


def test_form():
    dataset = curtain(columns=50, rows=20, spacing=100, step="10s", events=3)
    assert list(dataset.data_vars) == ["reflectivity", *STATE]
    for field in dataset.data_vars.values():
        assert field.dims == ("time", "height")
        assert field.shape == (50, 20)
        assert field.dtype == "float32"
        assert np.isfinite(field).all()
    assert [v.attrs["units"] for v in dataset.data_vars.values()] == [
        "dBZ",
        "K",
        "kg kg-1",
        "m s-1",
        "m s-1",
    ]
    np.testing.assert_allclose(dataset["height"], 50 + 100 * np.arange(20))
    assert dataset["height"].attrs["units"] == "m"
    steps = np.diff(dataset["time"]) / np.timedelta64(1, "s")
    assert sorted(steps)[:-2] == [10] * 47
    assert min(sorted(steps)[-2:]) > 24 * 3600, "events are more than a day apart"


def test_the_seed_decides():
    first, again, other = (curtain(columns=60, events=2, seed=s) for s in (3, 3, 4))
    xr.testing.assert_identical(first, again)
    assert not np.array_equal(first["temperature"], other["temperature"])


def test_splits_are_whole_events_without_overlap():
    dataset = curtain(columns=300, events=10)
    sizes = {}
    for name in ("train", "val", "test"):
        start, end = dataset.attrs[f"split_{name}"].split("/")
        sizes[name] = dataset.sel(time=slice(start, end)).sizes["time"]
    assert sizes == {"train": 180, "val": 60, "test": 60}


def test_what_is_in_it(many):
    """Several layers, gaps, virga, snow at the surface, and shallow snow that no gate above shows.

    The hole is the lowest 1250 m. Events as the published evaluation defines them.
    """
    z = many["reflectivity"].values
    hole, above = z[:, :16], z[:, 16:]
    echo = z > -60
    highest, lowest = above.max(axis=1), z[:, 0]
    layers = (np.diff(echo.astype(int), axis=1, prepend=0) == 1).sum(axis=1)
    parts = {
        "echo": echo.mean(),
        "cloud in the blind zone": ((hole > -60).mean(axis=1) >= 0.05).mean(),
        "clear columns": (~echo.any(axis=1)).mean(),
        "two layers or more": (layers > 1).mean(),
        "virga": ((highest >= -20) & (lowest < -20)).mean(),
        "snow from above": ((highest >= -20) & (lowest >= -20)).mean(),
        "shallow snow": ((highest < -20) & (lowest >= -20)).mean(),
    }
    assert all(0.03 < part < 0.8 for part in parts.values()), parts
    assert z[echo].min() >= -45
    assert 10 < np.percentile(z[echo], 99) < 30, "inside the range of the published transform"


def test_state_is_inside_the_published_ranges(many):
    ranges = {
        "temperature": (180, 300),
        "specific_humidity": (5.7e-8, 0.0115),
        "eastward_wind": (-30, 30),
        "northward_wind": (-30, 30),
    }
    for name, (low, high) in ranges.items():
        assert low <= float(many[name].min()) < float(many[name].max()) <= high


def test_humidity_tells_virga_from_snow(many, relative_humidity):
    z = many["reflectivity"].values
    falling = z[:, 16:24].max(axis=1) > -20
    reaches = z[falling, 0] >= -20
    assert 0.2 < reaches.mean() < 0.8, "the gates above do not decide it"
    assert area_under_roc(relative_humidity[falling, :16].mean(axis=1), reaches) > 0.7


def test_humidity_tells_where_shallow_cloud_is(many, relative_humidity):
    echo = many["reflectivity"].values > -60
    unseen = ~echo[:, 16:26].any(axis=1)
    cloud = echo[unseen, :16].mean(axis=1) >= 0.05
    assert area_under_roc(relative_humidity[unseen, :16].max(axis=1), cloud) > 0.8


def test_state_does_not_know_everything(many, relative_humidity):
    """A threshold of the analysed humidity is no cloud mask: turbulence and error are between."""
    cloud = many["reflectivity"].values > -60
    moist = relative_humidity > 1
    dice = 2 * (cloud & moist).sum() / (cloud.sum() + moist.sum())
    assert 0.3 < dice < 0.9


def test_shear_draws_streaks(many):
    """Where echo is below echo, columns at one height resemble those lower down at another time."""
    from keras_wx.data.sources import _snow_clouds as clouds

    seconds, heights = np.arange(400) * 4.0, (np.arange(64) + 0.5) * 78.125
    ones = np.ones((400, 64))
    moist = np.where(heights > 3000, 1.2, 0.95) * ones
    lags = {}
    for shear in (0.0, 4e-3):
        air = clouds.Air(
            temperature=258 * ones,
            specific_humidity=1e-3 * ones,
            eastward_wind=(8 + shear * (heights - 2500)) * ones,
            northward_wind=0 * ones,
            saturation=moist,
        )
        z = clouds.reflectivity_of(air, np.random.default_rng(0), seconds, heights)
        upper, lower = (np.nan_to_num(z[:, row], neginf=-60) for row in (36, 20))
        upper, lower = upper - upper.mean(), lower - lower.mean()
        shifts = np.arange(-60, 61)
        match = [np.mean(upper[60:-60] * np.roll(lower, -s)[60:-60]) for s in shifts]
        lags[shear] = shifts[np.argmax(match)]
    assert abs(lags[0.0]) <= 3
    # By hand: 16 rows of 78.125 m about 2227 m, in a wind that is 1.1 m/s slower than that of the
    # column; 0.1 tanh(1.1 / 5) s per metre are 27 s, or 7 columns.
    assert lags[4e-3] == pytest.approx(7, abs=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 3, "events": 4}, "at least one column an event"),
        ({"rows": 1}, "two rows"),
        ({"spacing": 0}, "positive spacing"),
        ({"step": "4 parsecs"}, "step: expected a time"),
    ],
)
def test_sizes_that_make_no_data(options, message):
    with pytest.raises(DataError, match=message):
        curtain(**options)
