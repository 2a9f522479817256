"""Datasets of many short image sequences, each drawn when it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import xarray as xr

from keras_wx.data.sources._lazy import lazy_frames
from keras_wx.errors import DataError

PARTS = ("train", "val", "test")
STEP = np.timedelta64(1, "m")
"""Images have no clock: a frame a minute gives times that read well."""
LIT = 0.5
"""Intensity from which on a pixel is lit. The papers score by cross entropy, which takes an
intensity for the probability that it is; scores of events need the one or the other."""


def sequence_dataset(
    draw: Callable[[int], np.ndarray],
    *,
    parts: Mapping[str, int],
    frames: int,
    size: int,
    attrs: Mapping[str, str],
) -> xr.Dataset:
    """Sequences one after the other along `time`, with a break after each.

    Args:
        draw: number of a sequence -> its images, uint8 `(frames, size, size)`. Equal numbers give
            equal images.
        parts: name of a split -> number of its sequences, which follow each other in this order.
        frames: length of a sequence. Between two of them at least as much time is left out, which
            is the gap that splits keep.
        size: rows and columns of an image.
        attrs: global attributes.

    Returns:
        `intensity` from 0 to 1, dims `(time, y, x)`, float32 that is made when it is read, with the
        threshold of a lit pixel as attribute; the splits as attributes.
    """
    total = sum(parts.values())
    # A break that the bootstrap of scores takes for one between two events.
    days = -(-2 * frames * STEP // np.timedelta64(1, "D"))
    starts = np.datetime64("2000-01-01", "ns") + np.arange(total) * np.timedelta64(days, "D")
    times = (starts[:, None] + np.arange(frames) * STEP).ravel()

    def read(wanted: np.ndarray) -> np.ndarray:
        numbers, places = np.divmod(wanted, frames)
        images = np.empty((len(wanted), size, size), np.uint8)
        for number in np.unique(numbers):
            here = numbers == number
            images[here] = draw(int(number))[places[here]]
        return images

    images = lazy_frames(
        read,
        (total * frames, size, size),
        {
            "units": "1",
            "long_name": "intensity",
            "scale_factor": np.float32(1 / 255),
            "thresholds": [LIT],
        },
        chunk=frames,
        dtype="uint8",
    )
    splits, first = {}, 0
    for name, number in parts.items():
        if number:
            ends = times[[first * frames, (first + number) * frames - 1]]
            splits[f"split_{name}"] = "/".join(np.datetime_as_string(ends, unit="s"))
        first += number
    raw = xr.Dataset({"intensity": images}, coords={"time": times}, attrs={**attrs, **splits})
    return xr.decode_cf(raw)


def part_sizes(sequences: Sequence[int], *, digits: int, frames: int) -> dict[str, int]:
    """Name of a split -> number of its sequences.

    Raises:
        DataError: for numbers that make no dataset.
    """
    if digits < 1 or frames < 1 or len(sequences) != 3 or min(sequences) < 0 or not any(sequences):
        raise DataError(
            "Expected at least one digit and one frame, and three numbers of sequences, for "
            f"training, validation and test. Received: digits={digits}, frames={frames}, "
            f"sequences={tuple(sequences)}"
        )
    return dict(zip(PARTS, sequences, strict=True))


def seeded(
    draw: Callable[[np.random.Generator, str], np.ndarray], seed: int, parts: Mapping[str, int]
) -> Callable[[int], np.ndarray]:
    """Turns a function of random numbers and the part into one of the number of a sequence.

    A sequence depends on the seed, its part and its number in the part: not on what else was read,
    and not on how many sequences other parts have.
    """
    names, sizes = list(parts), np.array(list(parts.values()))
    ends = np.cumsum(sizes)

    def draw_number(number: int) -> np.ndarray:
        rank = int(np.searchsorted(ends, number, side="right"))
        inside = number - (ends[rank] - sizes[rank])
        return draw(np.random.default_rng((seed, rank, inside)), names[rank])

    return draw_number
