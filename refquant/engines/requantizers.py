"""How engines bring an accumulator back to codes: acc * m as an integer, before the zero point and the clip.

    fixed point   m = mantissa * 2**(shift - 31) (R14); the product is rounded once; or twice: to its upper half, then
                  to the integer
    float         acc * m in float32 or float64, then rounded

TFLM (TFLITE_SINGLE_ROUNDING) and CMSIS-NN (CMSIS_NN_USE_SINGLE_ROUNDING) are built for one rounding or for two;
CMSIS-NN's default is two. REQUANTIZERS holds them all; `refquant engines --acc A --m M` and identify_requantizer of
refquant.testing read it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..integer import quantize_multiplier
from . import choices, litert
from .exact import exact, show
from .steps import Choice

Rounded: TypeAlias = tuple[int, str]  # an integer, and how it came about


class Requantizer(NamedTuple):
    """One way to round acc * m; engines: who does so. rounded: (acc, m) -> the integer, and how it came about."""

    name: str
    engines: str
    rounded: Callable[[int, float], Rounded]


def decimal(v: Any) -> str:
    """Ten digits.

    >>> decimal(Fraction(21, 2))
    '10.5'
    """
    return f"{float(v):.10g}"


def rounded(rounding: Choice[..., Any], v: Any, said: str) -> Rounded:
    """v as an integer, and what is said of v and of the rounding.

    >>> rounded(choices.half_up, 10.5, "10.5")
    (11, '10.5, a tie: up 11')
    """
    n = rounding(exact(v))
    return n, said + rounding.words(exact(v), n)


def fixed(acc: int, mantissa: Any, shift: Any, rounding: Choice[..., Any]) -> Rounded:
    """Two roundings: acc * 2**max(shift, 0) * mantissa / 2**31, ties up; then what is left of the shift.

    245 * 0.046875 is 11.484, which one rounding takes to 11:

    >>> fixed(245, *(int(v) for v in litert.quantize_multiplier(0.046875)), choices.half_up)[0]
    12
    """
    left, right = 2 ** max(int(shift), 0), max(-int(shift), 0)
    product = Fraction(acc * left * int(mantissa), 2**31)
    high, first = rounded(choices.half_up, product, f"acc{f' * {left}' * (left > 1)} * "
                          f"{decimal(Fraction(int(mantissa), 2**31))} = {decimal(product)}")
    last = Fraction(high, 2**right)
    return rounded(rounding, last, f"{first}; / {2**right} = {decimal(last)}") if right else (high, first)


@cache
def _parts(multiplier: Callable[[Any], tuple[Any, Any]], m: float) -> tuple[int, int]:
    mantissa, shift = multiplier(m)
    return int(mantissa), int(shift)


def _once(rounding: Choice[..., Any], acc: int, m: float, multiplier: Any = litert.quantize_multiplier) -> Rounded:
    mantissa, shift = _parts(multiplier, m)
    product = Fraction(acc * mantissa) * Fraction(2) ** (shift - 31)
    return rounded(rounding, product, f"acc * mantissa * 2**(shift - 31) = {decimal(product)}")


def _twice(rounding: Choice[..., Any], acc: int, m: float) -> Rounded:
    return fixed(acc, *_parts(litert.quantize_multiplier, m), rounding)


def _in(dtype: type[np.floating[Any]], rounding: Choice[..., Any], acc: int, m: float) -> Rounded:
    product = dtype(acc) * dtype(m)
    return rounded(rounding, product, f"acc * {show(dtype(m))} = {show(product)} in {np.dtype(dtype)}")


#: Name -> requantizer. More may be entered.
REQUANTIZERS = {r.name: r for r in (
    Requantizer("one rounding, ties to even", "refquant",
                partial(_once, choices.half_even, multiplier=quantize_multiplier)),
    Requantizer("one rounding, ties up", "TFLM and CMSIS-NN with single rounding; FBGEMM",
                partial(_once, choices.half_up)),
    Requantizer("one rounding, ties away", "", partial(_once, choices.half_away)),
    Requantizer("two roundings, ties up, then away",
                "TFLM and CMSIS-NN with double rounding; gemmlowp; LiteRT QUANTIZE of codes, reference",
                partial(_twice, choices.half_away)),
    Requantizer("two roundings, ties up twice", "LiteRT FULLY_CONNECTED, ruy", partial(_twice, choices.half_up)),
    Requantizer("float32 product, ties to even", "ONNX Runtime QLinearMatMul; LiteRT XNNPACK; PyTorch",
                partial(_in, np.float32, choices.half_even)),
    Requantizer("float32 product, ties away", "", partial(_in, np.float32, choices.half_away)),
    Requantizer("float64 product, ties to even", "", partial(_in, np.float64, choices.half_even)),
    Requantizer("float64 product, ties away", "LiteRT FULLY_CONNECTED, reference",
                partial(_in, np.float64, choices.half_away)),
    Requantizer("one shift, rounded down", "", partial(_once, choices.downward)),
    Requantizer("truncated toward 0", "", partial(_once, choices.toward_zero)),
    Requantizer("float32 product, truncated toward 0", "", partial(_in, np.float32, choices.toward_zero)),
)}
