"""`verify`: the scores of a forecast against what was observed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import xarray as xr

from keras_wx.errors import DataError
from keras_wx.transforms import ZR
from keras_wx.verification.curtain import verify_curtain
from keras_wx.verification.description import described
from keras_wx.verification.downscale import verify_downscaled
from keras_wx.verification.downscale.pairs import is_downscaled
from keras_wx.verification.frames import score_frames
from keras_wx.verification.neighbourhood import check_scales
from keras_wx.verification.pairs import FORECAST_DIMS, kept_dims, match
from keras_wx.verification.pooling import pool
from keras_wx.verification.scale import Scale


def verify(
    forecast: xr.Dataset,
    truth: xr.Dataset,
    *,
    variable: str | None = None,
    thresholds: Sequence[float] | float | None = None,
    zr: str | tuple[float, float] | ZR | None = None,
    preserve_dims: str | Iterable[str] = ("lead_time",),
    floor: float | None = None,
    scales: Sequence[int] | int | None = None,
    probability_bins: int = 10,
    by: str | Iterable[str] | None = None,
) -> xr.Dataset:
    """Scores a forecast against observations, per threshold and lead time.

    Each forecast frame is compared with the observation at exactly its valid time. A time that was
    not observed, and a pixel that is missing on either side, is left out. Counts are added over the
    whole set before any ratio is taken. Fields are read in blocks that follow the chunks of the
    file or of dask, so that neither side needs to fit in memory.

    An ensemble is verified by its mean, taken in the field's units, where no member is missing; and
    as an ensemble, by CRPS, spread, ranks and probabilities. With "realization" among
    `preserve_dims`, each member by itself.

    The reconstruction of a curtain, which has the coordinate `blind_zone`, is scored inside of its
    blind zone: see `keras_wx.verification.curtain.verify_curtain`, which has options of its own.
    Downscaled fields, which have times and no start times, are scored as
    `keras_wx.verification.downscale.verify_downscaled` does it.

    Args:
        forecast: what `keras_wx.predict` returns: one variable with dims `(init_time, lead_time,
            y, x)` and possibly `realization`.
        truth: the same variable with dims `(time, y, x)`, in the same units, on the same grid;
            its rows and columns may run the other way, where its coordinates say so.
        variable: which one, if the forecast has several.
        thresholds: an event is a value at or above one, in the field's units, or in mm/h with `zr`.
            By default the attribute `thresholds` of the truth, of its variable first; without it
            10, 20, 30 for dBZ and 0.5, 2, 5, 10, 30 for mm/h.
        zr: verifies events of rain rate in a field of reflectivity: a pair of
            `keras_wx.transforms.ZR_PAIRS` such as "hko_7", or the `(a, b)` of Z = a R^b.
        preserve_dims: the dims that the scores keep, of "lead_time", "init_time" and
            "realization". The others are pooled.
        floor: values below it, on either side, count as it. Archives write "no echo" as 0, -10 or
            -32 dBZ, and a model can give no less than its transform's lowest value: with
            `floor=0` both mean the same, and errors compare like with like.
        scales: sides of square neighbourhoods in grid points, such as `(1, 4, 16)`, for the
            fractions skill score.
        probability_bins: number of bins, evenly spaced, of an ensemble's probabilities.
        by: of downscaled fields, what the scores are told apart by: "season", "month", "time",
            "area", or a coordinate along their times.

    Returns:
        A Dataset with dims `preserve_dims` and, where it applies, `threshold`:

        * `csi`, `pod`, `far`, `hss`, `frequency_bias` and their counts `hits`, `misses`,
          `false_alarms`, `correct_negatives`. A ratio without a denominator is NaN.
        * `mae`, `rmse`, `mean_error` (forecast minus truth) in the field's units, `mse` in their
          square.
        * `rainfall_mse` in (mm/h)^2: the MSE of the rain rate, from reflectivity by `zr`, or by
          "hko_2015" without it; its attribute `zr` says which. That of the dataset says by which
          relation the thresholds are rain rates.
        * `correlation`: `sum(P T) / (sqrt(sum(P^2) sum(T^2)) + 1e-9)` of each frame, averaged over
          the frames; not centred, 0 for a frame without rain. P and T are gray levels, of which
          only the zero matters: 0 dBZ, where the paper takes the least value of its archive.
          For a rain rate they are the rate itself.
        * `n_forecasts`, the number of frames that had a truth, and `n_pairs`, their pixels.

        Rainfall MSE and correlation are for fields in dBZ and mm/h only.

        With `scales`, by `scale` (in grid points; `scale_km` on a grid with distances, the
        geometric mean of both directions):

        * `fss`, 1 for equal shares of events in every neighbourhood, 0 for none in common; from the
          sums `fss_error` and `fss_reference`. A pixel missing on either side counts as no event
          on both sides, as do those beyond the edge.

        For an ensemble of two or more members:

        * `crps` in the field's units, of the members' distribution; `crps_fair`, which does not
          punish small ensembles: what infinitely many such members would have on average.
        * `spread`, the square root of the mean unbiased `ensemble_variance`, and
          `spread_skill_ratio`, `sqrt((m + 1) / m)` times the spread over the `rmse` of the mean:
          1 for m members that the truth might be one of, less for an overconfident ensemble.
        * `rank_histogram` by `rank` 0 to m, the number of members below the truth, and
          `rank_frequency`, which sums to 1. Among equal values the ranks share a count evenly.
          Where all members and the truth are equal, as where all is dry, there is nothing to
          rank: those `n_pairs - rank_histogram.sum("rank")` pixels are left out.
        * by `threshold` and `probability_bin` (its middle; a bin holds its lower edge, the last
          one both): `forecast_count`, `observed_count`, `probability_sum`, and the points of the
          reliability diagram `mean_probability` and `observed_frequency`. A probability is the
          share of members with an event.
        * `brier` by threshold.

    Raises:
        DataError: units or grids that differ, no common time, a variable that is not there, scales
            that are no sides of neighbourhoods.

    References:
        Shi et al. 2015, arXiv:1506.04214, section 4.2: thresholds, Rainfall-MSE, correlation.
        Shi et al. 2017, arXiv:1706.03458: counts accumulated before ratios, HSS.
        Roberts and Lean (2008), Mon. Wea. Rev. 136, 78-97: fractions skill score.
        Hersbach (2000), Wea. Forecasting 15, 559-570: CRPS of an ensemble.
        Ferro (2014), Q. J. R. Meteorol. Soc. 140, 1917-1923: fair scores.
        Fortin et al. (2014), J. Hydrometeorol. 15, 1708-1713: spread and error of the mean.
        Hamill (2001), Mon. Wea. Rev. 129, 550-560: rank histograms.
        Wilks (2011), Statistical Methods in the Atmospheric Sciences, chapter 8: reliability.

    Example:

    >>> scores = keras_wx.verify(forecast, radar)
    >>> scores.csi.sel(threshold=10).mean("lead_time")
    """
    if "blind_zone" in forecast.coords:
        _refuse(
            "a curtain",
            "curtain.verify_curtain",
            {"thresholds": thresholds, "zr": zr, "floor": floor, "scales": scales, "by": by},
        )
        return verify_curtain(
            forecast, truth, variable=variable or "reflectivity", probability_bins=probability_bins
        )
    if is_downscaled(forecast, truth):
        _refuse("downscaled fields", "downscale.verify_downscaled", {"zr": zr, "scales": scales})
        return verify_downscaled(
            forecast,
            truth,
            variable=variable,
            by=by,
            floor=floor,
            thresholds=thresholds,
            probability_bins=probability_bins,
        )
    if by is not None:
        raise DataError(
            f"by: expected none for forecasts with start and lead times, of which `preserve_dims` "
            f"says what the scores keep. Received: {by!r}"
        )
    keep = kept_dims(preserve_dims)
    if not isinstance(probability_bins, int) or probability_bins < 1:
        raise DataError(
            f"probability_bins: expected a whole number, 1 or more. Received: {probability_bins!r}"
        )
    pairs = match(forecast, truth, variable, floor)
    usual = pairs.truth.attrs.get("thresholds", truth.attrs.get("thresholds"))
    scale = Scale.choose(pairs.forecast.attrs["units"], thresholds, zr, usual)
    sides = None if scales is None else check_scales(scales, pairs)
    frames = score_frames(
        pairs,
        scale,
        members="realization" in keep,
        scales=sides,
        probability_bins=probability_bins,
    )
    scores = pool(frames, [dim for dim in FORECAST_DIMS if dim in frames.dims and dim not in keep])
    scores = described(scores, scale.units, forecast, truth, str(pairs.forecast.name))
    if sides is not None:
        scores = scores.assign_coords(sides.coords)
    if scale.zr is not None:
        relation = f"Z = {scale.zr.a:g} R^{scale.zr.b:g}"
        scores["rainfall_mse"].attrs["zr"] = relation
        if scale.threshold_units != scale.units:
            scores.attrs["zr"] = relation
    return scores


def _refuse(what: str, function: str, options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise DataError(
            f"{', '.join(given)}: expected none for {what}. "
            f"keras_wx.verification.{function} has the options that there are."
        )
