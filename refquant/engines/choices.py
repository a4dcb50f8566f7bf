"""What an engine may choose: each choice a function, exact on single numbers, that also tells its step.

Where Any stands for a number, arrays of them do as well.

    division(x, scale)             the quotient, rounded to a float, or an unrounded fraction
    zero_point(v, z, dtype)        what is rounded to an integer, and what is added after that
    rounding(v)                    an integer
    cast(n, rest, grid)            the sum, before the clip
    nan(grid)                      the code of NaN

The first of each kind is refquant's own: true_division, after_rounding, half_even, saturating, refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from ..arguments import quiet
from ..grids import Grid
from .exact import Exact, Scalar, coarse, exact, fitting, nearest, quotient, show
from .steps import Words, described

Whole: TypeAlias = "int | float"  # a float only where it is infinite or NaN
Rounding: TypeAlias = Callable[[Fraction], int]
Division: TypeAlias = "Callable[[Scalar, Scalar], Scalar | Exact]"
ZeroPoint: TypeAlias = "Callable[[Scalar | Exact, int, type[Scalar]], tuple[Scalar | Exact, int]]"
Cast: TypeAlias = Callable[[Whole, Any, Grid], Whole]
Nan: TypeAlias = "Callable[[Grid], float | None]"


# ---------------------------------------------------------------------------------------------- rounding

def _ties(where: str) -> Words:
    """Of a rounding: whether there was a tie, and to which integer it went."""
    def words(v: Exact, n: Whole) -> str:
        if not math.isfinite(v) or v == n:
            return ""
        gap = abs(v - n) - Fraction(1, 2)
        return f", {'to the nearest' if gap < 0 else where if gap > 0 else f'a tie: {where}'} {n}"
    return words


@described("round, ties to even", _ties("to the even"))
def half_even(v: Fraction) -> int:
    """Ties to the even integer (R4): IEEE 754's default, np.rint, torch.round.

    >>> [half_even(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-2, 0, 0, 2, 2]
    """
    return round(v)


@described("round, ties away from 0", _ties("away from zero"), "it rounds ties away from 0")
def half_away(v: Any) -> Any:
    """Ties away from zero, of a fraction or of floats: C's round(), TFLite's reference kernels, gguf.

    >>> [half_away(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-2, -1, 1, 2, 3]
    >>> half_away(np.array([-2.5, 0.49999999999999994, np.inf]))
    array([-3.,  0., inf])
    """
    return np.sign(v) * half_up(np.abs(v))


@described("round, ties up", _ties("up"), "it rounds ties up")
@quiet
def half_up(v: Any) -> Any:
    """Ties upward: floor(v + 1/2).

    >>> [half_up(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-1, 0, 1, 2, 3]
    """
    return np.floor(v) + (v - np.floor(v) >= 0.5)


@described("round, ties down", _ties("down"), "it rounds ties down")
def half_down(v: Any) -> Any:
    """Ties downward: ceil(v - 1/2).

    >>> [half_down(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-2, -1, 0, 1, 2]
    """
    return -half_up(-v)


@described("round, ties toward 0", _ties("toward zero"), "it rounds ties toward 0")
def half_toward_zero(v: Any) -> Any:
    """Ties toward zero: ceil(|v| - 1/2) with v's sign.

    >>> [half_toward_zero(Fraction(k, 2)) for k in (-3, -1, 1, 3, 5)]
    [-1, 0, 0, 1, 2]
    """
    return np.sign(v) * half_down(np.abs(v))


@described("round toward 0", _ties("toward zero"), "it drops the fraction")
def toward_zero(v: Any) -> Any:
    """The fraction dropped: a C cast.

    >>> toward_zero(Fraction(-9, 5)), toward_zero(Fraction(9, 5))
    (-1, 1)
    """
    return np.trunc(v)


@described("round down", _ties("down"), "it rounds down")
def downward(v: Any) -> Any:
    """floor(v).

    >>> downward(Fraction(-9, 5)), downward(Fraction(9, 5))
    (-2, 1)
    """
    return np.floor(v)


@described("round up", _ties("up"), "it rounds up")
def upward(v: Any) -> Any:
    """ceil(v).

    >>> upward(Fraction(-9, 5)), upward(Fraction(9, 5))
    (-1, 2)
    """
    return np.ceil(v)


@described("round away from 0", _ties("away from zero"), "it rounds away from 0")
def away_from_zero(v: Any) -> Any:
    """ceil(|v|) with v's sign.

    >>> away_from_zero(Fraction(-6, 5)), away_from_zero(Fraction(6, 5))
    (-2, 2)
    """
    return np.sign(v) * np.ceil(np.abs(v))


@described("floor of + 0.5 in float32", _ties("as + 0.5 is rounded to float32:"), "it adds 0.5 in float32")
def half_added(v: Fraction) -> int:
    """floor(v + 0.5), the sum in float32: 0.49999997 + 0.5 is 1 there, so what lies below the tie goes up too.

    >>> below = Fraction(float(np.nextafter(np.float32(0.5), np.float32(0))))
    >>> half_added(below), half_up(below)
    (1, 0)
    """
    total = exact(nearest(v + Fraction(1, 2), np.float32))
    return math.floor(total) if isinstance(total, Fraction) else half_up(v)


@described("+- 0.5 in float32, toward 0", _ties("as + 0.5 is rounded to float32:"),
           "it adds 0.5 in float32, with the sign of x")
def half_added_away(v: Fraction) -> int:
    """trunc(|v| + 0.5) with v's sign, the sum in float32: the usual (int)(v + 0.5f) on positive numbers; gguf.

    >>> half_added_away(Fraction(-5, 2)), half_added(Fraction(-5, 2))
    (-3, -2)
    """
    return half_added(v) if v > 0 else -half_added(-v)


# ---------------------------------------------------------------------------------------------- division

def _by(formula: str) -> Words:
    """Of a division: the formula and the quotient."""
    return lambda x, scale, v: "" if np.isnan(x) else f"{formula} = {quotient(v, x, scale)}"


def _narrowed(x: Scalar, scale: Scalar, v: Scalar) -> str:
    narrow = f"{show(np.float16(x))} / {show(np.float16(scale))}"
    return "" if np.isnan(x) else f"x / scale = {narrow} = {show(v)} in float16"


def _with_flush(x: Scalar, scale: Scalar, v: Scalar) -> str:
    lost = x != 0 and 0 in (_flushed(x), _flushed(1 / scale))
    plain = _by("x * (1 / scale)")
    return f"x * (1 / scale) = {show(abs(v))}: a subnormal number counts as 0" if lost else plain(x, scale, v)


@described("x / scale", _by("x / scale"))
def true_division(x: Scalar, scale: Scalar) -> Scalar:
    """x / scale, rounded once in the data's dtype (R3): ONNX Runtime.

    >>> true_division(np.float32(3.9499998), np.float32(0.1))
    np.float32(39.499996)
    """
    return x / scale


@described("x * (1 / scale)", _by("x * (1 / scale)"), "it multiplies by 1 / scale, rounded")
def reciprocal(x: Scalar, scale: Scalar) -> Scalar:
    """x * (1 / scale), rounded twice: PyTorch, torchao, XNNPACK.

    >>> reciprocal(np.float32(3.9499998), np.float32(0.1))
    np.float32(39.5)
    """
    return x * (x.dtype.type(1) / scale)


@described("x * (1 / scale), exactly", _by("x * (1 / scale)"), "it multiplies by 1 / scale, rounded")
def fused_reciprocal(x: Scalar, scale: Scalar) -> Exact:
    """x * (1 / scale) with the product unrounded, as in a fused multiply-add: torch.quantize_per_tensor.

    A sum rounded to float64 and then to float32 is no fused multiply-add, but on int8 no float32 tells the two apart:
    the significands of x and of 1 / scale would have to multiply to one of twelve integers that are no such products.

    >>> fused_reciprocal(np.float32(3), np.float32(10)) == 3 * Fraction(float(np.float32(1) / np.float32(10)))
    True
    """
    return exact(x) * exact(type(x)(1) / scale)  # inf * 0 does not occur: scales are normal numbers


@described("x / scale in float64", _by("x / scale"), "it divides in float64")
def in_float64(x: Scalar, scale: Scalar) -> Scalar:
    """x / scale in float64, whatever the data's dtype: NumPy with a Python float for a scale array in float64.

    >>> in_float64(np.float32(3.9499998), np.float32(0.1))
    np.float64(39.499997504055536)
    """
    return np.float64(x) / np.float64(scale)


@described("x * (1 / scale) in float64", _by("x * (1 / scale)"), "it multiplies by 1 / scale, in float64")
def reciprocal_in_float64(x: Scalar, scale: Scalar) -> Scalar:
    """x * (1 / scale) in float64.

    >>> reciprocal_in_float64(np.float32(3), np.float32(10)) == in_float64(np.float32(3), np.float32(10))
    np.False_
    """
    return np.float64(x) * (np.float64(1) / np.float64(scale))


@described("x * (1 / scale), flushed", _with_flush, "it multiplies by 1 / scale, rounded")
def flushed_reciprocal(x: Any, scale: Any) -> Any:
    """x * (1 / scale), of numbers or arrays, where subnormal numbers count as 0, x and 1 / scale alike: XNNPACK on x86.

    >>> x, scale = np.float32(2.0**-127), np.float32(2.0**-126)
    >>> reciprocal(x, scale), flushed_reciprocal(x, scale)
    (np.float32(0.5), np.float32(0.0))
    """
    return _flushed(x) * _flushed(x.dtype.type(1) / scale)


@described("x / scale in float32", _by("float32(x) / scale"), "it rounds float64 to float32 first")
def in_float32(x: Any, scale: Any) -> Any:
    """x / scale in float32: what is float64 is rounded twice; ml_dtypes and torch, casts to small floats.

    >>> in_float32(np.float64(1.0625 + 2**-40), np.float64(1))
    np.float32(1.0625)
    """
    return np.float32(x) / np.float32(scale)


@described("x / scale, cut", lambda x, scale, v: f"x / scale = {show(x / scale)}" + "; cut off, it is NaN's code: 448 "
           "instead" * bool(np.abs(v) < np.abs(x / scale)), "it looks for NaN's code before it rounds")
def cut_from_480(x: Any, scale: Any) -> Any:
    """x / scale, of numbers or arrays, but 448 from 480 to 496: ONNX Runtime's E4M3 with saturate=0.

    So 464 becomes 448, 470 NaN, 480 and 495.99997 448, and 496 NaN: it is not monotone.

    >>> cut_from_480(np.float32([470, 480, 485, 496]), np.float32(1)).tolist()
    [470.0, 448.0, 448.0, 496.0]
    """
    v = x / scale
    return np.where((np.abs(v) >= 480) & (np.abs(v) < 496), np.copysign(np.float32(448), v), v)[()]


@described("x / scale, cut", lambda x, scale, v: f"x / scale = {show(x / scale)}" + "; rounded up, it is NaN" * bool(
           np.isnan(v)), "it makes NaN of what rounds to infinity's code")
def nan_from_61440(x: Any, scale: Any) -> Any:
    """x / scale, of numbers or arrays, but NaN from 61440 to 65536: ONNX Runtime's E5M2 with saturate=0.

    >>> nan_from_61440(np.float32([61439.996, 61440, 65536]), np.float32(1)).tolist()
    [61439.99609375, nan, 65536.0]
    """
    v = x / scale
    return np.where((np.abs(v) >= 61440) & (np.abs(v) < 65536), np.float32(np.nan), v)[()]


@described("x / (255 * scale) * 255", _by("x / (255 * scale) * 255"), "it divides by the width of the range, times 255")
def of_range(x: Any, scale: Any) -> Any:
    """x / (255 * scale) * 255, of numbers or arrays: faiss, whose range is 255 * scale wide.

    >>> of_range(np.float32(3), np.float32(1)), of_range(np.float32(5), np.float32(1))
    (np.float32(3.0), np.float32(5.0))
    """
    steps = x.dtype.type(255)
    return x / (steps * scale) * steps


@described("x / scale in float16", _narrowed, "it divides in float16")
def in_float16(x: Scalar, scale: Scalar) -> Scalar:
    """x / scale, both rounded to float16 and divided there: ONNX Runtime's QuantizeLinear with precision=float16.

    >>> x, scale = np.float32(1.65), np.float32(0.3)
    >>> in_float16(x, scale), true_division(x, scale)
    (np.float16(5.5), np.float32(5.4999995))
    """
    return np.float16(x) / np.float16(scale)


@described("x / scale in bfloat16", _by("x / scale"), "it divides in bfloat16")
def in_bfloat16(x: Any, scale: Any) -> Any:
    """x / scale in float32, of numbers or arrays, then rounded to bfloat16: tensors of bfloat16.

    >>> in_bfloat16(np.float32(193), np.float32(129)), true_division(np.float32(193), np.float32(129))
    (np.float32(1.5), np.float32(1.496124))
    """
    return coarse(x / scale, 8)


def _flushed(v: Any) -> Any:
    return np.where(np.abs(v) < np.finfo(v.dtype).tiny, v.dtype.type(0), v)


# ---------------------------------------------------------------------------------------------- zero point

def _early_sum(v: Scalar | Exact, z: int, _: type[Scalar], total: Scalar | Exact) -> str:
    if math.isnan(total):
        return ""
    return f", + {z} = {show(total)}" if isinstance(v, np.floating) else f"; + {z}, rounded once, = {show(total)}"


@described("", lambda *_: "")
def after_rounding(v: Scalar | Exact, z: int, _: type[Scalar]) -> tuple[Scalar | Exact, int]:
    """round(v), and z to be added (R5): which code a tie gets depends on where zero lies.

    >>> after_rounding(Fraction(5, 2), 1, np.float32)
    (Fraction(5, 2), 1)
    """
    return v, z


@described("+ zero point", _early_sum, "it adds the zero point before it rounds")
def before_rounding(v: Scalar | Exact, z: int, dtype: type[Scalar]) -> tuple[Scalar | Exact, int]:
    """round(v + z), the sum rounded in the data's dtype: torch.quantize_per_tensor, brevitas, qwix.

    >>> before_rounding(Fraction(5, 2), 1, np.float32)
    (np.float32(3.5), 0)
    """
    whole = exact(v)
    return (nearest(whole + z, dtype) if isinstance(whole, Fraction) else v), 0


@described("+ zero point, in float64", _early_sum, "it adds the zero point before it rounds, in float64")
def before_rounding_in_float64(v: Scalar | Exact, z: int, _: type[Scalar]) -> tuple[Scalar | Exact, int]:
    """round(v + z), the sum in float64.

    >>> before_rounding_in_float64(Fraction(5, 2), 1, np.float32)
    (np.float64(3.5), 0)
    """
    return before_rounding(v, z, np.float64)


@described("x - lo", lambda _, above, *__: f"x - lo = {show(above)}, which takes the place of x; ",
           "it subtracts the real of the lowest code before it divides")
def offset_first(v: Scalar | Exact, z: int, _: type[Scalar]) -> tuple[Scalar | Exact, int]:
    """round((x - lo) / scale) + qmin, lo = (qmin - zero_point) * scale and x - lo rounded: mlx.

    TensorFlow's fake_quant, too, but for two more sums before it rounds: - zero_point, then + 0.5.
    Convention takes x - lo for x and qmin for the zero point (above_lowest); what is left is after_rounding.

    >>> from refquant import INT8
    >>> above_lowest(np.float32(-1.25), np.float32(0.5), 3, INT8)
    np.float32(64.25)
    """
    return v, z


def above_lowest(x: Any, scale: Any, z: Any, grid: Grid) -> Any:
    """x - lo, of numbers or arrays: lo is the real that the lowest code means."""
    return x - x.dtype.type(grid.qmin - z) * scale


# ---------------------------------------------------------------------------------------------- cast

def _late_sum(n: Whole, rest: int, dtype: type[Scalar]) -> str:
    return f"; + {rest} = {show(dtype(n + rest))}" if rest and not math.isnan(n) else ""


def _not_held(n: Whole, bits: int) -> str:
    what = "NaN" if math.isnan(n) else "it"
    return "" if fitting(n, bits) == n else f"; int{bits} does not hold {what}: -2**{bits - 1}"


def _through(bits: int) -> Words:
    """Of a cast to an integer, then the zero point, which may wrap."""
    def words(n: Whole, rest: int, _: Grid, q: Whole) -> str:
        how = "=" if q == int(fitting(n, bits)) + rest else "wraps to"
        return _not_held(n, bits) + (f"; + {rest} {how} {q}" if rest else "")
    return words


CAST_FIRST = "it casts to an integer before it clips, and what does not fit becomes the lowest"


@described("{}", lambda n, rest, *_: _late_sum(n, rest, np.float32))
def saturating(n: Any, rest: Any, _: Grid) -> Any:
    """Clipped before the cast (R6): what is too large becomes qmax, and infinity too.

    >>> from refquant import INT8
    >>> saturating(math.inf, 3, INT8)
    inf
    """
    return n + rest


@described("int32, {}", _through(32), CAST_FIRST)
@quiet
def through_int32(n: Any, rest: Any, _: Grid) -> Any:
    """Cast to int32 before the clip, as x86 does: what does not fit becomes -2**31, and so qmin; then sums wrap.

    >>> from refquant import INT8
    >>> int(through_int32(2**31, 5, INT8)), int(through_int32(300, 0, INT8))
    (-2147483643, 300)
    """
    return fitting(n, 32) + np.int32(rest)


@described("int64, {}", _through(64), CAST_FIRST)
@quiet
def through_int64(n: Any, rest: Any, _: Grid) -> Any:
    """Cast to int64 before the clip, as x86 does: what does not fit becomes -2**63, and so qmin; then sums wrap.

    >>> from refquant import INT8
    >>> int(through_int64(2**31, 0, INT8)), int(through_int64(math.inf, 0, INT8))
    (2147483648, -9223372036854775808)
    """
    return fitting(n, 64) + np.int64(rest)


@described("{}, int64", lambda n, rest, *_: _late_sum(n, rest, np.float64) + _not_held(n + rest, 64), CAST_FIRST)
def sum_through_int64(n: Any, rest: Any, _: Grid) -> Any:
    """Cast to int64 with the zero point added before, so that no sum wraps: torch.fake_quantize_per_channel_affine.

    >>> from refquant import INT8
    >>> bool(sum_through_int64(math.inf, -1, INT8) < 0 < through_int64(math.inf, -1, INT8))
    True
    """
    return fitting(n + rest, 64)


@described("{}, lowest bits", lambda n, rest, grid, q: _late_sum(n, rest, np.float64) + (
           f"; the lowest {grid.bits} bits are {q}" if q != n + rest else ""), "it does not clip: the lowest bits stay")
@quiet
def wrapping(n: Any, rest: Any, grid: Grid) -> Any:
    """Not clipped at all: the lowest bits of the integer (of int64's, if it does not fit there).

    >>> from refquant import INT8
    >>> int(wrapping(130, 0, INT8)), int(wrapping(math.inf, 0, INT8))
    (-126, 0)
    """
    low = -(2 ** (grid.bits - 1)) if grid.qmin < 0 else 0
    return (fitting(n, 64) + rest - low) % 2**grid.bits + low


def _instead(what: str) -> Words:
    """Of a cast of floats: what a value beyond the ends becomes."""
    return lambda n, _, grid, q: "" if q == n or math.isnan(n) else f"; beyond {grid.qmax:g}: {what}"


@described("overflow", _instead("NaN"), "it overflows to NaN")
def overflow_to_nan(n: Any, _: Any, grid: Grid) -> Any:
    """NaN beyond the ends: ml_dtypes, onnx's reference with saturate=0, torch's FNUZ.

    >>> from refquant import E4M3
    >>> overflow_to_nan(448.0, 0, E4M3), overflow_to_nan(480.0, 0, E4M3), overflow_to_infinity(-480.0, 0, E4M3)
    (np.float64(448.0), np.float64(nan), np.float64(-inf))
    """
    return np.where(np.abs(n) <= grid.qmax, n, np.nan)[()]


@described("overflow", _instead("infinity"), "it overflows to infinity")
def overflow_to_infinity(n: Any, _: Any, grid: Grid) -> Any:
    """Infinity beyond the ends: IEEE 754; E5M2 in ml_dtypes and torch."""
    return np.where(np.abs(n) <= grid.qmax, n, np.copysign(np.inf, n))[()]


@described("no -0", lambda n, *_: "; -0 is 0 there" * (n == 0 and math.copysign(1, n) < 0), "it has no -0")
def no_negative_zero(n: Any, _: Any, grid: Grid) -> Any:
    """Clipped, and 0 for -0: ggml.

    >>> from refquant import E2M1
    >>> no_negative_zero(-0.0, 0, E2M1), no_negative_zero(8.0, 0, E2M1)
    (np.float64(0.0), np.float64(6.0))
    """
    return np.clip(n, grid.qmin, grid.qmax) + 0.0


@described("clip", lambda n, _, code: "" if code == n else f"; clipped to {show(code)}")
def clip(n: Whole, grid: Grid) -> Any:
    """min(max(n, qmin), qmax); an integer where steps are equal.

    >>> from refquant import E4M3, INT8
    >>> clip(300, INT8), clip(-math.inf, INT8), clip(464.0, E4M3)
    (127, -128, 448.0)
    """
    clipped = min(max(n, grid.qmin), grid.qmax)
    return int(clipped) if grid.equal_steps else float(clipped)


# ---------------------------------------------------------------------------------------------- NaN

def _unseen(comes: str) -> Words:
    return lambda *_: f"; NaN is not looked for: {comes} comes out"


@described("", lambda *_: "; NaN has no code")
def refused(_: Grid) -> None:
    """NaN has no code (R7)."""


@described("", _unseen("qmin"), "NaN becomes qmin")
def lowest(grid: Grid) -> int:
    """NaN becomes qmin: the clip takes the larger of NaN and qmin, which is qmin.

    >>> from refquant import INT8
    >>> lowest(INT8), highest(INT8), zero(INT8)
    (-128, 127, 0)
    """
    return int(grid.qmin)


@described("", _unseen("qmax"), "NaN becomes qmax")
def highest(grid: Grid) -> int:
    """NaN becomes qmax: the clip takes the smaller of NaN and qmax, which is qmax."""
    return int(grid.qmax)


@described("", _unseen("0"), "NaN becomes 0")
def zero(_: Grid) -> int:
    """NaN becomes code 0, whatever the zero point: NaN passes the clip, and its cast gives 0."""
    return 0


@described("", lambda *_: "; NaN stays NaN", "NaN stays NaN")
def stays(_: Grid) -> float:
    """NaN stays NaN, which is no value (R17): casts to floats that have it."""
    return math.nan


@described("", _unseen("-0"), "NaN becomes -0")
def negative_zero(_: Grid) -> float:
    """NaN becomes -0: ml_dtypes' FP6 and FP4, which have none."""
    return -0.0
