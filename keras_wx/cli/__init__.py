"""The command line `keras-wx`: one file a command.

Nothing but typer is imported here. A command imports what it needs when it runs, so that
`keras-wx list` and every `--help` answer at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from keras_wx import __version__
from keras_wx.cli._group import Group
from keras_wx.cli.datasets import datasets
from keras_wx.cli.demo import demo
from keras_wx.cli.evaluate import evaluate
from keras_wx.cli.export import export
from keras_wx.cli.fetch import fetch
from keras_wx.cli.info import info
from keras_wx.cli.leaderboard import leaderboard
from keras_wx.cli.list import list_presets
from keras_wx.cli.predict import predict
from keras_wx.cli.train import train
from keras_wx.cli.tune import tune

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for command, name in (
    (list_presets, "list"),
    (info, "info"),
    (fetch, "fetch"),
    (datasets, "datasets"),
    (predict, "predict"),
    (train, "train"),
    (tune, "tune"),
    (evaluate, "evaluate"),
    (export, "export"),
    (leaderboard, "leaderboard"),
    (demo, "demo"),
):
    app.command(name)(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keras-wx {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="KERAS_WX_DEBUG", help="Show the traceback of an error."),
    ] = False,
) -> None:
    """Forecasts of weather fields with the models of the keras_wx zoo.

    Try `keras-wx demo`. The Keras backend is what KERAS_BACKEND says, TensorFlow without it.
    """
