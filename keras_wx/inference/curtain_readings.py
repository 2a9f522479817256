"""What a forecast of a curtain is read off the numbers of a model: values, or distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from keras_wx.inference.curtain_inputs import CurtainInputs
from keras_wx.inference.network import is_stochastic
from keras_wx.inference.output import realizations
from keras_wx.inference.ranks import Ranks
from keras_wx.inference.summary import Statistics
from keras_wx.spec import Sample, Variable

if TYPE_CHECKING:
    import keras

    from keras_wx.baselines import Baseline

GATES = ("time", "height")

Variables = dict[str, tuple[tuple[str, ...], dict[str, Any]]]
"""Name -> dims, attributes."""


class Values:
    """The number at each gate is the value itself.

    Attributes:
        passes: how often the model is called on the same profiles.
        channels: of its numbers.
        drawn: whether they follow from a seed.
        variables: of the forecast.
        coords: of their dims beside those of the gates.
    """

    def __init__(
        self,
        model: keras.Model | Baseline,
        data: xr.Dataset,
        inputs: CurtainInputs,
        sample: Sample,
        members: int,
    ):
        self.passes = members
        self.channels = len(sample.targets)
        self.drawn = is_stochastic(model)
        dims = (*_members(members), *GATES)
        self._channels = {i: t for i, t in enumerate(sample.targets) if not t.auxiliary}
        self.variables = {t.name: (dims, _attrs(t, data)) for t in self._channels.values()}
        self.coords = {"realization": realizations(members)} if members > 1 else {}
        self._inputs = inputs

    def begin(self) -> None:
        """What comes next lies behind a gap."""

    def fields(self, network: np.ndarray, columns: slice) -> dict[str, np.ndarray]:
        """The variables in some profiles; what was measured is as it was.

        Args:
            network: `(passes, height, time, channels)`.
            columns: which profiles.
        """
        measured = self._inputs.mask(columns) == 0
        found = {}
        for channel, target in self._channels.items():
            field = target.transform.inverse(network[..., channel]).astype(np.float32)
            np.copyto(field, self._inputs.measured(target.name, columns), where=measured)
            found[target.name] = _across(field if self.passes > 1 else field[0])
        return found


class Distributions:
    """The numbers at each gate are parameters of its distribution.

    One forecast is the median. Members are drawn at `Ranks`; with dropout on, each from
    distributions of its own draw. Quantiles, probabilities and moments are in closed form.

    Attributes: as of `Values`.
    """

    def __init__(
        self,
        model: keras.Model,
        data: xr.Dataset,
        inputs: CurtainInputs,
        sample: Sample,
        members: int,
        seed: int,
        statistics: Statistics | None,
    ):
        target = sample.targets[0]
        self.passes = members if model.drops_out else 1
        self.channels = model.distribution.PARAMETERS
        self.drawn = members > 1 or model.drops_out
        self._inputs, self._target = inputs, target
        self._ranks = Ranks(members, inputs.top, seed) if members > 1 else None
        self._statistics = statistics
        attrs = _attrs(target, data)
        about = {} if members > 1 else {"comment": "median of the distribution at each gate"}
        self.variables: Variables = {target.name: ((*_members(members), *GATES), attrs | about)}
        self.coords = {"realization": realizations(members)} if members > 1 else {}
        if statistics:
            self._add_statistics(target, attrs, statistics)

    def _add_statistics(self, target: Variable, attrs: dict[str, Any], asked: Statistics) -> None:
        """What `summarise` makes of an ensemble, under the same names; and any cloud."""
        name = target.name
        self.variables |= {f"{name}_mean": (GATES, attrs), f"{name}_std": (GATES, attrs)}
        if asked.quantiles:
            self.variables[f"{name}_quantile"] = (("quantile", *GATES), attrs)
            self.coords["quantile"] = ("quantile", list(asked.quantiles))
        if asked.thresholds:
            at = {"units": "1", "long_name": f"probability at or above the threshold, {name}"}
            self.variables[f"{name}_probability"] = (("threshold", *GATES), at)
            units = {"units": target.units}
            self.coords["threshold"] = ("threshold", list(asked.thresholds), units)
        cloud = {"units": "1", "long_name": "probability of cloud"}
        self.variables["cloud_probability"] = (GATES, cloud)

    def begin(self) -> None:
        """What comes next lies behind a gap."""
        if self._ranks:
            self._ranks.forget()

    def fields(self, network: np.ndarray, columns: slice) -> dict[str, np.ndarray]:
        """The variables in some profiles; what was measured is as it was.

        Args:
            network: `(passes, height, time, channels)`.
            columns: which profiles, after those of the last call.
        """
        from keras_wx.inference.curtain_law import CurtainLaw  # Keras, which baselines do without

        inputs, name = self._inputs, self._target.name
        law = CurtainLaw(
            network,
            inputs.measured(name, columns),
            inputs.read(columns)[0, ..., 0],
            inputs.mask(columns),
            self._target.transform,
            inputs.top,
        )
        if self._ranks:
            return {name: _across(law.quantile(self._ranks.next(network.shape[2])))}
        found = {name: law.quantile(0.5)}
        if asked := self._statistics:
            found[f"{name}_mean"], found[f"{name}_std"] = law.moments()
            found["cloud_probability"] = law.cloud_probability()
        found = {key: _across(field[0]) for key, field in found.items()}
        if asked and asked.quantiles:
            each = [law.quantile(q)[0] for q in asked.quantiles]
            found[f"{name}_quantile"] = _across(np.stack(each))
        if asked and asked.thresholds:
            each = [law.probability(threshold)[0] for threshold in asked.thresholds]
            found[f"{name}_probability"] = _across(np.stack(each))
        return found


def reading_of(
    model: keras.Model | Baseline,
    data: xr.Dataset,
    inputs: CurtainInputs,
    sample: Sample,
    *,
    members: int,
    seed: int,
    statistics: Statistics | None,
) -> Values | Distributions:
    """How the numbers of a model are read; statistics are those of distributions alone."""
    if getattr(model, "distribution", None) is None:
        return Values(model, data, inputs, sample, members)
    return Distributions(model, data, inputs, sample, members, seed, statistics)


def _members(members: int) -> tuple[str, ...]:
    return ("realization",) if members > 1 else ()


def _attrs(target: Variable, data: xr.Dataset) -> dict[str, Any]:
    known = data[target.name].attrs
    return {"units": target.units} | {
        key: known[key] for key in ("standard_name", "long_name") if key in known
    }


def _across(field: np.ndarray) -> np.ndarray:
    """Time before height."""
    return field.swapaxes(-1, -2)
