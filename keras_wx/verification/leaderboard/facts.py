"""What was scored, on what, and how, in the words of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from keras_wx import __version__
from keras_wx.data.timeaxis import time_step
from keras_wx.spec import format_step, parse_step
from keras_wx.verification.fields import BLOCK
from keras_wx.verification.hindcasts import least_value
from keras_wx.verification.leaderboard.cost import machine
from keras_wx.verification.leaderboard.entries import Entries

if TYPE_CHECKING:
    from keras_wx.data.pydataset import Samples
    from keras_wx.verification.profiles import Profiles


def facts_of(
    dataset: xr.Dataset,
    entries: Entries,
    windows: Samples,
    split: str | None,
    cases: Mapping[str, xr.Dataset],
    table: pd.DataFrame,
) -> dict[str, str]:
    """Key -> text.

    Args:
        dataset: what the user gave.
        entries: what took part.
        windows: where forecasts started.
        split: which part of the data they are.
        cases: model -> scores.
        table: of their means, whose attributes say how sure they are.
    """
    data, sample = entries.data, entries.sample
    init_times, left = windows.init_times, windows.selection
    first, last = init_times[[0, -1]].astype("datetime64[m]").astype(str)
    rows, columns = entries.field.shape[-2:]
    step = format_step(sample.step or time_step(data["time"].values))
    level, draws, events = (table.attrs[key] for key in ("level", "draws", "events"))
    drawn = f"{level:.0%} of {draws:,} bootstrap draws of the events"
    facts = {
        "forecasts": f"{len(init_times):,} of {sample.targets[0].frames} frames, {step} apart, "
        f"started {first} to {last} UTC" + (f" ({split})" if split else ""),
        "events": f"{events}; a break of more than 12 hours between starts begins a new one",
        "intervals": drawn if events > 1 else "none: a single event says nothing of others",
        "data": " ".join(_name(dataset).split())  # a fact is one line of the report
        + f"; {rows} x {columns} points"
        + (f" of {entries.spacing_km[0]:.3g} km" if entries.spacing_km else ""),
        "windows": f"{left.frames} frames without a gap, as {next(iter(entries.models))} takes "
        f"them; left out: {left.dry:,} starts by the rain filter, {left.broken:,} by gaps in time",
        "units": entries.field.attrs["units"],
        "floor": f"values below {least_value(sample.targets[0]):g} count as it",
        "machine": machine(),
        "software": f"keras_wx {__version__}",
    }
    pixels = [int(found["n_pairs"].sum()) for found in cases.values()]
    if min(pixels) < max(pixels):
        facts["pixels"] = (
            f"models were compared at {min(pixels):,} to {max(pixels):,} pixels: where the frames "
            "that one reads are missing, it has no forecast"
        )
    return facts


def curtain_facts_of(
    dataset: xr.Dataset,
    entries: Entries,
    profiles: Profiles,
    split: str | None,
    table: pd.DataFrame,
) -> dict[str, str]:
    """Key -> text; `profiles` are those that were scored, the rest is as in `facts_of`."""
    data, sample = entries.data, entries.sample
    first, last = profiles.times[[0, -1]].astype("datetime64[s]").astype(str)
    step = format_step(sample.step or time_step(data["time"].values))
    level, draws, blocks = (table.attrs[key] for key in ("level", "draws", "blocks"))
    correlated, zone = profiles.decorrelation, sample.blind_zone
    tops = [] if zone.height is None else [f"{zone.height:g} m"]
    if zone.variable in data:
        tops.append(f"{zone.variable} of the data")
    return {
        "profiles": f"{len(profiles.times):,}, {step} apart, {first} to {last} UTC"
        + (f" ({split})" if split else ""),
        "blocks": f"{blocks} of columns"
        + (
            f", at least {format_step(profiles.apart)} from start to start: columns decorrelate in "
            f"{'more than ' * profiles.is_lower_bound}{format_step(correlated)}"
            if correlated
            else "; how long columns remember each other could not be estimated"
        ),
        "intervals": f"{level:.0%} of {draws:,} bootstrap draws of the blocks"
        if blocks > 1
        else "none: a single block says nothing of others",
        "data": " ".join(_name(dataset).split()) + f"; {data.sizes['height']} heights",
        "blind zone": f"up to {', or where that is higher '.join(tops)}",
        "ensembles": "scored by the median of their members",
        "units": entries.field.attrs["units"],
        "machine": machine(),
        "software": f"keras_wx {__version__}",
    }


def field_facts_of(
    dataset: xr.Dataset,
    entries: Entries,
    windows: Samples,
    split: str | None,
    table: pd.DataFrame,
    fitted: Iterable[str],
) -> dict[str, str]:
    """Key -> text; `fitted` are the baselines that took numbers from the training part, the rest is
    as in `facts_of`."""
    data, sample = entries.data, entries.sample
    target, times = sample.targets[0], windows.init_times
    first, last = times[[0, -1]].astype("datetime64[m]").astype(str)
    step = sample.step or time_step(data["time"].values)
    level, draws, blocks = (table.attrs[key] for key in ("level", "draws", "blocks"))
    rows, columns = entries.field.shape[-2:]
    facts = {
        "fields": f"{len(times):,} of {target.name}"
        + (f", {format_step(step)} apart" if step else "")
        + f", {first} to {last} UTC"
        + (f" ({split})" if split else ""),
        "blocks": f"{blocks} of {format_step(parse_step(BLOCK))}",
        "intervals": f"{level:.0%} of {draws:,} bootstrap draws of the blocks"
        if blocks > 1
        else "none: a single block says nothing of others",
        "data": " ".join(_name(dataset).split()) + f"; {rows} x {columns} points",
        "windows": f"{windows.selection.frames} frames without a gap, as "
        f"{next(iter(entries.models))} takes them",
        "ensembles": "errors of their mean, all else of their members",
        "units": target.units,
        "machine": machine(),
        "software": f"keras_wx {__version__}",
    }
    if names := ", ".join(fitted):
        facts["fitted"] = f'{names}, to the part "train" of the data'
    return facts


def _name(dataset: xr.Dataset) -> str:
    """What the data call themselves, else the file that they were read from."""
    read_from = [each.encoding.get("source") for each in (dataset, *dataset.data_vars.values())]
    file = next((Path(path).name for path in read_from if path), None)
    return str(dataset.attrs.get("title") or dataset.attrs.get("source") or file or "not named")
