"""Power spectra along time and along height inside the blind zone."""

from __future__ import annotations

import numpy as np

from keras_wx.verification.curtain.gates import Sums
from keras_wx.verification.curtain.pairs import Columns


def of_spectra(part: Columns, scene: int, depth: int) -> Sums:
    """Sums of the power `|rfft|^2 / n` of each wave but the mean.

    Along time: of each row of the hole in whole scenes of `scene` columns. Along height: of each
    column whose hole has `depth` gates. A series with a missing gate, or one that leaves the hole,
    is left out.
    """
    there = part.valid & part.hole
    scenes = len(part.truth) // scene
    along_time = slice(0, scenes * scene), slice(0, depth)
    columns = (part.hole.sum(axis=1) == depth) & there[:, :depth].all(axis=1)

    def by_row(field: np.ndarray) -> np.ndarray:
        """`(..., time, height)` -> `(..., scenes, rows, time)`."""
        whole = field[..., *along_time]
        return np.swapaxes(whole.reshape(*field.shape[:-2], scenes, scene, depth), -1, -2)

    def by_column(field: np.ndarray) -> np.ndarray:
        return field[..., columns, :depth]

    rows = by_row(there).all(axis=-1)
    sums: Sums = {
        "n_time_spectra": ((), rows.sum()),
        "n_height_spectra": ((), columns.sum()),
    }
    for name, dim, series in (
        ("time", "time_wavenumber", lambda field: by_row(field)[..., rows, :]),
        ("height", "height_wavenumber", by_column),
    ):
        sums[f"truth_{name}_power"] = ((dim,), _power(series(part.truth)))
        sums[f"forecast_{name}_power"] = ((dim,), _power(series(part.members)) / len(part.members))
        if len(part.members) > 1:
            sums[f"ensemble_mean_{name}_power"] = ((dim,), _power(series(part.centre)))
    return sums


def _power(series: np.ndarray) -> np.ndarray:
    """`(..., n)` -> the sum over all series, by wavenumber from 1 to n // 2."""
    length = series.shape[-1]
    power = np.abs(np.fft.rfft(series.astype(float))[..., 1:]) ** 2 / length
    return power.reshape(-1, length // 2).sum(axis=0)
