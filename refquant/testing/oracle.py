"""The formula for one number at a time: it divides in the data's dtype (R3), then computes exactly, in fractions.

The values of a float grid are read from the bits of its codes (R17), and the nearest of them is looked for: neither is
how the grids do it. EXTENDED is a plain dict: a test may add the type of its own grid.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..arguments import quiet
from ..grids import Codebook, FloatGrid, Grid

Scalar = np.floating[Any]
LARGEST = 2**1024 - 2**970  # from here on the nearest float64 is infinity


class Entry(NamedTuple):
    """A value and its code. Of two equally near the lower rank is taken (R4), at 0 the one with the sign of x."""

    value: Fraction
    code: int
    rank: int
    negative: bool = False


def float_entry(grid: Any, negative: bool, magnitude: int) -> Entry:
    """What a float code means: a sign, an exponent and a mantissa, with subnormals (R17).

    >>> from refquant import E4M3
    >>> float_entry(E4M3, True, 0b0000_001)[:2], float_entry(E4M3, False, 0b1111_110)[:2]
    ((Fraction(-1, 512), 129), (Fraction(448, 1), 126))
    """
    exponent, mantissa = divmod(magnitude, 2**grid.mantissa)
    bias = 2 ** (grid.exponent - 1) - 1 + grid.fnuz
    value = (Fraction(mantissa, 2**grid.mantissa) + (exponent > 0)) * Fraction(2) ** (max(exponent, 1) - bias)
    code = magnitude + negative * 2 ** (grid.exponent + grid.mantissa)
    return Entry(-value if negative else value, code, magnitude % 2, negative)


def _floats(grid: Any) -> list[Entry]:
    values = 2 ** (grid.exponent + grid.mantissa) - grid.specials
    minus = [float_entry(grid, True, m) for m in range(1 if grid.fnuz else 0, values + 1)]
    return minus[::-1] + [float_entry(grid, False, m) for m in range(values + 1)]


def _places(grid: Any) -> list[Entry]:
    v = [Fraction(value) for value in grid.kept]
    return [Entry(value, place, place) for place, value in enumerate([2 * v[0] - v[1], *v, 2 * v[-1] - v[-2]], -1)]


#: Grids without equal steps: all values, ascending, and one more at each end, as if the grid went on.
EXTENDED: dict[type, Callable[[Any], list[Entry]]] = {FloatGrid: _floats, Codebook: _places}


@lru_cache(1000)
def extended(grid: Grid) -> list[Entry]:
    """All values of a grid without equal steps, and one more at each end.

    >>> from refquant import E2M1
    >>> [str(entry.value) for entry in extended(E2M1)[-4:]]
    ['3', '4', '6', '8']
    """
    return EXTENDED[type(grid)](grid)


@lru_cache(1000)
def meanings(grid: Grid) -> dict[int, Entry]:
    """Every code of a grid without equal steps, and what it means.

    >>> from refquant import E4M3FNUZ
    >>> len(meanings(E4M3FNUZ)), 0x80 in meanings(E4M3FNUZ)
    (255, False)
    """
    return {entry.code: entry for entry in extended(grid)[1:-1]}


def nearest(v: Scalar, among: list[Entry]) -> Entry:
    """The nearest of all values, ties to the lower rank (R4).

    >>> from refquant import E2M1
    >>> [int(nearest(np.float64(v), extended(E2M1)).value) for v in (2.5, 3.5, 5.0, -np.inf)]
    [2, 4, 4, -8]
    """
    if np.isinf(v):
        return among[-1 if v > 0 else 0]
    exact = Fraction(float(v))
    place = bisect_left(among, exact, key=lambda entry: entry.value)
    return min(among[max(place - 2, 0):place + 2], key=lambda entry: (
        abs(entry.value - exact), entry.rank, entry.negative != np.signbit(v)))


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
    """round(x / scale) + zero_point of integers, ties to even, before the clip; infinities stay infinite."""
    v = quotient(x, scale, grid)
    return round(Fraction(float(v))) + int(zero_point) if np.isfinite(v) else float(v)


def inside(x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> bool:
    """Whether the rounded value needs no clip (R15): nothing beyond the ends is nearer.

    >>> from refquant import E4M3
    >>> [inside(np.float32(x), np.float32(1), 0, E4M3) for x in (448, 464, 464.1)]
    [True, True, False]
    """
    if grid.equal_steps:
        return bool(grid.qmin <= unclipped(x, scale, zero_point, grid) <= grid.qmax)
    return nearest(quotient(x, scale, grid), extended(grid)) in extended(grid)[1:-1]


def quantize(x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> int:
    """q = clip(round(x / scale) + zero_point, qmin, qmax); elsewhere than on integers, the code of the nearest value.

    >>> from refquant import E4M3, INT8
    >>> quantize(np.float32(2.5), np.float32(1), 1, INT8), quantize(np.float32("inf"), np.float32(1), 1, INT8)
    (3, 127)
    >>> hex(quantize(np.float32(19), np.float32(1), 0, E4M3))
    '0x5a'
    """
    if grid.equal_steps:
        return int(min(max(unclipped(x, scale, zero_point, grid), grid.qmin), grid.qmax))
    return nearest(quotient(x, scale, grid), extended(grid)[1:-1]).code


@quiet
def dequantize(q: int, scale: Scalar, zero_point: int, grid: Grid, dtype: np.dtype[Any]) -> Scalar:
    """x_hat = scale * (q - zero_point): exact, rounded to the dtype of the arithmetic for `dtype`, then to `dtype`.

    >>> from refquant import INT8
    >>> dequantize(3, np.float32(0.1), 1, INT8, np.dtype("float32"))
    np.float32(0.2)
    """
    arithmetic = grid.arithmetic(dtype).type
    entry = Entry(Fraction(int(q)), int(q), 0) if grid.equal_steps else meanings(grid)[int(q)]
    exact = Fraction(float(arithmetic(scale))) * (entry.value - int(zero_point))
    # at most 24 + 24 bits, or rounded straight to float64: no double rounding either way
    size = float(abs(exact)) if abs(exact) < LARGEST else math.inf
    near = arithmetic(-size if exact < 0 or entry.negative else size)
    return near if grid.bits > 16 else dtype.type(near)


@quiet
def affine_range(lo: Scalar, hi: Scalar, grid: Grid) -> tuple[Scalar, int]:
    """(scale, zero_point) of R8, R9 and R11; lo and hi in the dtype of the arithmetic."""
    dtype = type(lo)
    lo, hi = min(lo, dtype(0)), max(hi, dtype(0))
    if lo == hi:
        return dtype(1), grid.qmin
    scale = max((hi / 2 - lo / 2) / dtype((grid.qmax - grid.qmin) / 2), np.finfo(dtype).tiny)
    return scale, grid.qmin + min(round(Fraction(float(-lo / scale))), grid.qmax - grid.qmin)


def reach(grid: Grid) -> Fraction:
    """How far the values reach on both sides of the zero point.

    >>> from refquant import INT8
    >>> reach(INT8)
    Fraction(127, 1)
    """
    if grid.equal_steps:  # on every grid: the shorter side of the zero point
        return Fraction(2 ** (grid.bits - 1) - 1)
    return min(-extended(grid)[1].value, extended(grid)[-2].value)


@quiet
def symmetric_range(lo: Scalar, hi: Scalar, grid: Grid) -> tuple[Scalar, int]:
    """(scale, zero_point) of R10 and R11; lo and hi in the dtype of the arithmetic."""
    dtype, largest = type(lo), max(abs(lo), abs(hi))
    scale = min(max(largest / dtype(reach(grid)), np.finfo(dtype).tiny), np.finfo(dtype).max)
    return scale if largest else dtype(1), 0 if grid.qmin < 0 else 2 ** (grid.bits - 1)


def requantize(acc: int, mantissa: int, shift: int, zero_point: int, grid: Grid) -> int:
    """One rounding of the exact product acc * mantissa * 2**(shift - 31) (R14).

    >>> from refquant import INT8
    >>> requantize(21, 2**30, 0, 0, INT8)
    10
    """
    exact = Fraction(int(acc) * int(mantissa)) * Fraction(2) ** (int(shift) - 31)
    return int(min(max(round(exact) + int(zero_point), grid.qmin), grid.qmax))
