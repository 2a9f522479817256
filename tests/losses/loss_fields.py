"""Fields and losses that the tests share."""

import numpy as np

SHAPE = (2, 3, 4, 5, 1)
GRAY = {"linear": {"low": -10, "high": 60}}

FIELD_LOSSES = ("soft_csi", "ms_ssim", "spectral")
EVERY_LOSS = {name: {} for name in ("cross_entropy", "balanced_error", *FIELD_LOSSES)}
EVERY_LOSS["combined"] = {
    "terms": [{"name": "balanced_error"}, *({"name": n, "factor": 0.5} for n in FIELD_LOSSES)]
}
"""Each loss of keras_wx by name, with arguments for `get`."""


def radar_like(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Gray levels with sharp-edged cells on exact zeros; all bins and thresholds occur."""
    rng = np.random.default_rng(seed)
    field = np.maximum(rng.normal(0.1, 0.5, shape), 0) * (rng.uniform(size=shape) < 0.6)
    return np.minimum(field, 1).astype("float32")
