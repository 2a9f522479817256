"""What a run writes about itself: hand-made data and repositories."""

from __future__ import annotations

import json
import subprocess
import sys

import dask
import keras
import numpy as np
import pytest
import xarray as xr
import yaml

import keras_wx
from keras_wx.errors import DataError
from keras_wx.spec import Training, read_sample
from keras_wx.training import fingerprint as module
from keras_wx.training import provenance
from keras_wx.training.fingerprint import fingerprint

FRAMES = 40
SAMPLE = read_sample(
    {
        "step": "5min",
        "grids": {"radar": {"shape": [4, 4]}},
        "variables": [
            {"name": "reflectivity", "units": "dBZ", "role": role, "grid": "radar", "steps": steps}
            for role, steps in (("input", [-1, 0]), ("target", [1, 2]))
        ],
    }
)
# 40 frames of 4 x 4 whole numbers: the same on every machine.
HASH = "23c198a5636ec1306b7f319df7c824a8fca4e471ed335f3e77b093c23cffbfac"
SAMPLES_HASH = "be6420c295a2d111d7b9142c9fcc8a200fcdc0a8bb652cabeab6e195e535c167"


def radar() -> xr.Dataset:
    values = np.arange(FRAMES * 16, dtype="float32").reshape(FRAMES, 4, 4) % 50
    return xr.Dataset(
        {"reflectivity": (("time", "y", "x"), values, {"units": "dBZ", "long_name": "echo"})},
        {
            "time": np.datetime64("2020-01-01", "ns") + np.arange(FRAMES) * np.timedelta64(5, "m"),
            "y": ("y", np.arange(4) * 1000.0, {"units": "m"}),
            "x": ("x", np.arange(4) * 1000.0, {"units": "m"}),
        },
        {"title": "Made up", "split_train": "2020-01-01T00:00/2020-01-01T01:00"},
    )


def samples(data=None, **options):
    return keras_wx.samples(
        radar() if data is None else data, SAMPLE, **{"split": None, "batch_size": 2} | options
    )


def reordered(data):
    data.attrs = dict(reversed(data.attrs.items()))
    data["reflectivity"].attrs = dict(reversed(data["reflectivity"].attrs.items()))
    return data


def from_file(data, tmp_path, **options):
    data.to_netcdf(tmp_path / "radar.nc", engine="h5netcdf")
    return xr.open_dataset(tmp_path / "radar.nc", engine="h5netcdf", **options)


SAME = {
    "again": lambda data, path: data,
    "attributes in another order": lambda data, path: reordered(data),
    "another title": lambda data, path: data.assign_attrs(title="Other", history="today"),
    "dask": lambda data, path: data.chunk(time=7, y=2),
    "a lazy file": from_file,
    "a file as dask": lambda data, path: from_file(data, path, chunks={"time": 3}),
    "big-endian": lambda data, path: data.assign(
        reflectivity=data["reflectivity"].astype(">f4").assign_attrs(units="dBZ")
    ),
    "times in seconds": lambda data, path: data.assign_coords(
        time=data["time"].values.astype("datetime64[s]")
    ),
    "minus zero": lambda data, path: data.assign(
        reflectivity=data["reflectivity"].where(data["reflectivity"] != 0, -0.0)
    ),
}


def one_value(data):
    data["reflectivity"][17, 2, 3] += 0.5
    return data


def missing(data):
    data["reflectivity"][17, 2, 3] = np.nan
    return data


def units(data, name, new):
    data[name].attrs["units"] = new
    return data


OTHER = {
    "one value": one_value,
    "a value is missing": missing,
    "a coordinate": lambda data: data.assign_coords(x=("x", data["x"].values + 1, {"units": "m"})),
    "units": lambda data: units(data, "reflectivity", "mm h-1"),
    "units of a coordinate": lambda data: units(data, "y", "km"),
    "times": lambda data: data.assign_coords(time=data["time"] + np.timedelta64(1, "s")),
    "another split": lambda data: data.assign_attrs(split_train="2020-01-01/2020-01-02"),
    "a frame less": lambda data: data.isel(time=slice(1, None)),
    "frames in another order": lambda data: data.isel(time=slice(None, None, -1)),
    "the axes exchanged": lambda data: data.transpose("time", "x", "y"),
    "another name": lambda data: data.rename(reflectivity="dbz"),
    "double precision": lambda data: data.astype("float64"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_data_have_one_fingerprint(change, tmp_path):
    assert fingerprint(change(radar(), tmp_path)) == fingerprint(radar())


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_other_data_have_another_fingerprint(change):
    assert fingerprint(change(radar())) != fingerprint(radar())


def test_the_fingerprint_is_that_of_another_process_and_machine():
    """Computed once, and written down: a change here makes the data of every older run others."""
    assert fingerprint(radar()) == HASH
    assert fingerprint(samples()) == SAMPLES_HASH


def test_of_large_data_a_part_is_read(monkeypatch):
    monkeypatch.setattr(module, "WHOLE_BYTES", 1024)
    monkeypatch.setattr(module, "BLOCKS", 3)
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 64)  # four frames
    read = set()

    def counted(block, block_info=None):
        if block_info:
            read.add(block_info[0]["array-location"][0])
        return block

    lazy = radar().chunk(time=1)
    lazy["reflectivity"] = lazy["reflectivity"].copy(
        data=dask.array.map_blocks(counted, lazy["reflectivity"].data, dtype="float32")
    )
    expected = {(i, i + 1) for start in (0, 18, 36) for i in range(start, start + 4)}
    assert fingerprint(lazy) == fingerprint(radar())
    assert read == expected
    unseen, seen = radar(), radar()
    unseen["reflectivity"][10] += 1
    seen["reflectivity"][39] += 1
    assert fingerprint(unseen) == fingerprint(radar())
    assert fingerprint(seen) != fingerprint(radar())


def test_samples_have_the_fingerprint_of_their_windows():
    plain = fingerprint(samples())
    assert fingerprint(samples(radar().chunk(time=7))) == plain
    assert fingerprint(samples(batch_size=3, shuffle=True, seed=5)) == plain
    assert fingerprint(samples(stride=2)) != plain
    assert fingerprint(samples(one_value(radar()))) != plain
    assert fingerprint(samples(split="train", splits=(0.5, 0.5, 0))) != plain
    assert fingerprint(samples(split="val", splits=(0.5, 0.5, 0))) != plain
    assert plain != fingerprint(radar())


def test_values_outside_the_windows_do_not_count():
    part = {"split": "train", "splits": (0.5, 0.5, 0)}
    changed = radar()
    changed["reflectivity"][39] += 1
    assert fingerprint(samples(changed, **part)) == fingerprint(samples(**part))


@pytest.fixture
def preset():
    return keras_wx.info("convlstm_hko")


def test_a_record_says_what_it_takes_to_do_it_again(preset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["keras-wx", "train", "my model"])
    record = provenance.record(preset, radar(), samples(), 3, preset.training)
    assert record["seed"] == 3
    assert record["preset"]["name"] == "convlstm_hko"
    assert record["recipe"]["optimizer"] == preset.training.model_dump()["optimizer"]
    assert record["command"] == "keras-wx train 'my model'"
    assert record["git"] is None
    assert record["data"]["train"] == {
        "name": "Made up",
        "fingerprint": fingerprint(radar()),
        "sizes": {"time": FRAMES, "y": 4, "x": 4},
        "variables": ["reflectivity"],
        "period": ["2020-01-01T00:00:00", "2020-01-01T03:15:00"],
    }
    assert record["data"]["val"]["windows"] == FRAMES - 3
    environment = record["environment"]
    assert environment["keras"] == keras.__version__
    assert environment["numpy"] == np.__version__
    assert environment["backend"] == keras.backend.backend()
    assert environment["devices"]
    assert environment["dtype_policy"] == "float32"
    json.dumps(record)


def test_a_record_comes_back_from_its_file(preset, tmp_path):
    record = provenance.record(preset, radar(), None, 3, {"batch_size": np.int64(4)})
    assert provenance.read(tmp_path) is None
    assert provenance.read(provenance.write(record, tmp_path).parent) == record
    assert [file.name for file in tmp_path.iterdir()] == ["run.yaml"]
    assert yaml.safe_load((tmp_path / "run.yaml").read_text())["recipe"] == {"batch_size": 4}


def test_a_file_that_is_no_record_is_refused(tmp_path):
    (tmp_path / "run.yaml").write_text("just words")
    with pytest.raises(DataError, match="expected the record of a training run"):
        provenance.read(tmp_path)


def test_differences_are_named(preset):
    recipe = preset.training.model_dump(mode="json")
    old = provenance.record(preset, radar(), None, 3, recipe)
    assert provenance.differences(old, old) == {}
    other = Training.model_validate(recipe | {"batch_size": 99})
    new = provenance.record(preset, one_value(radar()), radar(), 4, other)
    found = provenance.differences(old, new)
    assert found.pop("recipe.batch_size") == (recipe["batch_size"], 99)
    assert found.pop("seed") == (3, 4)
    assert found.pop("data.val.fingerprint") == (None, fingerprint(radar()))
    assert set(found) == {"data.train.fingerprint"}


def test_a_field_that_the_recipe_gained_later_is_no_difference(preset):
    new = provenance.record(preset, radar(), None, 3, preset.training)
    recipe = {key: value for key, value in new["recipe"].items() if key != "loss_limit"}
    recipe["schedule"] = {}
    old = new | {"recipe": recipe}
    assert provenance.differences(old, new) == provenance.differences(new, old) == {}
    changed = new | {"recipe": new["recipe"] | {"loss_limit": 5.0}}
    assert provenance.differences(old, changed) == {"recipe.loss_limit": (1e4, 5.0)}


def test_a_run_of_python_goes_on_from_the_command_line_and_the_reverse(preset):
    old = {"recipe": {"freeze": "encoder", "samples": {"stride": 1, "regrid": False, "zr": None}}}
    new = {"recipe": {"freeze": ["encoder"], "samples": {}}}
    assert provenance.differences(old, new) == {}
    other = {"recipe": {"freeze": ["encoder"], "samples": {"stride": 2, "crop": None}}}
    assert provenance.differences(old, other) == {
        "recipe.samples.stride": (1, 2),
        "recipe.samples.crop": ("auto", None),
    }


def test_variables_that_the_sample_does_not_read_do_not_count(preset):
    more = radar().assign(wind=radar()["reflectivity"] + 1)
    plain, found = (provenance.record(preset, data, None, 3, {}) for data in (radar(), more))
    assert found["data"] == plain["data"]
    other = more.rename(reflectivity="rain_rate")  # which zr= may make reflectivity of
    described = provenance.record(preset, other, None, 3, {})["data"]["train"]
    assert described["variables"] == ["rain_rate", "wind"]


def test_another_machine_or_commit_is_no_difference(preset):
    old = provenance.record(preset, radar(), None, 3, preset.training)
    assert provenance.differences(old, old | {"environment": {}, "git": None, "command": ""}) == {}


def test_git_state(tmp_path):
    assert provenance.git_state(tmp_path) is None

    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    (tmp_path / "file").write_text("one")
    git("init", "-q")
    git("add", "file")
    git("commit", "-qm", "first")
    clean = provenance.git_state(tmp_path)
    assert len(clean["commit"]) == 40
    assert not clean["dirty"]
    (tmp_path / "file").write_text("two")
    assert provenance.git_state(tmp_path) == clean | {"dirty": True}
