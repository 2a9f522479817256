"""Makes keras_wx/data/shipped/mnist_1000_digits.npz, the digits of `moving_mnist`, from MNIST.

Usage: python tools/make_mnist_digits.py FILE

FILE is any that `open_dataset("moving_mnist", path=...)` reads. What ships comes from the 10,000
digits of the MNIST test set, `t10k-images-idx3-ubyte.gz`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from keras_wx.data.sources._mnist import read_digits

NUMBER = 1000
TARGET = Path(__file__).parents[1] / "keras_wx" / "data" / "shipped" / "mnist_1000_digits.npz"
ATTRIBUTION = (
    "The first 1,000 digits of the MNIST test set by Yann LeCun and Corinna Cortes, derived from "
    "NIST Special Databases 1 and 3. Licensed under CC BY-SA 3.0, "
    "https://creativecommons.org/licenses/by-sa/3.0/. Changes: selected and repacked."
)


def main(source: str) -> None:
    np.savez_compressed(TARGET, images=read_digits(source)[:NUMBER], attribution=ATTRIBUTION)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
