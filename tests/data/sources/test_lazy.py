import numpy as np
import pytest
import xarray as xr

from keras_wx.data.sources._lazy import lazy_frames

VALUES = np.random.default_rng(0).normal(size=(7, 4, 5)).astype("float32")


class Reader:
    """Remembers what it was asked for."""

    def __init__(self):
        self.frames = []

    def __call__(self, wanted: np.ndarray) -> np.ndarray:
        self.frames.extend(wanted.tolist())
        return VALUES[wanted]


@pytest.mark.parametrize(
    "key",
    [
        (2,),
        (slice(1, 6, 2),),
        (slice(None, None, -1), slice(3, 0, -1)),
        ([4, 0, 0], slice(None), [1, 3]),
        (-1, [0, 2], 1),
        (slice(2, 4), 3, -2),
        (slice(3, 3),),
        (np.array([6, 1]), np.array([0, 3]), np.array([2, 2])),
    ],
)
def test_any_index_gives_what_numpy_gives(key):
    reader = Reader()
    field = xr.DataArray(lazy_frames(reader, VALUES.shape, {"units": "dBZ"}, chunk=2))
    assert not reader.frames, "nothing is read yet"
    expected = xr.DataArray(VALUES, dims=("time", "y", "x"))[key]
    np.testing.assert_array_equal(field[key], expected)
    asked_for = np.arange(7)[key[0]]
    assert set(reader.frames) == set(np.ravel(asked_for).tolist())


def test_a_second_look_reads_again_what_was_not_loaded():
    reader = Reader()
    field = xr.DataArray(lazy_frames(reader, VALUES.shape, {}, chunk=2))
    part = field[1:5, 2:]
    assert not reader.frames
    np.testing.assert_array_equal(part[1], VALUES[2, 2:])
    assert reader.frames == [2]
    chunked = field.chunk(time=3) + 1
    np.testing.assert_array_equal(chunked.compute(), VALUES + 1)
