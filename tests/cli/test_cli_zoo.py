"""`list`, `info`, `fetch` and `datasets`."""

from __future__ import annotations

import hashlib

import pytest

import keras_wx
from keras_wx.spec import Weights, WeightsTable
from keras_wx.zoo import presets


@pytest.fixture
def one_trained_preset(monkeypatch, tmp_path):
    """A zoo of two presets, of which one has weights, in a mirror folder."""
    content = b"numbers"
    (tmp_path / "trained.weights.h5").write_bytes(content)
    monkeypatch.setenv("KERAS_WX_MIRROR", str(tmp_path))
    digest = hashlib.sha256(content).hexdigest()
    record = Weights(file="trained.weights.h5", sha256=digest, bytes=len(content))
    plain = presets.base("persistence")
    table = WeightsTable(default="alps", variants={"alps": record})
    trained = plain.model_copy(update={"name": "trained", "weights": table})
    monkeypatch.setattr(presets, "_index", lambda: {"persistence": plain, "trained": trained})
    return content


def names(result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line.split()[0] for line in result.stdout.splitlines()[2:]]


def test_list_has_every_preset(run):
    assert names(run("list")) == keras_wx.list_models()


def test_list_takes_wildcards(run):
    assert names(run("list", "*mnist_3*")) == [
        "convlstm_mnist_3layer",
        "convlstm_mnist_3layer_9x9_1x1",
        "convlstm_mnist_3layer_small",
    ]


def test_list_by_weights(run, one_trained_preset):
    assert names(run("list", "--pretrained")) == ["trained"]
    assert names(run("list", "--untrained")) == ["persistence"]
    assert names(run("list", "*.*")) == ["trained.alps"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["no_such_*"], "No preset matches 'no_such_*'"),
        (["--task", "nowcst"], "Did you mean 'nowcast'"),
    ],
)
def test_list_says_why_it_is_empty(run, arguments, expected):
    result = run("list", *arguments)
    assert result.exit_code == 1
    assert expected in result.output


def test_list_fits_a_terminal(run):
    lines = run("list", env={"COLUMNS": "80"}).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("convlstm_mnist_3layer_9x9_1x1 ") for line in lines)


def test_info_is_the_card(run):
    result = run("info", "convlstm_hko")
    assert result.exit_code == 0
    assert result.stdout == f"{keras_wx.info('convlstm_hko')}\n"


def test_info_of_a_saved_model(run, model_folder):
    assert "started from convlstm_hko" in run("info", model_folder).stdout


def test_info_lists_near_names(run):
    result = run("info", "convlstm_hk")
    assert result.exit_code == 1
    assert "Did you mean 'convlstm_hko'" in result.output


def test_fetch_prints_where(run, one_trained_preset, tmp_path):
    result = run("fetch", "trained", "trained.alps")
    assert result.exit_code == 0
    (one, path), (other, same) = (line.split() for line in result.stdout.splitlines())
    assert (one, other) == ("trained", "trained.alps")
    assert path == same
    with open(path, "rb") as file:
        assert file.read() == one_trained_preset


def test_fetch_of_what_has_no_weights(run):
    result = run("fetch", "persistence")
    assert result.exit_code == 1
    assert "'persistence' has no trained weights" in result.output


def test_datasets_lists_every_source(run):
    result = run("datasets")
    assert names(result) == keras_wx.list_datasets()
    assert "Reflectivity or rain rate from any CF NetCDF file or Zarr store." in result.stdout


def test_datasets_shows_the_options_of_one(run):
    lines = run("datasets", "radar").stdout.splitlines()
    path = next(line for line in lines if line.startswith("path "))
    assert path.split()[1] == "required"
    assert "NetCDF file, Zarr store, folder" in path
    assert any(line.startswith("spacing_km ") for line in lines)


def test_datasets_of_an_unknown_name(run):
    result = run("datasets", "taasrad")
    assert result.exit_code == 1
    assert "Did you mean 'taasrad19'" in result.output
