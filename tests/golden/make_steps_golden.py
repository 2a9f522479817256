"""What pysteps says of one small rain field: the reference of the parts of `steps` without pysteps.

    python tests/golden/make_steps_golden.py

writes steps_pysteps.npz, inputs and results, beside this file. pysteps 1.21 made it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("steps_pysteps.npz")
SIZE, LEVELS = 32, 5
GAMMA = np.array([[0.99, 0.97], [0.9, 0.7], [0.9, 0.8], [0.6, 0.3], [0.3, 0.25], [0.2, -0.4]])


def rain() -> np.ndarray:
    """Two smooth fields with dry parts, `(2, 32, 32)`, in dBZ; no two wet values equal."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(0).normal(size=(2, SIZE, SIZE)), (0, 2, 2))
    field = 15 + 15 * noise / noise.std()
    return np.where(field > np.array([10, 15])[:, None, None], field, 0.0)


def pysteps_parts(field: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    from pysteps.cascade.bandpass_filters import filter_gaussian
    from pysteps.cascade.decomposition import decomposition_fft
    from pysteps.noise.fftgenerators import initialize_nonparam_2d_fft_filter
    from pysteps.postprocessing.probmatching import nonparam_match_empirical_cdf
    from pysteps.timeseries.autoregression import adjust_lag2_corrcoef2, estimate_ar_params_yw

    bands = filter_gaussian(field.shape, LEVELS)
    cascade = decomposition_fft(field, bands, compute_stats=True)
    noise = initialize_nonparam_2d_fft_filter(field, win_fun=None, rm_rdisc=False)
    return {
        "filters": bands["weights_2d"],
        "levels": cascade["cascade_levels"],
        "stds": np.array(cascade["stds"]),
        "phi": np.array(
            [estimate_ar_params_yw([one, adjust_lag2_corrcoef2(one, two)]) for one, two in GAMMA]
        ),
        "noise_amplitude": noise["field"],
        "matched": nonparam_match_empirical_cdf(field, other),
        "matched_back": nonparam_match_empirical_cdf(other, field),
    }


if __name__ == "__main__":
    field, other = rain()
    results = pysteps_parts(field, other)
    np.savez_compressed(PATH, field=field, other=other, gamma=GAMMA, **results)
    print(f"{PATH.name}: {', '.join(results)}")
