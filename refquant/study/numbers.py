"""Numbers without rounding: read from text, shown with all their digits."""

from __future__ import annotations

import math
import re
from decimal import ROUND_DOWN, Context, Decimal, Inexact
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .. import arguments
from ..affine import AffineParams
from ..engines.exact import Scalar, hexadecimal, nearest
from ..grids import Grid
from .options import number

Float: TypeAlias = np.dtype[np.floating[Any]]


# ---------------------------------------------------------------------------------------------- read

@arguments.quiet
def read(where: str, name: str, text: str, dtype: Float) -> tuple[Fraction | None, Scalar]:
    """The number that the text means, exactly, and the nearest of dtype: one rounding, ties to even.

    float("...") first and float32 after would round twice; this text lies just above a tie of float32:

    >>> text = "1.00000005960464477540"
    >>> read("docs", "x", text, np.dtype("float32"))[1], np.float32(float(text))
    (np.float32(1.0000001), np.float32(1.0))

    Raises:
        ValueError: text that is no number, NaN.
    """
    is_hex = "x" in text.lower()
    try:
        value = float.fromhex(text) if is_hex else float(text)
    except OverflowError:
        value = -math.inf if text.strip().startswith("-") else math.inf
    except ValueError as cause:
        raise arguments.error(ValueError, where, f"`{name}` must be a number", repr(text),
                              "write it as 0.35, 3.5e-1, 0x1.8p-2 or inf") from cause
    if math.isnan(value):
        raise arguments.error(ValueError, where, f"`{name}` must not be NaN (R7)", repr(text), "NaN has no code")
    if math.isinf(value) or value == 0:
        zero = re.fullmatch(r"\s*[+-]?(0x)?[0_.]*([ep].*)?\s*", text.lower(), re.DOTALL)
        return Fraction(0) if zero else None, dtype.type(value)
    given = _hexadecimal(text) if is_hex else Fraction(Decimal(text))
    return given, nearest(given, dtype.type)


def _hexadecimal(text: str) -> Fraction:
    mantissa, _, exponent = text.strip().lower().partition("p")
    behind = len(mantissa.partition(".")[2])
    return int(mantissa.replace(".", ""), 16) * Fraction(2) ** (int(exponent or 0) - 4 * behind)


def float_dtype(where: str, dtype: DTypeLike) -> Float:
    """One of the three dtypes that are quantized (R7)."""
    try:
        name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    except (TypeError, ValueError):
        name = ""
    if name not in ("float16", "float32", "float64"):
        raise arguments.error(TypeError, where, "`dtype` must be float16, float32 or float64 (R7)", repr(dtype),
                              "float32 is usual")
    return np.dtype(name)


def parameters(command: str, scale: str, zero_point: str, grid: Grid, dtype: str) -> AffineParams:
    """Parameters from the words of a command line; the scale in the dtype of the arithmetic (R3).

    >>> from refquant import INT4
    >>> parameters("explain", "0.1", "3", INT4, "float16")
    AffineParams(scale=array(0.1, dtype=float32), zero_point=array(3, dtype=int16), grid=INT4)

    Raises:
        ValueError, TypeError: whatever AffineParams refuses, and text that is no number.
    """
    where = f"refquant {command}"
    arithmetic = grid.arithmetic(float_dtype(where, dtype))
    step = read(where, "--scale", scale, arithmetic)[1]
    if not 0 < step < np.inf:
        raise arguments.error(ValueError, where, f"`--scale` must be positive and finite in {arithmetic} (R11)",
                              repr(scale), "--scale 0.1, say")
    if not grid.equal_steps and zero_point.strip() != "0":
        raise arguments.error(ValueError, where, "`--zero-point` goes with integers, whose steps are equal (R5)",
                              f"--zero-point {zero_point} on {grid}", "drop --zero-point")
    code = number(command, "--zero-point", zero_point, *grid.zero_points, 3)
    return AffineParams(scale=step, zero_point=code, grid=grid)


# ---------------------------------------------------------------------------------------------- shown

def fraction(value: Any) -> Fraction:
    """A finite number, exactly."""
    return Fraction(float(value))


def ulp(value: Scalar) -> Fraction:
    """The distance of the floats of value's size; NumPy's spacing overflows at the largest."""
    info = np.finfo(value.dtype)
    exponent = math.frexp(float(value))[1] - 1 if value else info.minexp
    return Fraction(2) ** (max(exponent, int(info.minexp)) - int(info.nmant))


def place(value: Scalar) -> int:
    """The place of value among the floats of its dtype, counted from 0, with its sign."""
    return (-1 if value < 0 else 1) * int(np.abs(value).view(f"i{value.dtype.itemsize}"))


def both(value: Scalar) -> str:
    """The exact decimal and the exact hexadecimal form."""
    return f"{decimal(value)} = {hexadecimal(value)}" if np.isfinite(value) and value else decimal(value)


def decimal(value: Scalar) -> str:
    """Every digit of a float, up to 64 of them."""
    exact = Decimal(float(value))
    if exact.is_infinite():
        return str(float(value))
    count = len(exact.as_tuple().digits)
    return str(exact) if count <= 64 else f"{digits(fraction(value))} ({count} digits)"


def digits(value: Fraction, most: int = 20) -> str:
    """The first digits of a fraction, ... where there are more."""
    context = Context(prec=most, rounding=ROUND_DOWN, Emax=9999, Emin=-9999)
    line = str(context.divide(Decimal(value.numerator), Decimal(value.denominator)))
    if not context.flags[Inexact]:
        return line
    first, e, exponent = line.partition("E")
    return f"{first}...{e}{exponent}"


def shortened(text: str) -> str:
    """A text that is not too long for a line."""
    return text if len(text) <= 64 else f"{text[:40]}... ({len(text)} characters)"
