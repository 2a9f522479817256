"""Scores of several models over many start times, in bounded memory, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from keras_wx.cli._console import console, table
from keras_wx.data.windows import span
from keras_wx.inference.progress import progress_bar
from keras_wx.plots.style import pretty_units
from keras_wx.verification.bootstrap import difference
from keras_wx.verification.table import to_frame
from keras_wx.verification.verify import verify

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from keras_wx.spec import Sample, Variable

PIXELS_IN_MEMORY = 16_000_000
"""Pixels of one model's forecasts that are made before they are scored and forgotten."""
COLUMN_WIDTH = 7
"""Of a score in the table, with the blanks before it."""


def least_value(target: Variable) -> float:
    """The least value that a model can say of a target, which `verify` takes as `floor`.

    Archives write "no echo" as 0, -10 or -32 dBZ. Where the model has one number for all of them,
    errors between them would drown those that matter.
    """
    with np.errstate(all="ignore"):
        return float(target.transform.inverse(target.transform(np.array(-np.inf))))


def score(
    models: Mapping[str, object],
    data: xr.Dataset,
    sample: Sample,
    init_times: np.ndarray,
    *,
    thresholds: tuple[float, ...] | None,
    batch_size: int | None,
) -> dict[str, xr.Dataset]:
    """Forecasts from many start times, compared with what was observed.

    Args:
        models: name -> model; all forecast the same number of frames.
        data: what `conform` gives for `sample`.
        sample: of the first model; its range holds for the forecasts of all.
        init_times: datetime64, each with a complete window in `data`.
        thresholds: of events, see `keras_wx.verify`.
        batch_size: see `keras_wx.predict`.

    Returns:
        Name -> what `keras_wx.verify` returns of every start time and lead time.
    """
    from keras_wx import predict

    target = sample.targets[0]
    parts = {name: [] for name in models}
    with progress_bar("forecasting", len(init_times) * len(models), None) as count:
        for starts, block in _blocks(data, sample, init_times):
            for name, model in models.items():
                forecast = predict(
                    model, block, init_times=starts, batch_size=batch_size, progress=False
                )
                parts[name].append(
                    verify(
                        forecast,
                        block,
                        variable=target.name,
                        thresholds=thresholds,
                        preserve_dims=("init_time", "lead_time"),
                        floor=least_value(target),
                    )
                )
                count(len(starts))
    return {name: xr.concat(cases, "init_time") for name, cases in parts.items()}


def _blocks(
    data: xr.Dataset, sample: Sample, init_times: np.ndarray
) -> Iterator[tuple[np.ndarray, xr.Dataset]]:
    """Some start times, and the frames of their windows in memory."""
    target = sample.targets[0]
    frames = data[target.name]
    size = max(1, PIXELS_IN_MEMORY // (target.frames * frames[0].size))
    first, last = span(sample)
    position = np.searchsorted(data["time"].values, init_times)
    for begin in range(0, len(init_times), size):
        chosen = slice(begin, begin + size)
        needed = np.unique(np.add.outer(position[chosen], np.arange(first, last + 1)))
        runs = np.split(needed, np.flatnonzero(np.diff(needed) > 1) + 1)
        # Slices, which a file gives at once; frame by frame it would read a chunk many times.
        parts = [data.isel(time=slice(run[0], run[-1] + 1)).load() for run in runs]
        yield init_times[chosen], xr.concat(parts, "time") if len(parts) > 1 else parts[0]


def print_scores(scores: Mapping[str, xr.Dataset], lines: Iterable[str]) -> None:
    """Prints means over lead times: a row a model, below the lines that say of what."""
    columns = to_frame(scores, columns=("csi", "frequency_bias", "mse", "mae"))
    units = pretty_units(next(iter(scores.values())).attrs["units"])
    squared = f"({units})²" if "/" in units else f"{units}²"
    out = console()
    for line in lines:
        out.print(line)
    out.print(f"Means over lead times; thresholds and MAE in {units}, MSE in {squared}\n")
    # As many columns beside each other as there is room for: rain rates have many thresholds.
    room = max(1, (out.width - max(map(len, columns.index))) // COLUMN_WIDTH)
    for begin in range(0, columns.shape[1], room):
        out.print(_table(columns.iloc[:, begin : begin + room]))
        out.print()


def print_differences(cases: Mapping[str, xr.Dataset]) -> None:
    """Prints how far the first model is ahead of each other one, with a bootstrap interval."""
    (name, ours), *rivals = cases.items()
    out = console()
    for rival, theirs in rivals:
        csi, mse = (difference(ours, theirs, score) for score in ("csi", "mse"))
        draws, events = csi.attrs["draws"], csi.attrs["events"]
        if events > 1:
            how = f"and 95 % of {draws} bootstrap draws of {events} events"
        else:
            how = "in a single event, which says nothing of others"
        out.print(f"{name} minus {rival}, {how}:")
        for threshold in csi["threshold"].values:
            out.print(f"  CSI >= {threshold:<6g}{_lead(csi.sel(threshold=threshold), events)}")
        out.print(f"  MSE          {_lead(mse, events)}\n")


def _lead(found: xr.Dataset, events: int) -> str:
    middle, low, high = (float(found[name]) for name in ("difference", "low", "high"))
    if np.isnan(middle):
        return "-"
    # Draws of one event are all the same: their interval would be a point.
    return f"{middle:+.3f}  ({low:+.3f} to {high:+.3f})" if events > 1 else f"{middle:+.3f}"


def _table(columns: pd.DataFrame) -> Table:
    rows = table()
    rows.add_column("Model", vertical="bottom", no_wrap=True)
    for name in columns:
        rows.add_column(name.replace("@", "\n>= "), justify="right", no_wrap=True)
    texts = columns.apply(_numbers)
    for model, values in texts.iterrows():
        rows.add_row(model, *values)
    return rows


def _numbers(values: pd.Series) -> pd.Series:
    """Three digits or more, as many decimals in each row; a dash where there is no score."""
    largest = values.abs().max()
    decimals = 3 if largest < 10 else 2 if largest < 100 else 1
    return values.map(lambda value: "-" if np.isnan(value) else f"{value:.{decimals}f}")
