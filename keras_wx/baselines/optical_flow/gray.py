"""Physical fields as gray levels: what optical flow compares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_wx.errors import ModelError


def to_gray(
    field: np.ndarray, gray_range: Sequence[float] = (0.0, 60.0), nonlinear: bool = False
) -> np.ndarray:
    """Gray levels from 0 to 255.

    Args:
        field: values in any shape, in the units of `gray_range`.
        gray_range: what becomes 0 and 255; values outside are clipped.
        nonlinear: the levels follow `arctan((dBZ - 33) / 4)` instead, for a field in dBZ: echo of
            about 33 dBZ, where rain gets heavy, gets most of the contrast.

    Returns:
        float32 array in the shape of `field`.

    References:
        Shi et al. (2017), Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model,
        arXiv:1706.03458: the transformation of its "ROVER, nonlinear".
    """
    low, high = gray_range
    level, black, white = np.clip(field, low, high), low, high
    if nonlinear:
        level, black, white = (np.arctan((value - 33) / 4) for value in (level, black, white))
    return ((level - black) * (255 / (white - black))).astype(np.float32)


def check_gray_range(gray_range: Sequence[float]) -> list[float]:
    """The two ends of a range of values as floats.

    Raises:
        ModelError: not two ends, or not from low to high.
    """
    ends = [float(end) for end in gray_range]
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ModelError(
            f"Expected the values of black and of white, low and high. Received: gray_range={ends}"
        )
    return ends
