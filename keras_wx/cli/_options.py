"""Arguments and options that several commands share, and what they say in Python."""

from __future__ import annotations

import inspect
import re
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
        help="How to read INPUT: see keras-wx datasets. Without it: radar, for a model of blind "
        "zones curtain, and for one of downscaling paired, with --dataset-set coarse=FILE.",
        rich_help_panel=_INPUT,
    ),
]
DatasetOptions = Annotated[
    list[str],
    typer.Option(
        "--dataset-set",
        metavar="KEY=VALUE",
        help="An option of the dataset, as keras-wx datasets NAME lists them, once or several "
        "times: columns=2048, seed=3, ray=24, model=ecmwf.nc.",
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
SampleChanges = Annotated[
    list[str],
    typer.Option(
        "--sample",
        metavar="KEY=VALUE",
        help="A change of what the model eats and gives, once or several times: step=30s, "
        "blind_zone.height=2000, 'variables=[reflectivity, temperature]'.",
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

    sample = presets.get(name).sample
    return "curtain" if sample.is_curtain else "paired" if sample.is_downscaling else "radar"


def source_of(path: str) -> str:
    """The source that reads a file of which nothing is known but the file."""
    from keras_wx.data.datasets import open_dataset
    from keras_wx.errors import DataError

    for source, argument in (("curtain", "path"), ("paired", "fine")):
        try:
            open_dataset(source, **{argument: path}).close()
        except DataError:
            continue
        return source
    return "radar"


def open_input(path: str, dataset: str, settings: list[str], **options: Any) -> xr.Dataset:
    """Opens INPUT by a source.

    Args:
        path: INPUT.
        dataset: the source.
        settings: texts `KEY=VALUE`, its options.
        options: those that have an option of their own here; None where the user did not give it.
    """
    from keras_wx.data.datasets import open_dataset
    from keras_wx.errors import DataError

    given = {name: value for name, value in options.items() if value is not None}
    given = pairs(settings, "--dataset-set") | given
    argument = _file_argument(dataset)
    if path != NO_FILE:
        given[argument] = path
    try:
        opened = open_dataset(dataset, **given)
    except DataError as error:
        raise DataError(_in_settings(str(error), dataset, without={argument, *options})) from error
    if path != NO_FILE:
        # The pattern, where xarray would name the first of its files.
        opened.encoding["source"] = path
    return opened


def _file_argument(dataset: str) -> str:
    """The option of a source that INPUT is: `path`, or the first one that it cannot do without,
    such as `fine` of a pair."""
    from keras_wx import registry

    parameters = inspect.signature(registry.datasets.get(dataset)).parameters
    needed = [name for name, p in parameters.items() if p.default is inspect.Parameter.empty]
    return "path" if "path" in parameters or not needed else needed[0]


def _in_settings(message: str, dataset: str, without: set[str]) -> str:
    """What a source says of its options, as this command line writes them.

    Args:
        message: of an error.
        dataset: the source.
        without: its options that have one of their own here.
    """
    from keras_wx import registry

    more = f"keras-wx datasets {dataset} lists its options, --dataset-set KEY=VALUE gives them."
    message = re.sub(r"Its options: .*(?= Received: )", more, message)
    for name in inspect.signature(registry.datasets.get(dataset)).parameters:
        if name not in without:
            message = re.sub(rf"\b{name}=(?=\S)", f"--dataset-set {name}=", message)
    return message


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


def sample_changes(texts: list[str]) -> dict[str, Any]:
    """`["step=30s", "blind_zone.height=2000"]` as `keras_wx.load` takes it."""
    found: dict[str, Any] = {}
    for key, value in pairs(texts, "--sample").items():
        *path, last = key.split(".")
        section = found
        for part in path:
            section = section.setdefault(part, {})
        section[last] = value
    return found


def _number(value: Any) -> Any:
    """YAML takes `1e-4` for a text, since it has no dot."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


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
