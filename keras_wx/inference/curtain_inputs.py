"""What a model of curtains reads of a dataset, some profiles at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import xarray as xr

from keras_wx.data.curtain import blind_rows, gate_values, soft_mask
from keras_wx.data.timeaxis import time_step
from keras_wx.data.units import is_reflectivity
from keras_wx.errors import DataError
from keras_wx.spec import Sample

COLUMNS_AT_ONCE = 4096
"""Profiles that are looked at, or that a model is given, at once, unless the caller says otherwise:
members of an ensemble that are blended between two tiles would differ less there than elsewhere."""


class CurtainInputs:
    """The inputs of a sample from a curtain that need not be in memory. It is read once when it is
    made, so that what cannot be filled in is known before anything is.

    Args:
        data: what `keras_wx.data.conform` gives, dims `(height, time)`.
        sample: what the model eats and gives.

    Attributes:
        times: datetime64 of every profile.
        height: number of gates.
        top: number of gates, from the lowest, that any mask reaches.

    Raises:
        DataError: for missing values outside the blind zone, unless a whole profile is missing; and
            without any profile.
    """

    def __init__(self, data: xr.Dataset, sample: Sample):
        if not data.sizes["time"]:
            raise DataError("The dataset has no profiles. Expected one at least.")
        self._data = data
        self._sample = sample
        self._blind = blind_rows(data, sample)
        self.times = data["time"].values
        self.height = data.sizes["height"]
        self.top = min(self.height, int(self._blind.max()) + sample.blind_zone.buffer)
        self._missing = np.concatenate([self._read(part)[1] for part in self.parts()])
        self._warn_of_missing_states()

    def parts(self, start: int = 0, stop: int | None = None) -> Iterator[slice]:
        """Profiles from start to stop, so many at a time."""
        stop = len(self.times) if stop is None else stop
        for first in range(start, stop, COLUMNS_AT_ONCE):
            yield slice(first, min(first + COLUMNS_AT_ONCE, stop))

    def runs(self) -> Iterator[slice]:
        """Profiles that follow each other, none of which is missing."""
        step = self._sample.step or time_step(self.times)
        jumps = np.zeros(len(self.times), bool)
        if step is not None:
            length = np.timedelta64(step).astype("m8[ns]")
            jumps[1:] = np.diff(self.times.astype("M8[ns]")) > 1.5 * length
        missing = self._missing
        begins = ~missing & (jumps | np.concatenate([[True], missing[:-1]]))
        ends = ~missing & np.concatenate([jumps[1:] | missing[1:], [True]])
        for begin, end in zip(np.flatnonzero(begins), np.flatnonzero(ends), strict=True):
            yield slice(int(begin), int(end) + 1)

    def mask(self, columns: slice) -> np.ndarray:
        """1 in the blind zone, falling to 0 over the buffer above, `(height, time)`."""
        return soft_mask(self._blind[columns], self._sample.blind_zone.buffer, self.height)

    def measured(self, name: str, columns: slice) -> np.ndarray:
        """A variable as the data have it, `(height, time)`, float32."""
        return self._data[name].isel(time=columns).values.astype(np.float32)

    def read(self, columns: slice) -> np.ndarray:
        """What the model reads, `(1, height, time, channels)`, float32 network numbers."""
        return self._read(columns)[0]

    def _warn_of_missing_states(self) -> None:
        """Of profiles without any reflectivity nobody expects one; of others they do."""
        for variable in self._sample.inputs:
            if is_reflectivity(variable.units):
                continue
            gone = self._data[variable.name].isel(time=self._missing).isnull().all("height")
            count = int(gone.sum())
            if count:
                first = self.times[self._missing][int(gone.values.argmax())]
                warnings.warn(
                    f"{variable.name!r} is missing at every height in {count:,} of "
                    f"{len(self.times):,} profiles, the first at {first:.19}. Nothing is said of "
                    "these: they are missing as a whole.",
                    stacklevel=4,
                )

    def _read(self, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """The same, and which profiles are missing."""
        data, mask, variables = self._data.isel(time=columns), self.mask(columns), []
        values = [data[variable.name].values for variable in self._sample.inputs]
        seen = mask < 1
        gaps = [(np.isnan(v) | ~seen).all(axis=0) & seen.any(axis=0) for v in values]
        missing = np.any(gaps, axis=0)
        for variable, field in zip(self._sample.inputs, values, strict=True):
            variables.append(
                gate_values(variable, field, mask, self.times[columns], ignore=missing)
            )
        return np.stack([*variables, mask], axis=-1)[None].astype(np.float32), missing
