"""Files of the HKO-7 archive: names, pictures, masks and lists of days."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np

from keras_wx.errors import DataError

SHAPE = (480, 480)
NOISE_BELOW = 71
"""Echo of a lower gray level counts as noise: round(0.28 * 255) of the benchmark's code."""

_PICTURE = re.compile(r"RAD(\d{10})00\.png")
_LISTS = {"train": "train", "val": "valid", "test": "test"}


def find_pictures(folder: Path, years: Iterable[int] | None) -> tuple[np.ndarray, list[str]]:
    """Times and names of `<folder>/<year>/<month>/<day>/RADyymmddHHMM00.png`, in order of time.

    Returns:
        Times, datetime64, and names such as `"2015/01/31/RAD150131235400"`.

    Raises:
        DataError: where there is none, naming the years that there are, and for a name that says
            no time.
    """
    wanted = [f"{year:04d}" for year in years] if years is not None else ["[0-9][0-9][0-9][0-9]"]
    days = [day for year in wanted for day in folder.glob(f"{year}/*/*") if day.is_dir()]
    # By the time in the name: hundreds of thousands of files, of which no other property is read.
    found = {}
    for day in days:
        place = day.relative_to(folder).as_posix()
        for file in os.listdir(day):
            if match := _PICTURE.fullmatch(file):
                found[match[1]] = f"{place}/{file.removesuffix('.png')}"
    if not found:
        there = sorted(p.name for p in folder.iterdir() if re.fullmatch(r"\d{4}", p.name))
        raise DataError(
            f"Expected pictures such as 2015/01/31/RAD150131235400.png in {folder}, of "
            f"{'any year' if years is None else f'the years {list(years)}'}. Found none; the "
            f"folder has the years {there}."
        )
    digits = sorted(found)
    return np.array([_time(d, found[d]) for d in digits], "datetime64[ns]"), [
        found[d] for d in digits
    ]


def read_dbz(picture: Path, mask: Path | None, exclude: np.ndarray | None) -> np.ndarray:
    """One frame in dBZ, NaN where it is masked.

    Args:
        picture: gray levels, 480 x 480.
        mask: the frame's mask file, which need not exist; None masks nothing.
        exclude: where the radar sees clutter, for frames without a mask file.
    """
    levels = _read_levels(picture)
    dbz = 70.0 * (levels.astype("float32") / 255.0) - 10.0
    if mask is not None:
        dbz[~_valid(levels, mask, exclude)] = np.nan
    return dbz


def read_exclude_mask(file: Path) -> np.ndarray:
    """Where the radar sees clutter, from `mask_dat.npz`.

    Raises:
        DataError: for a file of another content.
    """
    try:
        with np.load(file, allow_pickle=False) as data:
            exclude = data["exclude_mask"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"Cannot read 'exclude_mask' from {file}: {error}. Copy it from the archive again."
        ) from error
    if exclude.shape != SHAPE:
        raise DataError(f"{file}: expected a mask of {SHAPE} pixels. Received {exclude.shape}.")
    return exclude.astype(bool)


def split_attributes(folder: Path) -> dict[str, str]:
    """The benchmark's parts, from the lists of rainy days that lie in `folder`.

    Returns:
        `split_train`, `split_val` and `split_test` as far as there are lists, with the periods of
        days that follow each other, and `split_gap`, which the benchmark does not have.

    Raises:
        DataError: for a line that does not begin with a day such as `20150131`.
    """
    attrs = {}
    for name, word in _LISTS.items():
        file = folder / f"hko7_rainy_{word}_days.txt"
        if file.is_file():
            attrs[f"split_{name}"] = ",".join(_periods(_days(file)))
    return attrs | {"split_gap": "0min"} if attrs else {}


def _time(digits: str, name: str) -> datetime:
    try:
        return datetime.strptime(digits, "%y%m%d%H%M")
    except ValueError:
        raise DataError(f"{name}.png: the name says no time, as in RADyymmddHHMM00.png.") from None


def _read_levels(picture: Path) -> np.ndarray:
    import cv2

    levels = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    if levels is None:
        raise DataError(f"Cannot read {picture}: it is missing, cut off, or no picture.")
    if levels.shape != SHAPE:
        raise DataError(f"{picture}: expected {SHAPE} pixels. Received {levels.shape}.")
    return levels


def _valid(levels: np.ndarray, mask: Path, exclude: np.ndarray | None) -> np.ndarray:
    """The frame's own mask or, without one, the rule that the archive's masks follow."""
    if mask.is_file():
        try:
            flags = np.frombuffer(zlib.decompress(mask.read_bytes()), dtype=bool)
            return flags.reshape(SHAPE)
        except (zlib.error, ValueError) as error:
            raise DataError(
                f"Cannot read {mask}: {error}. Expected {SHAPE} compressed flags."
            ) from error
    if exclude is None:
        raise DataError(
            f"{mask} is missing, and there is no mask_dat.npz to make it of. mask=False takes "
            "every pixel as it is."
        )
    return ~exclude & ((levels == 0) | (levels >= NOISE_BELOW))


def _days(file: Path) -> np.ndarray:
    days = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        day = line.partition(",")[0].strip()
        if not day:
            continue
        try:
            if len(day) != 8:
                raise ValueError
            days.append(np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "D"))
        except ValueError:
            raise DataError(
                f"{file}, line {number}: expected a day such as '20150131, 12.5'. Received {line!r}"
            ) from None
    return np.unique(days)


def _periods(days: np.ndarray) -> list[str]:
    runs = np.split(days, np.flatnonzero(np.diff(days) != np.timedelta64(1, "D")) + 1)
    return [f"{run[0]}/{run[-1]}" for run in runs if len(run)]
