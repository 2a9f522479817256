"""Folders that are there whole or not at all: how checkpoints reach the disk, and leave it.

A checkpoint is written under another name, each of its files and the folder itself are flushed to
the disk, and only then it is renamed. A manifest says how long each file is and what its hash is,
so that a folder which something else has damaged is not taken for a good one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

MANIFEST = "manifest.json"
_NAME = "step-{:09d}"
_UNFINISHED = ".unfinished-"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they are; it is made with the first one.
        keep: how many of the latest stay.
    """

    def __init__(self, folder: Path, keep: int = 3):
        self.folder = Path(folder)
        self.keep = max(1, keep)

    def write(self, step: int, fill: Callable[[Path], None]) -> Path:
        """Makes the checkpoint of a step, and deletes those that are not kept any more.

        Args:
            step: batches trained.
            fill: writes the files of the checkpoint into the folder that it is given.

        Raises:
            OSError: what writing raised, such as a full disk. All earlier checkpoints are there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = replace_folder(self.folder / _NAME.format(step), fill)
        for old in self._steps()[: -self.keep]:
            _discard(old)
        return folder

    def newest(self) -> Path | None:
        """The latest checkpoint that is whole, or None; a warning names each that is damaged."""
        for folder in reversed(self._steps()):
            fault = damage(folder)
            if fault is None:
                return folder
            warnings.warn(f"The checkpoint {folder} is left out: {fault}.", stacklevel=2)
        return None

    def tidy(self) -> None:
        """Deletes what a run that was killed has left unfinished."""
        if self.folder.is_dir():
            for leftover in self.folder.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(leftover, ignore_errors=True)

    def _steps(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.glob("step-*") if path.name[5:].isdigit())


def replace_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """Makes a folder with a manifest, in place of one of this name if there is one.

    A kill between the two renames of a replacement leaves no folder of this name, never half a one.

    Raises:
        OSError: what writing raised; the old folder is as it was.
    """
    scratch = target.with_name(f"{_UNFINISHED}{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True)
        fill(scratch)
        files = sorted(path for path in scratch.iterdir() if path.is_file())
        manifest = {
            path.name: {"bytes": path.stat().st_size, "sha256": _hash(path)} for path in files
        }
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for path in (*files, scratch / MANIFEST, scratch):
            _flush(path)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    if target.exists():
        _discard(target)
    os.rename(scratch, target)
    _flush(target.parent)
    return target


def damage(folder: Path) -> str | None:
    """Why a folder is not what was written, or None if it is."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, expected in manifest.items():
            size = (folder / name).stat().st_size
            if size != expected["bytes"]:
                return f"{name} has {size:,} bytes, not {expected['bytes']:,}"
            if _hash(folder / name) != expected["sha256"]:
                return f"{name} does not have the content that was written"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"it is not whole ({error})"
    return None


def _discard(folder: Path) -> None:
    """Deletes a folder under another name, so that no part of it is ever taken for the whole."""
    old = folder.with_name(f"{_UNFINISHED}old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    os.rename(folder, old)
    shutil.rmtree(old, ignore_errors=True)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Waits until a file or the entries of a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
