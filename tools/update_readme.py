"""Writes the tables in README.md: of the models from the presets, of the scores from what
`keras-wx leaderboard` left in docs/leaderboard.

python tools/update_readme.py            # writes them
python tools/update_readme.py --check    # fails when they are not up to date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import keras_wx
from keras_wx.spec import Preset
from keras_wx.verification.leaderboard import report
from keras_wx.verification.markdown import markdown_table

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def models() -> str:
    rows = []
    for name in keras_wx.list_models():
        preset = keras_wx.info(name)
        size = f"{preset.parameters:,}" if preset.parameters else "none"
        weights = preset.full_name.partition(".")[2] or "none"
        rows.append((f"`{name}`", preset.task, size, weights, _scores(preset)))
    return markdown_table(("preset", "task", "parameters", "weights", "on its test period"), rows)


def _scores(preset: Preset) -> str:
    weights = preset.weights.variants.get(preset.variant or "")
    return weights.scores.get("summary", "") if weights else ""


def leaderboard() -> str:
    """A table for every folder in docs/leaderboard."""
    return "\n".join(map(_board, sorted(ROOT.glob("docs/leaderboard/*/leaderboard.csv"))))


def _board(file: Path) -> str:
    table, facts = report.read_csv(file.read_text(encoding="utf-8"))
    events = facts["events"].partition(";")[0]
    link = file.with_suffix(".md").relative_to(ROOT).as_posix()
    return (
        f"{facts['data']}. Forecasts: {facts['forecasts']}; {events} events. Means over lead "
        f"times, in brackets {facts['intervals']}; thresholds, MAE and CRPS in {facts['units']}. "
        f"An ensemble is scored by its mean; the CRPS of a single forecast is its MAE. Cost in "
        f"milliseconds of a forecast with all members on {facts['machine']}.\n"
        f"[All intervals, the lead over the best baseline, FSS, conditions, pictures]({link}).\n"
        f"\n{report.summary(table)}"
    )


def main() -> int:
    text = new = README.read_text(encoding="utf-8")
    for region, content in (("models", models()), ("leaderboard", leaderboard())):
        pattern = rf"(<!-- {region} -->\n).*(<!-- /{region} -->)"
        new = re.sub(pattern, lambda m, c=content: m[1] + c + m[2], new, flags=re.DOTALL)
    if "--check" in sys.argv:
        return int(new != text)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
