"""How the work on a domain, many times and members is divided: the same way wherever it is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from keras_wx.inference.blocks import evenly
from keras_wx.inference.downscale.stitch import Stitching

BAND_POINTS = 512 * 1024
"""Grid points of a band: its inputs and sums are in memory together."""

SUM_POINTS = 16 * 2**20
"""Grid points of all members that are summed up together, in double precision."""


class Job(NamedTuple):
    """A part of the result that is made, and written, as a whole.

    Attributes:
        steps: of the output's times.
        members: of the ensemble.
        band: number of the band.
    """

    steps: slice
    members: slice
    band: int

    @property
    def name(self) -> str:
        return f"{self.steps.start}-{self.members.start}-{self.band}"


@dataclass(frozen=True)
class Plan:
    """The jobs, and how many of what they do at once.

    Attributes:
        steps: number of the output's times, and of those in a job.
        members: number of members, and of those in a job.
        rows: of a band.
        bands: number of bands.
        windows: inputs in a batch.
        chained: whether a time needs what was made of those before it.
    """

    steps: tuple[int, int]
    members: tuple[int, int]
    rows: int
    bands: int
    windows: int
    chained: bool

    @classmethod
    def of(
        cls, stitching: Stitching, steps: int, members: int, most: int, *, chained: bool
    ) -> Plan:
        """Divides the work.

        Args:
            stitching: of the domain.
            steps: number of times.
            members: number of members.
            most: fields that a model is asked for at once.
            chained: whether each member reads its own samples, so that its inputs are its own.
        """
        columns = stitching.domain[1]
        rows = max(4 * stitching.tile[0], BAND_POINTS // columns)
        bands = stitching.bands(rows)
        tiles = max(map(stitching.count, bands))
        points = max(band.window.stop - band.window.start for band in bands) * columns
        room = max(1, SUM_POINTS // points)
        if chained:
            # The inputs are those of one member: tiles of several fill a batch.
            together = evenly(members, min(room, max(1, most // tiles)))
            days, windows = 1, min(most, together * tiles)
        else:
            # The inputs are the same for all: members come of one input.
            together = evenly(members, min(room, most))
            each = max(1, most // together)
            days = evenly(steps, min(max(1, room // together), max(1, each // tiles)))
            windows = min(each, days * tiles)
        return cls((steps, days), (members, together), rows, len(bands), windows, chained)

    def stages(self) -> Iterator[list[Job]]:
        """Jobs in lists, one after the other; those of a list need not wait for each other."""
        each = [self._jobs(part) for part in _parts(*self.steps)]
        yield from each if self.chained else [list(chain.from_iterable(each))]

    def _jobs(self, steps: slice) -> list[Job]:
        return [
            Job(steps, members, band)
            for members in _parts(*self.members)
            for band in range(self.bands)
        ]


def _parts(number: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, number)) for first in range(0, number, size)]
