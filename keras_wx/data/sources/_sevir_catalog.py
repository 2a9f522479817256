"""The catalog of SEVIR: which events there are, when, and in which file."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from keras_wx.errors import DataError

_COLUMNS = ("id", "file_name", "file_index", "img_type", "time_utc", "minute_offsets")
_MISSING = "pct_missing"
PLACE = ("llcrnrlat", "llcrnrlon", "urcrnrlat", "urcrnrlon", "proj")
"""Columns that say where an event is, of which a catalog may lack some."""


def read_catalog(file: Path, img_type: str, max_missing: float) -> pd.DataFrame:
    """Events of one sensor in order of time, those left out that the published tables leave out.

    These are events of which more than `max_missing` percent is missing, and those that the catalog
    lists more than once, which is a known fault of it.

    Raises:
        DataError: for a file that is missing, or no such catalog.
    """
    if not file.is_file():
        raise DataError(f"Expected the catalog {file}. There is none. path= names its folder.")
    wanted = (*_COLUMNS, _MISSING, *PLACE)
    try:
        table = pd.read_csv(file, usecols=lambda name: name in wanted, low_memory=False)
    except (ValueError, OSError) as error:
        raise DataError(f"Cannot read the catalog {file}: {error}") from error
    absent = [name for name in (*_COLUMNS, _MISSING) if name not in table]
    if absent:
        raise DataError(f"{file} is no catalog of SEVIR: it has no columns {absent}.")
    table = table[(table["img_type"] == img_type) & (table[_MISSING] <= max_missing)]
    table = table.drop_duplicates("id", keep=False)
    try:
        table = table.assign(
            time_utc=pd.to_datetime(table["time_utc"]),
            offsets=table["minute_offsets"].map(
                {text: _minutes(text) for text in table["minute_offsets"].unique()}
            ),
        )
    except ValueError as error:
        raise DataError(f"{file}: times that are none: {error}") from error
    return table.sort_values(["time_utc", "id"], ignore_index=True)


def with_files(events: pd.DataFrame, root: Path, img_type: str) -> pd.DataFrame:
    """The events whose file is there, with its path; files have been checked against the catalog.

    Raises:
        DataError: when no file is there, or one does not belong to the catalog.
    """
    folder = root / "data" if (root / "data").is_dir() else root
    paths = {name: folder / name for name in events["file_name"].unique()}
    there = {name: path for name, path in paths.items() if path.is_file()}
    if not there:
        example = next(iter(paths.values()), folder / img_type)
        raise DataError(
            f"Expected files such as {example}, {len(paths)} in all for {len(events)} events. "
            "None of them is there."
        )
    found = events[events["file_name"].isin(there)]
    if len(found) < len(events):
        warnings.warn(
            f"{len(events) - len(found):,} of {len(events):,} events are left out: "
            f"{len(paths) - len(there)} of {len(paths)} files are not in {folder}.",
            stacklevel=4,
        )
    for name, rows in found.groupby("file_name"):
        _check(there[name], rows, img_type)
    return found.assign(path=found["file_name"].map(there)).reset_index(drop=True)


def frame_shape(path: Path, img_type: str) -> tuple[int, int, int]:
    """Rows, columns and frames of an event in a file."""
    with _opened(path) as file:
        return file[img_type].shape[1:]


def read_event(path: Path, img_type: str, index: int) -> np.ndarray:
    """Frames of one event as they are stored, dims `(time, y, x)`."""
    with _opened(path) as file:
        return np.moveaxis(file[img_type][index], -1, 0)


def _opened(path: Path) -> h5py.File:
    try:
        # Nobody writes to an archive, and some network drives cannot lock.
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise DataError(
            f"Cannot read {path} ({path.stat().st_size:,} bytes): {error}. Download it again and "
            "compare its size with the original's."
        ) from error


def _check(path: Path, rows: pd.DataFrame, img_type: str) -> None:
    with _opened(path) as file:
        if img_type not in file or "id" not in file or file[img_type].ndim != 4:
            raise DataError(
                f"{path}: expected datasets 'id' and {img_type!r} (event, y, x, time). Received "
                f"{ {name: getattr(item, 'shape', None) for name, item in file.items()} }"
            )
        ids = file["id"].asstr()[:] if file["id"].dtype.kind == "O" else file["id"][:].astype(str)
        frames = file[img_type].shape[-1]
    for event in rows.itertuples():
        known = str(ids[event.file_index]) if 0 <= event.file_index < len(ids) else "nothing"
        if known != event.id:
            raise DataError(
                f"{path} has {known!r} at place {event.file_index}, where the catalog has event "
                f"{event.id!r}. File and catalog are of different versions of the archive."
            )
        if len(event.offsets) != frames:
            raise DataError(
                f"{path} has {frames} frames an event, the catalog has {len(event.offsets)} times "
                f"for event {event.id!r}."
            )


def _minutes(text: str) -> np.ndarray:
    """Reads '-120:-115:...:120'."""
    minutes = np.array(str(text).split(":"), dtype=float)
    if not (np.diff(minutes) > 0).all():
        raise ValueError(f"minute_offsets {text!r} do not increase")
    return (minutes * 60).astype("timedelta64[s]").astype("timedelta64[ns]")
