"""`keras-wx export`: a model into a file that needs no keras_wx."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keras_wx.cli import _options as o


def export(
    name: o.Model,
    path: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="*.onnx, *.tflite, or the folder of a SavedModel."),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="saved_model|onnx|litert", help="Without it: what the name of OUTPUT says."
        ),
    ] = None,
    grid: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="ROWS COLUMNS", help="Of a file that takes no other grid; LiteRT is faster so."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of a file that takes no other number at a time."),
    ] = None,
    output_frames: o.OutputFrames = None,
    overwrite: o.Overwrite = False,
) -> None:
    """Write a model as SavedModel, ONNX or LiteRT.

    The file takes and gives physical units such as dBZ; missing values are
    NaN. A record inside says units, time step, grid and terms of the weights.
    """
    from keras_wx.cli._model import load_model
    from keras_wx.inference.export import export as write

    changes = {} if output_frames is None else {"output_frames": output_frames}
    model = load_model(name, **changes)
    write(model, path, format, grid=grid, batch_size=batch_size, overwrite=overwrite)
    parts = path.rglob("*") if path.is_dir() else [path]
    size = sum(part.stat().st_size for part in parts if part.is_file())
    typer.echo(f"{path}: {model.preset.full_name}, {size / 1e6:.1f} MB")
