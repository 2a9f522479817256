"""What samplers have in common: the levels that they stop at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras_wx.diffusion.configured import Configured
from keras_wx.diffusion.levels import Levels, at_noise, at_times, check_spacing
from keras_wx.diffusion.plan import Plan
from keras_wx.diffusion.schedules import Schedule
from keras_wx.errors import ModelError


@dataclass(frozen=True)
class Sampler(Configured):
    """Base of the samplers.

    Args:
        spacing: how the levels are spaced: "trailing", "leading" or "linspace" in time; "karras" or
            "logsnr" in noise. "leading" does not begin where all is noise, and is there to compare
            with other programs (Lin et al. 2024, section 3.3).
        clip: least and greatest value of predicted clean fields; None leaves them as they are.
        sigma_min: lowest `sigma / alpha` of the spacings in noise, if the schedule goes so far.
        sigma_max: highest one, likewise.

    Raises:
        UnknownNameError: another spacing.
        ModelError: an argument out of range.
    """

    kind: ClassVar[str] = "sampler"

    spacing: str = "trailing"
    clip: tuple[float, float] | None = None
    sigma_min: float = 0.002
    sigma_max: float = 80.0

    def __post_init__(self):
        check_spacing(self.spacing)
        if self.clip is not None:
            # A configuration that has been a file holds a list.
            object.__setattr__(self, "clip", tuple(self.clip))
            if len(self.clip) != 2 or not self.clip[0] < self.clip[1]:
                raise ModelError(
                    f"Expected clip=(least, greatest) or None. Received: clip={self.clip}"
                )

    def plan(self, schedule: Schedule, steps: int) -> Plan:
        """The table of a number of steps.

        Raises:
            ModelError: steps that the schedule does not have.
        """
        raise NotImplementedError

    def levels(self, schedule: Schedule, steps: int) -> Levels:
        """The levels where the steps begin, and the clean field: `steps + 1` of them."""
        if self.spacing in ("karras", "logsnr"):
            noisy = at_noise(schedule, self.spacing, steps, self.sigma_min, self.sigma_max)
        else:
            noisy = self._at_times(schedule, steps)
        return noisy.and_clean()

    def _at_times(self, schedule: Schedule, steps: int) -> Levels:
        return at_times(schedule, self.spacing, steps)
