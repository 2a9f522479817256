"""Blocks of columns: what is drawn in a bootstrap, and what follows from all of them together."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import xarray as xr

from keras_wx.verification.curtain.description import labelled
from keras_wx.verification.curtain.sums import from_sums, to_sums


def joined(cases: xr.Dataset, least: timedelta | None = None) -> xr.Dataset:
    """The scores of blocks that follow each other too soon to be independent, taken together.

    Args:
        cases: `verify_curtain(..., by_block=True)`.
        least: time from the start of a block to that of the next; None joins all of them.

    Returns:
        The same scores, of longer blocks; without the dim `block` if all are joined.
    """
    sums = to_sums(cases)
    if least is None:
        scores = from_sums(sums.sum("block"))
    else:
        starts = cases["start_time"].values
        first = [0]
        for number, start in enumerate(starts):
            if start - starts[first[-1]] >= np.timedelta64(least):
                first.append(number)
        scores = from_sums(_added(sums, np.array(first)))
        scores = scores.assign_coords(start_time=("block", starts[first]))
    return labelled(scores.assign_attrs(cases.attrs))


def _added(sums: xr.Dataset, first: np.ndarray) -> xr.Dataset:
    return xr.apply_ufunc(
        lambda values: np.add.reduceat(values, first, axis=-1),
        sums.drop_vars("start_time", errors="ignore"),
        input_core_dims=[["block"]],
        output_core_dims=[["block"]],
        exclude_dims={"block"},
    )
