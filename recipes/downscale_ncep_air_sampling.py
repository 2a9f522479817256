"""Part of downscale_ncep_air.py: few steps of a solver beside many of the ancestral sampler."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import keras_wx
from keras_wx.verification import verify_downscaled

SAMPLERS = {
    "ancestral": {"name": "ddpm", "steps": 1000},
    "DPM-Solver++": {"name": "dpm_solver", "steps": 20},
}
DRAWS = 2000


def compare_samplers(
    name: str, weights: Path, pair: xr.Dataset, times: np.ndarray, members: int, folder: Path
) -> None:
    """Draws the same fields with both, and writes sampling.csv: CRPS and seconds of each field.

    Args:
        name: preset of the diffusion model.
        weights: its weights.
        pair: fine and coarse fields.
        times: of the fields.
        members: of each.
        folder: of the table.
    """
    table = folder / "sampling.csv"
    done = pd.read_csv(table).to_dict("records") if table.exists() else []
    for label, sampler in SAMPLERS.items():
        model = keras_wx.load(name, weights=weights, compile=False, sampler=sampler)
        for moment in times:
            at = str(moment.astype("datetime64[h]"))
            if any((row["sampler"], row["time"]) == (label, at) for row in done):
                continue
            begin = time.perf_counter()
            field = _draw(model, pair, moment, members)
            seconds = time.perf_counter() - begin
            crps = float(verify_downscaled(field, pair, lags=0, variogram_bins=0)["crps"])
            done.append({"sampler": label, "time": at, "crps": crps, "seconds": seconds})
            pd.DataFrame(done).to_csv(table, index=False, float_format="%.6g")
    print(summary(pd.DataFrame(done)))


def _draw(model, pair: xr.Dataset, moment: np.datetime64, members: int) -> xr.Dataset:
    return keras_wx.predict(
        model, pair, init_times=[moment], members=members, seed=1, batch_size=members
    )


def summary(found: pd.DataFrame, seed: int = 0) -> str:
    """The ratios of CRPS and time, the first with a bootstrap interval over the fields."""
    crps = found.pivot(index="time", columns="sampler", values="crps")
    slow, fast = (crps[label].to_numpy() for label in SAMPLERS)
    drawn = np.random.default_rng(seed).integers(len(slow), size=(DRAWS, len(slow)))
    low, high = np.quantile(fast[drawn].sum(1) / slow[drawn].sum(1), [0.025, 0.975])
    # The first call compiles.
    seconds = found.groupby("sampler")["seconds"].min()
    times = " / ".join(f"{seconds[label]:.2f}" for label in SAMPLERS)
    return (
        f"{len(slow)} fields: CRPS {slow.mean():.4f} K with "
        f"{SAMPLERS['ancestral']['steps']} ancestral steps, {fast.mean():.4f} K with "
        f"{SAMPLERS['DPM-Solver++']['steps']} of DPM-Solver++: ratio "
        f"{fast.mean() / slow.mean():.4f} ({low:.4f} to {high:.4f}); seconds of the fastest field "
        f"{times}: {seconds['ancestral'] / seconds['DPM-Solver++']:.1f} times faster"
    )
