"""`keras-wx info`: the card of a model."""

from __future__ import annotations

import typer

from keras_wx.cli._options import Model


def info(name: Model) -> None:
    """Show the card of a model: what it eats and gives, was trained on, and scores."""
    from keras_wx.zoo import presets

    typer.echo(str(presets.info(name)))
