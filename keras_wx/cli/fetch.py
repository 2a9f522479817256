"""`keras-wx fetch`: weights for a machine that will have no network."""

from __future__ import annotations

from typing import Annotated

import typer

from keras_wx.cli._options import complete_model


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Presets, or variants such as convlstm_hko.taasrad19.",
            autocompletion=complete_model,
        ),
    ],
) -> None:
    """Bring the weights of models onto this machine, and print where they are.

    They go to the folder that KERAS_WX_HOME says, each checked against its SHA-256.
    """
    from keras_wx.zoo.weights import fetch as fetch_weights

    for name in names:
        typer.echo(f"{name}  {fetch_weights(name)}")
