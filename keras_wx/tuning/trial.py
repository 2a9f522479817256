"""One trial of a search: a call of `keras_wx.train` in a folder of its own."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from keras_wx.spec import Schedule
from keras_wx.training import provenance
from keras_wx.training.train import train as train_model
from keras_wx.tuning.changes import SpaceFunction, arguments_of, changes_of
from keras_wx.tuning.search import Search, Trial, is_number, own_values
from keras_wx.tuning.space import Space

TRACEBACK = "traceback.txt"
_NOT_INHERITED = ("wandb*", ".lock", TRACEBACK)


@dataclass(frozen=True)
class Common:
    """What all trials of a search have in common.

    Attributes:
        name, train, val: of `keras_wx.train`.
        space: says what a trial changes.
        objective: the key of the log that is the score.
        direction: `"min"` or `"max"`.
        executions: how often each configuration is trained, from other seeds.
        options: further arguments of `keras_wx.train`.
    """

    name: str | Path
    train: Any
    val: Any
    space: Space | SpaceFunction
    objective: str
    direction: str
    executions: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


def run_trial(search: Search, trial: Trial, common: Common) -> None:
    """Runs a trial, and records its score or why it has none.

    Whatever a configuration raises is its own failure, also that the memory does not suffice; only
    what ends the process, or is meant to, goes through.
    """
    start = time.monotonic()
    try:
        changes = changes_of(common.space, trial.hyperparameters)
        found = [_execute(search, trial, common, changes, n) for n in range(common.executions)]
        score = sum(one["score"] for one in found) / len(found)
        if not is_number(score):
            raise ArithmeticError(f"{common.objective} is {score}")
    except Exception as error:
        _write_traceback(search.folder(trial.id))
        search.fail(trial, describe(error), duration=time.monotonic() - start)
    else:
        best = (min if common.direction == "min" else max)(found, key=lambda one: one["score"])
        search.complete(
            trial,
            score,
            duration=time.monotonic() - start,
            best=best["directory"],
            epochs=best["epochs"],
            best_epoch=best["best_epoch"],
            logs=best["logs"],
        )
    finally:
        free_memory()


def _execute(
    search: Search, trial: Trial, common: Common, changes: Mapping[str, Any], number: int
) -> dict[str, Any]:
    directory = trial.directory if common.executions == 1 else trial.directory / str(number)
    arguments = arguments_of(changes, common.options)
    if trial.epochs is not None:
        arguments["epochs"] = trial.epochs
        if trial.parent is not None:
            _inherit(
                search.folder(trial.parent) / directory.relative_to(trial.directory), directory
            )
    if arguments.get("wandb"):
        arguments["wandb"] = _wandb(arguments["wandb"], search, trial)
    arguments["seed"] = arguments.get("seed", 0) + number
    run = train_model(common.name, common.train, common.val, output_dir=directory, **arguments)
    logs = {key: float(value) for key, value in run.history.loc[run.best_epoch].items()}
    return {
        "score": logs[common.objective],
        "directory": str(directory.relative_to(search.directory)),
        "epochs": len(run.history),
        "best_epoch": int(run.best_epoch),
        "logs": logs,
    }


def _inherit(parent: Path, directory: Path) -> None:
    """Lets a trial go on where a shorter one of the same configuration has ended."""
    record = provenance.read(parent)
    if directory.exists() or record is None:
        return
    if Schedule.model_validate(record["recipe"]["schedule"]).needs_the_end:
        return  # a longer run has had other learning rates from its beginning
    scratch = directory.with_name(f".{directory.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(parent, scratch, ignore=shutil.ignore_patterns(*_NOT_INHERITED))
    scratch.rename(directory)


def _wandb(options: bool | Mapping[str, Any], search: Search, trial: Trial) -> dict[str, Any]:
    """One run a trial: in one group, named by its values."""
    given = {} if options is True else dict(options)
    values = own_values(trial.hyperparameters.values)
    short = {key.rpartition(".")[2]: value for key, value in values.items()}
    named = {"trial": short if len(short) == len(values) else values}
    return {"group": search.directory.name, "job_type": "trial"} | named | given


def free_memory() -> None:
    """Models refer to themselves: the last one would still be there while the next trains.

    What the user has set for all models stays, which Keras would forget.
    """
    policy, distribution = keras.config.dtype_policy(), keras.distribution.distribution()
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)
    keras.distribution.set_distribution(distribution)


def describe(error: BaseException) -> str:
    """An error in one line; one that says that memory is short begins with it."""
    text = " ".join(str(error).split())[:500]
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    short = isinstance(error, MemoryError) or any(
        sign in message for sign in ("ResourceExhausted", "RESOURCE_EXHAUSTED", "out of memory")
    )
    return f"Out of memory. {message}" if short else message


def _write_traceback(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
