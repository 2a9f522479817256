"""Synthetic rain: the data source that needs no file."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import xarray as xr
from scipy import fft

from keras_wx.data.sources._events import splits_by_event
from keras_wx.data.sources._grid import metre_coordinates
from keras_wx.errors import DataError
from keras_wx.registry import register_dataset
from keras_wx.spec import parse_step

NO_ECHO = -10.0
"""dBZ where nothing falls: the lower end of the Hong Kong gray scale, and no rain in `ZR`."""
ECHO_FROM = 7.0
"""dBZ of the weakest echo, the threshold of noise in the TAASRAD19 archive."""
SPREAD = 13.0
"""Standard deviation in dB of the field that is cut off at `ECHO_FROM`. In frames with echo on more
than 15 % of the area, echo then has a mean of 15.3 dBZ and a 99th percentile of 35.8 dBZ; in those
of TAASRAD19, 15.9 and 36.2 (a slow test compares them)."""
SLOPE = 3.0
"""Exponent of the power spectrum below the outer scale. The edges of echo flatten it: between 2 and
13 waves on 40 x 40 points it is 2.5 for the reflectivity, 2.3 for that of TAASRAD19."""
OUTER_SCALE_KM = 150.0
"""Size of rain areas: no more power in patterns that are larger."""


def lifetime(scale_km: np.ndarray) -> np.ndarray:
    """Decorrelation time in seconds of patterns of a wavelength, in the frame that moves with them.

    A power law, as Seed (2003) found; its numbers are a fit to the Finnish composite of 28
    September 2016, in which wavelengths of 8, 16, 32 and 64 km lived for 8, 20, 50 and 150 minutes.
    """
    return 3600.0 * (scale_km / 32.0) ** 1.4


@register_dataset("synthetic_rain")
def synthetic_rain(
    *,
    frames: int = 480,
    shape: tuple[int, int] = (64, 64),
    spacing_km: float = 3.75,
    step: str | timedelta = "5min",
    seed: int = 0,
    events: int = 8,
    velocity: tuple[float, float] | None = None,
) -> xr.Dataset:
    """Rain that grows, moves, changes and decays, drawn from random numbers.

    Each event is a Gaussian random field with a power-law spectrum. It is carried along by one
    velocity and forgets itself wave by wave, small patterns first (an autoregressive process of
    order one for each wavenumber). The field sets dBZ; its mean rises and falls over the event, so
    that the wet area grows and decays. It lives on a domain of twice the size in each direction,
    of which the middle is cut out: echo enters and leaves through the borders.

    Args:
        frames: number of frames of all events together.
        shape: number of points along y and x.
        spacing_km: distance of grid points.
        step: time between frames.
        seed: equal seeds give equal data.
        events: number of rain events, with a break of at least a day between them.
        velocity: of all events in m/s, along `(y, x)`; None draws a direction for each, and a speed
            of 5 to 20 m/s.

    Returns:
        `reflectivity` [dBZ], `float32` in memory, dims `(time, y, x)`, -10 dBZ where nothing falls;
        for three events or more, splits by event as attributes.

    Raises:
        DataError: for sizes that make no data.

    References:
        Pegram & Clothier 2001, High resolution space-time modelling of rainfall: the "String of
        Beads" model, Journal of Hydrology 241, 26-41: power-law filtered noise.
        Seed 2003, A dynamic and spatial scaling approach to advection forecasting, Journal of
        Applied Meteorology 42, 381-388: autoregression by scale.

    Example:

    ```python
    radar = keras_wx.open_dataset("synthetic_rain", frames=200, seed=1)
    ```
    """
    try:
        interval = parse_step(step)
    except ValueError as error:
        raise DataError(f"step: {error}") from None
    if not 1 <= events <= frames or min(shape) < 2 or not spacing_km > 0:
        raise DataError(
            "Expected at least one frame an event, two points along each axis and a positive "
            f"spacing. Received: frames={frames}, events={events}, shape={tuple(shape)}, "
            f"spacing_km={spacing_km}"
        )
    lengths = [len(part) for part in np.array_split(np.arange(frames), events)]
    # Whole days, and one more: a split between events has a gap of a day.
    distance = timedelta(days=-(-max(lengths) * interval // timedelta(days=1)) + 1)
    start, offsets = np.datetime64("2000-01-01", "ns"), np.arange(max(lengths))
    fields, times = [], []
    for number, length in enumerate(lengths):
        random = np.random.default_rng((seed, number))
        fields.append(
            _event(random, length, tuple(shape), spacing_km, interval.total_seconds(), velocity)
        )
        times.append(
            start + np.timedelta64(number * distance) + offsets[:length] * np.timedelta64(interval)
        )
    attrs = {
        "units": "dBZ",
        "standard_name": "equivalent_reflectivity_factor",
        "long_name": "synthetic reflectivity",
    }
    return xr.Dataset(
        {"reflectivity": (("time", "y", "x"), np.concatenate(fields), attrs)},
        coords={"time": np.concatenate(times), **metre_coordinates(shape, (spacing_km,) * 2)},
        attrs={"title": "Synthetic rain", "source": f"keras_wx synthetic_rain, seed {seed}"}
        | splits_by_event([(t[0], t[-1]) for t in times]),
    )


def texture(
    domain: tuple[int, int], spacing_km: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The spectrum of rain: what turns white noise into a field of standard deviation 1.

    Args:
        domain: number of points along y and x, periodic.
        spacing_km: distance of grid points.

    Returns:
        Wavenumbers in 1/km along y, `(y, 1)`, and x, `(x // 2 + 1,)`, and the amplitude
        `(y, x // 2 + 1)` by which the `rfft2` of white noise is multiplied.
    """
    ky = np.fft.fftfreq(domain[0], spacing_km)[:, None]
    kx = np.fft.rfftfreq(domain[1], spacing_km)
    amplitude = (ky**2 + kx**2 + OUTER_SCALE_KM**-2) ** (-SLOPE / 4)
    amplitude[0, 0] = 0.0
    # rfft2 holds each wave but those of its first and, for even sizes, last column once for two.
    twice = np.full(kx.size, 2.0)
    twice[0] = 1.0
    if domain[1] % 2 == 0:
        twice[-1] = 1.0
    amplitude /= np.sqrt((amplitude**2 * twice).sum() / np.prod(domain))
    return ky, kx, amplitude


def _event(random, length, shape, spacing_km, seconds, velocity) -> np.ndarray:
    """Reflectivity of one event, shape `(length, y, x)`."""
    domain = tuple(fft.next_fast_len(2 * size, real=True) for size in shape)
    ky, kx, amplitude = texture(domain, spacing_km)
    wavenumber = np.hypot(ky, kx)

    if velocity is None:
        direction, speed = random.uniform(0, 2 * np.pi), random.uniform(5.0, 20.0)
        velocity = speed * np.sin(direction), speed * np.cos(direction)
    km_per_step = np.asarray(velocity) * seconds / 1000
    drift = np.exp(-2j * np.pi * (ky * km_per_step[0] + kx * km_per_step[1]))
    with np.errstate(divide="ignore"):
        memory = np.exp(-seconds / lifetime(1 / wavenumber))
    news = np.sqrt(1 - memory**2)

    def noise():
        return amplitude * fft.rfft2(random.standard_normal(domain))

    # Begins and ends with some 2 % of the area wet, and is at its largest in between.
    peak = random.uniform(0.2, 0.9)
    phase = (np.arange(length) + 0.5) / length
    dryness = 2.0 - (2.0 - peak) * np.sin(np.pi * phase)

    corner = [(large - small) // 2 for large, small in zip(domain, shape, strict=True)]
    window = tuple(slice(c, c + size) for c, size in zip(corner, shape, strict=True))
    fields = np.empty((length, *shape), "float32")
    waves = noise()
    for frame, threshold in zip(fields, dryness, strict=True):
        frame[...] = ECHO_FROM + SPREAD * (fft.irfft2(waves, s=domain)[window] - threshold)
        waves = drift * memory * waves + news * noise()
    return np.where(fields < ECHO_FROM, np.float32(NO_ECHO), fields)
