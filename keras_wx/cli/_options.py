"""Arguments and options that several commands share, and what they say in Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import xarray as xr

_INPUT = "Input"
_CONVERSION = "Conversions of the input"
NO_FILE = "-"


def complete_model(incomplete: str) -> list[str]:
    from keras_wx.zoo.presets import list_models

    return list_models(f"{incomplete}*")


Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A preset, a variant such as convlstm_hko.taasrad19, or the folder of a saved model.",
        autocompletion=complete_model,
    ),
]
Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="NetCDF file, Zarr store, folder or quoted pattern; - for a dataset without files.",
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        help="How to read INPUT: see keras-wx datasets. Without it: radar or, for a model of blind "
        "zones, curtain.",
        rich_help_panel=_INPUT,
    ),
]
Variable = Annotated[
    str | None,
    typer.Option(help="Which variable of the file.", rich_help_panel=_INPUT),
]
Units = Annotated[
    str | None,
    typer.Option(help="Its units, where the file says none.", rich_help_panel=_INPUT),
]
Spacing = Annotated[
    float | None,
    typer.Option(
        "--spacing-km", help="Its grid spacing, where the file says none.", rich_help_panel=_INPUT
    ),
]
Interval = Annotated[
    str | None,
    typer.Option(
        "--step",
        metavar="TIME",
        help="Of rain amounts: the time in which they fell, such as 5min.",
        rich_help_panel=_INPUT,
    ),
]
Regrid = Annotated[
    bool,
    typer.Option(
        "--regrid",
        help="Bring another grid spacing to the model's.",
        rich_help_panel=_CONVERSION,
    ),
]
Resample = Annotated[
    bool,
    typer.Option(
        "--resample",
        help="Bring a finer time step to the model's.",
        rich_help_panel=_CONVERSION,
    ),
]
ConvertUnits = Annotated[
    bool,
    typer.Option(
        "--convert-units",
        help="Convert units that differ by a factor or an offset.",
        rich_help_panel=_CONVERSION,
    ),
]
ZR = Annotated[
    str | None,
    typer.Option(
        metavar="PAIR",
        help="Convert the data between rain rate and dBZ: marshall_palmer, hko_7, fmi, or A,B of "
        "Z = A R^B.",
        rich_help_panel=_CONVERSION,
    ),
]
OutputFrames = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Number of frames to forecast, if not the model's."),
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Fields that the model is run on at a time."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def source_for(name: str) -> str:
    """The source that reads what a model eats from any file."""
    from keras_wx.zoo import presets

    return "curtain" if presets.get(name).sample.is_curtain else "radar"


def source_of(path: str) -> str:
    """The source that reads a file of which nothing is known but the file."""
    from keras_wx.data.datasets import open_dataset
    from keras_wx.errors import DataError

    try:
        open_dataset("curtain", path=path).close()
    except DataError:
        return "radar"
    return "curtain"


def open_input(path: str, dataset: str, **options: Any) -> xr.Dataset:
    """Opens INPUT by a source, with those of the options that the user gave."""
    from keras_wx.data.datasets import open_dataset

    given = {name: value for name, value in options.items() if value is not None}
    if path == NO_FILE:
        return open_dataset(dataset, **given)
    opened = open_dataset(dataset, path=path, **given)
    opened.encoding["source"] = path  # the pattern, where xarray would name the first of its files
    return opened


def zr_pair(text: str | None) -> str | tuple[float, float] | None:
    """A name as it is; `"200,1.6"` as numbers."""
    if text is None or "," not in text:
        return text
    try:
        a, b = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"expected a name, or A,B of Z = A R^B such as 200,1.6. Received: {text!r}",
            param_hint="--zr",
        ) from None
    return a, b


def same_file(path: str, output: Path) -> bool:
    """Whether OUTPUT would take the place of INPUT."""
    return path != NO_FILE and Path(path).exists() and output.exists() and output.samefile(path)
