"""Losses by name, as a preset writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras

from keras_wx import transforms
from keras_wx.errors import ModelError, unknown_name
from keras_wx.keras_names import keras_class
from keras_wx.losses.balanced_error import BalancedError
from keras_wx.losses.blind_mae import BlindMAE
from keras_wx.losses.cloud_likelihood import CloudLikelihood
from keras_wx.losses.combined import Combined
from keras_wx.losses.cross_entropy import SequenceCrossEntropy
from keras_wx.losses.hybrid import Hybrid
from keras_wx.losses.ms_ssim import MultiScaleSSIM
from keras_wx.losses.reduction import POINT_MEAN
from keras_wx.losses.soft_csi import SoftCSI
from keras_wx.losses.spectral import SpectralError

LOSSES = {
    "cross_entropy": SequenceCrossEntropy,
    "balanced_error": BalancedError,
    "soft_csi": SoftCSI,
    "ms_ssim": MultiScaleSSIM,
    "spectral": SpectralError,
    "combined": Combined,
    "blind_mae": BlindMAE,
    "hybrid": Hybrid,
    "cloud_likelihood": CloudLikelihood,
}
_PHYSICAL = (BalancedError, SoftCSI)


def get(name: str, *, transform=None, **arguments) -> keras.losses.Loss:
    """A loss by name: one of keras_wx' own, else one of Keras'.

    Unless told otherwise, a loss with a value at each point is the mean over the points that a mask
    keeps.

    Args:
        name: one of `LOSSES`, or a Keras loss such as `"mse"`.
        transform: the target's transform; given to the losses that work in physical units.
        **arguments: arguments of the loss. `"combined"` takes `terms`: a list of mappings, each
            with the `name` and the arguments of a loss, and its `factor` in the sum (1 if left
            out).

    Raises:
        UnknownNameError: neither has it.
        ModelError: arguments that make no loss.

    Example:
        >>> keras_wx.losses.get("combined", terms=[{"name": "mse"}, {"name": "mae", "factor": 0.1}])
    """
    loss = LOSSES.get(name)
    if loss is Combined:
        return _made(name, partial(_combined, transform=transform), arguments)
    if loss is not None:
        if loss in _PHYSICAL:
            arguments = {"transform": transforms.build(transform).to_config()} | arguments
        return _made(name, loss, arguments)
    try:
        loss = keras_class(keras.losses, name)
    except ValueError:
        raise unknown_name("loss", name, LOSSES, "Any Keras loss works too.") from None
    return _made(name, loss, {"reduction": POINT_MEAN} | arguments)


def _made(
    name: str, loss: Callable[..., keras.losses.Loss], arguments: dict[str, Any]
) -> keras.losses.Loss:
    """The loss with its arguments, or which ones it has."""
    try:
        return loss(**arguments)
    except TypeError as error:
        known = [
            str(parameter.replace(annotation=parameter.empty))
            for parameter in inspect.signature(loss).parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        raise ModelError(
            f"The loss {name!r} cannot be made: {error}. Its arguments: {', '.join(known)}. "
            f"Received: {', '.join(arguments) or 'none'}"
        ) from error


def _combined(terms: Sequence[dict[str, Any]], transform) -> Combined:
    losses, factors = [], []
    for term in terms:
        if not isinstance(term, dict) or "name" not in term:
            raise ModelError(
                "The loss 'combined' expects terms such as {name: soft_csi, factor: 0.05}. "
                f"Received: {term!r}"
            )
        arguments = dict(term)
        factors.append(float(arguments.pop("factor", 1.0)))
        losses.append(get(transform=transform, **arguments))
    return Combined(losses, factors)
