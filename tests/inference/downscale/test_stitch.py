"""Stitching against the paper's formula, written as loops over points, and a case by hand."""

from __future__ import annotations

import numpy as np
import pytest

from keras_wx.errors import ModelError
from keras_wx.inference.downscale.stitch import Stitching

CASES = [
    # domain, tile, overlap, halo, rows of a band
    ((33, 41), (16, 16), (14, 14), (4, 4), 100),  # the paper's stride of 2
    ((33, 41), (16, 16), (8, 8), (4, 4), 10),
    ((40, 29), (16, 12), (12, 6), (4, 3), 7),
    ((20, 13), (8, 5), (0, 0), (0, 0), 6),
    ((9, 30), (16, 16), (12, 12), (4, 4), 9),  # fewer rows than a tile
    ((5, 6), (8, 8), (4, 4), (2, 2), 5),
]


def stitched(stitching, rows, model):
    """`model` gives a tile's values from its first row and column in the domain."""
    parts = []
    for band in stitching.bands(rows):
        shape = (band.window.stop - band.window.start, stitching.domain[1])
        total, weight = np.zeros((*shape, 1)), np.zeros((*shape, 1))
        for tile in stitching.tiles(band):
            top, left = tile.tile.rows.start + band.window.start, tile.tile.columns.start
            tile.blend(total, model(top, left)[:, :, None])
            tile.blend(weight, np.ones((*stitching.tile, 1)))
        parts.append(total[band.inside, :, 0] / weight[band.inside, :, 0])
    return np.concatenate(parts)


def by_the_formula(domain, tile, overlap, halo, model):
    """Loops over tiles and points, as the paper's code has it."""

    def starts(size, tile, overlap):
        stride = tile - overlap
        if size <= tile:
            return [0]
        return [min(k * stride, size - tile) for k in range(-(-(size - tile) // stride) + 1)]

    total, weight = np.zeros(domain), np.zeros(domain)
    hann = [0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / (n - 1)) for n in tile]
    for top in starts(domain[0], tile[0], overlap[0]):
        for left in starts(domain[1], tile[1], overlap[1]):
            y = model(top, left)
            for i in range(min(tile[0], domain[0])):
                for j in range(min(tile[1], domain[1])):
                    row, column = top + i, left + j
                    above = top > 0 and i < halo[0]
                    below = top + tile[0] < domain[0] and i >= tile[0] - halo[0]
                    before = left > 0 and j < halo[1]
                    behind = left + tile[1] < domain[1] and j >= tile[1] - halo[1]
                    if above or below or before or behind:
                        continue
                    w = max(hann[0][i] * hann[1][j], 1e-6)
                    total[row, column] += w * y[i, j]
                    weight[row, column] += w
    assert (weight > 0).all()
    return total / weight


@pytest.mark.parametrize(("domain", "tile", "overlap", "halo", "rows"), CASES)
def test_equals_the_formula(domain, tile, overlap, halo, rows):
    stitching = Stitching(domain, tile, overlap, halo)

    def model(top, left):
        return np.random.default_rng([top, left]).normal(size=tile)

    expected = by_the_formula(domain, tile, overlap, halo, model)
    np.testing.assert_allclose(stitched(stitching, rows, model), expected, rtol=1e-9)


def test_a_case_by_hand():
    """Two tiles of 5 in a row of 7, halo 1: hann(5) = 0, 1/2, 1, 1/2, 0.

    The first tile counts in columns 0 to 3, the second in 3 to 6. The only row is in the middle of
    tiles of three rows, hann(3) = 0, 1, 0, so that rows 0 and 2 have the floor's weights.
    """
    stitching = Stitching((3, 7), (3, 5), (0, 3), (0, 1))
    values = {0: 10.0, 2: 20.0}
    got = stitched(stitching, 3, lambda top, left: np.full((3, 5), values[left]))
    # Column 1: the first tile alone. Column 3: weights 1/2 (its index 3) and 1/2 (index 1).
    # Column 2: 1 (index 2), while index 0 of the second tile is its halo.
    np.testing.assert_allclose(got[1], [10, 10, 10, 15, 20, 20, 20])
    np.testing.assert_allclose(got[0], [10, 10, 10, 15, 20, 20, 20])


def test_a_case_by_hand_with_different_weights():
    """Tiles of 6 at 0, 1 and 2 in 8 columns: sin^2(pi k / 5) = 0, .3455, .9045, .9045, .3455, 0."""
    stitching = Stitching((1, 8), (1, 6), (0, 5), (0, 1))
    values = {0: 1.0, 1: 10.0, 2: 100.0}
    got = stitched(stitching, 1, lambda top, left: np.full((1, 6), values[left]))
    a, b = 0.3454915, 0.9045085
    expected = [
        1,  # the first alone, with the floor's weight
        1,  # the second's index 0 is its halo
        (b * 1 + a * 10) / (b + a),
        (b * 1 + b * 10 + a * 100) / (b + b + a),
        (a * 1 + b * 10 + b * 100) / (a + b + b),
        (a * 10 + b * 100) / (a + b),
        100,
        100,
    ]
    np.testing.assert_allclose(got[0], expected, rtol=1e-6)


@pytest.mark.parametrize(("domain", "tile", "overlap", "halo", "rows"), CASES)
def test_constant_and_linear_fields_come_back(domain, tile, overlap, halo, rows):
    stitching = Stitching(domain, tile, overlap, halo)
    i, j = np.indices(tile)
    for constant, slope in ((7.5, 0.0), (1.0, 1.0)):
        got = stitched(
            stitching, rows, lambda t, s, c=constant, k=slope: c + k * (3 * (t + i) - 2 * (s + j))
        )
        rows_, columns = np.indices(domain)
        expected = constant + slope * (3 * rows_ - 2 * columns)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("overlap", [8, 12, 14])
def test_no_peak_at_the_tile_size(overlap):
    """A network that is worse the nearer it is to the rim of its tile leaves no line there.

    Against the control: tiles side by side, as a plain loop makes them.
    """
    tile, domain = 16, (16, 1600)
    truth = np.random.default_rng(0).normal(size=domain)
    error = 0.5 * ((np.arange(tile) - (tile - 1) / 2) / (tile / 2)) ** 4

    def model(top, left):
        return truth[top : top + tile, left : left + tile] + error

    def peak(field):
        """Power along rows at the tile's wavenumber against that beside it."""
        power = (np.abs(np.fft.rfft(field)) ** 2).mean(axis=0)
        k = field.shape[1] // tile
        return power[k] / np.r_[power[k - 20 : k - 2], power[k + 3 : k + 21]].mean()

    assert peak(stitched(Stitching(domain, (16, 16), (0, 0), (0, 0)), 16, model)) > 10
    assert peak(stitched(Stitching(domain, (16, 16), (8, overlap), (4, 4)), 16, model)) < 1.5


@pytest.mark.parametrize(
    ("overlap", "halo"),
    [((7, 8), (4, 4)), ((8, 16), (4, 4)), ((15, 15), (8, 8)), ((-1, 0), (0, 0))],
)
def test_strides_that_leave_gaps_are_refused(overlap, halo):
    with pytest.raises(ModelError, match=r"tile - overlap = .* tile - 2 halo"):
        Stitching((64, 64), (16, 16), overlap, halo)
