"""How others quantize: every convention of the formula as a function, exact on single numbers.

    quotient = division(x, scale)                          in the data's dtype, then exact
    n, rest  = zero_point(quotient, z, rounding)           an integer, or an infinity, and what is still to be added
    q        = min(max(cast(n, rest), qmin), qmax)

refquant's own are the first of each kind: true_division, after_rounding, half_even, saturating. Pass another to
check_quantizer to test an engine by its own convention; identify finds out which one an engine has.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..arguments import quiet
from ..grids import IntGrid

Scalar: TypeAlias = np.floating[Any]
Exact: TypeAlias = "Fraction | float"  # a float only where it is infinite
Rounding: TypeAlias = Callable[[Fraction], int]
Division: TypeAlias = Callable[[Scalar, Scalar], Exact]
Whole: TypeAlias = "int | float"  # a float only where it is infinite
ZeroPoint: TypeAlias = "Callable[[Exact, int, Rounding, type[Scalar]], tuple[Whole, int]]"
Cast: TypeAlias = "Callable[[Whole, int, IntGrid], Whole]"


# ---------------------------------------------------------------------------------------------- rounding

def half_even(v: Fraction) -> int:
    """Ties to the even integer (R4): IEEE 754's default, np.rint, torch.round.

    >>> [half_even(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-2, 0, 0, 2, 2]
    """
    return round(v)


def half_away(v: Fraction) -> int:
    """Ties away from zero: C's round(), TFLite's reference kernels, gguf.

    >>> [half_away(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-2, -1, 1, 2, 3]
    """
    return half_up(v) if v > 0 else -half_up(-v)


def half_up(v: Fraction) -> int:
    """Ties upward: floor(v + 1/2).

    >>> [half_up(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-1, 0, 1, 2, 3]
    """
    return math.floor(v + Fraction(1, 2))


def half_down(v: Fraction) -> int:
    """Ties downward: ceil(v - 1/2).

    >>> [half_down(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-2, -1, 0, 1, 2]
    """
    return math.ceil(v - Fraction(1, 2))


def toward_zero(v: Fraction) -> int:
    """The fraction dropped: a C cast.

    >>> toward_zero(Fraction(-9, 5)), toward_zero(Fraction(9, 5))
    (-1, 1)
    """
    return math.trunc(v)


def downward(v: Fraction) -> int:
    """floor(v).

    >>> downward(Fraction(-9, 5)), downward(Fraction(9, 5))
    (-2, 1)
    """
    return math.floor(v)


def half_added(v: Fraction) -> int:
    """floor(v + 0.5), the sum in float32: 0.49999997 + 0.5 is 1 there, so what lies below the tie goes up too.

    >>> below = Fraction(float(np.nextafter(np.float32(0.5), np.float32(0))))
    >>> half_added(below), half_up(below)
    (1, 0)
    """
    total = exact(nearest(v + Fraction(1, 2), np.float32))
    return math.floor(total) if isinstance(total, Fraction) else half_up(v)


def half_added_away(v: Fraction) -> int:
    """trunc(|v| + 0.5) with v's sign, the sum in float32: the usual (int)(v + 0.5f) on positive numbers; gguf.

    >>> half_added_away(Fraction(-5, 2)), half_added(Fraction(-5, 2))
    (-3, -2)
    """
    return half_added(v) if v > 0 else -half_added(-v)


# ---------------------------------------------------------------------------------------------- division

def true_division(x: Scalar, scale: Scalar) -> Exact:
    """x / scale, rounded once in the data's dtype (R3): ONNX Runtime.

    >>> true_division(np.float32(3.9499998), np.float32(0.1)) < Fraction(79, 2)
    True
    """
    return exact(x / scale)


def reciprocal(x: Scalar, scale: Scalar) -> Exact:
    """x * (1 / scale), rounded twice: PyTorch, torchao, XNNPACK.

    >>> reciprocal(np.float32(3.3), np.float32(0.3)) == true_division(np.float32(3.3), np.float32(0.3))
    False
    """
    return exact(x * (type(x)(1) / scale))


def fused_reciprocal(x: Scalar, scale: Scalar) -> Exact:
    """x * (1 / scale) with the product unrounded, as in a fused multiply-add: torch.quantize_per_tensor.

    A sum rounded to float64 and then to float32 is no fused multiply-add, but on int8 no float32 tells the two apart:
    the significands of x and of 1 / scale would have to multiply to one of twelve integers that are no such products.

    >>> fused_reciprocal(np.float32(3), np.float32(10)) == 3 * Fraction(float(np.float32(1) / np.float32(10)))
    True
    """
    inverse = exact(type(x)(1) / scale)
    product = exact(x) * inverse  # inf * 0 does not occur: scales are normal numbers
    return product


def in_float64(x: Scalar, scale: Scalar) -> Exact:
    """x / scale in float64, whatever the data's dtype: NumPy with a Python float for a scale array in float64.

    >>> in_float64(np.float32(3.9499998), np.float32(0.1)) == true_division(np.float32(3.9499998), np.float32(0.1))
    False
    """
    return exact(np.float64(x) / np.float64(scale))


def reciprocal_in_float64(x: Scalar, scale: Scalar) -> Exact:
    """x * (1 / scale) in float64.

    >>> reciprocal_in_float64(np.float32(3), np.float32(10)) == in_float64(np.float32(3), np.float32(10))
    False
    """
    return exact(np.float64(x) * (np.float64(1) / np.float64(scale)))


def flushed_reciprocal(x: Scalar, scale: Scalar) -> Exact:
    """x * (1 / scale), where subnormal numbers count as 0, x and the reciprocal alike: XNNPACK on x86.

    >>> x, scale = np.float32(2.0**-127), np.float32(2.0**-126)
    >>> reciprocal(x, scale), flushed_reciprocal(x, scale)
    (Fraction(1, 2), Fraction(0, 1))
    """
    return exact(_flushed(x) * _flushed(type(x)(1) / scale))


def in_float16(x: Scalar, scale: Scalar) -> Exact:
    """x / scale, both rounded to float16 and divided there: ONNX Runtime's QuantizeLinear with precision=float16.

    >>> x, scale = np.float32(1.65), np.float32(0.3)
    >>> in_float16(x, scale), float(true_division(x, scale))
    (Fraction(11, 2), 5.499999523162842)
    """
    return exact(np.float16(x) / np.float16(scale))


def _flushed(v: Scalar) -> Scalar:
    return v if abs(v) >= np.finfo(v.dtype).tiny else type(v)(0)


# ---------------------------------------------------------------------------------------------- zero point

def after_rounding(v: Exact, z: int, rounding: Rounding, _: type[Scalar]) -> tuple[Whole, int]:
    """round(v), and z to be added (R5): which code a tie gets depends on where zero lies.

    >>> after_rounding(Fraction(5, 2), 1, half_even, np.float32)
    (2, 1)
    """
    return (rounding(v) if isinstance(v, Fraction) else v), z


def before_rounding(v: Exact, z: int, rounding: Rounding, dtype: type[Scalar]) -> tuple[Whole, int]:
    """round(v + z), the sum rounded in the data's dtype: torch.quantize_per_tensor, brevitas, qwix.

    >>> before_rounding(Fraction(5, 2), 1, half_even, np.float32)
    (4, 0)
    """
    total = exact(nearest(v + z, dtype)) if isinstance(v, Fraction) else v
    return (rounding(total) if isinstance(total, Fraction) else total), 0


def before_rounding_in_float64(v: Exact, z: int, rounding: Rounding, _: type[Scalar]) -> tuple[Whole, int]:
    """round(v + z), the sum in float64.

    >>> before_rounding_in_float64(Fraction(5, 2), 1, half_even, np.float32)
    (4, 0)
    """
    return before_rounding(v, z, rounding, np.float64)


# ---------------------------------------------------------------------------------------------- cast

def saturating(n: Whole, rest: int, _: IntGrid) -> Whole:
    """Clipped before the cast (R6): what is too large becomes qmax, and infinity too.

    >>> from refquant import INT8
    >>> saturating(math.inf, 3, INT8)
    inf
    """
    return n + rest


def through_int32(n: Whole, rest: int, _: IntGrid) -> Whole:
    """Cast to int32 before the clip, as x86 does: what does not fit becomes -2**31, and so qmin; then sums wrap.

    >>> from refquant import INT8
    >>> through_int32(2**31, 5, INT8), through_int32(300, 0, INT8)
    (-2147483643, 300)
    """
    return _wrapped(_fitting(n, 32) + rest, 32)


def through_int64(n: Whole, rest: int, _: IntGrid) -> Whole:
    """Cast to int64 before the clip, as x86 does: what does not fit becomes -2**63, and so qmin; then sums wrap.

    >>> from refquant import INT8
    >>> through_int64(2**31, 0, INT8), through_int64(math.inf, 0, INT8)
    (2147483648, -9223372036854775808)
    """
    return _wrapped(_fitting(n, 64) + rest, 64)


def sum_through_int64(n: Whole, rest: int, _: IntGrid) -> Whole:
    """Cast to int64 with the zero point added before, so that no sum wraps: torch.fake_quantize_per_channel_affine.

    >>> from refquant import INT8
    >>> sum_through_int64(math.inf, -1, INT8) < 0 < through_int64(math.inf, -1, INT8)
    True
    """
    return _fitting(n + rest, 64)


def wrapping(n: Whole, rest: int, grid: IntGrid) -> Whole:
    """Not clipped at all: the lowest bits of the integer (of int64's, if it does not fit there).

    >>> from refquant import INT8
    >>> wrapping(130, 0, INT8), wrapping(math.inf, 0, INT8)
    (-126, 0)
    """
    low = -(2 ** (grid.bits - 1)) if grid.signed else 0
    return int((_fitting(n, 64) + rest - low) % 2**grid.bits + low)


def _fitting(n: Whole, bits: int) -> int:
    return int(n) if -(2.0 ** (bits - 1)) <= n < 2.0 ** (bits - 1) else -(2 ** (bits - 1))


def _wrapped(n: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (n + half) % (2 * half) - half


OWN = "refquant's own"


class Convention(NamedTuple):
    """One way to quantize.

    >>> from refquant import INT8
    >>> Convention(rounding=half_away).quantize(np.float32(2.5), np.float32(1), 0, INT8)
    3
    """

    division: Division = true_division
    zero_point: ZeroPoint = after_rounding
    rounding: Rounding = half_even
    cast: Cast = saturating

    @quiet
    def quantize(self, x: Scalar, scale: Scalar, zero_point: int, grid: IntGrid) -> int:
        """The code of one number that is not NaN; x and scale of one dtype."""
        n, rest = self.zero_point(self.division(x, scale), int(zero_point), self.rounding, type(x))
        return int(min(max(self.cast(n, rest, grid), grid.qmin), grid.qmax))

    def __str__(self) -> str:
        changed = [(field, getattr(self, field)) for field in self._fields
                   if getattr(self, field) is not self._field_defaults[field]]
        return ", ".join(f"{field}={function.__name__}" for field, function in changed) or OWN


#: Every named convention of each kind, refquant's first.
NAMED: dict[str, tuple[Callable[..., Any], ...]] = {
    "division": (true_division, reciprocal, fused_reciprocal, in_float64, reciprocal_in_float64),
    "zero_point": (after_rounding, before_rounding, before_rounding_in_float64),
    "rounding": (half_even, half_away, half_up, half_down, half_added, half_added_away, toward_zero, downward),
    "cast": (saturating, through_int32, through_int64, sum_through_int64, wrapping),
}

#: What occurs in this combination alone.
PECULIAR = (Convention(flushed_reciprocal), Convention(in_float16))
#: What known engines' quantizers do, by operator.
ENGINES: dict[str, Convention] = {
    "ONNX Runtime QuantizeLinear": Convention(),
    "ONNX Runtime QuantizeLinear, precision=float16": Convention(in_float16),
    "torch.quantize_per_tensor": Convention(fused_reciprocal, before_rounding),
    "torch.quantize_per_channel": Convention(reciprocal, before_rounding),
    "torch.fake_quantize_per_tensor_affine": Convention(reciprocal),
    "torch.fake_quantize_per_channel_affine": Convention(reciprocal, cast=sum_through_int64),
    "torchao quantize_affine": Convention(reciprocal),
    "LiteRT QUANTIZE, reference": Convention(rounding=half_away, cast=through_int32),
    "LiteRT QUANTIZE, XNNPACK": Convention(flushed_reciprocal),
}


def exact(v: Scalar) -> Exact:
    """The number itself; infinities stay floats.

    >>> exact(np.float32(0.75)), exact(np.float32(np.inf))
    (Fraction(3, 4), inf)
    """
    return Fraction(float(v)) if np.isfinite(v) else float(v)


@quiet
def nearest(v: Fraction, dtype: type[Scalar]) -> Scalar:
    """The float of the dtype nearest to v, ties to even: rounded once.

    >>> nearest(1 + Fraction(1, 2**24) + Fraction(1, 2**80), np.float32)
    np.float32(1.0000001)
    """
    near = dtype(float(v)) if abs(v) < 2**1024 - 2**970 else dtype(math.inf if v > 0 else -math.inf)
    if not np.isfinite(near) or Fraction(float(near)) == v:
        return near
    other = np.nextafter(near, dtype(math.inf if v > Fraction(float(near)) else -math.inf))
    if not np.isfinite(other):
        return near
    gaps = [abs(v - Fraction(float(end))) for end in (near, other)]
    if gaps[0] == gaps[1]:
        return near if int(near.view(f"i{near.itemsize}")) % 2 == 0 else dtype(other)
    return near if gaps[0] < gaps[1] else dtype(other)
