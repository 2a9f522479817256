"""Trains one network with several losses for the same number of steps, and compares the forecasts.

    python recipes/compare_losses.py --data taasrad19_64x64_2015-10_2017-01.nc --out runs/losses \
        --bfloat16

Every arm starts from the same weights, which have seen a few steps of plain squared error, and gets
the same batches in the same order. Forecasts are scored on the validation period; the test period
is for the weights that ship. Tables go to `losses.csv` and `losses.md` in `--out`, and between the
markers of `--page`. An arm that has its scores is not trained again with the same `--out`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import xarray as xr
import yaml

import keras_wx
from keras_wx import losses
from keras_wx.verification import spectra
from keras_wx.verification.markdown import markdown_table

PRESET = "convlstm_hko.taasrad19"
SEED = 2015
# A term stands beside the balanced error with the factor at which the gradients of both, by the
# forecast, have about the same norm: measured on the weights that ship.
ARMS = yaml.safe_load("""
mse: {name: mse}
mae: {name: mae}
cross_entropy: {name: cross_entropy}
balanced_error: {name: balanced_error, mse: 1, mae: 0.1}
balanced_error + 0.04 soft_csi:
  name: combined
  terms: [{name: balanced_error, mse: 1, mae: 0.1}, {name: soft_csi, factor: 0.04}]
balanced_error + 0.03 ms_ssim:
  name: combined
  terms: [{name: balanced_error, mse: 1, mae: 0.1}, {name: ms_ssim, factor: 0.03}]
balanced_error + 5 spectral:
  name: combined
  terms: [{name: balanced_error, mse: 1, mae: 0.1}, {name: spectral, factor: 5}]
""")
START = {"name": "mse"}
STRIDE = 10
"""Frames between two forecasts of the validation period."""
SHORT_WAVES_KM = 20
"""Waves below this length say how sharp a forecast is: 13 and more over a side of the grid."""
NEIGHBOURHOOD = 4
"""Side in grid points, for the fractions skill score: 15 km."""
THRESHOLDS = (10, 20, 30)


def main():
    options = arguments()
    if options.bfloat16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    options.out.mkdir(parents=True, exist_ok=True)
    refuse_other_settings(options)
    radar = keras_wx.open_dataset("taasrad19", path=options.data)
    start = options.out / "start.weights.h5"
    if not start.exists():
        model = trained(START, radar, options.start_steps, epoch=0)
        save_whole(model, start)
    rows = {}
    for arm, loss in ARMS.items():
        folder = options.out / re.sub(r"[^a-z0-9_]+", "_", arm)
        folder.mkdir(exist_ok=True)
        scores = folder / "scores.json"
        if not scores.exists():
            model = trained(loss, radar, options.steps, epoch=1, weights=start)
            save_whole(model, folder / "model.weights.h5")
            scores.write_text(json.dumps(scored(model, radar), indent=1))
        rows[arm] = json.loads(scores.read_text())
        print(arm, rows[arm], flush=True)
    rows["persistence"] = scored(keras_wx.load("persistence"), radar)
    write(pd.DataFrame.from_dict(rows, orient="index").rename_axis("loss"), options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the TAASRAD19 NetCDF file")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and tables")
    parser.add_argument("--page", type=Path, help="Markdown page with markers <!-- scores -->")
    parser.add_argument("--start-steps", type=int, default=200, help="of plain squared error")
    parser.add_argument("--steps", type=int, default=250, help="of each loss, with 8 windows each")
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision, for new CPUs")
    return parser.parse_args()


def refuse_other_settings(options: argparse.Namespace) -> None:
    """Arms of one table were all trained alike: a folder keeps to the settings it began with."""
    settings = {name: getattr(options, name) for name in ("start_steps", "steps", "bfloat16")}
    file = options.out / "settings.json"
    if file.exists() and json.loads(file.read_text()) != settings:
        raise SystemExit(f"{options.out} holds arms with {file.read_text()}; now: {settings}")
    file.write_text(json.dumps(settings))


# === Training ===


def trained(
    loss: Mapping[str, Any],
    radar: xr.Dataset,
    steps: int,
    *,
    epoch: int,
    weights: Path | None = None,
) -> keras.Model:
    policy = keras.mixed_precision.global_policy()
    keras.backend.clear_session()  # forgets the graphs of the arm before, and the policy too
    keras.mixed_precision.set_global_policy(policy)
    keras.utils.set_random_seed(SEED)
    model = keras_wx.load(PRESET, weights=None, compile=False)
    if weights is not None:
        model.load_weights(weights)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, decay_steps=steps, alpha=0.01, warmup_target=1e-3, warmup_steps=min(50, steps // 2)
    )
    model.compile(
        keras.optimizers.Adam(schedule, clipnorm=1.0),
        losses.get(transform=model.preset.sample.targets[0].transform, **loss),
    )
    batches = keras_wx.samples(radar, model.preset, split="train", batch_size=8, seed=SEED)
    batches.epoch = epoch
    model.fit(batches.to_tf().repeat(), steps_per_epoch=steps, shuffle=False, verbose=2)
    return model


def save_whole(model: keras.Model, file: Path) -> None:
    """Under another name first: a run that is broken off leaves no half file behind."""
    new = file.with_name(f"new.{file.name}")
    model.save_weights(new)
    new.replace(file)


# === Scores ===


def scored(model, radar: xr.Dataset) -> dict[str, float]:
    """Means over lead times. Counts and powers are added over the whole period first."""
    sample = keras_wx.info(PRESET).sample
    val = keras_wx.samples(radar, sample, split="val", stride=STRIDE)
    forecast = keras_wx.predict(model, radar, init_times=val.init_times)
    scores = keras_wx.verify(
        forecast, radar, floor=0, thresholds=THRESHOLDS, scales=NEIGHBOURHOOD
    ).mean("lead_time")
    power = spectra(forecast, radar, floor=0)
    power = power.sel(wavenumber=power.wavelength < SHORT_WAVES_KM).sum("wavenumber")
    ratio = (power.forecast_power / power.truth_power).mean("lead_time")
    row = {f"CSI@{t}": scores.csi.sel(threshold=t) for t in THRESHOLDS}
    row |= {f"bias@{t}": scores.frequency_bias.sel(threshold=t) for t in THRESHOLDS}
    row |= {f"FSS@{t}": scores.fss.sel(threshold=t).squeeze() for t in THRESHOLDS}
    row |= {"MSE": scores.mse, "MAE": scores.mae, "sharpness": ratio}
    return {name: round(float(value), 4) for name, value in row.items()}


# === Tables ===


def write(table: pd.DataFrame, options: argparse.Namespace) -> None:
    table.to_csv(options.out / "losses.csv")
    text = markdown(table)
    (options.out / "losses.md").write_text(text)
    print(text)
    if options.page is not None:
        page = options.page.read_text(encoding="utf-8")
        between = re.compile(r"(<!-- scores -->\n).*(<!-- /scores -->)", re.DOTALL)
        new, found = between.subn(lambda markers: markers[1] + text + markers[2], page)
        if not found:
            raise SystemExit(f"{options.page} has no markers <!-- scores --> and <!-- /scores -->")
        options.page.write_text(new, encoding="utf-8")


def markdown(table: pd.DataFrame) -> str:
    """The best of each column in bold: nearest to 1 for biases and sharpness; not persistence."""
    networks = table.drop(index="persistence")
    rows = []
    for name, row in table.iterrows():
        cells = []
        for column, value in row.items():
            distance = np.abs(networks[column] - aim(column))
            best = name in distance.index[distance == distance.min()]
            number = f"{value:.2f}" if column in ("MSE", "MAE", "sharpness") else f"{value:.3f}"
            cells.append(f"**{number}**" if best else number)
        rows.append([str(name), *cells])
    return markdown_table(["loss", *table.columns], rows, right=True)


def aim(column: str) -> float:
    """What a perfect forecast has there."""
    return 0.0 if column in ("MSE", "MAE") else 1.0


if __name__ == "__main__":
    main()
