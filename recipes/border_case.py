"""The border case: rain that enters from outside, where extrapolation has nothing to carry.

    python recipes/border_case.py --out docs/border_case

Synthetic fronts march into the domain without changing, so that all there is to know is what lies
outside. Each model is scored where the rain was outside when the forecast started, and elsewhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import xarray as xr

import keras_wx
from keras_wx.plots import film_strip

MODELS = ("convlstm_hko", "persistence", "rover1", "rover2", "rover3", "lucas_kanade")
EVENTS = 16
THRESHOLD = 10.0


def forecasts(front: xr.Dataset) -> dict[str, xr.Dataset]:
    radar = front[["reflectivity"]]
    starts = front.time[front.forecast_step == 0].values
    return {
        name: keras_wx.predict(keras_wx.load(name), radar, init_times=starts) for name in MODELS
    }


def table(front: xr.Dataset, found: dict[str, xr.Dataset]) -> pd.DataFrame:
    """Scores at 10 dBZ, means over lead times, a row a model."""
    radar = front[["reflectivity"]]
    parts = {"inflow": radar.where(front.inflow), "elsewhere": radar.where(~front.inflow)}
    rows = {}
    for name, forecast in found.items():
        row = {}
        for part, truth in parts.items():
            scores = keras_wx.verify(forecast, truth, thresholds=THRESHOLD, floor=0)
            means = scores[["csi", "pod", "far"]].isel(threshold=0).mean("lead_time")
            row |= {f"{score.upper()} {part}": float(means[score]) for score in means}
            row[f"MAE {part}"] = float(scores.mae.mean("lead_time"))
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").round(3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for table and picture")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    front = keras_wx.open_dataset("rain_front", events=EVENTS)
    found = forecasts(front)
    scores = table(front, found)
    scores.to_csv(options.out / "border_case.csv")
    print(scores.to_string())
    first = {name: found[name].isel(init_time=[0]) for name in ("convlstm_hko", "rover1")}
    film_strip(first, front[["reflectivity"]], path=options.out / "border_case.png")


if __name__ == "__main__":
    main()
