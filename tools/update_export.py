"""Writes the table in docs/export.md: which preset goes where, as trying it shows.

python tools/update_export.py                         # every preset into every format
python tools/update_export.py convlstm_hko            # the row of one
python tools/update_export.py convlstm_hko -f onnx    # a cell of it
"""

from __future__ import annotations

import argparse
import os
import re
import signal
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


def tried(name: str, kind: str) -> str:
    """What the table says of a preset in a format, from a process of its own.

    The system kills a process that takes more memory than there is: that is an answer too.
    """
    command = [sys.executable, __file__, name, "--format", kind, "--here"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    peak = f"{usage.ru_maxrss / 2**20:.1f} GiB"
    print(f"{name}, {kind}: {peak} of memory at most")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return f"not known: more than {peak} of memory"
    if status:
        raise RuntimeError(f"{name}, {kind}: status {status}")
    return lines[-1]


def cell(name: str, kind: str) -> str:
    """Size of the file and on which grids it runs, or why there is none."""
    preset = keras_wx.info(name)
    model = keras_wx.load(name, weights="default" if preset.pretrained else None, compile=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{FORMATS[kind].suffix}"
        try:
            export(model, path)
            return f"{_size(path)}, {_grid(fixed_grid(model))}"
        except ModelError as error:
            reason = str(error).replace("|", "/")
        if "draws its fields at random" in reason:
            return "refused: it draws"
        grid = preset.sample.grids[preset.sample.targets[0].grid].shape
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


def write(name: str, new: dict[str, str]) -> None:
    """Puts cells into the table, whose rows are in the order of the zoo."""
    text = DOC.read_text(encoding="utf-8")
    rows = {
        line.split("`")[1]: [part.strip() for part in line.strip("| ").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    }
    for baseline in set(keras_wx.list_models()) - set(_networks()):
        rows[baseline] = [f"`{baseline}`", "none", *(["no: a baseline"] * len(FORMATS))]
    before = rows.get(name, [])[2:] or ["not tried"] * len(FORMATS)
    files = dict(zip(FORMATS, before, strict=True)) | new
    rows[name] = [f"`{name}`", keras_wx.info(name).variant or "random", *files.values()]
    table = [HEAD, ["---"] * len(HEAD), *(rows[n] for n in keras_wx.list_models() if n in rows)]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in table)
    pattern = r"(?<=<!-- table -->\n).*(?=<!-- /table -->)"
    DOC.write_text(re.sub(pattern, lambda _: lines + "\n", text, flags=re.DOTALL), encoding="utf-8")


def _networks() -> list[str]:
    return [
        name
        for name in keras_wx.list_models()
        if not issubclass(models.get(keras_wx.info(name).architecture), Baseline)
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=_networks())
    parser.add_argument("-f", "--format", choices=FORMATS, action="append")
    parser.add_argument("--here", action="store_true", help="print one cell, in this process")
    options = parser.parse_args()
    kinds = options.format or list(FORMATS)
    if options.here:
        print(cell(options.names[0], kinds[0]))
    else:
        for name in options.names:
            write(name, {kind: tried(name, kind) for kind in kinds})
