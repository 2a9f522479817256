"""Fingerprints of data: the same number for the same data, in any process, on any machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import xarray as xr

from keras_wx.data.pydataset import Samples

WHOLE_BYTES = 64 * 1024**2
"""Variables up to this size are read whole."""
BLOCKS = 16
"""How many blocks of a larger one are read, evenly spread, the first and the last among them."""
BLOCK_BYTES = 1024**2
"""What a block holds, but one frame at least."""


def fingerprint(data: xr.Dataset | Samples) -> str:
    """A hash of values, coordinates, units and selection.

    It is the same for lazy data, dask arrays of any chunks and NumPy, and whatever the order of
    variables and attributes; attributes other than `units` and the standard splits do not count.
    A variable of more than `WHOLE_BYTES` is not read whole: its first and last frames and others
    evenly spread between them stand for it, so that a change elsewhere in it goes unnoticed.

    Args:
        data: a dataset, or samples: of those their contract, the times of their windows and the
            frames that the windows touch count; batch size, order, augmentation and the
            coordinates in space do not.

    Returns:
        64 hexadecimal digits (SHA-256). Samples and the dataset that they are cut from differ.
    """
    digest = hashlib.sha256()
    for part in _of_samples(data) if isinstance(data, Samples) else _of_dataset(data):
        digest.update(part)
    return digest.hexdigest()


def _of_dataset(data: xr.Dataset) -> Iterator[bytes]:
    splits = {key: str(data.attrs[key]) for key in data.attrs if str(key).startswith("split_")}
    yield _text({"splits": splits})
    for kind, members in (("coordinate", data.coords), ("variable", data.data_vars)):
        for name in sorted(members, key=str):
            yield _text({kind: str(name), "units": str(members[name].attrs.get("units", ""))})
            yield from _of_variable(members[name].variable)


def _of_samples(data: Samples) -> Iterator[bytes]:
    chosen = data.selection
    # Without defaults: a field that the schema gains later makes no older data others.
    contract = data.sample.model_dump(mode="json", exclude_defaults=True)
    yield _text({"sample": contract, "frames": chosen.frames})
    yield _plain(data.init_times)
    used = np.unique(chosen.starts[:, None] + np.arange(chosen.frames))
    for name, field in data.fields:
        yield _text({"variable": name})
        yield from _of_variable(field, used)


def _of_variable(variable: xr.Variable, frames: np.ndarray | None = None) -> Iterator[bytes]:
    """Header and values; of a variable along time only some `frames`, if they are given."""
    dims, shape = [str(dim) for dim in variable.dims], list(variable.shape)
    # Whichever resolution xarray chose for times, they are the same times.
    kind = variable.dtype.kind
    dtype = kind if kind in "mMOUST" else variable.dtype.newbyteorder("<").str
    yield _text({"dims": dims, "shape": shape, "dtype": dtype})
    if not dims:
        yield _plain(variable.values)
        return
    # A frame that does not change has been given a time axis of length 1.
    axis = dims.index("time") if "time" in dims else 0
    if frames is None or shape[axis] <= frames.max():
        frames = np.arange(shape[axis])
    frame_bytes = max(1, variable.dtype.itemsize * variable.size // max(1, shape[axis]))
    for block in _spread(frames, frame_bytes):
        # Backends read a slice at once, and a list number by number.
        for run in np.split(block, np.flatnonzero(np.diff(block) != 1) + 1):
            yield _plain(variable[(slice(None),) * axis + (slice(run[0], run[-1] + 1),)].values)


def _spread(frames: np.ndarray, frame_bytes: int) -> list[np.ndarray]:
    """All frames where that is cheap, and otherwise `BLOCKS` blocks of consecutive ones.

    It may not depend on how the data are chunked: they have to be the same frames for everyone.
    """
    length = max(1, BLOCK_BYTES // frame_bytes)
    if len(frames) * frame_bytes <= WHOLE_BYTES or len(frames) <= BLOCKS * length:
        count = max(1, WHOLE_BYTES // 4 // frame_bytes)  # never all of them in memory
        return [frames[at : at + count] for at in range(0, len(frames), count)]
    starts = np.linspace(0, len(frames) - length, BLOCKS).round().astype(int)
    return [frames[at : at + length] for at in starts]


def _plain(values: np.ndarray) -> bytes:
    """Bytes that depend on the values alone."""
    values = np.asarray(values)
    kind = values.dtype.kind
    if kind in "mM":
        unit = "datetime64[ns]" if kind == "M" else "timedelta64[ns]"
        values = values.astype(unit).view("int64")
    elif kind in "OUST":
        return _text([str(value) for value in values.ravel().tolist()])
    elif kind == "f":
        # One NaN, one zero.
        values = np.where(np.isnan(values), values.dtype.type("nan"), values) + values.dtype.type(0)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()


def _text(content) -> bytes:
    return json.dumps(content, sort_keys=True).encode() + b"\0"
