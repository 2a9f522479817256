"""`keras-wx demo`: real radar, a forecast, its scores and its pictures, with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keras_wx.cli._options import complete_model

EVERY = 5
"""Frames from one start of a forecast to the next."""


def demo(
    output: Annotated[
        Path, typer.Option(file_okay=False, help="Folder to write to; made where missing.")
    ] = Path("demo_output"),
    name: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A nowcasting preset, or the folder of a saved model.",
            autocompletion=complete_model,
        ),
    ] = "convlstm_hko",
) -> None:
    """Forecast real radar, score the forecast, and draw it.

    The radar is a sequence over Finland that is installed with the package.
    """
    output.mkdir(parents=True, exist_ok=True)

    import keras_wx
    from keras_wx.cli._model import load_model
    from keras_wx.cli._output import replacing, write_netcdf
    from keras_wx.cli._scoring import print_scores
    from keras_wx.data.conform import conform
    from keras_wx.data.windows import init_indices
    from keras_wx.plots import animate, film_strip, skill
    from keras_wx.verification.hindcasts import least_value

    radar = keras_wx.open_dataset("sample_radar")
    typer.echo(f"Radar:  {radar.attrs['title']}\n        {radar.attrs['attribution']}")
    model = load_model(name)
    preset = model.preset
    typer.echo(f"Model:  {preset.full_name}\n        {preset.title}\n")

    sample = preset.sample
    observed = conform(radar, sample, regrid=True, resample=True, convert_units=True, zr="fmi")
    starts = observed["time"].values[init_indices(observed["time"].values, sample)[::EVERY]]
    persistence = load_model("persistence", output_frames=sample.targets[0].frames)
    forecasts = {
        found.preset.full_name: keras_wx.predict(found, observed, init_times=starts)
        for found in (model, persistence)
    }
    scores = {
        who: keras_wx.verify(found, observed, floor=least_value(sample.targets[0]))
        for who, found in forecasts.items()
    }
    first, last = (str(start.astype("datetime64[m]"))[11:] for start in starts[[0, -1]])
    print_scores(
        scores,
        [
            f"{len(starts)} forecasts of {sample.targets[0].frames} frames, started {first} to "
            f"{last} UTC"
        ],
    )

    files = {
        "forecast.nc": "the forecasts, for xarray or any CF reader",
        "film_strip.png": "observation, forecast and persistence, frame by frame",
        "forecast.gif": "the same as an animation",
        "skill.png": "CSI against lead time",
    }
    write_netcdf(forecasts[preset.full_name], output / "forecast.nc")
    case = starts[len(starts) // 2]
    with replacing(output / "film_strip.png") as new:
        film_strip(forecasts, observed, init_time=case, path=new)
    with replacing(output / "forecast.gif") as new:
        animate(forecasts, observed, init_time=case, path=new)
    with replacing(output / "skill.png") as new:
        skill(scores, path=new)
    typer.echo(f"Written to {output}:")
    for file, content in files.items():
        typer.echo(f"  {file:<16}{content}")
    typer.echo(
        "Next, with a radar file of your own:\n"
        f"  keras-wx predict {name} radar.nc forecast.nc --regrid\n"
        f"  keras-wx evaluate {name} radar.nc --regrid --plot skill.png\n"
        f"  keras-wx info {name}"
    )
