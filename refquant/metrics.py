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

    >>> mse([1.0, 2.0], [1.0, 2.5])
    0.125

    Raises:
        ValueError: different shapes, no data, NaN or infinities.
        TypeError: integers, complex or other dtypes.
    Source: definition.
    """
    x, y = _pair("mse", x, y)
    return float(np.mean(np.square(x - y)))


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
    unit = max(float(np.max(np.abs(x))), float(np.max(np.abs(y)))) or 1.0
    noise, signal = _norm(x / unit - y / unit), _norm(x / unit)
    if noise == 0 or signal == 0:
        return math.inf if noise == 0 else -math.inf
    return 20 * (math.log10(signal) - math.log10(noise))


@arguments.quiet
def max_abs_error(x: ArrayLike, y: ArrayLike) -> float:
    """max |x - y|, in reals.

    Args:
        x, y: (*S) finite reals of one shape.

    >>> max_abs_error([1.0, -2.0], [1.25, -2.5])
    0.5

    Raises:
        ValueError: different shapes, no data, NaN or infinities.
        TypeError: integers, complex or other dtypes.
    Source: definition.
    """
    x, y = _pair("max_abs_error", x, y)
    return float(np.max(np.abs(x - y)))


def _norm(x: Reals) -> float:
    """sqrt(sum(x**2)) without overflow or underflow on the way."""
    largest = float(np.max(np.abs(x)))
    return largest and largest * math.sqrt(float(np.sum(np.square(x / largest))))


def _pair(where: str, x: ArrayLike, y: ArrayLike) -> tuple[Reals, Reals]:
    a, b = arguments.finite(where, x, "x"), arguments.finite(where, y, "y")
    if a.shape != b.shape or not a.size:
        raise arguments.error(ValueError, where, "`x` and `y` must have one shape and hold data",
                              f"shapes {a.shape} and {b.shape}", "compare an array with its own quantized form")
    return a.astype(np.float64), b.astype(np.float64)
