"""The leaderboard of a curtain: every model on the same profiles."""

from __future__ import annotations

import numpy as np
import xarray as xr

from keras_wx.data.curtain import blind_rows
from keras_wx.inference.predict import predict
from keras_wx.verification.curtain import joined
from keras_wx.verification.hindcasts import least_value, members_of
from keras_wx.verification.leaderboard.cost import curtain_cost_table
from keras_wx.verification.leaderboard.entries import Entries
from keras_wx.verification.leaderboard.facts import curtain_facts_of
from keras_wx.verification.leaderboard.result import Leaderboard
from keras_wx.verification.leaderboard.table import difference_table, score_table
from keras_wx.verification.profiles import BLOCK, SCENE, Profiles, profiles_of, score_curtains

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
    blind = blind_rows(entries.data, entries.sample)
    longest = max(profiles.parts, key=lambda part: np.count_nonzero(blind[part]))
    start = longest.start + int((blind[longest] > 0).argmax())
    timed = slice(start, min(longest.stop, start + _TIMED))
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
    example = _cloudiest(entries, profiles, blind)
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
        examples={
            name: predict(
                entries.models[name],
                example,
                members=members_of(entries.models[name], members),
                seed=seed,
                progress=False,
            )
            for name in cases
        },
        observed=example,
    )


def _cloudiest(entries: Entries, profiles: Profiles, blind: np.ndarray) -> xr.Dataset:
    """Some columns in a row, of those with most cloud where the models do not see it.

    Args:
        entries: what takes part.
        profiles: to choose from.
        blind: number of blind rows of every column of the data.
    """
    target = entries.sample.targets[0]
    clear, most, chosen = least_value(target), -1, None
    for part in profiles.parts:
        for columns in _unbroken(entries.data["time"].values[part]):
            piece, rows = entries.data.isel(time=columns + part.start), blind[part][columns]
            if not rows.any():
                continue
            cloud = piece[target.name].transpose("time", "height").values > clear
            hidden = int((cloud & (np.arange(cloud.shape[1]) < rows[:, None])).sum())
            if hidden > most:
                most, chosen = hidden, piece
    return chosen.load()


def _unbroken(times: np.ndarray) -> list[np.ndarray]:
    """Positions of columns that follow each other, a block at most."""
    steps = np.diff(times)
    gaps = np.flatnonzero(steps > 1.5 * np.median(steps)) + 1 if steps.size else []
    runs = np.split(np.arange(len(times)), gaps)
    return [run[start : start + BLOCK] for run in runs for start in range(0, len(run), BLOCK)]
