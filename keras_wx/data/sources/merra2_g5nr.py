"""MERRA-2 and GEOS-5 Nature Run: dust optical depth on half a degree and on a sixteenth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import xarray as xr

from keras_wx.data.downscale.groups import SEASONS
from keras_wx.data.downscale.onto import interpolated
from keras_wx.data.sources._daily import DAY, daily_means
from keras_wx.data.sources._dust_splits import SEED, dust_splits
from keras_wx.data.sources._elevation import Elevation, with_elevation
from keras_wx.data.sources._files import PathLike, open_files
from keras_wx.data.sources._pair import conventional, joined
from keras_wx.errors import DataError, unknown_name
from keras_wx.registry import register_dataset

AREAS = {
    "A0": ((29.223, 43.406), (60.308, 80.427)),
    "A1": ((10.650, 37.643), (34.275, 56.601)),
}
"""Afghanistan and Kyrgyzstan; the United Arab Emirates, Iraq, Kuwait, Qatar, Saudi Arabia and
Djibouti -> range of latitudes and of longitudes."""

EPOCH = np.datetime64("2000-01-01", "D")
G5NR_OFFSET = 1961
"""Days from the first of MERRA-2 to the first of G5NR: 2005-05-15."""

NAME = "dust_optical_depth"
_VARIABLE = "DUEXTTAU"
_ATTRS = {
    "title": "MERRA-2 and G5NR dust",
    "source": "NASA GMAO: MERRA-2 tavg1_2d_aer_Nx and GEOS-5 Nature Run",
    "license": "NASA Earth science data: no restriction on use",
    "citation": (
        "Gelaro et al. 2017, MERRA-2, Journal of Climate 30, 5419-5454; Gelaro et al. 2015, "
        "Evaluation of the 7-km GEOS-5 Nature Run, NASA/TM-2014-104606"
    ),
}


@register_dataset("merra2_g5nr")
def merra2_g5nr(
    merra2: PathLike | Iterable[PathLike],
    g5nr: PathLike | Iterable[PathLike] | None = None,
    *,
    area: Literal["A0", "A1"] | None = "A0",
    season: Literal["DJF", "MAM", "JJA", "SON"] | None = None,
    series: bool = False,
    elevation: Elevation | None = None,
    split_days: bool = True,
    seed: int = SEED,
    beyond_fine: bool = False,
    chunks=None,
) -> xr.Dataset:
    """Daily dust optical depth of G5NR on 1/16 degree with MERRA-2 on 1/2 x 5/8 degrees.

    Reads `DUEXTTAU` of MERRA-2's hourly files (`tavg1_2d_aer_Nx`), of G5NR's half-hourly ones, or
    of files of daily means. Where files number days without dates, MERRA-2 begins on 2000-01-01
    and G5NR 1,961 days later. Values stay physical: the logarithm and the range of each season and
    area are the sample's business (`statistics_by: [season, area]`), taken from the training part.

    Args:
        merra2, g5nr: NetCDF files, folders, patterns, or lists of files in any order. Without
            `g5nr` the series of MERRA-2 is given on its own grid.
        area: name of one of the published areas; None takes what the files have.
        season: whose days the standard split holds: 45 days before and after belong to training
            too.
        series: give the series of MERRA-2 alone, all its days, on the grid of G5NR by the nearest
            point: what a transfer network learns from.
        elevation: file or field of terrain, which becomes `elevation` [m] on the fine grid.
        split_days: whether the standard split is that of random days, as published; their history
            reaches into other parts. False leaves splits to `keras_wx.samples`.
        seed: of the draws. The generator is NumPy's; the published days themselves are not known.
        beyond_fine: keep the days that only MERRA-2 has, to reconstruct them.
        chunks: sizes of dask chunks, as in `xarray.open_dataset`.

    Returns:
        `dust_optical_depth` [1], dims `(time, lat, lon)`, and `coarse_dust_optical_depth`, dims
        `(time, coarse_lat, coarse_lon)`, read when they are used; the area as an attribute.

    Raises:
        DataError: for files of another layout, or of other days or areas.

    References:
        Xiang et al. 2025, arXiv:2512.05139: areas, seasons, buffer and split.

    Example:

    ```python
    dust = keras_wx.open_dataset(
        "merra2_g5nr", merra2="MERRA2_*.nc4", g5nr="g5nr/*.nc4", area="A1", season="JJA"
    )
    ```
    """
    if area is not None and area not in AREAS:
        raise unknown_name("area", area, AREAS)
    if season is not None and season not in SEASONS:
        raise unknown_name("season", season, SEASONS)
    coarse = _daily(merra2, 0, chunks)
    if g5nr is None:
        dataset = _cut(coarse, area).to_dataset()
        return _finished(dataset, area, elevation)
    fine = _cut(_daily(g5nr, G5NR_OFFSET, chunks), area)
    # One more cell on each side, so that the coarse grid covers the fine one.
    coarse = _cut(coarse, area, margin=1)
    if series:
        return _finished(interpolated(coarse, fine, "nearest").to_dataset(), area, elevation)
    pair = joined(fine.to_dataset(), coarse.to_dataset(), beyond_fine=beyond_fine)
    if split_days:
        days = np.intersect1d(fine["time"].values, coarse["time"].values)
        pair.attrs |= dust_splits(days, season, seed)
    return _finished(pair, area, elevation)


def _finished(dataset: xr.Dataset, area: str | None, elevation: Elevation | None) -> xr.Dataset:
    splits = {key: value for key, value in dataset.attrs.items() if key.startswith("split_")}
    dataset.attrs = _ATTRS | splits | ({} if area is None else {"area": area})
    return with_elevation(dataset, elevation)


def _daily(path: PathLike | Iterable[PathLike], offset: int, chunks) -> xr.DataArray:
    """Daily means under the name of this package, whatever the file calls them."""
    raw = open_files(path, chunks=chunks, decode=lambda raw: _decoded(raw, offset))
    field = conventional(raw, [_VARIABLE])[_VARIABLE].rename(NAME)
    field.attrs = {
        "units": "1",
        "standard_name": "atmosphere_optical_thickness_due_to_dust_ambient_aerosol_particles",
        "long_name": "dust extinction optical depth at 550 nm",
    }
    return daily_means(field).astype("float32")


def _decoded(raw: xr.Dataset, offset: int) -> xr.Dataset:
    if _VARIABLE not in raw or "time" not in raw[_VARIABLE].dims:
        raise DataError(
            f"expected {_VARIABLE!r} with dims (time, lat, lon), as MERRA-2 and G5NR name the dust "
            f"optical depth. Received { ({str(k): v.dims for k, v in raw.items()}) }"
        )
    dated = "time" in raw.coords and "since" in str(raw["time"].attrs.get("units", ""))
    if not dated:
        frames = raw.sizes["time"]
        number = raw["time"].values if "time" in raw.coords else np.arange(frames)
        days = (EPOCH + (offset + np.asarray(number).astype(int)) * DAY).astype("M8[ns]")
        raw = raw.assign_coords(time=("time", days))
    return xr.decode_cf(raw)


def _cut(field: xr.DataArray, area: str | None, margin: int = 0) -> xr.DataArray:
    """The part of an area, and `margin` more points on each side where there are some."""
    if area is None:
        return field
    parts = {}
    for dim, (low, high) in zip(("lat", "lon"), AREAS[area], strict=True):
        values = field[dim].values
        inside = np.flatnonzero((values >= low) & (values <= high))
        step = abs(values[1] - values[0]) if values.size > 1 else 0.0
        if not inside.size or values.min() > low + step or values.max() < high - step:
            raise DataError(
                f"Area {area} reaches from {low:g} to {high:g} along {dim!r}, and the files from "
                f"{values.min():g} to {values.max():g}. area=None takes what they have."
            )
        parts[dim] = slice(max(0, inside[0] - margin), inside[-1] + 1 + margin)
    return field.isel(parts)
