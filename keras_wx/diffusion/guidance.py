"""Classifier-free guidance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def guided(network: Callable[[Any, Any, bool], Any], scale: float) -> Callable[[Any, Any], Any]:
    """A network that goes further from what it says without the condition.

    `output = without + scale (with - without)` (Ho & Salimans 2022, eq. 6, with `scale = 1 + w`).
    The paper has it for the noise; at a given field and time the clean field and the velocity are
    linear in the noise, so it is the same for every kind of prediction.

    Args:
        network: takes fields, times and whether to heed the condition, a Python bool.
        scale: 1 heeds the condition and nothing else, with one call of the network instead of two;
            0 forgets it.

    Returns:
        A network of fields and times, as `sample` takes it.

    References:
        Ho & Salimans (2022), Classifier-Free Diffusion Guidance, arXiv:2207.12598.

    Example:
        >>> sample(guided(network, 2.0), noise, schedule, DPMSolver(), 20, prediction="v")
    """
    if scale == 1:
        return lambda x, times: network(x, times, True)

    def call(x, times):
        without = network(x, times, False)
        return without + scale * (network(x, times, True) - without)

    return call
