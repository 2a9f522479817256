"""What a model reads of a dataset: whole domains of network numbers, with gaps filled."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from keras_wx.data.augment import Pose
from keras_wx.data.channels import Channel, plan_arrays
from keras_wx.data.frames import FrameStore
from keras_wx.errors import DataError, ModelError
from keras_wx.spec import Sample, Variable

CACHE_BYTES = 512 * 2**20
"""Memory for frames: forecasts that start one after the other share most of their history."""


class MissingForecasts(UserWarning):
    """Of forecasts that are missing as a whole, as their input is."""


class Inputs:
    """The inputs of a sample over the whole domain of a dataset.

    Args:
        data: what `keras_wx.data.conform.conform` gives, dims `(time, y, x)`.
        sample: what the model eats and gives.

    Attributes:
        field: the first input, for its coordinates.
        shape: rows and columns of the domain.
        times: datetime64 of every frame.
        fill: name of an array -> what stands in for missing values, in network numbers, a channel;
            NaN for variables without a `fill`.

    Raises:
        ModelError: for inputs on several grids, or of a role that no dataset holds.
        DataError: for fields with other dims.
    """

    def __init__(self, data: xr.Dataset, sample: Sample):
        variables = sample.of_role("input", "mask", "static")
        if sample.of_role("calendar") or len({v.grid for v in sample.variables}) > 1:
            raise ModelError(
                "predict runs models whose inputs and targets are fields on one grid. Received: "
                f"grids {sorted({v.grid for v in sample.variables})}, "
                f"roles {sorted({v.role for v in sample.variables})}"
            )
        self.field = data[sample.inputs[0].name]
        self.shape = self.field.shape[-2:]
        if "time" not in self.field.dims:
            raise _not_along_time(self.field)
        for variable in variables:
            _check_dims(data[variable.name], self.field)
        self.times = data["time"].values.astype("datetime64[ns]")
        share = CACHE_BYTES // len(variables)
        channels = [
            Channel(v, FrameStore(data[v.name], v.transform, cache_bytes=share)) for v in variables
        ]
        self._plans = plan_arrays(channels, {variables[0].grid: self.shape})
        self._warned = False
        self._without_data: list[np.ndarray] = []
        self.fill = {
            plan.name: np.array([_fill(channel.variable) for channel in plan.channels], np.float32)
            for plan in self._plans
        }

    def refuse_known_gaps(self, init: np.ndarray) -> None:
        """Raises before the first batch where missing values that nothing fills are known of."""
        for plan in self._plans:
            for channel in plan.channels:
                channel.refuse_known_gaps(init)

    def read(self, init: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Cuts windows out of the dataset.

        Args:
            init: index of the frame at step 0 of each window, shape `(windows,)`.

        Returns:
            Arrays by name, `(windows, time, y, x, channels)`, float32 network numbers; and where
            nothing is known, `(windows, y, x)`: no frame holds all variables.

        Raises:
            DataError: for missing values of a variable that has no `fill`.
        """
        arrays, missing = {}, np.zeros((len(init), *self.shape), bool)
        for plan in self._plans:
            arrays[plan.name], valid = plan.read(init, [Pose()] * len(init))
            self._warn_of_empty_frames(init, valid)
            missing |= ~valid.any(axis=1)
        self._without_data.append(init[missing.all(axis=(1, 2))])
        return arrays, missing

    def warn_of_missing_forecasts(self) -> None:
        """Says, once all is read, from where nothing could be forecast."""
        init = np.unique(np.concatenate(self._without_data))
        if len(init):
            first, last = self.times[init[[0, -1]]].astype("datetime64[s]")
            which = (
                f"The forecast from {first} has"
                if len(init) == 1
                else f"{len(init):,} forecasts, the first from {first}, the last from {last}, have"
            )
            warnings.warn(
                f"{which} no value at all: the frames that are read for it are missing.",
                MissingForecasts,
                stacklevel=5,
            )

    def _warn_of_empty_frames(self, init: np.ndarray, valid: np.ndarray) -> None:
        """Says once that a frame without any data counts as one without rain."""
        empty = ~valid.any(axis=(2, 3))
        partly = empty.any(axis=1) & ~empty.all(axis=1)
        if partly.any() and not self._warned:
            self._warned = True
            window = int(partly.argmax())
            when = self.times[init[window]].astype("datetime64[s]")
            warnings.warn(
                f"Of the {empty.shape[1]} frames that the forecast from {when} reads, "
                f"{int(empty[window].sum())} have no data at all and are filled as if dry. "
                "dataset.dropna('time', how='all') leaves such frames out, and their gap is seen.",
                stacklevel=2,
            )


def _fill(variable: Variable) -> float:
    if variable.fill is None:
        return np.nan
    return variable.transform(np.float64(variable.fill))


def _check_dims(field: xr.DataArray, first: xr.DataArray) -> None:
    if "time" in field.dims[-2:] or field.dims[:-2] not in ((), ("time",)):
        raise _not_along_time(field)
    if field.shape[-2:] != first.shape[-2:]:
        raise DataError(
            f"Variables {first.name!r} and {field.name!r} are read on one grid. Received shapes "
            f"{first.shape[-2:]} and {field.shape[-2:]}"
        )


def _not_along_time(field: xr.DataArray) -> DataError:
    return DataError(
        f"Variable {field.name!r}: a forecast starts from fields with dims (time, y, x). "
        f"Received dims {field.dims}"
    )
