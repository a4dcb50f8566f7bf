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


def p_value(e: Estimate) -> float:
    """The probability of a mean as far from 0, if the truth were 0: two-sided, from the interval.

    >>> round(p_value(Estimate(2.093, 2.093, 20)), 4), p_value(Estimate(0.0, 0.0, 20)), p_value(Estimate(1.0, None, 1))
    (0.05, 1.0, 1.0)
    """
    if not e.half_width:
        return float(e.half_width is None or e.mean == 0)
    return 1 - _within(abs(e.mean) / e.half_width * t_quantile(e.n - 1), e.n - 1)


def q_values(p: Sequence[float]) -> list[float]:
    """min over p_j >= p_i of p_j * m / rank_j: reject what is at most 0.05, and 5 % of what is rejected is false.

    >>> q_values([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]

    Source: Y. Benjamini and Y. Hochberg 1995, "Controlling the False Discovery Rate".
    """
    found, least = [1.0] * len(p), 1.0
    for rank, i in sorted(enumerate(sorted(range(len(p)), key=p.__getitem__), 1), reverse=True):
        found[i] = least = min(least, p[i] * len(p) / rank)
    return found


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
