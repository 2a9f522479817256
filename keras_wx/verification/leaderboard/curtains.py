"""The leaderboard of a curtain: every model on the same profiles."""

from __future__ import annotations

import xarray as xr

from keras_wx.verification.curtain import joined
from keras_wx.verification.hindcasts import members_of
from keras_wx.verification.leaderboard.cost import curtain_cost_table
from keras_wx.verification.leaderboard.entries import Entries
from keras_wx.verification.leaderboard.facts import curtain_facts_of
from keras_wx.verification.leaderboard.result import Leaderboard
from keras_wx.verification.leaderboard.table import difference_table, score_table
from keras_wx.verification.profiles import SCENE, profiles_of, score_curtains

_TIMED = 8 * SCENE
"""Columns of the call whose time is taken."""


def compare_curtains(
    entries: Entries,
    dataset: xr.Dataset,
    *,
    split: str | None,
    members: int,
    seed: int,
    repetitions: int,
) -> Leaderboard:
    """Scores and cost of filling the blind zone; for the arguments see `leaderboard`."""
    profiles = profiles_of(entries.data, entries.sample, split)
    failures: dict[str, Exception] = {}
    cases = score_curtains(
        entries.models,
        entries.data,
        entries.sample,
        profiles,
        members=members,
        seed=seed,
        failures=failures,
    )
    entries.note(failures)
    longest = max(profiles.parts, key=lambda part: part.stop - part.start)
    timed = slice(longest.start, min(longest.stop, longest.start + _TIMED))
    measured = curtain_cost_table(
        entries,
        cases,
        entries.data.isel(time=timed).load(),
        repetitions,
        members=members,
        seed=seed,
    )
    baselines = [name for name in entries.baselines if name in cases]
    table = score_table(cases)
    differences = difference_table(cases, table, baselines)
    table.insert(0, "members", [members_of(entries.models[name], members) for name in cases])
    table["ms"] = measured["median_ms"].reindex(table.index)
    return Leaderboard(
        table,
        differences,
        scores={name: joined(found) for name, found in cases.items()},
        spectra={},
        cases=cases,
        cost=measured,
        baselines=tuple(baselines),
        left_out=entries.left_out,
        facts=curtain_facts_of(dataset, entries, profiles, split, table),
        task="inpaint",
    )
