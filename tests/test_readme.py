"""What the README says about the zoo is what the zoo says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_table_of_models_is_up_to_date():
    command = [sys.executable, ROOT / "tools" / "update_readme.py", "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "Run python tools/update_readme.py"
