"""What training and searching have in common: options, and what they say in Python.

The parameters of a command have the names of the Python arguments, of which messages speak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_wx.cli import _options as o

if TYPE_CHECKING:
    import xarray as xr

RECIPE = "Recipe (the preset's where nothing is said)"
FINE = "Fine-tuning"
DATA = "Windows of the input"
RUN = "Run"

Validation = Annotated[
    str | None,
    typer.Option(
        "--val-path",
        metavar="FILE",
        help="Data to validate on, if not a part of INPUT; - for none.",
        rich_help_panel=DATA,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", rich_help_panel=RECIPE, help="Of a run."),
]
StepsPerEpoch = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", rich_help_panel=RECIPE, help="Batches; else all windows once."
    ),
]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=RECIPE,
        help="Anything else in the preset's section training, once or several times: "
        "optimizer.clipnorm=1, schedule=cosine, 'schedule.drops={45: 0.1}', warmup_steps=200, "
        "ema=0.999, accumulate=4, mixed_precision=bfloat16, early_stopping=false, "
        "early_stopping.patience=5, loss=mse, augment=[] for none.",
    ),
]
Config = Annotated[
    list[str],
    typer.Option(
        "--config",
        metavar="KEY=VALUE",
        rich_help_panel=RECIPE,
        help="A change of the architecture, such as filters=[32,32] or output_frames=12.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="WEIGHTS",
        rich_help_panel=FINE,
        help="Start from these: default, a variant, or a file *.weights.h5, such as that of a "
        "checkpoint. Without it the run starts from random ones.",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        metavar="RUN|MODEL",
        rich_help_panel=FINE,
        help="Of downscaling: start from the encoder of this transfer network, a run of one or a "
        "preset.",
    ),
]
ValMembers = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=RUN,
        help="Of downscaling: draw so many fields of a few windows after each epoch, for val_crps "
        "and val_mae in the log.",
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(metavar="N|all", rich_help_panel=RUN, help="Devices that share every batch."),
]
Stride = Annotated[
    int, typer.Option(min=1, metavar="N", rich_help_panel=DATA, help="Frames between windows.")
]
ValStride = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", rich_help_panel=DATA, help="The same, to validate on."),
]
MinRain = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="X",
        rich_help_panel=DATA,
        help="Least fraction of rain in a window; 0 keeps dry ones.",
    ),
]
Crop = Annotated[
    bool,
    typer.Option(
        "--whole-grid", rich_help_panel=DATA, help="Fields of INPUT's size, not the model's."
    ),
]


def open_data(
    path: str, val: str | None, dataset: str, settings: list[str], **options: Any
) -> tuple[xr.Dataset, xr.Dataset | bool | None]:
    """INPUT and the data to validate on, as `keras_wx.train` takes them.

    Args:
        path: INPUT.
        val: another one, `-` for none, None for a part of INPUT.
        dataset: the source that reads both.
        settings, options: of the source, as `open_input` takes them.
    """
    data = o.open_input(path, dataset, settings, **options)
    if val == o.NO_FILE:
        return data, False
    return data, None if val is None else o.open_input(val, dataset, settings, **options)


def import_training(name: str) -> None:
    """Imports Keras, once it is known that there is such a model: it takes seconds."""
    from keras_wx.cli._model import import_keras
    from keras_wx.zoo import presets

    presets.get(name)
    import_keras()


def recipe_of(settings: list[str], **fields: Any) -> dict[str, Any]:
    """The recipe's options: what `--set` says, and what has an option of its own."""
    return o.pairs(settings, "--set") | given(**fields)


def cuts(
    *, crop: bool, min_rain_fraction: float | None, stride: int, zr: str | None, **switches: bool
) -> dict[str, Any]:
    """Arguments of `keras_wx.samples`, without its defaults: the record of a run holds those that
    were given, and the same run may have begun in Python."""
    found: dict[str, Any] = {name: True for name, on in switches.items() if on}
    if stride != 1:
        found["stride"] = stride
    if zr is not None:
        found["zr"] = o.zr_pair(zr)
    if crop:
        found["crop"] = None
    if min_rain_fraction is not None:
        found["min_rain_fraction"] = min_rain_fraction
    return found


def given(**options: Any) -> dict[str, Any]:
    """Those of some options that the user gave: the record of a run holds no others."""
    return {name: value for name, value in options.items() if value is not None}


def number_or_word(text: str | None) -> int | str | None:
    """`"2"` as a number, `"all"` and `"10min"` as they are."""
    return int(text) if text and text.isdigit() else text
