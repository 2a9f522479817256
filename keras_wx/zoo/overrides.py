"""What a caller changes of a preset: its configuration, its sample, and what follows of each."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from keras_wx.errors import ModelError, unknown_name
from keras_wx.spec import Preset, Sample, read_sample


def overridden(
    preset: Preset,
    architecture: type,
    overrides: Mapping[str, Any],
    sample: Sample | Mapping[str, Any] | None = None,
) -> Preset:
    """The preset with another configuration and sample, which go with each other.

    Args:
        preset: as it is.
        architecture: of the model, whose arguments are the keys of a configuration.
        overrides: changes of the configuration. Frames and grid of the sample follow them.
        sample: the sample, or changes of it, see `read_sample`. The number of channels follows it
            where `overrides` do not say it.

    Raises:
        UnknownNameError: a key that the architecture does not know.
        ModelError: values that are no frames or grid.
        PresetError: no valid sample.
    """
    if not overrides and sample is None:
        return preset
    keys = set(inspect.signature(architecture.__init__).parameters) - {"self", "kwargs"}
    for key in overrides:
        if key not in keys:
            raise unknown_name(f"configuration key of {preset.name}", key, keys)
    try:
        new = _resized(preset.sample, overrides)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{preset.full_name}: expected whole numbers of frames and grid=(height, width). "
            f"Received: {dict(overrides)}"
        ) from error
    if sample is not None:
        new = read_sample(sample, new)
    config = preset.config | overrides
    before, after = _channels(preset.sample), _channels(new)
    for key in keys & after.keys():
        names = after[key]
        if key not in overrides and len(names) != len(before[key]):
            config[key] = len(names)
        elif key in overrides and overrides[key] != len(names):
            warnings.warn(
                f"{preset.full_name}: {key}={overrides[key]} is what the network is built for, but "
                f"the sample still names {len(names)}: {', '.join(names)}. samples and predict "
                "need one that names as many: load(..., sample={'variables': [...]}) takes some "
                "of these, and a mapping in place of the list puts in others.",
                stacklevel=3,
            )
    return preset.model_copy(update={"config": config, "sample": new, "parameters": None})


def _resized(sample: Sample, overrides: Mapping[str, Any]) -> Sample:
    """The sample with the frames and the grid of a configuration."""
    sample = sample.with_frames(
        input_frames=overrides.get("input_frames"), output_frames=overrides.get("output_frames")
    )
    sides = {}
    if "grid" in overrides:
        rows, columns = overrides["grid"] or (None, None)
        sides = {0: rows, 1: columns}
    sides |= {axis: overrides[k] for axis, k in enumerate(("height", "width")) if k in overrides}
    grids = {
        name: grid.model_copy(
            update={"shape": tuple(sides.get(axis, size) for axis, size in enumerate(grid.shape))}
        )
        for name, grid in sample.grids.items()
    }
    return sample.model_copy(update={"grids": grids})


def _channels(sample: Sample) -> dict[str, list[str]]:
    """Keys of configurations that count channels -> what each of these is."""
    return {
        "channels": [variable.name for variable in sample.inputs],
        "inputs": [v.name for v in sample.variables if v.role != "target" for _ in v.offsets],
        "outputs": [variable.name for variable in sample.targets],
    }
