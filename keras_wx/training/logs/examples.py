"""Forecasts of a few windows that stay the same, as pictures."""

from __future__ import annotations

import copy
from datetime import timedelta

import keras
import numpy as np
import xarray as xr
from keras import ops
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_wx.data.downscale import to_physical
from keras_wx.data.pydataset import Samples, bare_if_single
from keras_wx.inference.downscale.draws import draw
from keras_wx.inference.network import is_stochastic, seeded
from keras_wx.plots import curtain, downscaled, film_strip
from keras_wx.spec import Sample
from keras_wx.training.averages import averaged

MEMBERS = 8
_BATCHES = 4
_DPI = 80


class Examples:
    """The windows with the highest mean target among a few batches spread over the samples.

    Args:
        samples: of validation.
        count: how many windows.

    Attributes:
        captions: the init_time of each.
    """

    def __init__(self, samples: Samples, count: int):
        chosen = _highest(samples, count)
        _, times, x, y, _ = zip(*chosen, strict=True)
        self._times = times
        self._sample = samples.sample
        self._x, self._y = _joined(x), _joined(y)
        shape = next(iter(self._y.values())).shape[2:4]
        self._coords = samples.coords or _relative(samples.sample, shape)
        self._dims = tuple(self._coords) or ("y", "x")
        self.captions = [np.datetime_as_string(time, unit="m") for time in times]

    def draw(self, model: keras.Model) -> list[np.ndarray]:
        """Observation and forecast of each window: RGB from 0 to 255, `(height, width, 3)`.

        The forecast is that of the moving average of the weights where the optimizer has one, as in
        validation. The model goes on as if nothing had been drawn.
        """
        forecast = self._forecast(model)
        return [
            _pixels(film_strip(forecast, self._truth(i), init_time=time, past=1))
            for i, time in enumerate(self._times)
        ]

    def _forecast(self, model: keras.Model) -> xr.Dataset:
        predicted = _forecast_numbers(model, self._x)
        target = self._sample.targets[0]
        field = predicted.get(target.name, next(iter(predicted.values())))
        dims = ("init_time", "lead_time", *self._dims)
        return xr.Dataset(
            {target.name: (dims, *self._physical(field, target))},
            {
                "init_time": np.array(self._times, "datetime64[ns]"),
                "lead_time": self._offsets(target),
                **self._coords,
            },
            {"model": model.name},
        )

    def _truth(self, i: int) -> xr.Dataset:
        """What was observed of a window, the past too where the model was shown it."""
        target = self._sample.targets[0]
        shown = [(target, next(iter(self._y.values()))[i])]
        for number, variable in enumerate(self._sample.inputs):
            if variable.name == target.name and variable.frames > 1:
                # One array of all inputs has them as channels, in this order.
                alone = len(self._x) > 1
                array = self._x[variable.name] if alone else next(iter(self._x.values()))
                shown.insert(0, (variable, array[i, ..., 0 if alone else number, None]))
        start = np.datetime64(self._times[i], "ns")
        return xr.concat(
            [
                xr.Dataset(
                    {target.name: (("time", *self._dims), *self._physical(frames, variable))},
                    {"time": start + self._offsets(variable), **self._coords},
                )
                for variable, frames in shown
            ],
            "time",
        )

    def _physical(self, frames: np.ndarray, variable) -> tuple[np.ndarray, dict]:
        # A network in half precision may well answer in it.
        numbers = np.asarray(frames[..., 0], "float32")
        return variable.transform.inverse(numbers), {"units": variable.units}

    def _offsets(self, variable) -> np.ndarray:
        step = np.timedelta64(self._sample.step or 0, "ns")
        return np.array([offset * step for offset in variable.offsets])


class CurtainExamples:
    """Curtains with the highest mean target, see `Examples`: the arguments are the same."""

    def __init__(self, samples: Samples, count: int):
        _, self._times, x, y, weights = zip(*_highest(samples, count), strict=True)
        self._sample = samples.sample
        self._height = samples.coords["height"]
        self._x, self._y, self._weights = _joined(x), _joined(y)[""], _joined(weights)[""]
        self.captions = [np.datetime_as_string(time, unit="s") for time in self._times]

    def draw(self, model: keras.Model) -> list[np.ndarray]:
        """Observation and reconstruction of each window, see `Examples.draw`."""
        network = np.asarray(_forecast_numbers(model, self._x)[""], "float32")
        if distribution := getattr(model, "distribution", None):
            median = distribution(network).quantile(0.5)
            network = ops.convert_to_numpy(median)[..., None]
        channel, target = next(
            (n, v) for n, v in enumerate(self._sample.targets) if not v.auxiliary
        )
        observed = target.transform.inverse(self._y[..., channel])
        filled = target.transform.inverse(network[..., channel])
        filled = np.where(self._weights == 0, observed, filled)
        return [
            _pixels(
                curtain(
                    {model.name: self._dataset(i, filled, target)},
                    self._dataset(i, observed, target),
                    variable=target.name,
                )
            )
            for i in range(len(self._times))
        ]

    def _dataset(self, i: int, fields: np.ndarray, target) -> xr.Dataset:
        dims = ("height", "time")
        step = np.timedelta64(self._sample.step or timedelta(seconds=1), "ns")
        start = np.datetime64(self._times[i], "ns")
        return xr.Dataset(
            {target.name: (dims, fields[i], {"units": target.units})},
            {
                "time": start + np.arange(fields.shape[2]) * step,
                "height": self._height,
                "blind_zone": (dims, self._weights[i]),
            },
        )


class FieldExamples:
    """Fine fields with the highest mean target, see `Examples`: the arguments are the same.

    A model that draws them shows the mean of some members, and two of these.
    """

    def __init__(self, samples: Samples, count: int):
        _, self._times, x, y, _ = zip(*_highest(samples, count), strict=True)
        self._target, self._area = samples.sample.targets[0], samples.area
        self._coords = samples.coords
        self._x, self._y = _joined(x)[""], _joined(y)[""]
        self.captions = [np.datetime_as_string(time, unit="m") for time in self._times]

    def draw(self, model: keras.Model) -> list[np.ndarray]:
        """What was drawn and what was there of each window, see `Examples.draw`."""
        members = MEMBERS if is_stochastic(model) else 1
        with averaged(model), seeded(model, 0):
            drawn = draw(model, self._x, members, self._y.shape[-1])[..., 0]
        return [
            _pixels(
                downscaled(
                    self._dataset(drawn[:, i], i, ("realization",)),
                    self._dataset(self._y[i, ..., 0], i, ()),
                    members=2,
                )
            )
            for i in range(len(self._times))
        ]

    def _dataset(self, numbers: np.ndarray, i: int, before: tuple[str, ...]) -> xr.Dataset:
        time = np.array([self._times[i]], "datetime64[ns]")
        fields = np.expand_dims(np.asarray(numbers, "float32"), -3)
        times = np.broadcast_to(time, fields.shape[:-2])
        values = to_physical(self._target, fields, times, self._area)
        dims = (*before, "time", *(tuple(self._coords) or ("y", "x")))
        units = {"units": self._target.units}
        return xr.Dataset(
            {self._target.name: (dims, values, units)}, {"time": time, **self._coords}
        )


def examples_of(samples: Samples, count: int) -> Examples | CurtainExamples | FieldExamples:
    """The examples of what samples are of: forecasts, curtains or fine fields."""
    if samples.sample.is_curtain:
        return CurtainExamples(samples, count)
    kind = FieldExamples if samples.sample.is_downscaling else Examples
    return kind(samples, count)


def _highest(samples: Samples, count: int) -> list[tuple]:
    """Mean target, init_time, x, y and weights of the windows to show, in order of time."""
    samples = copy.copy(samples)
    samples.shuffle = False
    chosen = []
    batches = np.unique(np.linspace(0, len(samples) - 1, _BATCHES).round().astype(int))
    for batch in batches.tolist():
        x, y, *weights = (_by_name(arrays) for arrays in samples[batch])
        times = samples.init_times_of(samples.epoch, batch)
        first = next(iter(y.values()))
        means = first.reshape(len(first), -1).mean(axis=1)
        for i in np.argsort(means)[::-1][:count]:
            window = slice(i, i + 1)
            cut = [_cut(arrays, window) for arrays in (x, y, *weights)]
            chosen.append((means[i], times[i], *(cut if weights else [*cut, {}])))
    chosen = sorted(chosen, key=lambda found: -found[0])[:count]
    return sorted(chosen, key=lambda found: found[1])


def _forecast_numbers(model: keras.Model, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # What is drawn at random comes from the seed generators that the training goes on with.
    state = [(v, ops.convert_to_numpy(v)) for v in model.non_trainable_variables]
    with averaged(model):
        predicted = _by_name(model.predict_on_batch(bare_if_single(x)))
    for variable, values in state:
        variable.assign(values)
    return predicted


def _relative(sample: Sample, shape: tuple[int, int]) -> dict:
    """Distances from the first point, taken for the north-west one, if the preset knows them."""
    spacing = sample.grids[sample.targets[0].grid].spacing_km
    if spacing is None:
        return {}
    return {
        dim: (dim, sign * 1000 * spacing * np.arange(size), {"units": "m"})
        for dim, sign, size in zip(("y", "x"), (-1, 1), shape, strict=True)
    }


def _by_name(arrays) -> dict[str, np.ndarray]:
    return arrays if isinstance(arrays, dict) else {"": arrays}


def _cut(arrays: dict[str, np.ndarray], window: slice) -> dict[str, np.ndarray]:
    return {name: array[window] for name, array in arrays.items()}


def _joined(parts: tuple[dict[str, np.ndarray], ...]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _pixels(figure) -> np.ndarray:
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
