"""Synthetic curtains of snow clouds: the source of the inpainting task that needs no file."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.data.sources._curtain import DBZ, NO_ECHO, STATE, height_coordinate
from keras_wx.data.sources._events import splits_by_event
from keras_wx.data.sources._snow_clouds import draw_air, reflectivity_of
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset
from keras_wx.spec import parse_step

_APART = timedelta(days=1)
"""Least time between two events, which have nothing in common."""


@register_dataset("synthetic_curtain")
def synthetic_curtain(
    *,
    columns: int = 12288,
    rows: int = 128,
    spacing: float = 78.125,
    step: str | timedelta = "4s",
    seed: int = 0,
    events: int = 24,
) -> xr.Dataset:
    """Snow clouds above a radar that looks up, with the state of the air, from random numbers.

    Each event has its own air: temperature with an inversion near the surface, winds with shear,
    and moist layers that come and go, from the boundary layer to cirrus. Snow grows where the air
    is supersaturated over ice, falls, is sheared into streaks, and sublimates where it is dry. So
    there are several layers of cloud, gaps, virga, and shallow snow that no gate above it shows.
    Whether snow reaches the surface follows from the humidity and the temperature below it, which
    the state variables give as an analysis would: smooth, and not quite right.

    Args:
        columns: number of profiles of all events together.
        rows: number of heights.
        spacing: distance of two heights in metres.
        step: time between two profiles.
        seed: equal seeds give equal data.
        events: number of events, more than a day apart.

    Returns:
        `reflectivity` [dBZ], `temperature` [K], `specific_humidity` [kg kg-1], `eastward_wind` and
        `northward_wind` [m s-1], `float32` in memory, dims `(time, height)`; -60 dBZ where there is
        no echo, nothing missing; for three events or more, splits by event as attributes.

    Raises:
        DataError: for sizes that make no data.

    Example:

    ```python
    curtain = keras_wx.open_dataset("synthetic_curtain", columns=2048, events=4)
    ```
    """
    try:
        interval = parse_step(step)
    except ValueError as error:
        raise DataError(f"step: {error}") from None
    if not 1 <= events <= columns or rows < 2 or not spacing > 0:
        raise DataError(
            "Expected at least one column an event, two rows and a positive spacing. Received: "
            f"columns={columns}, events={events}, rows={rows}, spacing={spacing}"
        )
    heights = (np.arange(rows) + 0.5) * spacing
    lengths = [len(part) for part in np.array_split(np.arange(columns), events)]
    distance = max(lengths) * interval // _APART * _APART + 2 * _APART
    airs, echoes, times = [], [], []
    for number, length in enumerate(lengths):
        random = np.random.default_rng((seed, number))
        seconds = np.arange(length) * interval.total_seconds()
        air = draw_air(random, seconds, heights)
        airs.append(air)
        echoes.append(reflectivity_of(air, random, seconds, heights))
        times.append(
            np.datetime64("2000-01-01", "ns")
            + np.timedelta64(number * distance)
            + np.arange(length) * np.timedelta64(interval)
        )
    dbz = np.concatenate(echoes)
    fields = {"reflectivity": (np.where(dbz > NO_ECHO, dbz, NO_ECHO), DBZ)}
    for name, attrs in STATE.items():
        fields[name] = np.concatenate([getattr(air, name) for air in airs]), attrs
    return xr.Dataset(
        {k: (("time", "height"), v.astype("float32"), attrs) for k, (v, attrs) in fields.items()},
        coords={"time": np.concatenate(times), "height": height_coordinate(heights)},
        attrs={"title": "Synthetic curtain", "source": f"keras_wx synthetic_curtain, seed {seed}"}
        | splits_by_event([(t[0], t[-1]) for t in times])
        | {"split_gap": "1d"},
    )
