"""At which quantile of its distribution each gate of a member lies."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr

COLUMNS = 64.0
GATES = 8.0
"""Over which the correlation of ranks falls to 1/e, in round numbers: that of where the truth lay
in the distributions of a small network after 480 steps on `synthetic_curtain` was 0.83 at 16
columns, 0.62 at 64, 0.50 at 4 gates and 0.38 at 8."""

_LEAST = 1e-6
"""Float32 has no 1 - u that is closer to 1."""


class Ranks:
    """Uniform numbers, a field for each member, alike in gates that are near.

    Members that were drawn in each gate by itself would be speckle, without the cloud edges and
    layers of a curtain, and sums over many gates would hardly differ between them. Where all gates
    of a member had one rank, whole curtains would be high or low together, and a few members would
    say little of how often truth lies between them. So normal numbers are drawn that are correlated
    exponentially along time and height, and taken through their distribution function: each gate is
    uniform by itself, whatever the correlation, which is an assumption and not learnt.

    Args:
        members: number of fields. A member is the same, however many others there are.
        rows: number of gates, from the lowest.
        seed: of the draws.
        columns: profiles over which the correlation falls to 1/e.
        gates: the same for gates above each other.

    Example:
        >>> ranks = Ranks(members=20, rows=24, seed=0)
        >>> ranks.next(4096).shape                       # block by block along time
        (20, 24, 4096)
    """

    def __init__(
        self, members: int, rows: int, seed: int, columns: float = COLUMNS, gates: float = GATES
    ):
        self._rngs = [np.random.default_rng([seed, member]) for member in range(members)]
        self._rows = rows
        self._along, self._up = memory(columns), memory(gates)
        self._last: np.ndarray | None = None

    def forget(self) -> None:
        """What comes next lies behind a gap."""
        self._last = None

    def next(self, columns: int) -> np.ndarray:
        """The ranks of the next columns, `(members, rows, columns)`, float32."""
        noise = np.stack(
            [rng.standard_normal((columns, self._rows), np.float32) for rng in self._rngs]
        )
        noise = _correlated(noise.swapaxes(1, 2), self._up, axis=1)
        z = _correlated(noise, self._along, axis=2, before=self._last)
        self._last = z[:, :, -1:]
        return np.clip(ndtr(z), _LEAST, 1 - _LEAST)


def memory(length: float) -> float:
    """Correlation of neighbours if it falls to 1/e over a length."""
    return math.exp(-1 / length)


def _correlated(
    noise: np.ndarray, correlation: float, axis: int, before: np.ndarray | None = None
) -> np.ndarray:
    """A first-order autoregressive process along an axis, of variance 1 from the start.

    Args:
        noise: independent normal numbers along the axis.
        correlation: of neighbours.
        axis: along which.
        before: the last value of the process, of size 1 along the axis; None begins one.
    """
    part = math.sqrt(1 - correlation**2)
    z = np.moveaxis(part * noise, axis, 0)
    if before is None:
        z[0] /= part
        before = 0 * z[:1]
    else:
        before = np.moveaxis(before, axis, 0)
    found, _ = lfilter([1], [1, -correlation], z, axis=0, zi=correlation * before)
    return np.moveaxis(found.astype(np.float32), 0, axis)
