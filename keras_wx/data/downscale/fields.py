"""The channels of a downscaling sample, read over crops of the fine grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from keras_wx.data.channels import Channel
from keras_wx.data.downscale.calendar import calendar_map, in_convention
from keras_wx.data.downscale.numbers import to_network
from keras_wx.data.downscale.onto import Onto
from keras_wx.data.frames import FrameStore
from keras_wx.data.timeaxis import time_step
from keras_wx.errors import DataError
from keras_wx.spec import Sample, Variable
from keras_wx.transforms import IDENTITY

X_ROLES = ("input", "mask", "static", "calendar")
"""Roles in the order in which their variables are channels of x."""


@dataclass(frozen=True)
class _Layer:
    """One variable in one role: where its frames come from."""

    variable: Variable
    store: FrameStore | None
    onto: Onto | None


class Fields:
    """Reads samples of channels out of a dataset.

    Only crops are interpolated onto the fine grid and turned into network numbers. Frames are read
    in blocks, of which the latest are kept.

    Args:
        data: what `keras_wx.data.conform` gives.
        sample: with `layout: channels`.
        cache_bytes: memory for frames, as float32.

    Attributes:
        sample: what the model eats and gives.
        shape: rows and columns of the fine grid.
        fine: a field on the fine grid, for its coordinates.
        times: datetime64 of every frame.
        area: what the data say, `dataset.attrs["area"]`, or None.
        x_channels: name and step of each channel of x; the step of a static map is None.
        y_channels: the same of y.

    Raises:
        DataError: for grids that do not fit together.

    Example:

    ```python
    fields = Fields(keras_wx.data.conform(pair, sample), sample)
    x, _ = fields.x(np.array([40]), np.array([[0, 0]]), (16, 16))
    ```
    """

    def __init__(self, data: xr.Dataset, sample: Sample, *, cache_bytes: int = 512 * 2**20):
        self.sample = sample
        self.area = data.attrs.get("area")
        self.fine = fine_field(data, sample)
        self.shape = self.fine.shape[-2:]
        if "time" not in data.coords:
            raise DataError("Samples are cut along time, and no variable of the sample has times.")
        self.times = data["time"].values.astype("datetime64[ns]")
        self._step = np.timedelta64(sample.step or time_step(self.times) or 0, "ns")
        layers = _layers(data, sample, self.fine, cache_bytes)
        self._x = sorted(
            (layer for layer in layers if layer.variable.role in X_ROLES),
            key=lambda layer: X_ROLES.index(layer.variable.role),
        )
        self._y = [layer for layer in layers if layer.variable.role == "target"]
        self.x_channels, self.y_channels = (
            [(layer.variable.name, step) for layer in part for step in _steps(layer.variable)]
            for part in (self._x, self._y)
        )

    @property
    def inputs(self) -> list[Channel]:
        """What x is read from; a calendar is read from nothing."""
        return [Channel(layer.variable, layer.store) for layer in self._x if layer.store]

    @property
    def targets(self) -> list[Channel]:
        return [Channel(layer.variable, layer.store) for layer in self._y]

    def x(
        self, init: np.ndarray, corners: np.ndarray, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the model eats.

        Args:
            init: index of the frame at step 0 of each sample, `(batch,)`.
            corners: first row and column of each, on the fine grid, `(batch, 2)`.
            shape: rows and columns of a sample.

        Returns:
            Network numbers `(batch, y, x, channels)`, float32; and where all of them are known,
            bool `(batch, y, x)`: elsewhere the `fill` of a variable stands in.

        Raises:
            DataError: for missing values of a variable without `fill`, and for negative ones of
                which a logarithm is to be taken.
        """
        return self._read(self._x, init, corners, shape)

    def y(
        self, init: np.ndarray, corners: np.ndarray, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the model gives; arguments and results as for `x`."""
        return self._read(self._y, init, corners, shape)

    def target_frames(self, frames: np.ndarray) -> np.ndarray:
        """The first target on the whole fine grid, `(frames, y, x)`, of one block's frames."""
        onto = self._y[0].onto
        return frames if onto is None else onto(frames)

    def _read(self, layers, init, corners, shape) -> tuple[np.ndarray, np.ndarray]:
        count = sum(layer.variable.frames for layer in layers)
        out = np.empty((len(init), *shape, count), np.float32)
        valid = np.ones(out.shape[:-1], bool)
        at = 0
        for layer in layers:
            until = at + layer.variable.frames
            numbers, gaps = self._numbers(layer, init, corners, shape)
            out[..., at:until] = np.moveaxis(numbers, 1, -1)
            if gaps is not None:
                valid &= ~gaps.any(axis=1)
            at = until
        return out, valid

    def _numbers(
        self, layer: _Layer, init: np.ndarray, corners: np.ndarray, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Network numbers `(batch, frames, y, x)` of one variable, and where they are missing."""
        variable, store = layer.variable, layer.store
        frames = init[:, None] + np.array(variable.offsets)
        if store is None:
            return to_network(variable, *self._calendar(layer, init, corners, shape)), None
        values = np.empty((*frames.shape, *shape), np.float32)
        for window, (start, *_), (row, column) in zip(
            values, frames.tolist(), corners.tolist(), strict=True
        ):
            part = slice(row, row + shape[0]), slice(column, column + shape[1])
            at = 0
            for piece in store.pieces(start, start + variable.frames):
                cut = piece[:, *part] if layer.onto is None else layer.onto(piece, *part)
                window[at : at + len(piece)] = cut
                at += len(piece)
            window[at:] = window[:1]  # what does not change, for each of its frames
        times = None if store.times is None else self.times[frames]
        gaps = self._close_gaps(variable, values, times) if store.may_be_missing else None
        return to_network(variable, values, times, self.area), gaps

    def _calendar(self, layer: _Layer, init, corners, shape):
        """Physical maps `(batch, frames, y, x)` and their times."""
        steps = np.array(layer.variable.offsets)
        # Of times that the data do not reach too: a forecast asks for the next ones.
        times = self.times[init][:, None] + steps * self._step
        maps = np.empty((*times.shape, *shape), np.float32)
        whole = calendar_map(layer.variable.name, times, self.fine)
        for window, full, (row, column) in zip(maps, whole, corners.tolist(), strict=True):
            window[:] = full[:, row : row + shape[0], column : column + shape[1]]
        if layer.variable.name == "longitude":
            maps[:] = in_convention(maps, layer.variable.transform)
        return maps, times, self.area

    def _close_gaps(self, variable: Variable, values: np.ndarray, times) -> np.ndarray:
        gaps = np.isnan(values)
        if gaps.any():
            if variable.fill is None:
                window, frame = np.argwhere(gaps)[0][:2]
                when = "" if times is None else f" at {times[window, frame]:.19}"
                raise DataError(
                    f"NaN without a mask: variable {variable.name!r} ({variable.role}) has missing "
                    f"values{when}, and the sample has no `fill` for it, the value in "
                    f"{variable.units} that stands in for them; missing targets then have sample "
                    f"weight 0. load(..., sample={{'variables': {{{variable.name!r}: {{'fill': "
                    "...}}}) gives one."
                )
            values[gaps] = variable.fill
        return gaps


def _steps(variable: Variable) -> list[int | None]:
    return [None] if variable.steps is None else list(variable.offsets)


def fine_field(data: xr.Dataset, sample: Sample) -> xr.DataArray:
    """A field on the grid that everything meets on, for its coordinates.

    Raises:
        DataError: for a sample of which no variable is on that grid.
    """
    for variable in sample.variables:
        if variable.role != "calendar" and sample.grids[variable.grid].onto is None:
            return data[variable.name]
    raise DataError(
        f"No variable of the sample is on its grid {sample.meeting_grid(sample.variables[0])!r}, "
        "so its points are not known. Expected one, such as a static map."
    )


def _layers(data: xr.Dataset, sample: Sample, fine: xr.DataArray, cache_bytes: int) -> list[_Layer]:
    """One layer a variable; those of one name share their frames."""
    eaten = [v for v in sample.variables if v.role != "calendar"]
    sizes = {v.name: math.prod(data[v.name].shape[-2:]) for v in eaten}
    stores, ontos = {}, {}
    for variable in eaten:
        name, grid = variable.name, sample.grids[variable.grid]
        if name in stores:
            continue
        field = data[name]
        if "time" in field.dims[-2:] or field.dims[:-2] not in ((), ("time",)):
            raise DataError(
                f"Variable {name!r}: samples are windows along time of fields with dims "
                f"(time, y, x). Received dims {field.dims}"
            )
        ontos[name] = None if grid.onto is None else Onto(field, fine, grid.method)
        if grid.onto is None and field.shape[-2:] != fine.shape[-2:]:
            raise DataError(
                f"Variables {fine.name!r} and {name!r} are read on one grid. Received shapes "
                f"{fine.shape[-2:]} and {field.shape[-2:]}. `onto` of a grid of the sample says "
                "that its fields are interpolated."
            )
        share = cache_bytes * sizes[name] // sum(sizes.values())
        stores[name] = FrameStore(field, IDENTITY, cache_bytes=share)
    return [_Layer(v, stores.get(v.name), ontos.get(v.name)) for v in sample.variables]
