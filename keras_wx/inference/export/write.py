"""`export`: a model of the zoo into a file that needs no keras_wx."""

from __future__ import annotations

import errno
import importlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError, unknown_name
from keras_wx.inference.export import diffusion, litert, onnx, saved_model
from keras_wx.inference.export.check import check
from keras_wx.inference.export.physical import Physical, physical
from keras_wx.inference.export.portable import inlined, portable, quietly
from keras_wx.inference.export.record import RECORD_FILE, record
from keras_wx.inference.export.transforms import check_transforms
from keras_wx.inference.network import grid_multiple
from keras_wx.zoo.loading import preset_of

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        title: what it is called.
        suffix: what its paths end in.
        module: its functions `write(physical, path, record)` and `reader(path)`.
        packages: what the two need besides TensorFlow, by the names that they are imported by.
    """

    title: str
    suffix: str
    module: ModuleType
    packages: tuple[str, ...] = ()


FORMATS = {
    "saved_model": Format("SavedModel", "", saved_model),
    "onnx": Format("ONNX", ".onnx", onnx, ("tf2onnx", "onnx", "onnxruntime")),
    "litert": Format("LiteRT", ".tflite", litert, ("ai_edge_litert",)),
}


def export(
    model: keras.Model,
    path: str | os.PathLike,
    format: str | None = None,
    *,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a model as SavedModel, ONNX or LiteRT, with its transforms inside.

    The file takes and gives physical units, such as dBZ, and needs neither keras_wx nor Keras. Its
    input `(batch, time, y, x, channels)` may hold NaN where data are missing: the preset's `fill`
    stands in, and where a point is missing in every frame, so is the forecast. It does what
    `keras_wx.predict` does on a whole domain; a grid that is no multiple of the model's patches is
    for the caller to pad.

    Where frames are channels (`layout: channels`), the input is `(batch, y, x, channels)`: one for
    each frame of each variable, as the record lists them, coarse fields interpolated onto the fine
    grid and maps of the calendar in their units.

    A diffusion model becomes a folder, in any of the formats: a network that runs once, one that
    runs at each step, and `keras_wx.json` with the schedule and the steps as a table; `how` in it
    says what to do with them. Both take and give network numbers, by the transforms that it names.

    The file computes in float32, whatever the precision of the model, and dropout is off in it: an
    ensemble by dropout takes `keras_wx.predict`. Before it gets its name it is run once, and must
    give what the model gives, to 1e-4 of the range of the forecast.

    Args:
        model: a network that carries its preset, from `keras_wx.load` or trained.
        path: of the file, or for a SavedModel the folder.
        format: `"saved_model"`, `"onnx"` or `"litert"`; None goes by the ending of the path:
            `.onnx`, `.tflite`, none for a SavedModel.
        grid: rows and columns, for a file that takes no other. None leaves them open where the
            model does. LiteRT is faster on a fixed grid.
        batch_size: number of forecasts at a time. None leaves it open.
        overwrite: whether to replace a file, or a folder that holds a SavedModel.

    Returns:
        The path.

    Raises:
        ModelError: for a baseline, a model other than `ddpm` that draws, transforms without numbers
            or with several, a format that cannot hold the model, a missing package or another
            backend than TensorFlow.
        UnknownNameError: no such format.
        FileExistsError: the path exists.

    Example:
        >>> model = keras_wx.load("convlstm_hko")
        >>> keras_wx.export(model, "nowcast.onnx")
    """
    path = Path(path).expanduser()
    in_steps = diffusion.is_diffusion(model)
    form = _format(path, format, folder=in_steps)
    _check_can_be_written(model, grid, batch_size)
    _check_place(path, overwrite)
    _import(form)

    preset = preset_of(model)
    check_transforms(preset, of_groups=in_steps)
    size = {"grid": grid, "batch_size": batch_size}
    whole = None if in_steps else physical(portable(model), preset.sample, **size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        new = Path(scratch) / path.name
        try:
            with quietly(), inlined():
                if whole is None:
                    diffusion.write(portable(model), preset, new, form, **size)
                else:
                    form.module.write(whole, new, record(preset, whole))
                    check(whole, form.module.reader(new), grid_multiple(model))
        except OSError:
            raise
        except Exception as error:  # the converters have no common error
            is_open = grid is None and (whole is None or _is_open(whole))
            raise _failure(preset.full_name, form, is_open, error) from error
        if path.is_dir():  # a folder is not replaced in one step: out of the way first
            os.replace(path, Path(scratch) / "old")
        os.replace(new, path)
    return path


def _format(path: Path, name: str | None, *, folder: bool) -> Format:
    if name is None:
        name = next((key for key, form in FORMATS.items() if form.suffix == path.suffix), None)
    elif name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    if folder:  # which may be called anything
        return FORMATS[name or "saved_model"]
    suffixes = {form.suffix for form in FORMATS.values()}
    if name and not FORMATS[name].suffix and path.suffix not in suffixes:
        return FORMATS[name]  # a folder may have a dot in its name, as names of variants have
    if name is None or FORMATS[name].suffix != path.suffix:
        wanted = (FORMATS[name],) if name else FORMATS.values()
        raise ModelError(
            "path: expected a name that ends in "
            + ", ".join(f"{form.suffix or 'nothing'} for {form.title}" for form in wanted)
            + f". Received: {str(path)!r}"
            + ("" if name else "; with format='saved_model' a folder may have a dot in its name")
        )
    return FORMATS[name]


def _check_can_be_written(
    model: keras.Model | Baseline, grid: tuple[int, int] | None, batch_size: int | None
) -> None:
    if isinstance(model, Baseline):
        raise ModelError(
            f"{model.name} is a baseline: it runs NumPy and OpenCV and has no graph that a file "
            "could hold. keras_wx.predict runs it. export writes networks."
        )
    if hasattr(model, "sample") and not diffusion.is_diffusion(model):
        raise ModelError(
            f"{model.name} draws its fields at random, and of the models that do, files hold those "
            "of architecture ddpm alone: as two networks and a table of steps. keras_wx.predict "
            "runs it."
        )
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            "export traces graphs of TensorFlow. The same weights load under it: start Python with "
            f"KERAS_BACKEND=tensorflow. Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    if grid is not None and (len(grid) != 2 or min(grid) < 1):
        raise ModelError(f"grid: expected (rows, columns). Received: grid={grid}")
    if batch_size is not None and batch_size < 1:
        raise ModelError(f"batch_size: expected at least 1. Received: batch_size={batch_size}")


def _check_place(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(
            errno.EEXIST, "This exists already, and overwrite=True replaces it", str(path)
        )
    known = "saved_model.pb", RECORD_FILE
    if path.is_dir() and not any((path / name).exists() for name in known):
        raise IsADirectoryError(
            errno.EISDIR, "A folder without a SavedModel is in the place of the output", str(path)
        )


def _import(form: Format) -> None:
    for package in form.packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ModelError(
                f"{form.title} needs the package {package.replace('_', '-')}: "
                f"pip install 'keras-wx[export]'. Received: {error}"
            ) from None


def _is_open(whole: Physical) -> bool:
    """Whether it takes any grid."""
    return any(None in array.shape[-3:-1] for array in whole.inputs)


def _failure(name: str, form: Format, is_open: bool, error: Exception) -> ModelError:
    """The converters' messages go on for pages: their first line says what is not supported."""
    reason = str(error).strip().partition("\n")[0][:300]
    hint = " A fixed grid may be possible: grid=(rows, columns)." if is_open else ""
    return ModelError(f"{name} cannot be written as {form.title}: {reason}{hint}")
