"""`keras-wx predict`: a forecast of a file, into a file."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_wx.cli import _options as o
from keras_wx.cli._events import levels

if TYPE_CHECKING:
    import xarray as xr

LATEST = "latest"
_EVERY = re.compile(r"every\W*([1-9]\d*)", re.IGNORECASE)


def predict(
    name: o.Model,
    path: o.Input,
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Forecast to write: *.nc or *.zarr.")
    ],
    init_times: Annotated[
        list[str],
        typer.Option(
            "--init-time",
            metavar="TIME",
            help='When forecasts start: latest, all, "every N" frames, or a time such as '
            "2016-09-28T15:30 (UTC), once or several times. Without it: latest; of downscaling "
            "all, which are then the times of the fields.",
        ),
    ] = [],  # noqa: B006  typer copies it
    output_frames: o.OutputFrames = None,
    members: Annotated[int, typer.Option(min=1, metavar="N", help="Members of the ensemble.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="Of what a stochastic model draws.")] = 0,
    quantiles: Annotated[
        str | None,
        typer.Option(
            metavar="Q,Q,...",
            help="Write mean, standard deviation and these quantiles of the members in their "
            "place, such as 0.05,0.5,0.95. A model that gives distributions needs no members.",
        ),
    ] = None,
    thresholds: Annotated[
        str | None,
        typer.Option(
            metavar="T,T,...",
            help="Write mean, standard deviation and the share of members at or above these values "
            "in place of the members.",
        ),
    ] = None,
    tile: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="ROWS COLUMNS", help="Run the model on tiles, blended."),
    ] = None,
    overlap: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="ROWS COLUMNS", help="That neighbouring tiles share."),
    ] = None,
    halo: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="ROWS COLUMNS",
            help="Of downscaling: at the rim of a tile, that do not count. A quarter of it if not "
            "said.",
        ),
    ] = None,
    history: Annotated[
        str,
        typer.Option(
            metavar="data|own",
            help="Of downscaling: where earlier fine fields are read, from INPUT, or after those "
            "from the model's own.",
        ),
    ] = "data",
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of downscaling: scheduler of a dask cluster, such as tcp://10.0.0.1:8786, whose "
            "workers take tiles and members. They all reach the folder of OUTPUT.",
        ),
    ] = None,
    batch_size: o.BatchSize = None,
    overwrite: o.Overwrite = False,
    sample: o.SampleChanges = [],  # noqa: B006
    dataset: o.Dataset = None,
    dataset_options: o.DatasetOptions = [],  # noqa: B006
    variable: o.Variable = None,
    units: o.Units = None,
    spacing_km: o.Spacing = None,
    step: o.Interval = None,
    regrid: o.Regrid = False,
    resample: o.Resample = False,
    convert_units: o.ConvertUnits = False,
    zr: o.ZR = None,
) -> None:
    """Forecast from radar frames in a NetCDF file or Zarr store, fill a curtain's blind zone, or
    draw fine fields from coarse ones.

    OUTPUT has dimensions init_time, lead_time, y, x, those of the curtain, time and height, or
    time, y, x of fine fields; and the units of the model. Of fine fields, the same call goes on
    with a run that was stopped.
    """
    from keras_wx.cli import _output
    from keras_wx.cli._cluster import connected
    from keras_wx.cli._model import load_model

    _output.check_output(output, _output.NETCDF + _output.ZARR, "OUTPUT", overwrite=overwrite)
    if o.same_file(path, output):
        raise typer.BadParameter("INPUT itself is not replaced.", param_hint="OUTPUT")
    starts, zr = _starts(init_times), o.zr_pair(zr)
    summary = _summary_options(quantiles, thresholds)

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
    model = load_model(name, sample=o.sample_changes(sample) or None)
    gives_distributions = getattr(model, "distribution", None) is not None
    if summary is not None and members < 2 and not gives_distributions:
        raise typer.BadParameter(
            f"expected 2 or more for --quantiles and --thresholds. Received: {members}",
            param_hint="--members",
        )
    if starts == LATEST:
        # Without start times, fine fields are made of all.
        downscaling = model.preset.sample.is_downscaling
        starts = [source["time"].values[-1]] if downscaling and init_times else None
    with connected(cluster) as client:
        forecast = _output.write_forecast(
            output,
            model,
            source,
            summary=summary,
            init_times=starts,
            output_frames=output_frames,
            members=members,
            seed=seed,
            batch_size=batch_size,
            tile=tile,
            overlap=overlap,
            halo=halo,
            history=history,
            client=client,
            regrid=regrid,
            resample=resample,
            convert_units=convert_units,
            zr=zr,
        )
    typer.echo(f"{output}: {_summary(forecast)}")


def _starts(words: list[str]) -> int | str | list[str]:
    """What `keras_wx.predict` calls init_times, or `LATEST`."""
    if words in ([], [LATEST]):
        return LATEST
    if words == ["all"]:
        return "all"
    stride = _EVERY.fullmatch(words[0].strip())
    if stride and len(words) == 1:
        return int(stride[1])
    for word in words:
        try:
            datetime.fromisoformat(word)
        except ValueError:
            raise typer.BadParameter(
                'expected latest, all, "every N", or a time such as 2016-09-28T15:30. '
                f"Received: {word!r}",
                param_hint="--init-time",
            ) from None
    return words


def _summary_options(
    quantiles: str | None, thresholds: str | None
) -> dict[str, tuple[float, ...]] | None:
    """What `keras_wx.summarise` is told; None where the members themselves are wanted."""
    given = {"quantiles": quantiles, "thresholds": thresholds}
    if not any(given.values()):
        return None
    return {name: levels(text, f"--{name}") or () for name, text in given.items()}


def _summary(forecast: xr.Dataset) -> str:
    (name, field), *_ = forecast.data_vars.items()
    if "init_time" not in forecast.dims and "height" not in forecast.dims:
        return _summary_of_fields(forecast)
    if "init_time" not in forecast.dims:
        times = forecast["time"].values[[0, -1]].astype("datetime64[s]")
        return (
            f"{', '.join(forecast.data_vars)} [{field.attrs['units']}], "
            f"{forecast.sizes['time']:,} profiles of {forecast.sizes['height']} heights, "
            f"{times[0]} to {times[1]} UTC"
        )
    starts = forecast["init_time"].values.astype("datetime64[m]")
    period = f"{starts[0]}" if len(starts) == 1 else f"{starts[0]} to {starts[-1]}"
    rows, columns = field.shape[-2:]
    return (
        f"{name} [{field.attrs['units']}], {len(starts):,} x {field.sizes['lead_time']} frames of "
        f"{rows} x {columns}, started {period} UTC"
    )


def _summary_of_fields(forecast: xr.Dataset) -> str:
    """Of what is not cut into start and lead times, such as fine fields."""
    field = next(iter(forecast.data_vars.values()))
    times = forecast["time"].values[[0, -1]].astype("datetime64[m]")
    rows, columns = field.shape[-2:]
    members = f" of {forecast.sizes['realization']} members" if "realization" in field.dims else ""
    return (
        f"{', '.join(map(str, forecast.data_vars))} [{field.attrs['units']}], "
        f"{forecast.sizes['time']:,} fields{members}, {rows} x {columns}, {times[0]} to "
        f"{times[1]} UTC"
    )
