"""Writes advection_pysteps.npz: what pysteps extrapolates on a field and velocity from formulas.

Needs pysteps, which the tests do without:

    python tests/golden/make_advection_golden.py
"""

from pathlib import Path

import numpy as np
from pysteps.extrapolation.semilagrangian import extrapolate

y, x = np.indices((24, 30)).astype(float)
frame = 20 + 15 * np.sin(0.5 * x + 0.2 * y) * np.cos(0.4 * y)
velocity = np.stack([1.3 - 0.08 * (y - 12) + 0.3 * np.sin(x / 4), -0.6 + 0.07 * (x - 15)])
arrays = {"frame": frame, "velocity": velocity}
for iterations in (0, 1):
    for order in (0, 1):
        arrays[f"iterations_{iterations}_order_{order}"] = extrapolate(
            frame, velocity, 5, outval=-10.0, n_iter=iterations, interp_order=order
        ).astype("float32")
np.savez_compressed(Path(__file__).with_name("advection_pysteps.npz"), **arrays)
