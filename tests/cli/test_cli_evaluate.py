"""`evaluate`: the numbers against plain NumPy, the choice of start times against `samples`."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from cli_radar import OUTPUT_FRAMES, radar_frames

import keras_wx
from keras_wx.cli import _scoring
from keras_wx.transforms import ZR
from keras_wx.verification import hindcasts


def row_of(model: str, result) -> list[str]:
    assert result.exit_code == 0, result.output
    return next(line.split() for line in result.stdout.splitlines() if line.startswith(model))[1:]


def reference(forecasts, observations, thresholds):
    """CSI and bias at each threshold, MSE and MAE: means over lead times, in plain NumPy.

    Args:
        forecasts, observations: `(starts, lead times, y, x)`.
    """
    csi, bias = [], []
    for threshold in thresholds:
        p, t = forecasts >= threshold, observations >= threshold
        hits, misses, alarms = (event.sum((0, 2, 3)) for event in (p & t, ~p & t, p & ~t))
        csi.append((hits / (hits + misses + alarms)).mean())
        bias.append(((hits + alarms) / (hits + misses)).mean())
    error = forecasts - observations
    return [*csi, *bias, (error**2).mean(), np.abs(error).mean()]


def test_persistence_by_hand(run, model_folder, radar_file):
    result = run("evaluate", model_folder, radar_file, "--min-rain", 0)
    with xr.open_dataset(radar_file) as radar:
        # -32 dBZ is what the model calls 0: no echo.
        dbz = radar.reflectivity.values.clip(0, 60).astype(float)
    starts = np.arange(2, 12 - OUTPUT_FRAMES)
    observed = np.stack([dbz[s + 1 : s + 1 + OUTPUT_FRAMES] for s in starts])
    forecasts = np.repeat(dbz[starts][:, None], OUTPUT_FRAMES, axis=1)
    expected = reference(forecasts, observed, (10, 20, 30))
    found = [float(text) for text in row_of("persistence", result)]
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.006)
    assert f"{len(starts)} forecasts of 4 frames" in result.stdout
    assert "started 2016-09-28T15:10 to 2016-09-28T15:35 UTC" in result.stdout


def test_scores_file_of_the_model(run, model_folder, radar_file, tmp_path):
    result = run(
        *("evaluate", model_folder, radar_file, "--output", tmp_path / "scores.nc"),
        *("--thresholds", "30,15", "--min-rain", 0),
    )
    assert result.exit_code == 0, result.output
    with xr.open_dataset(tmp_path / "scores.nc") as file:
        scores = file.load()
    assert scores.model.values.tolist() == ["convlstm_hko.tiny", "persistence"]
    assert scores.threshold.values.tolist() == [15, 30]
    assert scores.lead_time.dtype == "timedelta64[ns]"
    assert scores.attrs["forecasts"] == 6

    radar = keras_wx.open_dataset("radar", path=radar_file)
    forecast = keras_wx.predict(keras_wx.load(model_folder), radar, init_times="all")
    observed = radar.reflectivity.clip(0, 60).sel(time=forecast.valid_time[:6]).values
    values = forecast.reflectivity[:6].values
    p, t = values >= 15, observed >= 15
    csi = (p & t).sum((0, 2, 3)) / (p | t).sum((0, 2, 3))
    np.testing.assert_allclose(scores.csi.sel(model="convlstm_hko.tiny", threshold=15), csi)
    mse = ((values - observed) ** 2).mean((0, 2, 3))
    np.testing.assert_allclose(scores.mse.sel(model="convlstm_hko.tiny"), mse, rtol=1e-5)


def test_blocks_change_nothing(run, monkeypatch, model_folder, radar_file, tmp_path):
    arguments = ["evaluate", model_folder, radar_file, "--min-rain", 0, "--output"]
    run(*arguments, tmp_path / "whole.nc")
    monkeypatch.setattr(hindcasts, "PIXELS_IN_MEMORY", 2 * OUTPUT_FRAMES * 20 * 24)
    blocks = []
    verify = hindcasts.verify
    monkeypatch.setattr(
        hindcasts, "verify", lambda f, *a, **k: blocks.append(f.sizes) or verify(f, *a, **k)
    )
    run(*arguments, tmp_path / "parts.nc")
    assert [sizes["init_time"] for sizes in blocks] == [2] * 6
    whole, parts = (xr.load_dataset(tmp_path / name) for name in ("whole.nc", "parts.nc"))
    xr.testing.assert_allclose(whole, parts)


@pytest.fixture(scope="session")
def taasrad_file(tmp_path_factory):
    """Frames in the layout of the archive: ten in August, a gap, sixteen in September, two dry."""
    august = radar_frames(10, (64, 64), "2016-08-20T10:00")
    september = radar_frames(16, (64, 64), "2016-09-20T10:00")
    radar = xr.concat([august, september], "time").drop_vars(["y", "x"])
    radar["reflectivity"] = radar.reflectivity.clip(0)
    radar.reflectivity[22:] = 0
    path = tmp_path_factory.mktemp("taasrad") / "taasrad.nc"
    radar.to_netcdf(path)
    return path


@pytest.mark.parametrize(("split", "stride"), [("test", 1), ("test", 2), ("val", 1), (None, 1)])
def test_starts_where_samples_would(run, model_folder, taasrad_file, tmp_path, split, stride):
    options = [] if split is None else ["--split", split]
    result = run(
        *("evaluate", model_folder, taasrad_file, "--dataset", "taasrad19", *options),
        *("--stride", stride, "--output", tmp_path / "scores.nc", "--min-rain", 0.02),
        *("--against", "none"),
    )
    assert result.exit_code == 0, result.output
    radar = keras_wx.open_dataset("taasrad19", path=taasrad_file)
    windows = keras_wx.samples(
        radar,
        keras_wx.info(str(model_folder)),
        split=split,
        stride=stride,
        min_rain_fraction=0.02,
        shuffle=False,
    )
    assert windows.selection.dry > 0 or split == "val"
    with xr.open_dataset(tmp_path / "scores.nc") as scores:
        assert scores.attrs["forecasts"] == len(windows.init_times)
        first, last = windows.init_times[[0, -1]].astype("datetime64[s]").astype(str)
        assert scores.attrs["first_init_time"] == first
        assert scores.attrs["last_init_time"] == last
        assert scores.model.values.tolist() == ["convlstm_hko.tiny"]


def test_takes_the_filter_of_the_preset(run, model_folder, taasrad_file):
    """The shower covers 2 % of the grid; the preset asks for 5."""
    result = run("evaluate", model_folder, taasrad_file, "--dataset", "taasrad19")
    assert result.exit_code == 1
    assert "--min-rain 0 keeps every window" in result.output


def test_many_thresholds_fit_a_terminal(run, radar_file):
    arguments = ["evaluate", "persistence", radar_file, "--output-frames", 4]
    arguments += ["--thresholds", "5,10,15,20,25,30,35,40"]
    result = run(*arguments)
    assert len(row_of("persistence", result)) == 18
    narrow = run(*arguments, env={"COLUMNS": "80"})
    lines = narrow.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split()[1:] for line in lines if line.startswith("persistence")]
    assert len(rows) > 1
    assert [text for row in rows for text in row] == row_of("persistence", result)


def test_horizon_rivals_and_picture(run, model_folder, radar_file, tmp_path):
    result = run(
        *("evaluate", model_folder, radar_file, "--output-frames", 2, "--min-rain", 0),
        *("--against", "persistence", "--against", model_folder, "--plot", tmp_path / "skill.png"),
    )
    assert "forecasts of 2 frames" in result.stdout
    first, second = row_of("convlstm_hko.tiny", result), row_of(str(model_folder), result)
    assert first == second
    # No lead over itself; and one section of leads for each rival.
    own = result.stdout.partition(f"convlstm_hko.tiny minus {model_folder}")[2]
    assert own.startswith(", in a single event")
    assert "MSE          +0.000\n" in own
    assert "convlstm_hko.tiny minus persistence" in result.stdout
    assert (tmp_path / "skill.png").read_bytes().startswith(b"\x89PNG")


def test_lead_in_several_events(capsys):
    days = np.array(["2016-09-01", "2016-09-02", "2016-09-03"], "datetime64[ns]")
    dims = ("init_time", "lead_time", "threshold")

    def scores_of(hits, mse):
        counts = {"hits": hits, "misses": [0, 0, 0], "false_alarms": [10 - n for n in hits]}
        counts["correct_negatives"] = [90, 90, 90]
        # Nothing was above the second threshold.
        fields = {key: (dims, [[[n, 0]] for n in numbers]) for key, numbers in counts.items()}
        csi = [[[n / 10, np.nan]] for n in hits]
        fields |= {"csi": (dims, csi), "mse": (dims[:2], [[mse]] * 3)}
        fields["n_pairs"] = dims[:2], [[100]] * 3
        return xr.Dataset(fields, {"init_time": days, "threshold": [10.0, 30.0]})

    _scoring.print_differences(
        {"ours": scores_of([8, 8, 8], 2.0), "theirs": scores_of([5, 6, 7], 3.0)}
    )
    text = capsys.readouterr().out
    assert "ours minus theirs, and 95 % of 1000 bootstrap draws of 3 events:" in text
    # 1000 draws of three hold the case of one event alone, which is one in 27, at each end.
    assert "CSI >= 10    +0.200  (+0.100 to +0.300)" in text
    assert "CSI >= 30    -\n" in text
    assert "MSE          -1.000  (-1.000 to -1.000)" in text


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--plot", "skill.bmp"], 2, ".png or .pdf or .svg"),
        (["--output", "scores.csv"], 2, ".nc"),
        (["--thresholds", "10;20"], 2, "such as 10,20,30"),
        (["--against", "persistance"], 1, "Did you mean 'persistence'"),
        (["--split", "tset"], 1, "Did you mean 'test'"),
    ],
)
def test_errors(run, radar_file, options, code, expected):
    result = run("evaluate", "persistence", radar_file, "--output-frames", 4, *options)
    assert result.exit_code == code
    assert expected in result.output


def test_a_rival_that_reads_more_frames(run, radar_file):
    """ROVER1 reads two frames, ROVER3 four: the first common start is the fourth of 12 frames."""
    result = run(
        *("evaluate", "rover1", radar_file, "--against", "rover3"),
        *("--output-frames", OUTPUT_FRAMES),
    )
    assert len(row_of("rover3", result)) == 8
    assert f"{12 - 3 - OUTPUT_FRAMES} forecasts of {OUTPUT_FRAMES} frames" in result.stdout


def test_an_ensemble_beside_a_single_forecast(run, radar_file, tmp_path):
    """The mean over members and the CRPS of a stochastic model, the MAE of the other one."""
    result = run(
        *("evaluate", "steps", radar_file, "--output-frames", OUTPUT_FRAMES, "--stride", 2),
        *("--members", 3, "--seed", 5, "--output", tmp_path / "scores.nc"),
    )
    ours, theirs = row_of("steps", result), row_of("persistence", result)
    assert "3 members" in result.stdout
    assert theirs[-1] == theirs[-2]  # CRPS and MAE

    radar = keras_wx.open_dataset("radar", path=radar_file)
    model = keras_wx.load("steps", output_frames=OUTPUT_FRAMES)
    starts = radar.time.values[2 : 12 - OUTPUT_FRAMES : 2]
    forecast = keras_wx.predict(model, radar, init_times=starts, members=3, seed=5)
    members = forecast.reflectivity.values.clip(0).astype(float)
    position = np.arange(2, 12 - OUTPUT_FRAMES, 2)[:, None] + np.arange(1, OUTPUT_FRAMES + 1)
    observed = radar.reflectivity.values.clip(0)[position]
    apart = np.abs(members[:, None] - members[None]).mean(axis=(0, 1))
    crps = (np.abs(members - observed).mean(axis=0) - apart / 2).mean()
    mse = ((members.mean(axis=0) - observed) ** 2).mean()
    np.testing.assert_allclose(float(ours[-1]), crps, atol=0.006)
    np.testing.assert_allclose(float(ours[-3]), mse, rtol=0.01)
    with xr.open_dataset(tmp_path / "scores.nc") as scores:
        assert scores.rank_frequency.sel(model="steps").notnull().all()
        assert scores.rank_frequency.sel(model="persistence").isnull().all()
        np.testing.assert_allclose(scores.crps.sel(model="steps").mean(), crps, rtol=1e-5)
    lead = next(line for line in result.stdout.splitlines() if line.startswith("  CRPS"))
    assert float(lead.split()[1]) == pytest.approx(float(ours[-1]) - float(theirs[-1]), abs=0.02)


def test_members_of_deterministic_models(run, radar_file):
    result = run("evaluate", "persistence", radar_file, "--output-frames", 4, "--members", 2)
    assert result.exit_code == 1
    assert "persistence: deterministic" in result.output
    assert "--members 2" in result.output


def test_thresholds_are_in_the_units_of_the_model(run, tmp_path):
    """Rain rates become dBZ by --zr; the thresholds are dBZ from the beginning."""
    rain = radar_frames(12).rename(reflectivity="rain_rate")
    rate = ZR(a=200, b=1.6)(rain.rain_rate.values)
    rain["rain_rate"] = rain.rain_rate.dims, rate, {"units": "mm h-1"}
    rain.to_netcdf(tmp_path / "rain.nc")
    result = run(
        *("evaluate", "persistence", tmp_path / "rain.nc", "--zr", "marshall_palmer"),
        *("--output-frames", OUTPUT_FRAMES, "--thresholds", "20"),
    )
    csi, *_ = row_of("persistence", result)
    events = radar_frames(12).reflectivity.values >= 20
    starts = np.arange(12 - OUTPUT_FRAMES)
    expected = []
    for lead in range(1, OUTPUT_FRAMES + 1):
        p, t = events[starts], events[starts + lead]
        expected.append((p & t).sum() / (p | t).sum())
    assert float(csi) == pytest.approx(np.mean(expected), abs=6e-4)
    headings = [line.split() for line in result.stdout.splitlines()[3:6]]
    assert headings[0][:2] == ["CSI", "bias"]
    assert headings[1] == [">=", "20", ">=", "20"]
    assert headings[2][:3] == ["Model", "dBZ", "dBZ"]
    assert "thresholds and MAE in dBZ" in result.stdout
