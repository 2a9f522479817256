"""The parts of STEPS against pysteps, and against what can be worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from keras_wx.baselines.steps.autoregression import correlations, stationary, yule_walker
from keras_wx.baselines.steps.cascade import band_filters, decompose, inner, recompose
from keras_wx.baselines.steps.matching import match_distribution, near_rain
from keras_wx.baselines.steps.noise import level_amplitudes, spectral_amplitude, white

GOLDEN = Path(__file__).parents[1] / "golden" / "steps_pysteps.npz"


@pytest.fixture(scope="module")
def golden():
    return dict(np.load(GOLDEN))


def random_field(shape, seed=0):
    return np.random.default_rng(seed).gamma(2, 5, shape)


def level_fields(cascade):
    """The levels in grid space, as they add up."""
    fields = np.fft.irfft2(cascade.spectra * cascade.stds[:, None, None], cascade.shape)
    fields[0] += cascade.mean
    return fields


# === Cascade ===


def test_bands_and_levels_equal_those_of_pysteps(golden):
    filters = band_filters(golden["field"].shape, len(golden["levels"]))
    np.testing.assert_allclose(filters, golden["filters"], atol=1e-12)
    cascade = decompose(golden["field"], filters)
    np.testing.assert_allclose(level_fields(cascade), golden["levels"], atol=1e-9)
    np.testing.assert_allclose(cascade.stds, golden["stds"], rtol=1e-9)


def test_pysteps_still_says_what_the_golden_file_holds(golden):
    pytest.importorskip("pysteps")
    import sys

    sys.path.insert(0, str(GOLDEN.parent))
    import make_steps_golden

    fields = make_steps_golden.rain()
    np.testing.assert_array_equal(fields, [golden["field"], golden["other"]])
    for name, value in make_steps_golden.pysteps_parts(*fields).items():
        np.testing.assert_allclose(golden[name], value, atol=1e-9, err_msg=name)


SHAPES = [(64, 64), (33, 20), (17, 48), (5, 4), (3, 2), (1, 7), (1, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("levels", [1, 3, 6])
def test_the_levels_add_up_to_the_field(shape, levels):
    field = random_field(shape)
    cascade = decompose(field, band_filters(shape, levels))
    np.testing.assert_allclose(level_fields(cascade).sum(axis=0), field, atol=1e-9)
    np.testing.assert_allclose(recompose(cascade.spectra, cascade), field, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_levels_have_mean_0_and_deviation_1(shape):
    cascade = decompose(random_field(shape), band_filters(shape, 3))
    fields = np.fft.irfft2(cascade.spectra, shape)
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(fields.std(axis=(1, 2)), 1, rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_inner_product_of_half_spectra_is_that_of_the_fields(shape):
    a, b = random_field((2, *shape)) - 10
    product = inner(np.fft.rfft2(a), np.fft.rfft2(b), shape)
    np.testing.assert_allclose(product, (a * b).mean(), rtol=1e-9)


def test_a_wave_belongs_to_the_band_of_its_length_in_every_direction():
    """On a grid that is not square too: 8 points a wave along the rows and along the columns."""
    y, x = np.mgrid[:32, :64]
    filters = band_filters((32, 64), 5)
    shares = [decompose(np.cos(2 * np.pi * axis / 8), filters).stds ** 2 / 0.5 for axis in (y, x)]
    np.testing.assert_allclose(*shares, rtol=1e-9)
    # Band k lies around 64 / 32 ** ((k - 1/2) / 5) points: 8 points are in the third.
    assert shares[0].argmax() == 2


def test_a_constant_field_has_no_levels():
    cascade = decompose(np.full((9, 12), 20.0), band_filters((9, 12), 3))
    assert cascade.mean == pytest.approx(20)
    np.testing.assert_array_equal(cascade.stds, 0)
    np.testing.assert_array_equal(cascade.spectra, 0)


# === Autoregression ===


def test_coefficients_equal_those_of_pysteps(golden):
    np.testing.assert_allclose(
        yule_walker(stationary(golden["gamma"])), golden["phi"], rtol=1e-6, atol=1e-9
    )


def test_coefficients_of_a_process_known_beforehand():
    """AR(2) with 0.8 and -0.15: gamma1 = 0.8 / 1.15, gamma2 = 0.8 gamma1 - 0.15."""
    gamma1 = 0.8 / 1.15
    gamma2 = 0.8 * gamma1 - 0.15
    phi = yule_walker(np.array([[gamma1, gamma2], [0.5, 0.25]]))
    np.testing.assert_allclose(phi[0, :2], [0.8, -0.15])
    np.testing.assert_allclose(phi[1], [0.5, 0, np.sqrt(0.75)])  # AR(1)

    x = np.zeros((3, 20_000))
    rng = np.random.default_rng(0)
    for _ in range(60):
        x = np.stack([x[1], x[2], phi[0, :2] @ x[:0:-1] + phi[0, 2] * rng.standard_normal(20_000)])
    assert x[2].var() == pytest.approx(1, abs=0.04)  # standard error 0.01
    assert np.corrcoef(x)[2, [1, 0]] == pytest.approx([gamma1, gamma2], abs=0.03)


@pytest.mark.parametrize("one", [-0.9, 0, 1e-9, 0.3, 0.9, 0.999999, 1, 1 + 1e-12])
@pytest.mark.parametrize("two", [-1.0, 0.0, 0.5, 0.999, 1.0])
def test_any_correlation_gives_a_process_that_dies_away(one, two):
    phi1, phi2, phi0 = yule_walker(stationary(np.array([[one, two]])))[0]
    roots = np.roots([1, -phi1, -phi2])
    assert np.abs(roots).max() < 1
    np.testing.assert_allclose(roots.imag, 0, atol=1e-3)
    assert 0 <= phi0 <= 1


def test_correlations_are_those_of_the_levels():
    filters = band_filters((16, 24), 4)
    fields = random_field((3, 16, 24))
    fields[2] += fields[1]
    cascades = [decompose(field, filters) for field in fields]
    levels = [level_fields(c) - [[[c.mean]], *[[[0]]] * 3] for c in cascades]
    for level in range(4):
        for lag in (1, 2):
            expected = np.corrcoef(levels[2][level].ravel(), levels[2 - lag][level].ravel())[0, 1]
            assert correlations(cascades)[level, lag - 1] == pytest.approx(expected)


# === Noise ===


def test_amplitude_equals_the_filter_of_pysteps(golden):
    amplitude = spectral_amplitude(golden["field"], taper=0)
    np.testing.assert_allclose(amplitude, golden["noise_amplitude"], atol=1e-9)


def test_the_taper_takes_the_edges_only():
    field = np.zeros((40, 60))
    field[10:30, 15:45] = random_field((20, 30))
    np.testing.assert_allclose(
        spectral_amplitude(field), spectral_amplitude(field, taper=0), atol=1e-9
    )
    gradient = np.broadcast_to(np.arange(60.0), (40, 60))
    edge = [spectral_amplitude(gradient, taper)[0, -1] for taper in (0, 0.2)]
    assert edge[1] < 0.1 * edge[0]


def test_noise_has_the_spectrum_of_the_field(golden):
    """Levels of noise with the deviations of the field's levels: power by wavenumber, 400 draws."""
    field = golden["field"]
    filters = band_filters(field.shape, 5)
    cascade = decompose(field, filters)
    levels = level_amplitudes(spectral_amplitude(field, taper=0), filters, field.shape)
    rng = np.random.default_rng(0)
    draws = [recompose(levels * white(field.shape, rng), cascade) for _ in range(400)]

    row, column = np.fft.fftfreq(32, 1 / 32), np.fft.rfftfreq(32, 1 / 32)
    ring = np.hypot(row[:, None], column).round().astype(int)

    def radial(fields):
        power = (np.abs(np.fft.rfft2(np.asarray(fields) - cascade.mean)) ** 2).mean(axis=0)
        return (np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel()))[1:16]

    ratio = radial(draws) / radial([field])
    # The first ring has 8 waves, of which the half spectrum holds 4 or 5: standard error 3 %.
    np.testing.assert_allclose(ratio, 1, atol=0.12)
    assert radial([field])[0] > 100 * radial([field])[-1]


def test_levels_of_noise_have_unit_variance():
    shape = (15, 22)
    levels = level_amplitudes(
        spectral_amplitude(random_field(shape)), band_filters(shape, 3), shape
    )
    rng = np.random.default_rng(0)
    fields = np.fft.irfft2([levels * white(shape, rng) for _ in range(500)], shape)
    np.testing.assert_allclose(fields.mean(axis=(2, 3)), 0, atol=1e-9)
    np.testing.assert_allclose((fields**2).mean(axis=(0, 2, 3)), 1, atol=0.15)


def test_a_constant_field_gives_no_noise():
    filters = band_filters((9, 12), 3)
    levels = level_amplitudes(spectral_amplitude(np.full((9, 12), 7.0)), filters, (9, 12))
    np.testing.assert_array_equal(levels, 0)


# === Matching ===


@pytest.mark.parametrize(
    ("field", "target", "expected"),
    [("field", "other", "matched"), ("other", "field", "matched_back")],
)
def test_matching_equals_that_of_pysteps(golden, field, target, expected):
    """Once there are more wet points in the field than in the target, once fewer."""
    matched = match_distribution(golden[field], golden[target])
    np.testing.assert_array_equal(matched, golden[expected])


def test_matching_gives_the_sorted_values_of_the_target():
    rng = np.random.default_rng(0)
    field, target = rng.normal(size=(8, 9)), rng.gamma(2, size=(8, 9))
    matched = match_distribution(field, target)
    np.testing.assert_array_equal(np.sort(matched, axis=None), np.sort(target, axis=None))
    np.testing.assert_array_equal(matched.ravel().argsort(), field.ravel().argsort())


def test_dry_points_stay_dry():
    field = np.array([0.0, 0, 3, 1, 0, 2])
    target = np.array([9.0, 8, 7, 6, 5, 4])
    np.testing.assert_array_equal(match_distribution(field, target), [4, 4, 9, 7, 4, 8])
    np.testing.assert_array_equal(match_distribution(np.ones(6), target), 4)


def test_nearness_falls_over_the_rim():
    wet = np.zeros((3, 7), bool)
    wet[1, 1] = True
    np.testing.assert_allclose(near_rain(wet, 3)[1], [0.75, 1, 0.75, 0.5, 0.25, 0, 0])
    np.testing.assert_allclose(near_rain(wet, 3)[0], [0.5, 0.75, 0.5, 0.25, 0, 0, 0])
    np.testing.assert_array_equal(near_rain(wet, 0), wet)
    np.testing.assert_array_equal(near_rain(wet & False, 3), 0)
    np.testing.assert_array_equal(near_rain(wet | True, 3), 1)
