"""The history of the fine field: of the data, or of the model's own samples."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import xarray as xr

from keras_wx.data.downscale import to_network
from keras_wx.data.sentinels import refuse_sentinels
from keras_wx.errors import DataError, ModelError
from keras_wx.spec import Sample, Variable

History = Literal["data", "own"]
"""Where a model reads the fine fields of the steps before: see `keras_wx.predict`."""


class Made(Protocol):
    """What has been made so far."""

    def read(self, name: str, steps: np.ndarray, member: int, rows: slice) -> np.ndarray:
        """Physical values `(steps, y, x)` of one member at some of the output's times."""


def lags_of(sample: Sample) -> tuple[Variable, ...]:
    """The inputs that are earlier frames of a target."""
    targets = {target.name: target.offsets[0] for target in sample.targets}
    return tuple(v for v in sample.inputs if v.name in targets and v.offsets[-1] < targets[v.name])


def check_history(history: str, sample: Sample) -> None:
    """Refuses what is no history, and one of its own for a model that reads none."""
    if history not in ("data", "own"):
        raise ModelError(f"history: expected 'data' or 'own'. Received: history={history!r}")
    if history == "own" and not lags_of(sample):
        raise ModelError(
            f"history='own' is for models that read earlier frames of "
            f"{', '.join(t.name for t in sample.targets)}, which they give. This one reads "
            f"{', '.join(f'{v.name} {list(v.steps or [])}' for v in sample.inputs)}."
        )


class OwnHistory:
    """Lags that are the model's own samples where it has made some, and before that the data's.

    Args:
        variable: the lags.
        field: of the data, dims `(time, y, x)`, physical units.
        times: of the data's frames.
        outputs: index of the frame that each of the output's times is.
        area: what the data say of theirs.
    """

    def __init__(
        self,
        variable: Variable,
        field: xr.DataArray,
        times: np.ndarray,
        outputs: np.ndarray,
        area: str | None,
    ):
        self.variable = variable
        self._field = field.variable
        self._times, self._area = times, area
        self._made = np.full(len(times), -1)
        inside = outputs < len(times)
        self._made[outputs[inside]] = np.flatnonzero(inside)

    def read(self, init: int, member: int, rows: slice, made: Made) -> np.ndarray:
        """Network numbers of the lags.

        Args:
            init: index of the frame at step 0.
            member: whose samples.
            rows: of the domain.
            made: what has been made so far.

        Returns:
            float32 `(rows, x, frames)`.

        Raises:
            DataError: for values of the data that are infinite, or missing and nothing fills.
        """
        frames = init + np.array(self.variable.offsets)
        steps = self._made[frames]
        values = np.empty((len(frames), rows.stop - rows.start, self._field.shape[2]), np.float32)
        own = steps >= 0
        if not own.all():
            given = frames[~own]
            values[~own] = self._fill(self._field[given, rows].values, self._times[given])
        if own.any():
            values[own] = made.read(self.variable.name, steps[own], member, rows)
        numbers = to_network(self.variable, values, self._times[frames], self._area)
        return np.moveaxis(numbers, 0, -1)

    def _fill(self, values: np.ndarray, times: np.ndarray) -> np.ndarray:
        refuse_sentinels(self.variable.name, values, times)
        if np.isinf(values).any():
            time = times[np.isinf(values).any(axis=(1, 2))][0]
            raise DataError(
                f"Variable {self.variable.name!r} is infinite at {time:.19}, which the first "
                "samples read as history. Expected finite values, or NaN where they are missing."
            )
        gaps = np.isnan(values)
        if not gaps.any():
            return values
        if self.variable.fill is None:
            time = times[gaps.any(axis=(1, 2))][0]
            raise DataError(
                f"Variable {self.variable.name!r} has missing values at {time:.19}, which the "
                "first samples read as history: it begins with data, and goes on with samples. "
                "Start where the data are complete, dataset.sel(time=slice(...)), or give the "
                f"sample a `fill` for it, in {self.variable.units}."
            )
        return np.where(gaps, np.float32(self.variable.fill), values)
