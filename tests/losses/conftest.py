"""Small fields and a mask."""

from __future__ import annotations

import numpy as np
import pytest
from loss_fields import SHAPE


@pytest.fixture
def fields():
    """Targets that hold exact 0 and 1, and forecasts."""
    rng = np.random.default_rng(0)
    y_true = rng.uniform(size=SHAPE).astype("float32")
    y_true[0, 0, 0, :2] = [[0], [1]]
    return y_true, rng.uniform(0.01, 0.99, size=SHAPE).astype("float32")


@pytest.fixture
def mask():
    return np.random.default_rng(1).integers(0, 2, SHAPE[:-1]).astype("float32")
