"""German composites in the binary format of RADOLAN and RADVOR."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from keras_wx.data.sources._frames import Header, unpacked
from keras_wx.data.sources._projected_grid import ProjectedGrid
from keras_wx.errors import DataError

_PIXELS = ("RX", "WX", "EX")
"""Reflectivity in 8 bits."""
_REFLECTIVITY = (*_PIXELS, "WN")
_AMOUNTS = (
    *("RY", "RZ", "RW", "RH", "RB", "RL", "RU", "RV", "RQ", "RS", "YW"),
    *("EY", "EZ", "EH", "EB", "EW", "SQ", "SH", "SF"),
)
"""Amounts in the interval of the header."""

_START = re.compile(rb"^[A-Z]{2}\d{6}\d{5}\d{4}BY")
_SIZE = re.compile(r"GP\s*(\d+)\s*x\s*(\d+)")
_FIELDS = {
    "version": re.compile(r"VS\s*(\d+)"),
    "exponent": re.compile(r"PR\s*E([-+]\d+)"),
    "interval": re.compile(r"INT\s*(\d+)"),
    "lead": re.compile(r"VV\s*(\d+)"),
    "days": re.compile(r"INT\s*\d+\s*U(\d)"),
}
_END_OF_HEADER = b"\x03"
_HEADER_BYTES = 4096

# Grids hang on the point 9 E 51 N. Rows and columns of points that lie south and west of it, and
# their distance in metres.
_ANCHORS = {
    (900, 900): (450, 450, 1000.0),
    (1100, 900): (550, 370, 1000.0),
    (1200, 1100): (600, 470, 1000.0),
    (1500, 1400): (800, 600, 1000.0),
}
_SPHERE = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6370040 +b=6370040 +units=m +no_defs"
_WGS84 = (
    "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6378137 +b=6356752.3142451802 "
    "+x_0=543196.83521776402 +y_0=3622588.8619310018 +units=m +no_defs"
)
_VALUE, _NO_DATA, _NEGATIVE, _CLUTTER = 0x0FFF, 0x2000, 0x4000, 0x8000
_PIXEL_CLUTTER = 249
"""It and all above it are no measurements."""


@dataclass(frozen=True)
class _Layout:
    product: str
    time: np.datetime64
    shape: tuple[int, int]
    start: int
    """Where the field begins."""
    exponent: int
    minutes: int
    wgs84: bool


def is_radolan(head: bytes) -> bool:
    """Whether a file that begins like this is a binary composite."""
    return bool(_START.match(head))


def national_grid(shape: tuple[int, int], *, wgs84: bool = False) -> ProjectedGrid:
    """One of the grids of the composites, which are known by their sizes.

    Args:
        shape: rows and columns.
        wgs84: on the ellipsoid, as newer products are, and not on a sphere.

    Raises:
        DataError: for another size.
    """
    if shape not in _ANCHORS:
        known = ", ".join(f"{rows} x {columns}" for rows, columns in _ANCHORS)
        raise DataError(
            f"expected a composite of {known} points (rows x columns). Received: "
            f"{shape[0]} x {shape[1]}"
        )
    south, west, step = _ANCHORS[shape]
    # The first row is the southernmost.
    whole = ProjectedGrid(shape, (0.0, 0.0), (step, step), _WGS84 if wgs84 else _SPHERE)
    y, x = whole.placed(9.0, 51.0).first
    return ProjectedGrid(shape, (y - south * step, x - west * step), whole.step, whole.projection)


GRIDS = {shape: national_grid(shape) for shape in _ANCHORS}
"""Rows and columns -> grid on the sphere."""


def read_header(path: str) -> Header:
    """Time, product and grid of one composite. The time is that of the end of the measurement."""
    with unpacked(path) as file:
        layout = _parse(file.read(_HEADER_BYTES))
    quantity = "reflectivity" if layout.product in _REFLECTIVITY else "rain_rate"
    grid = national_grid(layout.shape, wgs84=layout.wgs84)
    return Header(layout.time, quantity, layout.product, grid)


def read_values(path: str) -> np.ndarray:
    """Reflectivity in dBZ or rain rate in mm/h; NaN for no data and clutter."""
    with unpacked(path) as file:
        content = file.read()
    layout = _parse(content)
    dtype = np.dtype("u1" if layout.product in _PIXELS else "<u2")
    expected = layout.shape[0] * layout.shape[1] * dtype.itemsize
    if len(content) - layout.start != expected:
        raise DataError(
            f"expected {expected:,} bytes after the header for {layout.shape[0]} x "
            f"{layout.shape[1]} points, received {len(content) - layout.start:,}. The file is cut "
            "off or damaged."
        )
    raw = np.frombuffer(content, dtype, offset=layout.start).reshape(layout.shape)
    if layout.product in _PIXELS:
        return np.where(raw >= _PIXEL_CLUTTER, np.nan, raw / np.float32(2) - np.float32(32.5))
    values = (raw & _VALUE) * 10.0**layout.exponent
    if layout.product in _REFLECTIVITY:
        values = values / 2 - 32.5
    else:
        values = values * (60 / layout.minutes)
    return np.where(raw & (_NO_DATA | _NEGATIVE | _CLUTTER), np.nan, values)


def _parse(content: bytes) -> _Layout:
    end = content.find(_END_OF_HEADER, 0, _HEADER_BYTES)
    if end < 0:
        raise DataError("expected a header that ends with byte 0x03. Found none.")
    header = content[:end].decode("latin-1")
    product = header[:2]
    if product not in (*_REFLECTIVITY, *_AMOUNTS):
        raise DataError(
            f"expected a product of reflectivity ({', '.join(_REFLECTIVITY)}) or of an amount of "
            f"precipitation ({', '.join(_AMOUNTS)}). Received: {product!r}"
        )
    # The names of the radars come last, and could be taken for anything.
    options = header.partition("MS")[0]
    found = {key: pattern.search(options) for key, pattern in _FIELDS.items()}
    numbers = {key: int(match[1]) for key, match in found.items() if match}
    size = _SIZE.search(options)
    if size is None or not {"exponent", "interval"} <= set(numbers):
        raise DataError(f"expected precision, interval and size in the header. Received: {header}")
    if numbers.get("lead"):
        raise DataError(
            f"expected a measurement, received a forecast of {numbers['lead']} minutes. Leave such "
            "files out: their names end in _005, _010 and so on."
        )
    return _Layout(
        product=product,
        time=np.datetime64(
            f"20{header[15:17]}-{header[13:15]}-{header[2:4]}T{header[4:6]}:{header[6:8]}"
        ),
        shape=(int(size[1]), int(size[2])),
        start=end + 1,
        exponent=numbers["exponent"],
        minutes=numbers["interval"] * (1440 if numbers.get("days") == 1 else 1),
        wgs84=numbers.get("version", 0) >= 5,
    )
