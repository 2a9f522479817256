"""`keras-wx tune`: a search for the configuration of a model that learns best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_wx.cli import _options as o
from keras_wx.cli import _training as t

if TYPE_CHECKING:
    from keras_wx.tuning.result import SweepResult

_SHOWN = 10


def tune(
    name: o.Model,
    path: o.Input,
    output_dir: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Of the search: trials.csv, plots, and best/, which every command opens. The same "
            "call goes on with a search that was stopped, and joins one that runs.",
        ),
    ],
    space: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE",
            help="What varies: a YAML file, or a name in zoo_configs/sweeps. Without it that of "
            "the model's architecture.",
        ),
    ] = None,
    oracle: Annotated[
        str, typer.Option(metavar="NAME", help="bayesian, hyperband, random or grid.")
    ] = "bayesian",
    oracle_settings: Annotated[
        list[str],
        typer.Option(
            "--oracle-set", metavar="KEY=VALUE", help="Of the oracle: beta=1.5, or factor=4."
        ),
    ] = [],  # noqa: B006  typer copies it
    max_trials: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="20 if not said; a grid and Hyperband end by themselves."
        ),
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="What has to be best: of the log, such as val_csi_20, or val_crps of downscaling.",
        ),
    ] = "val_loss",
    direction: Annotated[
        str | None, typer.Option(metavar="min|max", help="Where the name does not say it.")
    ] = None,
    executions: Annotated[
        int, typer.Option(min=1, metavar="N", help="Trainings of each configuration.")
    ] = 1,
    max_consecutive_failures: Annotated[
        int, typer.Option(min=1, metavar="N", help="Failed trials in a row that stop the search.")
    ] = 5,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the proposals and all trials.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line for each trial.")] = False,
    epochs: t.Epochs = None,
    steps_per_epoch: t.StepsPerEpoch = None,
    settings: t.Settings = [],  # noqa: B006
    config: t.Config = [],  # noqa: B006
    weights: t.Weights = None,
    encoder: t.Encoder = None,
    val: Annotated[
        str | None,
        typer.Option(
            "--val-path",
            metavar="FILE",
            help="Data to validate on, if not a part of INPUT.",
            rich_help_panel=t.DATA,
        ),
    ] = None,
    stride: t.Stride = 1,
    val_stride: t.ValStride = None,
    min_rain_fraction: t.MinRain = None,
    crop: t.Crop = False,
    val_members: t.ValMembers = None,
    devices: t.Devices = None,
    wandb: Annotated[
        bool,
        typer.Option("--wandb", rich_help_panel=t.RUN, help="Log each trial to Weights & Biases."),
    ] = False,
    sample: o.SampleChanges = [],  # noqa: B006
    dataset: o.Dataset = None,
    dataset_options: o.DatasetOptions = [],  # noqa: B006
    variable: o.Variable = None,
    units: o.Units = None,
    spacing_km: o.Spacing = None,
    step: o.Interval = None,
    regrid: o.Regrid = False,
    resample: o.Resample = False,
    convert_units: o.ConvertUnits = False,
    zr: o.ZR = None,
) -> None:
    """Search for the configuration of a model that learns best from the data.

    Each trial is a training with other values; all that concerns recipe, windows, run and input
    holds for every one. Trials that fail are recorded, and the search goes on.
    """
    if val == o.NO_FILE:
        raise typer.BadParameter(
            f"expected a FILE, by which trials are compared. Received: {val!r}",
            param_hint="--val-path",
        )
    recipe = t.recipe_of(settings, epochs=epochs, steps_per_epoch=steps_per_epoch)
    samples = t.cuts(
        crop=crop,
        min_rain_fraction=min_rain_fraction,
        stride=stride,
        regrid=regrid,
        resample=resample,
        convert_units=convert_units,
        zr=zr,
    )
    source = dataset or o.source_for(name)
    data, val_data = t.open_data(
        path,
        val,
        source,
        dataset_options,
        variable=variable,
        units=units,
        spacing_km=spacing_km,
        step=step,
    )
    t.import_training(name)
    from keras_wx.tuning.tune import tune as run_search

    found = run_search(
        name,
        data,
        val_data,
        output_dir=output_dir,
        space=space,
        oracle=oracle,
        oracle_options=o.pairs(oracle_settings, "--oracle-set"),
        max_trials=max_trials,
        objective=objective,
        direction=direction,
        executions=executions,
        max_consecutive_failures=max_consecutive_failures,
        workers=workers,
        seed=seed,
        verbose=0 if quiet else 1,
        weights=weights,
        config=o.pairs(config, "--config"),
        sample=o.sample_changes(sample),
        samples=samples,
        val_samples={} if val_stride is None else {"stride": val_stride},
        devices=t.number_or_word(devices),
        wandb=wandb,
        **t.given(encoder=encoder, val_members=val_members),
        **recipe,
    )
    _print(found)
    failed = int((found.trials["status"] == "failed").sum())
    typer.echo(f"{len(found.trials)} trials, {failed} of them failed: {output_dir / 'trials.csv'}")
    typer.echo(f"The best model: {output_dir / 'best'}")


def _print(found: SweepResult) -> None:
    """The best trials, the very best first."""
    from keras_wx.cli import _console

    facts: dict[str, Any] = found.trials.attrs
    table = _console.table()
    for column in ("trial", facts["objective"], *facts["parameters"]):
        table.add_column(column)
    best = found.trials.dropna(subset="score")
    best = best.sort_values("score", ascending=facts["direction"] == "min").head(_SHOWN)
    for trial, row in best.iterrows():
        values = [row["score"], *row[facts["parameters"]]]
        table.add_row(trial, *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values))
    _console.console().print(table)
