"""`keras-wx evaluate`: the scores of a model on a file, beside those of a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_wx.cli import _events as e
from keras_wx.cli import _options as o

if TYPE_CHECKING:
    import xarray as xr

    from keras_wx.data.pydataset import Samples
    from keras_wx.spec import Preset, Sample


@dataclass
class _Evaluation:
    """What was scored.

    Attributes:
        cases: model -> scores of every case, of which intervals are made.
        scores: model -> scores of all of them together.
        lines: what they are of, for the terminal.
        attrs: the same for a file.
    """

    cases: dict[str, xr.Dataset]
    scores: dict[str, xr.Dataset]
    lines: list[str]
    attrs: dict[str, Any]


def evaluate(
    name: o.Model,
    path: o.Input,
    split: e.Split = None,
    stride: e.Stride = 1,
    min_rain_fraction: e.MinRain = None,
    thresholds: e.Thresholds = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="To compare with, once or several times; or none. Without it: persistence, for a "
            "curtain repeat, and for downscaling bilinear.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="NetCDF file for all scores, by model, lead time or height, and so on."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Picture (png, pdf, svg) of CSI against lead time, of a curtain of the detection "
            "of events, or of power spectra of fine fields."
        ),
    ] = None,
    members: e.Members = 1,
    seed: e.Seed = 0,
    output_frames: o.OutputFrames = None,
    batch_size: o.BatchSize = None,
    overwrite: o.Overwrite = False,
    sample: o.SampleChanges = [],  # noqa: B006
    dataset: o.Dataset = None,
    dataset_options: o.DatasetOptions = [],  # noqa: B006  typer copies it
    variable: o.Variable = None,
    units: o.Units = None,
    spacing_km: o.Spacing = None,
    step: o.Interval = None,
    regrid: o.Regrid = False,
    resample: o.Resample = False,
    convert_units: o.ConvertUnits = False,
    zr: o.ZR = None,
) -> None:
    """Score a model on radar frames in a NetCDF file or Zarr store, or on a curtain.

    Forecasts start at every window that its training would take: consecutive frames, enough rain.
    The table has means over lead times; CSI and bias count events of the whole period together.
    Below it stands how far the model is ahead, with a bootstrap interval over rain events.
    With --members an ensemble is scored by its mean, and by its members in the CRPS.

    Of a curtain the blind zone of every profile is filled and scored; intervals are over blocks of
    columns, and an ensemble is scored by its median.

    Of downscaling, the fine fields of every time are scored, errors of the mean of an ensemble and
    the rest of its members; intervals are over blocks of 5 days. A baseline that learns quantiles
    takes them from the part "train" of INPUT.
    """
    from keras_wx.cli import _output
    from keras_wx.cli._model import load_model

    _output.check_output(output, _output.NETCDF, "--output", overwrite=overwrite)
    _output.check_output(plot, _output.PICTURES, "--plot", overwrite=overwrite)
    levels, zr = e.levels(thresholds), o.zr_pair(zr)

    dataset = dataset or o.source_for(name)
    source = o.open_input(
        path,
        dataset,
        dataset_options,
        variable=variable,
        units=units,
        spacing_km=spacing_km,
        step=step,
    )
    frames = {} if output_frames is None else {"output_frames": output_frames}
    model = load_model(name, sample=o.sample_changes(sample) or None, **frames)

    from keras_wx.baselines import Baseline
    from keras_wx.inference.variable import for_variable_of

    if model.preset.sample.is_downscaling and isinstance(model, Baseline):
        model = for_variable_of(source, model)
    contract = model.preset.sample

    from keras_wx.verification.rivals import options_beside
    from keras_wx.zoo import presets

    if against is None:
        against = [_usual_rival(contract)]
    models = {model.preset.full_name: model}
    for other in [] if against == ["none"] else against:
        _refuse_other_task(presets.get(other), model.preset)
        rival = load_model(other, **options_beside(presets.get(other), contract))
        label = rival.preset.full_name
        models[other if label in models else label] = rival  # saved models may share a name
    conversions = {
        "regrid": regrid,
        "resample": resample,
        "convert_units": convert_units,
        "zr": zr,
    }
    if contract.is_curtain:
        e.refuse_for_curtains(
            stride=stride > 1,
            min_rain_fraction=min_rain_fraction is not None,
            thresholds=thresholds is not None,
            batch_size=batch_size is not None,
        )
        found = _of_curtains(models, source, conversions, split, members=members, seed=seed)
    else:
        score_all = _of_fields if contract.is_downscaling else _of_forecasts
        found = score_all(
            models,
            source,
            conversions,
            {"split": split, "stride": stride, "min_rain_fraction": min_rain_fraction},
            thresholds=levels,
            members=members,
            seed=seed,
            batch_size=batch_size,
        )

    from keras_wx.cli._scoring import print_differences, print_scores

    print_scores(found.scores, found.lines)
    print_differences(found.cases)
    if output is not None:
        _output.write_netcdf(_together(found), output)
        typer.echo(f"Scores: {output}")
    if plot is not None:
        from keras_wx import plots

        draw, what = plots.skill, "CSI against lead time"
        if contract.is_curtain:
            draw, what = plots.curtain_events, "Detection of events"
        elif contract.is_downscaling:
            draw, what = plots.spectra, "Power spectra"
        with _output.replacing(plot) as new:
            draw(found.scores, path=new)
        typer.echo(f"{what}: {plot}")


def _usual_rival(sample: Sample) -> str:
    if sample.is_curtain:
        return "repeat"
    if not sample.is_downscaling:
        return "persistence"
    reads_coarse = any(sample.grids[variable.grid].onto for variable in sample.inputs)
    return "bilinear" if reads_coarse else "none"


def _refuse_other_task(rival: Preset, preset: Preset) -> None:
    from keras_wx.errors import ModelError

    if rival.task != preset.task:
        raise ModelError(
            f"against={rival.full_name!r} is for the task {rival.task!r}, and {preset.full_name} "
            f"for {preset.task!r}: what they give cannot be compared."
        )


def _of_forecasts(
    models: dict, source: xr.Dataset, conversions: dict, starts: dict, **options
) -> _Evaluation:
    """Scores of the forecasts of all models; the first one decides about data and windows."""
    from keras_wx.data.conform import conform
    from keras_wx.verification.hindcasts import score, start_windows, with_longest_history
    from keras_wx.verification.pooling import pool

    sample = next(iter(models.values())).preset.sample
    data = conform(source, sample, **conversions)
    windows = start_windows(data, with_longest_history(sample, models.values()), **starts)
    cases = score(models, data, sample, windows.init_times, **options)
    first, last = windows.init_times[[0, -1]].astype("datetime64[s]").astype(str).tolist()
    return _Evaluation(
        cases,
        {label: pool(found, "init_time") for label, found in cases.items()},
        _summary(windows, sample, starts["split"], options["members"]),
        {
            "forecasts": len(windows.init_times),
            "first_init_time": first,
            "last_init_time": last,
        },
    )


def _of_fields(
    models: dict,
    source: xr.Dataset,
    conversions: dict,
    starts: dict,
    *,
    members: int,
    **options,
) -> _Evaluation:
    """Scores of the fine fields of all models at the times of which the first one has a window."""
    from keras_wx.data.conform import conform
    from keras_wx.verification.fields import fit_baselines, score_fields, with_fields_of
    from keras_wx.verification.hindcasts import start_windows
    from keras_wx.verification.profiles import refuse_members_of_deterministic

    refuse_members_of_deterministic(models, members)
    sample, *others = (model.preset.sample for model in models.values())
    data = conform(source, sample, **conversions)
    for other in others:
        data = with_fields_of(data, source, other, **conversions)
    windows = start_windows(data, sample, **starts)
    fitted = fit_baselines(models, source, **conversions)
    cases, scores = score_fields(
        models, data, sample, windows.init_times, members=members, **options
    )
    first, last = windows.init_times[[0, -1]].astype("datetime64[s]").astype(str).tolist()
    part = f" ({starts['split']})" if starts["split"] else ""
    units = sample.targets[0].units
    lines = [
        f"{len(windows.init_times):,} fields of {sample.targets[0].name}, {first} to {last} "
        f"UTC{part}; R2, NSE and KGE of all pixels and times together, errors and CRPS in {units}"
    ]
    if fitted:
        lines.append(f'{", ".join(fitted)}: fitted to the part "train"')
    if members > 1:
        lines.append(
            f"Stochastic models: {members} members; errors, R2, NSE and KGE are those of their "
            "mean, all others of themselves; the CRPS of a single field is its MAE"
        )
    return _Evaluation(
        cases,
        scores,
        lines,
        {"fields": len(windows.init_times), "first_time": first, "last_time": last},
    )


def _of_curtains(
    models: dict,
    source: xr.Dataset,
    conversions: dict,
    split: str | None,
    *,
    members: int,
    seed: int,
) -> _Evaluation:
    """Scores of what all models put into the blind zone of the first one."""
    from keras_wx.data.conform import conform
    from keras_wx.verification.curtain import joined
    from keras_wx.verification.profiles import (
        profiles_of,
        refuse_members_of_deterministic,
        score_curtains,
        with_variables_of,
    )

    refuse_members_of_deterministic(models, members)
    samples = [model.preset.sample for model in models.values()]
    data = conform(source, samples[0], **conversions)
    for other in samples[1:]:
        data = with_variables_of(conform(source, other, **conversions), data)
    profiles = profiles_of(data, samples[0], split)
    cases = score_curtains(models, data, samples[0], profiles, members=members, seed=seed)
    first, last = profiles.times[[0, -1]].astype("datetime64[s]").astype(str).tolist()
    part = f" ({split})" if split else ""
    lines = [
        f"{len(profiles.times):,} profiles, {first} to {last} UTC{part}; MAE, RMSE and CRPS in dB, "
        "EMD in per cent of the range"
    ]
    if members > 1:
        lines.append(
            f"Stochastic models: {members} members, scored by their median and, in the CRPS and "
            "the correlation of spread and error, by themselves; the CRPS of a single "
            "reconstruction is its MAE"
        )
    return _Evaluation(
        cases,
        {label: joined(found) for label, found in cases.items()},
        lines,
        {"profiles": len(profiles.times), "first_time": first, "last_time": last},
    )


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


def _together(found: _Evaluation) -> xr.Dataset:
    """One dataset of all models, with what was scored."""
    import pandas as pd
    import xarray as xr

    parts = [scores.drop_attrs(deep=False) for scores in found.scores.values()]
    joined = xr.concat(parts, pd.Index(found.scores, name="model"), combine_attrs="override")
    attrs = next(iter(found.scores.values())).attrs
    kept = {key: value for key, value in attrs.items() if key != "model"}
    return joined.assign_attrs(kept, **found.attrs)
