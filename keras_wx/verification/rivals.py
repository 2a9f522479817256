"""What a model is told so that its forecasts can be compared with those of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras_wx.errors import ModelError
from keras_wx.registry import models as architectures

if TYPE_CHECKING:
    from keras_wx.spec import Preset, Sample


def sample_beside(preset: Preset, other: Sample) -> Sample:
    """What a model eats and gives next to one of another sample: as many frames and, of a baseline
    that forecasts such a variable, the same one. A baseline of curtains fills the same blind zone
    on the same grid and knows no echo by the same number, and one of downscaling reads the coarse
    field of the same target."""
    target = other.targets[0]
    sample = preset.sample.with_frames(output_frames=target.frames)
    known = sample.targets[0]
    same = (known.name, known.units) == (target.name, target.units)
    forecasts = getattr(architectures.get(preset.architecture), "forecasts", None)
    if forecasts is not None and sample.is_curtain and other.is_curtain:
        (grid,) = other.grids.values()
        grids = dict.fromkeys(sample.grids, grid.model_copy(update={"multiple": 1}))
        fills = {(v.name, v.units): v.fill for v in other.variables}
        variables = tuple(
            v.model_copy(update={"fill": fills.get((v.name, v.units), v.fill)})
            for v in sample.variables
        )
        return sample.model_copy(
            update={"grids": grids, "blind_zone": other.blind_zone, "variables": variables}
        )
    if forecasts is not None and sample.is_downscaling and other.is_downscaling:
        return _pair_of(sample, other)
    if same or forecasts is None or not forecasts(target.units):
        return sample
    change = {"name": target.name, "units": target.units, "fill": target.fill}
    variables = tuple(variable.model_copy(update=change) for variable in sample.variables)
    return sample.model_copy(update={"variables": variables})


def _pair_of(sample: Sample, other: Sample) -> Sample:
    """A baseline's sample with the coarse field of the day and the target of another model.

    Raises:
        ModelError: that model reads no coarse field of the target's own time.
    """
    target = other.targets[0]
    coarse = [
        v for v in other.inputs if other.grids[v.grid].onto and v.offsets[-1] == target.offsets[0]
    ]
    if not coarse:
        raise ModelError(
            f"interpolates a coarse field of the target's time, and there is none: {target.name!r} "
            f"is made from {', '.join(f'{v.name} {list(v.steps or [])}' for v in other.inputs)}"
        )
    named = {"input": coarse[0], "target": target}
    fields = ("name", "units", "fill")
    variables = tuple(
        v.model_copy(update={field: getattr(named[v.role], field) for field in fields})
        for v in sample.variables
    )
    return sample.model_copy(update={"variables": variables})


def options_beside(preset: Preset, other: Sample) -> dict[str, Any]:
    """What `load` is told for a model to be compared with one of another sample."""
    sample, frames = sample_beside(preset, other), other.targets[0].frames
    options = {} if frames == preset.sample.targets[0].frames else {"output_frames": frames}
    if sample != preset.sample.with_frames(output_frames=frames):
        options["sample"] = sample
    return options
