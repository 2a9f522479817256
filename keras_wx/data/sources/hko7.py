"""HKO-7: the radar of the Hong Kong Observatory, 2009 to 2015."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from keras_wx.data.sources._files import PathLike
from keras_wx.data.sources._grid import metre_coordinates
from keras_wx.data.sources._hko7_files import (
    SHAPE,
    find_pictures,
    read_dbz,
    read_exclude_mask,
    split_attributes,
)
from keras_wx.data.sources._lazy import lazy_frames
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset

_EXTENT_KM = 512.0
_CHUNK_FRAMES = 20


@register_dataset("hko7")
def hko7(
    path: PathLike, *, years: int | Iterable[int] | None = None, mask: bool = True
) -> xr.Dataset:
    """Reflectivity at 2 km over Hong Kong, 512 km x 512 km, every 6 minutes from 2009 to 2015.

    Reads the folders of the archive as they are handed out for research: `radarPNG`,
    `radarPNG_mask`, `mask_dat.npz` and the lists of rainy days `hko7_rainy_*_days.txt`. A gray
    level p of a picture is `70 p / 255 - 10` dBZ, 0 no echo. Pictures are decoded when they are
    used; the times are those of their names.

    Missing are, as in the benchmark's scores, what the frame's mask file marks and, where there is
    no such file, clutter (`mask_dat.npz`) and echo below gray level 71, which is 9.5 dBZ. The
    standard split are the lists' days: 812 to train on, 50 for validation and 131 of 2015 for the
    test. They follow each other without a gap, as in the benchmark; `samples(..., gap="3h")` sets
    them apart.

    Args:
        path: folder that holds `radarPNG`, or `radarPNG` itself.
        years: which to look for; None for all.
        mask: whether masked pixels are missing; False takes every pixel as it is.

    Returns:
        `reflectivity` [dBZ], `float32`, dims `(time, y, x)`, read when it is used; `y`
        (decreasing) and `x` in metres from the middle; splits as attributes.

    Raises:
        DataError: for folders or masks that are missing, and for files of another layout.

    References:
        Shi et al. (2017), Deep learning for precipitation nowcasting: a benchmark and a new model,
        arXiv:1706.03458; layout and rules: github.com/sxjscience/HKO-7.

    Example:

    ```python
    radar = keras_wx.open_dataset("hko7", path="hko_data", years=2015)
    ```
    """
    root = Path(os.path.expanduser(os.fspath(path)))
    if root.name == "radarPNG":
        root = root.parent
    pictures = root / "radarPNG"
    if not pictures.is_dir():
        raise DataError(
            f"Expected the folder {pictures}, with pictures such as "
            "2015/01/31/RAD150131235400.png. There is none. path= names the folder of the archive."
        )
    if years is not None:
        years = [int(year) for year in np.atleast_1d(years)]
    times, names = find_pictures(pictures, years)
    masks, exclude = _masks(root) if mask else (None, None)
    read = partial(_read, names=names, pictures=pictures, masks=masks, exclude=exclude)
    attrs = {
        "units": "dBZ",
        "standard_name": "equivalent_reflectivity_factor",
        "long_name": "reflectivity at 2 km",
        "comment": "-10 dBZ: no echo",
    }
    spacing = tuple(_EXTENT_KM / size for size in SHAPE)
    return xr.Dataset(
        {"reflectivity": lazy_frames(read, (len(names), *SHAPE), attrs, chunk=_CHUNK_FRAMES)},
        coords={"time": times, **metre_coordinates(SHAPE, spacing, north_up=True)},
        attrs={
            "title": "HKO-7",
            "source": "Hong Kong Observatory, radar CAPPI at 2 km",
            "license": "for academic research, on request from the Hong Kong Observatory",
            "citation": "Shi et al. 2017, arXiv:1706.03458",
            **split_attributes(root),
        },
    )


def _masks(root: Path) -> tuple[Path, np.ndarray | None]:
    """The folder of mask files, and the clutter for frames that have none."""
    folder, clutter = root / "radarPNG_mask", root / "mask_dat.npz"
    if not folder.is_dir() and not clutter.is_file():
        raise DataError(
            f"Expected masks: the folder {folder}, or {clutter.name} beside it. Found neither. "
            "mask=False takes every pixel as it is."
        )
    return folder, read_exclude_mask(clutter) if clutter.is_file() else None


def _read(
    wanted: np.ndarray,
    names: list[str],
    pictures: Path,
    masks: Path | None,
    exclude: np.ndarray | None,
) -> np.ndarray:
    """Frames by number; a mask lies in its folder where the picture lies in the other."""
    chosen = [names[number] for number in wanted.tolist()]
    return np.stack(
        [
            read_dbz(pictures / f"{name}.png", masks and masks / f"{name}.mask", exclude)
            for name in chosen
        ]
    )
