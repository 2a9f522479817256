"""`verify`: the scores of a forecast against what was observed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import xarray as xr

from keras_wx.errors import DataError
from keras_wx.transforms import ZR
from keras_wx.verification.frames import score_frames
from keras_wx.verification.pairs import FORECAST_DIMS, match
from keras_wx.verification.pooling import pool
from keras_wx.verification.scale import RAIN_RATE, Scale


def verify(
    forecast: xr.Dataset,
    truth: xr.Dataset,
    *,
    variable: str | None = None,
    thresholds: Sequence[float] | float | None = None,
    zr: str | tuple[float, float] | ZR | None = None,
    preserve_dims: str | Iterable[str] = ("lead_time",),
    floor: float | None = None,
) -> xr.Dataset:
    """Scores a forecast against observations, per threshold and lead time.

    Each forecast frame is compared with the observation at exactly its valid time. A time that was
    not observed, and a pixel that is missing on either side, is left out. Counts are added over the
    whole set before any ratio is taken. Fields are read in blocks, so that neither side needs to
    fit in memory.

    An ensemble is verified by its mean, taken in the field's units, where no member is missing;
    with "realization" among `preserve_dims`, each member by itself.

    Args:
        forecast: what `keras_wx.predict` returns: one variable with dims `(init_time, lead_time,
            y, x)` and possibly `realization`.
        truth: the same variable with dims `(time, y, x)`, in the same units, on the same grid.
        variable: which one, if the forecast has several.
        thresholds: an event is a value at or above one. By default 10, 20, 30 for dBZ and 0.5, 2,
            5, 10, 30 for mm/h; in the field's units, or in mm/h with `zr`.
        zr: verifies events of rain rate in a field of reflectivity: a pair of
            `keras_wx.transforms.ZR_PAIRS` such as "hko_7", or the `(a, b)` of Z = a R^b.
        preserve_dims: the dims that the scores keep, of "lead_time", "init_time" and
            "realization". The others are pooled.
        floor: values below it, on either side, count as it. Archives write "no echo" as 0, -10 or
            -32 dBZ, and a model can give no less than its transform's lowest value: with
            `floor=0` both mean the same, and errors compare like with like.

    Returns:
        A Dataset with dims `preserve_dims` and, where it applies, `threshold`:

        * `csi`, `pod`, `far`, `hss`, `frequency_bias` and their counts `hits`, `misses`,
          `false_alarms`, `correct_negatives`. A ratio without a denominator is NaN.
        * `mae`, `rmse`, `mean_error` (forecast minus truth) in the field's units, `mse` in their
          square.
        * `rainfall_mse` in (mm/h)^2: the MSE of the rain rate, from reflectivity by `zr`, or by
          "hko_2015" without it.
        * `correlation`: `sum(P T) / (sqrt(sum(P^2) sum(T^2)) + 1e-9)` of each frame, averaged over
          the frames; not centred, 0 for a frame without rain. P and T are gray levels, of which
          only the zero matters: 0 dBZ, where the paper takes the least value of its archive.
          For a rain rate they are the rate itself.
        * `n_forecasts`, the number of frames that had a truth, and `n_pairs`, their pixels.

        Rainfall MSE and correlation are for fields in dBZ and mm/h only.

    Raises:
        DataError: units or grids that differ, no common time, a variable that is not there.

    References:
        Shi et al. 2015, arXiv:1506.04214, section 4.2: thresholds, Rainfall-MSE, correlation.
        Shi et al. 2017, arXiv:1706.03458: counts accumulated before ratios, HSS.

    Example:

    >>> scores = keras_wx.verify(forecast, radar)
    >>> scores.csi.sel(threshold=10).mean("lead_time")
    """
    keep = {preserve_dims} if isinstance(preserve_dims, str) else set(preserve_dims)
    if not keep <= set(FORECAST_DIMS):
        raise DataError(
            f"preserve_dims: expected some of {FORECAST_DIMS}, received {sorted(keep)}. "
            "The threshold is kept in any case."
        )
    pairs = match(forecast, truth, variable)
    scale = Scale.choose(pairs.forecast.attrs["units"], thresholds, zr)
    members = "realization" in keep
    frames = score_frames(pairs, scale, members=members, floor=floor)
    scores = pool(frames, [dim for dim in FORECAST_DIMS if dim in frames.dims and dim not in keep])
    return _described(scores, forecast, truth, str(pairs.forecast.name), scale)


def _described(
    scores: xr.Dataset, forecast: xr.Dataset, truth: xr.Dataset, variable: str, scale: Scale
) -> xr.Dataset:
    labels = {
        "csi": ("critical success index", "1"),
        "pod": ("probability of detection", "1"),
        "far": ("false alarm ratio", "1"),
        "hss": ("Heidke skill score", "1"),
        "frequency_bias": ("frequency bias", "1"),
        "hits": ("hits", "1"),
        "misses": ("misses", "1"),
        "false_alarms": ("false alarms", "1"),
        "correct_negatives": ("correct negatives", "1"),
        "mae": ("mean absolute error", scale.units),
        "mse": ("mean squared error", f"({scale.units})^2"),
        "rmse": ("root mean squared error", scale.units),
        "mean_error": ("mean error, forecast minus truth", scale.units),
        "rainfall_mse": ("mean squared error of the rain rate", f"({RAIN_RATE})^2"),
        "correlation": ("un-centred correlation", "1"),
        "n_forecasts": ("number of forecast frames with a truth", "1"),
        "n_pairs": ("number of pixels compared", "1"),
    }
    for name, (long_name, units) in labels.items():
        if name in scores:
            scores[name].attrs.update(long_name=long_name, units=units)
    scores.attrs = {"variable": variable, "units": scale.units}
    for name, source in (
        ("model", forecast.attrs.get("model")),
        ("truth", truth.attrs.get("source")),
    ):
        if source is not None:
            scores.attrs[name] = source
    if scale.zr is not None:
        scores.attrs["zr"] = f"Z = {scale.zr.a:g} R^{scale.zr.b:g}"
    return scores
