"""Days: means of what falls into them, and parts of an archive that are lists of days."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred
from keras_wx.data.timeaxis import check_increasing
from keras_wx.errors import DataError

DAY = np.timedelta64(1, "D")


def daily_means(field: xr.DataArray) -> xr.DataArray:
    """Means over the days (UTC) of a field, lazy where it is lazy.

    Days at both ends that are not whole are left out. A field of one frame a day keeps its values.

    Args:
        field: dims `(time, ...)`, as many frames in each day.

    Returns:
        float32; the times are the midnights at which the days begin.

    Raises:
        DataError: for a day within the record that is not whole.
    """
    times = field["time"].values
    check_increasing(times)
    days, first, counts = np.unique(
        times.astype("datetime64[D]"), return_index=True, return_counts=True
    )
    frames = int(counts.max())
    whole = counts == frames
    if not whole.any() or not whole[whole.argmax() : len(whole) - whole[::-1].argmax()].all():
        wrong = np.flatnonzero(~whole)
        inner = wrong[(wrong > whole.argmax())][0] if len(wrong) else 0
        raise DataError(
            f"Variable {field.name!r}: expected {frames} frames in each day. {days[inner]} has "
            f"{counts[inner]}."
        )
    start = int(first[whole][0])
    part = deferred(field.isel(time=slice(start, start + frames * int(whole.sum()))))
    if frames > 1:
        part = part.astype("float32").coarsen(time=frames).mean()
        part.attrs = field.attrs | {"cell_methods": "time: mean"}
    midnights = days[whole].astype("datetime64[ns]")
    return part.assign_coords(time=("time", midnights, {"standard_name": "time"}))


def as_periods(days: np.ndarray) -> str:
    """Runs of days as the attribute of a split says them: `"2005-05-16/2005-05-18,..."`.

    Args:
        days: datetime64, increasing.
    """
    days = days.astype("datetime64[D]")
    breaks = np.flatnonzero(np.diff(days) > DAY)
    starts, ends = days[np.r_[0, breaks + 1]], days[np.r_[breaks, len(days) - 1]]
    return ",".join(f"{start}/{end}" for start, end in zip(starts, ends, strict=True))
