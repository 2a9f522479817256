"""Power spectra of blind zones against SciPy's periodogram and waves of known length."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import periodogram
from verified_curtains import clouds, curtain, reconstruction

from keras_wx.verification.curtain import verify_curtain


def peer(series):
    """Mean over all series of |FFT|^2 / n, without the mean."""
    options = {"detrend": False, "return_onesided": False, "axis": -1}
    power = periodogram(np.maximum(series, -60), **options)[1]
    return power.reshape(-1, power.shape[-1]).mean(axis=0)[1 : power.shape[-1] // 2 + 1]


@pytest.mark.parametrize(("scene", "depth"), [(16, 6), (15, 5)])
def test_equals_scipys_periodogram(scene, depth):
    truth, made = clouds((50, 9), 1), clouds((50, 9), 2)
    found = verify_curtain(reconstruction(made, depth), curtain(truth), scene=scene)
    for name, field in (("truth", truth), ("forecast", made)):
        hole = field[: 3 * scene, :depth].reshape(3, scene, depth).transpose(0, 2, 1)
        np.testing.assert_allclose(found[f"{name}_time_power"], peer(hole), rtol=1e-4)
        np.testing.assert_allclose(found[f"{name}_height_power"], peer(field[:, :depth]), rtol=1e-4)
    assert found.n_time_spectra == 3 * depth
    assert found.n_height_spectra == 50
    np.testing.assert_allclose(found.period, 4 * scene / np.arange(1, scene // 2 + 1))
    np.testing.assert_allclose(found.wavelength, 100 * depth / np.arange(1, depth // 2 + 1))


def test_a_wave_has_its_period():
    t = np.arange(64)[:, None]
    truth = -20 + 10 * np.cos(2 * np.pi * t / 8) + np.zeros((1, 8))
    found = verify_curtain(reconstruction(truth, 4), curtain(truth), scene=32)
    strongest = int(np.argmax(found.truth_time_power.values))
    assert found.period[strongest].item() == 8 * 4
    # Half of the amplitude on either side of zero, squared, times the number of columns.
    assert found.truth_time_power[strongest].item() == pytest.approx(5**2 * 32, rel=1e-5)
    np.testing.assert_allclose(found.truth_height_power, 0, atol=1e-6)


def test_series_with_a_missing_gate_and_other_depths_are_left_out():
    truth, made = clouds((32, 8), 3), clouds((32, 8), 4)
    truth[3, 1] = made[20, 2] = np.nan
    depth = np.full(32, 4)
    depth[30:] = 6
    depth[10:12] = 3
    found = verify_curtain(reconstruction(made, depth), curtain(truth), scene=16)
    # The first scene has its row 3 above two holes and a gap in row 1, the second a gap in row 2.
    assert found.n_time_spectra == 2 + 3
    assert found.n_height_spectra == 32 - 2 - 2 - 2
    columns = [i for i in range(32) if depth[i] == 4 and i not in (3, 20)]
    np.testing.assert_allclose(found.truth_height_power, peer(truth[columns, :4]), rtol=1e-4)
    rows = np.stack([truth[:16, k] for k in (0, 2)] + [truth[16:, k] for k in (0, 1, 3)])
    np.testing.assert_allclose(found.truth_time_power, peer(rows), rtol=1e-4)


def test_members_keep_their_power_and_their_mean_loses_it():
    truth = clouds((32, 8), 5)
    members = np.stack([clouds((32, 8), 10 + i) for i in range(6)])
    found = verify_curtain(reconstruction(members, 4), curtain(truth), scene=32, by="mean")
    members = np.maximum(members, -60)
    hole = members[:, :, :4].transpose(0, 2, 1)
    np.testing.assert_allclose(found.forecast_time_power, peer(hole), rtol=1e-4)
    expected = peer(hole.mean(axis=0))
    np.testing.assert_allclose(found.ensemble_mean_time_power, expected, rtol=1e-4)
    assert (found.ensemble_mean_height_power < 0.5 * found.forecast_height_power).all()


def test_a_scene_longer_than_the_curtain_has_no_spectrum_along_time():
    truth = clouds((10, 8), 6)
    found = verify_curtain(reconstruction(truth, 4), curtain(truth))
    assert found.n_time_spectra == 0
    assert np.isnan(found.truth_time_power).all()
    assert found.n_height_spectra == 10


def test_a_gap_in_time_begins_a_new_scene():
    values = clouds((40, 8), 7)
    times = curtain(values).time.values.copy()
    times[20:] += np.timedelta64(1, "h")
    made, truth = (
        dataset.assign_coords(time=times)
        for dataset in (reconstruction(values, 4), curtain(values))
    )
    assert verify_curtain(made, truth, scene=16).n_time_spectra == 2 * 4
    assert verify_curtain(made, truth, scene=32).n_time_spectra == 0
