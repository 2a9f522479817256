"""SEVIR: storms over the United States, 2017 to 2019."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources._grid import metre_coordinates
from keras_wx.data.sources._lazy import lazy_frames
from keras_wx.data.sources._sevir_catalog import (
    PLACE,
    frame_shape,
    read_catalog,
    read_event,
    with_files,
)
from keras_wx.errors import DataError, unknown_name
from keras_wx.registry import register_dataset

SEVIR_THRESHOLDS = (16.0, 74.0, 133.0, 160.0, 181.0, 219.0)
"""Gray levels of VIL that published tables are for."""

_EXTENT_KM = 384.0
_MISSING_LEVEL = 255
_VAL_FROM, _TEST_FROM = np.datetime64("2019-01-01"), np.datetime64("2019-06-01")
_EPOCH = np.datetime64("2000-01-01", "ns")
_DAY = np.timedelta64(1, "D")


@register_dataset("sevir")
def sevir(
    path: PathLike,
    *,
    event: str | None = None,
    units: Literal["1", "kg m-2"] = "1",
    max_missing: float = 0.0,
) -> xr.Dataset:
    """Vertically integrated liquid (VIL) of storm events, 384 km x 384 km, 4 hours every 5 minutes.

    Reads `CATALOG.csv` and the files `data/vil/<year>/SEVIR_VIL_*.h5` beside it, as far as they
    are there.

    Events overlap in time, and some have the same times in different places, so that they do not
    fit on one time axis. They are put one after the other instead: `time` gives event n, in order
    of its true times, the first hours of the n-th day from 2000-01-01. No window reaches from one
    event into another, and a forecast is verified against its own event. The true times are the
    coordinate `time_utc`, and `event` is the event's name. With `event=` there is one event alone,
    and `time` is true.

    The standard split is that of the published tables: events until the end of 2018 to train on,
    until May 2019 for validation, later ones for the test. Their 25 frames to a sample, three
    samples to an event, are `samples(..., stride=12)`.

    Args:
        path: folder of the catalog.
        event: name of one event, such as `"S728503"`; None takes all.
        units: `"1"` for gray levels from 0 to 254, which published scores are of, or `"kg m-2"`,
            of which they are a non-linear function (`vil_of_level`).
        max_missing: events of which more is missing are left out, in percent. Published tables
            take none with missing data.

    Returns:
        `vil` [1 or kg m-2], `float32`, dims `(time, y, x)`, read when it is used, missing data as
        NaN, with the thresholds of published scores as attribute; `y` and `x` in metres from the
        middle of each event; splits as attributes.

    Raises:
        DataError: for a catalog or files that are missing, damaged or do not belong together.
        UnknownNameError: for an event that is not there.

    References:
        Veillette, Samsi & Mattioli (2020), SEVIR: A Storm Event Imagery Dataset for Deep Learning
        Applications in Radar and Satellite Meteorology, NeurIPS 33; layout and rules:
        github.com/MIT-AI-Accelerator/eie-sevir, SEVIR_Tutorial.
        Gao et al. (2022), Earthformer, NeurIPS 35: split, thresholds and samples.

    Example:

    ```python
    storms = keras_wx.open_dataset("sevir", path="sevir")
    preset = keras_wx.info("convlstm_sevir")
    train = keras_wx.samples(storms, preset, split="train", stride=12)
    ```
    """
    if units not in _VALUES:
        raise DataError(f"units: expected one of {sorted(_VALUES)}. Received: units={units!r}")
    root = Path(os.path.expanduser(os.fspath(path)))
    events = read_catalog(root / "CATALOG.csv", "vil", max_missing)
    if event is not None:
        if event not in set(events["id"]):
            hint = f"Events with more than {max_missing:g} % missing need max_missing=."
            raise unknown_name("event of SEVIR", event, events["id"], hint)
        events = events[events["id"] == event]
    events = with_files(events, root, "vil")
    shapes = {frame_shape(file, "vil") for file in events["path"].unique()}
    if len(shapes) > 1:
        raise DataError(f"Expected events of one size. Received (y, x, time) {sorted(shapes)}")
    ((*grid, frames),) = shapes
    levels = np.array(SEVIR_THRESHOLDS, int)
    attrs = {
        "units": units,
        "long_name": "vertically integrated liquid",
        "thresholds": _VALUES[units][levels].tolist(),
    }
    read = partial(
        _read,
        files=events["path"].to_list(),
        places=events["file_index"].to_list(),
        frames=frames,
        values=_VALUES[units],
    )
    offsets = np.stack(events["offsets"].to_list())
    time_utc = events["time_utc"].to_numpy("datetime64[ns]")[:, None] + offsets
    days = _EPOCH + np.arange(len(events)) * _DAY
    time = time_utc if event is not None else days[:, None] + (offsets - offsets[:, :1])
    spacing = tuple(_EXTENT_KM / size for size in grid)
    return xr.Dataset(
        {"vil": lazy_frames(read, (len(events) * frames, *grid), attrs, chunk=frames)},
        coords={
            "time": time.ravel(),
            "time_utc": ("time", time_utc.ravel(), {"long_name": "true time"}),
            "event": ("time", np.repeat(events["id"].to_numpy(str), frames)),
            # The first row of an image is the southernmost.
            **metre_coordinates(tuple(grid), spacing),
        },
        attrs={
            "title": "SEVIR, vertically integrated liquid",
            "source": "NEXRAD mosaic, Storm Event Imagery (SEVIR)",
            "license": "no restrictions on use (AWS registry of open data)",
            "citation": "Veillette et al. 2020, SEVIR, NeurIPS 33",
            **(_place(events) if event is not None else _splits(events, days)),
        },
    )


def vil_of_level(level: np.ndarray) -> np.ndarray:
    """VIL in kg m-2 of gray levels 0 to 254; 255 is missing.

    Nothing up to level 5, linear up to 18, exponential from there on.

    References:
        github.com/MIT-AI-Accelerator/eie-sevir, SEVIR_Tutorial, "Decoding SEVIR data".
    """
    x = np.asarray(level, dtype=float)
    vil = np.select([x <= 5, x <= 18], [0.0, (x - 2) / 90.66], np.exp((x - 83.9) / 38.9))
    return np.where(x == _MISSING_LEVEL, np.nan, vil)


_LEVELS = np.arange(256)
_VALUES = {
    "1": np.where(_LEVELS == _MISSING_LEVEL, np.nan, _LEVELS).astype("float32"),
    "kg m-2": vil_of_level(_LEVELS).astype("float32"),
}
"""Units -> the value of each gray level."""


def _read(
    wanted: np.ndarray, files: list[Path], places: list[int], frames: int, values: np.ndarray
) -> np.ndarray:
    """Frames by their number in all events, each event read once."""
    events, number = np.divmod(wanted, frames)
    parts = {e: read_event(files[e], "vil", places[e]) for e in np.unique(events).tolist()}
    return values[np.stack([parts[e][k] for e, k in zip(events.tolist(), number, strict=True)])]


def _splits(events: pd.DataFrame, days: np.ndarray) -> dict[str, str]:
    """Periods of `time` whose events lie in each part; one at midnight is in the earlier."""
    edges = [0, *events["time_utc"].searchsorted([_VAL_FROM, _TEST_FROM], side="right"), len(days)]
    dates = days.astype("datetime64[D]")
    return {
        f"split_{name}": f"{dates[first]}/{dates[stop - 1]}"
        for name, first, stop in zip(("train", "val", "test"), edges[:-1], edges[1:], strict=True)
        if first < stop
    }


def _place(events: pd.DataFrame) -> dict:
    """Where one event is: corners in degrees, and the projection."""
    place = {name: events[name].iloc[0] for name in PLACE if name in events}
    return {name: v if isinstance(v, str) else float(v) for name, v in place.items()}
