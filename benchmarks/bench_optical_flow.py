"""Optical flow and advection: keras_wx beside pysteps, on a composite and on a small grid.

    python benchmarks/bench_optical_flow.py

needs pysteps and the Finnish composite of the project's data folder. Every arm runs on one thread,
and seconds are those of the CPU, so that other work on the machine counts little.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import xarray as xr
from pysteps.extrapolation.semilagrangian import extrapolate
from pysteps.motion.lucaskanade import dense_lucaskanade
from pysteps.motion.vet import vet
from report import table, update_section

from keras_wx.baselines.advection import advect
from keras_wx.baselines.optical_flow import lucas_kanade_flow, variational_flow
from keras_wx.baselines.optical_flow.gray import to_gray

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "fmi_20160928.nc"
LEADS = 15

Arms = dict[str, Callable[[], object]]


def tasks(frames: np.ndarray) -> dict[str, Arms]:
    """What is measured on three frames: ours first, then its peer. VET is for small grids."""
    velocity = variational_flow(*to_gray(frames[-2:]))
    both = [advect(frames[-1], velocity, LEADS), extrapolate(frames[-1], velocity, LEADS)]
    np.testing.assert_allclose(*both, atol=1e-3)
    arms = {
        f"advection, {LEADS} leads": {
            "advect": lambda: advect(frames[-1], velocity, LEADS),
            "pysteps semilagrangian": lambda: extrapolate(frames[-1], velocity, LEADS),
        },
        "Lucas-Kanade, 3 frames": {
            "lucas_kanade_flow": lambda: lucas_kanade_flow(to_gray(frames)),
            "pysteps dense_lucaskanade": lambda: dense_lucaskanade(frames),
        },
    }
    if frames[0].size < 10_000:
        arms["variational, 2 frames"] = {
            "variational_flow": lambda: variational_flow(*to_gray(frames[-2:])),
            "pysteps VET": lambda: vet(frames[-2:], verbose=False),
        }
    return arms


def cpu_seconds(arms: Arms, rounds: int) -> dict[str, list[float]]:
    seconds = {name: [] for name in arms}
    for run in arms.values():
        run()
    for _ in range(rounds):
        for name, run in arms.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, default=FILE)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    cv2.setNumThreads(1)
    composite = xr.open_dataset(options.path)["reflectivity"][:3].clip(min=0).fillna(0).values
    middle = composite[:, 500:564, 300:364]
    assert middle.mean() > 1, "hardly any echo in the small grid"
    rows = []
    for frames in (composite, middle):
        for task, arms in tasks(frames).items():
            seconds = cpu_seconds(arms, options.rounds)
            ours, theirs = seconds.values()
            ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
            rows.append(
                [
                    f"{task}, {frames.shape[1]} x {frames.shape[2]}",
                    f"{1e3 * statistics.median(ours):,.1f}",
                    f"{list(arms)[1]}: {1e3 * statistics.median(theirs):,.1f}",
                    f"{ratio:.2f}",
                ]
            )
    header = ["task", "keras_wx, CPU ms", "peer, CPU ms", "keras_wx is faster by"]
    title = f"Optical flow and advection, {options.rounds} interleaved rounds, medians"
    update_section("optical_flow", title, table(header, rows))


if __name__ == "__main__":
    main()
