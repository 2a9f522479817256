"""What the README says about the zoo is what the zoo says."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_tables_are_up_to_date():
    command = [sys.executable, ROOT / "tools" / "update_readme.py", "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "Run python tools/update_readme.py"


@pytest.mark.parametrize(
    ("page", "fact"),
    [
        ("README.md", "forecasts"),
        ("docs/inpainting.md", "profiles"),
        ("docs/downscaling.md", "fields"),
    ],
)
def test_the_leaderboard_has_the_numbers_of_its_file(page, fact):
    text = (ROOT / page).read_text(encoding="utf-8")
    block = text.partition("<!-- leaderboard -->\n")[2].partition("<!-- /leaderboard -->")[0]
    shown = [line.strip("| ").split(" | ") for line in block.splitlines() if line.startswith("|")]
    tables = {}
    for file in ROOT.glob("docs/leaderboard/*/leaderboard.csv"):
        lines = file.read_text(encoding="utf-8").splitlines()
        for line in lines:
            if line.startswith(f"# {fact}: "):
                size = int(line.split()[2].strip(",").replace(",", ""))
                tables[size] = csv.DictReader(row for row in lines if not row.startswith("#"))
    expected = [row for size in sorted(tables, reverse=True) for row in tables[size]]
    rows = [cells for cells in shown if cells[0].startswith("`")]
    assert [cells[0].strip("`") for cells in rows] == [row["model"] for row in expected]
    header = next((cells for cells in shown if cells[0] == "model"), [])
    for cells, row in zip(rows, expected, strict=True):
        for column, text in zip(header, cells, strict=True):
            if column.startswith(("CSI", "bias@", "MSE", "Dice", "MAE", "RMSE", "EMD", "CRPS")):
                if text == "-":  # nothing to detect in these data
                    assert row[column] == ""
                    continue
                assert abs(float(text.split()[0]) - float(row[column])) < 0.00051
