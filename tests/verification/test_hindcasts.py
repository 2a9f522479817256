"""Which frames forecasts from many start times read, and from where they can start."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from made_up_models import FRAMES, LEADS, Network, persistence

from keras_wx.verification import hindcasts


def test_frames_around_two_events_leave_alone_what_does_not_change(radar):
    radar = radar.assign_coords(lat=(("y", "x"), np.ones((10, 12))))
    radar["height"] = ("y", "x"), np.zeros((10, 12))
    starts = radar.time.values[[1, 1 + FRAMES]]
    network = Network()
    found = hindcasts.frames_around(radar, starts, network.preset.sample, [network])
    expected = [*range(1 + 1 + LEADS), *range(FRAMES, FRAMES + 1 + 1 + LEADS)]
    xr.testing.assert_identical(found, radar.isel(time=expected))


def test_what_has_no_score_is_told_once_a_model(radar, monkeypatch):
    """Of the nine frames of the first event, three are missing."""
    monkeypatch.setattr(hindcasts, "PIXELS_IN_MEMORY", LEADS * 120)  # one start time a block
    radar.reflectivity[1:4] = np.nan
    network, last = Network(), persistence()
    starts = radar.time.values[1 : FRAMES - LEADS]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        hindcasts.score(
            {"network": network, "last": last},
            radar,
            network.preset.sample,
            starts,
            thresholds=None,
            batch_size=None,
        )
    messages = [str(each.message) for each in told if "no score" in str(each.message)]
    # Two frames are read by the network, of which 0 is there for start 1; one by persistence.
    assert [message.partition(" forecasts")[0] for message in messages] == [
        "network: 2 of 5",
        "last: 3 of 5",
    ]
    assert "the first from 2016-09-01T10:10, the last from 2016-09-01T10:15" in messages[0]
    assert not [each for each in told if "no value" in str(each.message)]


def test_the_longest_history():
    two, four = Network(inputs=2), Network(inputs=4)
    found = hindcasts.with_longest_history(two.preset.sample, [two, four])
    assert found.input_steps == (-3, 0)
    assert found.target_steps == (1, LEADS)
