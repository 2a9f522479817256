"""Arrays of a batch: one channel a variable, cut out of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_wx.data.augment import Pose
from keras_wx.data.frames import FrameStore
from keras_wx.errors import DataError
from keras_wx.spec import Variable

_ROLES = ("input", "mask", "static", "target")


@dataclass(frozen=True)
class Channel:
    """A variable in one role, and where its frames come from."""

    variable: Variable
    store: FrameStore

    def write(self, out: np.ndarray, init: np.ndarray, poses: list[Pose]) -> None:
        """Fills `out` `(batch, time, y, x)`; a single frame is repeated along time."""
        first, frames = self.variable.offsets[0], self.variable.frames
        for window, start, pose in zip(out, (init + first).tolist(), poses, strict=True):
            window = window[::-1] if pose.backwards else window
            if frames == 1:
                window[:] = pose.apply(self.store.read(start, start + 1), out.shape[2:])
                continue
            at = 0
            for piece in self.store.pieces(start, start + frames):
                window[at : at + len(piece)] = pose.apply(piece, out.shape[2:])
                at += len(piece)

    def refuse_known_gaps(self, init: np.ndarray) -> None:
        """Raises before the first batch what `close_gaps` would raise later, where it is known."""
        if self.variable.fill is None and self.store.missing is not None:
            frames = init[:, None] + np.array(self.variable.offsets)
            if self.store.still:
                frames[:] = 0
            wrong = self.store.missing[frames]
            if wrong.any():
                raise self._no_fill(frames[wrong].min())

    def close_gaps(self, out: np.ndarray, init: np.ndarray) -> np.ndarray | None:
        """Puts the variable's `fill` where `out` is missing, and returns where that was.

        Raises:
            DataError: for missing values of a variable that has no `fill`.
        """
        if not self.store.may_be_missing:
            return None
        gaps = np.isnan(out)
        if gaps.any():
            if self.variable.fill is None:
                window, frame = np.argwhere(gaps)[0][:2]
                raise self._no_fill(init[window] + self.variable.offsets[frame])
            out[gaps] = self.store.transform(np.float64(self.variable.fill))
        return gaps

    def _no_fill(self, frame: int) -> DataError:
        name, times = self.variable.name, self.store.times
        when = "" if times is None else f" at {times[frame].astype('datetime64[s]')}"
        return DataError(
            f"NaN without a mask: variable {name!r} ({self.variable.role}) has missing values"
            f"{when}, and the sample has no `fill` for it, the value in {self.variable.units} that "
            "stands in for them; missing targets then have sample weight 0. "
            f"load(..., sample={{'variables': {{{name!r}: {{'fill': ...}}}}}}) gives one."
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
        valid = np.broadcast_to(np.True_, out.shape[:-1])  # takes no memory
        for number, channel in enumerate(self.channels):
            layer = out[..., number]
            channel.write(layer, init, poses)
            gaps = channel.close_gaps(layer, init)
            if gaps is not None:
                valid = valid & ~gaps
        return out, valid


def plan_arrays(channels: list[Channel], shapes: dict[str, tuple[int, int]]) -> list[ArrayPlan]:
    """Stacks variables as the channels of one array, or gives each its own where they differ.

    Inputs come first, then masks, then what is static, each in the order of the sample.

    Args:
        channels: the variables, all of them eaten or all of them targets.
        shapes: rows and columns of a sample on each grid.

    Raises:
        DataError: for two arrays of one name.
    """
    channels = sorted(channels, key=lambda channel: _ROLES.index(channel.variable.role))
    first = channels[0].variable
    alike = all(
        channel.variable.grid == first.grid
        and (channel.variable.steps in (first.steps, None) or channel.store.still)
        for channel in channels
    )
    groups = [channels] if alike else [[channel] for channel in channels]
    names = [group[0].variable.name for group in groups]
    if len(set(names)) < len(names):
        raise DataError(
            "Variables that differ in grid or steps are arrays by name, so each needs a name of "
            f"its own. Received: {names}"
        )
    return [ArrayPlan(tuple(group), shapes[group[0].variable.grid]) for group in groups]
