"""Writes the table of models in README.md from the presets.

python tools/update_readme.py            # writes it
python tools/update_readme.py --check    # fails when it is not up to date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import keras_wx
from keras_wx.spec import Preset

README = Path(__file__).resolve().parents[1] / "README.md"
REGION = re.compile(r"(<!-- models -->\n).*(<!-- /models -->)", re.DOTALL)


def models_table() -> str:
    lines = [
        "| preset | task | parameters | weights | on its test period |",
        "|---|---|---|---|---|",
    ]
    for name in keras_wx.list_models():
        preset = keras_wx.info(name)
        size = f"{preset.parameters:,}" if preset.parameters else "none"
        weights = preset.full_name.partition(".")[2] or "none"
        lines.append(f"| `{name}` | {preset.task} | {size} | {weights} | {_scores(preset)} |")
    return "\n".join(lines) + "\n"


def _scores(preset: Preset) -> str:
    weights = preset.weights.variants.get(preset.variant or "")
    return weights.scores.get("summary", "") if weights else ""


def main() -> int:
    text = README.read_text(encoding="utf-8")
    new = REGION.sub(lambda match: match[1] + models_table() + match[2], text)
    if "--check" in sys.argv:
        return int(new != text)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
