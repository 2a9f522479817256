"""Writes what scikit-image fills into a hole, for tests that run without it.

pip install scikit-image
python tests/golden/make_inpainting_golden.py
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.restoration import inpaint_biharmonic

HERE = Path(__file__).resolve().parent

curtain = gaussian_filter(np.random.default_rng(3).normal(size=(30, 26)), 4)
curtain = (0.4 * curtain / np.abs(curtain).max()).astype("float32")
hole = np.arange(30)[:, None] < np.array([6, 9] * 13)
filled = inpaint_biharmonic(curtain, hole)
# A surface that leaves the range of what is measured is clipped there.
filled = np.clip(filled, curtain[~hole].min(), curtain[~hole].max())
np.savez_compressed(HERE / "biharmonic_skimage.npz", curtain=curtain, hole=hole, filled=filled)
