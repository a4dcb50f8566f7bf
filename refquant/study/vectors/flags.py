"""Why a vector is there: flags found by computing the case wrongly as well, and in exact fractions. Expected results
are the library's; only what is said about them is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ...arguments import quiet
from ...engines.choices import half_away
from ...grids import Grid
from .notes import NOTES

Scalar = np.floating[Any]


@quiet
def of_quantize(x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> list[str]:
    """The flags of q = quantize(x).

    >>> from refquant import IntGrid
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
def of_dequantize(q: int, scale: Scalar, zero_point: int, grid: Grid, x_hat: Scalar) -> list[str]:
    """The flags of x_hat = dequantize(q).

    >>> from refquant import IntGrid
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
def of_fake_quantize(x: Scalar, scale: Scalar, zero_point: int, grid: Grid, x_hat: Scalar,
                     gradient: int) -> list[str]:
    """The flags of x_hat = fake_quantize(x), with the gradient of the straight-through estimator.

    >>> from refquant import IntGrid
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
def of_affine(lo: Scalar, hi: Scalar, grid: Grid, scale: Scalar, zero_point: int) -> list[str]:
    """The flags of affine_params(lo, hi).

    >>> from refquant import IntGrid
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
def of_symmetric(lo: Scalar, hi: Scalar, grid: Grid, scale: Scalar, zero_point: int) -> list[str]:
    """The flags of symmetric_params(lo, hi).

    >>> from refquant import IntGrid
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
def of_requantize(acc: int, mantissa: int, shift: int, zero_point: int, grid: Grid) -> list[str]:
    """The flags of requantize(acc, mantissa, shift, zero_point).

    >>> from refquant import IntGrid
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


@quiet
def of_quantize_values(x: Scalar, scale: Scalar, grid: Grid) -> list[str]:
    """The flags of q = quantize(x) on a float grid or a codebook.

    >>> from refquant import E4M3
    >>> one = np.float32(1)
    >>> of_quantize_values(np.float32(17), one, E4M3), of_quantize_values(np.float32(9e9), one, E4M3)
    (['half_way'], ['saturation'])
    """
    dtype = grid.arithmetic(x.dtype).type
    v, values = dtype(x) / dtype(scale), grid.values

    def value(quotient: Any) -> float:
        return float(np.clip(grid.round(np.asarray(quotient)), grid.qmin, grid.qmax))

    nearest = value(v)
    return _named({
        **_of_value(nearest, bool(np.signbit(x)), grid),
        "reciprocal": value(dtype(x) * (dtype(1) / dtype(scale))) != nearest,
        "wide_division": bool(np.isfinite(v)) and value(np.float64(x) / np.float64(scale)) != nearest,
        "through_float32": value(np.float32(v)) != nearest,
        "infinity": bool(np.isinf(x)),
        "saturation": bool(grid.round(np.asarray(v)) != nearest),
        "subnormal": _subnormal(x, scale, v),
        "half_way": bool((v == values[1:] / 2 + values[:-1] / 2).any()),
    })


def of_dequantize_values(q: int, grid: Grid) -> list[str]:
    """The flags of x_hat = dequantize(q) on a float grid or a codebook.

    >>> from refquant import E2M1
    >>> of_dequantize_values(8, E2M1), of_dequantize_values(1, E2M1)
    (['zero_sign'], ['subnormal_value'])
    """
    value = float(grid.decode(np.asarray(q)))
    return _named(_of_value(value, bool(np.signbit(value)), grid))


def _of_value(value: float, negative: bool, grid: Grid) -> dict[str, bool]:
    normal = grid.values[grid.values > 0][0] * 2.0**grid.fields[-1]
    return {"zero_sign": value == 0 and negative, "subnormal_value": len(grid.fields) > 1 and 0 < abs(value) < normal}


@quiet
def of_mx(largest: Scalar, scale: Scalar, grid: Grid) -> list[str]:
    """The flags of a scale that is a power of two.

    >>> from refquant import E2M1
    >>> of_mx(np.float32(7), np.float32(1), E2M1)
    ['clipping_scale']
    """
    return _named({
        "zero": largest == 0, "subnormal": _subnormal(largest, scale),
        "float32_log": largest > 0 and np.floor(np.log2(np.float32(largest))) >= np.frexp(largest)[1],
        "scale_bound": largest > 0 and scale in (2.0**-127, 2.0**127),
        "clipping_scale": bool(grid.round(np.asarray(largest / scale)) > grid.qmax)})


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


def _clipped(code: Any, grid: Grid) -> int:
    return int(min(max(code, grid.qmin), grid.qmax))


def _across(v: Any, beside: Any) -> bool:
    """Whether between v, no tie, and a close number beside it lies a tie."""
    if not np.isfinite(float(beside)):
        return False
    a, b = (n if isinstance(n, Fraction) else Fraction(float(n)) for n in (v, beside))
    return abs(a - b) <= Fraction(1, 4) and (b.denominator == 2 or round(a) != round(b))


def _subnormal(*values: Scalar) -> bool:
    return any(0 < abs(v) < np.finfo(v.dtype).tiny for v in values)
