"""Part of downscale_ncep_air.py: scores of every model on the same fields, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import downscaling_report as sections
import numpy as np
import pandas as pd
import xarray as xr
from downscaling import ENDS, drawn, lead

import keras_wx
from keras_wx import plots
from keras_wx.verification import interval, season_area_table, verify_downscaled
from keras_wx.verification.downscale import to_frame
from keras_wx.verification.leaderboard.fields import spectrum_error
from keras_wx.verification.markdown import markdown_table

AREAS = ("north-west", "north-east", "south-west", "south-east")
SEED = 7


def compare_models(
    models: Mapping[str, object], pair: xr.Dataset, times: np.ndarray, members: int, folder: Path
) -> pd.DataFrame:
    """Writes scores.csv, season_area.csv, leaderboard.md and pictures.

    Args:
        models: label -> model with weights, or baseline.
        pair: fine and coarse fields.
        times: of the fields to draw.
        members: of a model that draws.
        folder: of the tables; forecasts are kept beside it.

    Returns:
        The table of scores.csv.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fields, seconds = {}, {}
    for name, model in models.items():
        path = folder.parent / "fields" / f"{name}.zarr"
        fields[name], seconds[name] = drawn(
            model, pair, times, members, path, seed=SEED, batch_size=64
        )
    pair = with_areas(pair)
    scores = {name: verify_downscaled(field, pair, lags=0) for name, field in fields.items()}
    base = keras_wx.predict(keras_wx.load("bilinear"), pair, init_times=times)
    details = {
        name: verify_downscaled(minus(field, base), minus(pair, base), lags=0)
        for name, field in fields.items()
    }
    cases = {
        name: verify_downscaled(field, pair, by="time", lags=0, variogram_bins=0)
        for name, field in fields.items()
    }
    table = to_frame(
        scores,
        columns=(
            *("rmse", "mae", "r2_correlation", "r2_determination", "crps", "crps_fair"),
            *("spread_skill_ratio", "variogram_error"),
        ),
    )
    table["variogram error of the detail"] = [float(d["variogram_error"]) for d in details.values()]
    table["spectrum error [dB]"] = [spectrum_error(found) for found in scores.values()]
    table["CRPS low"], table["CRPS high"] = (
        [float(interval(case, "crps")[end]) for case in cases.values()] for end in ENDS
    )
    table["seconds per field"] = [seconds[name] for name in table.index]
    table.to_csv(folder / "scores.csv", float_format="%.5g")
    ahead = lead(cases)
    ahead.to_csv(folder / "differences.csv", index=False, float_format="%.5g")
    regions = season_area_table(
        fields, pair, columns=("r2_correlation", "rmse", "nse", "kge", "crps", "variogram_error")
    )
    regions.to_csv(folder / "season_area.csv", float_format="%.5g")
    pictures(scores, details, fields, pair, folder)
    text = report(table, ahead, regions, times, members)
    (folder / "leaderboard.md").write_text(text, encoding="utf-8")
    print(text)
    return table


def card_scores(row: pd.Series, fields: int) -> dict[str, str]:
    """What a model card says of a row of scores.csv."""
    test = f"{fields} fields from 2014-09 to 2014-12, docs/leaderboard/ncep_air"
    of_both = (
        f"{row['variogram error']:.4f}, of the detail {row['variogram error of the detail']:.3f}"
    )
    return sections.card_scores(row, test, "K", digits=3) | {"variogram error": of_both}


def minus(fields: xr.Dataset, base: xr.Dataset) -> xr.Dataset:
    """The detail: what fields have beyond the interpolated coarse one."""
    detail = fields["air"] - base["air"]
    return detail.assign_attrs(fields["air"].attrs).to_dataset(name="air")


def with_areas(pair: xr.Dataset) -> xr.Dataset:
    """The pair with the quarter of the domain that each point is in."""
    south = pair["lat"] < float(pair["lat"].mean())
    east = pair["lon"] > float(pair["lon"].mean())
    number = (2 * south + east).transpose("lat", "lon")
    return pair.assign_coords(area=(("lat", "lon"), np.array(AREAS)[number.values]))


def pictures(scores, details, fields, pair: xr.Dataset, folder: Path) -> None:
    plots.spectra(scores, path=folder / "spectra.png")
    plots.variogram(details, path=folder / "variogram.png")
    ensembles = {name: found for name, found in scores.items() if "rank" in found.dims}
    plots.rank_histogram(ensembles, path=folder / "rank_histogram.png")
    plots.spread_skill(ensembles, path=folder / "spread_skill.png")
    first, *_ = fields
    plots.downscaled(
        fields[first],
        pair,
        coarse="coarse_air",
        time=fields[first]["time"].values[-1],
        path=folder / "case.png",
    )


def report(table, ahead, regions, times: np.ndarray, members: int) -> str:
    first, last = np.datetime_as_string(times[[0, -1]], unit="h")
    parts = [
        "# Downscaling NCEP air temperature from 7.5 to 2.5 degrees\n",
        f"{len(times)} fields from {first} to {last} UTC, evenly spaced, of the last four months "
        "of the record, which neither trained nor chose anything. Ensembles have "
        f"{members} members; RMSE, MAE and R2 are of their mean. The CRPS of a single field is its "
        "MAE; in brackets 95 % intervals of a bootstrap over the fields. The spectrum error is the "
        "mean over wavenumbers of |10 log10(power / power of the truth)|; the variogram error the "
        "mean absolute error of the semivariogram divided by its mean, of the field and of what it "
        "has beyond the bilinear one. Seconds are those of a field with all its members.\n",
        "## Scores\n",
        markdown_table(["model", *_HEAD], [_row(name, row) for name, row in table.iterrows()]),
        sections.rivals(ahead, "K", digits=3),
        "## By season and area\n",
        markdown_table(
            [*regions.index.names, *regions.columns],
            [
                [f"`{model}`", season, area, *(f"{value:.3f}" for value in row)]
                for (model, season, area), row in zip(regions.index, regions.values, strict=True)
            ],
        ),
        sections.pictures(
            {
                "Power spectra": "spectra.png",
                "Semivariograms of the detail": "variogram.png",
                "Ranks of the truth among the members": "rank_histogram.png",
                "Spread and error": "spread_skill.png",
                "The last field": "case.png",
            }
        ),
    ]
    return "\n".join(parts)


_HEAD = (
    *("RMSE [K]", "MAE [K]", "R2 (correlation)", "CRPS [K]", "fair CRPS [K]", "spread/skill"),
    *("spectrum error [dB]", "variogram error", "of the detail", "seconds"),
)


def _row(name: str, row: pd.Series) -> list[str]:
    return [
        f"`{name}`",
        f"{row['RMSE']:.3f}",
        f"{row['MAE']:.3f}",
        f"{row['R2 (correlation)']:.4f}",
        sections.crps_cell(row, 3),
        sections.number(row["fair CRPS"], 3),
        sections.number(row["spread/skill"], 3),
        f"{row['spectrum error [dB]']:.2f}",
        f"{row['variogram error']:.4f}",
        f"{row['variogram error of the detail']:.3f}",
        f"{row['seconds per field']:.2g}",
    ]
