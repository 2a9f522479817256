"""The folder of fetched weights: where a file goes, when it is good, who may write to it.

A file stands under its final name only after its size and SHA-256 were found right. The folder's
name carries the hash, so that two releases of one file live side by side.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pooch

from keras_wx.errors import WeightsError
from keras_wx.spec import Weights

ABSENT = "not there"
"""The fault of a file that does not exist, which is no reason for alarm."""

_log = logging.getLogger(__name__)


def home() -> Path:
    """The cache folder: `KERAS_WX_HOME`, or the operating system's place for caches."""
    return Path(os.environ.get("KERAS_WX_HOME") or pooch.os_cache("keras_wx")).expanduser()


def path_of(record: Weights) -> Path:
    """Where the file of `record` stands in the cache, present or not."""
    return home() / "weights" / record.sha256[:8] / record.file


def fault(path: Path, record: Weights) -> str | None:
    """Why `path` is not the file that `record` describes; None when it is."""
    try:
        size = path.stat().st_size
        if size != record.bytes:
            return f"has {size} bytes, expected {record.bytes}"
        digest = pooch.file_hash(str(path), alg="sha256")
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if digest == record.sha256 else f"has SHA-256 {digest}, expected {record.sha256}"


@contextmanager
def reserved(path: Path, size: int) -> Iterator[Path]:
    """Holds a place in the cache for this process alone; gives the partial file to fill.

    A partial file outlives a failure, so that the next call resumes it. Only on a full disk it is
    removed, for everybody on the machine misses its bytes.

    Args:
        path: where the complete file will stand.
        size: its size in bytes when complete.

    Raises:
        WeightsError: the folder cannot be written to, or the disk is full.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path):
            yield part
    except WeightsError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            part.unlink(missing_ok=True)
            raise _no_space(path, size) from error
        raise WeightsError(
            f"Cannot write to the weight cache {path.parent}: {error.strerror or error}. "
            "Set KERAS_WX_HOME to a folder that you can write to."
        ) from error


def require_space(path: Path, part: Path, size: int) -> None:
    """Raises `WeightsError` when what is still to come does not fit on the disk."""
    have = part.stat().st_size if part.exists() else 0
    if _free(path) < size - have:
        raise _no_space(path, size - have)


def adopt(part: Path, path: Path) -> None:
    """Gives a complete and verified partial file its final name, in one step."""
    with part.open("r+b") as file:
        os.fsync(file.fileno())
    os.replace(part, path)


def _lock(path: Path) -> filelock.AcquireReturnProxy:
    lock = filelock.FileLock(str(path) + ".lock")
    try:
        return lock.acquire(timeout=1)
    except filelock.Timeout:
        _log.warning("Waiting for another process that is fetching %s", path.name)
        return lock.acquire()


def _free(path: Path) -> int:
    folder = next(parent for parent in path.parents if parent.exists())
    return shutil.disk_usage(folder).free


def _no_space(path: Path, needed: int) -> WeightsError:
    return WeightsError(
        f"No space for {path.name} in {path.parent}: {needed} bytes needed, {_free(path)} bytes "
        "free. Free some space, or set KERAS_WX_HOME to a folder on another disk."
    )
