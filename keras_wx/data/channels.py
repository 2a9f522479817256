"""Arrays of a batch: one channel a variable, cut out of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_wx.data.augment import Pose
from keras_wx.data.frames import FrameStore
from keras_wx.errors import DataError
from keras_wx.spec import Variable


@dataclass(frozen=True)
class Channel:
    """A variable in one role, and where its frames come from."""

    variable: Variable
    store: FrameStore

    def write(self, out: np.ndarray, init: np.ndarray, poses: list[Pose]) -> None:
        """Fills `out` `(batch, time, y, x)`; a single frame is repeated along time."""
        first, frames = self.variable.offsets[0], self.variable.frames
        for window, start, pose in zip(out, (init + first).tolist(), poses, strict=True):
            if frames == 1:
                window[:] = pose.apply(self.store.read(start, start + 1), out.shape[2:])
                continue
            at = 0
            for piece in self.store.pieces(start, start + frames):
                window[at : at + len(piece)] = pose.apply(piece, out.shape[2:])
                at += len(piece)

    def close_gaps(self, out: np.ndarray, init: np.ndarray) -> np.ndarray | None:
        """Puts the variable's `fill` where `out` is missing, and returns where that was.

        Raises:
            DataError: for missing values of a variable that has no `fill`.
        """
        if not self.store.may_be_missing:
            return None
        gaps = np.isnan(out)
        if gaps.any():
            out[gaps] = self._fill(init, gaps)
        return gaps

    def _fill(self, init: np.ndarray, gaps: np.ndarray) -> np.float32:
        if self.variable.fill is not None:
            return self.store.transform(np.float64(self.variable.fill))
        window, frame = np.argwhere(gaps)[0][:2]
        if self.store.times is None or self.variable.steps is None:
            when = ""
        else:
            index = init[window] + self.variable.offsets[frame]
            when = f" at {self.store.times[index].astype('datetime64[s]')}"
        name = self.variable.name
        raise DataError(
            f"NaN without a mask: variable {name!r} ({self.variable.role}) is missing{when}, and "
            f"the sample says no `fill` for it, the value in {self.variable.units} that stands in "
            f"for missing ones. sample.merged({{'variables': {{{name!r}: {{'fill': ...}}}}}}) "
            "gives one; missing targets then have sample weight 0."
        )


@dataclass(frozen=True)
class ArrayPlan:
    """One array of a batch: variables of one grid and the same steps, stacked as channels."""

    channels: tuple[Channel, ...]
    shape: tuple[int, int]
    """Rows and columns of a sample."""

    @property
    def name(self) -> str:
        return self.channels[0].variable.name

    @property
    def frames(self) -> int:
        return max(channel.variable.frames for channel in self.channels)

    @property
    def may_be_missing(self) -> bool:
        return any(channel.store.may_be_missing for channel in self.channels)

    def read(self, init: np.ndarray, poses: list[Pose]) -> tuple[np.ndarray, np.ndarray]:
        """Cuts the array out of the frames.

        Args:
            init: index of the frame at step 0 of each window, shape `(batch,)`.
            poses: where each window is cut out and how it is turned.

        Returns:
            Network numbers `(batch, time, y, x, channels)`, float32, and a mask
            `(batch, time, y, x)` of where every channel is valid.
        """
        out = np.empty((len(init), self.frames, *self.shape, len(self.channels)), np.float32)
        valid = np.ones(out.shape[:-1], bool)
        for number, channel in enumerate(self.channels):
            layer = out[..., number]
            channel.write(layer, init, poses)
            gaps = channel.close_gaps(layer, init)
            if gaps is not None:
                valid &= ~gaps
        return out, valid


def plan_arrays(channels: list[Channel], shapes: dict[str, tuple[int, int]]) -> list[ArrayPlan]:
    """Stacks variables as the channels of one array, or gives each its own where they differ.

    Args:
        channels: the variables, in the order of the sample.
        shapes: rows and columns of a sample on each grid.
    """
    first = channels[0].variable
    alike = all(
        channel.variable.grid == first.grid
        and (channel.variable.steps in (first.steps, None) or channel.store.still)
        for channel in channels
    )
    groups = [channels] if alike else [[channel] for channel in channels]
    return [ArrayPlan(tuple(group), shapes[group[0].variable.grid]) for group in groups]
