"""Days for training, validation and test as the published downscaling of dust chose them."""

from __future__ import annotations

import numpy as np

from keras_wx.data.downscale.groups import SEASONS, season_number
from keras_wx.data.sources._daily import as_periods
from keras_wx.errors import DataError

BUFFER = 45
"""Days before and after a season that train its model too."""
HISTORY = 40
"""Days at the beginning of the record that no sample can be of."""
TEST_SHARE, VAL_SHARE = 0.1, 0.2
SEED = 1007715536


def dust_splits(days: np.ndarray, season: str | None, seed: int) -> dict[str, str]:
    """Attributes of a standard split by single days, drawn at random.

    A tenth of all days after the first `HISTORY` is the test; of a season, those that lie in it.
    Training has the other days of the season and of `BUFFER` days about it, less a fifth of them
    for validation. A day's history is that of all days, as published.

    Args:
        days: datetime64, increasing, those of both archives.
        season: of `SEASONS`, or None for the whole year.
        seed: of the draws.

    Raises:
        DataError: for too few days.
    """
    possible = np.arange(len(days)) >= HISTORY
    inside = np.ones(len(days), bool)
    near = inside
    if season is not None:
        inside = np.array(SEASONS)[season_number(days) % 4] == season
        distance = abs(days.astype("M8[D]")[:, None] - days[inside].astype("M8[D]"))
        near = (distance <= np.timedelta64(BUFFER, "D")).any(axis=1)
    rng = np.random.default_rng(seed)
    test = np.zeros(len(days), bool)
    later = np.flatnonzero(np.arange(len(days)) > HISTORY)
    test[rng.choice(later, round(TEST_SHARE * len(later)), replace=False)] = True
    pool = np.flatnonzero(near & possible & ~test)
    val = np.zeros(len(days), bool)
    val[rng.choice(pool, round(VAL_SHARE * len(pool)), replace=False)] = True
    parts = {"train": near & possible & ~test & ~val, "val": val, "test": test & inside}
    for name, chosen in parts.items():
        if not chosen.any():
            raise DataError(
                f"The record of {len(days)} days in common has none for {name!r}"
                f"{f' in {season}' if season else ''}: the first {HISTORY} are history, and a "
                "tenth of the others is the test. splits= of keras_wx.samples divides it otherwise,"
                " with split_days=False here."
            )
    splits = {f"split_{name}": as_periods(days[chosen]) for name, chosen in parts.items()}
    return splits | {"split_of": "target", "split_gap": "0min"}
