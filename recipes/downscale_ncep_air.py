"""Downscales real air temperature by every step of the pipeline, and compares the result.

    python recipes/downscale_ncep_air.py --data ncep_air_2013-2014.nc --out runs/ncep_air --bfloat16

1. `transfer_unet_ncep_air` learns the coarse series.
2. Its encoder, frozen, becomes a part of the networks, which learn from the same fields. The
   diffusion model begins as the deterministic one (downscale_ncep_air_start.py).
3. `--out`/leaderboard: all of them and baselines on the last four months, which nobody has seen.
4. sampling.csv there: few steps of DPM-Solver++ beside as many ancestral ones as the schedule has.
5. encoders.csv: the encoder frozen, trained further, and none, with several seeds each.

The models that are compared have their weights in half precision, as they ship: they are in
`--out`/weights, and what preset files say of them in `--out`/cards. What was broken off goes on
when it is started again with the same `--out`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import xarray as xr
from downscale_ncep_air_encoders import compare_encoders
from downscale_ncep_air_sampling import compare_samplers
from downscale_ncep_air_scores import card_scores, compare_models
from downscale_ncep_air_start import write_start
from downscaling import add_recipe, recipe, trained
from downscaling_cards import write_card

import keras_wx

TRANSFER = "transfer_unet_ncep_air"
DDPM, UNET, VAE = "ddpm_ncep_air", "unet_ncep_air", "vae_ncep_air"
BASELINES = ("bilinear", "bicubic", "quantile_mapping")
SEED = 2013
VARIANT = "ncep_air"
"""Name of the weights."""
SAMPLED_MEMBERS = 32
FACTS = {
    "trained_on": (
        "NCEP/NCAR air temperature every 6 h from 2013-01-01 to 2014-05-01; 2014-05-02 to "
        "2014-08-31 chose the epoch"
    ),
    "recipe": "recipes/downscale_ncep_air.py",
    "seed": SEED,
    "terms": (
        "Free to use as this package is; learnt from NCEP/NCAR Reanalysis 1, a work of the US "
        "Government; credit NOAA PSL and Kalnay et al. (1996)."
    ),
}
"""What the cards say of all weights."""
BEGUN = {"recipe": f"{FACTS['recipe']}; it begins with the weights of {UNET}"}


def main():
    options = arguments()
    pair = keras_wx.open_dataset("ncep_air", path=options.data, step="6h").load()
    series = keras_wx.open_dataset("ncep_air", path=options.data, step="6h", series=True).load()
    transfer, tables = options.out / TRANSFER, options.out / "leaderboard"
    files = {
        TRANSFER: trained(TRANSFER, series, VARIANT, SEED, options),
        UNET: trained(UNET, pair, VARIANT, SEED, options, encoder=transfer),
    }
    start = options.out / "start.weights.h5"
    if not start.exists():
        write_start(DDPM, options.out / UNET / "best", start)
    files[DDPM] = trained(DDPM, pair, VARIANT, SEED, options, weights=start)
    files[VAE] = trained(VAE, pair, VARIANT, SEED, options, encoder=transfer)

    with precision(options):
        models = {name: keras_wx.load(name, weights=files[name]) for name in (DDPM, UNET, VAE)}
    models |= {name: baseline(name, pair) for name in BASELINES}
    test = times_of(pair, "test")
    scored = test[:: options.stride]
    table = compare_models(models, pair, scored, options.members, tables)
    for name, file in files.items():
        scores = card_scores(table.loc[name], len(scored)) if name in table.index else None
        facts = FACTS | (BEGUN if name == DDPM else {})
        write_card(name, VARIANT, file, options.out / name, options.out / "cards", facts, scores)

    some = test[np.linspace(0, len(test) - 1, options.sampled).astype(int)]
    with precision(options):
        compare_samplers(DDPM, files[DDPM], pair, some, SAMPLED_MEMBERS, tables)
    compare_encoders(
        DDPM,
        pair,
        scored,
        transfer,
        tables,
        runs=options.out / "encoders",
        seeds=options.seeds,
        members=8,
        **recipe(options) | {"epochs": options.encoder_epochs},
    )


@contextmanager
def precision(options: argparse.Namespace) -> Iterator[None]:
    """What is built inside computes as the networks do in training."""
    usual = keras.config.dtype_policy()
    if options.bfloat16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def baseline(name: str, pair: xr.Dataset):
    model = keras_wx.load(name)
    if model.needs_fit:
        model.fit(keras_wx.samples(pair, model.preset, split="train", batch_size=32))
    return model


def times_of(pair: xr.Dataset, split: str) -> np.ndarray:
    """Those of a split that have a whole history in it."""
    start, end = pair.attrs[f"split_{split}"].split("/")
    history = -keras_wx.info("ddpm_ncep_air").sample.input_steps[0]
    return pair["time"].sel(time=slice(start, end)).values[history:]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="NCEP air temperature")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and tables")
    add_recipe(parser)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument(
        "--stride", type=int, default=9, help="of the test's fields, six hours each"
    )
    parser.add_argument("--seeds", type=int, default=3, help="of each encoder")
    parser.add_argument("--encoder-epochs", type=int, default=3, help="of each of these runs")
    parser.add_argument("--sampled", type=int, default=3, help="fields drawn by both samplers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
