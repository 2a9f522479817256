"""`keras_wx.tune`: a search from a space to the best configuration, that goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras_tuner
import xarray as xr
from filelock import FileLock

from keras_wx.errors import TrainingError
from keras_wx.spec import Training
from keras_wx.training import provenance
from keras_wx.training.recipe import resolve
from keras_wx.tuning.changes import SpaceFunction, changes_of
from keras_wx.tuning.checks import (
    check_data,
    check_devices,
    check_first,
    check_keys,
    check_trainable,
    direction_of,
    recipe_options,
    with_draws,
)
from keras_wx.tuning.oracles import ENDLESS, make_oracle
from keras_wx.tuning.result import SweepResult, collect
from keras_wx.tuning.search import LOCK, TRIALS, Search
from keras_wx.tuning.space import Space, read_space
from keras_wx.tuning.trial import Common, run_trial
from keras_wx.tuning.workers import work, work_together
from keras_wx.zoo.loading import preset_for

MAX_TRIALS = 20
_NEVER = 10**9
_NO_IDENTITY = ("wandb", "callbacks", "logs", "keep", "checkpoint_every", "devices")


def tune(
    name: str | Path,
    train: xr.Dataset,
    val: xr.Dataset | None = None,
    *,
    output_dir: str | Path,
    space: Space | SpaceFunction | Mapping[str, Any] | str | Path | None = None,
    oracle: Literal["bayesian", "hyperband", "random", "grid"] = "bayesian",
    oracle_options: Mapping[str, Any] | None = None,
    max_trials: int | None = None,
    objective: str = "val_loss",
    direction: Literal["min", "max"] | None = None,
    executions: int = 1,
    max_consecutive_failures: int = 5,
    workers: int = 1,
    seed: int = 0,
    verbose: int | str = "auto",
    **options: Any,
) -> SweepResult:
    """Searches for the configuration of a model that learns best.

    Each trial is a call of `keras_wx.train` in a folder of its own. A search that was stopped,
    however it was, goes on with the same call: it proposes what it would have proposed, and the
    trial that was running goes on from its checkpoint. The same call in several processes, also on
    several machines with one file system, works on one search.

    Args:
        name: a preset, variant or saved directory.
        train, val: the data, of which each trial cuts its own windows; see `keras_wx.train`.
        output_dir: of the search: `search.json`, `trials/`, `trials.csv`, `plots/`, and `best/`,
            which `keras_wx.load` opens.
        space: what varies: a YAML file or the name of one in `zoo_configs/sweeps/`, its content,
            or a function that draws from keras-tuner's `hp` and returns dotted keys with values.
            None for the space of the model's architecture.
        oracle: what proposes: `"bayesian"` (a Gaussian process), `"hyperband"` (many short trials,
            of which the best go on), `"random"`, or `"grid"`.
        oracle_options: of keras-tuner's oracle, such as `{"beta": 1.5}` or `{"factor": 4}`.
        max_trials: None for 20, and for the natural end of Hyperband and a grid.
        objective: a key of the log, at the best epoch of a trial. Where the loss varies, a metric
            has to be it; of downscaling `"val_crps"` or `"val_mae"`, for which fields are drawn
            after each epoch (see `val_members` of `keras_wx.train`).
        direction: whether the least or the greatest is the best; None where the name says it. With
            it given, the objective may also be a key that `callbacks` add to the log.
        executions: how often each configuration is trained, from `seed` on; the mean counts.
        max_consecutive_failures: so many failed trials in a row stop the search. A failed trial,
            for NaN, want of memory, or a configuration that makes no model, is recorded.
        workers: processes. A worker that dies leaves its trial to the others.
        seed: of the proposals, and of every trial.
        verbose: 0 prints nothing, 1 a line for each trial, 2 the training too.
        **options: further arguments of `keras_wx.train`: fields of the recipe (`epochs`, ...),
            `config`, `sample`, `samples`, `weights`, `wandb`, ... W&B gets one run a trial, in a
            group that is called as the folder.

    Returns:
        The table of all trials, and the best one.

    Raises:
        TrainingError: too many failures in a row, which it lists, no trial that has completed, or
            a folder that holds another search; the keys that differ are named.
        PresetError: no valid search space, or a first configuration of which sample, loss,
            optimizer or metrics cannot be built.
        UnknownNameError: an option, objective, oracle or parameter that does not exist.

    References:
        Snoek et al. (2012), Practical Bayesian Optimization, arXiv:1206.2944.
        Li et al. (2018), Hyperband, JMLR 18 (185).

    Example:

    ```python
    sweep = keras_wx.tune("convlstm_hko", radar, output_dir="sweep", objective="val_csi_20")
    sweep.trials.sort_values("score")
    run = keras_wx.train(sweep.best_preset, radar, output_dir="final", epochs=50)
    ```
    """
    check_data(train, val)
    recipe = recipe_options(options)
    preset = preset_for(name, options.get("weights"))
    check_trainable(preset)
    options = with_draws(options, objective, preset)
    check_devices(options.get("devices"), workers)
    if isinstance(space, Space) or not callable(space):
        space = read_space(space, preset.architecture)
    hyperparameters = keras_tuner.HyperParameters()
    drawn = changes_of(space, hyperparameters)
    keys = space.parameters if isinstance(space, Space) else drawn
    check_keys(keys, preset, objective, oracle)
    check_first(drawn, preset, options)
    recipe = resolve(preset, recipe)
    direction = direction or direction_of(objective, recipe, preset)
    oracle_options = dict(oracle_options or {})
    if oracle == "hyperband":
        oracle_options.setdefault("max_epochs", recipe.epochs)
    if max_trials is None and oracle in ENDLESS:
        max_trials = MAX_TRIALS

    proposals = partial(
        make_oracle,
        oracle,
        hyperparameters,
        objective=objective,
        direction=direction,
        seed=seed,
        max_trials=max_trials,
        options=oracle_options,
    )
    proposals()  # an option that does not exist is told here, not by every worker
    record = provenance.record(
        preset.model_copy(update={"training": None}),
        train,
        train if val is None else val,
        seed,
        {
            **recipe.model_dump(mode="json"),
            "space": _described(space),
            "oracle": {"name": oracle, **oracle_options},
            "objective": objective,
            "direction": direction,
            "executions": executions,
            "options": {k: v for k, v in options.items() if k not in _NO_IDENTITY},
        },
    )
    directory = Path(output_dir).expanduser().resolve()
    directory.mkdir(parents=True, exist_ok=True)
    _check_same_search(directory, record)
    common = Common(
        name=name,
        train=train,
        val=val,
        space=space,
        objective=objective,
        direction=direction,
        executions=executions,
        options={
            "keep": 1,
            **options,
            "early_stopping": _watching(objective, direction, recipe),
            "seed": seed,
            "verbose": 2 if verbose == 2 else 0,
        },
    )
    arguments = (directory, proposals, max_trials, max_consecutive_failures, common, verbose != 0)
    if workers > 1:
        work_together(workers, _work, *arguments)
    else:
        _work(*arguments)
    with FileLock(directory / LOCK):
        found = collect(directory)
    if found.best is None:
        raise TrainingError(
            f"None of the {len(found.trials)} trials has completed. The last one: "
            f"{found.trials['message'].iloc[-1]} {directory / TRIALS} has their tracebacks. The "
            "same call with a larger max_trials goes on."
        )
    return found


def _work(
    directory: Path,
    proposals: Any,
    max_trials: int | None,
    max_consecutive_failures: int,
    common: Common,
    verbose: bool,
) -> None:
    search = Search(
        directory,
        proposals,
        max_trials=max_trials,
        max_consecutive_failures=max_consecutive_failures,
    )
    work(search, partial(run_trial, common=common), verbose=verbose)


def _watching(objective: str, direction: str, recipe: Training) -> dict[str, Any]:
    """Early stopping by the objective, so that the best epoch is the one that is scored."""
    rule = recipe.early_stopping
    if rule is None:
        return {"monitor": objective, "mode": direction, "patience": _NEVER}
    if rule.monitor is not None:
        return rule.model_dump()
    return rule.model_dump() | {"monitor": objective, "mode": direction}


def _described(space: Space | SpaceFunction) -> Any:
    """What tells one space from another: of a function, its name."""
    if isinstance(space, Space):
        return space.model_dump(mode="json", exclude_defaults=True)["parameters"]
    return f"{space.__module__}.{space.__qualname__}"


def _check_same_search(directory: Path, record: dict[str, Any]) -> None:
    """Writes the record of a new search, or finds that it is the one in the folder.

    Raises:
        TrainingError: it is another one.
    """
    with FileLock(directory / LOCK):
        old = provenance.read(directory)
        if old is None:
            provenance.write(record, directory)
            return
    provenance.require_same(old, record, directory, "search")
