"""Writes the tables in README.md, docs/inpainting.md and docs/downscaling.md: of the models from
the presets, of the scores from what `keras-wx leaderboard` left in docs/leaderboard.

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
INPAINTING = ROOT / "docs" / "inpainting.md"
DOWNSCALING = ROOT / "docs" / "downscaling.md"


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


def boards(task: str) -> str:
    """A table for every folder in docs/leaderboard with scores of a task, the largest first."""
    fact, describe = {
        "nowcast": ("forecasts", _forecasts),
        "inpaint": ("profiles", _curtains),
        "downscale": ("fields", _fields),
    }[task]
    texts = {}
    for file in sorted((ROOT / "docs" / "leaderboard").glob("*/leaderboard.csv")):
        table, facts = report.read_csv(file.read_text(encoding="utf-8"))
        if fact in facts:
            texts[_count(facts[fact]), file.parent.name] = (
                f"{describe(facts, file)}\n\n{report.summary(table)}"
            )
    return "\n".join(texts[key] for key in sorted(texts, reverse=True))


def _count(fact: str) -> int:
    """The number that a fact begins with, such as `24,576, 4s apart`."""
    return int(re.match(r"[\d,]*\d", fact)[0].replace(",", ""))


def _forecasts(facts: dict[str, str], file: Path) -> str:
    events = facts["events"].partition(";")[0]
    link = file.with_suffix(".md").relative_to(ROOT).as_posix()
    return (
        f"{facts['data']}. Forecasts: {facts['forecasts']}; {events} events. Means over lead "
        f"times, in brackets {facts['intervals']}; thresholds, MAE and CRPS in {facts['units']}. "
        f"An ensemble is scored by its mean; the CRPS of a single forecast is its MAE. Cost in "
        f"milliseconds of a forecast with all members on {facts['machine']}.\n"
        f"[All intervals, the lead over the best baseline, FSS, conditions, pictures]({link})."
    )


def _curtains(facts: dict[str, str], file: Path) -> str:
    name, blocks = facts["data"].partition(";")[0], facts["blocks"].partition(",")[0]
    link = file.with_suffix(".md").relative_to(ROOT / "docs").as_posix()
    return (
        f"**{name}**, profiles: {facts['profiles']}. Blind zone {facts['blind zone']}; in brackets "
        f"{facts['intervals']}, {blocks}. MAE, RMSE and CRPS in dB. Cost in milliseconds "
        f"of a scene of 128 columns with all members on {facts['machine']}.\n"
        f"[All intervals, the lead over the best baseline, pictures]({link})."
    )


def _fields(facts: dict[str, str], file: Path) -> str:
    link = file.with_suffix(".md").relative_to(ROOT / "docs").as_posix()
    return (
        f"**{facts['data']}**: {facts['fields']}. In brackets {facts['intervals']}; CRPS, MAE and "
        f"RMSE in {facts['units']}; an ensemble's errors are those of its mean, the CRPS of a "
        f"single field is its MAE. Cost in milliseconds of a field with all members on "
        f"{facts['machine']}.\n[All scores, conditions, pictures]({link})."
    )


def main() -> int:
    changed = False
    for file, region, content in (
        (README, "models", models()),
        (README, "leaderboard", boards("nowcast")),
        (INPAINTING, "leaderboard", boards("inpaint")),
        (DOWNSCALING, "leaderboard", boards("downscale")),
    ):
        text = file.read_text(encoding="utf-8")
        pattern = rf"(<!-- {region} -->\n).*(<!-- /{region} -->)"
        new = re.sub(pattern, lambda m, c=content: m[1] + c + m[2], text, flags=re.DOTALL)
        changed |= new != text
        if "--check" not in sys.argv:
            file.write_text(new, encoding="utf-8")
    return int(changed and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
