"""The noise that samples begin with, drawn for a whole domain and cut for each of its tiles.

Tiles that overlap begin with the same numbers where they do, and so draw the same sample there.
"""

from __future__ import annotations

import numpy as np


def domain_noise(
    seed: int, member: int, time: np.datetime64, rows: slice, columns: int, channels: int
) -> np.ndarray:
    """Standard normal numbers of some rows of a domain.

    Each row has a generator of its own, so that any rows can be drawn alone; a member at a time has
    the same noise whatever else is asked for.

    Args:
        seed: of the ensemble.
        member: number of the member.
        time: of the field.
        rows: of the domain.
        columns: of the domain.
        channels: of the field.

    Returns:
        float32 `(rows, columns, channels)`.
    """
    key = seed, member, int(time.astype("datetime64[s]").astype(int)) % 2**64
    return np.stack(
        [
            np.random.default_rng([*key, row]).standard_normal((columns, channels), np.float32)
            for row in range(rows.start, rows.stop)
        ]
    )
