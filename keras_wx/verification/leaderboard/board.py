"""`leaderboard`: every model on the same events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx import __version__
from keras_wx.data.geometry import spacing_km
from keras_wx.data.timeaxis import time_step
from keras_wx.errors import ModelError
from keras_wx.inference.blocks import Batches
from keras_wx.inference.layout import cover, default_batch_size
from keras_wx.inference.predict import predict
from keras_wx.spec import format_step
from keras_wx.transforms import ZR
from keras_wx.verification.leaderboard import cost, report
from keras_wx.verification.leaderboard.cases import (
    forecast_all,
    frames_around,
    least_value,
    members_of,
    start_windows,
)
from keras_wx.verification.leaderboard.entries import Entries, Models, gather, reason_of
from keras_wx.verification.leaderboard.table import (
    difference_table,
    lead_time_table,
    score_table,
    with_crps,
)
from keras_wx.verification.pooling import pool
from keras_wx.verification.spectra import spectra
from keras_wx.verification.verify import verify

if TYPE_CHECKING:
    from keras_wx.data.pydataset import Samples

SCALES = (1, 4, 16)
"""Sides of the neighbourhoods of the fractions skill score, in grid points."""


@dataclass(frozen=True)
class Leaderboard:
    """What `leaderboard` found.

    Attributes:
        table: a row a model; means over lead times with 95 % intervals, and the cost in
            milliseconds. See `keras_wx.verification.leaderboard.table`.
        differences: model minus the best baseline, a row for each score, with 95 % intervals.
        scores: model -> `keras_wx.verify` by lead time.
        spectra: model -> `keras_wx.verification.spectra` by lead time.
        cases: model -> `keras_wx.verify` of every start and lead time.
        cost: milliseconds of a forecast, a row a model.
        baselines: models without training, the strongest of which the others are compared with.
        left_out: model -> why it is not in the table, or failed on the way.
        facts: what was scored, on what, and how.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    scores: dict[str, xr.Dataset]
    spectra: dict[str, xr.Dataset]
    cases: dict[str, xr.Dataset]
    cost: pd.DataFrame
    baselines: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def ensembles(self) -> dict[str, xr.Dataset]:
        """The scores of the models that forecast several members."""
        return {name: found for name, found in self.scores.items() if "rank" in found.dims}

    def to_markdown(self, pictures: Mapping[str, str] | None = None) -> str:
        """The tables, what was left out and how it was done; with pictures, title -> file."""
        return report.markdown(self, pictures or {})

    def save(
        self, folder: str | PathLike, *, pictures: Mapping[str, str] | None = None
    ) -> list[Path]:
        """Writes `leaderboard.csv`, `leaderboard.md`, `differences.csv` and `by_lead_time.csv`.

        Args:
            folder: made where missing; files of these names in it are replaced.
            pictures: title -> file in the folder, to be shown in the Markdown.

        Returns:
            The files.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        texts = {
            "leaderboard.csv": report.csv(self.table, self.facts),
            "leaderboard.md": self.to_markdown(pictures),
            "differences.csv": report.csv(self.differences, self.facts, index=False),
            "by_lead_time.csv": report.csv(lead_time_table(self.scores), self.facts, index=False),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        return [folder / name for name in texts]


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

    Args:
        models: names of presets, folders of saved models, loaded models, or a mapping from a label
            to one of these. None takes every nowcasting preset with trained weights and every
            baseline.
        dataset: dims `(time, y, x)` or `(time, lat, lon)`, variables in physical units.
        split, stride, min_rain_fraction: which start times, see `keras_wx.samples`.
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
    entries = gather(
        models,
        dataset,
        output_frames=output_frames,
        regrid=regrid,
        resample=resample,
        convert_units=convert_units,
        zr=zr,
    )
    windows = start_windows(
        entries.data,
        entries.sample,
        split=split,
        stride=stride,
        min_rain_fraction=min_rain_fraction,
    )
    init_times = windows.init_times
    entries.drop_without_history(init_times)

    cases, power = _scored(
        entries, init_times, thresholds, scales, members=members, seed=seed, batch_size=batch_size
    )
    measured = _measured(
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
        facts=_facts(entries, windows, split, cases) | _sureness(table),
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
    longest = max(entries.data[target.name].shape[-2:])
    common = {
        "variable": target.name,
        "floor": least_value(target),
        "preserve_dims": ("init_time", "lead_time"),
    }

    def measure(forecast: xr.Dataset, truth: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
        fitting = [scale for scale in scales if scale <= longest]
        found = verify(forecast, truth, thresholds=thresholds, scales=fitting or None, **common)
        return with_crps(found), spectra(forecast, truth, **common)

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
    for name, error in failures.items():
        entries.left_out[name] = f"failed: {reason_of(error)}"
    if not parts:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in entries.left_out.items())
        raise ModelError(f"Every model failed.{reasons}")
    cases, power = (
        {name: xr.concat([part[i] for part in found], "init_time") for name, found in parts.items()}
        for i in (0, 1)
    )
    return cases, power


def _measured(
    entries: Entries, names: Iterable[str], init_times: np.ndarray, repetitions: int, **options
) -> pd.DataFrame:
    """The cost of a forecast by each model, of start times spread over the whole period."""
    models = {name: entries.models[name] for name in names}
    domain = entries.data[entries.sample.targets[0].name].shape[-2:]
    tiles = {name: cover(model, domain) for name, model in models.items()}
    most = options["batch_size"] or min(default_batch_size(those[0]) for those in tiles.values())
    windows = min(len(init_times), most)
    starts = init_times[np.linspace(0, len(init_times) - 1, windows).astype(int)]
    block = frames_around(entries.data, starts, entries.sample, models.values())
    calls, plans = {}, {}
    for name, model in models.items():
        members = members_of(model, options["members"])
        asked = options | {"members": members, "batch_size": most}
        calls[name] = partial(predict, model, block, init_times=starts, progress=False, **asked)
        batches = Batches.plan(windows, members * len(tiles[name]), most)
        plans[name] = {"members": members, "windows": windows, "batch_size": batches.windows}
    failures: dict[str, Exception] = {}
    measured = cost.measure(calls, windows=windows, repetitions=repetitions, failures=failures)
    for name, error in failures.items():
        entries.left_out[name] = f"failed when its cost was measured: {reason_of(error)}"
    return measured.join(pd.DataFrame.from_dict(plans, orient="index"))


def _facts(
    entries: Entries, windows: Samples, split: str | None, cases: Mapping[str, xr.Dataset]
) -> dict[str, str]:
    """What was scored, on what, and how, in the words of a report."""
    data, sample = entries.data, entries.sample
    init_times, left = windows.init_times, windows.selection
    first, last = init_times[[0, -1]].astype("datetime64[m]").astype(str)
    field = data[sample.targets[0].name]
    rows, columns = field.shape[-2:]
    spacing = spacing_km(field, field.dims[-2:])
    step = format_step(sample.step or time_step(data["time"].values))
    facts = {
        "forecasts": f"{len(init_times):,} of {sample.targets[0].frames} frames, {step} apart, "
        f"started {first} to {last} UTC" + (f" ({split})" if split else ""),
        "data": str(data.attrs.get("title") or data.attrs.get("source") or "not named")
        + f"; {rows} x {columns} points"
        + (f" of {spacing[0]:.3g} km" if spacing else ""),
        "windows": f"those of {next(iter(entries.models))}; left out: {left.dry:,} starts by the "
        f"rain filter, {left.broken:,} by gaps in time",
        "units": field.attrs["units"],
        "machine": cost.machine(),
        "software": f"keras_wx {__version__}",
    }
    pixels = [int(found["n_pairs"].sum()) for found in cases.values()]
    if min(pixels) < max(pixels):
        facts["pixels"] = (
            f"models were compared at {min(pixels):,} to {max(pixels):,} pixels: where the frames "
            "that one reads are missing, it has no forecast"
        )
    return facts


def _sureness(table: pd.DataFrame) -> dict[str, str]:
    level, draws, events = (table.attrs[key] for key in ("level", "draws", "events"))
    drawn = f"{level:.0%} of {draws:,} bootstrap draws of the events"
    return {
        "events": f"{events}; a break of more than 12 hours between starts begins a new one",
        "intervals": drawn if events > 1 else "none: a single event says nothing of others",
    }
