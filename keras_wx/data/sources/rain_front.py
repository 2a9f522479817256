"""Rain that enters from outside: the case that extrapolation cannot follow."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import xarray as xr
from scipy import fft, ndimage

from keras_wx.data.sources._grid import metre_coordinates
from keras_wx.data.sources.synthetic_rain import NO_ECHO, texture
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset
from keras_wx.spec import parse_step

MEAN, SPREAD = 22.0, 7.0
"""dBZ behind the front, and its standard deviation: widespread rain with cells in it."""
EDGE_KM = 20.0
"""Over which the reflectivity rises from no rain to that behind the front."""


@register_dataset("rain_front")
def rain_front(
    *,
    events: int = 16,
    shape: tuple[int, int] = (64, 64),
    spacing_km: float = 3.75,
    step: str | timedelta = "5min",
    input_frames: int = 5,
    output_frames: int = 15,
    speed: float = 15.0,
    covered: float = 0.25,
    seed: int = 0,
) -> xr.Dataset:
    """Fronts that march into the domain, each from another direction, with rain behind them.

    Nothing grows or decays: the pattern moves as a whole at a known velocity, so that extrapolation
    is right wherever it has something to extrapolate. What it cannot know is the rain that is still
    outside the domain at the start of the forecast. Shi et al. (2015, section 4.2) give such echo
    at the border as what their network forecasts and optical flow does not.

    Args:
        events: number of fronts. The k-th comes from direction `2 pi k / events`.
        shape: number of points along y and x.
        spacing_km: distance of grid points.
        step: time between frames.
        input_frames: frames up to the start of the forecast.
        output_frames: frames after it.
        speed: of the front in m/s.
        covered: part of the domain, along the front's way, that lies behind it when the forecast
            starts.
        seed: of the pattern behind the front. Equal seeds give equal data.

    Returns:
        A Dataset with dims `(time, y, x)`:

        * `reflectivity` [dBZ], -10 where there is no rain;
        * `inflow`, true where what is there came from outside the domain since the forecast's
          start: `radar.where(radar.inflow)` is the truth of those points alone;
        * coordinate `forecast_step(time)`, 0 for the last input frame, so that
          `radar.time[radar.forecast_step == 0]` are the start times.

    Raises:
        DataError: for sizes that make no data.

    References:
        Shi et al. (2015), Convolutional LSTM Network, arXiv:1506.04214, section 4.2.

    Example:

    ```python
    front = keras_wx.open_dataset("rain_front")
    init_times = front.time[front.forecast_step == 0].values
    forecast = keras_wx.predict(model, front[["reflectivity"]], init_times=init_times)
    keras_wx.verify(forecast, front[["reflectivity"]].where(front.inflow), floor=0)
    ```
    """
    try:
        interval = parse_step(step)
    except ValueError as error:
        raise DataError(f"step: {error}") from None
    sizes = {"events": events, "input_frames": input_frames, "output_frames": output_frames}
    if min(*sizes.values(), *shape) < 1 or not spacing_km > 0 or not speed > 0:
        raise DataError(
            "Expected at least one event, frame and grid point, a positive spacing and speed. "
            f"Received: {sizes}, shape={tuple(shape)}, spacing_km={spacing_km}, speed={speed}"
        )
    coordinates = metre_coordinates(shape, (spacing_km,) * 2)
    steps = np.arange(1 - input_frames, output_frames + 1)
    travelled = speed * steps * interval.total_seconds() / 1000
    y, x = (coordinates[axis].values / 1000 for axis in "yx")

    reflectivity, inflow = [], []
    for event in range(events):
        angle = 2 * np.pi * event / events
        front = _Front(y, x, (np.sin(angle), np.cos(angle)), covered)
        pattern = _pattern(np.random.default_rng((seed, event)), y, x, travelled, spacing_km)
        for km in travelled:
            reflectivity.append(front.reflectivity(pattern, km))
            inflow.append(front.inflow(km))

    start, distance = np.datetime64("2000-01-01", "ns"), np.timedelta64(2, "D")
    offsets = (steps - steps[0]) * np.timedelta64(interval)
    times = np.concatenate([start + number * distance + offsets for number in range(events)])
    attrs = {
        "units": "dBZ",
        "standard_name": "equivalent_reflectivity_factor",
        "long_name": "reflectivity of synthetic fronts",
    }
    return xr.Dataset(
        {
            "reflectivity": (("time", "y", "x"), np.stack(reflectivity), attrs),
            "inflow": (
                ("time", "y", "x"),
                np.stack(inflow),
                {"long_name": "whether it was outside the domain when the forecast started"},
            ),
        },
        coords={
            "time": times,
            "forecast_step": ("time", np.tile(steps, events)),
            **coordinates,
        },
        attrs={"title": "Synthetic fronts", "source": f"keras_wx rain_front, seed {seed}"},
    )


class _Front:
    """A straight edge that moves along `direction`, `(y, x)` of length 1."""

    def __init__(self, y: np.ndarray, x: np.ndarray, direction: tuple[float, float], covered):
        self.y, self.x = np.meshgrid(y, x, indexing="ij")
        self.half = np.abs(y).max(), np.abs(x).max()
        self.direction = direction
        self.along = direction[0] * self.y + direction[1] * self.x
        self.position = self.along.min() + covered * np.ptp(self.along)

    def _origin(self, km: float) -> tuple[np.ndarray, np.ndarray]:
        """Where what is at each point was before it travelled so far."""
        return self.y - km * self.direction[0], self.x - km * self.direction[1]

    def inflow(self, km: float) -> np.ndarray:
        y, x = self._origin(max(km, 0.0))
        return (np.abs(y) > self.half[0]) | (np.abs(x) > self.half[1])

    def reflectivity(self, pattern: _Pattern, km: float) -> np.ndarray:
        behind = (self.position + km - self.along) / EDGE_KM
        rain = MEAN + SPREAD * pattern(*self._origin(km))
        return np.where(
            behind > 0, NO_ECHO + (rain - NO_ECHO) * np.clip(behind, 0, 1), NO_ECHO
        ).astype("float32")


class _Pattern:
    """A field that can be read at any point."""

    def __init__(self, field: np.ndarray, corner: tuple[float, float], spacing_km: float):
        self.field, self.corner, self.spacing_km = field, corner, spacing_km

    def __call__(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        points = [(k - c) / self.spacing_km for k, c in zip((y, x), self.corner, strict=True)]
        return ndimage.map_coordinates(self.field, points, order=3, mode="grid-wrap")


def _pattern(random, y, x, travelled, spacing_km: float) -> _Pattern:
    """Room for the domain and for all that is carried into it, from whichever side."""
    room = int(np.ceil(np.abs(travelled).max() / spacing_km))
    domain = tuple(fft.next_fast_len(k.size + 2 * room, real=True) for k in (y, x))
    *_, amplitude = texture(domain, spacing_km)
    field = fft.irfft2(amplitude * fft.rfft2(random.standard_normal(domain)), s=domain)
    return _Pattern(field, (y[0] - room * spacing_km, x[0] - room * spacing_km), spacing_km)
