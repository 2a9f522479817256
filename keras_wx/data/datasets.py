"""Data sources by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable

import xarray as xr

from keras_wx.errors import DataError
from keras_wx.registry import datasets


def list_datasets() -> list[str]:
    """The names that `open_dataset` knows.

    Returns:
        Sorted names of the sources of this package and of installed plug-ins.

    Example:

    ```python
    keras_wx.list_datasets()   # ['dwd', 'fmi', ..., 'synthetic_rain', 'taasrad19']
    ```
    """
    return list(datasets)


def open_dataset(name: str, /, **options) -> xr.Dataset:
    """Opens a data source: CF names, physical units, coordinates, read when it is used.

    Args:
        name: one of `list_datasets()`.
        options: arguments of the source, such as `path=`. The function itself, with its help, is
            `keras_wx.registry.datasets.get(name)`.

    Returns:
        Dims `(time, y, x)`, `(time, lat, lon)` or, of curtains, `(time, height)`; `reflectivity` in
        dBZ or `rain_rate` in mm/h, missing data as NaN.

    Raises:
        UnknownNameError: for a name that is not registered.
        DataError: for an option that the source does not have or needs, and for files that cannot
            be read.

    Example:

    ```python
    radar = keras_wx.open_dataset("radar", path="radolan_*.nc")
    ```
    """
    source = datasets.get(name)
    signature = inspect.signature(source)
    parameters = signature.parameters.values()
    try:
        signature.bind(**options)
    except TypeError as error:
        known = ", ".join(map(_option, parameters)) or "none"
        raise DataError(
            f"Dataset {name!r}: {error}.{_meant(options, signature)} Its options: {known}. "
            f"Received: {', '.join(options) or 'none'}"
        ) from None
    return source(**options)


def _meant(options: Iterable[str], signature: inspect.Signature) -> str:
    """The options of the source that are spelt nearly like those that it does not have."""
    unknown = [option for option in options if option not in signature.parameters]
    near = [difflib.get_close_matches(option, signature.parameters, n=1) for option in unknown]
    names = " and ".join(repr(name) for found in near for name in found)
    return f" Did you mean {names}?" if names else ""


def _option(parameter: inspect.Parameter) -> str:
    required = parameter.default is inspect.Parameter.empty
    return f"{parameter.name} (required)" if required else f"{parameter.name}={parameter.default!r}"
