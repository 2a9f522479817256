"""What a page of docs/ shows: its programs and its command lines."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer

DOCS = Path(__file__).resolve().parents[1] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def program(text: str, shorter: dict[str, str]) -> str:
    """The programs of a page as one, with some parts replaced that would take long."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    for long, short in shorter.items():
        assert long in code, long
        code = code.replace(long, short)
    return code


def pictures(code: str) -> list[str]:
    return re.findall(r'path="(\S+\.png)"', code)


def check_command_lines(text: str) -> None:
    """Fails for an option that its command does not have."""
    from keras_wx.cli import app

    commands = typer.main.get_command(app).commands
    shown = re.findall(r"```\n(keras-wx .*?)```", text, flags=re.DOTALL)
    lines = "".join(shown).replace("\\\n", " ").splitlines()
    assert len(lines) > 4
    for line in lines:
        _, name, *words = shlex.split(line)
        known = {option for parameter in commands[name].params for option in parameter.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= known, line


def names_in_tables(text: str) -> set[str]:
    """What stands in backquotes in the first column of any table."""
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))
