"""Masks, by hand."""

import numpy as np
import pytest
from curtain_fields import make_curtain, make_curtain_sample

from keras_wx.data.curtain import blind_rows, mask_of, soft_mask
from keras_wx.errors import DataError


def tops(curtain, metres, units="m"):
    return curtain.assign(blind_zone_top=("time", np.asarray(metres, float), {"units": units}))


def test_a_fixed_height():
    """Gates at 50, 150, 250 m are below 300 m; then 1 - 1/3 and 1 - 2/3."""
    mask = mask_of(make_curtain(5), make_curtain_sample())
    assert mask.shape == (12, 5)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask[:, 3], [1, 1, 1, 2 / 3, 1 / 3, *[0] * 7], atol=1e-7)
    assert (mask[:3] == 1).all(), "exact ones: the network looks for them"
    assert (mask == mask[:, :1]).all()


def test_a_gate_in_the_middle_of_the_edge_is_measured():
    sample = make_curtain_sample(blind_zone={"height": 250, "buffer": 0})
    np.testing.assert_array_equal(mask_of(make_curtain(1), sample)[:4, 0], [1, 1, 0, 0])


@pytest.mark.parametrize("buffer", [0, 1, 8])
def test_the_published_ramp(buffer):
    """`bp_batch.py` fills the rows above the hole with linspace(1, 0, N + 2) without its ends."""
    mask = mask_of(make_curtain(1, rows=20), make_curtain_sample(), buffer)[:, 0]
    expected = np.zeros(20)
    expected[:3] = 1
    expected[3 : 3 + buffer] = np.linspace(1, 0, buffer + 2)[1:-1]
    np.testing.assert_allclose(mask, expected, atol=1e-7)


def test_the_data_say_it_column_by_column():
    curtain = tops(make_curtain(4), [0.15, 0.25, 0.0, 0.4], units="km")
    sample = make_curtain_sample(blind_zone={"buffer": 1})
    np.testing.assert_array_equal(blind_rows(curtain, sample), [1, 2, 0, 4])
    mask = mask_of(curtain, sample)
    np.testing.assert_array_equal(mask[:5, 0], [1, 0.5, 0, 0, 0])
    np.testing.assert_array_equal(mask[:, 2], 0)
    np.testing.assert_array_equal(mask[:6, 3], [1, 1, 1, 1, 0.5, 0])


def test_the_higher_of_the_two():
    curtain = tops(make_curtain(3), [100, 500, np.nan])
    np.testing.assert_array_equal(blind_rows(curtain, make_curtain_sample()), [3, 5, 3])


def test_another_name():
    curtain = tops(make_curtain(2), [100, 200]).rename(blind_zone_top="clutter")
    sample = make_curtain_sample(blind_zone={"variable": "clutter"})
    np.testing.assert_array_equal(blind_rows(curtain, sample), [1, 2])


def test_a_buffer_for_each_window():
    rows = np.array([[1, 2], [2, 2]])
    masks = soft_mask(rows, np.array([1, 3]), 6)
    assert masks.shape == (2, 6, 2)
    np.testing.assert_allclose(masks[0, :, 0], [1, 0.5, 0, 0, 0, 0])
    np.testing.assert_allclose(masks[1, :, 0], [1, 1, 0.75, 0.5, 0.25, 0])


@pytest.mark.parametrize(
    ("metres", "zone", "message"),
    [
        (None, {"height": 5000}, r"covers everything: at 2020-01-01T00:00:00 .* up to 5000 m"),
        ([100, 2000, 100], {"buffer": 1}, r"covers everything: at 2020-01-01T00:00:04"),
        (None, {"height": 20}, r"covers nothing: .* 20 m at most, and the lowest gate is at 50 m"),
        ([0, 0, 0], {"buffer": 1}, "covers nothing"),
        (None, {"buffer": 1}, r"'blind_zone_top' \(time\) in metres, which the data do not have"),
        ([100, np.nan, 100], {"buffer": 1}, r"is missing at 2020-01-01T00:00:04"),
    ],
)
def test_masks_that_make_no_sense(metres, zone, message):
    curtain = make_curtain(3)
    if metres is not None:
        curtain = tops(curtain, metres)
    with pytest.raises(DataError, match=message):
        mask_of(curtain, make_curtain_sample(blind_zone=zone))


def test_a_sample_without_blind_zone():
    sample = make_curtain_sample().model_copy(update={"blind_zone": None})
    with pytest.raises(DataError, match="says nothing of a blind zone"):
        mask_of(make_curtain(2), sample)


def test_tops_that_are_no_heights():
    with pytest.raises(DataError, match="expected metres, received units 'K'"):
        mask_of(tops(make_curtain(2), [1, 2], units="K"), make_curtain_sample())
