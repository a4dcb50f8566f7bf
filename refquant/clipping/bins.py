"""Histogram: bins a power of two wide merge into wider ones exactly, so data may come in any pieces and any order.

Bin k, from 0 to n - 1 on either side of 0, holds the x with k * 2**e <= |x| < (k + 1) * 2**e; zero stands apart. The
exponent e is the least that lets every |x| stay below n * 2**e, so the largest |x| lies in the upper half of the bins.
"""

from __future__ import annotations

import numpy as np

from ..arguments import Codes, Reals, quiet

EMPTY = -100_000  # the exponent of data without anything but zeros: below every other


@quiet
def exponents(lo: Reals, hi: Reals) -> Codes:
    """The least E with |x| < 2**E for every x in [lo, hi].

    >>> exponents(np.float64(-3), np.float64(4))
    array(3, dtype=int32)
    """
    largest = np.asarray(np.maximum(np.abs(lo), np.abs(hi)))
    return np.where(largest > 0, np.frexp(largest)[1], EMPTY)


@quiet
def tally(x: Reals, exponent: Codes, n: int, counts: Codes | None = None) -> Codes:
    """How many x lie in each bin: (*exponent's shape, 2 n + 1), ascending, zero in the middle.

    Args:
        x: (*S) finite reals.
        exponent: of a shape that broadcasts to x's; the bins are 2**exponent / n wide.
        n: bins on either side of 0, a power of two.
        counts: (*S) how often each x occurs; None is once.

    >>> tally(np.array([-3.0, 0.0, 0.5, 3.9, 3.9]), np.array(2), 2)
    array([1, 0, 1, 1, 2])
    """
    scaled = np.ldexp(np.asarray(x, np.float64), n.bit_length() - 1 - exponent)
    place = (np.trunc(scaled) + np.sign(x)).astype(np.intp)  # of x: what scaling makes 0 was not 0
    place += n + (2 * n + 1) * np.arange(exponent.size).reshape(exponent.shape)
    weights = None if counts is None else counts.ravel()
    found = np.bincount(place.ravel(), weights, minlength=(2 * n + 1) * exponent.size)
    return found.astype(np.int64).reshape(*exponent.shape, 2 * n + 1)


def coarser(counts: Codes, doublings: Codes) -> Codes:
    """The same counts in bins 2**doublings as wide: k becomes k >> doublings on either side of 0.

    >>> coarser(np.array([5, 1, 0, 0, 7]), np.array(1))
    array([0, 6, 0, 7, 0])
    """
    n = counts.shape[-1] // 2
    k = np.arange(-n, n + 1)
    to = n + np.sign(k) * (((np.abs(k) - 1) >> np.minimum(doublings, 62)[..., None]) + 1)
    to += (2 * n + 1) * np.arange(doublings.size).reshape(*doublings.shape, 1)
    found = np.bincount(to.ravel(), counts.ravel(), minlength=counts.size)
    return found.astype(np.int64).reshape(counts.shape)


@quiet
def centres(exponent: Codes, n: int) -> Reals:
    """The middles of the bins, and 0: (*exponent's shape, 2 n + 1) float64.

    >>> centres(np.array(2), 2)
    array([-3., -1.,  0.,  1.,  3.])
    """
    k = np.arange(-n, n + 1)
    return np.ldexp(k - 0.5 * np.sign(k), exponent[..., None] - n.bit_length() + 1)
