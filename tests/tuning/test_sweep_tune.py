"""`keras_wx.tune` with a training that is none, and once with a real one."""

from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from jax_process import run_under_jax
from small_sweep import MODEL, OPTIONS, FakeTraining, radar

import keras_wx
from keras_wx.errors import DataError, ModelError, PresetError, TrainingError, UnknownNameError
from keras_wx.tuning import trial as trial_module
from keras_wx.tuning.checks import check_keys
from keras_wx.tuning.space import read_space
from keras_wx.tuning.trial import describe
from keras_wx.zoo import presets

SPACE = {
    "config.filters": [[2], [3], [4, 4]],
    "training.optimizer.learning_rate": {"range": [1e-4, 1e-2], "log": True},
}
RADAR = radar()


def rate(arguments):
    return arguments["optimizer.learning_rate"]


@pytest.fixture
def fake(monkeypatch):
    def install(score=rate, objective="val_loss"):
        training = FakeTraining(score, objective)
        monkeypatch.setattr(trial_module, "train_model", training)
        monkeypatch.setattr(trial_module, "free_memory", lambda: None)
        monkeypatch.setattr("keras_wx.tuning.result._draw", lambda *_: None)
        return training

    return install


def tune(folder, **options):
    defaults = {"space": SPACE, "max_trials": 6, "oracle": "random", "verbose": 0}
    return keras_wx.tune(MODEL, RADAR, output_dir=folder, **OPTIONS | defaults | options)


def test_the_best_trial_is_found_and_its_model_kept(tmp_path, fake):
    fake()
    sweep = tune(tmp_path)
    rates = sweep.trials["training.optimizer.learning_rate"]
    assert len(sweep.trials) == 6
    assert sweep.best["score"] == rates.min() == sweep.trials["score"].min()
    kept = yaml.safe_load((sweep.best_preset / "preset.yaml").read_text())
    assert kept["optimizer.learning_rate"] == rates.min()
    assert set(sweep.trials["config.filters"]) <= {"2", "3", "4-4"}
    assert (tmp_path / "trials.csv").read_text().count("\n") == 7
    assert "6 completed; val_loss" in repr(sweep)


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, fake):
    fake()
    whole = tune(tmp_path / "whole", oracle="bayesian", max_trials=8).trials

    def stops(arguments):
        if len(broken.calls) == 5:
            raise KeyboardInterrupt
        return rate(arguments)

    broken = fake(stops)
    with pytest.raises(KeyboardInterrupt):
        tune(tmp_path / "stopped", oracle="bayesian", max_trials=8)
    after = fake()
    parts = tune(tmp_path / "stopped", oracle="bayesian", max_trials=8).trials
    assert [name for name, _ in broken.calls] == [f"000{n}" for n in range(5)]
    assert [name for name, _ in after.calls] == [f"000{n}" for n in range(4, 8)]
    assert parts.drop(columns="duration").equals(whole.drop(columns="duration"))


def test_failing_trials_are_recorded_and_the_search_goes_on(tmp_path, fake):
    errors = [
        TrainingError("The loss is nan in epoch 1"),
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17 bytes"),
        ModelError("cannot be built"),
    ]

    def fails(arguments):
        if len(training.calls) in (2, 3, 5, 6):
            raise errors.pop(0)
        return float("nan") if len(training.calls) == 7 else rate(arguments)

    training = fake(fails)
    sweep = tune(tmp_path, max_trials=9)
    assert list(sweep.trials["status"]) == [
        "completed", "failed", "failed", "completed", "failed", "failed", "failed",
        "completed", "completed",
    ]  # fmt: skip
    messages = sweep.trials["message"]
    assert messages["0001"] == "TrainingError: The loss is nan in epoch 1"
    assert messages["0002"] == "Out of memory. MemoryError"
    assert messages["0004"].startswith("Out of memory. RuntimeError: RESOURCE_EXHAUSTED")
    assert messages["0005"] == "ModelError: cannot be built"
    assert "nan" in messages["0006"]
    text = (tmp_path / "trials" / "0005" / "traceback.txt").read_text()
    assert "Traceback" in text
    assert "cannot be built" in text


def test_a_search_in_which_everything_fails_stops(tmp_path, fake):
    def fails(arguments):
        raise MemoryError

    training = fake(fails)
    with pytest.raises(TrainingError, match=r"The last 5 trials(.|\n)*Out of memory"):
        tune(tmp_path, max_trials=50)
    assert len(training.calls) == 5


def test_a_search_in_which_nothing_has_completed_says_so(tmp_path, fake):
    def fails(arguments):
        raise MemoryError

    fake(fails)
    with pytest.raises(TrainingError, match=r"None of the 2 trials(.|\n)*Out of memory"):
        tune(tmp_path, max_trials=2)
    assert (tmp_path / "trials.csv").read_text().count("Out of memory") == 2
    fake()
    assert tune(tmp_path, max_trials=3).best.name == "0002"


@pytest.mark.parametrize(
    "key", ["training.loss_limit", "sample.variables.reflectivity.fill", "config.filters"]
)
def test_what_does_not_change_the_loss_may_vary_with_it_as_objective(key):
    check_keys([key], presets.get(MODEL), "val_loss", "random")


def test_a_penalty_is_a_part_of_the_loss():
    """As in the space of UNet 3+, whose default objective compared different things."""
    space, preset = read_space("unet3plus", "unet3plus"), presets.get("unet3plus_kazr_era5")
    with pytest.raises(TrainingError, match=r"since config\.l2 varies.*'val_mae_dbz'"):
        check_keys(space.parameters, preset, "val_loss", "random")
    check_keys(space.parameters, preset, "val_mae_dbz", "random")


def test_early_stopping_by_a_score_needs_no_mode(tmp_path, fake):
    metrics = [{"name": "csi", "threshold": 10}]
    fake()
    tune(tmp_path, max_trials=1, metrics=metrics, early_stopping={"monitor": "val_csi_10"})


def test_tensorflow_that_has_no_memory_is_recognised():
    error = type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor")
    assert describe(error).startswith("Out of memory. ResourceExhaustedError")


def test_another_search_in_the_folder_is_refused_and_the_difference_named(tmp_path, fake):
    fake()
    tune(tmp_path, max_trials=1)
    with pytest.raises(TrainingError, match=r"recipe\.executions: 1 in the search, 2 now"):
        tune(tmp_path, max_trials=1, executions=2)
    with pytest.raises(TrainingError, match=r"batch_size"):
        tune(tmp_path, max_trials=1, batch_size=3)
    assert len(tune(tmp_path, max_trials=2).trials) == 2  # a search may become longer


def test_memory_is_freed_and_the_policy_stays():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trial_module.free_memory()
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_executions_are_averaged(tmp_path, fake):
    training = fake(lambda arguments: float(arguments["seed"]))
    sweep = tune(tmp_path, max_trials=2, executions=3, seed=10)
    assert list(sweep.trials["score"]) == [11.0, 11.0]
    assert [name for name, _ in training.calls] == ["0", "1", "2"] * 2
    assert sweep.trials.loc["0000", "directory"] == "trials/0000/0"


def test_a_function_as_space(tmp_path, fake):
    def space(hp):
        width, depth = hp.Int("width", 2, 8, step=2), hp.Choice("depth", [1, 2])
        return {
            "config.filters": [width] * depth,
            "training.optimizer.learning_rate": hp.Float("rate", 1e-4, 1e-2, sampling="log"),
        }

    training = fake()
    sweep = tune(tmp_path, space=space)
    assert list(sweep.trials.columns[:3]) == ["width", "depth", "rate"]
    for (_, arguments), (_, row) in zip(training.calls, sweep.trials.iterrows(), strict=True):
        assert arguments["config"]["filters"] == [row["width"]] * row["depth"]
        assert arguments["config"]["patch_size"] == 4
        assert rate(arguments) == row["rate"]


def test_the_objective_is_what_early_stopping_watches(tmp_path, fake):
    training = fake(objective="val_mean_absolute_error")
    tune(tmp_path, max_trials=1, objective="val_mean_absolute_error")
    _, arguments = training.calls[0]
    assert arguments["early_stopping"]["monitor"] == "val_mean_absolute_error"
    assert arguments["early_stopping"]["mode"] == "min"


def test_each_trial_is_a_run_of_its_own_in_weights_and_biases(tmp_path, fake):
    training = fake()
    sweep = tune(tmp_path / "mine", max_trials=1, wandb={"mode": "offline", "tags": ("a",)})
    _, arguments = training.calls[0]
    assert arguments["wandb"] == {
        "group": "mine",
        "job_type": "trial",
        "mode": "offline",
        "tags": ("a",),
        "trial": {
            "filters": sweep.trials["config.filters"].iloc[0],
            "learning_rate": sweep.trials["training.optimizer.learning_rate"].iloc[0],
        },
    }


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bach_size": 3}, UnknownNameError, "Did you mean 'batch_size'"),
        ({"space": {"config.filterz": [1]}}, UnknownNameError, "Did you mean 'config.filters'"),
        ({"objective": "val_csi_30"}, UnknownNameError, "objective"),
        ({"space": {"training.loss": ["mse", "mae"]}}, TrainingError, "something else in each"),
        ({"space": {"training.loss.delta": [1.0, 2.0]}}, TrainingError, "something else in each"),
        (
            {"space": {"sample.variables.reflectivity.transform.linear.high": [60, 70]}},
            TrainingError,
            "something else in each",
        ),
        (
            {"space": {"sample.variables.reflectivity": [{"transform": {"identity": {}}}]}},
            TrainingError,
            "something else in each",
        ),
        ({"metrics": ["csi"]}, PresetError, "training.metrics(.|\n)*threshold"),
        ({"metrics": ["csi"], "direction": "min"}, PresetError, "training.metrics"),
        (
            {"space": {"sample.variables.reflectivty.fill": [0, 1]}},
            UnknownNameError,
            "Did you mean 'reflectivity'",
        ),
        (
            {"space": {"sample.step": ["5mni", "10min"]}},
            PresetError,
            r"valid sample\.\n  step: expected a time",
        ),
        (
            {"space": {"training.optimizer.clipnrom": [1.0, 2.0]}},
            PresetError,
            "Did you mean 'clipnorm'",
        ),
        (
            {"early_stopping": {"monitor": "val_csi_20"}},
            UnknownNameError,
            "early_stopping.monitor",
        ),
        (
            {
                "metrics": [{"name": "bias", "threshold": 10}],
                "early_stopping": {"monitor": "val_bias_10"},
            },
            TrainingError,
            "early_stopping={'monitor': 'val_bias_10', 'mode': 'min'}",
        ),
        ({"space": {"training.epochs": [1, 2]}, "oracle": "hyperband"}, TrainingError, "Leave"),
        ({"epochs": 0}, TrainingError, "epochs"),
        (
            {"metrics": [{"name": "bias", "threshold": 10}], "objective": "val_bias_10"},
            TrainingError,
            "direction='min' or",
        ),
    ],
)
def test_what_would_fail_in_every_trial_is_said_before_the_first(
    tmp_path, fake, options, error, message
):
    training = fake()
    with pytest.raises(error, match=message):
        tune(tmp_path, **options)
    assert training.calls == []


def test_direction_follows_from_the_metric(tmp_path, fake):
    fake(objective="val_csi_10")
    metrics = [{"name": "csi", "threshold": 10}]
    sweep = tune(tmp_path, max_trials=3, metrics=metrics, objective="val_csi_10")
    assert sweep.best["score"] == sweep.trials["score"].max()


def test_samples_and_baselines_are_refused(tmp_path):
    with pytest.raises(DataError, match="Received: list"):
        keras_wx.tune(MODEL, [], output_dir=tmp_path)
    with pytest.raises(DataError, match="trials are compared by data"):
        keras_wx.tune(MODEL, RADAR, False, output_dir=tmp_path)
    with pytest.raises(ModelError, match="baseline"):
        keras_wx.tune("persistence", RADAR, output_dir=tmp_path)


def test_a_search_with_real_trainings(tmp_path):
    """One configuration that cannot be built, and one whose score is computed again here."""
    options = {"oracle": "grid", "objective": "val_mean_absolute_error", "max_trials": None}
    space = {"config.first_guess": ["persistence", "nonsense"]}
    sweep = tune(tmp_path, space=space, **options)
    assert list(sweep.trials["status"]) == ["completed", "failed"]
    assert "first_guess" in sweep.trials.loc["0001", "message"]
    model = keras_wx.load(sweep.best_preset)
    assert model.preset.config["first_guess"] == "persistence"
    run = tmp_path / sweep.trials.loc["0000", "directory"] / "best" / "model.weights.h5"
    assert run.read_bytes() == (sweep.best_preset / "model.weights.h5").read_bytes()
    assert (tmp_path / "plots" / "history.png").exists()
    samples = keras_wx.samples(RADAR, model.preset, split="val", batch_size=2)
    scored = dict(zip(model.metrics_names, model.evaluate(samples, verbose=0), strict=False))
    assert np.isfinite(list(scored.values())).all()
    errors = [np.abs(np.asarray(model(x, training=False)) - y).mean() * len(x) for x, y in samples]
    windows = sum(len(x) for x, _ in samples)
    assert sum(errors) / windows == pytest.approx(sweep.best["score"], rel=1e-4)
    keras.backend.clear_session()


@pytest.mark.slow
def test_hyperband_lets_the_best_go_on_from_their_checkpoints(tmp_path):
    space = {"training.optimizer.learning_rate": [1e-4, 1e-3, 1e-2, 3e-2]}
    sweep = tune(tmp_path, space=space, oracle="hyperband", max_trials=None, epochs=3,
                 oracle_options={"factor": 3}, objective="val_mean_absolute_error")  # fmt: skip
    trials = sweep.trials[sweep.trials["status"] == "completed"]
    assert set(trials["epochs"]) == {1, 3}
    relay = trials.index[(trials["epochs"] == 3)][0]
    log = (tmp_path / "trials" / relay / "log.csv").read_text().splitlines()
    assert len(log) == 4
    value = trials.loc[relay, "training.optimizer.learning_rate"]
    same = trials["training.optimizer.learning_rate"] == value
    parent = trials.index[same & (trials["epochs"] == 1)][0]
    first = (tmp_path / "trials" / parent / "log.csv").read_text().splitlines()
    assert log[:2] == first


@pytest.mark.slow
def test_a_search_under_jax_without_tensorflow(tmp_path):
    run_under_jax(Path(__file__).with_name("search_under_jax.py"), tmp_path / "sweep")
