"""`keras-wx datasets`: the data sources."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated

import typer

_SECTION = re.compile(r"^(Args|Returns|Raises|References|Example):$", re.MULTILINE)
_ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def datasets(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show the options of this source.")
    ] = None,
) -> None:
    """List the data sources that --dataset knows, or show the options of one."""
    from keras_wx import registry
    from keras_wx.cli._console import console, table

    out, rows = console(), table()
    if name is None:
        rows.add_column("Dataset")
        rows.add_column("Content")
        for known in registry.datasets:
            rows.add_row(known, _help(registry.datasets.get(known))[0].partition("\n")[0])
    else:
        source = registry.datasets.get(name)
        text, meanings = _help(source)
        for column in ("Option", "Default", "Meaning"):
            rows.add_column(column)
        for parameter in inspect.signature(source).parameters.values():
            rows.add_row(parameter.name, _default(parameter), meanings.get(parameter.name, ""))
        for paragraph in text.strip().split("\n\n"):
            out.print(_one_line(paragraph), end="\n\n")
    out.print(rows)


def _help(source: Callable) -> tuple[str, dict[str, str]]:
    """What a source's docstring says before its sections, and of each argument."""
    text, *sections = _SECTION.split(inspect.getdoc(source) or "")
    named = dict(zip(sections[::2], sections[1::2], strict=True))
    arguments = _ARGUMENT.findall(named.get("Args", ""))
    return text, {argument: _one_line(meaning) for argument, meaning in arguments}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _default(parameter: inspect.Parameter) -> str:
    required = parameter.default is inspect.Parameter.empty
    return "required" if required else "" if parameter.default is None else str(parameter.default)
