"""Why a vector is there: flags found by computing the case wrongly as well, and in exact fractions. Expected results
are the library's; only what is said about them is computed here."""
from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ...arguments import quiet
from ...engines.choices import half_away
from ...grids import IntGrid

Scalar = np.floating[Any]

# in the order in which a test lists them; each file's `notes` and the README's table are cut from this one
NOTES = {
    "nan": "NaN is an input. It is refused: an error, never a code.",
    "refused": "The input breaks a rule; an implementation reports an error. One that cannot may skip the test.",
    "reciprocal": "Multiplying by 1 / scale instead of dividing by scale gives another code.",
    "wide_division": "Dividing exactly, or in a much wider format, gives another code: the quotient is first rounded "
                     "to the dtype of the arithmetic.",
    "scale_cast": "The scale is wider than the data: it is rounded to the dtype of the arithmetic before dividing. "
                  "Dividing in the wider dtype gives another code.",
    "float16": "Arithmetic in float16 gives another result: float16 is widened to float32.",
    "straight_through": "x lies beyond the range but rounds to a code of the grid: the gradient passes (1). A mask on "
                        "x / scale before rounding gives 0.",
    "odd_zero_point": "A tie where an odd integer is added after rounding: adding it first gives the code beside.",
    "int32_cast": "Before the clip the number does not fit int32: a cast before the clip gives garbage.",
    "infinity": "x is infinite: it saturates, without a warning.",
    "overflow": "Finite inputs, but a quotient, a result, or the difference hi - lo, overflows to infinity.",
    "saturation": "The rounded code lies off the grid: it is clipped, never wrapped.",
    "tie": "What is rounded lies exactly half-way between two integers: it goes to the even one. Half away from zero, "
           "half up and half down fail somewhere.",
    "ulp": "No tie, but one unit in the last place of the input (of an integer: 1) to a side is a tie or beyond it.",
    "subnormal": "An input, a scale, a quotient or a result is subnormal: hardware that flushes it to zero may fail.",
    "signed_zero": "x is -0.0, which is 0.",
    "zero": "The number 0: its code is the zero point, and comes back as 0 exactly. A range of zeros has scale 1.",
    "grid_end": "The result is the lowest or the highest code, unclipped.",
    "subtraction_wraps": "q - zero_point does not fit the codes' own type.",
    "distributed": "scale * q - scale * zero_point gives another number: subtract first.",
    "rounded": "scale * (q - zero_point) is not exact: it is rounded to the dtype, ties to even.",
    "degenerate_range": "lo = hi, or a range so narrow that the scale is held at the smallest normal number, or one "
                        "whose width hi - lo overflows.",
    "one_sided": "The range does not contain 0: it is widened to contain it.",
    "half_width": "Dividing by (qmax - qmin) / 2 gives another scale: divide by the shorter side of the zero point.",
    "rounded_scale": "Computed from the exact range, the zero point would be another: the scale is first rounded to "
                     "its dtype (and kept normal), then divides.",
    "accumulator_bound": "The accumulator is an end of int32; or K is the largest for which the dtypes bound every "
                         "sum below 2**31, or one beside.",
    "int32_wrap": "The sum does not fit int32: 32-bit accumulators wrap or saturate.",
    "by_dtype": "The sum would fit int32, but the dtypes do not bound it: int64, whatever the values.",
    "pair_sum": "Two products side by side do not fit int16: instructions that add pairs in 16 bits saturate.",
    "float32_sum": "The sum is above 2**24 and no float32: accumulating in float32 is inexact.",
    "empty": "K = 0: sums of nothing are 0.",
    "mixed": "Several sums, or codes of several values: the order of rows and columns shows.",
    "carry": "The mantissa rounds up to 2**31: it becomes 2**30, and shift grows by one.",
    "power_of_two": "m is a power of two: the mantissa is 2**30.",
    "double_rounding": "Rounding twice, to a 32-bit high product and then by the shift, as gemmlowp does, gives "
                       "another code.",
    "float32_multiplier": "acc times the real multiplier in float32, rounded, gives another code.",
    "shift_bound": "An extreme shift: 30, or so far to the right that little or nothing remains.",
    "ordinary": "Nothing special: what everyone gets right.",
}

_FORMULA = {"nan": "R7", "reciprocal": "R3", "wide_division": "R3", "scale_cast": "R3", "float16": "R3",
            "straight_through": "R15", "odd_zero_point": "R5", "int32_cast": "R6", "infinity": "R6", "overflow": "R6",
            "saturation": "R6", "tie": "R4", "ulp": "R4", "subnormal": "R3", "zero": "R8"}
_RULES: dict[str, tuple[Mapping[str, str], str]] = {  # of the first flag that has one; otherwise the last
    "quantize": (_FORMULA, "R2"), "fake_quantize": (_FORMULA, "R2"),
    "dequantize": ({"float16": "R3", "overflow": "R11", "zero": "R8"}, "R2"),
    "affine_params": ({"overflow": "R11", "degenerate_range": "R11", "subnormal": "R11", "one_sided": "R8"}, "R9"),
    "symmetric_params": ({"overflow": "R11", "degenerate_range": "R11", "subnormal": "R11"}, "R10"),
    "integer_matmul": ({}, "R13"), "quantize_multiplier": ({}, "R14"), "requantize": ({}, "R14"),
}


def rule_of(algorithm: str, flags: list[str]) -> str:
    """The rule concerned: that of the first flag which names one.

    >>> rule_of("quantize", ["saturation", "tie"]), rule_of("requantize", ["tie"])
    ('R6', 'R14')
    """
    rules, otherwise = _RULES[algorithm]
    return next((rules[flag] for flag in flags if flag in rules), otherwise)


@quiet
def of_quantize(x: Scalar, scale: Scalar, zero_point: int, grid: IntGrid) -> list[str]:
    """The flags of q = quantize(x).

    >>> of_quantize(np.float32(2.5), np.float32(1), 1, IntGrid(8))
    ['odd_zero_point', 'tie']
    """
    if np.isnan(x):
        return ["nan"]
    dtype = grid.arithmetic(x.dtype).type
    wide, step = dtype(x), dtype(scale)
    v, finite = wide / step, bool(np.isfinite(x))
    before = _rounded(v) + zero_point
    q = _clipped(before, grid)

    def differs(quotient: Any) -> bool:
        return quotient != quotient or _clipped(_rounded(quotient) + zero_point, grid) != q

    tie = bool(np.isfinite(v)) and Fraction(float(v)).denominator == 2
    return _named({
        "reciprocal": differs(wide * (dtype(1) / step)),
        "wide_division": finite and differs(Fraction(float(x)) / Fraction(float(step))),
        "scale_cast": step != scale and differs(x / scale),
        "float16": x.dtype == np.float16 and grid.bits <= 16 and differs(x / np.float16(scale)),
        "odd_zero_point": tie and _clipped(_rounded(Fraction(float(v)) + zero_point), grid) != q,
        "int32_cast": before != q and not -2**31 <= before < 2**31,
        "infinity": not finite,
        "overflow": finite and bool(np.isinf(v)),
        "saturation": before != q,
        "tie": tie,
        "ulp": not tie and grid.qmin - 1 <= before <= grid.qmax + 1 and any(
            _across(v, dtype(np.nextafter(x, x.dtype.type(end))) / step) for end in (-np.inf, np.inf)),
        "subnormal": _subnormal(x, step, scale, v),
        "signed_zero": x == 0 and bool(np.signbit(x)),
        "zero": x == 0,
        "grid_end": before in (grid.qmin, grid.qmax),
    })


@quiet
def of_dequantize(q: int, scale: Scalar, zero_point: int, grid: IntGrid, x_hat: Scalar) -> list[str]:
    """The flags of x_hat = dequantize(q).

    >>> of_dequantize(127, np.float32(0.5), -1, IntGrid(8), np.float32(64))
    ['grid_end', 'subtraction_wraps']
    """
    dtype, info = grid.arithmetic(scale.dtype).type, np.iinfo(grid.dtype)
    steps, step = q - zero_point, dtype(scale)
    apart = x_hat.dtype.type(step * dtype(q) - step * dtype(zero_point))
    return _named({
        "float16": scale.dtype == np.float16 and grid.bits <= 16 and np.float16(steps) * scale != x_hat,
        "overflow": bool(np.isinf(x_hat)),
        "subnormal": _subnormal(scale, x_hat),
        "zero": steps == 0,
        "grid_end": q in (grid.qmin, grid.qmax),
        "subtraction_wraps": not info.min <= steps <= info.max,
        "distributed": bool(np.isfinite(x_hat)) and apart != x_hat,
        "rounded": bool(np.isfinite(x_hat)) and Fraction(float(x_hat)) != Fraction(float(scale)) * steps,
    })


@quiet
def of_fake_quantize(x: Scalar, scale: Scalar, zero_point: int, grid: IntGrid, x_hat: Scalar,
                     gradient: int) -> list[str]:
    """The flags of x_hat = fake_quantize(x), with the gradient of the straight-through estimator.

    >>> of_fake_quantize(np.float32(7.4), np.float32(1), 0, IntGrid(4), np.float32(7), 1)
    ['straight_through', 'grid_end']
    """
    dtype = grid.arithmetic(x.dtype).type
    v = dtype(x) / dtype(scale)
    beyond = bool(np.isfinite(v)) and not grid.qmin <= Fraction(float(v)) + zero_point <= grid.qmax
    flags = dict.fromkeys(of_quantize(x, scale, zero_point, grid), True)
    return _named({**flags, "straight_through": beyond and gradient == 1,
                   "overflow": "overflow" in flags or bool(np.isinf(x_hat)),
                   "subnormal": "subnormal" in flags or _subnormal(x_hat), "ordinary": False})


@quiet
def of_affine(lo: Scalar, hi: Scalar, grid: IntGrid, scale: Scalar, zero_point: int) -> list[str]:
    """The flags of affine_params(lo, hi).

    >>> of_affine(np.float32(-1), np.float32(1), IntGrid(8, signed=False), np.float32(0.007843138), 127)
    ['ulp', 'rounded_scale']
    """
    dtype, width = type(scale), grid.qmax - grid.qmin
    below, above = min(dtype(lo), dtype(0)), max(dtype(hi), dtype(0))
    v = -below / scale
    tie = Fraction(float(v)).denominator == 2
    exact = (Fraction(float(above)) - Fraction(float(below))) or Fraction(1)
    return _named({
        **_of_range(lo, hi, scale, bool(above - below <= width * np.finfo(dtype).tiny)),
        "odd_zero_point": tie and bool(grid.qmin % 2),
        "tie": tie,
        "ulp": not tie and any(_across(v, -min(dtype(np.nextafter(lo, lo.dtype.type(end))), dtype(0)) / scale)
                               for end in (-np.inf, np.inf)),
        "grid_end": zero_point in (grid.qmin, grid.qmax) and below < 0 < above,
        "one_sided": bool(lo > 0 or hi < 0),
        "rounded_scale": grid.qmin + round(-Fraction(float(below)) * width / exact) != zero_point,
    })


@quiet
def of_symmetric(lo: Scalar, hi: Scalar, grid: IntGrid, scale: Scalar, zero_point: int) -> list[str]:
    """The flags of symmetric_params(lo, hi).

    >>> of_symmetric(np.float32(0), np.float32(0), IntGrid(8), np.float32(1), 0)
    ['zero', 'degenerate_range']
    """
    steps, dtype = min(grid.qmax - zero_point, zero_point - grid.qmin), type(scale)
    largest = max(abs(dtype(lo)), abs(dtype(hi)))
    narrow = bool(largest <= steps * np.finfo(dtype).tiny)
    return _named({**_of_range(lo, hi, scale, narrow), "one_sided": bool(lo > 0 or hi < 0),
                   "half_width": not narrow and largest / dtype((grid.qmax - grid.qmin) / 2) != scale})


def of_multiplier(m: Scalar) -> list[str]:
    """The flags of quantize_multiplier(m).

    >>> of_multiplier(np.float64(1 - 2.0**-33))
    ['carry']
    """
    def v(m: Scalar) -> Fraction:
        return Fraction(float(np.frexp(m)[0])) * 2**31

    here, exponent = v(m), int(np.frexp(m)[1])
    beside = [v(np.nextafter(m, m.dtype.type(end))) for end in (0, np.inf)]
    return _named({"tie": here.denominator == 2, "ulp": here.denominator != 2 and any(_across(here, b) for b in beside),
                   "subnormal": _subnormal(m), "carry": round(here) == 2**31, "power_of_two": here == 2**30,
                   "shift_bound": exponent == 30})


@quiet
def of_requantize(acc: int, mantissa: int, shift: int, zero_point: int, grid: IntGrid) -> list[str]:
    """The flags of requantize(acc, mantissa, shift, zero_point).

    >>> of_requantize(245, 3 * 2**29, -4, 0, IntGrid(8))
    ['ulp', 'double_rounding']
    """
    exact = Fraction(acc * mantissa) * Fraction(2) ** (max(shift, -99) - 31)
    before = round(exact) + zero_point
    q, tie = _clipped(before, grid), exact.denominator == 2
    high = (acc * 2**max(shift, 0) * mantissa + 2**30) >> 31  # gemmlowp: half up, then half away from zero
    twice = half_away(Fraction(high, 2**max(-max(shift, -99), 0)))
    one = Fraction(mantissa) * Fraction(2) ** (max(shift, -99) - 31)
    real = np.float32(acc) * np.float32(np.ldexp(float(mantissa), max(shift, -999) - 31))
    return _named({
        "odd_zero_point": tie and _clipped(round(exact + zero_point), grid) != q,
        "int32_cast": before != q and not -2**31 <= before < 2**31,
        "saturation": before != q,
        "tie": tie,
        "ulp": not tie and (_across(exact, exact + one) or _across(exact, exact - one)),
        "zero": acc == 0,
        "accumulator_bound": acc in (-2**31, 2**31 - 1),
        "double_rounding": _clipped(twice + zero_point, grid) != q,
        "float32_multiplier": _clipped(_rounded(real) + zero_point, grid) != q,
        "shift_bound": shift == 30 or shift <= -31,
    })


def of_matmul(a: list[int], b: list[int], k: int, acc: list[int], limit: int) -> list[str]:
    """The flags of integer_matmul; `limit` is the largest K whose sums the dtypes bound below 2**31.

    >>> of_matmul([255], [127], 2, [64770], 65793)
    ['pair_sum']
    """
    products = [x * y for x in a for y in b]
    return _named({
        "accumulator_bound": abs(k - limit) <= 1 and k > 0,
        "int32_wrap": any(not -2**31 <= v < 2**31 for v in acc),
        "by_dtype": k > limit and all(-2**31 <= v < 2**31 for v in acc),
        "pair_sum": k > 1 and len(a) == len(b) == 1 and not -2**15 <= 2 * products[0] < 2**15,
        "float32_sum": any(abs(v) > 2**24 and int(np.float32(v)) != v for v in acc),
        "empty": k == 0,
        "mixed": len(acc) > 1 or len(a) > 1,
    })


def _of_range(lo: Scalar, hi: Scalar, scale: Scalar, narrow: bool) -> dict[str, bool]:
    """The flags that both fits share."""
    wide = type(scale)(hi) - type(scale)(lo)
    return {"overflow": bool(np.isinf(wide)), "subnormal": _subnormal(lo, hi), "zero": bool(lo == hi == 0),
            "degenerate_range": bool(lo == hi) or narrow or bool(np.isinf(wide))}


def _named(found: Mapping[str, Any]) -> list[str]:
    """The flags that hold, in the order of NOTES; `ordinary` if none does."""
    return [flag for flag in NOTES if found.get(flag)] or ["ordinary"]


def _rounded(v: Any) -> Any:
    """v to the nearest integer, ties to even; an infinity as it is."""
    if isinstance(v, Fraction):
        return round(v)
    return round(Fraction(float(v))) if np.isfinite(v) else float(v)


def _clipped(code: Any, grid: IntGrid) -> int:
    return int(min(max(code, grid.qmin), grid.qmax))


def _across(v: Any, beside: Any) -> bool:
    """Whether between v, no tie, and a close number beside it lies a tie."""
    if not np.isfinite(float(beside)):
        return False
    a, b = (n if isinstance(n, Fraction) else Fraction(float(n)) for n in (v, beside))
    return abs(a - b) <= Fraction(1, 4) and (b.denominator == 2 or round(a) != round(b))


def _subnormal(*values: Scalar) -> bool:
    return any(0 < abs(v) < np.finfo(v.dtype).tiny for v in values)
