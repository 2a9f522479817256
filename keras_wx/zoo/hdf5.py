"""Loads a `.weights.h5` file into a model, after finding it harmless and fitting.

A file is refused before anything is read from it when it could reach outside itself (links,
external storage, virtual datasets), and before anything is assigned when it does not fit.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from keras_wx.errors import WeightsError

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LOOK_ALIKES = {
    b"PK\x03\x04": "a ZIP archive, such as a .keras file",
    b"\x80": "a pickle",
    b"version https://git-lfs": "a Git LFS pointer, not the file it points to",
    b"<": "a web page",
}
_MAX_DEPTH = 64
_FILTERS = (
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_LZF,
    h5py.h5z.FILTER_SCALEOFFSET,
)
_OPTIMIZER = "optimizer/"


def load_weights(model: keras.Model, path: str | PathLike) -> None:
    """Gives a model the weights of a file, all of them or none.

    Storage in half precision is converted to the model's own precision. The state of an optimizer
    in the file is taken over where the model's optimizer has the same variables.

    Args:
        model: a built model.
        path: a `.weights.h5` file as `model.save_weights` writes it.

    Raises:
        WeightsError: the file is damaged, is refused, or does not fit; the model is unchanged.

    Example:
        >>> load_weights(model, "model.weights.h5")
    """
    check_file(path)
    check_fits(path, model)
    before = model.get_weights()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
            model.load_weights(path)
    except Exception as error:
        model.set_weights(before)
        raise WeightsError(f"{path} cannot be loaded into {model.name!r}: {error}") from error


def check_file(path: str | PathLike) -> None:
    """Refuses a file that is no plain, self-contained HDF5 file of numbers.

    Args:
        path: the file.

    Raises:
        WeightsError: naming the file, the object in it, and what is wrong with it.
    """
    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise WeightsError(f"Expected a file whose name ends in .weights.h5. Received: {path}")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    if not start.startswith(_SIGNATURE):
        likely = (kind for magic, kind in _LOOK_ALIKES.items() if start.lstrip().startswith(magic))
        what = next(likely, f"something that starts with {start[:8]!r}")
        raise WeightsError(f"{path} is no HDF5 file; it looks like {what}.")
    shapes(path)


def check_fits(path: str | PathLike, model: keras.Model) -> None:
    """Refuses a file whose weights do not have the names and shapes of the model's.

    The model's own layout is what Keras writes for it, into a temporary file: the layout depends on
    the attributes of nested layers, and only Keras knows how.

    Args:
        path: a file that `check_file` accepts.
        model: a built model.

    Raises:
        WeightsError: listing what is missing, unexpected, or has another shape.
    """
    if not model.built:
        raise WeightsError(
            f"The model {model.name!r} has no weights yet. Build it first, by calling it on data."
        )
    with tempfile.TemporaryDirectory(prefix="keras_wx_") as folder:
        own = Path(folder) / "model.weights.h5"
        try:
            model.save_weights(own)
        except OSError as error:
            raise WeightsError(
                f"The layout of {model.name!r} cannot be written to {folder}: {error}. "
                "Set TMPDIR to a folder with space."
            ) from error
        expected = shapes(own)
    found = shapes(path)
    problems = [f"missing: {name} {expected[name]}" for name in expected.keys() - found.keys()]
    problems += [f"unexpected: {name} {found[name]}" for name in found.keys() - expected.keys()]
    problems += [
        f"other shape: {name} {found[name]}, the model has {expected[name]}"
        for name in expected.keys() & found.keys()
        if found[name] != expected[name]
    ]
    if problems:
        shown = sorted(problems)[:20]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more")
        raise WeightsError(
            f"{path} does not fit the model {model.name!r}:\n  "
            + "\n  ".join(shown)
            + "\nLoad it into the architecture and configuration that it was saved from."
        )


def fits(path: str | PathLike, model: keras.Model) -> bool:
    """Whether `load_weights` would accept a file for a model."""
    try:
        check_file(path)
        check_fits(path, model)
    except WeightsError:
        return False
    return True


def shapes(path: str | PathLike) -> dict[str, Shape]:
    """Path in the file -> shape of every weight, the optimizer's own variables left out.

    Raises:
        WeightsError: as `check_file`.
    """
    try:
        with h5py.File(path, "r") as file:
            return {
                name: dataset.shape
                for name, dataset in _datasets(file, path)
                if not name.startswith(_OPTIMIZER)
            }
    except WeightsError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} is a damaged HDF5 file: {error}") from error


def _datasets(file: h5py.File, path: str | PathLike) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset with its name, each object looked at before it is followed."""
    seen = {_address(file)}
    pending: list[tuple[str, h5py.Group]] = [("", file)]
    while pending:
        prefix, group = pending.pop()
        for key in group:
            name = prefix + key
            _refuse(path, name, _link_fault(group, key))
            item = group[key]
            _refuse(path, name, _object_fault(item, name))
            # Keras writes no object twice, and a group inside itself would have no end.
            if _address(item) in seen:
                _refuse(path, name, "is a second name of another object")
            seen.add(_address(item))
            if isinstance(item, h5py.Group):
                pending.append((name + "/", item))
            else:
                yield name, item


def _refuse(path: str | PathLike, name: str, reason: str | None) -> None:
    if reason:
        raise WeightsError(f"{path} is refused: {name!r} {reason}.")


def _address(item: h5py.HLObject) -> int:
    return h5py.h5o.get_info(item.id).addr


def _link_fault(group: h5py.Group, key: str) -> str | None:
    link = group.get(key, getclass=True, getlink=True)
    if link is h5py.HardLink:
        return None
    return f"is {'an external' if link is h5py.ExternalLink else 'a soft'} link"


def _object_fault(item: h5py.HLObject, name: str) -> str | None:
    """Why a group or dataset of this kind has no place in a weight file, or None."""
    if isinstance(item, h5py.Group):
        return "is nested too deeply" if name.count("/") >= _MAX_DEPTH else None
    if not isinstance(item, h5py.Dataset):
        return f"is a {type(item).__name__}, neither group nor dataset"
    if item.external:
        return f"keeps its data in another file, {item.external[0][0]!r}"
    if item.is_virtual:
        return "is a virtual dataset, made of other files"
    if item.shape is None:
        return "is an empty dataset"
    # Keras stores bfloat16 as two opaque bytes and says so in an attribute.
    bfloat16 = item.dtype.str == "|V2" and item.attrs.get("dtype") == "bfloat16"
    if item.dtype.kind not in "biufc" and not bfloat16:
        return f"holds {item.dtype} values, not numbers"
    properties = item.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    unknown = [code for code in filters if code not in _FILTERS]
    return f"is compressed with unknown filter {unknown[0]}" if unknown else None
