"""`leaderboard`: every model on the same events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from keras_wx.errors import DataError, ModelError
from keras_wx.transforms import ZR
from keras_wx.verification.ensemble import with_crps
from keras_wx.verification.hindcasts import (
    forecast_all,
    least_value,
    members_of,
    start_windows,
    warn_of_unscored,
)
from keras_wx.verification.leaderboard.cost import cost_table
from keras_wx.verification.leaderboard.curtains import compare_curtains
from keras_wx.verification.leaderboard.entries import Entries, Models, gather, task_of
from keras_wx.verification.leaderboard.facts import facts_of
from keras_wx.verification.leaderboard.fields import compare_fields
from keras_wx.verification.leaderboard.result import Leaderboard
from keras_wx.verification.leaderboard.table import difference_table, score_table
from keras_wx.verification.pooling import pool
from keras_wx.verification.spectra import spectra
from keras_wx.verification.verify import verify

SCALES = (1, 4, 16)
"""Sides of the neighbourhoods of the fractions skill score, in grid points."""


def leaderboard(
    models: Models | None,
    dataset: xr.Dataset,
    *,
    split: str | None = None,
    stride: int = 1,
    min_rain_fraction: float | None = None,
    output_frames: int | None = None,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] = SCALES,
    members: int = 20,
    seed: int = 0,
    batch_size: int | None = None,
    repetitions: int = 5,
    regrid: bool = False,
    resample: bool = False,
    convert_units: bool = False,
    zr: str | tuple[float, float] | ZR | None = None,
) -> Leaderboard:
    """Compares models on the same events: scores, how sure they are, and what a forecast costs.

    The first trained model that fits says what is compared: the data are brought to its grid, step
    and units, forecasts start where `samples` would cut a window for it, and values below the least
    one that it can say count as that one. The others forecast from the same data and start times.
    A model that does not fit, or fails on the way, is listed with the reason; the others go on.

    A stochastic model forecasts an ensemble, whose mean is scored beside its CRPS. The CRPS of a
    single forecast is its MAE.

    Of a curtain, models for blind zones fill every profile of the split. The first one says how
    deep the blind zone is, and those that fill another one are left out. What is drawn for the
    intervals are blocks of columns, twice as long as columns take to decorrelate. An ensemble is
    scored by the median of its members: their mean has cloud wherever one of them has some.

    Of a pair of grids, models of downscaling give the fine fields of every time of the split. What
    is drawn for the intervals are blocks of 5 days; scores that are no means over times, such as
    the error of spectra and variograms, have none. Errors are those of an ensemble's mean. A
    baseline that learns quantiles takes them from the part "train" of the dataset.

    Args:
        models: the name of a preset, the folder of a saved model or a loaded model, or several of
            these, or a mapping from labels to them. None takes every preset with trained weights
            and every baseline that is made for such data: forecasts for maps, blind zones for
            curtains, fine fields for pairs.
        dataset: dims `(time, y, x)` or `(time, lat, lon)`, or `(time, height)` of a curtain;
            variables in physical units.
        split, stride, min_rain_fraction: which start times, see `keras_wx.samples`. Of a curtain,
            `split` alone; nor has it `output_frames`, `thresholds`, `scales` and `batch_size`. Fine
            fields have neither `output_frames` nor `scales`.
        output_frames: of each forecast; None takes those of the first model.
        thresholds: of events; None takes the usual ones, see `keras_wx.verify`.
        scales: of the fractions skill score, in grid points; those wider than the grid are left
            out.
        members: of the ensemble of a stochastic model.
        seed: of what it draws.
        batch_size: windows in one call of a model, see `keras_wx.predict`.
        repetitions: how often the forecast that measures the cost is made; 0 measures none.
        regrid, resample, convert_units, zr: conversions that are allowed, see
            `keras_wx.data.conform`.

    Returns:
        A `Leaderboard`; its `save(folder)` writes CSV and Markdown.

    Raises:
        UnknownNameError: a model that the zoo does not have.
        DataError: no model fits the data, or no window is left.
        ModelError: every model failed.

    References:
        Roberts and Lean (2008), Monthly Weather Review 136, 78-97 (FSS).
        Hersbach (2000), Weather and Forecasting 15, 559-570 (CRPS).
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Example:

    >>> board = keras_wx.verification.leaderboard(None, radar, split="test", stride=5)
    >>> board.table["CSI@10"]
    >>> board.save("leaderboard")
    """
    for name, value, least in (("members", members, 1), ("repetitions", repetitions, 0)):
        if value < least:
            raise ModelError(f"{name}: expected at least {least}. Received: {name}={value}")
    if task_of(dataset) == "downscale":
        _refuse_options(
            "fine fields, which have no lead time",
            output_frames=output_frames,
            scales=None if scales is SCALES else scales,
        )
    entries = gather(
        models,
        dataset,
        output_frames=output_frames,
        regrid=regrid,
        resample=resample,
        convert_units=convert_units,
        zr=zr,
    )
    if entries.sample.is_curtain:
        _refuse_options(
            "a curtain, of which every profile is filled",
            stride=None if stride == 1 else stride,
            min_rain_fraction=min_rain_fraction,
            output_frames=output_frames,
            thresholds=thresholds,
            scales=None if scales is SCALES else scales,
            batch_size=batch_size,
        )
        return compare_curtains(
            entries, dataset, split=split, members=members, seed=seed, repetitions=repetitions
        )
    if entries.sample.is_downscaling:
        return compare_fields(
            entries,
            dataset,
            {"regrid": regrid, "resample": resample, "convert_units": convert_units, "zr": zr},
            {"split": split, "stride": stride, "min_rain_fraction": min_rain_fraction},
            thresholds=thresholds,
            members=members,
            seed=seed,
            batch_size=batch_size,
            repetitions=repetitions,
        )
    windows = start_windows(
        entries.data,
        entries.window,
        split=split,
        stride=stride,
        min_rain_fraction=min_rain_fraction,
    )
    init_times = windows.init_times
    entries.drop_without_history(init_times)

    cases, power = _scored(
        entries, init_times, thresholds, scales, members=members, seed=seed, batch_size=batch_size
    )
    measured = cost_table(
        entries, cases, init_times, repetitions, members=members, seed=seed, batch_size=batch_size
    )
    baselines = [name for name in entries.baselines if name in cases]
    table = score_table(cases)
    differences = difference_table(cases, table, baselines)
    table.insert(0, "members", [members_of(entries.models[name], members) for name in cases])
    table["ms"] = measured["median_ms"].reindex(table.index)
    return Leaderboard(
        table,
        differences,
        scores={name: pool(found, "init_time") for name, found in cases.items()},
        spectra={name: pool(found, "init_time") for name, found in power.items()},
        cases=cases,
        cost=measured,
        baselines=tuple(baselines),
        left_out=entries.left_out,
        facts=facts_of(dataset, entries, windows, split, cases, table),
    )


def _scored(
    entries: Entries,
    init_times: np.ndarray,
    thresholds: Sequence[float] | None,
    scales: Sequence[int],
    **options,
) -> tuple[dict[str, xr.Dataset], dict[str, xr.Dataset]]:
    """Scores and spectra of every start and lead time, by model."""
    target = entries.sample.targets[0]
    least = least_value(target)
    # A spectrum needs a number for missing pixels, also of a model that has no least one.
    no_echo = least if np.isfinite(least) else 0.0
    longest = max(entries.field.shape[-2:])
    common = {
        "variable": target.name,
        "preserve_dims": ("init_time", "lead_time"),
    }

    def measure(forecast: xr.Dataset, truth: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
        fitting = [scale for scale in scales if scale <= longest]
        found = verify(
            forecast,
            truth,
            thresholds=thresholds,
            scales=fitting or None,
            floor=least,
            **common,
        )
        return with_crps(found), spectra(forecast, truth, floor=no_echo, **common)

    failures: dict[str, Exception] = {}
    parts = forecast_all(
        entries.models,
        entries.data,
        entries.sample,
        init_times,
        measure,
        failures=failures,
        **options,
    )
    entries.note(failures)
    cases, power = (
        {name: xr.concat([part[i] for part in found], "init_time") for name, found in parts.items()}
        for i in (0, 1)
    )
    warn_of_unscored(cases)
    return cases, power


def _refuse_options(what: str, **options) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise DataError(f"{', '.join(given)}: expected none for {what}.")
