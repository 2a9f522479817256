"""The zoo-wide tests know how to build every registered model: they are imported here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "zoo"))
