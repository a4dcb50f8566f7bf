"""Numbers without rounding: as fractions, back to the nearest float, and in digits that mean exactly one float.

How processors convert and add stands here, too.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import Reals, quiet
from ..grids import Grid

Scalar: TypeAlias = np.floating[Any]
Exact: TypeAlias = "Fraction | float"  # a float only where it is infinite or NaN


def exact(v: Any) -> Exact:
    """The number itself; infinities and NaN stay floats.

    >>> exact(np.float32(0.75)), exact(np.float32(np.inf))
    (Fraction(3, 4), inf)
    """
    if isinstance(v, Fraction):
        return v
    return Fraction(float(v)) if np.isfinite(v) else float(v)


@quiet
def nearest(v: Fraction, dtype: type[Scalar]) -> Scalar:
    """The float of the dtype nearest to v, ties to even: rounded once.

    On the way to float32 or float16, float64 is rounded to odd: no tie of theirs is odd, so none is false.

    >>> nearest(1 + Fraction(1, 2**24) + Fraction(1, 2**80), np.float32)
    np.float32(1.0000001)
    """
    if abs(v) >= 2**1024 - 2**970:
        return dtype(math.inf if v > 0 else -math.inf)
    near = np.float64(float(v))
    if dtype != np.float64 and near != v and near.view(np.int64) % 2 == 0:
        near = np.nextafter(near, math.inf if v > near else -math.inf)
    return dtype(near)


def place_of(v: Exact, grid: Grid) -> Exact:
    """Where v lies among the grid's values, counted from 0: an integer at a value, a half at a tie.

    >>> from refquant import E2M1
    >>> place_of(Fraction(-3, 4), E2M1), place_of(Fraction(5), E2M1)
    (Fraction(-3, 2), Fraction(13, 2))
    """
    if not isinstance(v, Fraction):
        return v
    values = grid.values.tolist()
    i = min(max(bisect_right(values, v), 1), len(values) - 1)
    low, high = map(Fraction, values[i - 1:i + 1])
    return i - 1 - bisect_left(values, 0) + (v - low) / (high - low)


def value_at(place: int | float, grid: Grid, like: Any) -> float:
    """The value there; beyond the ends with their gap. Zero has the sign of `like` where the grid has -0.

    >>> from refquant import E4M3
    >>> value_at(1, E4M3, 1.0) == 2**-9, value_at(127, E4M3, 1.0), value_at(0, E4M3, -1.0)
    (True, 480.0, -0.0)
    """
    if not math.isfinite(place):
        return place
    values = grid.values.tolist()
    k = int(place) + bisect_left(values, 0)
    i = min(max(k, 1), len(values) - 1)
    value = values[i] + (k - i) * (values[i] - values[i - 1])
    return float(value or math.copysign(0.0, like) + grid.zero)


@quiet
def coarse(x: Any, precision: int | None) -> Any:
    """x rounded to numbers of so many significant bits, in its dtype: float32 has 24, bfloat16 8, powers of two 1.

    >>> coarse(np.float32([0.1, 3.5]), 1), coarse(np.float32(0.1), None)
    (array([0.125, 4.   ], dtype=float32), np.float32(0.1))
    """
    a = np.asarray(x)
    drop = np.finfo(a.dtype).nmant + 1 - precision if precision else 0
    if drop <= 0:
        return x
    bits = a.view(f"i{a.itemsize}")
    even = (bits >> drop & 1) + (1 << (drop - 1)) - 1
    rounded = np.asarray((bits + even) >> drop << drop).view(a.dtype)
    return rounded if isinstance(x, np.ndarray) else rounded[()]


@quiet
def sum_once(v: Reals, c: Reals) -> Reals:
    """float32(v + c), rounded once, for arrays of float64: on the way float64 is rounded to odd.

    >>> sum_once(np.float64(2**-30), np.float64(1 + 2**-24)), np.float32(2**-30 + (1 + 2**-24))
    (array(1.0000001, dtype=float32), np.float32(1.0000001))
    """
    total = v + c
    back = total - v
    rest = (v - (total - back)) + (c - back)
    even = (np.abs(rest) > 0) & (total.view(np.int64) % 2 == 0)
    return np.asarray(np.where(even, np.nextafter(total, np.copysign(np.inf, rest)), total).astype(np.float32))


def fitting(v: Any, bits: int) -> Any:
    """Numbers as integers of so many bits, as x86 converts: what they do not hold, NaN too, becomes -2**(bits - 1).

    >>> fitting(np.float32([7, 2**31, -np.inf, np.nan]), 32)
    array([          7, -2147483648, -2147483648, -2147483648], dtype=int32)
    """
    a, low = np.asarray(v), -(2 ** (bits - 1))
    held = np.full(a.shape, low, f"int{bits}")
    np.copyto(held, a, where=(low <= a) & (a < -low), casting="unsafe")
    return held[()]


def multiply_add(a: Reals, b: Reals, c: Reals) -> Reals:
    """a * b + c, product and sum each rounded."""
    return a * b + c


def fused_multiply_add(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> Reals:
    """float32(a * b + c), rounded once, for float32 numbers a, b and c.

    Proof. The product of two 24-bit significands has 48 bits and an exponent float64 holds, so it is exact in float64;
    the sum is not. Rounding it to float64 and then to float32 is rounding twice, and wrong where the first rounding
    lands on a tie of the second. So what the first rounding dropped is found (Knuth's two-sum is exact), and where it
    is not 0 the sum is made odd: of the two float64 neighbours of the exact sum, the one whose last bit is 1. No tie
    of float32 is odd, and 53 >= 24 + 2 bits, so rounding that to float32 is rounding the exact sum (Boldo and
    Melquiond 2008, "Emulation of FMA and correctly rounded sums"). Infinite and NaN sums pass unchanged.

    The case occurs: 0.720255 * (1 / 1.4404881) + 128 lies above the tie between 128.5 and the next float32 by less
    than float64 sees. Rounded twice it is 128.5 and so code 128, in PyTorch and here it is 129.

    >>> x, inverse = np.float32(0.720255), 1 / np.float32(1.4404881)
    >>> fused_multiply_add(x, inverse, 128), np.float32(np.float64(x) * np.float64(inverse) + 128)
    (array(128.50002, dtype=float32), np.float32(128.5))

    Source: IEEE 754-2008, fusedMultiplyAdd; the vfmadd instructions.
    """
    return sum_once(np.multiply(a, b, dtype=np.float64), np.asarray(c, np.float64))


@quiet
def show(v: Any) -> str:
    """The shortest decimal that means this very float; what is no float is shown as float64.

    >>> show(np.float32(39.499996)), show(np.float32(1e20)), show(2)
    ('39.499996', '1e+20', '2')
    """
    v = v if isinstance(v, np.floating) else np.float64(v)
    if not np.isfinite(v):
        return str(v)
    plain = 1e-4 <= abs(v) < 1e8 or v == 0
    return np.format_float_positional(v, trim="-") if plain else np.format_float_scientific(v, trim="-")


def quotient(v: Any, x: Any, scale: Any) -> str:
    """v in digits, and its dtype where v is not exactly x / scale; a fraction was not rounded at all.

    >>> quotient(np.float32(5.5), np.float32(1.65), np.float32(0.3)), quotient(np.float32(2.5), 5, 2)
    ('5.5 in float32', '2.5')
    """
    if not isinstance(v, np.floating):
        return f"{float(v):.10g}, unrounded"
    is_exact = not np.isfinite(v) or exact(v) * exact(scale) == exact(x)
    return show(v) if is_exact else f"{show(v)} in {v.dtype}"


def hexadecimal(v: Any) -> str:
    """A float as C writes it, exactly, without zeros at the end.

    >>> hexadecimal(np.float32(1.65)), hexadecimal(2.0), hexadecimal(np.inf)
    ('0x1.a66666p+0', '0x1p+1', 'inf')
    """
    return re.sub(r"\.?0*p", "p", float(v).hex())
