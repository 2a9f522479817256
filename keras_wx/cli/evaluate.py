"""`keras-wx evaluate`: the scores of a model on a file, beside those of persistence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_wx.cli import _events as e
from keras_wx.cli import _options as o

if TYPE_CHECKING:
    from keras_wx.data.pydataset import Samples
    from keras_wx.spec import Sample


def evaluate(
    name: o.Model,
    path: o.Input,
    split: e.Split = None,
    stride: e.Stride = 1,
    min_rain_fraction: e.MinRain = None,
    thresholds: e.Thresholds = None,
    against: Annotated[
        list[str],
        typer.Option(metavar="MODEL", help="To compare with, once or several times; or none."),
    ] = ["persistence"],  # noqa: B006  typer copies it
    output: Annotated[
        Path | None, typer.Option(help="NetCDF file for all scores by model and lead time.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Picture (png, pdf, svg) of CSI against lead time.")
    ] = None,
    members: e.Members = 1,
    seed: e.Seed = 0,
    output_frames: o.OutputFrames = None,
    batch_size: o.BatchSize = None,
    overwrite: o.Overwrite = False,
    dataset: o.Dataset = "radar",
    variable: o.Variable = None,
    units: o.Units = None,
    spacing_km: o.Spacing = None,
    step: o.Interval = None,
    regrid: o.Regrid = False,
    resample: o.Resample = False,
    convert_units: o.ConvertUnits = False,
    zr: o.ZR = None,
) -> None:
    """Score a model on radar frames in a NetCDF file or Zarr store.

    Forecasts start at every window that its training would take: consecutive frames, enough rain.
    The table has means over lead times; CSI and bias count events of the whole period together.
    Below it stands how far the model is ahead, with a bootstrap interval over rain events.
    With --members an ensemble is scored by its mean, and by its members in the CRPS.
    """
    from keras_wx.cli import _output
    from keras_wx.cli._model import load_model

    _output.check_output(output, _output.NETCDF, "--output", overwrite=overwrite)
    _output.check_output(plot, _output.PICTURES, "--plot", overwrite=overwrite)
    levels, zr = e.levels(thresholds), o.zr_pair(zr)

    source = o.open_input(
        path, dataset, variable=variable, units=units, spacing_km=spacing_km, step=step
    )
    frames = {} if output_frames is None else {"output_frames": output_frames}
    model = load_model(name, **frames)
    sample = model.preset.sample

    from keras_wx.cli._scoring import print_differences, print_scores
    from keras_wx.data.conform import conform
    from keras_wx.verification.hindcasts import score, start_windows, with_longest_history
    from keras_wx.verification.pooling import pool
    from keras_wx.verification.rivals import options_beside
    from keras_wx.zoo import presets

    data = conform(
        source, sample, regrid=regrid, resample=resample, convert_units=convert_units, zr=zr
    )
    models = {model.preset.full_name: model}
    for other in [] if against == ["none"] else against:
        rival = load_model(other, **options_beside(presets.get(other), sample))
        label = rival.preset.full_name
        models[other if label in models else label] = rival  # saved models may share a name
    windows = start_windows(
        data,
        with_longest_history(sample, models.values()),
        split=split,
        stride=stride,
        min_rain_fraction=min_rain_fraction,
    )
    cases = score(
        models,
        data,
        sample,
        windows.init_times,
        thresholds=levels,
        members=members,
        seed=seed,
        batch_size=batch_size,
    )
    scores = {label: pool(found, "init_time") for label, found in cases.items()}
    print_scores(scores, _summary(windows, sample, split, members))
    print_differences(cases)
    if output is not None:
        _output.write_netcdf(_together(scores, windows), output)
        typer.echo(f"Scores by lead time: {output}")
    if plot is not None:
        from keras_wx.plots import skill

        with _output.replacing(plot) as new:
            skill(scores, path=new)
        typer.echo(f"CSI against lead time: {plot}")


def _summary(windows: Samples, sample: Sample, split: str | None, members: int) -> list[str]:
    first, last = windows.init_times[[0, -1]].astype("datetime64[m]").astype(str)
    part, left = f" ({split})" if split else "", windows.selection
    lines = [
        f"{len(windows.init_times):,} forecasts of {sample.targets[0].frames} frames, started "
        f"{first} to {last} UTC{part}"
    ]
    if left.dry or left.broken:
        lines.append(
            f"Left out: {left.dry:,} starts by the rain filter, {left.broken:,} by gaps in time"
        )
    if members > 1:
        lines.append(
            f"Stochastic models: {members} members, scored by their mean and, in the CRPS, by "
            "themselves; the CRPS of a single forecast is its MAE"
        )
    return lines


def _together(scores: dict, windows: Samples):
    """One dataset of all models, with what was scored."""
    import pandas as pd
    import xarray as xr

    parts = [found.drop_attrs(deep=False) for found in scores.values()]
    joined = xr.concat(parts, pd.Index(scores, name="model"), combine_attrs="override")
    first, last = windows.init_times[[0, -1]].astype("datetime64[s]").astype(str).tolist()
    attrs = next(iter(scores.values())).attrs
    kept = {key: value for key, value in attrs.items() if key != "model"}
    return joined.assign_attrs(
        kept, forecasts=len(windows.init_times), first_init_time=first, last_init_time=last
    )
