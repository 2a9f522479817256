"""Writes the golden outputs: what each registered model gives in its tiny configuration.

Run it only when a change of a model's numbers is wanted, and say so in the CHANGELOG:

    python tests/golden/make_golden.py [architecture ...]
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "zoo"))

import zoo_cases  # noqa: E402

for name in sys.argv[1:] or [*zoo_cases.NETWORKS, *zoo_cases.HEADS, *zoo_cases.BASELINES]:
    model = zoo_cases.tiny(name)
    output = zoo_cases.forecast(model, zoo_cases.inputs(model))
    np.savez_compressed(HERE / f"{name}.npz", output=output)
    print(f"{name}: {output.shape}, {output.min():.3f} to {output.max():.3f}")
