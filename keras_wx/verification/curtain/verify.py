"""`verify_curtain`: the scores of a reconstructed blind zone against what was observed there."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import xarray as xr

from keras_wx.errors import DataError
from keras_wx.verification.curtain.description import coordinates, labelled
from keras_wx.verification.curtain.ensemble import of_calibration, of_members
from keras_wx.verification.curtain.events import of_events
from keras_wx.verification.curtain.gates import of_edge, of_gates, of_heights, of_lowest_echo
from keras_wx.verification.curtain.pairs import Columns, match
from keras_wx.verification.curtain.spectra import of_spectra
from keras_wx.verification.curtain.sums import from_sums
from keras_wx.verification.description import described
from keras_wx.verification.scale import REFLECTIVITY


def verify_curtain(
    reconstruction: xr.Dataset,
    truth: xr.Dataset,
    *,
    variable: str = "reflectivity",
    low: float = -60.0,
    high: float = 30.0,
    region: Literal["hole", "blended"] = "hole",
    by: Literal["mean", "median"] = "median",
    scene: int = 128,
    events_by: Literal["scene", "column"] = "scene",
    precipitation: float = -20.0,
    cloud_fraction: float = 0.05,
    probability_bins: int = 10,
    depth: int | None = None,
    block: int = 512,
    by_block: bool = False,
) -> xr.Dataset:
    """Scores a reconstruction of a curtain in its blind zone.

    Each gate of the hole (mask 1) is compared with what was observed there at the same time. A gate
    that is missing on either side is left out: of a curtain whose truth has a blind zone of its
    own, the part that a deeper hole hid. Sums are taken over all columns before any ratio; the
    defaults are those of the reference, which averages over scenes of equal size. It leaves out
    scenes with an echo above 20 dBZ and gates where the standard error of the members' mean is
    above 1 dB; `truth.where(...)` does so.

    An ensemble is scored by the median of its members in dBZ, clear air being `low`; and as an
    ensemble, by CRPS, spread, ranks, probabilities, coverage. The median has cloud where half of
    the members have some; of the mean, as the reference takes it, a single member with cloud makes
    cloud.

    Args:
        reconstruction: what `keras_wx.predict` returns of a curtain: `([realization,] time,
            height)` in dBZ, with the coordinate `blind_zone (time, height)`, the mask.
        truth: the same variable, dims `time` and `height`, at the same heights in metres.
        variable: its name.
        low: dBZ that means "no echo"; what is below counts as it, on both sides.
        high: upper end of the histograms of reflectivity, in dBZ; what is above counts as it.
        region: which gates are scored: "hole" (mask 1), or "blended" (mask above 0), the ramp too.
            Events, spectra, lowest echo and edge are of the hole in any case.
        by: how the members of an ensemble become one curtain.
        scene: columns of a scene, for events and for spectra along time.
        events_by: what an event happens in: a scene, or each column by itself.
        precipitation: dBZ from which an echo counts as precipitation.
        cloud_fraction: share of the gates of the hole that makes the event "cloud".
        probability_bins: number of bins, evenly spaced, of an ensemble's probabilities.
        depth: gates of the holes whose spectra along height are taken; None for the most frequent.
        block: columns of a block for `keras_wx.verification.interval`, rounded up to whole scenes:
            to be longer than the decorrelation time of the curtain, which the repr of
            `keras_wx.samples` says. A gap in time begins a new block and a new scene.
        by_block: keep the scores of each block, dim `block` with the coordinate `start_time`.

    Returns:
        A Dataset, without dims or with `block`:

        * `mae`, `rmse`, `mean_error` (reconstruction minus truth), `mse`; `n_pairs` gates in
          `n_columns` columns.
        * `dice` of cloud, gates above `low`, from `forecast_cloud`, `truth_cloud` and
          `cloud_in_both`.
        * `emd`: the mean over 64 bins from `low` to `high` of the difference of the cumulative
          distributions of reflectivity, in per cent; times `(high - low) / 100`, the earth mover's
          distance in dB. From `forecast_histogram` and `truth_histogram` by `reflectivity_bin`.
        * `edge_correlation`: Pearson's, over columns, of reconstruction and truth at one gate a
          column: the lowest gate of the hole that has a truth, clear air as `low`. Where the truth
          has a blind zone of its own, that is its edge: the test of CloudSat, whose hole is made
          deeper than its clutter. Where the truth is complete, it is the gate next to the surface.
          The paper prints r = 0.13 of the marching average for CloudSat, which follows the gates
          above: so r cannot be that of the gates which border on measured ones.
        * by `event`: `hits`, `misses`, `false_alarms`, `correct_negatives`, `pod`, `far`, `csi`,
          `hss`, `frequency_bias` of "cloud" (echo in `cloud_fraction` of the hole's gates or more),
          "shallow_precipitation" (the highest number just above the hole is below `precipitation`,
          that at the lowest gates of the hole is not) and "virga" (the opposite). What lies above
          the hole is as measured on both sides.
        * by `height`: `forecast_lowest_echo` and `truth_lowest_echo`, the number of columns whose
          lowest echo is there, beside `forecast_without_echo` and `truth_without_echo`;
          `lowest_echo_mae` and `lowest_echo_bias` in m of the `n_lowest_echo` columns with one on
          both sides.
        * by `height`, of the whole column: `forecast_profile`, `truth_profile` in dBZ with clear
          air as `low`, their `profile_bias`, and `forecast_cloud_profile`, `truth_cloud_profile`,
          the share of gates with cloud.
        * by `time_wavenumber` (with `period` in s): `forecast_time_power`, `truth_time_power`, the
          mean `|rfft|^2 / n` of rows of the hole in whole scenes; by `height_wavenumber` (with
          `wavelength` in m): `forecast_height_power`, `truth_height_power` of columns whose hole is
          `depth` gates deep. Of an ensemble the mean of its members' spectra, and
          `ensemble_mean_time_power`, `ensemble_mean_height_power` of its mean (or median).

        For an ensemble of two or more members, what `keras_wx.verify` gives: `crps`, `crps_fair`,
        `spread`, `spread_skill_ratio`, `rank_histogram`, `rank_frequency`, and by `threshold`
        (`low`: any cloud; `precipitation`) `brier` and the reliability diagram. Also:

        * `coverage`: share of truths inside the members' central 90 % interval, ends included;
          `unsure_coverage` without the gates where all members and the truth are equal, as in
          clear air.
        * by `spread_bin`: `spread_count`, `spread_variance`, `spread_mse`: error against spread.
        * `spearman`: rank correlation of the members' standard deviation and the absolute error, in
          classes a tenth wide (`spread_error_histogram`), so that it adds up over columns.

    Raises:
        DataError: units or heights that differ, no common time, no mask, an option that there is
            not or that is no number of columns or gates.

    References:
        King et al. (2024), Development of a Full-Scale Connected U-Net for Reflectivity Inpainting
        in Spaceborne Radar Blind Zones, Artif. Intell. Earth Syst. 3, e230063,
        doi:10.1175/AIES-D-23-0063.1, and its code: events, EMD, Dice, spectra.
        Roebber (2009), Weather and Forecasting 24, 601-608: the scores of events together.
        See `keras_wx.verify` for those of ensembles.

    Example:

    >>> curtain = keras_wx.predict(model, radar, members=50)
    >>> scores = verify_curtain(curtain, radar)
    >>> scores.csi.sel(event="virga")
    """
    _check_numbers(scene=scene, block=block, probability_bins=probability_bins)
    _check_choices(region=region, by=by, events_by=events_by)
    # NumPy's own numbers would make float64 of the fields that they are compared with.
    low, high, precipitation = float(low), float(high), float(precipitation)
    if not low < high:
        raise DataError(f"Expected low < high, in dBZ. Received: low={low:g}, high={high:g}")
    pair = match(reconstruction, truth, variable, low, by)
    heights = pair.heights
    if depth is None:
        depth = pair.depth()
    elif not isinstance(depth, int) or not 1 <= depth <= heights.size:
        raise DataError(
            f"depth: expected 1 to {heights.size} gates, which the curtain has, or None for those "
            f"of most holes. Received: {depth!r}"
        )
    length = -(-block // scene) * scene
    event_columns = 1 if events_by == "column" else scene

    starts, blocks = [], []
    for start, part in pair.blocks(length):
        gates = _region(part, region)
        sums = (
            of_gates(part, gates, low, high)
            | of_heights(part, low)
            | of_lowest_echo(part, heights, low)
            | of_edge(part)
            | of_events(part, event_columns, low, precipitation, cloud_fraction)
            | of_spectra(part, scene, depth)
        )
        if len(part.members) > 1:
            sums |= of_calibration(part, gates)
        found = xr.Dataset(sums)
        if len(part.members) > 1:
            found = found.assign(of_members(part, gates, low, precipitation, probability_bins))
        starts.append(pair.times[start])
        blocks.append(found)

    sums = xr.concat(blocks, "block").assign_coords(
        coordinates(heights, low, high, scene, depth, pair.step_seconds)
    )
    if not int(sums["n_pairs"].sum()):
        warnings.warn(
            "No gate of the blind zone has a truth at the same time: there is nothing to score. "
            "A zone deeper than the radar's own hides gates that it did see: "
            "load(..., sample={'blind_zone': {'height': ...}}).",
            stacklevel=2,
        )
    scores = from_sums(sums if by_block else sums.sum("block"))
    if by_block:
        scores = scores.assign_coords(start_time=("block", np.array(starts)))
    scores = labelled(described(scores, REFLECTIVITY, reconstruction, truth, variable))
    if "threshold" in scores:
        scores["threshold"].attrs.update(
            units=REFLECTIVITY, comment="the lowest: any cloud; others: at or above it"
        )
    return scores


def _region(part: Columns, region: str) -> np.ndarray:
    return part.hole if region == "hole" else part.mask > 0


_CHOICES = {
    "region": ("hole", "blended"),
    "by": ("mean", "median"),
    "events_by": ("scene", "column"),
}


def _check_choices(**options: str) -> None:
    for name, value in options.items():
        if value not in _CHOICES[name]:
            expected = " or ".join(map(repr, _CHOICES[name]))
            raise DataError(f"{name}: expected {expected}. Received: {value!r}")


def _check_numbers(**options: int) -> None:
    for name, value in options.items():
        if not isinstance(value, int) or value < 1:
            raise DataError(f"{name}: expected a whole number, 1 or more. Received: {value!r}")
