"""`verify_downscaled`: the scores of fields on the fine grid against what was there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification.description import described
from keras_wx.verification.downscale.autocorrelation import autocorrelations
from keras_wx.verification.downscale.description import labelled
from keras_wx.verification.downscale.distribution import calibration, nash_sutcliffe, quantiles
from keras_wx.verification.downscale.frames import score_frames, spectra_of_frames
from keras_wx.verification.downscale.groups import Groups, groups_by
from keras_wx.verification.downscale.lags import lag_curves
from keras_wx.verification.downscale.moments import moments_of, scores_of_moments
from keras_wx.verification.downscale.pairs import match_fields
from keras_wx.verification.downscale.sample import Places, Sample, draw_places, read_places
from keras_wx.verification.downscale.slots import Slots
from keras_wx.verification.downscale.variogram import BINS, variograms
from keras_wx.verification.ensemble import with_crps
from keras_wx.verification.pooling import from_sums, to_sums
from keras_wx.verification.scale import Scale
from keras_wx.verification.spectra import Rings

_POWER = ("forecast_power", "truth_power", "ensemble_mean_power")
_SAMPLED = ("forecast_sample", "truth_sample")


def verify_downscaled(
    forecast: xr.Dataset,
    truth: xr.Dataset,
    *,
    variable: str | None = None,
    by: str | Iterable[str] | None = None,
    floor: float | None = None,
    log10: bool = False,
    thresholds: Sequence[float] | float | None = None,
    probability_bins: int = 10,
    variogram_bins: int = BINS,
    lags: int = 40,
    seed: int = 0,
) -> xr.Dataset:
    """Scores downscaled fields: errors, distribution, members, and structure in space and time.

    Each field is compared with the truth at exactly its time; a time that the truth does not have,
    and a pixel that is missing on either side, is left out. Both are read in blocks of time, once.
    What needs more than sums over fields is taken of a seeded sample of pixels, the same at all
    times: all pixels where they are few (16 million values in all).

    An ensemble's errors, R2, NSE and KGE are those of its mean. Its quantiles, spectra, variograms
    and autocorrelations are of the members, which are to look like the truth; a mean does not.

    Args:
        forecast: one variable with dims `([realization,] time, y, x)` or `lat, lon`.
        truth: the same variable without `realization`, in the same units, on the same grid; its
            rows and columns may run the other way, where its coordinates say so.
        variable: which one, if the forecast has several.
        by: what the scores are told apart by: "season" or "month" of the time, "time" itself, or a
            coordinate of the forecast along its times, such as the `lead_time` of fields that were
            reconstructed one from the other. Also "area", alone or with one of them: the
            coordinate `area` with the dims of the grid, which names that of each pixel, or the
            attribute `area` of datasets that are each of one.
        floor: values below it, on either side, count as it.
        log10: scores the logarithm of both sides, as the paper does, which needs positive values:
            `floor=1e-6` makes them so.
        thresholds: of the probabilities of an ensemble; an event is a value at or above one, in the
            field's units. By default the attribute `thresholds` of the truth, of its variable
            first; none without it.
        probability_bins: number of bins, evenly spaced, of these probabilities.
        variogram_bins: bins of distance up to half the extent of the grid; 0 leaves variograms out.
        lags: the longest lag in steps of time, at most half the series; 0 leaves lags out.
        seed: of the sample.

    Returns:
        A Dataset without dims, or with those of `by`:

        * `mae`, `rmse`, `mean_error` (forecast minus truth), `mse`; `n_pairs` pixels of
          `n_forecasts` fields.
        * `r2_correlation`, the squared correlation, and `r2_determination`, `1 - SSE / SST` about
          the truth's mean: over all pixels and times at once. The first does not see a wrong mean
          or amplitude; the paper prints it as R2. The second is also what is called the NSE of all
          values taken as one series.
        * `nse`: `1 - SSE / SST` about the truth's mean at each pixel, as of a gauge: patterns that
          are always there earn nothing. Of the sample.
        * `kge` and its terms `kge_correlation`, `kge_variability` (ratio of standard deviations),
          `kge_bias` (ratio of means: of little meaning where the mean is near zero, as of a
          logarithm). And `forecast_mean`, `truth_mean`, `forecast_variance`, `truth_variance`,
          `covariance`.
        * `crps`; of a single forecast it is its `mae`.
        * by `quantile`: `forecast_quantile`, `truth_quantile`; `p999_bias`, the difference of the
          last ones, the 99.9th percentiles. Of the sample.
        * by `wavenumber` (with `wavelength`): `forecast_power`, `truth_power`,
          `ensemble_mean_power`, as `keras_wx.verification.spectra` has them, of the `n_spectra`
          fields that lack no pixel; with a `floor`, a pixel missing on either side is it on both.
          Not with areas inside of the grid.
        * by `distance`: `forecast_variogram`, `truth_variogram`, their spherical models
          `forecast_variogram_fit`, `truth_variogram_fit` with `*_sill`, `*_range`, `*_nugget`; and
          `variogram_error`, `sum |difference| / sum truth` over the bins. Distances are great
          circles where the grid has latitudes. Of 500 pixels and 60 fields of the sample.
        * by `lag` (with `lag_time`) and `series` ("domain_mean" and "pixel", the mean over 50
          pixels of each one's own): `forecast_acf`, `truth_acf`, and their `forecast_pacf`,
          `truth_pacf` by the Yule-Walker equations.
        * by `lag`: `forecast_lag_rmse`, `forecast_lag_r2` against the truth of that much before,
          and `truth_lag_rmse`, `truth_lag_r2` of the truth itself. A forecast whose error is least
          at a later lag comes late.

        By "time" there are neither quantiles, `nse`, variograms nor lags.

        For an ensemble of two or more members, what `keras_wx.verify` gives: `crps_fair`, `spread`,
        `spread_skill_ratio`, `rank_histogram`, `rank_frequency` and, by `threshold`, `brier` and
        the reliability diagram. And by `spread_bin`, tenths of the sample by spread:
        `spread_variance` and `spread_mse`, which are alike (up to `(m + 1) / m`) of a reliable one.

    Raises:
        DataError: units or grids that differ, no common time, values without logarithm, a `by`
            that the data do not have, times that are no whole steps apart (`lags=0` allows them).

    References:
        Gupta et al. (2009), J. Hydrol. 377, 80-91: KGE.
        Nash and Sutcliffe (1970), J. Hydrol. 10, 282-290: NSE.
        Müller et al. (2022), Geosci. Model Dev. 15, 3161-3182: variograms by GSTools.
        Xiang et al. (2025), arXiv:2512.05139: which scores, by season and area.
        See `keras_wx.verify` for those of ensembles.

    Example:

    >>> fine = keras_wx.predict(model, archive, members=32)
    >>> scores = keras_wx.verification.verify_downscaled(fine, archive, by="season")
    >>> scores.r2_correlation.sel(season="JJA")
    """
    _check(probability_bins=probability_bins, least=1)
    _check(variogram_bins=variogram_bins, lags=lags, least=0)
    pairs = match_fields(forecast, truth, variable, floor)
    grid, name = pairs.grid, str(pairs.forecast.name)
    groups = groups_by(by, forecast, truth, grid)
    units = pairs.forecast.attrs["units"]
    if thresholds is None:
        thresholds = pairs.truth.attrs.get("thresholds", truth.attrs.get("thresholds", ()))
    levels = np.unique(np.asarray(thresholds, dtype=float))
    scale = Scale(units, tuple((np.log10(levels) if log10 else levels).tolist()), units, None)
    places = draw_places(pairs, groups.masks, seed)
    fill = np.log10(floor) if log10 and floor is not None else floor
    rings = Rings(tuple(pairs.forecast.sizes[dim] for dim in grid), pairs.spacing_km)

    def of_frames(members: xr.DataArray, observed: xr.DataArray) -> xr.Dataset:
        if log10:
            members, observed = _logarithm(members), _logarithm(observed)
        found = score_frames(members, observed, grid, groups.masks, scale, probability_bins)
        found = found.assign(read_places(members, observed, places))
        if groups.masks is None:
            found = found.assign(spectra_of_frames(members, observed, grid, rings, fill))
        return found

    frames = pairs.map(of_frames).isel(lead_time=0, drop=True).rename(init_time="time")
    scores = _pooled(frames.drop_vars([*_SAMPLED, "member_mean"]), groups)
    if groups.dim != "time":
        scores = scores.assign(_of_sample(frames, groups, places, variogram_bins, lags))
    scores = scores.assign_coords(_coordinates(rings, levels, units, scores))
    if groups.areas is not None:
        if groups.masks is None:
            scores = scores.expand_dims("area")
        scores = scores.assign_coords(area=("area", groups.areas))
    shown = f"log10({units})" if log10 else units
    scores = labelled(described(scores, shown, forecast, truth, name), shown, places.units)
    return scores.transpose(*(dim for dim in (groups.dim, "area") if dim in scores.dims), ...)


def _pooled(frames: xr.Dataset, groups: Groups) -> xr.Dataset:
    """What follows from sums over the frames of each group."""
    power = frames[[name for name in (*_POWER, "n_spectra") if name in frames]]
    scores = from_sums(groups.add(to_sums(frames.drop_vars(power.data_vars))))
    moments = moments_of(frames, groups)
    scores = scores.assign(moments).assign(scores_of_moments(moments, scores["mse"]))
    scores = with_crps(scores)
    if "n_spectra" in power:
        power = groups.add(power)
        count = power["n_spectra"]
        mean = power.drop_vars("n_spectra") / count.where(count > 0)
        scores = scores.assign(mean).assign(n_spectra=count)
    return scores


def _of_sample(
    frames: xr.Dataset, groups: Groups, places: Places, variogram_bins: int, lags: int
) -> xr.Dataset:
    """What follows from the series of sampled places, of each group and area."""
    forecast, truth = (frames[name].values for name in _SAMPLED)
    lags = min(lags, frames.sizes["time"] // 2)
    slots = Slots.of(frames["time"].values) if lags else None
    by_area = []
    for number in range(int(places.area.max()) + 1):
        means = [
            frames[name].isel(area=number) if "area" in frames[name].dims else frames[name]
            for name in ("member_mean", "truth_mean")
        ]
        means = tuple(mean.transpose(..., "time").values for mean in means)
        found = []
        for code in range(len(groups.labels)):
            chosen = np.flatnonzero(groups.codes == code)
            sample = Sample(forecast, truth, places, chosen).of_area(number)
            parts = [quantiles(sample), nash_sutcliffe(sample)]
            if len(forecast) > 1:
                parts.append(calibration(sample))
            if variogram_bins:
                parts.append(variograms(sample, variogram_bins))
            if lags:
                parts.append(autocorrelations(means, sample, slots, lags))
                parts.append(lag_curves(sample, slots, lags))
            found.append(xr.merge(parts))
        by_area.append(groups.labelled(xr.concat(found, "group")))
    whole = by_area[0] if groups.masks is None else xr.concat(by_area, "area")
    if lags:
        whole = whole.assign_coords(lag_time=whole["lag"] * slots.step)
    return whole


def _coordinates(rings: Rings, thresholds: np.ndarray, units: str, scores: xr.Dataset) -> dict:
    coords = {}
    if "wavenumber" in scores.dims:
        coords["wavenumber"] = (
            "wavenumber",
            rings.numbers,
            {"long_name": "waves over the longer side"},
        )
        coords["wavelength"] = ("wavenumber", rings.wavelengths, {"units": rings.units})
    if "threshold" in scores.dims:
        about = {"units": units, "comment": "an event is a value at or above it"}
        coords["threshold"] = ("threshold", thresholds, about)
    return coords


def _logarithm(field: xr.DataArray) -> xr.DataArray:
    least = float(field.min())
    if least <= 0:
        raise DataError(
            f"log10=True needs positive values. Received: {least:g}. floor=1e-6, for instance, "
            "raises to that what is below it."
        )
    return np.log10(field)


def _check(*, least: int, **options: int) -> None:
    for name, value in options.items():
        if not isinstance(value, int) or value < least:
            raise DataError(
                f"{name}: expected a whole number, {least} or more. Received: {value!r}"
            )
