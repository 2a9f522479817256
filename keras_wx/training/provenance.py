"""Where a training run comes from: environment, preset, recipe, seed, data and code.

A run's record is a dictionary of plain values with the sections `preset`, `recipe`, `seed`, `data`
(what has to be the same for a run to go on) and `environment`, `command`, `git` (what may differ).
"""

from __future__ import annotations

from typing import Any

import xarray as xr

from keras_wx.data.pydataset import Samples
from keras_wx.spec import Preset, Training

RUN_FILE = "run.yaml"


def record(
    preset: Preset,
    train: xr.Dataset | Samples,
    val: xr.Dataset | Samples | None,
    seed: int,
    recipe: Training | dict[str, Any],
) -> dict[str, Any]:
    """All that it takes to do a training run again, as plain values for YAML and W&B.

    Args:
        preset: of the model, as it is trained.
        train, val: the data, see `fingerprint`.
        seed: of the run.
        recipe: the resolved training options.
    """
    raise NotImplementedError


def write(record: dict[str, Any], directory) -> None:
    """Writes `run.yaml` into `directory`, whole or not at all."""
    raise NotImplementedError


def read(directory) -> dict[str, Any] | None:
    """The record in `directory`, None where there is none."""
    raise NotImplementedError


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Dotted keys of preset, recipe, seed and data that differ: for a run that shall go on, none.

    Each as a line for an error message: `recipe.batch_size: 8 in the run, 16 now`.
    """
    raise NotImplementedError


def fingerprint(data: xr.Dataset | Samples) -> str:
    """A hash of values, coordinates, units and selection: 64 hexadecimal digits."""
    raise NotImplementedError
