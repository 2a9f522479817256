"""What pysteps says of one small ensemble: the reference of keras_wx.verification without pysteps.

    python tests/golden/make_verification_golden.py

writes verification_pysteps.npz, fields and scores, beside this file. pysteps 1.21 made it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("verification_pysteps.npz")
THRESHOLDS = (10.0, 20.0, 30.0)
SCALES = (1, 4, 7, 16)
MEMBERS, SIZE = 7, 32


def fields() -> tuple[np.ndarray, np.ndarray]:
    """Members `(7, 32, 32)` with some skill, and their truth; smooth, no two values equal."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.normal(size=(MEMBERS + 2, SIZE, SIZE)), (0, 2, 2))
    noise *= 12 / noise.std()
    common, truth, members = noise[0], noise[1], noise[2:]
    return (15 + common + 0.6 * members).astype("f4"), (15 + common + 0.8 * truth).astype("f4")


def pysteps_scores(members: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    from pysteps.utils.spectral import rapsd
    from pysteps.verification import detcatscores, detcontscores, ensscores, probscores
    from pysteps.verification.spatialscores import fss

    mean = members.mean(axis=0)
    categorical = [
        detcatscores.det_cat_fct(mean, truth, thr, ["CSI", "POD", "FAR", "HSS", "BIAS"])
        for thr in THRESHOLDS
    ]
    diagrams = [
        probscores.reldiag((members >= thr).mean(axis=0), truth, thr, n_bins=10, min_count=0)
        for thr in THRESHOLDS
    ]
    return {
        **{name: np.array([row[name] for row in categorical]) for name in categorical[0]},
        **detcontscores.det_cont_fct(mean, truth, ["MAE", "MSE", "RMSE", "ME"]),
        "FSS": np.array([[fss(mean, truth, thr, side) for side in SCALES] for thr in THRESHOLDS]),
        "CRPS": probscores.CRPS(members, truth),
        "rankhist": ensscores.rankhist(members, truth, normalize=False),
        "reldiag_probability": np.array([probability for probability, _ in diagrams]),
        "reldiag_frequency": np.array([frequency for _, frequency in diagrams]),
        "rapsd_mean": rapsd(mean, fft_method=np.fft),
        "rapsd_truth": rapsd(truth, fft_method=np.fft),
        "rapsd_members": np.mean([rapsd(member, fft_method=np.fft) for member in members], axis=0),
    }


if __name__ == "__main__":
    members, truth = fields()
    with np.errstate(invalid="ignore"):  # bins of no forecast
        np.savez_compressed(PATH, members=members, truth=truth, **pysteps_scores(members, truth))
    print(f"{PATH}: {PATH.stat().st_size} bytes")
