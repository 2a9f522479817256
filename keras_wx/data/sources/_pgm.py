"""Finnish composites as 8-bit PGM pictures with a header of their own."""

from __future__ import annotations

import re

import numpy as np

from keras_wx.data.sources._frames import Header, unpacked
from keras_wx.data.sources._projected_grid import ProjectedGrid
from keras_wx.errors import DataError

# The header names the projection, but neither the sphere nor the origin; these two put the lower
# left corner that it does name at 0, 0.
SPHERE = "+a=6371288 +x_0=380886.310 +y_0=3395677.920 +no_defs"
_NUMBER = re.compile(rb"(?:#[^\n]*\n|\s)*(\d+)")
_COMMENT = re.compile(rb"^#[ \t]*(\S+)[ \t]+(\S.*?)[ \t\r]*$", re.MULTILINE)
_HEADER_BYTES = 16_384


def is_pgm(head: bytes) -> bool:
    """Whether a file that begins like this is a binary PGM picture."""
    return head.startswith(b"P5")


def read_header(path: str) -> Header:
    """Time, product and grid of one picture."""
    with unpacked(path) as file:
        options, (columns, rows, _), _ = _parse(file.read(_HEADER_BYTES))
    kind = " ".join(options.get(key, "") for key in ("param", "productname")).strip()
    if "reflectivity" not in kind.lower():
        raise DataError(f"expected a picture of reflectivity, received param {kind!r}.")
    if options.get("type") != "stereographic":
        raise DataError(
            f"expected a stereographic projection, received {options.get('type', 'none')!r}."
        )
    projection = (
        f"+proj=stere +lat_0={options['centrallatitude']} +lat_ts={options['truelatitude']} "
        f"+lon_0={options['centrallongitude']} {SPHERE}"
    )
    # The first row is the northernmost.
    step = -float(options["metersperpixel_y"]), float(options["metersperpixel_x"])
    lon, lat = map(float, options["bottomleft"].split())
    stamp = options["obstime"]
    time = np.datetime64(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[8:10]}:{stamp[10:12]}")
    grid = ProjectedGrid.about_its_middle((rows, columns), step, projection).placed(lon, lat)
    return Header(time, "reflectivity", kind, grid)


def read_values(path: str) -> np.ndarray:
    """Reflectivity in dBZ; the pixel that the header calls the largest is missing."""
    with unpacked(path) as file:
        _, (columns, rows, missing), pixels = _parse(file.read())
    if len(pixels) < rows * columns:
        raise DataError(f"expected {rows * columns:,} pixels, received {len(pixels):,}. Cut off.")
    pixels = np.frombuffer(pixels[: rows * columns], "uint8").reshape(rows, columns)
    return np.where(pixels == missing, np.nan, (pixels - np.float32(64)) / np.float32(2))


def _parse(content: bytes) -> tuple[dict[str, str], tuple[int, int, int], bytes]:
    """Comments as options; columns, rows and largest pixel; the pixels."""
    end, numbers = 2, []
    for _ in range(3):
        match = _NUMBER.match(content, end)
        if match is None:
            raise DataError("expected columns, rows and the largest pixel after 'P5'.")
        end = match.end()
        numbers.append(int(match[1]))
    comments = _COMMENT.findall(content[:end])
    options = {key.decode(): value.decode() for key, value in comments}
    return options, tuple(numbers), content[end + 1 :]
