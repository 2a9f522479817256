"""Another process with JAX as the backend, where TensorFlow is not installed.

Run as a script it runs the script that its first argument names, with the arguments that follow.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path


def run_under_jax(script: str | Path, *arguments: object) -> None:
    """Runs a Python file under JAX; where it fails, what it said is the test's message."""
    run = subprocess.run(
        [sys.executable, __file__, str(script), *map(str, arguments)],
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]


class _NoTensorFlow:
    """An import hook: TensorFlow is not installed here."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")


if __name__ == "__main__":
    sys.meta_path.insert(0, _NoTensorFlow())
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")

    import keras

    assert keras.backend.backend() == "jax", keras.backend.backend()
    assert "tensorflow" not in sys.modules
