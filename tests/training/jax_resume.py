"""Under JAX: a run that is broken off and goes on equals an unbroken one, bit for bit."""

import sys
import tempfile
from pathlib import Path

from test_train_resume import Killed, Killer, assert_same, run

with tempfile.TemporaryDirectory() as folder:
    expected = run(Path(folder) / "unbroken")
    for kill in (Killer(step=7), Killer(validation=12)):
        try:
            run(Path(folder) / "run", callbacks=[kill])
        except Killed:
            continue
        sys.exit("not killed")
    assert_same(run(Path(folder) / "run"), expected)
