"""Where samples are cut out of the fine grid: tiles, or crops drawn anew around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_wx.data.augment import cropped_shape
from keras_wx.errors import DataError

CROPS = ("auto", "random", "tiles", "center", None)


@dataclass(frozen=True)
class Places:
    """Crops of one size.

    Attributes:
        shape: rows and columns of a crop.
        corners: first row and column of each place, shape `(places, 2)`.
        first, last: where its crops may begin, both inclusive, same shape.
    """

    shape: tuple[int, int]
    corners: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def fixed(self) -> bool:
        return bool((self.first == self.last).all())

    def draw(self, rng: np.random.Generator, chosen: np.ndarray) -> np.ndarray:
        """First row and column of a crop in each of the chosen places, `(chosen, 2)`."""
        return rng.integers(self.first[chosen], self.last[chosen] + 1)

    def fractions(self, marked: np.ndarray) -> np.ndarray:
        """The marked fraction of the crop at each corner.

        Args:
            marked: bool, `(frames, y, x)`.

        Returns:
            `(frames, places)`.
        """
        # Sums over rectangles are differences of sums from the origin (Crow 1984).
        sums = np.zeros((len(marked), *(size + 1 for size in marked.shape[1:])), np.int32)
        np.cumsum(marked, axis=1, out=sums[:, 1:, 1:], dtype=np.int32)
        np.cumsum(sums[:, 1:, 1:], axis=2, out=sums[:, 1:, 1:])
        top, left = self.corners.T
        bottom, right = (self.corners + self.shape).T
        counts = sums[:, bottom, right] - sums[:, top, right]
        counts += sums[:, top, left] - sums[:, bottom, left]
        return counts / (self.shape[0] * self.shape[1])


def places(
    domain: tuple[int, int],
    wanted: tuple[int | None, int | None],
    crop: str | None,
    *,
    multiple: int = 1,
    stride: int | tuple[int, int] | None = None,
) -> Places:
    """The places of a domain.

    Args:
        domain: rows and columns of the fine grid.
        wanted: those of a crop, None where all are.
        crop: `"tiles"` cover the domain, the outermost shifted inwards; `"random"` draws one crop
            in each of as many cells of the same size, so that all crops are equally likely;
            `"center"` is one in the middle; None takes the whole domain.
        multiple: what rows and columns have to be a multiple of.
        stride: largest number of points from one tile to the next; None takes the size of a crop,
            which has each point in one tile.

    Raises:
        DataError: for an unknown kind, a domain smaller than a crop, or a stride that is none.
    """
    if crop not in CROPS:
        raise DataError(f"crop: expected one of {CROPS}. Received: crop={crop!r}")
    shape = cropped_shape(domain, wanted, crop, multiple)
    strides = shape if stride is None else tuple(np.broadcast_to(stride, 2).tolist())
    if any(not isinstance(s, int) or not 1 <= s <= n for s, n in zip(strides, shape, strict=True)):
        raise DataError(
            f"crop_stride: expected 1 to {min(shape)} points; a crop has {shape[0]} x {shape[1]}. "
            f"Received: crop_stride={stride!r}"
        )
    axes = [
        _along(size - part, step, crop)
        for size, part, step in zip(domain, shape, strides, strict=True)
    ]
    corners, first, last = (
        np.stack([a.ravel() for a in np.meshgrid(*parts, indexing="ij")], axis=-1)
        for parts in zip(*axes, strict=True)
    )
    return Places(shape, corners, first, last)


def _along(room: int, stride: int, crop: str | None) -> tuple[np.ndarray, ...]:
    """Corner, first and last start of each place along an axis; crops start at 0 to `room`."""
    if crop in (None, "center"):
        middle = np.array([room // 2])
        return middle, middle, middle
    count = -(-room // stride) + 1
    if crop == "tiles":
        starts = np.rint(np.linspace(0, room, count)).astype(int)
        return starts, starts, starts
    edges = np.arange(count + 1) * (room + 1) // count
    first, last = edges[:-1], edges[1:] - 1
    return (first + last) // 2, first, last
