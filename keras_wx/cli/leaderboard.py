"""`keras-wx leaderboard`: every model on the same events, with pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_wx.cli import _events as e
from keras_wx.cli import _options as o

if TYPE_CHECKING:
    import xarray as xr

    from keras_wx.verification.leaderboard import Leaderboard


@dataclass(frozen=True)
class Picture:
    """A picture of a leaderboard: title, file, and which function of `keras_wx.plots` draws which
    attribute of the leaderboard."""

    title: str
    file: str
    draw: str
    of: str = "scores"


PICTURES = {
    "nowcast": (
        Picture("CSI against lead time", "skill.png", "skill"),
        Picture("Performance diagram", "performance.png", "performance"),
        Picture("Power spectra", "spectra.png", "spectra", "spectra"),
        Picture("Reliability", "reliability.png", "reliability", "ensembles"),
        Picture("Rank histogram", "rank_histogram.png", "rank_histogram", "ensembles"),
        Picture("Spread and error", "spread_skill.png", "spread_skill", "ensembles"),
    ),
    "inpaint": (
        Picture("Detection of events", "events.png", "curtain_events"),
        Picture("Mean profiles", "profile.png", "curtain_profile"),
        Picture("Height of the lowest echo", "lowest_echo.png", "lowest_echo"),
        Picture("Power spectra", "spectra.png", "curtain_spectra"),
        Picture("Spread and error", "calibration.png", "curtain_calibration", "ensembles"),
        Picture("The columns with most cloud in the blind zone", "case.png", "curtain", "examples"),
    ),
    "downscale": (
        Picture("Power spectra", "spectra.png", "spectra"),
        Picture("Variograms", "variogram.png", "variogram"),
        Picture("Quantiles", "quantiles.png", "quantile_quantile"),
        Picture("Autocorrelation", "autocorrelation.png", "autocorrelation"),
        Picture("Errors against lag", "lags.png", "lag_curves"),
        Picture("Rank histogram", "rank_histogram.png", "rank_histogram", "ensembles"),
        Picture("Spread and error", "spread_skill.png", "spread_skill", "ensembles"),
        Picture("A field of the first model", "field.png", "downscaled", "example"),
    ),
}
"""Task -> what is drawn."""


def leaderboard(
    context: typer.Context,
    path: o.Input,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL,MODEL,...",
            help="Presets, or folders of saved models. Without it: all presets with trained "
            "weights, and all baselines, that are made for such data.",
        ),
    ] = None,
    output_dir: Annotated[
        Path, typer.Option(file_okay=False, help="Folder to write to; made where missing.")
    ] = Path("leaderboard_output"),
    split: e.Split = None,
    stride: e.Stride = 1,
    min_rain_fraction: e.MinRain = None,
    thresholds: e.Thresholds = None,
    members: e.Members = 20,
    seed: e.Seed = 0,
    repetitions: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Of the measurement of cost; 0 measures none."),
    ] = 5,
    output_frames: o.OutputFrames = None,
    batch_size: o.BatchSize = None,
    overwrite: o.Overwrite = False,
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
    """Compare models on the same events of a NetCDF file or Zarr store.

    The first trained model that fits says on which grid and from which start times; the others
    forecast from the same data, and those that cannot are listed with the reason. The output is a
    table as CSV and Markdown with bootstrap intervals over events, scores by lead time, the lead
    over the best baseline, the cost of a forecast, and pictures.

    Of a curtain the blind zone of every profile is filled; intervals
    are over blocks of columns, and an ensemble is scored by its median.

    Of a pair of grids (--dataset paired, ncep_air, ...) fine fields are drawn; intervals are over
    blocks of 5 days.
    """
    from keras_wx.cli import _model, _output
    from keras_wx.verification.leaderboard.result import FILES

    levels, zr = e.levels(thresholds), o.zr_pair(zr)
    _output.check_folder(output_dir)
    pictures = {picture.file for drawn in PICTURES.values() for picture in drawn}
    for file in (*FILES, *sorted(pictures)) if output_dir.exists() else ():
        suffix = Path(file).suffix
        _output.check_output(output_dir / file, (suffix,), "--output-dir", overwrite=overwrite)
    names = [name.strip() for name in models.split(",")] if models else None
    dataset = dataset or (o.source_for(names[0]) if names else o.source_of(path))
    source = o.open_input(
        path,
        dataset,
        dataset_options,
        variable=variable,
        units=units,
        spacing_km=spacing_km,
        step=step,
    )
    _model.import_keras()

    from keras_wx.verification.leaderboard import leaderboard

    board = leaderboard(
        names,
        source,
        split=split,
        stride=stride,
        min_rain_fraction=min_rain_fraction,
        output_frames=output_frames,
        thresholds=levels,
        members=members,
        seed=seed,
        batch_size=batch_size,
        repetitions=repetitions,
        regrid=regrid,
        resample=resample,
        convert_units=convert_units,
        zr=zr,
    )
    output_dir.mkdir(parents=True, exist_ok=True)
    board.save(output_dir)  # before the pictures: whatever happens to them, the numbers are there
    _print(board, context)
    board.save(output_dir, pictures=_draw(board, output_dir))
    typer.echo(f"Tables and pictures: {output_dir}")


def _print(board: Leaderboard, context: typer.Context) -> None:
    from keras_wx.cli._console import console
    from keras_wx.cli._group import in_terms_of_options
    from keras_wx.cli._scoring import print_columns, print_leads, print_means
    from keras_wx.verification.leaderboard.report import grouped

    shown = [name for name in board.table if not name.endswith((" low", " high", "members"))]
    columns = board.table[[name for name in shown if not name.startswith("FSS")]]
    columns = columns.dropna(axis=1, how="all")
    if board.task == "inpaint":
        print_columns(columns, _facts(board, "profiles", "blocks", "data", "ensembles"))
        of = "128 columns"
    elif board.task == "downscale":
        print_columns(columns, _facts(board, "fields", "blocks", "data", "ensembles", "units"))
        of = "a field"
    else:
        facts = _facts(board, "forecasts", "events", "data", "windows")
        print_means(columns, board.facts["units"], facts)
        of = "a forecast"
    if board.table["ms"].notna().any():
        typer.echo(f"ms: milliseconds of {of} with all members on {board.facts['machine']}\n")
    print_leads(board)
    if board.left_out:
        out = console()
        out.print("Left out:")
        for reason, names in grouped(board.left_out).items():
            said = in_terms_of_options(reason, context.command.params)
            out.print(f"  {said}: {', '.join(names)}")
        out.print()


def _facts(board: Leaderboard, *keys: str) -> list[str]:
    return [f"{key}: {board.facts[key]}" for key in keys]


def _draw(board: Leaderboard, folder: Path) -> dict[str, str]:
    """Draws what the models have; title -> file."""
    from keras_wx import plots
    from keras_wx.cli._output import replacing
    from keras_wx.errors import DataError

    drawn = {}
    for picture in PICTURES[board.task]:
        scores = getattr(board, picture.of)
        if not scores:
            continue
        options = {"truth": board.observed} if picture.of in ("example", "examples") else {}
        if picture.draw == "downscaled":
            options["coarse"] = _coarse(board.observed)
        try:
            with replacing(folder / picture.file) as new:
                getattr(plots, picture.draw)(scores, path=new, **options)
        except DataError as error:  # such as a score that is nowhere defined
            typer.echo(f"Not drawn: {picture.file}. {error}", err=True)
        else:
            drawn[picture.title] = picture.file
    return drawn


def _coarse(observed: xr.Dataset) -> str | None:
    """The coarse field beside the observed one."""
    return next((n for n, f in observed.items() if str(f.dims[-1]).startswith("coarse_")), None)
