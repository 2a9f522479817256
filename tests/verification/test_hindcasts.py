"""Which frames forecasts from many start times read, and from where they can start."""

from __future__ import annotations

import numpy as np
import xarray as xr
from made_up_models import FRAMES, LEADS, Network

from keras_wx.verification import hindcasts


def test_frames_around_two_events_leave_alone_what_does_not_change(radar):
    radar = radar.assign_coords(lat=(("y", "x"), np.ones((10, 12))))
    radar["height"] = ("y", "x"), np.zeros((10, 12))
    starts = radar.time.values[[1, 1 + FRAMES]]
    network = Network()
    found = hindcasts.frames_around(radar, starts, network.preset.sample, [network])
    expected = [*range(1 + 1 + LEADS), *range(FRAMES, FRAMES + 1 + 1 + LEADS)]
    xr.testing.assert_identical(found, radar.isel(time=expected))


def test_the_longest_history():
    two, four = Network(inputs=2), Network(inputs=4)
    found = hindcasts.with_longest_history(two.preset.sample, [two, four])
    assert found.input_steps == (-3, 0)
    assert found.target_steps == (1, LEADS)
