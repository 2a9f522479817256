"""The polar stereographic projection, in which most national radar composites are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_ELLIPSOIDS = {
    "wgs84": (6378137.0, 6356752.314245179),
    "grs80": (6378137.0, 6356752.314140356),
    "bessel": (6377397.155, 6356078.962818189),
    "intl": (6378388.0, 6356911.9461279465),
    "sphere": (6370997.0, 6370997.0),
}
_SERIES = (
    {2: 1 / 2, 4: 5 / 24, 6: 1 / 12, 8: 13 / 360},
    {4: 7 / 48, 6: 29 / 240, 8: 811 / 11520},
    {6: 7 / 120, 8: 81 / 1120},
    {8: 4279 / 161280},
)
"""Factors of the powers of the eccentricity, for the sines of 2, 4, 6 and 8 times the latitude."""


@dataclass(frozen=True)
class PolarStereographic:
    """Seen from the north pole, true to scale along one circle of latitude. Lengths in metres.

    References:
        Snyder 1987, Map projections: a working manual, USGS Professional Paper 1395, equations
        3-5, 14-15, 15-9, 21-33 and 21-34.
    """

    lon_0: float
    """Meridian that points down, degrees."""
    lat_ts: float
    """Latitude of true scale, degrees."""
    a: float
    """Semi-major axis of the ellipsoid."""
    b: float
    """Semi-minor axis."""
    x_0: float = 0.0
    y_0: float = 0.0

    @classmethod
    def parse(cls, definition: str) -> PolarStereographic | None:
        """Reads a PROJ string such as `"+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6370040"`.

        Axes below 10,000 are read as kilometres, as the Dutch files give them.

        Returns:
            None for another projection.
        """
        tokens = (token.lstrip("+").partition("=") for token in definition.split())
        options = {key: value for key, _, value in tokens}
        if options.get("proj") != "stere" or _degrees(options.get("lat_0", "0")) != 90:
            return None
        a, b = _axes(options)
        unit = 1000.0 if a < 10_000 else 1.0
        return cls(
            lon_0=_degrees(options.get("lon_0", "0")),
            lat_ts=_degrees(options.get("lat_ts", "90")),
            a=a * unit,
            b=b * unit,
            x_0=float(options.get("x_0", 0)) * unit,
            y_0=float(options.get("y_0", 0)) * unit,
        )

    @property
    def _eccentricity(self) -> float:
        return float(np.sqrt(max(0.0, 1 - (self.b / self.a) ** 2)))

    @property
    def _scale(self) -> float:
        """Distance from the pole in units of `_stretch`."""
        e, phi = self._eccentricity, np.deg2rad(self.lat_ts)
        if self.lat_ts == 90:
            return 2 * self.a / float(np.sqrt((1 + e) ** (1 + e) * (1 - e) ** (1 - e)))
        radius = np.cos(phi) / np.sqrt(1 - (e * np.sin(phi)) ** 2)
        return float(self.a * radius / _stretch(phi, e))

    def forward(self, lon, lat) -> tuple[np.ndarray, np.ndarray]:
        """Degrees east and north to metres `x, y`."""
        turned = np.deg2rad(np.asarray(lon, "float64") - self.lon_0)
        phi = np.deg2rad(np.asarray(lat, "float64"))
        distance = self._scale * _stretch(phi, self._eccentricity)
        return self.x_0 + distance * np.sin(turned), self.y_0 - distance * np.cos(turned)

    def inverse(self, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Metres `x, y` to degrees east and north."""
        east, south = np.asarray(x, "float64") - self.x_0, self.y_0 - np.asarray(y, "float64")
        conformal = np.pi / 2 - 2 * np.arctan(np.hypot(east, south) / self._scale)
        lon = self.lon_0 + np.rad2deg(np.arctan2(east, south))
        return (lon + 180) % 360 - 180, np.rad2deg(_latitude(conformal, self._eccentricity))


def _stretch(phi, e: float):
    """The t of Snyder: the tangent of half the angle from the pole, on an ellipsoid."""
    return np.tan(np.pi / 4 - phi / 2) / ((1 - e * np.sin(phi)) / (1 + e * np.sin(phi))) ** (e / 2)


def _latitude(conformal, e: float):
    """The latitude on an ellipsoid of a conformal one, as a series: exact to 0.1 mm."""
    latitude = np.array(conformal)
    for order, terms in enumerate(_SERIES, 1):
        coefficient = sum(factor * e**power for power, factor in terms.items())
        if coefficient:
            latitude += coefficient * np.sin(2 * order * conformal)
    return latitude


def _degrees(text: str) -> float:
    number = float(text.rstrip("NSEW"))
    return -number if text.endswith(("S", "W")) else number


def _axes(options: dict[str, str]) -> tuple[float, float]:
    if "R" in options:
        return float(options["R"]), float(options["R"])
    named = _ELLIPSOIDS[options.get("ellps", options.get("datum", "wgs84")).lower()]
    if "a" not in options:
        return named
    a = float(options["a"])
    if "b" in options:
        return a, float(options["b"])
    flattening = 1 / float(options["rf"]) if "rf" in options else float(options.get("f", 0))
    return a, a * (1 - flattening)
