"""Files and folders that are whole or as they were before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def rewriting(path: Path) -> Iterator[TextIO]:
    """A file to write into, which takes the place of `path` once the block has ended well."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """A folder to write into. Where the block fails and leaves nothing but hidden files, such as a
    lock, the folders that were made for it are taken away again."""
    made = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if made and all(file.name.startswith(".") for file in path.iterdir()):
            shutil.rmtree(path)
            for parent in made[1:]:
                with suppress(OSError):  # another run may have come to it meanwhile
                    parent.rmdir()
        raise
