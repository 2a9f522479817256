"""`keras-wx train`: trains a model on a file, or goes on with a run that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from keras_wx.cli import _options as o

_RECIPE = "Recipe (the preset's where nothing is said)"
_FINE = "Fine-tuning"
_RUN = "Run"


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
    val_path: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Data to validate on, if not a part of INPUT; - for none.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=_RECIPE, help="Of the run.")
    ] = None,
    steps_per_epoch: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", rich_help_panel=_RECIPE, help="Batches; else all windows once."
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=_RECIPE, help="Windows.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="X", rich_help_panel=_RECIPE, help="Of the optimizer.")
    ] = None,
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            rich_help_panel=_RECIPE,
            help="Anything else in the preset's section training, once or several times: "
            "optimizer.clipnorm=1, schedule=cosine, 'schedule.drops={45: 0.1}', warmup_steps=200, "
            "ema=0.999, accumulate=4, mixed_precision=bfloat16, early_stopping=false, "
            "early_stopping.patience=5, loss=mse, augment=[flip].",
        ),
    ] = [],  # noqa: B006  typer copies it
    config: Annotated[
        list[str],
        typer.Option(
            "--config",
            metavar="KEY=VALUE",
            rich_help_panel=_RECIPE,
            help="A change of the architecture, such as filters=[32,32] or output_frames=12.",
        ),
    ] = [],  # noqa: B006
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            rich_help_panel=_FINE,
            help="Start from these: default, a variant, or a file *.weights.h5, such as that of a "
            "checkpoint. Without it the run starts from random ones.",
        ),
    ] = None,
    freeze: Annotated[
        list[str],
        typer.Option(
            metavar="LAYERS",
            rich_help_panel=_FINE,
            help="Keep layers as they are: a name, a pattern, a part such as encoder, or "
            '"all but head". Once or several times.',
        ),
    ] = [],  # noqa: B006
    layer_rate: Annotated[
        list[str],
        typer.Option(
            metavar="LAYERS=FACTOR",
            rich_help_panel=_FINE,
            help="Multiply the learning rate of some layers: encoder=0.1.",
        ),
    ] = [],  # noqa: B006
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=_RUN, help="Of weights, order, flips and dropout."
        ),
    ] = 0,
    checkpoint_every: Annotated[
        str,
        typer.Option(
            metavar="STEPS|TIME",
            rich_help_panel=_RUN,
            help="When there is a checkpoint inside an epoch too: 500, or 10min.",
        ),
    ] = "10min",
    devices: Annotated[
        str | None,
        typer.Option(metavar="N|all", rich_help_panel=_RUN, help="Devices that share every batch."),
    ] = None,
    keep: Annotated[
        int, typer.Option(min=1, metavar="N", rich_help_panel=_RUN, help="Checkpoints that stay.")
    ] = 3,
    logs: Annotated[
        list[str],
        typer.Option(
            "--log", metavar="NAME", rich_help_panel=_RUN, help="csv or tensorboard, or both."
        ),
    ] = ["csv"],  # noqa: B006
    wandb: Annotated[
        bool, typer.Option("--wandb", rich_help_panel=_RUN, help="Log to Weights & Biases too.")
    ] = False,
    stride: Annotated[
        int, typer.Option(min=1, metavar="N", rich_help_panel=_RUN, help="Frames between windows.")
    ] = 1,
    val_stride: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", rich_help_panel=_RUN, help="The same, to validate on."),
    ] = None,
    min_rain_fraction: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="X",
            rich_help_panel=_RUN,
            help="Least fraction of rain in a window; 0 keeps dry ones.",
        ),
    ] = None,
    whole_grid: Annotated[
        bool,
        typer.Option(
            "--whole-grid", rich_help_panel=_RUN, help="Fields of INPUT's size, not the model's."
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", rich_help_panel=_RUN, help="No progress bar.")
    ] = False,
    dataset: o.Dataset = "radar",
    variable: o.Variable = None,
    units: o.Units = None,
    spacing_km: o.Spacing = None,
    step: o.Interval = None,
    regrid: o.Regrid = False,
    resample: o.Resample = False,
    convert_units: o.ConvertUnits = False,
    zr: o.ZR = None,
) -> None:
    """Train a model on radar frames, by the recipe of its preset.

    Trained on the part "train" of INPUT, validated on its part "val".
    """
    recipe = pairs(settings, "--set") | {
        key: value
        for key, value in {
            "epochs": epochs,
            "steps_per_epoch": steps_per_epoch,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
        }.items()
        if value is not None
    }
    cutting: dict[str, Any] = {
        "stride": stride,
        "regrid": regrid,
        "resample": resample,
        "convert_units": convert_units,
        "zr": o.zr_pair(zr),
    }
    if whole_grid:
        cutting["crop"] = None
    if min_rain_fraction is not None:
        cutting["min_rain_fraction"] = min_rain_fraction
    options = {"variable": variable, "units": units, "spacing_km": spacing_km, "step": step}
    data = o.open_input(path, dataset, **options)
    if val_path == o.NO_FILE:
        val = False
    else:
        val = None if val_path is None else o.open_input(val_path, dataset, **options)

    from keras_wx.cli._model import import_keras
    from keras_wx.zoo import presets

    presets.get(name)  # a wrong name is told at once, not after the seconds that Keras takes
    import_keras()
    from keras_wx.training.train import train as run_training

    run = run_training(
        name,
        data,
        val,
        output_dir=output_dir,
        weights=weights,
        config=pairs(config, "--config"),
        samples=cutting,
        val_samples={} if val_stride is None else {"stride": val_stride},
        seed=seed,
        freeze=freeze,
        layer_rates=pairs(layer_rate, "--layer-rate"),
        checkpoint_every=int(checkpoint_every) if checkpoint_every.isdigit() else checkpoint_every,
        keep=keep,
        devices=int(devices) if devices and devices.isdigit() else devices,
        logs=logs,
        wandb=wandb,
        verbose=0 if quiet else "auto",
        **recipe,
    )
    best = run.history.loc[run.best_epoch]
    values = ", ".join(f"{key} {value:.4g}" for key, value in best.items())
    typer.echo(f"Best of {len(run.history)} epochs: {run.best_epoch + 1} ({values})")
    typer.echo(f"Its model: {output_dir / 'best'}")


def pairs(texts: list[str], option: str) -> dict[str, Any]:
    """`["optimizer.clipnorm=1", "augment=[flip]"]` as a mapping; values are read as YAML."""
    import yaml

    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"expected KEY=VALUE. Received: {text!r}", param_hint=option)
        try:
            found[key.strip()] = _number(yaml.safe_load(value))
        except yaml.YAMLError:
            raise typer.BadParameter(
                f"the value of {key} is not YAML. Received: {value!r}", param_hint=option
            ) from None
    return found


def _number(value: Any) -> Any:
    """YAML takes `1e-4` for a text, since it has no dot."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
