"""Tiles against loops over points that follow the formula, and fields that must not change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_models import climb

import keras_wx
from keras_wx.errors import ModelError
from keras_wx.inference.layout import cover, default_batch_size
from keras_wx.inference.tiles import tiling

CASES = [
    ((20, 13), (8, 5), (2, 1)),
    ((20, 13), (8, 5), (0, 0)),
    ((20, 13), (8, 5), (7, 4)),
    ((20, 13), (20, 5), (5, 1)),
    ((9, 7), (8, 6), (4, 3)),
    ((5, 6), (8, 6), (2, 1)),
]


def reassemble(field, tiles, model=lambda part, tile: part):
    """Cuts a `(y, x)` field into tiles, runs each, and blends them."""
    out = np.zeros((1, *field.shape, 1), np.float32)
    for tile in tiles:
        part = tile.cut(field[None, :, :, None].astype(np.float32), np.array([np.nan]))
        tile.add(out, model(part, tile))
    return out[0, :, :, 0]


@pytest.mark.parametrize(("shape", "tile", "overlap"), CASES)
def test_constant_and_linear_fields_come_back(shape, tile, overlap):
    rows, columns = np.indices(shape)
    tiles = tiling(shape, tile, overlap)
    for field in (np.full(shape, 7.5), 3.0 * rows - 2.0 * columns + 1):
        np.testing.assert_allclose(reassemble(field, tiles), field, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(("shape", "tile", "overlap"), CASES)
def test_tiles_reach_from_edge_to_edge_and_overlap(shape, tile, overlap):
    tiles = tiling(shape, tile, overlap)
    for axis, part in (("rows", 0), ("columns", 1)):
        stretches = [getattr(t, axis) for t in tiles]
        starts = sorted({s.start for s in stretches})
        assert {s.size for s in stretches} == {tile[part]}
        assert starts[0] == 0
        assert starts[-1] == max(shape[part] - tile[part], 0)
        assert (np.diff(starts) <= tile[part] - overlap[part]).all()


def test_blending_follows_the_formula_point_by_point():
    shape, size, overlap = (17, 11), (8, 6), (3, 2)
    # ceil((17 - 8) / 5) + 1 = 3 tiles along y, ceil((11 - 6) / 4) + 1 = 3 along x, evenly spaced.
    starts = [(0, 4, 9), (0, 2, 5)]
    rng = np.random.default_rng(0)
    outputs = {(y, x): rng.normal(size=size) for y in starts[0] for x in starts[1]}

    def hann(k, n):
        return math.sin(math.pi * (k + 0.5) / n) ** 2

    expected = np.empty(shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            above = below = 0.0
            for (y, x), output in outputs.items():
                if y <= i < y + size[0] and x <= j < x + size[1]:
                    weight = hann(i - y, size[0]) * hann(j - x, size[1])
                    above += weight * output[i - y, j - x]
                    below += weight
            expected[i, j] = above / below

    found = reassemble(
        np.zeros(shape),
        tiling(shape, size, overlap),
        lambda part, tile: outputs[tile.rows.start, tile.columns.start][None, :, :, None],
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_seam_between_tiles_that_disagree():
    """Two tiles that give 0 and 1: the blend rises from one to the other in small steps."""
    tiles = tiling((4, 48), (4, 32), (0, 16))
    assert [tile.columns.start for tile in tiles] == [0, 16]
    blend = reassemble(
        np.zeros((4, 48)),
        tiles,
        lambda part, tile: np.full_like(part, 1.0 if tile.columns.start else 0.0),
    )[0]
    assert (blend[:16] == 0).all()
    np.testing.assert_allclose(blend[32:], 1, rtol=1e-6)
    steps = np.diff(blend)
    assert steps.min() >= -1e-6
    # A hard seam would be one step of 1, a linear ramp 16 of 1/17.
    assert steps.max() < 2.5 / 17
    assert max(steps[15], steps[31]) < 0.01


def test_padding_is_the_fill_or_else_the_edge():
    (tile,) = tiling((2, 3), (4, 4), (1, 1))
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)
    padded = tile.cut(x, np.array([-5.0, np.nan]))
    assert padded.shape == (1, 4, 4, 2)
    np.testing.assert_array_equal(
        padded[0, :, :, 0], [[0, 2, 4, -5], [6, 8, 10, -5], [-5] * 4, [-5] * 4]
    )
    np.testing.assert_array_equal(
        padded[0, :, :, 1], [[1, 3, 5, 5], [7, 9, 11, 11], [7, 9, 11, 11], [7, 9, 11, 11]]
    )


def sizes(tiles):
    assert len({(t.rows.size, t.columns.size) for t in tiles}) == 1
    return tiles[0].rows.size, tiles[0].columns.size


@pytest.fixture(scope="module")
def network():
    return keras_wx.load("convlstm_hko", weights=None, filters=[2], compile=False)


@pytest.fixture(scope="module")
def network_of_one_grid():
    return keras_wx.load("convlstm_hko", weights=None, filters=[2], grid=(16, 12), compile=False)


def test_what_a_model_is_run_on(network, network_of_one_grid):
    assert sizes(cover(network, (9, 11))) == (10, 12)
    assert len(cover(network, (512, 512))) == 1
    assert sizes(cover(network, (512, 514))) == (256, 256)
    assert sizes(cover(network, (600, 700), tile=33)) == (34, 34)
    assert sizes(cover(network, (600, 700), tile=10_000)) == (600, 700)
    assert sizes(cover(climb(), (1226, 761))) == (1226, 761)
    assert sizes(cover(climb(), (1226, 761), tile=(100, 50))) == (100, 50)
    assert sizes(cover(network_of_one_grid, (40, 40))) == (16, 12)
    assert sizes(cover(network_of_one_grid, (9, 5))) == (16, 12)
    assert len(cover(network_of_one_grid, (40, 40), overlap=0)) == 3 * 4


def test_large_tiles_come_in_smaller_batches(network):
    batches = {n: default_batch_size(cover(network, (n, n), tile=n)[0]) for n in (64, 256, 1000)}
    assert batches == {64: 8, 256: 4, 1000: 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 0}, "tile: expected a number of points, at least 1"),
        ({"tile": (4, 4, 4)}, "tile: expected a number"),
        ({"tile": "big"}, "tile: expected a number"),
        ({"tile": 8.5}, "tile: expected a number"),
        ({"tile": 8, "overlap": -1}, "overlap: expected a number"),
        ({"tile": 8, "overlap": 8}, "overlap: expected less than the tile, 8 x 8"),
    ],
)
def test_a_tile_that_cannot_be(options, message):
    with pytest.raises(ModelError, match=message):
        cover(climb(), (20, 20), **options)


def test_a_model_of_one_grid_takes_no_other_tile(network_of_one_grid):
    with pytest.raises(ModelError, match=r"grid of 16 x 12 and takes no other\. Received: tile=16"):
        cover(network_of_one_grid, (40, 40), tile=16)
