"""Fields and losses that the tests share."""

import numpy as np

SHAPE = (2, 3, 4, 5, 1)
GRAY = {"linear": {"low": -10, "high": 60}}

FIELD_LOSSES = ("soft_csi", "ms_ssim", "spectral")
CURTAIN_LOSSES = ("blind_mae", "hybrid", "cloud_likelihood")
EVERY_LOSS = {
    name: {} for name in ("cross_entropy", "balanced_error", *FIELD_LOSSES, *CURTAIN_LOSSES)
}
EVERY_LOSS["combined"] = {
    "terms": [{"name": "balanced_error"}, *({"name": n, "factor": 0.5} for n in FIELD_LOSSES)]
}
"""Each loss of keras_wx by name, with arguments for `get`."""


def radar_like(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Gray levels with sharp-edged cells on exact zeros; all bins and thresholds occur."""
    rng = np.random.default_rng(seed)
    field = np.maximum(rng.normal(0.1, 0.5, shape), 0) * (rng.uniform(size=shape) < 0.6)
    return np.minimum(field, 1).astype("float32")


def eaten(name: str, y_true, y_pred, weight=None):
    """Target, forecast and mask of sequences, as the loss takes them.

    Losses of curtains take every frame for one: an exact 0 is no cloud there. A probabilistic one
    takes three numbers a gate, made from one.
    """
    if name not in CURTAIN_LOSSES:
        return y_true, y_pred, weight
    y_true, y_pred = (y.reshape(-1, *y.shape[2:]) for y in (y_true, y_pred))
    y_true = np.where(y_true > 0, 1.5 * y_true - 0.5, -1.0).astype("float32")
    y_pred = (1.5 * y_pred - 0.5).astype("float32")
    if name == "cloud_likelihood":
        y_pred = np.concatenate([3 * y_pred, y_pred, 0.5 * y_pred - 1], axis=-1)
    return y_true, y_pred, None if weight is None else weight.reshape(-1, *weight.shape[2:])
