"""What diffusers gave, and the script that asked it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion.npz"
sys.path.insert(0, str(GOLDEN.parent))


@pytest.fixture(scope="session")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)
