"""Which models take part on one set of data, and why the others do not."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from keras_wx.baselines import Baseline
from keras_wx.data.conform import conform
from keras_wx.data.geometry import same_spacing, spacing_km
from keras_wx.data.sources._pair import COARSE
from keras_wx.data.timeaxis import time_step
from keras_wx.data.windows import init_indices
from keras_wx.errors import DataError, ModelError
from keras_wx.inference.layout import cover
from keras_wx.inference.variable import for_variable_of
from keras_wx.registry import models as architectures
from keras_wx.spec import format_step
from keras_wx.verification.fields import with_fields_of
from keras_wx.verification.hindcasts import with_longest_history
from keras_wx.verification.profiles import with_variables_of
from keras_wx.verification.rivals import options_beside, sample_beside
from keras_wx.zoo import presets
from keras_wx.zoo.loading import load, preset_of

if TYPE_CHECKING:
    import keras

    from keras_wx.spec import Preset, Sample, Task

    Model = keras.Model | Baseline

_LONGEST_REASON = 400
"""Letters: errors of frameworks may hold whole graphs."""

Models = Iterable["str | Path | Model"] | Mapping[str, "str | Path | Model"]


@dataclass
class Entries:
    """What takes part.

    Attributes:
        models: label -> model, the trained ones first.
        data: in the units and on the grid and time step of the first model; of curtains and pairs,
            with the variables that any of the models reads.
        sample: of the first model: windows, range of values, horizon, blind zone.
        left_out: label -> reason.
    """

    models: dict[str, Model]
    data: xr.Dataset
    sample: Sample
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def baselines(self) -> list[str]:
        return [label for label, model in self.models.items() if isinstance(model, Baseline)]

    @property
    def field(self) -> xr.DataArray:
        """What is forecast, as it was observed: dims `(time, y, x)`, or those of a curtain."""
        return self.data[self.sample.targets[0].name]

    @property
    def spacing_km(self) -> tuple[float, float] | None:
        """Of its points along y and x; None where there are no distances, or uneven ones."""
        if self.sample.is_curtain:
            return None
        try:
            return spacing_km(self.field, self.field.dims[-2:])
        except DataError:
            return None

    @property
    def window(self) -> Sample:
        """What a start time needs around it: the window that the first model was trained on or,
        where none was trained, one with the longest history that a baseline reads."""
        if len(self.baselines) < len(self.models):
            return self.sample
        return with_longest_history(self.sample, self.models.values())

    def note(self, failures: Mapping[str, Exception]) -> None:
        """Lists the models that failed on the way.

        Raises:
            ModelError: all of them did.
        """
        for name, error in failures.items():
            self.left_out[name] = f"failed: {reason_of(error)}"
        if set(self.models) <= set(failures):
            reasons = "".join(f"\n  {name}: {reason}" for name, reason in self.left_out.items())
            raise ModelError(f"Every model failed.{reasons}")

    def drop_without_history(self, init_times: np.ndarray) -> None:
        """Leaves out the models that read further back than the data reach at some start time."""
        times = self.data["time"].values
        for label, model in list(self.models.items()):
            sample = model.preset.sample
            possible = times[init_indices(times, sample, inputs_only=True)]
            missing = int((~np.isin(init_times, possible)).sum())
            if missing:
                first, last = sample.input_steps
                del self.models[label]
                self.left_out[label] = (
                    f"reads {last - first + 1} frames, which {missing:,} of the "
                    f"{len(init_times):,} start times do not have behind them"
                )


def gather(
    models: Models | None,
    dataset: xr.Dataset,
    *,
    output_frames: int | None = None,
    **conversions: Any,
) -> Entries:
    """Loads the models that can forecast from a dataset, and notes why others cannot.

    The first trained model that fits decides about the data: they are brought to its grid, step
    and units, as far as the conversions allow. All others forecast from these data as they are; one
    that needs another grid or step would be compared after two interpolations, and is left out, as
    are models of another task, and those that fill another blind zone.

    Args:
        models: see `leaderboard`.
        dataset: what the user gave.
        output_frames: of all forecasts; None takes those of the first model.
        conversions: see `keras_wx.data.conform`.

    Raises:
        UnknownNameError: a name that no preset has.
        DataError: no model fits.
    """
    task = task_of(dataset)
    wanted = _wanted(models, task)
    if task == "nowcast" and {_preset(thing).task for thing in wanted.values()} == {"downscale"}:
        task = "downscale"  # of a series, which has one grid
    unusable = {label: _unusable(thing, task) for label, thing in wanted.items()}
    left_out = {label: reason for label, reason in unusable.items() if reason}
    waiting = {label: thing for label, thing in wanted.items() if label not in left_out}
    # Trained models first: the first of them decides about the data.
    order = sorted(waiting, key=lambda label: _rank(waiting[label]))
    entries = None
    for label in order:
        thing = waiting[label]
        try:
            if entries is None:
                sample = _first_sample(thing, dataset).with_frames(output_frames=output_frames)
                data = conform(dataset, sample, **conversions)
                model = _loaded(thing, sample)
                found = Entries({}, data, sample, left_out)
            else:
                sample = _sample_beside(thing, entries.sample)
                _check_fit(sample, entries)
                data = entries.data
                if sample.is_downscaling:
                    data = with_fields_of(data, dataset, sample, **conversions)
                elif sample.is_curtain:
                    data = with_variables_of(conform(dataset, sample, **conversions), data)
                else:
                    conform(data, sample)
                model, found = _loaded(thing, sample), replace(entries, data=data)
            if not sample.is_downscaling:  # of which any model runs on tiles
                cover(model, found.field.shape[-2:])
        except Exception as error:  # of a plug-in's model too: the others go on
            left_out[label] = reason_of(error)
            # At once: an option may be all that is missing, and the scoring takes its time.
            warnings.warn(f"{label} is left out: {left_out[label]}", stacklevel=3)
        else:
            entries = found
            entries.models[label] = model
    if entries is None:
        reasons = "".join(f"\n  {label}: {reason}" for label, reason in left_out.items())
        raise DataError(f"None of the models can forecast from these data.{reasons}")
    return entries


def reason_of(error: Exception) -> str:
    """What an error says, in one line; its kind too where it is not one of ours."""
    text = textwrap.shorten(str(error), _LONGEST_REASON)
    ours = isinstance(error, (DataError, ModelError))
    return text if ours else f"{type(error).__name__}: {text}"


def task_of(dataset: xr.Dataset) -> Task:
    """What models can do with a dataset: curtains have a height and a time, and nothing else; pairs
    have two grids."""
    if any(set(field.dims) == {"time", "height"} for field in dataset.values()):
        return "inpaint"
    is_pair = any(str(dim).startswith(COARSE) for dim in dataset.dims)
    return "downscale" if is_pair else "nowcast"


def _wanted(models: Models | None, task: Task) -> dict[str, Any]:
    """Label -> name or model; without a wish, all models of the task."""
    if models is None:
        models = presets.list_models(task=task)
    if isinstance(models, Mapping):
        return dict(models)
    if isinstance(models, (str, Path)) or not isinstance(models, Iterable):
        models = [models]
    wanted = {}
    for thing in models:
        label = _preset(thing).full_name
        wanted[str(thing) if label in wanted else label] = thing  # saved models may share a name
    if not wanted:
        raise DataError("models: expected at least one. Received: none")
    return wanted


def _preset(thing: Any) -> Preset:
    return presets.get(thing) if isinstance(thing, (str, Path)) else preset_of(thing)


def _is_baseline(thing: Any) -> bool:
    if isinstance(thing, (str, Path)):
        return issubclass(architectures.get(_preset(thing).architecture), Baseline)
    return isinstance(thing, Baseline)


def _rank(thing: Any) -> tuple[bool, bool]:
    """Trained models first; of downscaling, those that read no coarse field behind all others: no
    baseline can stand beside them."""
    sample = _preset(thing).sample
    alone = sample.is_downscaling and not any(grid.onto for grid in sample.grids.values())
    return alone, _is_baseline(thing)


def _unusable(thing: Any, task: Task) -> str | None:
    """Why something cannot take part whatever the grid and the time step of the data are."""
    preset = _preset(thing)
    if preset.task != task:
        return f"is for the task {preset.task!r}, and the data are for {task!r}"
    if isinstance(thing, (str, Path)) and not _is_baseline(thing) and preset.variant is None:
        return "has no trained weights"
    return None


def _first_sample(thing: Any, dataset: xr.Dataset) -> Sample:
    """What the first model eats and gives; a baseline of pairs, what the dataset has."""
    preset = _preset(thing)
    if not (preset.sample.is_downscaling and _is_baseline(thing)):
        return preset.sample
    model = load(thing) if isinstance(thing, (str, Path)) else thing
    return for_variable_of(dataset, model).preset.sample


def _sample_beside(thing: Any, other: Sample) -> Sample:
    if isinstance(thing, (str, Path)):
        return sample_beside(_preset(thing), other)
    return _preset(thing).sample.with_frames(output_frames=other.targets[0].frames)


def _loaded(thing: Any, sample: Sample) -> Model:
    """The model, with the horizon of `sample`."""
    preset = _preset(thing)
    known, frames = (s.targets[0].frames for s in (preset.sample, sample))
    if not isinstance(thing, (str, Path)):
        if known != frames:
            raise ModelError(
                f"forecasts {known} frames, the others {frames}. "
                f"keras_wx.load(..., output_frames={frames}) makes them the same."
            )
        return thing
    with warnings.catch_warnings():
        # Untrained weights beside trained ones would make a score of nobody's forecast.
        warnings.filterwarnings("error", message=r"(?s).*start at random")
        return load(thing, compile=False, **options_beside(preset, sample))


def _check_fit(sample: Sample, entries: Entries) -> None:
    """Raises `ModelError` where a model would not forecast what the first one does, on its grid, at
    its times and in its blind zone."""
    target = entries.sample.targets[0]
    theirs = {(known.name, known.units, known.steps) for known in sample.targets}
    if (target.name, target.units, target.steps) not in theirs:
        raise ModelError(f"forecasts {_listed(sample)}, not {_listed(entries.sample)}")
    step = entries.sample.step or time_step(entries.data["time"].values)
    if sample.step not in (None, step):
        raise ModelError(
            f"has a time step of {format_step(sample.step)}, the table one of {format_step(step)}"
        )
    ours = entries.spacing_km
    for wanted in {grid.spacing_km for grid in sample.grids.values()} - {None}:
        if ours is None or not all(same_spacing(value, wanted) for value in ours):
            on = "no single one" if ours is None else f"{ours[0]:.3g} km"
            raise ModelError(f"has a grid spacing of {wanted:g} km, the table {on}")
    zones = [each.blind_zone and each.blind_zone.height for each in (sample, entries.sample)]
    if zones[0] != zones[1]:
        theirs, ours = ("that of the data" if z is None else f"one of {z:g} m" for z in zones)
        raise ModelError(f"has another blind zone, {theirs}, the table {ours}")


def _listed(sample: Sample) -> str:
    return ", ".join(
        f"{target.name} [{target.units}] at steps {target.steps[0]} to {target.steps[1]}"
        for target in sample.targets
    )
