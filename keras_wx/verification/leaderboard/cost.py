"""What a forecast costs: the time that `predict` takes, models in turn, on this machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.inference.blocks import Batches
from keras_wx.inference.layout import cover, default_batch_size
from keras_wx.inference.predict import predict
from keras_wx.verification.hindcasts import frames_around, members_of
from keras_wx.verification.leaderboard.entries import Entries, reason_of
from keras_wx.verification.profiles import SCENE

FIELDS = 4
"""Fine fields of the call whose time is taken."""
COLUMNS = ("median_ms", "fastest_ms", "slowest_ms", "repetitions")


def measure(
    calls: Mapping[str, Callable[[], object]],
    *,
    windows: float,
    repetitions: int,
    failures: dict[str, Exception],
    clock: Callable[[], float] = time.perf_counter,
) -> pd.DataFrame:
    """Times the forecasts of several models, each in turn, so that a slow moment hits all.

    Args:
        calls: model -> forecasts from `windows` start times. The first call of each warms up: it
            compiles and is not counted.
        windows: start times of a call, or scenes.
        repetitions: of every call that are counted.
        failures: takes the error of a model that fails, which is left out.
        clock: seconds.

    Returns:
        Milliseconds of a forecast: a row a model, `COLUMNS`.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for counted in (False, *[True] * repetitions):
        for name, call in calls.items():
            if name in failures:
                continue
            begin = clock()
            try:
                call()
            except Exception as error:
                failures[name] = error
                continue
            if counted:
                taken[name].append((clock() - begin) / windows * 1000)
    rows = {
        name: (statistics.median(ms), min(ms), max(ms), len(ms)) for name, ms in taken.items() if ms
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    return table.rename_axis("model")


def cost_table(
    entries: Entries, names: Iterable[str], init_times: np.ndarray, repetitions: int, **options
) -> pd.DataFrame:
    """The cost of a forecast by each model, of start times spread over the whole period.

    Args:
        entries: what takes part.
        names: of the models to measure. One that fails is noted in `entries.left_out`.
        init_times: to choose from.
        repetitions: calls that are counted; 0 measures none.
        options: `members`, `seed` and `batch_size`, as `forecast_all` takes them.

    Returns:
        What `measure` gives, with `members`, `windows` (start times in a call) and `batch_size`.
    """
    if repetitions == 0:
        return pd.DataFrame(columns=list(COLUMNS))
    models = {name: entries.models[name] for name in names}
    domain = entries.field.shape[-2:]
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
    return _measured(entries, calls, plans, windows, repetitions)


def curtain_cost_table(
    entries: Entries, names: Iterable[str], columns: xr.Dataset, repetitions: int, **options
) -> pd.DataFrame:
    """The cost of filling a scene of a curtain by each model.

    Args:
        entries, names, repetitions: as in `cost_table`.
        columns: a piece of the data, in memory.
        options: `members` and `seed`, as `reconstruct_all` takes them.

    Returns:
        What `measure` gives, with `members` and `columns` (of a call).
    """
    if repetitions == 0:
        return pd.DataFrame(columns=list(COLUMNS))
    calls, plans = {}, {}
    for name in names:
        model = entries.models[name]
        members = members_of(model, options["members"])
        calls[name] = partial(
            predict, model, columns, members=members, seed=options["seed"], progress=False
        )
        plans[name] = {"members": members, "columns": columns.sizes["time"]}
    return _measured(entries, calls, plans, columns.sizes["time"] / SCENE, repetitions)


def fields_cost_table(
    entries: Entries, names: Iterable[str], times: np.ndarray, repetitions: int, **options
) -> pd.DataFrame:
    """The cost of a fine field by each model.

    Args:
        entries, names, repetitions: as in `cost_table`.
        times: to choose from: a few in a row.
        options: `members`, `seed` and `batch_size`, as `score_fields` takes them.

    Returns:
        What `measure` gives, with `members` and `fields` (of a call).
    """
    if repetitions == 0:
        return pd.DataFrame(columns=list(COLUMNS))
    times = times[len(times) // 2 :][:FIELDS]
    block = frames_around(entries.data, times, entries.sample, entries.models.values())
    calls, plans = {}, {}
    for name in names:
        model = entries.models[name]
        asked = options | {"members": members_of(model, options["members"])}
        calls[name] = partial(predict, model, block, init_times=times, progress=False, **asked)
        plans[name] = {"members": asked["members"], "fields": len(times)}
    return _measured(entries, calls, plans, len(times), repetitions)


def _measured(
    entries: Entries,
    calls: Mapping[str, Callable[[], object]],
    plans: Mapping[str, Mapping[str, int]],
    windows: float,
    repetitions: int,
) -> pd.DataFrame:
    failures: dict[str, Exception] = {}
    measured = measure(calls, windows=windows, repetitions=repetitions, failures=failures)
    for name, error in failures.items():
        entries.left_out[name] = f"failed when its cost was measured: {reason_of(error)}"
    return measured.join(pd.DataFrame.from_dict(plans, orient="index"))


def machine() -> str:
    """Processor, cores that this process may use, what Keras computes on, and how busy it is."""
    import keras

    devices = ", ".join(keras.distribution.list_devices())
    parts = [
        _processor(),
        f"{_cores()} cores",
        f"Keras {keras.__version__} with {keras.backend.backend()} on {devices}",
    ]
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f}")
    return ", ".join(parts)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1
