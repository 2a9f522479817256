"""The three events: by hand, and by a loop over scenes."""

from __future__ import annotations

import numpy as np
import pytest
from verified_curtains import CLEAR, clouds, curtain, reconstruction

from keras_wx.verification.curtain import verify_curtain

NAN = np.nan
COUNTS = ("hits", "misses", "false_alarms", "correct_negatives")


def counts(found, event):
    return [int(found[name].sel(event=event)) for name in COUNTS]


# Lowest gate, highest gate of the hole, measured gate above it.
TRUTH = [
    [-10, -15, -30],  # shallow
    [-30, -30, -10],  # virga
    [CLEAR, CLEAR, CLEAR],
    [-20, -20, -20],  # precipitation throughout
    [-5, CLEAR, CLEAR],  # shallow
]
MADE = [
    [-19, CLEAR, -30],  # shallow as well
    [-10, -10, -10],  # virga missed
    [-20, CLEAR, CLEAR],  # shallow, wrongly
    [-21, -21, -20],  # virga, wrongly
    [CLEAR, CLEAR, CLEAR],  # shallow missed
]


def test_events_of_columns_by_hand():
    found = verify_curtain(reconstruction(MADE, 2), curtain(TRUTH), events_by="column")
    assert counts(found, "cloud") == [3, 1, 1, 0]
    assert counts(found, "shallow_precipitation") == [1, 1, 1, 2]
    assert counts(found, "virga") == [0, 1, 1, 3]
    shallow = found.sel(event="shallow_precipitation")
    assert shallow.pod == 1 / 2
    assert shallow.far == 1 / 2
    assert shallow.csi == pytest.approx(1 / 3)
    # 2 (1 * 2 - 1 * 1) / ((1 + 1)(1 + 2) + (1 + 1)(1 + 2))
    assert shallow.hss == pytest.approx(2 / 12)


def test_events_of_scenes_by_hand():
    found = verify_curtain(reconstruction(MADE, 2), curtain(TRUTH), scene=2)
    # Scenes: columns 0 and 1; 2 and 3; 4, shorter. Above: -10, -20, clear.
    assert counts(found, "virga") == [0, 0, 0, 3]
    assert counts(found, "shallow_precipitation") == [0, 1, 0, 2]
    assert counts(found, "cloud") == [2, 1, 0, 0]


def test_cloud_needs_its_share_of_the_gates():
    truth, made = np.full((4, 6), CLEAR), np.full((4, 6), CLEAR)
    truth[0, 0] = truth[1, 0] = made[0, 0] = -30  # of 20 gates in the hole 2, and 1
    pair = reconstruction(made, 5), curtain(truth)
    assert counts(verify_curtain(*pair, scene=4), "cloud") == [1, 0, 0, 0]  # 5 % are enough
    assert counts(verify_curtain(*pair, scene=4, cloud_fraction=0.1), "cloud") == [0, 1, 0, 0]


def test_the_ramp_is_no_measurement():
    """What a model makes of the ramp above the hole does not change what was measured there."""
    made = np.array(MADE, float)
    made[:, 2] = 0
    found = verify_curtain(reconstruction(made, 2, buffer=3), curtain(TRUTH), events_by="column")
    assert counts(found, "virga") == [0, 1, 1, 3]


def test_equals_a_loop_over_scenes_with_missing_gates():
    truth, made = clouds((90, 8), 1, missing=0.3), clouds((90, 8), 2)
    depth = np.arange(90) % 3 + 3
    found = verify_curtain(
        reconstruction(made, depth), curtain(truth), scene=3, block=9, precipitation=-15.0
    )
    tables = {event: [0, 0, 0, 0] for event in ("cloud", "shallow_precipitation", "virga")}
    for start in range(0, 90, 3):
        above, lowest, gates = [], ([], []), ([], [])
        for column in range(start, start + 3):
            n = depth[column]
            if not np.isnan(truth[column, n]):
                above.append(truth[column, n])
            there = np.flatnonzero(~np.isnan(truth[column, :n]))
            for k, field in enumerate((made, truth)):
                gates[k].extend(field[column, there])
                lowest[k].extend(field[column, there[:1]])
        happens = {"cloud": [np.mean(np.array(g) > CLEAR) >= 0.05 for g in gates]}
        if above and lowest[1]:
            wet = max(above) >= -15
            ends = [max(values) >= -15 for values in lowest]
            happens["shallow_precipitation"] = [not wet and end for end in ends]
            happens["virga"] = [wet and not end for end in ends]
        for event, (ours, theirs) in happens.items():
            kind = (0 if theirs else 2) if ours else (1 if theirs else 3)
            tables[event][kind] += 1
    for event, table in tables.items():
        assert counts(found, event) == table
    assert sum(tables["virga"]) > 20


def test_a_column_without_a_hole_has_no_events():
    depth = np.array([2, 0, 2, 2, 2])
    made = reconstruction(MADE, depth)
    by_column = verify_curtain(made, curtain(TRUTH), events_by="column")
    assert counts(by_column, "cloud") == [2, 1, 1, 0]
    assert counts(by_column, "virga") == [0, 0, 1, 3]
    # Neither does what it measured count for its scene: -30 dBZ above the hole, and no virga.
    scene = verify_curtain(made, curtain(TRUTH), scene=2)
    assert counts(scene, "shallow_precipitation") == [1, 1, 0, 1]


def test_a_hole_to_the_top_has_nothing_above_it():
    found = verify_curtain(reconstruction(MADE, 3), curtain(TRUTH), events_by="column")
    assert counts(found, "virga") == [0, 0, 0, 0]
    assert sum(counts(found, "cloud")) == 5
