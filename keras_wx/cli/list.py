"""`keras-wx list`: the presets of the zoo."""

from __future__ import annotations

from typing import Annotated

import typer


def list_presets(
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help='Wildcards, such as "convlstm_*".')
    ] = "*",
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="nowcast, inpaint or downscale.")
    ] = None,
    pretrained: Annotated[
        bool | None,
        typer.Option("--pretrained/--untrained", help="With or without trained weights."),
    ] = None,
) -> None:
    """List the presets of the zoo.

    A pattern with a dot, such as "convlstm_hko.*", lists the variants of trained weights.
    """
    from rich.text import Text

    from keras_wx.cli._console import WIDE, console, table
    from keras_wx.errors import UnknownNameError
    from keras_wx.zoo import presets

    names = presets.list_models(pattern, task=task, pretrained=pretrained)
    if not names:
        raise UnknownNameError(
            f"No preset matches {pattern!r} and the options. `keras-wx list` shows all."
        )
    out = console()
    wide = out.width >= WIDE
    rows = table()
    rows.add_column("Preset")
    rows.add_column("Task")
    rows.add_column("Parameters", justify="right")
    rows.add_column("Weights")
    if wide:
        rows.add_column("Title")
    for name in names:
        preset = presets.get(name)
        facts = (
            preset.task,
            "" if preset.parameters is None else f"{preset.parameters:,}",
            ", ".join(preset.weights.variants),
        )
        if wide:
            rows.add_row(name, *facts, preset.title)
        else:
            rows.add_row(Text.assemble((name, "bold"), "\n", (preset.title, "dim")), *facts)
    out.print(rows)
