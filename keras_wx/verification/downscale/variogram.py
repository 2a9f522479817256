"""Semivariograms: how different the values of two places are by their distance."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.geometry import EARTH_RADIUS_KM
from keras_wx.verification.downscale.sample import Places, Sample

BINS = 24
POINTS = 500
FIELDS = 60
"""Fields of a group whose pairs are looked at, spread over its times and members."""


def variograms(sample: Sample, bins: int = BINS) -> xr.Dataset:
    """Empirical semivariograms of forecast and truth, and spherical models of both.

    Args:
        sample: of which the first `POINTS` places count.
        bins: of distance, evenly spaced up to half the extent of the grid.

    Returns:
        By `distance` (middle of the bin): `{side}_variogram`, `{side}_variogram_fit`; of the
        models `{side}_sill` (with the nugget), `{side}_range`, `{side}_nugget`: a range as long as
        the extent of the grid means that there is no sill on it; and
        `variogram_error`, the sum over the bins of the absolute differences over that of the truth.

    References:
        Matheron (1963), Economic Geology 58, 1246-1266. Müller et al. (2022), GSTools,
        Geosci. Model Dev. 15, 3161-3182.
    """
    edges = np.linspace(0, sample.places.extent / 2, bins + 1)
    found = {}
    for side, fields in (
        ("truth", sample.truth[None, sample.frames]),
        ("forecast", sample.forecast[:, sample.frames]),
    ):
        # Members of one time follow each other: evenly spaced, all times have their share.
        fields = fields.swapaxes(0, 1).reshape(-1, fields.shape[-1])
        chosen = np.linspace(0, len(fields) - 1, min(FIELDS, len(fields))).round().astype(int)
        values = _empirical(fields[chosen], sample.places, edges)
        found[f"{side}_variogram"] = ("distance", values)
        fit, model = _spherical(values, sample.places, edges)
        found[f"{side}_variogram_fit"] = ("distance", fit)
        found |= {f"{side}_{name}": value for name, value in model.items()}
    ours, theirs = (found[f"{side}_variogram"][1] for side in ("forecast", "truth"))
    both = ~(np.isnan(ours) | np.isnan(theirs))
    total = theirs[both].sum()
    found["variogram_error"] = np.abs(ours - theirs)[both].sum() / total if total > 0 else np.nan
    return xr.Dataset(found, {"distance": (edges[:-1] + edges[1:]) / 2})


def _empirical(fields: np.ndarray, places: Places, edges: np.ndarray) -> np.ndarray:
    import gstools

    options = {"latlon": True, "geo_scale": EARTH_RADIUS_KM} if places.geographic else {}
    _, values, counts = gstools.vario_estimate(
        places.position[:, :POINTS],
        fields[:, :POINTS].astype(float),
        edges.copy(),  # gstools divides it by geo_scale in place
        return_counts=True,
        **options,
    )
    return np.where(counts > 0, values, np.nan)


def _spherical(
    values: np.ndarray, places: Places, edges: np.ndarray
) -> tuple[np.ndarray, dict[str, float]]:
    """A spherical model with nugget at the middles of the bins, and its parameters."""
    import gstools

    nothing = np.full(values.size, np.nan), dict.fromkeys(("sill", "range", "nugget"), np.nan)
    there = np.isfinite(values)
    if there.sum() < 4 or not values[there].max() > 0:
        return nothing
    middles = (edges[:-1] + edges[1:]) / 2
    options = {"latlon": True, "geo_scale": EARTH_RADIUS_KM} if places.geographic else {"dim": 2}
    # In units of the largest value: least squares then sees numbers near 1.
    size = values[there].max()
    model = gstools.Spherical(var=1, len_scale=middles[there][-1] / 2, **options)
    model.set_arg_bounds(len_scale=[0, places.extent])
    try:
        model.fit_variogram(middles[there], values[there] / size, nugget=True)
    except RuntimeError:  # no least squares solution
        return nothing
    curve = model.vario_yadrenko(middles) if places.geographic else model.variogram(middles)
    parameters = {
        "sill": (model.var + model.nugget) * size,
        "range": model.len_scale,
        "nugget": model.nugget * size,
    }
    return curve * size, {name: float(value) for name, value in parameters.items()}
