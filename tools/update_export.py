"""Writes the table in docs/export.md: which preset goes where, as trying it shows.

python tools/update_export.py                 # every preset, each in a process of its own
python tools/update_export.py convlstm_hko    # the row of one
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras_wx
from keras_wx.baselines import Baseline
from keras_wx.errors import ModelError
from keras_wx.inference.export.write import FORMATS, export
from keras_wx.inference.network import fixed_grid
from keras_wx.registry import models

DOC = Path(__file__).resolve().parents[1] / "docs" / "export.md"
HEAD = ["preset", "weights", *(form.title for form in FORMATS.values())]


def row(name: str) -> str:
    """What the table says of a preset: sizes of the files, on which grids they run, or why not."""
    preset = keras_wx.info(name)
    model = keras_wx.load(name, weights="default" if preset.pretrained else None, compile=False)
    cells = [f"`{name}`", preset.variant or "random"]
    with tempfile.TemporaryDirectory() as folder:
        cells += [_cell(model, Path(folder) / f"model{form.suffix}") for form in FORMATS.values()]
    return f"| {' | '.join(cells)} |"


def _cell(model, path: Path) -> str:
    try:
        export(model, path)
        return f"{_size(path)}, {_grid(fixed_grid(model))}"
    except ModelError as error:
        reason = str(error).replace("|", "/")
    grid = model.preset.sample.grids[model.preset.sample.inputs[0].grid].shape
    if None in grid or None not in fixed_grid(model):
        return f"no: {reason}"
    try:
        export(model, path, grid=grid)
        return f"{_size(path)}, with `grid=` only"
    except ModelError:
        return f"no: {reason}"


def _size(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:.1f} MB"


def _grid(grid: tuple[int | None, int | None]) -> str:
    return "any grid" if None in grid else f"{grid[0]} x {grid[1]}"


def main(names: list[str]) -> None:
    for name in names or _networks():
        command = [sys.executable, __file__, "--row", name]
        write(name, subprocess.check_output(command, text=True).splitlines()[-1])


def write(name: str, row: str) -> None:
    """Puts a row into the table, in the order of the zoo."""
    text = DOC.read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    rows[name] = row
    for other in set(keras_wx.list_models()) - set(_networks()):
        rows[other] = f"| `{other}` | none |" + " no: a baseline |" * len(FORMATS)
    table = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    table += [rows[other] for other in keras_wx.list_models() if other in rows]
    pattern = r"(?<=<!-- table -->\n).*(?=<!-- /table -->)"
    new = re.sub(pattern, lambda _: "\n".join(table) + "\n", text, flags=re.DOTALL)
    DOC.write_text(new, encoding="utf-8")


def _networks() -> list[str]:
    return [
        name
        for name in keras_wx.list_models()
        if not issubclass(models.get(keras_wx.info(name).architecture), Baseline)
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--row"]:
        print(row(sys.argv[2]))
    else:
        main(sys.argv[1:])
