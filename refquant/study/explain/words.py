"""What a trace says: a line a step, with its rule."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engines.exact import hexadecimal
from ..numbers import both, decimal, digits, fraction, shortened, ulp

if TYPE_CHECKING:
    from .trace import Trace


def lines(t: Trace) -> str:
    """The steps of a trace, a line each."""
    steps = CODES if t.params.grid.equal_steps else VALUES
    return "\n".join(f"{name:<8}  {rule:<3}  {words(t)}" for name, rule, words in steps)



def _x(t: Trace) -> str:
    if np.isinf(t.x):
        how = "beyond every" if re.search(r"\d", t.text) else "a"
    else:
        how = "exactly a" if t.given == fraction(t.x) else "the nearest"
    return f"{shortened(t.text)} -> {both(t.x)}, {how} {t.x.dtype}"


def _scale(t: Trace) -> str:
    own = t.params.scale.dtype
    cast = f", a {own}" if own == t.scale.dtype else f", the {own} cast to {t.scale.dtype}"
    return f"{t.params.scale[()]!s} -> {both(t.scale)}{cast}"


def _quotient(t: Trace) -> str:
    exact, v = t.exact_quotient, t.quotient
    wide = "" if v.dtype == t.x.dtype else f", {t.x.dtype} being widened"
    line = f"x / scale = {decimal(v)} in {v.dtype}{wide}"
    if exact is None:
        return line
    if np.isinf(v):
        return f"{line}: {digits(exact)} overflows"
    if exact == fraction(v):
        return f"{line}, exactly"
    ulps = (fraction(v) - exact) / ulp(v)
    return f"{line}, rounded {'up' if ulps > 0 else 'down'} {float(abs(ulps)):.3g} ulp from {digits(exact)}"


def _round(t: Trace) -> str:
    whole, tie, ulps = decimal(t.rounded), t.tie, t.ulps_from_tie
    if tie is None or ulps is None:
        size = f"every {t.quotient.dtype} of this size is an integer"
        return f"{whole}: {size if np.isfinite(t.quotient) else 'nothing to round'}"
    half = f"{math.floor(tie)}.5" if tie > 0 else f"-{math.floor(-tie)}.5"
    if ulps:
        line = f"{whole}: {abs(ulps):,} ulp {'above' if ulps > 0 else 'below'} the tie {half}"
    else:
        line = f"{whole}: a tie, {half} goes to the even one of {math.floor(tie)} and {math.ceil(tie)}"
    exact = t.exact_quotient
    same = exact is None or round(exact) == t.rounded
    return line if same else f"{line}; the exact quotient would give {round(exact or 0)}"


def _shift(t: Trace) -> str:
    before, after, zero_point = t.rounded, t.shifted, t.zero_point
    exact = np.isinf(before) or fraction(before) + zero_point == fraction(after)
    how = "the zero point added after rounding" if exact else f"as {after.dtype} rounds the sum"
    return f"{decimal(before)} + {zero_point} = {decimal(after)}, {how}"


def _clip(t: Trace) -> str:
    grid = t.params.grid
    held = f"saturates at {t.code}: the codes end there" if t.clipped else "is a code"
    return f"{decimal(t.shifted)} {held}, {grid.dtype} from {grid.qmin} to {grid.qmax}"


def _x_hat(t: Trace) -> str:
    return f"scale * ({t.code} - {t.zero_point}) = {both(t.x_hat)}, a {t.x_hat.dtype}"


def _error(t: Trace) -> str:
    error, steps, bound = t.error, t.error_in_steps, t.bound
    if error is None or steps is None:
        return f"infinite; no bound for an infinite {'x' if np.isinf(t.x) else 'x_hat, which overflows (R11)'}"
    equal, least = t.params.grid.equal_steps, digits(steps, 8)
    line = f"|x - x_hat| = {digits(error)} = {f'{least} steps' if equal else f'scale * {least}'}"
    if bound is None:
        return f"{line}; no bound: x lies outside the values of qmin and qmax"
    most = digits(bound / fraction(t.scale), 8)
    if not equal:
        most = f"scale * {most}, where the gap is {digits(t.gap)}"
    if error > bound:  # relative eps says nothing there
        return f"{line}, BEYOND the bound of {most}: x_hat is subnormal"
    return f"{line}, within the bound of {most}"


# ---------------------------------------------------------------------------------------------- unequal steps

def _values(t: Trace) -> str:
    v, grid, around = t.quotient, t.params.grid, t.neighbours
    if around is None:
        name, end = ("lowest", grid.qmin) if v <= grid.qmin else ("largest", grid.qmax)
        beyond = f"lies beyond the {name} value, {_real(end)}"
        return f"{decimal(v)} {f'is the {name} value' if v == end else beyond}"
    line = f"{decimal(v)} is a value"
    if float(v) not in around:
        line = f"{decimal(v)} lies between {_real(around[0])} and {_real(around[1])}"
    if len(grid.fields) == 1:
        return line
    mantissa, gap = grid.fields[-1], Fraction(around[1]) - Fraction(around[0])
    normal, apart = _power(Fraction(float(grid.values[grid.values > 0][0]))) + mantissa, _power(gap)
    if abs(v) < 2.0**normal:
        return f"{line}: below 2**{normal} the values are subnormal, 2**{apart} apart"
    low = apart + mantissa
    return f"{line}: from 2**{low} to 2**{low + 1} the values are {gap if gap >= 1 else f'2**{apart}'} apart"


def _nearest(t: Trace) -> str:
    line, v, around, tie, ulps = decimal(t.shifted), t.quotient, t.neighbours, t.tie, t.ulps_from_tie
    if np.isinf(v) or v == t.value:
        return f"{line}: nothing to round"
    if tie is None:
        return f"{line}: {'more than' if t.clipped else 'at most'} half a gap beyond the end"
    if v == tie:
        rule = "the lower one is taken" if len(t.params.grid.fields) == 1 else f"the code of {line} is even"
        line = f"{line}: a tie, {decimal(v)} is half-way, and {rule}"
    else:
        far = "" if ulps is None else f"{abs(ulps):,} ulp "
        line = f"{line}: {far}{'above' if fraction(v) > tie else 'below'} the middle, {digits(tie)}"
    exact: Any = t.exact_quotient
    other = t.value if around is None or exact in (None, tie) else around[exact > tie]
    return line if other == t.value else f"{line}; the exact quotient would give {_real(other)}"


def _ends(t: Trace) -> str:
    grid = t.params.grid
    held = f"saturates at {_real(t.value)}: the values end there" if t.clipped else "is a value"
    return f"{decimal(t.shifted)} {held}, {grid} from {_real(grid.qmin)} to {_real(grid.qmax)}"


def _code(t: Trace) -> str:
    grid = t.params.grid
    bits, parts, start = f"{t.code:0{grid.bits}b}", [], 0
    for width in grid.fields:
        parts.append(bits[start:start + width])
        start += width
    meaning = "the place of this value" if len(parts) == 1 else "sign, exponent, mantissa"
    return f"0x{t.code:0{-(-grid.bits // 4)}X} = {' '.join(parts)}: {meaning}"


def _back(t: Trace) -> str:
    return f"scale * {_real(t.value)} = {both(t.x_hat)}, a {t.x_hat.dtype}"


def _real(v: Any) -> str:
    """Every digit of a value; hexadecimal where they are many."""
    text = decimal(np.float64(v))
    return text if len(text) <= 32 else hexadecimal(v)


def _power(v: Fraction) -> int:
    """log2 of a power of two."""
    return v.numerator.bit_length() - v.denominator.bit_length()


QUOTIENT = ("x", "R7", _x), ("scale", "R3", _scale), ("quotient", "R3", _quotient)
CODES = (*QUOTIENT, ("round", "R4", _round), ("shift", "R5", _shift), ("clip", "R6", _clip), ("x_hat", "R2", _x_hat),
         ("error", "R16", _error))
VALUES = (*QUOTIENT, ("values", "R17", _values), ("round", "R4", _nearest), ("clip", "R6", _ends),
          ("code", "R17", _code), ("x_hat", "R2", _back), ("error", "R16", _error))
