"""Draws hourly precipitation on 0.02 degrees from that on 0.16, and compares it with rivals.

    python recipes/downscale_mrms.py --data mrms_qpe01h.nc --out runs/mrms --bfloat16

`ddpm_mrms`, `unet_mrms` and `vae_mrms` learn from the first days of the record over the eastern
United States. Its last day, over one storm, tests them beside bilinear, bicubic and quantile
mapping: a demonstration, since one storm is one event.

The models that are compared have their weights in half precision, as they ship: they are in
`--out`/weights. Tables and pictures are in `--out`/leaderboard. What was broken off goes on when it
is started again with the same `--out`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import downscaling_report as sections
import numpy as np
import pandas as pd
import xarray as xr
from downscaling import ENDS, add_recipe, drawn, lead, trained
from downscaling_cards import write_card

import keras_wx
from keras_wx import plots
from keras_wx.baselines import Baseline
from keras_wx.inference.variable import for_variable_of
from keras_wx.verification import interval, verify_downscaled
from keras_wx.verification.downscale import to_frame
from keras_wx.verification.leaderboard.fields import spectrum_error
from keras_wx.verification.markdown import markdown_table

NETWORKS = ("ddpm_mrms", "unet_mrms", "vae_mrms")
BASELINES = ("bilinear", "bicubic", "quantile_mapping")
LEARNT = {"lat": (33, 49), "lon": (-98, -75)}
"""Degrees; almost all of it has coverage at all times."""
STORM = {"lat": (42, 45.84), "lon": (-95.5, -88.46)}
FACTOR = 8
SEED = 2016
VARIANT = "mrms"
"""Name of the weights."""
FACTS = {
    "trained_on": (
        "MRMS hourly precipitation over the eastern United States from 2016-09-20T00 to 21T15 "
        "UTC; 21T16 to 21T23 chose the epoch"
    ),
    "recipe": "recipes/downscale_mrms.py",
    "seed": SEED,
    "terms": (
        "Free to use as this package is; learnt from MRMS, a work of the US Government; credit "
        "NOAA/NSSL and Zhang et al. (2016)."
    ),
}
"""What the cards say of all weights."""
TILING = {"tile": 192, "overlap": 32, "halo": 16}


def main():
    options = arguments()
    pair = keras_wx.open_dataset("mrms_hourly", path=options.data, factor=FACTOR)
    pair = within(pair, LEARNT).load()
    files = {name: trained(name, pair, VARIANT, SEED, options) for name in options.networks}
    models = {name: keras_wx.load(name, weights=file) for name, file in files.items()}
    models |= {name: baseline(name, pair) for name in BASELINES}

    start, end = pair.attrs["split_test"].split("/")
    times = pair["time"].sel(time=slice(start, end)).values[1 :: options.stride]
    table = compare(models, within(pair, STORM), times, options.members, options.out)
    for name, file in files.items():
        scores = card_scores(table.loc[name], len(times))
        write_card(name, VARIANT, file, options.out / name, options.out / "cards", FACTS, scores)


def within(pair: xr.Dataset, box: Mapping[str, tuple[float, float]]) -> xr.Dataset:
    """The blocks of a pair whose middles lie in a box, with their fine cells."""
    cut = {}
    for dim, (low, high) in box.items():
        middles = pair[f"coarse_{dim}"].values
        inside = np.flatnonzero((middles > low) & (middles < high))
        cut[f"coarse_{dim}"] = slice(inside[0], inside[-1] + 1)
        cut[dim] = slice(FACTOR * inside[0], FACTOR * (inside[-1] + 1))
    return pair.isel(cut)


def baseline(name: str, pair: xr.Dataset):
    dry = {"variables": {variable: {"fill": 0} for variable in ("air", "coarse_air")}}
    model = for_variable_of(pair, keras_wx.load(name, sample=dry))
    if model.needs_fit:
        train = keras_wx.samples(pair, model.preset, split="train", crop="tiles", batch_size=8)
        model.fit(train)
    return model


def compare(
    models: Mapping, pair: xr.Dataset, times: np.ndarray, members: int, out: Path
) -> pd.DataFrame:
    """Writes scores.csv, differences.csv, leaderboard.md and pictures.

    Args:
        models: label -> model with weights, or baseline; the first is compared with the others.
        pair: fine and coarse fields.
        times: of the fields to draw.
        members: of a model that draws.
        out: folder of the run.

    Returns:
        The table of scores.csv.
    """
    folder = out / "leaderboard"
    folder.mkdir(parents=True, exist_ok=True)
    fields, seconds = {}, {}
    for name, model in models.items():
        store = out / "fields" / f"{name}.zarr"
        tiling = {} if isinstance(model, Baseline) else TILING
        fields[name], seconds[name] = drawn(model, pair, times, members, store, seed=SEED, **tiling)
    # Most of a field is dry: with a floor, 0 mm/h is a value like others in spectra.
    scores = {n: verify_downscaled(f, pair, floor=0, lags=0, seed=SEED) for n, f in fields.items()}
    cases = {
        name: verify_downscaled(field, pair, by="time", floor=0, lags=0, variogram_bins=0)
        for name, field in fields.items()
    }
    columns = "rmse", "mae", "crps", "crps_fair", "spread_skill_ratio", "p999_bias"
    table = to_frame(scores, columns=(*columns, "variogram_error"))
    table["spectrum error [dB]"] = [spectrum_error(found) for found in scores.values()]
    # Hours follow each other: with this gap each is drawn alone.
    found = [interval(case, "crps", gap="30min") for case in cases.values()]
    table["CRPS low"], table["CRPS high"] = ([float(f[end]) for f in found] for end in ENDS)
    table["seconds per field"] = [seconds[name] for name in table.index]
    table.to_csv(folder / "scores.csv", float_format="%.5g")
    ahead = lead(cases, gap="30min")
    ahead.to_csv(folder / "differences.csv", index=False, float_format="%.5g")
    pictures(scores, fields, pair, folder)
    text = report(table, ahead, times, members)
    (folder / "leaderboard.md").write_text(text, encoding="utf-8")
    print(text)
    return table


def card_scores(row: pd.Series, fields: int) -> dict[str, str]:
    """What a model card says of a row of scores.csv."""
    test = f"{fields} hours of one storm on 2016-09-22: a demonstration, docs/downscaling.md"
    found = sections.card_scores(row, test, "mm/h", digits=4)
    return found | {"variogram error": f"{row['variogram error']:.3f}"}


def pictures(scores: Mapping, fields: Mapping, pair: xr.Dataset, folder: Path) -> None:
    plots.spectra(scores, path=folder / "spectra.png")
    plots.variogram(scores, path=folder / "variogram.png")
    ensembles = {name: found for name, found in scores.items() if "rank" in found.dims}
    plots.rank_histogram(ensembles, path=folder / "rank_histogram.png")
    first = next(iter(fields.values()))
    middle = first["time"].values[first.sizes["time"] // 2]
    plots.downscaled(first, pair, coarse="coarse_rain_rate", time=middle, path=folder / "case.png")


def report(table, ahead, times: np.ndarray, members: int) -> str:
    start, end = np.datetime_as_string(times[[0, -1]], unit="h")
    parts = [
        "# Downscaling hourly precipitation from 0.16 to 0.02 degrees\n",
        f"One storm over the upper Midwest, {len(times)} hours from {start} to {end} UTC of the "
        "last day of the record, which neither trained nor chose anything: a demonstration, no "
        f"estimate of how the models do in general. Ensembles have {members} members; RMSE and MAE "
        "are of their mean. The CRPS of a single field is its MAE. In brackets 95 % intervals of a "
        "bootstrap over the hours, which are alike: they are too narrow. The spectrum error is the "
        "mean over wavenumbers of |10 log10(power / power of the truth)|, the variogram error the "
        "mean absolute error of the semivariogram divided by its mean. Seconds are those of a "
        "field with all its members.\n",
        "## Scores\n",
        markdown_table(["model", *_HEAD], [_row(name, row) for name, row in table.iterrows()]),
        sections.rivals(ahead, "mm/h", digits=4),
        sections.pictures(
            {
                "Power spectra": "spectra.png",
                "Semivariograms": "variogram.png",
                "Ranks of the truth among the members": "rank_histogram.png",
                "An hour in the middle": "case.png",
            }
        ),
    ]
    return "\n".join(parts)


_HEAD = (
    *("RMSE [mm/h]", "MAE [mm/h]", "CRPS [mm/h]", "fair CRPS [mm/h]", "spread/skill"),
    *("99.9th percentile, bias [mm/h]", "spectrum error [dB]", "variogram error", "seconds"),
)


def _row(name: str, row: pd.Series) -> list[str]:
    return [
        f"`{name}`",
        f"{row['RMSE']:.3f}",
        f"{row['MAE']:.4f}",
        sections.crps_cell(row, 4),
        sections.number(row["fair CRPS"], 4),
        sections.number(row["spread/skill"], 2),
        f"{row['99.9 % bias']:+.1f}",
        f"{row['spectrum error [dB]']:.2f}",
        f"{row['variogram error']:.3f}",
        f"{row['seconds per field']:.2g}",
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="MRMS hourly amounts")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and tables")
    add_recipe(parser)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="the first is compared")
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--stride", type=int, default=3, help="hours from one field to the next")
    return parser.parse_args()


if __name__ == "__main__":
    main()
