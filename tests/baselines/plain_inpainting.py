"""Inpainting gate by gate, as the papers describe it; slow, and plain to read."""

from __future__ import annotations

import numpy as np


def repeat(curtain: np.ndarray, hole: np.ndarray) -> np.ndarray:
    out = curtain.astype("float64")
    for column in range(out.shape[1]):
        for row in range(len(out) - 2, -1, -1):
            if hole[row, column]:
                out[row, column] = out[row + 1, column]
    return out


def marching_average(curtain: np.ndarray, hole: np.ndarray, window: int) -> np.ndarray:
    """Sweep by sweep; whatever a sweep looks at is as the one before it left it."""
    out, unknown = curtain.astype("float64"), hole.copy()
    while unknown.any():
        before = np.pad(out, window, mode="reflect")
        blind = np.pad(unknown, window, mode="reflect")
        found = {}
        for row, column in np.argwhere(unknown):
            middle = row + window, column + window
            sides = [(-1, 0), (1, 0), (0, -1), (0, 1)]
            if all(blind[middle[0] + i, middle[1] + j] for i, j in sides):
                continue
            known = [
                before[i, j]
                for i in range(row, row + 2 * window + 1)
                for j in range(column, column + 2 * window + 1)
                if not blind[i, j]
            ]
            found[row, column] = sum(known) / len(known)
        for gate, value in found.items():
            out[gate], unknown[gate] = value, False
    return out


def linear(curtain: np.ndarray, hole: np.ndarray, gates: int, clear: float) -> np.ndarray:
    out = curtain.astype("float64")
    for column in range(out.shape[1]):
        lowest = np.flatnonzero(~hole[:, column])[0]
        profile = []
        for value in out[lowest : lowest + gates, column]:
            if value <= clear:
                break
            profile.append(value)
        if not profile:
            out[:lowest, column] = out[lowest, column]
            continue
        rows = lowest + np.arange(len(profile))
        line = np.polyfit(rows, profile, deg=1 if len(profile) > 1 else 0)
        out[:lowest, column] = np.polyval(line, np.arange(lowest))
    return out


def relaxed(curtain: np.ndarray, hole: np.ndarray, power: int, sweeps: int) -> np.ndarray:
    """Steepest descent on the squares of the slopes, or for power 2 of the curvatures."""

    def laplacian(field):
        padded = np.pad(field, 1, mode="edge")
        around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        return around - 4 * field

    out = np.where(hole, curtain[~hole].mean(), curtain).astype("float64")
    step = {1: 0.125, 2: -1 / 64}[power]
    velocity = 0
    for _ in range(sweeps):
        change = laplacian(out) if power == 1 else laplacian(laplacian(out))
        velocity = 0.97 * velocity + step * change * hole
        out = out + velocity
    return out
