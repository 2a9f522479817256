"""Intervals over blocks of columns, and tables."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import xarray as xr
from verified_curtains import clouds, curtain, reconstruction

from keras_wx.errors import DataError
from keras_wx.verification import difference, interval
from keras_wx.verification.curtain import joined, to_frame, verify_curtain


def cases(seed=1, members=None, noise=8.0):
    truth = clouds((200, 8), 0, missing=0.05)
    shape = (200, 8) if members is None else (members, 200, 8)
    made = np.nan_to_num(truth, nan=-60) + np.random.default_rng(seed).normal(0, noise, shape)
    options = {"scene": 10, "block": 20, "events_by": "column"}
    pair = reconstruction(made, 4), curtain(truth)
    return pair, options, verify_curtain(*pair, by_block=True, **options)


def test_a_block_has_the_scores_of_its_columns():
    pair, options, found = cases(members=4)
    assert found.sizes["block"] == 10
    third = verify_curtain(pair[0].isel(time=slice(40, 60)), pair[1], **options)
    for name in third.data_vars:
        np.testing.assert_allclose(found[name].isel(block=2), third[name], err_msg=name)
    assert found.start_time[2] == pair[0].time[40]


def test_the_value_is_the_score_of_all_columns():
    pair, options, found = cases(members=4)
    whole = verify_curtain(*pair, **options)
    for name in (
        "mae",
        "dice",
        "emd",
        "csi",
        "crps",
        "coverage",
        "edge_correlation",
        "profile_bias",
        "spearman",
    ):
        at = interval(found, name, draws=50)
        np.testing.assert_allclose(at.value, whole[name], rtol=1e-6, atol=1e-9, err_msg=name)
        assert ((at.low <= at.value) & (at.value <= at.high)).mean() > 0.7


def test_the_interval_is_that_of_a_plain_bootstrap():
    _, _, found = cases()
    at = interval(found, "mae", draws=4000, level=0.8)
    rng = np.random.default_rng(7)
    errors, pairs = (found.mae * found.n_pairs).values, found.n_pairs.values
    drawn = rng.integers(0, 10, (4000, 10))
    expected = np.quantile(errors[drawn].sum(axis=1) / pairs[drawn].sum(axis=1), [0.1, 0.9])
    np.testing.assert_allclose([at.low, at.high], expected, rtol=0.01)
    assert at.attrs == {"score": "mae", "blocks": 10, "level": 0.8, "draws": 4000}


def test_a_paired_difference_is_surer_than_two_intervals():
    _, _, better = cases(seed=1, noise=4.0)
    _, _, worse = cases(seed=1, noise=5.0)
    at = difference(better, worse, "mae")
    assert at.difference.item() == pytest.approx(float(at.difference))
    assert at.high < 0
    width = at.high - at.low
    assert width < 0.7 * (interval(worse, "mae").high - interval(worse, "mae").low)


def test_blocks_that_follow_each_other_too_soon_are_one():
    """Blocks of 20 columns, 80 s; after a break of a day in the middle, blocks begin anew."""
    pair, options, _ = cases(members=4)
    times = pair[0].time.values.copy()
    times[110:] += np.timedelta64(1, "D")
    made, truth = (each.assign_coords(time=times) for each in pair)
    found = verify_curtain(made, truth, by_block=True, **options)
    assert found.sizes["block"] == 6 + 5
    longer = joined(found, timedelta(seconds=200))
    np.testing.assert_array_equal(longer.start_time, times[[0, 60, 110, 170]])
    for begin, end, number in ((0, 60, 0), (60, 110, 1), (110, 170, 2)):
        part = verify_curtain(made.isel(time=slice(begin, end)), truth, **options)
        for name in ("mae", "dice", "csi", "spearman", "crps", "n_pairs"):
            np.testing.assert_allclose(longer[name].isel(block=number), part[name], err_msg=name)
    whole = verify_curtain(made, truth, **options)
    xr.testing.assert_allclose(joined(found), whole)
    xr.testing.assert_allclose(joined(longer), whole)
    assert joined(found).dice.attrs == whole.dice.attrs


def test_a_table_of_models():
    pair, options, _ = cases(members=4)
    ours = verify_curtain(*pair, **options)
    single = verify_curtain(pair[0].isel(realization=0), pair[1], **options)
    table = to_frame({"ours": ours, "one": single}, columns=("mae", "csi", "crps"))
    assert list(table.columns) == [
        "MAE",
        "CSI cloud",
        "CSI shallow precipitation",
        "CSI virga",
        "CRPS",
    ]
    assert table.loc["ours", "MAE"] == ours.mae
    assert np.isnan(table.loc["one", "CRPS"])
    assert to_frame(ours).index.tolist() == ["made_up"]


def test_what_it_refuses():
    pair, options, found = cases()
    with pytest.raises(DataError, match="by_block=True"):
        interval(verify_curtain(*pair, **options), "mae")
    with pytest.raises(DataError, match=r"expected one of .*'dice'.*Received: 'accuracy'"):
        interval(found, "accuracy")
    with pytest.raises(DataError, match="the same blocks"):
        difference(found, found.isel(block=slice(5)), "mae")
    with pytest.raises(DataError, match="by block"):
        to_frame(found)
    with pytest.raises(DataError, match="No such score"):
        to_frame(found, columns=("accuracy",))
