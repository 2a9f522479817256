"""Finnish composites as GeoTIFF, the form in which the open archive keeps them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from keras_wx.data.sources._frames import Header
from keras_wx.data.sources._projected_grid import ProjectedGrid
from keras_wx.errors import DataError

_NAME = re.compile(r"(\d{12})_(.+)\.tiff?$", re.IGNORECASE)
_PRODUCT = re.compile(r"(?:^|[-_])(DBZ|RR)(?:[-_]|$)", re.IGNORECASE)
_QUANTITIES = {"DBZ": ("reflectivity", 0.5, -32.0), "RR": ("rain_rate", 0.01, 0.0)}
"""Quantity, and what turns pixels into dBZ or mm/h."""
_PIXEL_SCALE, _TIE_POINT, _GEO_KEYS = 33550, 33922, 34735
_PROJECTED_SYSTEM = 3072
_TM35FIN = 3067
_PROJECTION = "+proj=utm +zone=35 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs"


def is_tiff(head: bytes) -> bool:
    """Whether a file that begins like this is a TIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_header(path: str) -> Header:
    """Time and product, which the name of the file alone says, and grid of one composite."""
    time, product, (quantity, _, _) = _parse_name(path)
    with Image.open(path) as image:
        columns, rows = image.size
        tags = image.tag_v2
        # Groups of four numbers: key, where its value is, how many, the value.
        keys = np.reshape(tags[_GEO_KEYS], (-1, 4))
        (system,) = keys[keys[:, 0] == _PROJECTED_SYSTEM, 3]
        dx, dy = tags[_PIXEL_SCALE][:2]
        column, row, _, x, y = tags[_TIE_POINT][:5]
    if system != _TM35FIN:
        raise DataError(
            f"expected a composite in ETRS-TM35FIN (EPSG:{_TM35FIN}), received EPSG:{system}."
        )
    # The first row is the northernmost.
    grid = ProjectedGrid((rows, columns), (y + row * dy, x - column * dx), (-dy, dx), _PROJECTION)
    return Header(time, quantity, product, grid)


def read_values(path: str) -> np.ndarray:
    """Reflectivity in dBZ or rain rate in mm/h; the largest pixel is missing."""
    *_, (_, gain, offset) = _parse_name(path)
    with Image.open(path) as image:
        pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(
            "expected one band of 8 or 16 bits without sign, received "
            f"{pixels.dtype} {pixels.shape}. Pictures for the eye hold no values."
        )
    values = pixels * np.float32(gain) + np.float32(offset)
    return np.where(pixels == np.iinfo(pixels.dtype).max, np.float32(np.nan), values)


def _parse_name(path: str) -> tuple[np.datetime64, str, tuple[str, float, float]]:
    name = _NAME.search(Path(path).name)
    kind = name and _PRODUCT.search(name[2])
    if not kind:
        raise DataError(
            "expected a name such as 202008051600_FIN-DBZ-3067-250M.tif: of a GeoTIFF it alone "
            f"says the time, and that it holds DBZ or RR. Received: {Path(path).name!r}"
        )
    stamp = name[1]
    time = np.datetime64(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[8:10]}:{stamp[10:]}")
    return time, name[2], _QUANTITIES[kind[1].upper()]
