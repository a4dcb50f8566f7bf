"""The data: handwritten digits, and how they are split."""

from importlib.resources import files
from typing import NamedTuple

import numpy as np

from .._check import Codes, Reals


class Data(NamedTuple):
    """Samples (n, features) float32 from 0 to 1, and their classes (n,)."""

    x: Reals
    labels: Codes


class Split(NamedTuple):
    """Data to train and calibrate on, and data to test on."""

    train: Data
    test: Data


def digits() -> Data:
    """1,797 handwritten digits of 8 x 8 pixels, x = pixel / 16 (exact in float32).

    >>> x, labels = digits()
    >>> x.shape, labels[:5], float(x.max())
    ((1797, 64), array([0, 1, 2, 3, 4]), 1.0)

    Source: UCI Machine Learning Repository, doi:10.24432/C50P49, CC BY 4.0; see data/README.md.
    """
    with (files(__package__) / "data" / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    return Data(images.reshape(len(images), -1).astype(np.float32) / 16, labels.astype(np.int64))


def split(data: Data, rng: np.random.Generator, test_share: float = 0.3) -> Split:
    """A random permutation cut in two: the first rows train, the last ceil(n * test_share) test.

    >>> train, test = split(digits(), np.random.default_rng(0))
    >>> len(train.x), len(test.x)
    (1257, 540)
    """
    order = rng.permutation(len(data.x))
    at = len(order) - int(np.ceil(len(order) * test_share))
    first, last = (Data(data.x[rows], data.labels[rows]) for rows in (order[:at], order[at:]))
    return Split(first, last)
