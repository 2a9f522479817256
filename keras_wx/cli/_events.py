"""Options that say what is scored: which start times, which events, how many members."""

from __future__ import annotations

from typing import Annotated

import typer

Split = Annotated[
    str | None,
    typer.Option(
        metavar="train|val|test",
        help="Part of the data: the archive's own, else 70, 15 and 15 % in order of time. "
        "Without it: all.",
    ),
]
Stride = Annotated[int, typer.Option(min=1, metavar="N", help="Frames from one start to the next.")]
MinRain = Annotated[
    float | None,
    typer.Option(
        "--min-rain",
        metavar="SHARE",
        min=0,
        max=1,
        help="Least share of the grid with rain, averaged over a window's frames; 0 takes "
        "every window. Without it: as the model was trained.",
    ),
]
Thresholds = Annotated[
    str | None,
    typer.Option(
        metavar="T,T,...",
        help="Of events, in the units that the model forecasts, which the table names: dBZ or "
        "mm/h. --zr converts the data and leaves the thresholds alone.",
    ),
]
Members = Annotated[
    int, typer.Option(min=1, metavar="N", help="Members of the ensemble of stochastic models.")
]
Seed = Annotated[int, typer.Option(metavar="N", help="Of what a stochastic model draws.")]


def levels(text: str | None, option: str = "--thresholds") -> tuple[float, ...] | None:
    """The numbers of an option that takes several."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers such as 10,20,30. Received: {text!r}", param_hint=option
        ) from None


def refuse_for_curtains(**given: bool) -> None:
    """Raises `DataError` for options, by the names that they have in Python, that choose among
    forecasts."""
    from keras_wx.errors import DataError

    names = [f"{name}=..." for name, is_given in given.items() if is_given]
    if names:
        raise DataError(
            f"{', '.join(names)}: not for a curtain, of which every profile is filled and scored."
        )
