"""Maps with gaps that are filled: what was measured comes back as it was."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.spec import Sample


def restore_measured(
    fields: dict[str, np.ndarray],
    data: xr.Dataset,
    sample: Sample,
    frames: np.ndarray,
    rows: slice,
) -> None:
    """Puts measured values in the place of those that a model gave, to the bit.

    Tiles that are blended and a transform that is inverted give them back but for rounding.

    Args:
        fields: physical values `(members, steps, rows, x)` by name, changed in place.
        data: what `keras_wx.data.conform` gives.
        sample: with a mask, 1 in the gaps.
        frames: index of the frame at step 0 of each step.
        rows: of the domain.
    """
    (mask,) = sample.of_role("mask")
    gaps = _read(data[mask.name], frames, rows) >= 1
    read = {v.name for v in sample.inputs if v.offsets == range(1)}
    for target in sample.targets:
        if target.name in read and target.offsets == range(1):
            measured = _read(data[target.name], frames, rows)
            np.copyto(fields[target.name], measured, where=~gaps & ~np.isnan(measured))


def _read(field: xr.DataArray, frames: np.ndarray, rows: slice) -> np.ndarray:
    if "time" in field.dims:
        field = field.isel(time=frames)
    return field.isel({field.dims[-2]: rows}).values.astype(np.float32)
