"""Where what is made is put, and read again as history: memory, or a Zarr store."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.inference.downscale.plan import Job, Plan
from keras_wx.inference.output import Outline, empty_arrays

MARKS = "done"
"""Folder of a store that is not complete: an empty file for each job that is."""
RUN = "run"
"""File of such a store: what its numbers depend on, as a hash."""
PARCEL = "parcel"
"""Likewise: what the workers of a cluster need."""


class Results:
    """Fields of the output's dims `([realization,] time, y, x)`, in anything that takes an index.

    Args:
        arrays: name of a variable -> its array.
        outline: of the output.
        rows: of a band.
    """

    def __init__(self, arrays: dict[str, Any], outline: Outline, rows: int):
        self._arrays, self._rows = arrays, rows
        self._height = list(outline.sizes.values())[-2]
        self._ensemble = "realization" in outline.sizes

    def write(self, job: Job, values: dict[str, np.ndarray]) -> None:
        """Puts `(members, steps, rows, x)` of each variable where the job says."""
        first = job.band * self._rows
        part = job.steps, slice(first, min(first + self._rows, self._height))
        for name, block in values.items():
            if self._ensemble:
                self._arrays[name][job.members, *part] = block
            else:
                self._arrays[name][part] = block[0]

    def read(self, name: str, steps: np.ndarray, member: int, rows: slice) -> np.ndarray:
        """Physical values `(steps, y, x)` of one member at increasing steps."""
        before = (member,) if self._ensemble else ()
        window = slice(int(steps[0]), int(steps[-1]) + 1)
        return np.asarray(self._arrays[name][*before, window, rows])[steps - steps[0]]


class InMemory(Results):
    """Results in memory."""

    def __init__(self, outline: Outline, plan: Plan):
        self._outline = outline
        self._own = empty_arrays(outline)
        super().__init__(self._own, outline, plan.rows)

    def is_done(self, job: Job) -> bool:
        return False

    def complete(self) -> xr.Dataset:
        return self._outline.dataset(self._own)


class InZarr(Results):
    """Results in a Zarr store, which has its name once it is complete.

    Until then it is beside it as `.NAME.partial`, and a run of the same order goes on with it. A
    job's chunks are its own, so that several processes can write at once; it is marked as done when
    all of it is written.
    """

    def __init__(self, path: Path, outline: Outline, plan: Plan):
        import zarr

        self._path, self._partial = path, _unfinished(path)
        group = zarr.open_group(self._partial, mode="r+")
        super().__init__({n: group[n] for n in outline.variables}, outline, plan.rows)

    @classmethod
    def begin(cls, path: Path, outline: Outline, plan: Plan, run: str) -> InZarr:
        """Makes the store, or opens one that an earlier run of the same order has left.

        Raises:
            DataError: another order's store is there.
        """
        partial = _unfinished(path)
        discard_if_empty(path)
        if (partial / RUN).exists():
            if (partial / RUN).read_text() != run:
                raise DataError(
                    f"path: {partial} is what an unfinished run has left, of another model, other "
                    "data or options, and this one cannot go on with it. Remove it, or choose "
                    "another name."
                )
            return cls(path, outline, plan)
        shutil.rmtree(partial, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        _template(outline, plan).to_zarr(partial, mode="w", compute=False, consolidated=False)
        (partial / MARKS).mkdir()
        # Last: only what is whole has it.
        (partial / RUN).write_text(run)
        return cls(path, outline, plan)

    @staticmethod
    def parcel(path: Path) -> Path:
        """The file of a store that workers read."""
        return _unfinished(path) / PARCEL

    def is_done(self, job: Job) -> bool:
        return (self._partial / MARKS / job.name).exists()

    def write(self, job: Job, values: dict[str, np.ndarray]) -> None:
        super().write(job, values)
        (self._partial / MARKS / job.name).touch()

    def complete(self) -> xr.Dataset:
        """Gives the store its name."""
        os.rename(self._partial, self._path)
        (self._path / RUN).unlink()
        (self._path / PARCEL).unlink(missing_ok=True)
        shutil.rmtree(self._path / MARKS)
        return xr.open_zarr(self._path, chunks=None, consolidated=False, decode_timedelta=True)


def discard_if_empty(path: Path) -> None:
    """Takes away what a run has left beside its store, if it ended before its first job was done,
    as one of wrong data does."""
    partial = _unfinished(path)
    if partial.exists() and not any((partial / MARKS).glob("*")):
        shutil.rmtree(partial)


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _template(outline: Outline, plan: Plan) -> xr.Dataset:
    """The output without its numbers, in chunks of one job each."""
    import dask.array

    def empty(name: str) -> dask.array.Array:
        shape = outline.shape(name)
        most = (plan.members[1], plan.steps[1], plan.rows, shape[-1])[-len(shape) :]
        chunks = tuple(min(n, k) for n, k in zip(shape, most, strict=True))
        return dask.array.empty(shape, chunks=chunks, dtype=np.float32)

    return outline.dataset({name: empty(name) for name in outline.variables})
