"""Tiles cover a domain; crops are drawn from all of it alike."""

import numpy as np
import pytest

from keras_wx.data.downscale.places import places
from keras_wx.errors import DataError


def test_tiles_by_hand():
    spots = places((10, 7), (4, 4), "tiles")
    # Rows 0, 3, 6 and columns 0, 3: the last tile is shifted inwards.
    expected = [[0, 0], [0, 3], [3, 0], [3, 3], [6, 0], [6, 3]]
    assert spots.corners.tolist() == expected
    assert spots.fixed
    assert spots.draw(np.random.default_rng(0), np.arange(6)).tolist() == expected


@pytest.mark.parametrize("domain", [(16, 16), (33, 50), (17, 160)])
@pytest.mark.parametrize("stride", [None, 8, (16, 3)])
def test_tiles_cover_the_domain(domain, stride):
    spots = places(domain, (16, 16), "tiles", stride=stride)
    covered = np.zeros(domain, bool)
    for row, column in spots.corners:
        covered[row : row + 16, column : column + 16] = True
    assert covered.all()
    rows, columns = (np.unique(spots.corners[:, axis]) for axis in (0, 1))
    most = np.broadcast_to(16 if stride is None else stride, 2)
    assert np.diff(rows).max(initial=0) <= most[0]
    assert np.diff(columns).max(initial=0) <= most[1]
    assert (spots.corners >= 0).all()
    assert (spots.corners + 16 <= domain).all()


def test_random_crops_are_equally_likely():
    spots = places((12, 4), (4, 4), "random")
    assert len(spots) == 3
    rng = np.random.default_rng(0)
    drawn = np.concatenate([spots.draw(rng, np.arange(3)) for _ in range(6000)])
    assert set(drawn[:, 1]) == {0}
    counts = np.bincount(drawn[:, 0], minlength=9)
    # 18,000 draws from 9 starts: 2,000 each, with a standard deviation of at most 45.
    assert counts.size == 9
    assert abs(counts - 2000).max() < 5 * 45
    assert not spots.fixed


def test_one_place():
    assert places((10, 7), (4, 4), "center").corners.tolist() == [[3, 1]]
    whole = places((10, 7), (4, 4), None, multiple=4)
    assert (whole.shape, whole.corners.tolist()) == ((8, 4), [[1, 1]])
    assert places((10, 7), (None, 4), "tiles").shape == (10, 4)


def test_fractions_equal_counting():
    marked = np.random.default_rng(1).random((3, 20, 30)) < 0.3
    spots = places((20, 30), (7, 8), "random", stride=3)
    expected = [
        [frame[row : row + 7, column : column + 8].mean() for row, column in spots.corners]
        for frame in marked
    ]
    np.testing.assert_allclose(spots.fractions(marked), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": "middle"}, r"'tiles', 'center', None\). Received: crop='middle'"),
        ({"crop": "tiles", "stride": 0}, "crop_stride: expected 1 to 4 .*crop_stride=0"),
        ({"crop": "tiles", "stride": 5}, "crop_stride: expected 1 to 4 points; a crop has 4 x 4"),
        ({"crop": "tiles", "domain": (3, 9)}, "needs a grid of 4 x 4, the data have 3 x 9"),
    ],
    ids=str,
)
def test_what_is_no_place(options, message):
    arguments = {"domain": (10, 7), "wanted": (4, 4)} | options
    with pytest.raises(DataError, match=message):
        places(**arguments)
