"""The preparation of radar frames in the paper of the ConvLSTM: smaller, smoother, in blocks."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from keras_wx.data.additive import deferred
from keras_wx.data.augment import centre
from keras_wx.data.geometry import spatial_dims
from keras_wx.data.regrid import MIN_VALID
from keras_wx.data.splits import NAMES
from keras_wx.data.timeaxis import check_increasing, time_step
from keras_wx.data.units import is_reflectivity
from keras_wx.errors import DataError
from keras_wx.spec import format_step

SHARES = (4, 1, 1)
"""Blocks of each six that are for training, validation and test."""

_DAY = np.timedelta64(1, "D")


def prepare(
    dataset: xr.Dataset,
    *,
    crop: int = 330,
    radius: float = 10.0,
    size: int = 100,
    low: float = -10.0,
    high: float = 60.0,
    block_frames: int | None = 40,
    seed: int = 0,
) -> xr.Dataset:
    """Radar frames as the experiments of 2015 had them: 330 x 330 pixels smoothed to 100 x 100.

    Reflectivity is clipped to the range of the gray levels; the square in the middle is cut out,
    filtered with a disk and shrunk by area-weighted means. Both are means of dBZ, as the paper
    took them of gray levels, which are linear in dBZ: `transform: {linear: {low: -10, high: 60}}`
    turns one into the other. Each day is divided into blocks, of which four of six are for
    training and one each for validation and test, drawn at random; windows lie inside a block.
    Blocks of different parts follow each other without a gap, as in the paper.

    The paper had the 97 rainiest days of 2011 to 2013 with a frame every 6 minutes, so six blocks
    a day; `open_dataset("hko7")` holds these years. It takes any days: select them first. The paper
    finds clutter by clustering monthly means; here what is missing in the dataset has no weight,
    and a point is missing where less than half of its weight is left. At the edge of the square
    the mean is over the part of the disk that lies inside.

    Args:
        dataset: `reflectivity` [dBZ] with dims `(time, y, x)` or `(time, lat, lon)`, at least
            `crop` points along both.
        crop: points along each side of the square in the middle.
        radius: of the disk, in pixels; 0 filters nothing.
        size: points along each side of the result, at most `crop`.
        low, high: dBZ of gray levels 0 and 1.
        block_frames: frames in a block; None cuts no blocks, for data that are only forecast from.
        seed: equal seeds give a day equal blocks, whatever other days there are.

    Returns:
        `reflectivity` [dBZ], `float32`, dims `(time, y, x)`, lazy where the dataset is; 1-D
        coordinates of the new points; blocks as attributes `split_train`, `split_val`,
        `split_test`.

    Raises:
        DataError: for another variable, a grid that is smaller than `crop`, sizes that make no
            sense, and blocks too few for three parts.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214, section 4.2.

    Example:

    ```python
    from keras_wx.data.hko_2015 import prepare

    radar = prepare(keras_wx.open_dataset("hko7", path="hko_data", years=[2011, 2012, 2013]))
    model = keras_wx.load("convlstm_hko", weights=None)
    train = keras_wx.samples(radar, model.preset, split="train")
    ```
    """
    blocks_make_sense = block_frames is None or block_frames >= 1
    if not (1 <= size <= crop and radius >= 0 and low < high and blocks_make_sense):
        raise DataError(
            "Expected 1 <= size <= crop, radius >= 0, low < high and block_frames >= 1. Received: "
            f"size={size}, crop={crop}, radius={radius}, low={low}, high={high}, "
            f"block_frames={block_frames}"
        )
    field = _reflectivity(dataset)
    dims = field.dims[-2:]
    if min(field.shape[-2:]) < crop:
        raise DataError(
            f"Expected at least {crop} x {crop} points. The data have {field.shape[-2]} x "
            f"{field.shape[-1]}. crop= takes a smaller square."
        )
    square = dict(zip(dims, centre(field.shape[-2:], (crop, crop)), strict=True))
    field, kernel = deferred(field.isel(square)), disk_kernel(radius)
    small = xr.apply_ufunc(
        lambda frames: _smoothed(frames, kernel, size, low, high),
        field,
        input_core_dims=[dims],
        output_core_dims=[dims],
        exclude_dims=set(dims),
        dask="parallelized",
        output_dtypes=["float32"],
        dask_gufunc_kwargs={"output_sizes": dict.fromkeys(dims, size), "allow_rechunk": True},
        keep_attrs=True,
    )
    axes = {dim: _shrunk(field[dim], size) for dim in dims if dim in field.coords}
    times = dataset["time"].values
    splits = {} if block_frames is None else block_splits(times, block_frames, seed)
    return xr.Dataset({"reflectivity": small.assign_coords(axes)}, attrs=dataset.attrs | splits)


def disk_kernel(radius: float) -> np.ndarray:
    """Weights of a mean over a disk: the share of each pixel that it covers, with sum 1.

    Args:
        radius: in pixels; the disk's centre is that of the middle pixel.

    Returns:
        Shape `(2 n + 1, 2 n + 1)` with `n` the whole pixels that the disk reaches, as
        `fspecial('disk', radius)` of MATLAB has it: 21 x 21 for a radius of 10.
    """
    if radius == 0:
        return np.ones((1, 1))
    reach = math.ceil(radius - 0.5)
    edges = np.arange(-reach, reach + 2) - 0.5
    # From the origin to each corner, signed: the pixels are the differences of both axes.
    corner = np.sign(edges[:, None] * edges) * _quarter(abs(edges[:, None]), abs(edges), radius)
    covered = np.diff(np.diff(corner, axis=0), axis=1).clip(0)
    return covered / covered.sum()


def block_splits(times: np.ndarray, block_frames: int, seed: int) -> dict[str, str]:
    """The parts of each day's blocks, as attributes of a dataset.

    Blocks are counted from midnight, so that a piece of a day has the blocks of the whole day. Data
    that are no days have parts without a whole block then; if each has one when blocks are counted
    from the first frame of a day, they are. Of each six that follow each other on a day, four are
    for training and one each for validation and test, in random order.

    Args:
        times: datetime64, shape `(n,)`, increasing.
        block_frames: frames in a block.
        seed: of the random order; each day has its own numbers.

    Returns:
        `split_train`, `split_val` and `split_test`, the periods of the blocks that have frames, and
        `split_gap`, which is none. A single frame has no step and makes no blocks.

    Raises:
        DataError: for blocks too few to give each part one. Fewer frames than a block are taken for
            a piece of an archive, and raise nothing.
    """
    check_increasing(times)
    step = time_step(times)
    if step is None:
        return {}
    length = np.timedelta64(step)
    by_clock, by_clock_whole = _blocks(times, block_frames, length, seed, from_midnight=True)
    if by_clock_whole == set(NAMES) or len(times) < block_frames:
        return _as_attributes(by_clock)
    by_frame, by_frame_whole = _blocks(times, block_frames, length, seed, from_midnight=False)
    if by_frame_whole == set(NAMES):
        return _as_attributes(by_frame)
    raise DataError(
        f"Expected a whole block for each of {', '.join(NAMES)}: six on a day are enough. The "
        f"{len(times)} frames with a step of {format_step(step)} make blocks of {block_frames} for "
        f"{', '.join(sorted(by_frame_whole)) or 'none'}. block_frames= takes shorter ones; "
        "block_frames=None cuts none, for data that are only forecast from."
    )


def _blocks(
    times: np.ndarray, block_frames: int, step: np.timedelta64, seed: int, *, from_midnight: bool
) -> tuple[dict[str, list[str]], set[str]]:
    """The periods of each part, and the parts that have a block as a whole."""
    periods: dict[str, list[str]] = {name: [] for name in NAMES}
    whole = set()
    _, first_of_day = np.unique(times.astype("datetime64[D]"), return_index=True)
    for frames in np.split(times, first_of_day[1:]):
        day = frames[0].astype("datetime64[D]")
        begin = day if from_midnight else frames[0]
        for block in np.unique((frames - begin) // (block_frames * step)).tolist():
            group, place = divmod(block, sum(SHARES))
            random = np.random.default_rng((seed, abs(int(day.astype(int))), group))
            name = str(np.repeat(NAMES, SHARES)[random.permutation(sum(SHARES))[place]])
            first = begin + block * block_frames * step
            last = first + (block_frames - 1) * step
            if frames[0] <= first and last <= frames[-1]:
                whole.add(name)
            last = min(last, day + _DAY - np.timedelta64(1, "s"))
            periods[name].append("/".join(np.datetime_as_string([first, last], unit="s")))
    return periods, whole


def _as_attributes(periods: dict[str, list[str]]) -> dict[str, str]:
    splits = {f"split_{name}": ",".join(parts) for name, parts in periods.items() if parts}
    return splits | {"split_gap": "0min"}


def _reflectivity(dataset: xr.Dataset) -> xr.DataArray:
    field = dataset.get("reflectivity")
    if field is None or not is_reflectivity(field.attrs.get("units", "")):
        found = {name: v.attrs.get("units", "?") for name, v in dataset.data_vars.items()}
        raise DataError(
            f"Expected 'reflectivity' in dBZ. Received {found}. keras_wx.data.conform(..., zr=...) "
            "converts a rain rate."
        )
    if "time" not in field.coords:
        raise DataError("Expected times, from which the blocks of each day are made. Found none.")
    return field.transpose("time", *spatial_dims(field))


def _smoothed(
    frames: np.ndarray, kernel: np.ndarray, size: int, low: float, high: float
) -> np.ndarray:
    """Weighted means of the valid values, shape `(..., size, size)`."""
    import cv2

    def shrunk(image: np.ndarray) -> np.ndarray:
        # Beyond the edge is nothing, in the values as in their weights.
        image = cv2.filter2D(image.astype("float32"), -1, kernel, borderType=cv2.BORDER_CONSTANT)
        return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)

    *lead, ny, nx = frames.shape
    whole = shrunk(np.ones((ny, nx)))
    result = np.empty((math.prod(lead), size, size), "float32")
    for frame, small in zip(frames.reshape(-1, ny, nx), result, strict=True):
        valid = np.isfinite(frame)
        weight = whole if valid.all() else shrunk(valid)
        # Counted from `low`, so that no echo stays no echo to the last digit.
        total = shrunk(np.where(valid, np.clip(frame, low, high) - low, 0))
        enough = weight >= (MIN_VALID - 1e-6) * whole
        small[...] = np.where(enough, low + total / np.where(enough, weight, 1), np.nan)
    return result.clip(low, high).reshape(*lead, size, size)


def _shrunk(axis: xr.DataArray, size: int) -> xr.Variable:
    """Centres of `size` equal parts of the length that an evenly spaced axis covers."""
    position = (np.arange(size) + 0.5) * axis.size / size - 0.5
    values = np.interp(position, np.arange(axis.size), axis.values.astype("float64"))
    return xr.Variable(axis.dims, values, axis.attrs)


def _quarter(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Area that a disk about the origin has in common with the rectangle from there to (x, y)."""
    x, y = np.minimum(x, radius), np.minimum(y, radius)
    # As far as `flat` the rectangle is inside over its whole height, beyond it the circle is lower.
    flat = np.minimum(x, np.sqrt(radius**2 - y**2))

    def under_circle(t):
        return (t * np.sqrt(radius**2 - t**2) + radius**2 * np.arcsin(t / radius)) / 2

    return y * flat + under_circle(x) - under_circle(flat)
