"""Distances between domains: SciPy's on all values, and cases by hand."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import wasserstein_distance

from keras_wx import plots
from keras_wx.data import domain_similarity
from keras_wx.errors import DataError


def field(values, name="dust", start="2005-06-01", units="1"):
    values = np.asarray(values, "float64")
    times = np.datetime64(start, "ns") + np.arange(len(values)) * np.timedelta64(1, "D")
    return xr.DataArray(
        values, dims=("time", "y", "x"), coords={"time": times}, name=name, attrs={"units": units}
    )


def test_equals_scipy_on_grids_of_two_sizes():
    rng = np.random.default_rng(0)
    fine = field(rng.lognormal(-3, 1, (12, 9, 11)), "fine")
    coarse = field(rng.lognormal(-2.7, 0.8, (12, 3, 4)), "coarse")
    fine[2, :3] = np.nan
    found = domain_similarity(fine, coarse)
    logs = [np.log10(f.values.reshape(12, -1)) for f in (fine, coarse)]
    low = min(np.nanmin(part) for part in logs)
    high = max(np.nanmax(part) for part in logs)
    scaled = [[day[~np.isnan(day)] for day in (part - low) / (high - low)] for part in logs]
    expected = [wasserstein_distance(a, b) for a, b in zip(*scaled, strict=True)]
    np.testing.assert_allclose(found["distance"], expected, rtol=1e-6)
    within = [wasserstein_distance(scaled[0][k], scaled[0][(k + 6) % 12]) for k in range(12)]
    np.testing.assert_allclose(found["distance_within"], within, rtol=1e-6)
    pooled = wasserstein_distance(*(np.concatenate(part) for part in scaled))
    assert float(found["pooled_distance"]) == pytest.approx(pooled, abs=2 / 2**16)
    assert found.attrs["mean"] == pytest.approx(np.mean(expected))
    assert found.attrs["p90"] == pytest.approx(np.quantile(expected, 0.9))
    assert (found.attrs["low"], found.attrs["high"]) == pytest.approx((low, high), abs=1e-6)
    np.testing.assert_allclose(found["density"].mean("value"), 1)
    lazy = domain_similarity(fine.chunk(time=5), coarse.chunk(time=12))
    xr.testing.assert_identical(lazy, found)


def test_by_hand():
    """Decades from 0.01 to 100: the second domain is the first, ten times as much."""
    first = field([[[0.01, 0.1]], [[1, 10]]], "a")
    second = field([[[0.1, 1]], [[10, 100]]], "b")
    found = domain_similarity(first, second)
    np.testing.assert_allclose(found["distance"], [0.25, 0.25])
    np.testing.assert_allclose(found["distance_within"], [0.5, 0.5])
    assert float(found["pooled_distance"]) == pytest.approx(0.25, abs=1e-4)
    assert found.attrs["ratio"] == pytest.approx(0.5)
    assert found.attrs["verdict"].startswith("similar: ")
    assert "0.2500 of the joint range, 0.5 times" in found.attrs["verdict"]


def test_without_a_logarithm_and_verdicts():
    first = field([[[0.0, 0.1]], [[0.1, 0.0]], [[0.0, 0.2]], [[0.0, 0.1]]], units="K")
    for shift, word in ((0.02, "similar"), (0.04, "alike in part"), (1.0, "different")):
        second = (first + shift).assign_attrs(first.attrs)
        found = domain_similarity(first, second, floor=None)
        np.testing.assert_allclose(found["distance"], shift / (0.2 + shift), rtol=1e-5)
        assert found.attrs["verdict"].startswith(word)


def test_a_domain_and_itself():
    rng = np.random.default_rng(1)
    same = field(rng.random((6, 4, 4)))
    found = domain_similarity(same, same)
    assert float(found["pooled_distance"]) == 0
    assert not found["distance"].any()


@pytest.mark.parametrize(
    ("second", "options", "message"),
    [
        (field(np.ones((2, 1, 1)), units="mm"), {}, "same units. Received: 'dust' in '1', 'dust'"),
        (field(np.ones((2, 1, 1)), start="2009-01-01"), {}, "no time in common"),
        (field(np.full((2, 1, 1), np.nan)), {}, "'dust' has no valid value"),
        (field(np.ones((2, 1, 1))), {}, "Both domains are 0 everywhere"),
        (field(-np.ones((2, 1, 1))), {}, r"has -1 at 2005-06-01T.*floor=None takes none"),
    ],
    ids=str,
)
def test_what_cannot_be_compared(second, options, message):
    with pytest.raises(DataError, match=message):
        domain_similarity(field(np.ones((2, 1, 1))), second, **options)


def test_plot(tmp_path):
    rng = np.random.default_rng(2)
    fine, coarse = (field(rng.lognormal(0, 1, (9, 5, 5)), name) for name in ("fine", "coarse"))
    found = domain_similarity(fine, coarse)
    figure = plots.domain_similarity(found, path=tmp_path / "similarity.png")
    assert isinstance(figure, Figure)
    assert (tmp_path / "similarity.png").stat().st_size > 5000
    days, values = figure.axes
    np.testing.assert_array_equal(days.lines[0].get_ydata(), found["distance"])
    assert days.lines[1].get_ydata()[0] == pytest.approx(float(found["distance_within"].mean()))
    assert len(values.patches) == 2
    assert found.attrs["verdict"].split(":")[0] in figure.get_suptitle()
    with pytest.raises(DataError, match=r"expected what keras_wx.data.domain_similarity gives"):
        plots.domain_similarity(found[["distance"]])
