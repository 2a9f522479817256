"""Errors that a user can act on: each says what was wrong, what was expected, what was received.

They derive from the built-in exception that the same mistake raises elsewhere in Python, so that
`except ValueError` keeps working, and from `KerasWxError`, which the command line prints without a
traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KerasWxError(Exception):
    """Base of every error that keras_wx raises on purpose."""

    # Says to Keras that the message is complete: it would print whole input arrays after it.
    _keras_call_info_injected = True


class PresetError(KerasWxError, ValueError):
    """A preset file, or an override of one, that does not say something valid."""


class DataError(KerasWxError, ValueError):
    """A dataset that does not fit what was asked of it: variable, units, grid, time, gaps."""


class WeightsError(KerasWxError, OSError):
    """A weight file that cannot be had, is damaged, or does not fit the model."""


class ModelError(KerasWxError, ValueError):
    """A model configuration that cannot be built, or a model that cannot do what was asked."""


class TrainingError(KerasWxError, RuntimeError):
    """A training run that cannot begin or go on: its loss is no number, its disk is full."""


class UnknownNameError(KerasWxError, LookupError):
    """A name that no preset, variant, dataset or architecture has."""


def unknown_name(kind: str, name: str, known: Iterable[str], hint: str = "") -> UnknownNameError:
    """Builds the error for an unknown name, listing the near ones."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
    if near:
        suggestion = "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    elif known:
        suggestion = "Known: " + ", ".join(known) + "."
    else:
        suggestion = f"No {kind} is registered."
    parts = [f"Unknown {kind}: {name!r}.", suggestion, hint]
    return UnknownNameError(" ".join(part for part in parts if part))
