"""Checks for lesson 08, integers only: each says Right, Not yet or Not answered yet, and why.

Exercises 1 and 2, products and widths, stand in files of their own; exercise 3, one rounding, stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...engines.choices import half_away
from ...engines.litert import requantize_gemmlowp
from ...grids import INT4, INT8, INT32, UINT8, Grid, IntGrid
from ...integer import requantize
from ..answers import ask, mistake
from .products import product
from .widths import width

__all__ = ["NEAR_TIES", "ROUNDINGS", "WRONG_ROUNDINGS", "one_rounding", "product", "width"]

Array: TypeAlias = NDArray[Any]


def one_rounding(yours: Callable[..., Any]) -> str:
    """Exercise 3: whether yours(acc, mantissa, shift, zero_point, qmin, qmax) is R14: one exact rounding, ties to even.

    acc is an int64 array, the rest are Python integers, and the shift is at most 0.

    >>> one_rounding(lambda acc, mantissa, shift, zero_point, qmin, qmax: acc * mantissa >> (31 - shift))[:76]
    'Not yet: acc 1, m = 0.75, zero point 0 on [-128, 127]: you give 0, R14 gives'
    """
    answers = []
    for acc, mantissa, shift, zero_point, grid in ROUNDINGS:
        answer, message = ask(yours, acc.copy(), mantissa, shift, zero_point, grid.qmin, grid.qmax, arrays=1)
        if message:
            return message
        given = np.asarray(answer)
        if given.shape != acc.shape:
            return f"Not yet: one code for each accumulator, shape {acc.shape}; yours has shape {given.shape}."
        answers.append(given)
    for given, case in zip(answers, ROUNDINGS, strict=True):
        if not np.array_equal(given, requantize(*case)):
            why = mistake(WRONG_ROUNDINGS, lambda wrong: all(
                np.array_equal(given, wrong(*rest, grid.qmin, grid.qmax))
                for given, (*rest, grid) in zip(answers, ROUNDINGS, strict=True)),
                "Start from the exact product acc * mantissa, and round it once, by 31 - shift bits")
            return f"Not yet: {_first_difference(given, *case)}. {why}."
    floats = [given.dtype for given in answers if not np.issubdtype(given.dtype, np.integer)]
    if floats:
        return f"Not yet: the numbers are right, but their dtype is {floats[0]}. Integers only."
    return "Right: one rounding of the exact product, ties to even, saturated, and no floating point (R14)."


def _first_difference(given: Array, acc: Array, mantissa: int, shift: int, zero_point: int, grid: Grid) -> str:
    """The first accumulator whose code is wrong, with both codes."""
    right = requantize(acc, mantissa, shift, zero_point, grid)
    i = int(np.argmax(given != right))
    return (f"acc {acc[i]}, m = {mantissa * 2.0 ** (shift - 31):.6g}, zero point {zero_point} on "
            f"[{grid.qmin}, {grid.qmax}]: you give {given[i]}, R14 gives {right[i]}")


def _half(n: int) -> int:
    return 1 << (n - 1)


def _away(p: Array, n: int) -> Array:
    return np.asarray(half_away(p * Fraction(1, 2**n))).astype(np.int64)


def _even(p: Array, n: int) -> Array:
    return np.asarray((p + (_half(n) - 1) + (p >> n & 1)) >> n)


def _twice(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
    """Both roundings to the nearest, ties to even."""
    high = _even(acc * mantissa, 31)
    return np.asarray(np.clip((_even(high, -shift) if shift else high) + zero_point, qmin, qmax))


def _gemmlowp(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
    steps = requantize_gemmlowp(acc, mantissa, shift, 0, INT32).astype(np.int64)
    return np.asarray(np.clip(steps + zero_point, qmin, qmax))


def _by_float(real: Any) -> Callable[..., Array]:
    def rounded(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
        steps = np.rint(acc.astype(real) * real(mantissa * 2.0 ** (shift - 31)))
        return np.asarray(np.clip(steps.astype(np.int64) + zero_point, qmin, qmax))
    return rounded


def _with(round_: Callable[[Array, int], Array]) -> Callable[..., Array]:
    def rounded(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
        return np.asarray(np.clip(round_(acc * mantissa, 31 - shift) + zero_point, qmin, qmax))
    return rounded


def _product32(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
    wrapped = (acc * mantissa).astype(np.int32).astype(np.int64)
    return np.asarray(np.clip(_even(wrapped, 31 - shift) + zero_point, qmin, qmax))


WRONG_ROUNDINGS: dict[str, Callable[..., Array]] = {
    "You cut off: a shift to the right is floor, not round": _with(lambda p, n: p >> n),
    "You cut off towards zero; round to the nearest": _with(lambda p, n: np.sign(p) * (np.abs(p) >> n)),
    "Your ties go up. R14: to the even integer": _with(lambda p, n: (p + _half(n)) >> n),
    "Your ties go away from zero. R14: to the even integer": _with(_away),
    "You round twice, as gemmlowp does: first by 31 bits, then by the shift. Round the whole product once": _gemmlowp,
    "You round twice: first by 31 bits, then by the shift. Round the whole product once": _twice,
    "You add the zero point before rounding, and an odd one sends ties the other way (R5)":
        lambda acc, mantissa, shift, zero_point, *ends: np.clip(
            _even(acc * mantissa + (zero_point << (31 - shift)), 31 - shift), *ends),
    "The zero point is missing": lambda acc, mantissa, shift, _, *ends: np.clip(
        _even(acc * mantissa, 31 - shift), *ends),
    "Saturation is missing: clip to qmin and qmax": lambda acc, mantissa, shift, zero_point, *_:
        _even(acc * mantissa, 31 - shift) + zero_point,
    "Saturation is missing, and the cast wraps: clip to qmin and qmax first":
        lambda acc, mantissa, shift, zero_point, qmin, qmax:
            (_even(acc * mantissa, 31 - shift) + zero_point - qmin) % (qmax - qmin + 1) + qmin,
    "You clip before adding the zero point; clip last": lambda acc, mantissa, shift, zero_point, *ends: np.clip(
        _even(acc * mantissa, 31 - shift), *ends) + zero_point,
    "That is float64: the product has up to 62 bits, and float64 holds 53": _by_float(np.float64),
    "That is float32: the product has up to 62 bits, and float32 holds 24": _by_float(np.float32),
    "The product wraps at 32 bits: it needs int64": _product32,
}

# acc * mantissa * 2**-54 lies so near to 39.5, 42.5, 50.5, 53.5 that float64 takes it for a tie
NEAR_TIES = ((459786626, 1547606435), (686359449, 1115467905), (734835333, 1238001337), (656513617, 1468012689))
_SMALL = np.arange(-400, 401, dtype=np.int64)
ROUNDINGS: tuple[tuple[Array, int, int, int, IntGrid], ...] = (
    (np.array([1, 2, 3, 5, 7, 21, 23, -5, -7, -21, 245, -245], np.int64), 3 << 29, 0, 0, INT8),
    (_SMALL, 1 << 30, 0, 0, INT8),
    (_SMALL, 1 << 30, -1, 3, UINT8),
    (_SMALL, 3 << 29, -4, -1, INT4),
    (_SMALL * 5_000_011, 1_518_500_251, -23, 7, UINT8),
    *((np.array([acc, -acc], np.int64), mantissa, -23, 1, INT8) for acc, mantissa in NEAR_TIES),
)
