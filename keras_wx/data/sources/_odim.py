"""Composites in ODIM HDF5, the exchange format of the European weather services."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import h5py
import numpy as np
import xarray as xr

from keras_wx.data.sources._frames import Header, open_frames
from keras_wx.data.sources._hdf5 import number, text
from keras_wx.data.sources._projected_grid import ProjectedGrid
from keras_wx.errors import DataError

NO_ECHO = -32.0
"""dBZ where a radar looked and saw nothing (`undetect`)."""

_REFLECTIVITY = ("DBZH", "DBZV", "TH", "TV")
_RAIN = ("RATE", "ACRR")


def open_odim(paths: list[str], quantity: str | None, attrs: dict[str, str]) -> xr.Dataset:
    """Joins composites along time.

    Args:
        paths: files in any order.
        quantity: which field, such as `"DBZH"`; None where each file has one.
        attrs: attributes of the dataset.

    Raises:
        DataError: naming the file that is damaged or no composite, and what it holds.

    References:
        Michelson et al. 2021, EUMETNET OPERA weather radar information model for implementation
        with the HDF5 file format, version 2.4.
    """
    return open_frames(
        paths,
        partial(_read_header, quantity=quantity),
        partial(_read_values, quantity=quantity),
        attrs,
    )


def _read_header(path: str, *, quantity: str | None) -> Header:
    with h5py.File(path) as file:
        what = file["what"].attrs
        kind = text(what["object"])
        if kind not in ("COMP", "IMAGE"):
            raise DataError(
                "expected a composite or an image on a map (object COMP or IMAGE), received object "
                f"{kind}. Files of single radars need gridding first."
            )
        _, found = _find(file, quantity)
        time = _time(what["date"], what["time"])
        return Header(
            time,
            "reflectivity" if found["quantity"] in _REFLECTIVITY else "rain_rate",
            found["quantity"],
            _grid(file),
        )


def _read_values(path: str, *, quantity: str | None) -> np.ndarray:
    with h5py.File(path) as file:
        data, found = _find(file, quantity)
        raw = data[...]
    values = raw * found["gain"] + found["offset"]
    if found["quantity"] in _REFLECTIVITY:
        undetected = NO_ECHO
    else:
        values, undetected = np.maximum(values, 0), 0.0
    if found["quantity"] == "ACRR":
        values = values / (found["interval"] / timedelta(hours=1))
    values[_is(raw, found["undetect"])] = undetected
    values[_is(raw, found["nodata"])] = np.nan
    return values


def _is(raw: np.ndarray, code: float) -> np.ndarray:
    """Where the code stands, which the file gives as float64 even for fields of float32."""
    return raw == (raw.dtype.type(code) if raw.dtype.kind == "f" else code)


def _find(file: h5py.File, quantity: str | None) -> tuple[h5py.Dataset, dict]:
    """The field that is meant, and how its numbers are coded."""
    fields = []
    for name, dataset in _numbered(file, "dataset"):
        for inner, data in _numbered(dataset, "data"):
            # What a field does not say itself is said one level up.
            what = {}
            for group in (dataset, data):
                what |= dict(group["what"].attrs) if "what" in group else {}
            fields.append((f"{name}/{inner}", text(what.get("quantity", "")), what, data))
    wanted = (quantity,) if quantity else (*_REFLECTIVITY, *_RAIN)
    found = [field for field in fields if field[1] in wanted]
    if len(found) != 1:
        listed = ", ".join(f"{kind or '?'} ({where})" for where, kind, _, _ in fields) or "none"
        known = ", ".join((*_REFLECTIVITY, *_RAIN))
        raise DataError(
            f"expected one field of quantity {quantity or known}. The file has: {listed}. "
            "quantity='DBZH' names one."
        )
    _, kind, what, data = found[0]
    if kind not in (*_REFLECTIVITY, *_RAIN):
        raise DataError(
            f"expected quantity {', '.join((*_REFLECTIVITY, *_RAIN))}. Received: {kind!r}"
        )
    coding = {key: number(what[key]) for key in ("gain", "offset", "nodata", "undetect")}
    interval = _interval(what) if kind == "ACRR" else None
    return data["data"], coding | {"quantity": kind, "interval": interval}


def _numbered(group: h5py.Group, prefix: str) -> list[tuple[str, h5py.Group]]:
    names = [name for name in group if name.startswith(prefix) and name[len(prefix) :].isdigit()]
    return [(name, group[name]) for name in sorted(names, key=lambda n: int(n[len(prefix) :]))]


def _grid(file: h5py.File) -> ProjectedGrid:
    where = dict(file["where"].attrs)
    if "xscale" not in where and "where" in file["dataset1"]:
        where |= dict(file["dataset1/where"].attrs)
    projection = text(where["projdef"])
    if "proj=longlat" in projection:
        raise DataError(f"expected a projection in metres, received {projection!r}.")
    # The first row is the northernmost.
    step = -number(where["yscale"]), number(where["xscale"])
    shape = int(number(where["ysize"])), int(number(where["xsize"]))
    grid = ProjectedGrid.about_its_middle(shape, step, projection)
    return grid.placed(number(where["LL_lon"]), number(where["LL_lat"]))


def _interval(what: dict) -> timedelta:
    start, end = (_time(what[f"{edge}date"], what[f"{edge}time"]) for edge in ("start", "end"))
    if end <= start:
        raise DataError(f"expected an amount that falls from one time to a later one: {start, end}")
    return (end - start).astype("timedelta64[s]").item()


def _time(date, time) -> np.datetime64:
    d, t = text(date), text(time)
    return np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:8]}T{t[:2]}:{t[2:4]}:{t[4:6] or '00'}")
