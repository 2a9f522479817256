"""The scores that pysteps gives of the same fields, from pysteps itself and from a golden file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from verification_fields import START, STEP, forecast_of, truth_of

from keras_wx.verification import spectra, verify

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))

import make_verification_golden as golden  # noqa: E402


def load():
    with np.load(GOLDEN / "verification_pysteps.npz") as file:
        found = dict(file)
    return found.pop("members"), found.pop("truth"), found


def as_datasets(members, truth):
    return forecast_of(members[:, None, None]), truth_of(truth[None], start=START + STEP)


@pytest.fixture(scope="module")
def golden_scores():
    members, truth, expected = load()
    forecast, observed = as_datasets(members, truth)
    found = verify(
        forecast, observed, thresholds=golden.THRESHOLDS, scales=golden.SCALES, preserve_dims=()
    )
    return found, expected


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("csi", "CSI"),
        ("pod", "POD"),
        ("far", "FAR"),
        ("hss", "HSS"),
        ("frequency_bias", "BIAS"),
        ("mae", "MAE"),
        ("mse", "MSE"),
        ("rmse", "RMSE"),
        ("mean_error", "ME"),
        ("fss", "FSS"),
        ("crps", "CRPS"),
        ("rank_histogram", "rankhist"),
    ],
)
def test_equals_pysteps(golden_scores, ours, theirs):
    found, expected = golden_scores
    np.testing.assert_allclose(found[ours].values.squeeze(), expected[theirs].squeeze(), rtol=1e-5)


def test_reliability_diagram_equals_that_of_pysteps(golden_scores):
    found, expected = golden_scores
    for ours, theirs in (("mean_probability", "probability"), ("observed_frequency", "frequency")):
        values = found[ours].transpose("threshold", "probability_bin")
        np.testing.assert_allclose(values, expected[f"reldiag_{theirs}"], rtol=1e-6, atol=1e-12)


def test_spectra_equal_those_of_pysteps():
    members, truth, expected = load()
    found = spectra(*as_datasets(members, truth), preserve_dims=())
    # Wavenumber 0, the mean of the field, is no wave.
    np.testing.assert_allclose(found.truth_power, expected["rapsd_truth"][1:], rtol=1e-5)
    np.testing.assert_allclose(found.forecast_power, expected["rapsd_members"][1:], rtol=1e-5)
    np.testing.assert_allclose(found.ensemble_mean_power, expected["rapsd_mean"][1:], rtol=1e-5)


def test_the_golden_file_is_what_pysteps_gives():
    pytest.importorskip("pysteps")
    members, truth, expected = load()
    with np.errstate(invalid="ignore"):
        again = golden.pysteps_scores(members, truth)
    assert set(again) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(again[name], values, rtol=1e-6, err_msg=name)


def test_equals_pysteps_on_real_rain_with_missing_pixels(shared_data):
    pytest.importorskip("pysteps")
    from pysteps.verification import detcatscores
    from pysteps.verification.spatialscores import fss

    radar = xr.open_dataset(shared_data / "fmi_20160928.nc").isel(
        x=slice(350, 550), y=slice(0, 260)
    )
    earlier, later = radar.reflectivity.values[[0, 3]]
    missing = np.isnan(earlier) | np.isnan(later)
    assert 0 < missing.mean() < 1
    found = verify(
        forecast_of(earlier[None, None]),
        truth_of(later[None], start=START + STEP),
        thresholds=(10.1, 20.1),  # between the levels of the file: pysteps counts > in tables
        scales=(1, 5, 32),
    ).isel(lead_time=0)
    both = earlier[~missing], later[~missing]  # in tables pysteps counts NaN as no event
    earlier, later = (np.where(missing, np.nan, field) for field in (earlier, later))
    for threshold in (10.1, 20.1):
        ours = found.sel(threshold=threshold)
        theirs = detcatscores.det_cat_fct(*both, threshold, ["CSI", "HSS"])
        assert ours.csi.item() == pytest.approx(theirs["CSI"])
        assert ours.hss.item() == pytest.approx(theirs["HSS"])
        expected = [fss(earlier, later, threshold, side) for side in (1, 5, 32)]
        np.testing.assert_allclose(ours.fss, expected, rtol=1e-9)
