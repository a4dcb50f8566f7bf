"""Checks for lesson 11, floats with eight and four bits: each says Right, Not yet or Not answered yet, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...affine import AffineParams, dequantize, fake_quantize
from ...grids import E2M1, E4M3, INT8
from ...metrics import sqnr_db
from ...ranges import symmetric_params
from ..answers import ask, mistake, unfit

Array: TypeAlias = NDArray[Any]

CODES = (0x3C, 0x05, 0xC1)  # 1.5; a subnormal; a negative one
ONE = AffineParams(scale=1.0, zero_point=0, grid=E4M3)


def values(given: Any) -> str:
    """Exercise 1: the values of three E4M3 codes, worked out by hand.

    >>> values([0.75, 5 / 512, -2.25])
    'Not yet: 0x3C: the bias is 7: an exponent field of 7 means 2**0.'
    """
    if message := unfit({"my_values": given}):
        return message
    answer, right = np.asarray(given, np.float64).ravel(), dequantize(np.array(CODES, np.uint8), ONE)
    if answer.shape != right.shape:
        return f"Not yet: give {right.size} values; you give {answer.size}."
    for code, yours, value in zip(CODES, answer, right, strict=True):
        if yours != value:
            why = mistake(mistaken_values(code), partial(np.isclose, yours),
                          "write the bits as sign, 4 of the exponent, 3 of the mantissa, and use the formula")
            return f"Not yet: 0x{code:02X}: {why}."
    return f"Right: {', '.join(f'0x{code:02X} means {value:g}' for code, value in zip(CODES, right, strict=True))}."


def mistaken_values(code: int) -> dict[str, float]:
    """What each known mistake makes of a code, by what is wrong."""
    sign, e, m = (-1.0) ** (code >> 7), code >> 3 & 15, code & 7
    normal = 2.0 ** (e - 7) * (1 + m / 8)
    return {
        "a subnormal has the power 2**-6, as the smallest normal values have":
            np.nan if e else sign * 2.0**-7 * m / 8,
        "the sign is wrong: the highest bit set means negative": -sign * (normal if e else 2.0**-6 * m / 8),
        "the bias is 7: an exponent field of 7 means 2**0": sign * normal / 2,
        "the exponent's bias is missing": sign * normal * 2**7,
        "the leading 1 is missing: a normal value is (1 + m/8)": sign * 2.0 ** (e - 7) * m / 8,
        "an exponent field of 0 is subnormal: no leading 1, and the power stays at 2**-6":
            sign * (normal if e == 0 else np.nan),
        "an exponent field of 0 is subnormal: there is no leading 1": sign * 2.0**-6 * (np.nan if e else 1 + m / 8),
        "that is the code as a whole number; what does it mean": code,
        "a float has no two's complement: its highest bit is the sign alone": code - 256,
    }


def rounding(yours: Callable[[Array], Any]) -> str:
    """Exercise 2: whether yours(x) is the E4M3 value nearest to each x, ties to the even code, saturated.

    >>> rounding(lambda x: np.clip(x, -448, 448))
    'Not yet: 17 is no value of E4M3; between 16 and 32 the step is 2.'
    """
    x = PROBES.copy()
    answer, message = ask(yours, x, arrays=1)
    if message:
        return message
    given, right = np.asarray(answer, np.float64), fake_quantize(PROBES, ONE)
    if given.shape != right.shape:
        return f"Not yet: give one value for each x, of shape {right.shape}; yours has shape {given.shape}."
    wrong = np.flatnonzero(given != right)
    return f"Not yet: {_wrong_value(int(wrong[0]), given, right)}" if wrong.size else (
        "Right: the nearest value, ties to the even code, subnormals below, saturation above (R4, R6, R17).")


def _wrong_value(i: int, given: Array, right: Array) -> str:
    """What is wrong with the first wrong value."""
    x, mine = PROBES[i], float(given[i])
    step = 2.0 ** (np.clip(np.floor(np.log2(abs(x))), -6, 8) - 3) if x else 0.0
    if abs(right[i]) == E4M3.qmax != abs(mine):
        return f"{x:g} must saturate at 448 (R6); you give {mine:g}."
    if not np.isfinite(mine):
        return f"{x:g} became {mine:g}. Keep the step away from 0 and infinity: it is 2**-9 at least, and 32 at most."
    if mine not in E4M3.values:
        low = 2.0 ** np.floor(np.log2(abs(x)))
        return (f"{x:g} is no value of E4M3; between {low:g} and {2 * low:g} the step is {step:g}." if mine == x else
                f"{x:g} became {mine:g}, which is no value of E4M3; near it the step is {step:g}.")
    if abs(mine - x) == abs(float(right[i]) - x):
        return f"{x:g} is a tie; of {mine:g} and {right[i]:g} the latter has the even code (R4)."
    return f"{x:g} became {mine:g}. Near it the step is {step:g}, and {right[i]:g} is nearer."


def adversaries(for_int: Any, for_float: Any) -> str:
    """Exercise 3: a tensor on which INT8 beats E4M3 by 6 dB, and one on which it loses by 6 dB; scales by the largest.

    >>> adversaries(np.linspace(-1, 1, 100), np.linspace(-1, 1, 100)).partition(" Its")[0]
    'Not yet: for_float: E4M3 is not 6 dB better, but 16.2 dB worse.'
    """
    if message := unfit({"for_int": for_int, "for_float": for_float}):
        return message
    for name, given, sign, hint in (
            ("for_int", for_int, -1, "Its steps are wide at large values: make most values large."),
            ("for_float", for_float, 1, "Its steps are small at small values: make most values small.")):
        x = np.asarray(given, np.float64).ravel()
        if np.unique(x).size < 16 or not np.isfinite(x).all():
            return f"Not yet: {name}: give at least 16 different finite values; you give {np.unique(x).size}."
        gain = e4m3_gain(x)
        if sign * gain < 6:
            word = ("better", "worse") if sign > 0 else ("worse", "better")
            found = f"only {abs(gain):.1f} dB" if sign * gain >= 0 else f"but {abs(gain):.1f} dB {word[1]}"
            return f"Not yet: {name}: E4M3 is not 6 dB {word[0]}, {found}. {hint}"
    return "Right: equal steps for values of one size, a float for values of many sizes."


def e4m3_gain(x: Array) -> float:
    """By how many decibels E4M3 is nearer to x than INT8, each with the scale that reaches the largest |x|.

    >>> round(e4m3_gain(np.linspace(-1, 1, 100)), 1)
    -16.2
    """
    largest = np.abs(x).max()
    db = [sqnr_db(x, fake_quantize(x, symmetric_params(-largest, largest, grid))) for grid in (E4M3, INT8)]
    return float(np.minimum(db[0], 999) - np.minimum(db[1], 999))


_STEPS = np.array([17, 19, 21, 1.0625, 1.1875, 250, 360, 2**-7, 3 * 2.0**-10, 2.0**-10, 5 * 2.0**-11, 0.3, 449, 1e6,
                   18, 1.1, 100, 0.0137])
#: Ties in several binades, subnormals, and what saturates; values that a step twice as long has not; both signs, and 0.
PROBES = np.array([*_STEPS, *-_STEPS, 0.0, E2M1.qmax])
