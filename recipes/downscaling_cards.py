"""Part of the recipes of downscaling: entries of the preset files for weights that ship."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

import keras_wx


def write_card(
    name: str,
    variant: str,
    weights: Path,
    run: Path,
    folder: Path,
    facts: Mapping[str, object],
    scores: Mapping[str, str] | None,
) -> None:
    """Writes `weights:` of a preset file to `folder`/NAME.yaml.

    Args:
        name: of the preset.
        variant: name of the weights.
        weights: file that ships.
        run: folder of the training.
        folder: of the cards.
        facts: `trained_on`, `recipe`, `seed`, `terms`.
        scores: on the test data; None for a network that was not tested.
    """
    log = pd.read_csv(run / "log.csv")
    best = int(log["val_loss"].idxmin())
    recipe = keras_wx.info(name).training
    steps = recipe.steps_per_epoch
    batches = f"{steps} batches" if steps else "all windows once in batches"
    content = weights.read_bytes()
    entry = {
        "file": weights.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        **facts,
        "duration": (
            f"{len(log)} epochs of {batches} of {recipe.batch_size}, in bfloat16 on 2 shared CPU "
            f"cores; epoch {best + 1} was the best"
        ),
        "scores": dict(
            scores or {"validation loss": f"{log['val_loss'][best]:.4f}, in network numbers"}
        ),
    }
    folder.mkdir(exist_ok=True)
    whole = {"weights": {"default": variant, "variants": {variant: entry}}}
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=96)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
