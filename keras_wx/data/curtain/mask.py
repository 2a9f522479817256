"""The mask of a curtain: which gates are blind, and the ramp from them to what is measured."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.curtain.rows import in_metres
from keras_wx.errors import DataError
from keras_wx.spec import BlindZone, Sample


def mask_of(dataset: xr.Dataset, sample: Sample, buffer: int | None = None) -> np.ndarray:
    """The mask of every column of a curtain.

    Args:
        dataset: with the coordinates `height`, ascending in metres, and `time`.
        sample: whose `blind_zone` says how deep the hole is.
        buffer: rows of the ramp above the hole; None takes the sample's.

    Returns:
        `(height, time)`, float32: 1 where the radar is blind, `1 - k / (buffer + 1)` in row k of
        the buffer, 0 above.

    Raises:
        DataError: for a blind zone of unknown depth, and for one that covers everything or nothing.

    Example:

    ```python
    curtain = keras_wx.data.conform(dataset, preset.sample)
    mask = mask_of(curtain, preset.sample)
    ```
    """
    rows = blind_rows(dataset, sample)
    buffer = sample.blind_zone.buffer if buffer is None else buffer
    return soft_mask(rows, buffer, dataset.sizes["height"])


def blind_rows(dataset: xr.Dataset, sample: Sample) -> np.ndarray:
    """Number of blind gates at the bottom of each column: those whose middle is below the top.

    Args:
        dataset, sample: as in `mask_of`.

    Returns:
        Integers, shape `(time,)`.

    Raises:
        DataError: as `mask_of`.
    """
    tops = _tops(dataset, _zone(sample))
    heights = dataset["height"].values
    rows = np.searchsorted(heights, tops, side="left")
    if (rows == len(heights)).any():
        column = int((rows == len(heights)).argmax())
        raise DataError(
            f"The mask covers everything: at {_time(dataset, column)} the blind zone reaches up to "
            f"{tops[column]:g} m, and the highest gate is at {heights[-1]:g} m. Expected gates "
            "above it that are measured; both heights are in metres above the surface. Its depth "
            "is that of load(..., sample={'blind_zone': {'height': ...}}) or, where it is more, "
            f"that of {sample.blind_zone.variable!r} in the data."
        )
    if rows.size and not rows.any():
        raise DataError(
            f"The mask covers nothing: the blind zone reaches up to {tops.max():g} m at most, and "
            f"the lowest gate is at {heights[0]:g} m. Expected gates inside it: "
            "load(..., sample={'blind_zone': {'height': ...}}) makes it deeper."
        )
    return rows


def soft_mask(rows: np.ndarray, buffer: np.ndarray | int, height: int) -> np.ndarray:
    """Masks from the number of blind rows of each column.

    Args:
        rows: integers, shape `(..., time)`.
        buffer: rows of the ramp, shape `(...)`.
        height: number of rows of the mask.

    Returns:
        `(..., height, time)`, float32. A column without blind rows has no ramp either.

    References:
        King et al. 2024, doi:10.1175/AIES-D-23-0063.1, and its code, `bp_batch.py`.
    """
    rows = np.asarray(rows)[..., None, :]
    into_ramp = np.arange(height)[:, None] - rows + 1
    steps = np.float32(1) + np.asarray(buffer, np.float32)[..., None, None]
    mask = np.clip(1 - into_ramp.astype(np.float32) / steps, 0, 1)
    return mask * (rows > 0)


def _zone(sample: Sample) -> BlindZone:
    if sample.blind_zone is None:
        raise DataError(
            "The sample says nothing of a blind zone, so there is nothing to fill in. Its section "
            "blind_zone, such as {height: 1250}, says how deep it is, in metres."
        )
    return sample.blind_zone


def _tops(dataset: xr.Dataset, zone: BlindZone) -> np.ndarray:
    """Metres up to which each column is blind: the higher of what sample and data say."""
    columns = dataset.sizes["time"]
    known = zone.variable in dataset
    if not known and zone.height is None:
        raise DataError(
            f"How deep is the blind zone? The sample says no height, and expects the variable "
            f"{zone.variable!r} (time) in metres, which the data do not have. "
            "load(..., sample={'blind_zone': {'height': 1250}}) gives one to all columns."
        )
    if not known:
        return np.full(columns, zone.height)
    tops = _metres(dataset[zone.variable])
    if zone.height is not None:
        return np.fmax(tops, zone.height)
    if np.isnan(tops).any():
        raise DataError(
            f"{zone.variable!r} is missing at {_time(dataset, int(np.isnan(tops).argmax()))}, and "
            "the sample says no height in its place."
        )
    return tops


def _metres(tops: xr.DataArray) -> np.ndarray:
    if tops.dims != ("time",):
        raise DataError(f"{tops.name!r}: expected dims ('time',). Received {tops.dims}")
    return in_metres(tops)


def _time(dataset: xr.Dataset, column: int) -> str:
    return f"{dataset['time'].values[column]:.19}" if "time" in dataset.coords else f"#{column}"
