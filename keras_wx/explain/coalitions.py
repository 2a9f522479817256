"""What each player adds to what a group of players gets: means over all groups of the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import chain, combinations


def subsets(players: Iterable[str]) -> list[tuple[str, ...]]:
    """All groups, the whole first, the empty one last."""
    players = tuple(players)
    sizes = range(len(players), -1, -1)
    return list(chain.from_iterable(combinations(players, size) for size in sizes))


def marginal_gains(
    losses: Mapping[tuple[str, ...], float], players: tuple[str, ...]
) -> tuple[dict[str, float], dict[str, float]]:
    """By how much a player lowers the loss of a group that it joins.

    Args:
        losses: of every group, which has its players in the order of `players`.
        players: all of them.

    Returns:
        By player, the plain mean over all groups of the others (Banzhaf's index), and the Shapley
        value, which weighs groups so that each size counts the same: those sum to what all players
        lower the loss by.

    References:
        Shapley (1953), A value for n-person games.
        Banzhaf (1965), Weighted voting doesn't work, Rutgers Law Review 19, 317-343.
    """
    plain, shapley = {}, {}
    for player in players:
        others = tuple(each for each in players if each != player)
        groups = subsets(others)
        gains = [
            losses[group] - losses[tuple(p for p in players if p in (*group, player))]
            for group in groups
        ]
        plain[player] = sum(gains) / len(gains)
        shapley[player] = sum(
            gain / (len(players) * math.comb(len(others), len(group)))
            for gain, group in zip(gains, groups, strict=True)
        )
    return plain, shapley
