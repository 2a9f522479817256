"""What a cloud distribution says, for whichever backend runs this.

`run_under_jax` runs this file as a script.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np

PARAMETERS = np.array(
    list(itertools.product([-3, 0.2, 4], [-0.7, 0.1, 1.2], [-4, -1.5, 0.3])), "float32"
)
"""Rare and common cloud, below, in and above the usual range, sharp and vague."""


def outputs() -> dict[str, np.ndarray]:
    from keras_wx.losses import CloudDistribution

    gates = CloudDistribution(PARAMETERS)
    numbers = np.linspace(-1, 1, len(PARAMETERS)).astype("float32")
    found = {
        "probability": gates.cloud_probability(),
        "median": gates.quantile(0.5),
        "p99": gates.quantile(0.99),
        "exceedance": gates.exceedance(0.2),
        "mean": gates.mean(),
        "log_prob": gates.log_prob(numbers),
    }
    return {name: np.asarray(value) for name, value in found.items()}


if __name__ == "__main__":
    np.savez(sys.argv[1], **outputs())
