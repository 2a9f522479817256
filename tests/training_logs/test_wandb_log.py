"""Weights & Biases: what an offline run's file holds, what a server gets, and what cannot harm.

The file is read with wandb's own messages. The server is one of ours that answers what the client
of the installed version asks for; not covered is how the real one shows a run, and how it joins a
run that was resumed.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import types
import warnings

import keras
import numpy as np
import pytest
import small_training
from jax_process import run_under_jax
from PIL import Image
from wandb_file import OfflineRun
from wandb_server import KEY, Server

from keras_wx.errors import UnknownNameError
from keras_wx.training.logs import loggers
from keras_wx.training.logs.wandb import trial_name
from keras_wx.training.telemetry import Telemetry

STEPS = small_training.EPOCHS * small_training.STEPS
NAMES = ("loss", "mae", "learning_rate", "gradient_norm")
TRIAL = {"filters": 2, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """W&B's own folders, none of which is to be the user's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        patch.setenv("WANDB_API_KEY", KEY)
        yield patch


class Listener(keras.callbacks.Callback):
    """What Keras says at the end of each step and epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(dict(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(dict(logs))


# === An offline run, read back ===


@pytest.fixture(scope="module")
def offline(folders, tmp_path_factory):
    """A training under TensorFlow: its listener, its file, its weights, its folder."""
    import wandb

    folder, listener = tmp_path_factory.mktemp("offline"), Listener()
    weights = small_training.train(
        folder,
        wandb={
            "mode": "offline",
            "project": "test",
            "group": "sweep",
            "trial": TRIAL,
            "tags": ("mine", "x" * 80),
            "settings": small_training.SETTINGS,
        },
        during=[listener],
    )
    wandb.teardown()  # its service may still be writing
    return types.SimpleNamespace(
        folder=folder, listener=listener, weights=weights, run=OfflineRun(folder / "wandb")
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_of_every_step_is_in_the_file(offline, name):
    logged = offline.run.series(f"batch/{name}")
    assert logged == {i + 1: logs[name] for i, logs in enumerate(offline.listener.steps)}
    assert len(logged) == STEPS


@pytest.mark.parametrize("name", [*NAMES, "val_loss", "val_mae"])
def test_every_metric_of_every_epoch_is_in_the_file(offline, name):
    ends = [small_training.STEPS, STEPS]
    expected = dict(zip(ends, [logs[name] for logs in offline.listener.epochs], strict=True))
    assert offline.run.series(f"epoch/{name}") == expected
    assert offline.run.series("epoch") == dict(zip(ends, [0, 1], strict=True))
    (metric,) = [m for m in offline.run.of_type("metric") if m.glob_name == "epoch/*"]
    assert metric.step_metric == "epoch"


def test_the_configuration_is_the_record_of_the_run(offline):
    record = small_training.record(*small_training.parts())
    config = offline.run.config
    for key in ("preset", "recipe", "seed", "data", "environment", "git"):
        assert config[key] == record[key]
    assert config["trial"] == TRIAL


def test_the_run_is_named_grouped_and_tagged(offline):
    run = offline.run.run
    data = offline.run.config["data"]["train"]
    assert run.display_name == "filters=2 learning_rate=0.001"
    assert run.run_group == "sweep"
    assert run.project == "test"
    assert run.run_id == (offline.folder / "wandb_run_id").read_text()
    expected = {"convlstm_hko", data["name"], f"data:{data['fingerprint'][:12]}", "mine", "x" * 64}
    if (git := offline.run.config["git"]) is not None:
        expected.add(f"git:{git['commit'][:12]}")
    assert set(run.tags) == expected


def test_example_forecasts_are_pictures_that_open(offline):
    for step in (small_training.STEPS, STEPS):
        captions = offline.run.series("examples/captions")[step]
        files = offline.run.series("examples/filenames")[step]
        assert len(captions) == len(files) == 2
        for file in files:
            with Image.open(offline.run.files / file) as picture:
                assert picture.width == offline.run.series("examples/width")[step]
                assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 10


def test_the_best_model_is_an_artifact_with_its_preset(offline):
    (artifact,) = offline.run.of_type("artifact")
    best = offline.folder / "best"
    assert artifact.type == "model"
    assert artifact.name == f"convlstm_hko-{offline.run.run.run_id}"
    assert "best" in artifact.aliases
    sizes = {entry.path: entry.size for entry in artifact.manifest.contents}
    assert sizes == {file.name: file.stat().st_size for file in best.iterdir()}
    assert json.loads(artifact.metadata)["preset"] == offline.run.config["preset"]


def test_system_metrics_are_measured(offline):
    keys = {item.key for stats in offline.run.of_type("stats") for item in stats.item}
    assert any(key.startswith("proc.cpu") or key.startswith("cpu") for key in keys), keys
    assert any("memory" in key for key in keys), keys


def test_a_run_that_ends_well_says_so(offline):
    (end,) = offline.run.of_type("exit")
    assert end.exit_code == 0


def test_logging_changes_no_bit_of_the_training(offline, tmp_path):
    """Although the model draws random numbers for the example forecasts too."""
    alone = small_training.train(tmp_path, names=())
    np.testing.assert_array_equal(offline.weights, alone)


# === A run under JAX, to a server ===


@pytest.fixture(scope="module")
def online(folders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("online")
    with Server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "online")
        patch.setenv("WANDB_BASE_URL", server.url)
        run_under_jax(small_training.__file__, folder, 60)
    return types.SimpleNamespace(folder=folder, server=server)


@pytest.mark.slow
def test_the_server_gets_every_metric(online):
    rows = {row["_step"]: row for row in online.server.history}
    assert sorted(rows) == list(range(1, STEPS + 1))
    assert all(f"batch/{name}" in row for row in rows.values() for name in NAMES)
    for step in (small_training.STEPS, STEPS):
        assert {f"epoch/{name}" for name in (*NAMES, "val_loss", "val_mae")} <= rows[step].keys()
    assert online.server.run["config"]["environment"]["value"]["backend"] == "jax"


@pytest.mark.slow
def test_the_server_gets_pictures_and_the_best_model(online):
    uploads = online.server.uploads
    for row in online.server.history:
        for file in row.get("examples", {}).get("filenames", []):
            assert uploads[file].startswith(b"\x89PNG")
    assert uploads["model.weights.h5"] == bytes(1000)
    assert uploads["preset.yaml"] == b"name: made_up\n"
    assert online.server.artifacts[0]["artifactTypeName"] == "model"
    assert "CommitArtifact" in online.server.operations


@pytest.mark.slow
def test_logging_changes_no_bit_under_jax(online):
    weights = np.load(online.folder / "weights.npz")
    np.testing.assert_array_equal(weights["logged"], weights["alone"])


# === Networks that die ===


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True], ids=["closes", "never answers"])
@pytest.mark.parametrize("dies_at", ["Viewer", "UpsertBucket", "file_stream", "CreateArtifact"])
def test_a_server_that_dies_harms_nothing(folders, tmp_path, dies_at, silent):
    """A real process with the real client: it trains, ends by itself, and its rows are there."""
    with Server(dies_at=dies_at, silent=silent) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "online")
        patch.setenv("WANDB_BASE_URL", server.url)
        start = time.monotonic()
        run_under_jax(small_training.__file__, tmp_path, 2)
        assert time.monotonic() - start < 600
    assert server.dead
    weights = np.load(tmp_path / "weights.npz")
    np.testing.assert_array_equal(weights["logged"], weights["alone"])
    rows = (tmp_path / "logged" / "steps.csv").read_text().splitlines()
    assert len(rows) == 1 + STEPS


# === A client that raises or hangs ===


class FakeRun:
    def __init__(self, fail, where):
        self.fail, self.where, self.calls = fail, where, []

    def __getattr__(self, name):
        def call(*arguments, **options):
            self.calls.append((name, arguments, options))
            if name == self.where:
                self.fail()

        return call


@pytest.fixture
def fake(monkeypatch):
    """Stands in for wandb; `fail` is what happens in the call named `where`."""
    made = types.SimpleNamespace(
        Settings=lambda **options: options,
        Image=lambda *_, **__: "picture",
        Artifact=lambda *_, **__: types.SimpleNamespace(add_dir=lambda _: None),
        login=lambda **_: True,
        inits=[],
    )

    def init(**options):
        made.inits.append(options)
        if made.run.where == "init":
            made.run.fail()
        return made.run

    made.init = init
    made.run = FakeRun(lambda: None, None)
    monkeypatch.setitem(sys.modules, "wandb", made)
    return made


def log_something(folder, **options):
    """The calls of a training without one; returns the warnings."""
    training, val = small_training.parts()
    record = small_training.record(training, val)
    telemetry = Telemetry()
    (folder / "best").mkdir(exist_ok=True)
    with (
        warnings.catch_warnings(record=True) as caught,
        loggers(folder, telemetry, names=(), wandb=options or True, record=record) as (log,),
    ):
        warnings.simplefilter("always")
        for epoch in range(2):
            for batch in range(3):
                telemetry.step += 1
                log.on_train_batch_end(batch, {"loss": 1.0})
            log.on_epoch_end(epoch, {"loss": 1.0})
    return [str(warning.message) for warning in caught]


def refuse():
    raise ConnectionError("the network is gone")


def leave():
    sys.exit("wandb ends the process")


@pytest.mark.parametrize("where", ["init", "define_metric", "log", "log_artifact", "finish"])
@pytest.mark.parametrize("fail", [refuse, leave])
def test_a_client_that_raises_is_one_warning(fake, tmp_path, where, fail):
    fake.run = FakeRun(fail, where)
    (message,) = log_something(tmp_path)
    assert "Weights & Biases" in message
    assert "the network is gone" in message or "ends the process" in message


def test_after_a_call_that_raised_the_next_is_made(fake, tmp_path):
    fake.run = FakeRun(refuse, "log")
    log_something(tmp_path)
    names = [name for name, _, _ in fake.run.calls]
    assert names == ["define_metric", *["log"] * 8, "log_artifact", "finish"]


def test_without_a_run_no_call_is_made(fake, tmp_path):
    fake.run = FakeRun(refuse, "init")
    log_something(tmp_path)
    assert fake.run.calls == []


@pytest.mark.parametrize("where", ["init", "log", "log_artifact", "finish"])
def test_a_client_that_hangs_is_left_alone(fake, tmp_path, where, monkeypatch):
    monkeypatch.setattr("keras_wx.training.logs.wandb._GRACE", 0.1)
    end = threading.Event()
    fake.run = FakeRun(end.wait, where)
    start = time.monotonic()
    (message,) = log_something(tmp_path, patience=0.1)
    assert time.monotonic() - start < 30
    assert "did not end within" in message
    end.set()


def test_an_exception_in_the_training_ends_the_run_as_failed(fake, tmp_path):
    record = small_training.record(*small_training.parts())
    with (
        pytest.raises(FloatingPointError),
        loggers(tmp_path, Telemetry(), names=(), wandb=True, record=record),
    ):
        raise FloatingPointError
    assert fake.run.calls[-1] == ("finish", (), {"exit_code": 1})


def test_example_forecasts_that_fail_are_one_warning(fake, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_wx.training.logs.wandb.examples_of", lambda *_: refuse())
    training, val = small_training.parts()
    record = small_training.record(training, val)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with loggers(tmp_path, Telemetry(), names=(), wandb=True, record=record, examples=val) as (
            log,
        ):
            log.on_epoch_end(0, {"loss": 1.0})
    (warning,) = caught
    assert "no example forecasts, ConnectionError" in str(warning.message)


# === Options ===


def test_a_run_that_goes_on_keeps_its_id(fake, tmp_path):
    log_something(tmp_path)
    log_something(tmp_path)
    first, second = fake.inits
    assert first["id"] == second["id"]
    assert first["resume"] == "allow"
    other = tmp_path / "other"
    other.mkdir()
    log_something(other)
    assert fake.inits[2]["id"] != first["id"]


def test_without_a_key_nobody_is_asked(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    asked = []
    fake.login = lambda **options: asked.append(options)
    (message,) = log_something(tmp_path)
    assert "wandb login" in message
    assert asked == [{"prompt": False}]
    assert fake.inits == []


def test_disabled_writes_nothing(folders, tmp_path):
    assert log_something(tmp_path, mode="disabled") == []
    assert not (tmp_path / "wandb").exists()


def test_unknown_options_and_modes_are_named(tmp_path):
    record = small_training.record(*small_training.parts())
    for options, message in (
        ({"prject": "x"}, "'project'"),
        ({"mode": "ofline"}, "'offline'"),
    ):
        with (
            pytest.raises(UnknownNameError, match=f"Did you mean {message}"),
            loggers(tmp_path, Telemetry(), names=(), wandb=options, record=record),
        ):
            pass
    with (
        pytest.raises(UnknownNameError, match=r"Did you mean 'csv'.*wandb="),
        loggers(tmp_path, Telemetry(), names=("csvs",), record=record),
    ):
        pass


def test_trials_are_named_by_their_values():
    assert trial_name({"a": 0.1 + 0.2, "loss": "mse"}) == "a=0.3 loss=mse"
