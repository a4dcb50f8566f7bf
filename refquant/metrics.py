"""How large the error is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Reals


@arguments.quiet
def mse(x: ArrayLike, y: ArrayLike) -> float:
    """mean((x - y)**2), in reals squared, accumulated in float64.

    Args:
        x, y: (*S) finite reals of one shape.

    Squares neither overflow nor vanish on the way; the mean itself may, as any float64 (inf, 0).

    >>> mse([1.0, 2.0], [1.0, 2.5]), mse([1e154, 0.0], [0.0, 1e154])
    (0.125, 1e+308)

    Raises:
        ValueError: different shapes, no data, NaN or infinities.
        TypeError: integers, complex or other dtypes.
    Source: definition.
    """
    m, e = _mean_square(*_difference(*_pair("mse", x, y)))
    return float(np.ldexp(m, 2 * e))


@arguments.quiet
def sqnr_db(x: ArrayLike, y: ArrayLike) -> float:
    """10 * log10(sum(x**2) / sum((x - y)**2)): signal x to quantization noise, in decibels.

    Args:
        x: (*S) finite reals, the signal.
        y: (*S) finite reals, its quantized form.
    Returns:
        inf where x and y are equal, -inf where x is zero and y is not.

    Halving the error adds 6.02 dB.

    >>> round(sqnr_db([1.0, 1.0], [1.1, 0.9]), 2), round(sqnr_db([1.0, 1.0], [1.05, 0.95]), 2)
    (20.0, 26.02)

    Raises:
        ValueError: different shapes, no data, NaN or infinities.
        TypeError: integers, complex or other dtypes.
    Source: definition; 6.02 dB per bit for uniform data, see Bennett 1948.
    """
    x, y = _pair("sqnr_db", x, y)
    (signal, i), (noise, j) = _mean_square(x), _mean_square(*_difference(x, y))
    if noise == 0 or signal == 0:
        return math.inf if noise == 0 else -math.inf
    return 10 * (math.log10(signal / noise) + 2 * (i - j) * math.log10(2))


@arguments.quiet
def max_abs_error(x: ArrayLike, y: ArrayLike) -> float:
    """max |x - y|, in reals.

    Args:
        x, y: (*S) finite reals of one shape.
    Returns:
        The largest difference in float64, rounded once; inf beyond its largest number.

    >>> max_abs_error([1.0, -2.0], [1.25, -2.5])
    0.5

    Raises:
        ValueError: different shapes, no data, NaN or infinities.
        TypeError: integers, complex or other dtypes.
    Source: definition.
    """
    x, y = _pair("max_abs_error", x, y)
    return float(np.max(np.abs(x - y)))


def _difference(x: Reals, y: Reals) -> tuple[Reals, int]:
    """(d, e) with x - y = d * 2**e, rounded once: where a difference overflows, halves are subtracted."""
    d = x - y
    return (d, 0) if np.isfinite(d).all() else (x / 2 - y / 2, 1)


def _mean_square(d: Reals, e: int = 0) -> tuple[float, int]:
    """(m, k) with mean((d * 2**e)**2) = m * 4**k; the unit 2**k is a power of two, so scaling by it is exact."""
    k = int(np.frexp(np.max(np.abs(d)))[1]) - 1
    return float(np.mean(np.square(d / math.ldexp(1.0, k)))), k + e


def _pair(where: str, x: ArrayLike, y: ArrayLike) -> tuple[Reals, Reals]:
    a, b = arguments.finite(where, x, "x"), arguments.finite(where, y, "y")
    if a.shape != b.shape or not a.size:
        raise arguments.error(ValueError, where, "`x` and `y` must have one shape and hold data",
                              f"shapes {a.shape} and {b.shape}", "compare an array with its own quantized form")
    return a.astype(np.float64), b.astype(np.float64)
