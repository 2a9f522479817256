"""What is done to a window: crops, flips and turns of every frame alike, or of their order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from keras_wx.errors import DataError

KINDS = ("flip", "rotate")
"""Of maps. A frame may be seen from any side, but not before the one that it grew out of."""
CURTAIN_KINDS = ("flip_time",)
"""Of curtains, which may be passed in both directions, but never lie on their head."""
CROPS = ("auto", "random", "center", None)


class Pose(NamedTuple):
    """Where a window is cut out, and how it is turned. Applied to `(time, y, x)` arrays.

    What reads the frames puts those that run `backwards` in their order.
    """

    row: int = 0
    column: int = 0
    flip: bool = False
    mirror: bool = False
    quarter_turns: int = 0
    backwards: bool = False

    def apply(self, frames: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """A view of `frames`, shape `(time, *shape)`."""
        height, width = shape
        frames = frames[:, self.row : self.row + height, self.column : self.column + width]
        if self.flip:
            frames = frames[:, ::-1]
        if self.mirror:
            frames = frames[:, :, ::-1]
        if self.quarter_turns:
            frames = np.rot90(frames, self.quarter_turns, axes=(1, 2))
        return frames


class Augmentation:
    """Draws a pose for each window of a batch.

    Args:
        kinds: of `"flip"` (both axes, each with probability 1/2), `"rotate"` (0 to 3 quarter
            turns, on square grids) and `"flip_time"` (with probability 1/2).
        shapes: rows and columns of a sample, on each of its grids.
        room: rows and columns by which the data are larger, where a crop is drawn from.
        allowed: the kinds that make sense of these data.

    Raises:
        DataError: for an unknown kind, and for quarter turns of a grid that is not square.
    """

    def __init__(
        self,
        kinds: Iterable[str],
        shapes: Iterable[tuple[int, int]],
        room: tuple[int, int] = (0, 0),
        allowed: tuple[str, ...] = KINDS,
    ):
        self.kinds = frozenset([kinds] if isinstance(kinds, str) else kinds)
        unknown = self.kinds - set(allowed)
        if unknown:
            raise DataError(f"augment: expected some of {allowed}. Received: {sorted(unknown)}")
        for rows, columns in shapes:
            if "rotate" in self.kinds and rows != columns:
                raise DataError(
                    f"augment: a quarter turn needs a square grid, and the samples have {rows} x "
                    f"{columns}. augment=('flip',) leaves the turns out."
                )
        self.room = room

    @property
    def changes_nothing(self) -> bool:
        return not self.kinds and self.room == (0, 0)

    def draw(self, rng: np.random.Generator, windows: int) -> list[Pose]:
        """One pose a window. Always the same draws, so that one option does not move another."""
        rows = rng.integers(self.room[0] + 1, size=windows)
        columns = rng.integers(self.room[1] + 1, size=windows)
        flips = rng.integers(2, size=(windows, 2)) * ("flip" in self.kinds)
        turns = rng.integers(4, size=windows) * ("rotate" in self.kinds)
        backwards = rng.integers(2, size=windows) * ("flip_time" in self.kinds)
        return [
            Pose(int(row), int(column), bool(flip), bool(mirror), int(quarter_turns), bool(back))
            for row, column, (flip, mirror), quarter_turns, back in zip(
                rows, columns, flips, turns, backwards, strict=True
            )
        ]


def crop_kind(crop: str | None, *, training: bool) -> str | None:
    """Resolves `"auto"`: random crops for training, the centre otherwise.

    Raises:
        DataError: for anything that is no kind of crop.
    """
    if crop not in CROPS:
        raise DataError(f"crop: expected one of {CROPS}. Received: crop={crop!r}")
    if crop == "auto":
        return "random" if training else "center"
    return crop


def cropped_shape(
    shape: tuple[int, int],
    wanted: tuple[int | None, int | None],
    crop: str | None,
    multiple: int = 1,
) -> tuple[int, int]:
    """Rows and columns of a sample, from those of the data and those that the preset wants.

    The data's own size is cut to a multiple of `multiple`.

    Raises:
        DataError: for data with fewer rows or columns than wanted.
    """
    own = tuple(size // multiple * multiple for size in shape)
    if 0 in own:
        raise DataError(
            f"The sample needs a grid of at least {multiple} x {multiple}, the data have "
            f"{shape[0]} x {shape[1]}."
        )
    if crop is None:
        return own
    height, width = (w or size for w, size in zip(wanted, own, strict=True))
    if height > shape[0] or width > shape[1]:
        raise DataError(
            f"The sample needs a grid of {height} x {width}, the data have {shape[0]} x "
            f"{shape[1]}. crop=None takes the data's own grid, as every model does that was not "
            "built for one grid (model.input_shape says None there)."
        )
    return height, width


def centre(shape: tuple[int, int], wanted: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the middle part of a grid."""
    offsets = [(size - part) // 2 for size, part in zip(shape, wanted, strict=True)]
    return tuple(slice(o, o + part) for o, part in zip(offsets, wanted, strict=True))
