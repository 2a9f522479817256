"""The registered baseline: motion, scales and matching put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from keras_wx.baselines.advection import displace, displacements
from keras_wx.baselines.echo import EchoBaseline
from keras_wx.baselines.optical_flow.gray import check_gray_range, to_gray
from keras_wx.baselines.optical_flow.variational import variational_flow
from keras_wx.baselines.steps.matching import match_distribution, near_rain
from keras_wx.baselines.steps.scales import HISTORY, Scales
from keras_wx.errors import ModelError
from keras_wx.registry import register_model

STEP_INTO_RAIN = 5.0
"""How far dry points lie below the threshold, in dB: rain has an edge, but no cliff."""


@register_model("steps")
class Steps(EchoBaseline):
    """Short-term ensemble prediction system: advection, and noise that looks like rain.

    The last frames are moved along their motion to where the rain is now, and divided into scales.
    Each scale is an AR(2) process as fast as these frames show it to be, so that small cells are
    soon replaced by others, and rain bands live on. What replaces them is noise with the spectrum
    of the last frame. Every member gets the distribution of values of the last frame back, stays
    near rain, and is carried along the motion, which is not known exactly either.

    Args:
        output_frames: number of frames to forecast.
        levels: number of scales, fewer on a grid of fewer than `2 ** levels` points.
        threshold: reflectivity in dBZ from which on it rains. What lies below takes no part in
            scales and noise.
        rim: how far from rain new rain can arise in one step, in grid points.
        drift: how far the members' motion strays from that of the frames: standard deviation along
            x and along y, as a fraction of the mean speed.
        gray_range: what is black and white to the optical flow, in dBZ.

    Input shape:
        `(batch, time, height, width, channels)` of at least three frames, in dBZ or in the mm/h of
        a preset of rain rate. Each channel is forecast by itself.

    Output shape:
        `(batch, output_frames, height, width, channels)` in the same units: one member. The same
        frames several times in a batch, or in several batches, give different members.

    Raises:
        ModelError: an argument that makes no forecast, or too few frames.

    References:
        Bowler, Pierce & Seed (2006), STEPS: A probabilistic precipitation forecasting scheme which
        merges an extrapolation nowcast with downscaled NWP, Quarterly Journal of the Royal
        Meteorological Society 132, 2127-2155.
        Seed, Pierce & Norman (2013), Formulation and evaluation of a scale decomposition-based
        stochastic precipitation nowcast scheme, Water Resources Research 49, 6624-6641.

    Example:
        >>> keras_wx.predict(keras_wx.load("steps"), radar, members=20)
    """

    stochastic = True
    tiny = {"output_frames": 3, "levels": 3, "threshold": 0.5, "rim": 2}

    def __init__(
        self,
        output_frames: int = 15,
        levels: int = 6,
        threshold: float = 3.0,
        rim: int = 10,
        drift: float = 0.3,
        gray_range: Sequence[float] = (0.0, 60.0),
        name: str | None = None,
    ):
        super().__init__(name, output_frames=output_frames)
        if levels < 1 or rim < 0 or drift < 0:
            raise ModelError(
                "Expected at least one level, rim >= 0 and drift >= 0. Received: "
                f"levels={levels}, rim={rim}, drift={drift}"
            )
        self.levels = levels
        self.threshold = threshold
        self.rim = rim
        self.drift = drift
        self.gray_range = check_gray_range(gray_range)

    def forecast(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, np.float32)
        if x.ndim != 5 or x.shape[1] < HISTORY or not np.isfinite(x).all():
            raise ModelError(
                f"{self.name}: expected an input (batch, time, y, x, channels) of at least "
                f"{HISTORY} frames, all values finite; the `fill` of a preset's variable says what "
                f"stands in for missing ones. Received: shape {x.shape}, "
                f"{np.count_nonzero(~np.isfinite(x))} values not finite"
            )
        fields = np.moveaxis(self.dbz(x[:, -HISTORY:]), -1, 1)
        out = np.empty((*fields.shape[:2], self.output_frames, *fields.shape[3:]), np.float32)
        # Members of one ensemble share all that the frames say.
        same = defaultdict(list)
        for index in np.ndindex(fields.shape[:2]):
            same[fields[index].tobytes()].append(index)
        for indices in same.values():
            frames = fields[indices[0]]
            members = self._members(frames, [self.rng.next(frames) for _ in indices])
            for index, member in zip(indices, members, strict=True):
                out[index] = member
        return self.from_dbz(np.moveaxis(out, 1, -1))

    def _members(self, frames: np.ndarray, rngs: list[np.random.Generator]) -> np.ndarray:
        """An ensemble from three frames `(time, y, x)`: `(members, output_frames, y, x)`."""
        now, no_echo = frames[-1], frames.min()
        flows = [variational_flow(*pair) for pair in pairwise(to_gray(frames, self.gray_range))]
        velocity = np.mean(flows, axis=0)
        speed = np.sqrt((velocity**2).sum(axis=0).mean())
        drift = self.drift * speed * np.stack([rng.standard_normal((2, 1, 1)) for rng in rngs])

        dry = self.threshold - STEP_INTO_RAIN
        rain = np.where(frames >= self.threshold, frames, dry)
        scales = Scales.of(rain, velocity, self.levels, fill=dry)
        near = [near_rain(now >= self.threshold, self.rim)] * len(rngs)
        out = np.empty((len(rngs), self.output_frames, *now.shape), np.float32)
        paths = displacements(velocity, self.output_frames)
        for step, (path, fields) in enumerate(zip(paths, scales.evolve(rngs), strict=False)):
            for member, field in enumerate(fields):
                field = match_distribution((field - field.min()) * near[member], now)
                near[member] = near_rain(field >= self.threshold, self.rim)
                strayed = path + (step + 1) * drift[member]
                out[member, step] = displace(field, strayed, fill=no_echo)
        return out
