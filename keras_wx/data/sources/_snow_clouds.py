"""Snow that grows where the air is moist, falls in streaks, and sublimates where it is dry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

FALL_SPEED = 1.0
"""m/s of snow, at which a streak is drawn out."""
FAINTEST = -45.0
"""dBZ that the radar still sees."""
Z_A, Z_B = 56.0, 1.2
"""Z = a S**b between reflectivity at 35 GHz and snowfall in mm/h: Matrosov 2007, Journal of the
Atmospheric Sciences 64, 1724-1736."""
GROWTH = 2e-5, 8.5e-3
"""Snowfall gained in a metre of fall, of supersaturation 1, by itself and for each root of the
snowfall: half a kilometre of 10 % makes a few dBZ."""
LOSS = 2e-5, 4e-3
"""Snowfall lost in a metre of fall through air without any vapour, likewise."""
TURBULENCE = 0.12
"""Standard deviation of the relative humidity within a cloud, which no analysis knows."""
ANALYSIS_ERROR = 0.05
"""Standard deviation of the analysed relative humidity about the true one, as a share of it."""


@dataclass(frozen=True)
class Air:
    """The state of the air, each `(time, height)`."""

    temperature: np.ndarray
    specific_humidity: np.ndarray
    eastward_wind: np.ndarray
    northward_wind: np.ndarray
    saturation: np.ndarray
    """Vapour pressure over that of saturation over ice, without the error of the analysis."""


def draw_air(random: np.random.Generator, seconds: np.ndarray, heights: np.ndarray) -> Air:
    """Smooth fields of one event.

    Args:
        random: source of randomness.
        seconds: times of the profiles.
        heights: metres above the surface.
    """

    def drift() -> np.ndarray:
        return _drift(random, seconds)[:, None]

    surface = random.uniform(245, 272) + 1.5 * drift()
    inversion, depth = random.uniform(0, 8), random.uniform(300, 1200)
    temperature = surface + inversion * (1 - np.exp(-heights / depth)) - 6.5e-3 * heights
    temperature = np.maximum(temperature, 205.0)
    winds = []
    for _ in range(2):
        wave, phase = random.uniform(2000, 6000), random.uniform(0, 2 * np.pi)
        profile = random.normal(0, 4) + random.normal(0, 1.5e-3) * heights
        profile = profile + random.normal(0, 2) * np.sin(2 * np.pi * heights / wave + phase)
        winds.append(np.clip(profile + drift(), -30, 30))
    saturation = _moisture(random, drift, heights)
    pressure = 101325 * np.exp(-heights / 7600)
    smooth = np.cos(heights / random.uniform(400, 1500) + 2 * drift())
    analysed = saturation * (1 + ANALYSIS_ERROR * np.sqrt(2) * smooth)
    vapour = analysed * ice_saturation_pressure(temperature)
    return Air(
        temperature=temperature,
        specific_humidity=0.622 * vapour / (pressure - 0.378 * vapour),
        eastward_wind=winds[0],
        northward_wind=winds[1],
        saturation=saturation,
    )


def reflectivity_of(
    air: Air, random: np.random.Generator, seconds: np.ndarray, heights: np.ndarray
) -> np.ndarray:
    """Reflectivity in dBZ, `(time, height)`, minus infinity where there is no echo.

    Snow is followed from the highest row down. On the way it is displaced by the wind's shear,
    which draws streaks, gains `GROWTH` where the air is supersaturated and suffers `LOSS` where it
    is not.

    Args:
        air: of the event.
        random: source of randomness, for the turbulence.
        seconds: times of the profiles.
        heights: metres above the surface, evenly spaced.
    """
    spacing = heights[1] - heights[0]
    excess = air.saturation + TURBULENCE * _turbulence(random, seconds, heights) - 1
    # Crystals grow best near -15 degC, and vapour leaves them the faster the warmer it is.
    growing = 0.15 + np.exp(-(((air.temperature - 258) / 15) ** 2))
    leaving = np.sqrt(
        ice_saturation_pressure(air.temperature) / ice_saturation_pressure(np.float64(263))
    )
    lag = _streak_slope(air) * spacing / FALL_SPEED
    snow, falling = np.zeros((len(seconds), len(heights))), np.zeros(len(seconds))
    for row in reversed(range(len(heights))):
        falling = np.interp(seconds - lag[:, row], seconds, falling)
        root = np.sqrt(falling)
        gain = (GROWTH[0] + GROWTH[1] * root) * np.maximum(excess[:, row], 0) * growing[:, row]
        loss = (LOSS[0] + LOSS[1] * root) * np.maximum(-excess[:, row], 0) * leaving[:, row]
        falling = np.maximum(falling + (gain - loss) * spacing, 0)
        snow[:, row] = falling
    with np.errstate(divide="ignore"):
        dbz = 10 * np.log10(Z_A) + 10 * Z_B * np.log10(snow)
    return np.where(dbz >= FAINTEST, dbz, -np.inf)


def ice_saturation_pressure(temperature: np.ndarray) -> np.ndarray:
    """Vapour pressure in Pa over ice of a temperature in K.

    References:
        WMO Guide to Instruments and Methods of Observation (WMO-No. 8), annex 4.B.
    """
    celsius = temperature - 273.15
    return 611.2 * np.exp(22.46 * celsius / (272.62 + celsius))


def _moisture(random: np.random.Generator, drift, heights: np.ndarray) -> np.ndarray:
    """Relative humidity over ice: a background, dry or moist at the bottom, and layers in it."""
    aloft, low = random.uniform(0.25, 0.6), random.uniform(0.35, 1.0)
    near = np.exp(-((heights / random.uniform(700, 1800)) ** 2))
    humidity = aloft + (low + 0.08 * drift() - aloft) * near
    for chance, middle, half in (
        (0.5, (150, 900), (150, 450)),
        (0.75, (1500, 4200), (500, 1400)),
        (0.5, (5000, 8500), (400, 1000)),
    ):
        if random.random() < chance:
            centre = random.uniform(*middle) + 0.15 * random.uniform(*middle) * drift()
            shape = np.exp(-(((heights - centre) / random.uniform(*half)) ** 4))
            peak = random.uniform(0.95, 1.15) + 0.12 * drift()
            humidity = humidity + np.maximum(peak - humidity, 0) * shape
    return np.clip(humidity, 0.05, 1.3)


def _drift(random: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """A smooth function of time with variance 1: waves with periods from 20 minutes to 2 hours."""
    periods = random.uniform(1200, 7200, 4)
    phases = random.uniform(0, 2 * np.pi, 4)
    return np.cos(2 * np.pi * seconds[:, None] / periods + phases).sum(axis=1) / np.sqrt(2)


def _turbulence(random, seconds: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Noise of variance 1, in cells of some hundred metres and minutes, with finer ones inside."""
    step = seconds[1] - seconds[0] if len(seconds) > 1 else 1.0
    spacing = heights[1] - heights[0]
    noise = 0.0
    for share, minutes, metres in ((0.7, 150, 300), (0.3, 35, 100)):
        widths = minutes / step, metres / spacing
        cells = gaussian_filter(
            random.standard_normal((len(seconds), len(heights))), widths, mode="wrap"
        )
        noise = noise + np.sqrt(share) * cells / cells.std()
    return noise


def _streak_slope(air: Air) -> np.ndarray:
    """How much earlier or later, per metre of height, what falls is over the radar: up to 0.1 s.

    Snow that comes into a faster wind than that of the whole column runs ahead of its cloud.
    """
    u, v = air.eastward_wind, air.northward_wind
    mean_u, mean_v = (wind.mean(axis=1, keepdims=True) for wind in (u, v))
    along = (u * mean_u + v * mean_v) / np.maximum(np.hypot(mean_u, mean_v), 1e-6)
    return -0.1 * np.tanh((along - np.hypot(mean_u, mean_v)) / 5)
