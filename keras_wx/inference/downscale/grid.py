"""The fine grid: of the data's own fine fields, or of coordinates alone."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.downscale.fields import fine_field
from keras_wx.errors import DataError
from keras_wx.spec import Sample


def fine_points(data: xr.Dataset, sample: Sample) -> xr.DataArray:
    """A field `(y, x)` with the coordinates of the fine grid; its values mean nothing."""
    known = [v for v in sample.variables if v.role == "calendar" or v.name in data]
    field = fine_field(data, sample.model_copy(update={"variables": tuple(known)}))
    return field if "time" not in field.dims else field.isel(time=0, drop=True)


def with_target(dataset: xr.Dataset, sample: Sample) -> tuple[xr.Dataset, Sample]:
    """What says where the fine points are, for a model that reads no fine field.

    Args:
        dataset: what the user gave.
        sample: what the model eats and gives.

    Returns:
        The dataset, with a target without values where it has only the coordinates of its grid; and
        the sample with only those targets that the dataset has.

    Raises:
        DataError: nothing says it.
    """
    eaten = tuple(v for v in sample.variables if v.role != "target")
    given = tuple(t for t in sample.targets if t.name in dataset)
    on_fine = [v for v in eaten if v.role != "calendar" and not sample.grids[v.grid].onto]
    if not given and not on_fine:
        target = sample.targets[0]
        likely = sample.grids[sample.meeting_grid(target)].dims, ("lat", "lon"), ("y", "x")
        dims = next((dims for dims in likely if set(dims) <= set(dataset.coords)), None)
        if dims is None:
            raise DataError(
                f"No field of the dataset is on the fine grid, and it has no coordinates along "
                f"{likely[0][0]!r} and {likely[0][1]!r}: where are the fine points? Expected "
                f"{target.name!r}, or dataset.assign_coords(lat=..., lon=...)."
            )
        shape = tuple(dataset.sizes[dim] for dim in dims)
        nothing = np.broadcast_to(np.float32(np.nan), shape)
        points = xr.DataArray(nothing, dims=dims, attrs={"units": target.units})
        dataset, given = dataset.assign({target.name: points}), (target,)
    return dataset, sample.model_copy(update={"variables": (*eaten, *given)})
