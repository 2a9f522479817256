"""`keras-wx train`: trains a model on a file, or goes on with a run that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keras_wx.cli import _options as o
from keras_wx.cli import _training as t


def train(
    name: o.Model,
    path: o.Input,
    output_dir: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Of the run: its record, log, checkpoints, and best/, which every command opens. "
            "The same call goes on with a run that was stopped.",
        ),
    ],
    epochs: t.Epochs = None,
    steps_per_epoch: t.StepsPerEpoch = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=t.RECIPE, help="Windows.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="X", rich_help_panel=t.RECIPE, help="Of the optimizer.")
    ] = None,
    settings: t.Settings = [],  # noqa: B006  typer copies it
    config: t.Config = [],  # noqa: B006
    weights: t.Weights = None,
    encoder: t.Encoder = None,
    freeze: Annotated[
        list[str],
        typer.Option(
            metavar="LAYERS",
            rich_help_panel=t.FINE,
            help="Keep layers as they are: a name, a pattern, a part such as encoder, or "
            '"all but head". Once or several times.',
        ),
    ] = [],  # noqa: B006
    layer_rates: Annotated[
        list[str],
        typer.Option(
            "--layer-rate",
            metavar="LAYERS=FACTOR",
            rich_help_panel=t.FINE,
            help="Multiply the learning rate of some layers: encoder=0.1.",
        ),
    ] = [],  # noqa: B006
    val: t.Validation = None,
    stride: t.Stride = 1,
    val_stride: t.ValStride = None,
    min_rain_fraction: t.MinRain = None,
    crop: t.Crop = False,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=t.RUN, help="Of weights, order, flips and dropout."
        ),
    ] = 0,
    checkpoint_every: Annotated[
        str,
        typer.Option(
            metavar="STEPS|TIME",
            rich_help_panel=t.RUN,
            help="When there is a checkpoint inside an epoch too: 500, or 10min.",
        ),
    ] = "10min",
    val_members: t.ValMembers = None,
    devices: t.Devices = None,
    keep: Annotated[
        int, typer.Option(min=1, metavar="N", rich_help_panel=t.RUN, help="Checkpoints that stay.")
    ] = 3,
    logs: Annotated[
        list[str],
        typer.Option(
            "--log", metavar="NAME", rich_help_panel=t.RUN, help="csv or tensorboard, or both."
        ),
    ] = ["csv"],  # noqa: B006
    wandb: Annotated[
        bool, typer.Option("--wandb", rich_help_panel=t.RUN, help="Log to Weights & Biases too.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", rich_help_panel=t.RUN, help="No progress bar.")
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
    """Train a model on radar frames, curtains or pairs of grids, by the recipe of its preset.

    Trained on the part "train" of INPUT, validated on its part "val". Of quantile_mapping, the
    quantiles of that part are taken.
    """
    recipe = t.recipe_of(
        settings,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        batch_size=batch_size,
        learning_rate=learning_rate,
    )
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
    from keras_wx.training.train import train as run_training

    run = run_training(
        name,
        data,
        val_data,
        output_dir=output_dir,
        weights=weights,
        config=o.pairs(config, "--config"),
        sample=o.sample_changes(sample),
        samples=samples,
        val_samples={} if val_stride is None else {"stride": val_stride},
        seed=seed,
        freeze=freeze,
        layer_rates=o.pairs(layer_rates, "--layer-rate"),
        checkpoint_every=t.number_or_word(checkpoint_every),
        keep=keep,
        devices=t.number_or_word(devices),
        logs=logs,
        wandb=wandb,
        verbose=0 if quiet else "auto",
        **t.given(encoder=encoder, val_members=val_members),
        **recipe,
    )
    best = run.history.loc[run.best_epoch]
    values = ", ".join(f"{key} {value:.4g}" for key, value in best.items())
    typer.echo(f"Best of {len(run.history)} epochs: {run.best_epoch + 1} ({values})")
    typer.echo(f"Its model: {output_dir / 'best'}")
