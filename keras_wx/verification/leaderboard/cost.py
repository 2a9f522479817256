"""What a forecast costs: the time that `predict` takes, models in turn, on this machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

COLUMNS = ("median_ms", "fastest_ms", "slowest_ms", "repetitions")


def measure(
    calls: Mapping[str, Callable[[], object]],
    *,
    windows: int,
    repetitions: int,
    failures: dict[str, Exception],
    clock: Callable[[], float] = time.perf_counter,
) -> pd.DataFrame:
    """Times the forecasts of several models, each in turn, so that a slow moment hits all.

    Args:
        calls: model -> forecasts from `windows` start times. The first call of each warms up: it
            compiles and is not counted.
        windows: start times of a call.
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
