"""Means with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Estimate(NamedTuple):
    """A mean, the half-width of its 95 % interval (None where one run shows no spread), and the number of runs."""

    mean: float
    half_width: float | None
    n: int


def estimate(values: Sequence[float], overlap: float = 0.0) -> Estimate:
    """mean +- t * s * sqrt(1/n + overlap), Student's t with n - 1 degrees of freedom.

    overlap: test samples per training sample, where each value comes from another split of the same data: splits share
    most of their samples, so their spread tells too little of what other data would give.

    >>> mean, half_width, n = estimate([1.0, 2.0, 3.0])
    >>> mean, round(half_width, 3), n
    (2.0, 2.484, 3)

    Source: W. S. Gosset ("Student") 1908; C. Nadeau and Y. Bengio 2003, "Inference for the Generalization Error".
    """
    n, mean = len(values), math.fsum(values) / len(values)
    if n < 2:
        return Estimate(mean, None, n)
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    return Estimate(mean, t_quantile(n - 1) * math.sqrt(variance * (1 / n + overlap)), n)


def t_quantile(df: int, coverage: float = 0.95) -> float:
    """t such that Student's t with df degrees of freedom lies in -t..t with the given probability.

    >>> round(t_quantile(1), 3), round(t_quantile(9), 3), round(t_quantile(1000), 3)
    (12.706, 2.262, 1.962)
    """
    lo, hi = 0.0, 1e6
    while hi - lo > 1e-12 * hi:
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if _within(middle, df) < coverage else (lo, middle)
    return hi


def _within(t: float, df: int) -> float:
    """P(|T| < t): a finite series for whole df (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    theta = math.atan(t / math.sqrt(df))
    sine, square = math.sin(theta), math.cos(theta) ** 2
    term = math.cos(theta) if df % 2 else 1.0
    total = 0.0
    for k in range(df % 2 + 1, df, 2):
        total += term
        term *= square * k / (k + 1)
    return 2 / math.pi * (theta + sine * total) if df % 2 else sine * total
