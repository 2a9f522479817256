"""What the baselines share that fill the blind zone of a curtain."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from keras_wx.baselines.base import Baseline
from keras_wx.errors import ModelError
from keras_wx.transforms import Cloud, Transform


class InpaintingBaseline(Baseline):
    """A baseline from a radar curtain with a hole to the whole curtain.

    The hole is where the mask is exactly 1. All other gates, those of the mask's ramp too, come out
    as they went in, to the bit; what they hold in the hole is not looked at. Subclasses write
    `fill(curtains, hole)`. What they fill in is kept within the range of what the curtain measured,
    and is no cloud where the transform of the preset's target says so.

    Input shape:
        `(batch, height, time, channels)` in network numbers: reflectivity first, the mask last, the
        lowest gate in row 0.

    Output shape:
        `(batch, height, time, 1)`: reflectivity.

    Raises:
        ModelError: an input that does not fit, or a hole that reaches the top of a column.
    """

    def fill(self, curtains: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """Curtains with the hole filled; other gates may hold anything.

        Args:
            curtains: `(batch, height, time)`, anything finite in the hole.
            hole: `(height, time)`, the same for all of them and not empty.
        """
        raise NotImplementedError

    def forecast(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        self._check(x)
        curtains, holes = x[..., 0], x[..., -1] == 1
        out = curtains.copy()
        # Curtains under one mask, as most of a batch are, share the work that only depends on it.
        same = defaultdict(list)
        for index in np.flatnonzero(holes.any(axis=(1, 2))):
            same[holes[index].tobytes()].append(index)
        for indices in same.values():
            hole, holed = holes[indices[0]], curtains[indices]
            measured = holed[:, ~hole]
            low, high = (edge(axis=1)[:, None, None] for edge in (measured.min, measured.max))
            filled = self.snap(np.clip(self.fill(holed, hole), low, high))
            out[indices] = np.where(hole, filled, holed)
        return out[..., None]

    def snap(self, numbers: np.ndarray) -> np.ndarray:
        """Network numbers as a measurement gives them: those that mean no cloud are its number."""
        transform = self._transform
        return transform(transform.inverse(numbers))

    @property
    def clear(self) -> float:
        """The network number of no cloud."""
        return float(self.snap(np.float64(Cloud.CLEAR)))

    @property
    def _transform(self) -> Transform:
        return Cloud() if self.preset is None else self.preset.sample.targets[0].transform

    def _check(self, x: np.ndarray) -> None:
        if x.ndim != 4 or x.shape[-1] < 2:
            raise ModelError(
                f"{self.name}: expected an input (batch, height, time, channels) with reflectivity "
                f"first and the mask last. Received: shape {x.shape}"
            )
        if not np.isfinite(x).all():
            raise ModelError(
                f"{self.name}: expected finite values, in the hole too. Received: "
                f"{np.count_nonzero(~np.isfinite(x))} of {x.size} values not finite"
            )
        mask = x[..., -1]
        if mask.min(initial=0) < 0 or mask.max(initial=0) > 1:
            raise ModelError(
                f"{self.name}: expected a mask between 0 and 1 in the last channel. Received: "
                f"{mask.min():g} to {mask.max():g}"
            )
        columns = np.count_nonzero(mask[:, -1] == 1)
        if columns:
            raise ModelError(
                f"{self.name}: expected a measured gate above the hole in every column. Received: "
                f"{columns} columns whose mask is 1 at the top"
            )
