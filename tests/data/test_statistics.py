"""Statistics come from the training part alone."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from samples_fields import make_dataset, make_sample

from keras_wx.data import frames
from keras_wx.data.splits import frames_of
from keras_wx.data.statistics import fit_statistics, training_statistics
from keras_wx.errors import DataError
from keras_wx.spec import Preset, Sample
from keras_wx.transforms import Log, Standard

STANDARD = {"standard": {}}


def test_moments_equal_numpy_over_the_training_part(monkeypatch):
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1)
    dataset, sample = make_dataset(90, seed=3), make_sample()
    (part,) = frames_of("train", dataset["time"].values, sample)
    train = dataset["reflectivity"].values[part].astype("float64")
    for data in (dataset, dataset.chunk(time=7)):
        found = training_statistics(sample, data)["reflectivity"]
        expected = {
            "mean": train.mean(),
            "std": train.std(),
            "min": train.min(),
            "max": train.max(),
        }
        assert found == pytest.approx(expected, rel=1e-12)


def test_moments_survive_a_large_mean(monkeypatch):
    """A sum of squares would lose the standard deviation to cancellation."""
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1)
    dataset = make_dataset(90, dtype="float64")
    plain = training_statistics(make_sample(), dataset)["reflectivity"]
    dataset["reflectivity"] = (dataset["reflectivity"] + 1e9).assign_attrs(units="dBZ")
    moved = training_statistics(make_sample(), dataset)["reflectivity"]
    assert moved["std"] == pytest.approx(plain["std"], rel=1e-6)


def test_validation_and_test_data_change_nothing():
    dataset, sample = make_dataset(100), make_sample(transform=STANDARD)
    clean = fit_statistics(sample, dataset)
    assert clean.variables[0].transform.mean is not None
    poisoned = dataset.copy(deep=True)
    (train,) = frames_of("train", dataset["time"].values, sample)
    poisoned["reflectivity"][train.stop :] = 1e9
    assert fit_statistics(sample, poisoned) == clean
    poisoned["reflectivity"][train.stop - 1] = 1e9
    assert fit_statistics(sample, poisoned) != clean


def test_a_part_of_several_periods(monkeypatch):
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1)
    dataset, sample = make_dataset(60, seed=1), make_sample()
    times = dataset["time"].values
    splits = {"train": [(times[3], times[9]), (times[20], times[41])]}
    train = dataset["reflectivity"].values[np.r_[3:10, 20:42]].astype("float64")
    found = training_statistics(sample, dataset.chunk(time=8), splits=splits)["reflectivity"]
    assert found["mean"] == pytest.approx(train.mean(), rel=1e-12)
    assert found["std"] == pytest.approx(train.std(), rel=1e-12)


def test_missing_values_do_not_count():
    dataset = make_dataset(50)
    holed = dataset.copy(deep=True)
    holed["reflectivity"][:, 0] = np.nan
    sample = make_sample(shape=(None, None))
    rest = training_statistics(sample, dataset.isel(y=slice(1, None)))
    assert training_statistics(sample, holed)["reflectivity"] == pytest.approx(rest["reflectivity"])


def test_a_standard_score_after_a_logarithm_is_of_the_logarithm():
    dataset = make_dataset(60)
    sample = fit_statistics(make_sample(transform=[{"log": {"floor": 0.1}}, STANDARD]), dataset)
    (part,) = frames_of("train", dataset["time"].values, sample)
    expected = np.log10(np.maximum(dataset["reflectivity"].values[part], 0.1))
    for variable in sample.variables:
        log, standard = variable.transform.steps
        assert log == Log(floor=0.1)
        assert standard.mean == pytest.approx(expected.mean(), rel=1e-5)
        assert standard.std == pytest.approx(expected.std(), rel=1e-5)


def test_a_preset_comes_back_as_a_preset():
    preset = Preset(
        name="tiny",
        title="Tiny",
        task="nowcast",
        architecture="none",
        sample=make_sample(transform=STANDARD),
    )
    fitted = fit_statistics(preset, make_dataset(60))
    assert isinstance(fitted, Preset)
    assert isinstance(fitted.sample.variables[0].transform, Standard)
    assert not fitted.sample.variables[1].needs_statistics
    assert preset.sample.variables[0].needs_statistics


def test_what_has_no_standard_score():
    dataset = make_dataset(60)
    constant = dataset.copy(deep=True)
    constant["reflectivity"][:] = 3.0
    with pytest.raises(DataError, match="'reflectivity' is 3 dBZ everywhere"):
        fit_statistics(make_sample(transform=STANDARD), constant)
    constant["reflectivity"][:] = np.nan
    with pytest.raises(DataError, match="no valid value in the training part"):
        training_statistics(make_sample(), constant)


def test_negative_values_under_a_logarithm_have_no_statistics():
    times = np.datetime64("2001-01-01", "ns") + np.arange(10) * np.timedelta64(1, "D")
    rain = np.linspace(0.1, 1, 10)[:, None, None] * np.ones((10, 4, 4))
    rain[3, 2, 1] = -0.5
    data = xr.Dataset(
        {"rain": (("time", "lat", "lon"), rain, {"units": "mm"})},
        {"time": times, "lat": np.arange(4.0), "lon": np.arange(4.0)},
    )
    waiting = [{"log": {"floor": 1e-3}}, {"minmax": {}}]
    rain = {"name": "rain", "units": "mm", "grid": "fine", "transform": waiting}
    sample = Sample.model_validate(
        {
            "layout": "channels",
            "grids": {"fine": {}},
            "variables": [
                {**rain, "role": "input", "steps": [-1, -1]},
                {**rain, "role": "target", "steps": [0, 0]},
            ],
        }
    )
    with pytest.raises(DataError, match=r"'rain' is -0\.5 mm, and its transform takes the log"):
        fit_statistics(sample, data, splits=(1, 0, 0))
    fitted = fit_statistics(sample, data.clip(min=0, keep_attrs=True), splits=(1, 0, 0))
    assert not any(variable.needs_statistics for variable in fitted.variables)
