"""What the commands share when something goes wrong: a message in place of a traceback."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import typer
from typer.core import TyperGroup

from keras_wx.cli._options import NO_FILE
from keras_wx.errors import KerasWxError

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it."""

_VALUE = r"'[^']*'|\"[^\"]*\"|\.\.\.|\([^()]*\)|\[[^\[\]]*\]|-?\w[\w.]*\w|-?\w"
_CALL = "(?:open_dataset|conform|samples|load|predict)"
_ARGUMENT = re.compile(r"(?<!-set )(?<!--sample )(?<!--config )(?<![\w+/.])[a-z_]+=(?![=\s])")
_LOADED = re.compile(r"\b(?:keras_wx\.)?load\(\.\.\., ([a-z_0-9]+=[^()\s]+)\)")
_SAMPLE = re.compile(r"\bsample=(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})")
_RECEIVED = re.compile(r"Received:.*?(?=\. [A-Z]|$)", re.MULTILINE)


class Group(TyperGroup):
    """Runs a command; prints an error that the user can act on, and exits with 1."""

    def invoke(self, ctx):
        def said(message: str) -> str:
            command = self.get_command(ctx, ctx.invoked_subcommand)
            return with_note_on_python(in_terms_of_options(message, command.params))

        with _warnings_as_messages(said):
            try:
                return super().invoke(ctx)
            except BrokenPipeError:
                raise  # `keras-wx list | head` is no error, and typer ends quietly
            except (KerasWxError, OSError) as error:
                if ctx.params["debug"]:
                    raise
                _print("Error: ", said(_text(error)), "red")
                raise typer.Exit(1) from None
            except KeyboardInterrupt:
                _print("Interrupted", "", "yellow")
                raise typer.Exit(INTERRUPTED) from None


def in_terms_of_options(message: str, parameters: Iterable) -> str:
    """Writes the Python arguments that a message names as the command's own.

    `regrid=True converts it` becomes `--regrid converts it`, `zr='hko_7'` becomes `--zr hko_7`,
    `tile: expected` in the beginning `--tile: expected`, `sample={'step': '30s'}` becomes
    `--sample step=30s`, `load(..., width=32)` `--config width=32`, and of a call such as
    `keras_wx.load(..., output_frames=3)` the option alone is left where there is one.

    Args:
        message: of an error.
        parameters: of the command, each with `name`, `opts` and, for an argument, `metavar`.
    """
    parameters = list(parameters)
    if any(parameter.name == "dataset" for parameter in parameters):
        message = re.sub(r"open_dataset\('(\w+)', path=\.\.\.\)", r"--dataset \1", message)
    changes: list[str] = []
    if any(parameter.name == "sample" for parameter in parameters):
        # Out of the way: their keys may be called like options.
        changes = [_sample_options(text) for text in _SAMPLE.findall(message)]
        message = _SAMPLE.sub("--\0", message)
    for parameter in parameters:
        is_option = parameter.opts[0].startswith("-")
        is_flag = getattr(parameter, "is_flag", False)
        ours = max(parameter.opts, key=len) if is_option else parameter.metavar

        def written(match: re.Match, ours: str = ours, is_flag: bool = is_flag) -> str:
            value = (match["value"] or "").strip("'\"")
            if is_flag:  # it has one value, be that True or None
                return ours if value in ("", "...", "True", "None") else match[0]
            if value == "False":  # as of val=, where a file is expected otherwise
                return f"{ours} {NO_FILE}"
            if value == "None" and match.string.startswith(" ", match.end()):
                return f"no {ours}"
            return ours if value in ("", "...", "True", "None") else f"{ours} {value}"

        pattern = rf"(?<!-set )\b{parameter.name}=(?P<value>{_VALUE})?"
        message = re.sub(pattern, written, message)
        message = re.sub(rf"^{parameter.name}(?=: )", ours, message)
    if any(parameter.name == "config" for parameter in parameters):
        message = _LOADED.sub(r"--config \1", message)
    call = rf"\b(?:keras_wx\.)?(?:data\.)?{_CALL}\([^()]*?(--[^()]*)\)"
    message = re.sub(call, r"\1", message)
    for change in changes:
        message = message.replace("--\0", change, 1)
    return message


def _sample_options(text: str) -> str:
    """`{'blind_zone': {'height': 1250}}` as `--sample blind_zone.height=1250`."""

    def leaves(tree: dict, path: str = "") -> Iterator[str]:
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{path}{key}.")
            else:
                word = str(value).replace("None", "null").replace("Ellipsis", "...")
                yield f"--sample {path}{key}={word}"

    return " ".join(leaves(ast.literal_eval(text)))


def with_note_on_python(message: str) -> str:
    """Says of arguments that are left in a message where they can be given."""
    if _ARGUMENT.search(_RECEIVED.sub("", message)):
        return f"{message} (name=value is an argument in Python, and no option here.)"
    return message


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    return str(error)


@contextmanager
def _warnings_as_messages(said: Callable[[str], str]) -> Iterator[None]:
    """Warnings to the user as text; what libraries tell developers stays unseen."""

    def show(message, category, filename, lineno, file=None, line=None):
        _print("Warning: ", said(str(message)), "yellow")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield


def _print(label: str, message: str, color: str) -> None:
    from rich.text import Text

    from keras_wx.cli._console import console

    console(stderr=True).print(Text.assemble((label, "bold"), message, style=color))
