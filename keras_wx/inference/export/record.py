"""What a file says about itself, so that its numbers can be used without keras_wx."""

from __future__ import annotations

import json
from typing import Any

from keras_wx import __version__
from keras_wx.inference.export.physical import Array, Physical
from keras_wx.spec import Preset, Variable

RECORD_FILE = "keras_wx.json"
RECORD_KEY = "keras_wx"


def record(preset: Preset, physical: Physical) -> str:
    """The preset, the arrays and the weights as JSON.

    Args:
        preset: of the model.
        physical: the model in physical units.
    """
    facts = common_facts(preset) | {
        "inputs": [_array(array) for array in physical.inputs],
        "outputs": [_array(physical.output)],
        "missing": "NaN",
        "deterministic": True,
    }
    return json.dumps(facts, ensure_ascii=False)


def common_facts(preset: Preset) -> dict[str, Any]:
    """What is said of any model."""
    sample = preset.sample
    weights = preset.weights.variants.get(preset.variant or "")
    return {
        "software": f"keras_wx {__version__}",
        "preset": preset.full_name,
        "title": preset.title,
        "task": preset.task,
        "step": sample.step_text,
        "grids": {
            name: grid.model_dump(mode="json", exclude_none=True)
            for name, grid in sample.grids.items()
        },
        "weights": None
        if weights is None
        else weights.model_dump(
            mode="json", include={"sha256", "trained_on", "duration", "seed", "terms", "scores"}
        ),
        "references": preset.references,
    }


def _array(array: Array) -> dict:
    return {
        "name": array.name,
        "dims": array.dims,
        "shape": array.shape,
        "dtype": "float32",
        "channels": [_channel(variable) for variable in array.variables],
    }


def _channel(variable: Variable) -> dict:
    """The transform is in the file already; it is told so that limits of the values are known."""
    return variable.model_dump(
        mode="json", include={"name", "units", "role", "grid", "steps", "fill", "transform"}
    )
