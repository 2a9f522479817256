"""Which transforms a file can hold: those with numbers, and one for each variable."""

from __future__ import annotations

from keras_wx.errors import ModelError
from keras_wx.spec import Preset


def check_transforms(preset: Preset, *, of_groups: bool) -> None:
    """Refuses transforms that a file cannot hold.

    Args:
        preset: of the model.
        of_groups: whether a variable may have a transform for each season, month or area.

    Raises:
        ModelError: naming the variables, and what gives them a transform.
    """
    variables = preset.sample.variables
    waiting = sorted({v.name for v in variables if v.needs_statistics})
    if waiting:
        raise ModelError(
            f"{preset.full_name}: the transforms of {waiting} have no statistics yet, and a file "
            "holds them. Training takes them from its data, and trained weights bring theirs; "
            "model.preset = keras_wx.data.fit_statistics(model.preset, dataset) does it by hand."
        )
    grouped = [v for v in variables if v.statistics_by]
    if grouped and not of_groups:
        by = " and ".join(grouped[0].statistics_by)
        raise ModelError(
            f"{preset.full_name}: {sorted({v.name for v in grouped})} have a transform for each "
            f"{by}, {sorted(grouped[0].statistics)}, and a file holds one for each variable. "
            "keras_wx.predict runs the model. For a file of one group, sample = "
            "model.preset.sample.merged({'variables': {name: {'transform': "
            "variable.transform_of(group), 'statistics_by': (), 'statistics': {}}}}) and "
            "model.preset = model.preset.model_copy(update={'sample': sample})."
        )
