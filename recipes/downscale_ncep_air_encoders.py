"""Part of downscale_ncep_air.py: what the transferred encoder brings."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import xarray as xr

import keras_wx
from keras_wx.verification import verify_downscaled

VARIANTS = {"frozen": {}, "trained further": {"frozen": False}, "none": {"encoder": None}}
"""Changes of the configuration. Without an encoder the network reads the history itself."""


def compare_encoders(
    name: str,
    pair: xr.Dataset,
    times: np.ndarray,
    encoder: Path,
    folder: Path,
    *,
    runs: Path,
    seeds: int,
    members: int,
    **recipe,
) -> None:
    """Trains each variant with several seeds for a short while, and writes encoders.csv.

    Args:
        name: preset of the diffusion model.
        pair: fine and coarse fields.
        times: of the fields that are scored.
        encoder: folder of the run of the transfer network.
        folder: of the table.
        runs: folder of the runs.
        seeds: number of runs of each variant.
        members: of an ensemble.
        **recipe: of every run.
    """
    table = folder / "encoders.csv"
    done = pd.read_csv(table).to_dict("records") if table.exists() else []
    for seed in range(seeds):
        for variant, config in VARIANTS.items():
            if any((row["encoder"], row["seed"]) == (variant, seed) for row in done):
                continue
            run = keras_wx.train(
                name,
                pair,
                output_dir=runs / f"{variant.replace(' ', '_')}_{seed}",
                config=config,
                encoder=None if variant == "none" else encoder,
                seed=seed,
                keep=1,
                verbose=2,
                **recipe,
            )
            fields = keras_wx.predict(
                run.model, pair, init_times=times, members=members, seed=seed, batch_size=64
            )
            found = verify_downscaled(fields, pair, lags=0, variogram_bins=0)
            numbers = {key: float(found[key]) for key in ("crps_fair", "crps", "rmse")}
            loss = float(run.history["val_loss"].min())
            done.append({"encoder": variant, "seed": seed, "val_loss": loss, **numbers})
            pd.DataFrame(done).to_csv(table, index=False, float_format="%.5g")
            keras.backend.clear_session()
    print(pd.DataFrame(done).groupby("encoder", sort=False).agg(["mean", "std"]).to_string())
