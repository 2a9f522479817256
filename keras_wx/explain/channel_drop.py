"""`channel_drop_importance`: how much worse networks are that were trained without an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from keras_wx.data.statistics import fit_statistics, of_the_part
from keras_wx.errors import DataError, ModelError, unknown_name
from keras_wx.explain.absence import constant
from keras_wx.explain.coalitions import marginal_gains, subsets
from keras_wx.spec import Sample
from keras_wx.training.train import train as train_model
from keras_wx.zoo.loading import load

NOTHING = "none"


def channel_drop_importance(
    name: str | Path,
    train: xr.Dataset,
    val: xr.Dataset | None = None,
    *,
    output_dir: str | Path,
    variables: Sequence[str] | None = None,
    epochs: int = 25,
    repeats: int = 1,
    seed: int = 0,
    monitor: str = "val_loss",
    sample: Sample | Mapping[str, Any] | None = None,
    **options: Any,
) -> xr.Dataset:
    """Trains a network for every subset of the inputs, and compares their validation losses.

    The importance of an input is the mean, over all subsets of the others, of how much lower the
    loss is once it is added. An input that is left out is held at one value, no echo for
    reflectivity and rain, so that all networks have the same weights to train; what is to be
    forecast stays as it is.

    Each training is a run of `keras_wx.train` in a folder of its own, `output_dir/u+v/seed_0`. A
    call that was stopped goes on with the same call. n inputs are 2**n runs.

    Args:
        name: a preset or variant; its recipe is that of the runs. The weights start at random,
            unless `weights=` says otherwise.
        train, val: datasets, as in `keras_wx.train`.
        output_dir: of all runs.
        variables: inputs to leave out in turn; the others are always there. None for all.
        epochs: of each run; the best one counts.
        repeats: runs of each subset, with the seeds `seed`, `seed + 1`, ...
        seed: of the first.
        monitor: column of the runs' log, lower being better. The loss has the regularisation in
            it, a metric such as `val_rmse` has not.
        sample: what the model eats and gives, as in `keras_wx.train`.
        **options: of `keras_wx.train`, such as `steps_per_epoch`, `config`, `samples`, `verbose`.

    Returns:
        A Dataset with `loss (repeat, subset)`; `used (subset, variable)`; `importance (repeat,
        variable)`, the plain mean; and `shapley (repeat, variable)`, which weighs subsets so that
        the values sum to what all inputs together gain.

    Raises:
        ModelError: a model in place of a name: every run needs a new one.
        DataError: no dataset, or one without a variable that is to be left out.
        UnknownNameError: `variables` that are no inputs, or a `monitor` that is not in the log.
        TrainingError: as `keras_wx.train`, also where `output_dir` has other runs.

    References:
        King et al. (2024), Development of a Full-Scale Connected U-Net for Reflectivity Inpainting
        in Spaceborne Radar Blind Zones, doi:10.1175/AIES-D-23-0063.1: 25 epochs each.
        Shapley (1953), A value for n-person games.

    Example:

    ```python
    found = keras_wx.explain.channel_drop_importance(
        "unet3plus_curtain_era5_small", curtain, output_dir="runs/drop", steps_per_epoch=100
    )
    keras_wx.plots.channel_importance(found, path="importance.png")
    ```
    """
    if not isinstance(name, (str, Path)):
        raise ModelError(
            "Expected the name of a preset: every subset is a model of its own. "
            f"Received: {type(name).__name__}"
        )
    if repeats < 1:
        raise DataError(f"repeats: expected at least 1. Received: repeats={repeats}")
    contract = _contract(name, sample, options)
    if isinstance(train, xr.Dataset):
        contract = _with_statistics(contract, train, options.get("samples") or {})
    inputs = tuple(variable.name for variable in contract.inputs)
    players = inputs if variables is None else tuple(n for n in inputs if n in variables)
    for each in variables or ():
        if each not in inputs:
            raise unknown_name("input variable", each, inputs)
    _check_data("train", train, players)
    if val is not None:
        _check_data("val", val, players)
    groups = subsets(players)
    losses = np.empty((repeats, len(groups)))
    for repeat in range(repeats):
        for number, group in enumerate(groups):
            absent = [each for each in players if each not in group]
            run = train_model(
                name,
                _without(train, contract, absent),
                val if val is None else _without(val, contract, absent),
                sample=_renamed(contract, absent),
                output_dir=Path(output_dir) / _label(group) / f"seed_{seed + repeat}",
                seed=seed + repeat,
                epochs=epochs,
                **options,
            )
            if monitor not in run.history:
                raise unknown_name("column of the log", monitor, run.history.columns)
            losses[repeat, number] = run.history[monitor].min()
    return _result(name, players, groups, losses, monitor, epochs)


def _contract(
    name: str | Path, sample: Sample | Mapping[str, Any] | None, options: Mapping[str, Any]
) -> Sample:
    """What the models of all runs eat and give; numbers of frames follow the configuration."""
    if isinstance(sample, Sample):
        return sample
    model = load(
        name,
        weights=options.get("weights"),
        compile=False,
        **(options.get("config") or {}),
    )
    return model.preset.sample.merged(dict(sample)) if sample else model.preset.sample


def _with_statistics(sample: Sample, train: xr.Dataset, cuts: Mapping[str, Any]) -> Sample:
    """The sample with its numbers of the training part: an input is held at the mean."""
    grouped = [variable.name for variable in sample.inputs if variable.statistics_by]
    if grouped:
        raise DataError(
            "Expected inputs with one transform each: its zero is what an input is held at to "
            f"leave it out. Received: numbers by season, month or area of {', '.join(grouped)}"
        )
    if not any(variable.needs_statistics for variable in sample.variables):
        return sample
    return fit_statistics(sample, train, **of_the_part(cuts))


def _renamed(sample: Sample, absent: Sequence[str]) -> Sample:
    """The sample with inputs that are left out under names of their own: as targets they stay."""
    variables = tuple(
        v.model_copy(update={"name": _stand_in(v.name)})
        if v.role == "input" and v.name in absent
        else v
        for v in sample.variables
    )
    return sample.model_copy(update={"variables": variables})


def _check_data(part: str, data: Any, players: Sequence[str]) -> None:
    if not isinstance(data, xr.Dataset):
        raise DataError(
            f"{part}: expected an xarray.Dataset, of which samples with and without an input are "
            f"cut. Received: {type(data).__name__}"
        )
    for name in players:
        if name not in data:
            raise DataError(
                f"{part}: expected the variable {name!r} itself, to leave it out. "
                f"Received: {list(data.data_vars)}"
            )


def _without(data: xr.Dataset, sample: Sample, absent: Sequence[str]) -> xr.Dataset:
    """The dataset with constant stand-ins for the inputs that are left out."""
    stand_ins = {}
    for variable in sample.inputs:
        if variable.name in absent:
            field = data[variable.name]
            value = np.float32(constant(variable))
            field = field.copy(data=np.broadcast_to(value, field.shape))  # takes no memory
            stand_ins[_stand_in(variable.name)] = field.assign_attrs(units=variable.units)
    return data.assign(stand_ins)


def _stand_in(name: str) -> str:
    return f"no_{name}"


def _label(group: Sequence[str]) -> str:
    return "+".join(group) or NOTHING


def _result(
    name: str | Path,
    players: tuple[str, ...],
    groups: list[tuple[str, ...]],
    losses: np.ndarray,
    monitor: str,
    epochs: int,
) -> xr.Dataset:
    gains = [marginal_gains(dict(zip(groups, each, strict=True)), players) for each in losses]
    plain, shapley = (
        [[gain[player] for player in players] for gain in each] for each in zip(*gains, strict=True)
    )
    by_input = ("repeat", "variable")
    said = f"Decrease of {monitor} with the input added"
    return xr.Dataset(
        {
            "importance": (by_input, plain, {"long_name": f"{said}, mean over all subsets"}),
            "shapley": (by_input, shapley, {"long_name": f"{said}, Shapley value"}),
            "loss": (("repeat", "subset"), losses, {"long_name": monitor}),
            "used": (
                ("subset", "variable"),
                [[player in group for player in players] for group in groups],
                {"long_name": "Whether the input is there"},
            ),
        },
        {"subset": [_label(group) for group in groups], "variable": list(players)},
        {
            "title": f"Channel-drop importance of {name}",
            "model": str(name),
            "epochs": epochs,
        },
    )
