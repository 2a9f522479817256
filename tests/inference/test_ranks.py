"""Ranks that members are drawn at: uniform in every gate, alike in gates that are near."""

from __future__ import annotations

import numpy as np
from scipy import stats

from keras_wx.inference.ranks import Ranks, memory


def test_every_gate_is_uniform():
    drawn = Ranks(members=400, rows=3, seed=1).next(40)
    assert drawn.shape == (400, 3, 40)
    for row, column in [(0, 0), (2, 0), (1, 39)]:
        assert stats.kstest(drawn[:, row, column], "uniform").pvalue > 1e-3


def test_neighbours_are_alike_as_long_as_the_lengths_say():
    ranks = Ranks(members=60, rows=8, seed=2, columns=5.0, gates=2.0)
    z = stats.norm.ppf(ranks.next(4000).astype(float))
    for lag in (1, 5):
        along = (z[:, 3, lag:] * z[:, 3, :-lag]).mean()
        up = (z[:, lag:, ::10] * z[:, :-lag, ::10]).mean()
        assert abs(along - np.exp(-lag / 5)) < 0.02
        assert abs(up - np.exp(-lag / 2)) < 0.02
    both = (z[:, 2:, 3:] * z[:, :-2, :-3]).mean()
    assert abs(both - np.exp(-1 - 3 / 5)) < 0.02


def test_a_member_does_not_depend_on_blocks_or_on_the_others():
    whole = Ranks(members=3, rows=4, seed=7).next(30)
    parts = Ranks(members=2, rows=4, seed=7)
    np.testing.assert_allclose(
        np.concatenate([parts.next(n) for n in (11, 1, 18)], axis=-1), whole[:2], atol=1e-6
    )
    fewer = Ranks(members=3, rows=2, seed=7).next(30)
    assert fewer.shape == (3, 2, 30)
    assert (Ranks(members=3, rows=4, seed=8).next(30) != whole).mean() > 0.99


def test_after_a_gap_nothing_is_remembered():
    first = Ranks(members=300, rows=1, seed=0, columns=1000.0)
    before = first.next(5)[:, 0, -1]
    first.forget()
    after = first.next(5)[:, 0, 0]
    assert abs(np.corrcoef(before, after)[0, 1]) < 0.2
    assert memory(1.0) == np.exp(-1)
