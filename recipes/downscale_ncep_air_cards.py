"""Part of downscale_ncep_air.py: entries of the preset files for weights that ship."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import yaml

import keras_wx

VARIANT = "ncep_air"
TERMS = (
    "Free to use as this package is; learnt from NCEP/NCAR Reanalysis 1, a work of the US "
    "Government; credit NOAA PSL and Kalnay et al. (1996)."
)


def write_card(
    name: str, weights: Path, run: Path, folder: Path, seed: int, row: pd.Series | None, fields: int
) -> None:
    """Writes `weights:` of a preset file to `folder`/NAME.yaml.

    Args:
        name: of the preset.
        weights: file that ships.
        run: folder of the training.
        folder: of the cards.
        seed: of the training.
        row: of the model in scores.csv; None for a model that is not in it.
        fields: how many were scored.
    """
    log = pd.read_csv(run / "log.csv")
    best = int(log["val_loss"].idxmin())
    training = keras_wx.info(name).training
    content = weights.read_bytes()
    entry = {
        "file": weights.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "trained_on": (
            "NCEP/NCAR air temperature every 6 h from 2013-01-01 to 2014-05-01; 2014-05-02 to "
            "2014-08-31 chose the epoch"
        ),
        "recipe": "recipes/downscale_ncep_air.py",
        "duration": (
            f"{len(log)} epochs of all windows once in batches of {training.batch_size}, in "
            f"bfloat16 on 2 shared CPU cores; epoch {best + 1} was the best"
        ),
        "seed": seed,
        "terms": TERMS,
        "scores": {"validation loss": f"{log['val_loss'][best]:.4f}, in network numbers"},
    }
    if row is not None:
        entry["scores"] = {
            "summary": f"CRPS {row['CRPS']:.2f} K, RMSE {row['RMSE']:.2f} K",
            "test": f"{fields} fields from 2014-09 to 2014-12, docs/leaderboard/ncep_air",
            "CRPS": f"{row['CRPS']:.3f} ({row['CRPS low']:.3f} to {row['CRPS high']:.3f}) K",
            "RMSE": f"{row['RMSE']:.3f} K",
            "spectrum error": f"{row['spectrum error [dB]']:.2f} dB",
            "variogram error": f"{row['variogram error']:.4f}, of the detail "
            f"{row['variogram error of the detail']:.3f}",
        }
    folder.mkdir(exist_ok=True)
    whole = {"weights": {"default": VARIANT, "variants": {VARIANT: entry}}}
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=96)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
