"""Makes a dataset fit the sample of a preset, or says what does not fit and which option helps."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from keras_wx.data import units as u
from keras_wx.data.additive import deferred
from keras_wx.data.curtain.rows import in_metres, on_rows, top_on_rows
from keras_wx.data.geometry import is_geographic, same_spacing, spacing_km, spatial_dims
from keras_wx.data.regrid import regrid as regridded
from keras_wx.data.timeaxis import check_increasing, time_step
from keras_wx.data.timeaxis import resample as resampled
from keras_wx.data.zr import zr_relation
from keras_wx.errors import DataError
from keras_wx.spec import Grid, Sample, Variable, format_step
from keras_wx.transforms import ZR, ZR_PAIRS

NO_ECHO = -60.0
"""dBZ of no power at all, which has no logarithm: below what any radar sees."""
UNEVEN = 0.15
"""How much narrower a grid of degrees may grow towards the pole before a warning."""

_OFF = 0.02
"""What part of its spacing in degrees a grid may be off: coordinates are rounded."""


def conform(
    dataset: xr.Dataset,
    sample: Sample,
    *,
    regrid: bool = False,
    resample: bool = False,
    convert_units: bool = False,
    zr: str | tuple[float, float] | ZR | None = None,
) -> xr.Dataset:
    """Checks that a dataset fits a sample, and converts what the caller allows.

    The size of the grid is not looked at: samples are crops of a larger one, forecasts are tiled.
    Only the rows of a curtain are: those above the sample's are cut off.

    Args:
        dataset: dims `(time, y, x)`, `(time, lat, lon)` or, for samples that are curtains,
            `(time, height)`; variables in physical units.
        sample: what the model eats and gives.
        regrid: bring another grid spacing to the sample's (see `keras_wx.data.regrid`, and
            `keras_wx.data.curtain` for that of heights).
        resample: bring a finer time step to the sample's (see `keras_wx.data.timeaxis`).
        convert_units: convert units that differ by a factor or an offset, and the reflectivity
            factor in mm6 m-3 to dBZ.
        zr: the Z-R pair between reflectivity and rain rate, where the dataset has the other one:
            `"marshall_palmer"`, `"hko_7"`, another name of `keras_wx.transforms.ZR_PAIRS`, or
            `(a, b)` of `Z = a R**b`.

    A mask that the dataset does not have is 1 where the sample's first input is missing, else 0.

    Returns:
        A dataset with the variables that the sample names and nothing else, dims
        `(time, y, x)`, or those of the grid of a curtain, whose `blind_zone.variable` comes along
        where the data have it. What needs no conversion stays as it was, lazy and with its
        encoding; what is converted is `float32`, and lazy where its source was.

    Raises:
        DataError: naming what was wrong, expected and received, and the option that helps.

    Example:

    ```python
    radar = keras_wx.open_dataset("radar", path="radolan_*.nc")
    fitting = conform(radar, preset.sample, regrid=True, zr="marshall_palmer")
    ```
    """
    require_dataset("dataset", dataset)
    fields, gates = {}, None
    needed = _needed(sample)
    made = [v for v in needed if v.role == "mask" and v.name not in dataset]
    for variable in needed:
        if variable in made:
            continue
        field = _with_units(_find(dataset, variable, zr, sample), variable, convert_units)
        field = _at_step(field, sample, resample)
        if not sample.is_curtain:
            _refuse_other_degrees(field, variable.grid, sample.grids[variable.grid])
        place = on_rows if sample.is_curtain else _on_grid
        fields[variable.name] = place(field, sample.grids[variable.grid], regrid)
        gates = gates or (field, fields[variable.name])
    for mask in made:
        fields[mask.name] = _gaps(fields[sample.inputs[0].name], mask)
    top = sample.blind_zone.variable if sample.blind_zone else None
    if top in dataset.data_vars:
        fields[top] = _at_step(top_on_rows(dataset[top], *gates), sample, resample)
    if sample.is_curtain:
        for variable in needed:
            if variable.fill is not None and u.is_reflectivity(variable.units):
                fields[variable.name] = _no_echo(
                    fields[variable.name], variable.fill, fields.get(top)
                )
    parts = [field.to_dataset(name=name) for name, field in fields.items()]
    try:
        joined = xr.merge(parts, join="exact", compat="no_conflicts")
    except ValueError as error:
        raise DataError(f"The variables {list(fields)} do not share their axes: {error}") from error
    return joined.assign_attrs(dataset.attrs)


def require_dataset(name: str, value: object) -> None:
    """Raises `DataError` for an argument that is no dataset, such as one field of it."""
    if not isinstance(value, xr.Dataset):
        raise DataError(
            f"{name}: expected an xarray.Dataset, as keras_wx.open_dataset gives it. "
            f"Received: {type(value).__name__}"
        )


def _needed(sample: Sample) -> list[Variable]:
    """One record a name: a target is often an input too. A calendar is made of the times, and the
    mask of a curtain of its blind zone."""
    needed: dict[str, Variable] = {}
    for variable in sample.variables:
        if variable.role == "calendar" or (sample.is_curtain and variable.role == "mask"):
            continue
        known = needed.setdefault(variable.name, variable)
        if (known.grid, known.units) != (variable.grid, variable.units):
            raise DataError(
                f"The sample asks for {variable.name!r} twice, on the grids {known.grid!r} and "
                f"{variable.grid!r} in {known.units!r} and {variable.units!r}. A dataset holds it "
                "once: give the two different names."
            )
    return list(needed.values())


def _no_echo(field: xr.DataArray, value: float, top: xr.DataArray | None) -> xr.DataArray:
    """A curtain with a number where the radar saw nothing, also where it is the truth.

    Below the top of the blind zone that the data have, it did not look.
    """
    lazy = deferred(field)
    stays = lazy.notnull()
    if top is not None:
        stays = stays | (field["height"] < top.copy(data=in_metres(top)))
    filled = lazy.where(stays, np.float32(value))
    return filled.transpose(*field.dims).assign_attrs(field.attrs)


def _gaps(field: xr.DataArray, mask: Variable) -> xr.DataArray:
    gaps = deferred(field).isnull().astype("float32").rename(mask.name)
    return gaps.drop_attrs(deep=False).assign_attrs(
        units=mask.units, long_name=f"1 where {field.name} is missing"
    )


def _find(dataset: xr.Dataset, variable: Variable, zr, sample: Sample) -> xr.DataArray:
    if variable.name in dataset.data_vars:
        field = dataset[variable.name]
    elif sample.is_curtain and variable.name != sample.inputs[0].name:
        raise DataError(
            f"The sample needs variable {variable.name!r} [{variable.units}]. The dataset has "
            f"{_listed(dataset)}. dataset.rename({{'old': {variable.name!r}}}) gives it the name, "
            f"load(..., sample={{'variables': {{{variable.name!r}: None}}}}) a network without it."
        )
    else:
        field = _by_zr(dataset, variable, zr)
    if not np.issubdtype(field.dtype, np.number):
        raise DataError(
            f"Variable {variable.name!r}: expected numbers, received dtype {field.dtype}."
        )
    return field


def _by_zr(dataset: xr.Dataset, variable: Variable, zr) -> xr.DataArray:
    """Reflectivity from rain rate or the reverse, if the dataset has the other one."""
    pairs = (u.is_reflectivity, u.is_rain_rate), (u.is_rain_rate, u.is_reflectivity)
    for is_wanted, is_other in pairs:
        others = [v for v in dataset.data_vars.values() if is_other(v.attrs.get("units", ""))]
        if is_wanted(variable.units) and len(others) == 1:
            source = others[0]
            break
    else:
        raise DataError(
            f"The sample needs variable {variable.name!r} [{variable.units}]. The dataset has "
            f"{_listed(dataset)}. dataset.rename({{'old': {variable.name!r}}}) gives it the name."
        )
    if zr is None:
        others = sorted(set(ZR_PAIRS) - {"marshall_palmer"})
        raise DataError(
            f"The sample needs {variable.name!r} [{variable.units}], the dataset has "
            f"{source.name!r} [{source.attrs['units']}]. zr='marshall_palmer' converts it, "
            f"as do {', '.join(map(repr, others))} or the (a, b) of Z = a R**b."
        )
    relation = zr_relation(zr)
    to_rate = is_wanted is u.is_rain_rate
    if not to_rate:
        source = _scaled(source, u.conversion(source.attrs["units"], "mm h-1"), "mm h-1")
    field = xr.apply_ufunc(
        lambda block: (relation if to_rate else relation.inverse)(block).astype("float32"),
        deferred(source),
        dask="parallelized",
        output_dtypes=["float32"],
    )
    attrs = {
        "units": "mm h-1" if to_rate else "dBZ",
        "standard_name": "rainfall_rate" if to_rate else "equivalent_reflectivity_factor",
        "long_name": f"{variable.name} from {source.name} by Z = {relation.a:g} R^{relation.b:g}",
    }
    return field.rename(variable.name).drop_attrs(deep=False).assign_attrs(attrs)


def _with_units(field: xr.DataArray, variable: Variable, convert: bool) -> xr.DataArray:
    wanted, given = variable.units, str(field.attrs.get("units", "")).strip()
    if not given:
        raise DataError(
            f"Variable {field.name!r} says no units, the sample needs {wanted!r}. "
            f"dataset[{field.name!r}].attrs['units'] = {wanted!r} says them, where that is true."
        )
    if u.same_units(given, wanted):
        return field
    factors = u.conversion(given, wanted)
    linear = u.linear_reflectivity(given) if u.is_reflectivity(wanted) else None
    if factors is None and linear is None:
        unknown = "" if u.is_unit(given) else f" ({given!r} is no unit that can be read)"
        raise DataError(
            f"Variable {field.name!r}: expected units {wanted!r}, received {given!r}, which do not "
            f"convert into each other{unknown}."
        )
    if not convert:
        raise DataError(
            f"Variable {field.name!r}: expected units {wanted!r}, received {given!r}. "
            "convert_units=True converts them."
        )
    return _in_decibels(field, linear) if factors is None else _scaled(field, factors, wanted)


def _in_decibels(field: xr.DataArray, factor: float) -> xr.DataArray:
    """dBZ of a reflectivity factor, of which 1 in the field's units is `factor` mm6 m-3."""
    least = 10.0 ** (NO_ECHO / 10)
    new = (10.0 * np.log10(np.maximum(deferred(field) * factor, least))).astype("float32")
    return new.rename(field.name).assign_attrs(field.attrs | {"units": "dBZ"})


def _scaled(field: xr.DataArray, factors: tuple[float, float], units: str) -> xr.DataArray:
    scale, offset = factors
    new = (deferred(field) * scale + offset).astype("float32")
    return new.rename(field.name).assign_attrs(field.attrs | {"units": units})


def _at_step(field: xr.DataArray, sample: Sample, resample: bool) -> xr.DataArray:
    if "time" not in field.dims:
        return field
    if "time" not in field.coords:
        raise DataError(
            f"Variable {field.name!r} has a dimension 'time' without times. "
            "dataset.assign_coords(time=...) gives them, as datetime64."
        )
    times = field["time"].values
    check_increasing(times)
    step = time_step(times)
    if sample.step is None or step in (None, sample.step):
        return field
    if sample.is_curtain:
        _refuse_scatter(times, sample)
        if step > sample.step or not resample:
            raise DataError(
                f"The data have a profile every {format_step(step)}, the sample needs one every "
                f"{format_step(sample.step)}. "
                + ("resample=True converts them, " if step < sample.step else "")
                + f"load(..., sample={{'step': {format_step(step)!r}}}) takes them as they are."
            )
    if not resample and step < sample.step:
        raise DataError(
            f"The data have a step of {format_step(step)}, the sample needs "
            f"{format_step(sample.step)}. resample=True converts it."
        )
    return resampled(field, sample.step)


def _refuse_scatter(times: np.ndarray, sample: Sample) -> None:
    """Raises for times without a step of their own, of which no conversion knows what to keep."""
    apart = np.diff(times) / np.timedelta64(1, "s")
    middle, wanted = np.median(apart), sample.step.total_seconds()
    if np.mean(abs(apart - middle) <= _OFF * middle) > 0.5:
        return
    meant = format_step(sample.step) if abs(middle / wanted - 1) < 0.25 else f"{middle:.3g}s"
    raise DataError(
        f"The profiles have no step in time: they are {apart.min():.3g} to {apart.max():.3g} s "
        f"apart, {middle:.3g} s in the middle, and the sample needs one every "
        f"{format_step(sample.step)}. open_dataset('curtain', ..., step={meant!r}) rounds times "
        "that scatter about a step; load(..., sample={'step': None}) takes profiles as they follow "
        "each other."
    )


def _on_grid(field: xr.DataArray, grid: Grid, regrid: bool) -> xr.DataArray:
    # A curtain names its own dims, of which one is a height or a time and no distance.
    dims = grid.dims if set(grid.dims) <= set(field.dims) else spatial_dims(field)
    others = [dim for dim in field.dims if dim not in dims]
    field = field.transpose(*others, *dims) if field.dims != (*others, *dims) else field
    field = _rows_from(field, dims[0], grid.first_row)
    if grid.spacing_km is None:
        return field
    found = spacing_km(field, dims)
    if found is None:
        raise DataError(
            f"Variable {field.name!r} has no coordinates along {dims[0]!r} and {dims[1]!r}, or one "
            "point only, so its grid spacing is not known; the sample needs "
            f"{grid.spacing_km:g} km. Give open_dataset('radar', ..., spacing_km=...), or "
            "coordinates in metres."
        )
    _warn_of_narrowing(field, dims)
    if all(same_spacing(value, grid.spacing_km) for value in found):
        return field
    if not regrid:
        raise DataError(
            f"The data have a grid spacing of {found[0]:.3g} x {found[1]:.3g} km (y, x), the "
            f"sample needs {grid.spacing_km:g} km. regrid=True converts it."
        )
    return regridded(field, grid.spacing_km, dims)


def _rows_from(field: xr.DataArray, ydim: str, first: str | None) -> xr.DataArray:
    if first is None or ydim not in field.coords or not is_geographic(field, ydim):
        return field
    latitudes = field[ydim].values
    if (latitudes[0] > latitudes[-1]) == (first == "north") or latitudes.size < 2:
        return field
    return field.isel({ydim: slice(None, None, -1)})


def _refuse_other_degrees(field: xr.DataArray, name: str, grid: Grid) -> None:
    """Raises for points that are another number of degrees apart than the sample's."""
    for dim, spacing in grid.spacing.items():
        if not spacing.endswith("deg") or dim not in field.coords or field.sizes[dim] < 2:
            continue
        wanted = float(spacing.removesuffix("deg"))
        found = float(np.median(np.abs(np.diff(field[dim].values.astype(float)))))
        if abs(found - wanted) > _OFF * wanted:
            raise DataError(
                f"Variable {field.name!r} has a point every {found:g} degrees along {dim!r}, the "
                f"sample needs one every {wanted:g}. "
                f"load(..., sample={{'grids': {{{name!r}: {{'spacing': ...}}}}}}) says another "
                "one, for weights that can do with it; {} stands for any."
            )


def _warn_of_narrowing(field: xr.DataArray, dims: tuple[str, str]) -> None:
    """Says when one spacing in km cannot stand for a whole grid of latitudes and longitudes."""
    if not is_geographic(field, dims[0]):
        return
    widths = np.cos(np.deg2rad(field[dims[0]].values))
    if widths.min() < (1 - UNEVEN) * widths.max():
        warnings.warn(
            f"The grid points of {field.name!r} are {widths.min() / widths.max():.0%} as far apart "
            "at one edge as at the other, along a circle of latitude. One spacing stands for all "
            "of them; a smaller domain, or a projected grid, would be truer.",
            stacklevel=4,
        )


def _listed(dataset: xr.Dataset) -> str:
    if not dataset.data_vars:
        return "no variables"
    return ", ".join(f"{k!r} [{v.attrs.get('units', '?')}]" for k, v in dataset.data_vars.items())
