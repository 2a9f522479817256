"""Forecasts of a few windows that stay the same, as pictures."""

from __future__ import annotations

import copy

import keras
import numpy as np
import xarray as xr
from keras import ops
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_wx.data.pydataset import Samples, bare_if_single
from keras_wx.plots import film_strip
from keras_wx.spec import Sample
from keras_wx.training.averages import averaged

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
        samples = copy.copy(samples)
        samples.shuffle = False
        chosen: list[tuple[float, np.datetime64, dict, dict]] = []
        batches = np.unique(np.linspace(0, len(samples) - 1, _BATCHES).round().astype(int))
        for batch in batches.tolist():
            x, y = (_by_name(arrays) for arrays in samples[batch][:2])
            times = samples.init_times[batch * samples.batch_size :]
            means = next(iter(y.values())).mean(axis=(1, 2, 3, 4))
            for i in np.argsort(means)[::-1][:count]:
                window = slice(i, i + 1)
                chosen.append((means[i], times[i], _cut(x, window), _cut(y, window)))
        chosen = sorted(chosen, key=lambda found: -found[0])[:count]
        chosen.sort(key=lambda found: found[1])
        _, times, x, y = zip(*chosen, strict=True)
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
        # What is drawn at random comes from the seed generators that the training goes on with.
        state = [(v, ops.convert_to_numpy(v)) for v in model.non_trainable_variables]
        with averaged(model):
            predicted = _by_name(model.predict_on_batch(bare_if_single(self._x)))
        for variable, values in state:
            variable.assign(values)
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
