"""The formula for one number at a time: it divides in the data's dtype (R3), then computes exactly, in fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..arguments import quiet
from ..grids import Grid

Scalar = np.floating[Any]
LARGEST = 2**1024 - 2**970  # from here on the nearest float64 is infinity


@quiet
def quotient(x: Scalar, scale: Scalar, grid: Grid) -> Scalar:
    """x / scale, one division in the dtype of the arithmetic (R3).

    >>> from refquant import INT8
    >>> quotient(np.float32(3.95), np.float32(0.1), INT8), quotient(np.float64(3.95), np.float64(0.1), INT8)
    (np.float32(39.5), np.float64(39.5))
    """
    dtype = grid.arithmetic(x.dtype).type
    return dtype(x) / dtype(scale)


def unclipped(x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> float:
    """round(x / scale) + zero_point, ties to even, before the clip; infinities stay infinite."""
    v = quotient(x, scale, grid)
    return round(Fraction(float(v))) + int(zero_point) if np.isfinite(v) else float(v)


def quantize(x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> int:
    """q = clip(round(x / scale) + zero_point, qmin, qmax).

    >>> from refquant import INT8
    >>> quantize(np.float32(2.5), np.float32(1), 1, INT8), quantize(np.float32("inf"), np.float32(1), 1, INT8)
    (3, 127)
    """
    return int(min(max(unclipped(x, scale, zero_point, grid), grid.qmin), grid.qmax))


@quiet
def dequantize(q: int, scale: Scalar, zero_point: int, grid: Grid, dtype: np.dtype[Any]) -> Scalar:
    """x_hat = scale * (q - zero_point): exact, rounded to the dtype of the arithmetic for `dtype`, then to `dtype`.

    >>> from refquant import INT8
    >>> dequantize(3, np.float32(0.1), 1, INT8, np.dtype("float32"))
    np.float32(0.2)
    """
    arithmetic = grid.arithmetic(dtype).type
    exact = Fraction(float(arithmetic(scale))) * (int(q) - int(zero_point))
    # at most 16 + 24 bits, or rounded straight to float64: no double rounding either way
    nearest = float(exact) if abs(exact) < LARGEST else math.copysign(math.inf, exact > 0 or -1)
    return arithmetic(nearest) if grid.bits > 16 else dtype.type(arithmetic(nearest))


@quiet
def affine_range(lo: Scalar, hi: Scalar, grid: Grid) -> tuple[Scalar, int]:
    """(scale, zero_point) of R8, R9 and R11; lo and hi in the dtype of the arithmetic."""
    dtype = type(lo)
    lo, hi = min(lo, dtype(0)), max(hi, dtype(0))
    if lo == hi:
        return dtype(1), grid.qmin
    scale = max((hi / 2 - lo / 2) / dtype((grid.qmax - grid.qmin) / 2), np.finfo(dtype).tiny)
    return scale, grid.qmin + min(round(Fraction(float(-lo / scale))), grid.qmax - grid.qmin)


@quiet
def symmetric_range(lo: Scalar, hi: Scalar, grid: Grid) -> tuple[Scalar, int]:
    """(scale, zero_point) of R10 and R11; lo and hi in the dtype of the arithmetic."""
    dtype = type(lo)
    zero_point = 0 if grid.qmin < 0 else 2 ** (grid.bits - 1)
    steps = 2 ** (grid.bits - 1) - 1  # on every grid: the shorter side of the zero point
    largest = max(abs(lo), abs(hi))
    return (max(largest / dtype(steps), np.finfo(dtype).tiny) if largest else dtype(1)), zero_point


def requantize(acc: int, mantissa: int, shift: int, zero_point: int, grid: Grid) -> int:
    """One rounding of the exact product acc * mantissa * 2**(shift - 31) (R14).

    >>> from refquant import INT8
    >>> requantize(21, 2**30, 0, 0, INT8)
    10
    """
    exact = Fraction(int(acc) * int(mantissa)) * Fraction(2) ** (int(shift) - 31)
    return int(min(max(round(exact) + int(zero_point), grid.qmin), grid.qmax))
