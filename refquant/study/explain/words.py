"""What a trace says: a line a step, with its rule."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engines.exact import hexadecimal
from ..numbers import both, decimal, digits, fraction, shortened, ulp

if TYPE_CHECKING:
    from .trace import Trace


def lines(t: Trace) -> str:
    """The steps of a trace, a line each, without those that its grid has not."""
    return "\n".join(f"{name:<8}  {rule:<3}  {said}" for name, rule, words in LINES if (said := words(t)))


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


def _values(t: Trace) -> str:
    """Where the quotient lies among values that are not one apart."""
    v, grid, around = t.quotient, t.params.grid, t.neighbours
    if grid.equal_steps:
        return ""
    if around is None:
        name, end = ("lowest", grid.qmin) if v <= grid.qmin else ("largest", grid.qmax)
        beyond = f"lies beyond the {name} value, {_real(end)}"
        return f"{decimal(v)} {f'is the {name} value' if v == end else beyond}"
    line = f"{decimal(v)} lies between {_real(around[0])} and {_real(around[1])}"
    if v in around:
        line = f"{decimal(v)} is a value"
    if len(grid.fields) == 1:
        return line
    gap = Fraction(around[1]) - Fraction(around[0])
    least, apart, mantissa = _power(Fraction(grid.values[grid.values > 0][0])), _power(gap), grid.fields[-1]
    if abs(v) < 2.0**(least + mantissa):
        return f"{line}: below 2**{least + mantissa} the values are subnormal, 2**{apart} apart"
    low = apart + mantissa
    return f"{line}: from 2**{low} to 2**{low + 1} the values are {gap if gap >= 1 else f'2**{apart}'} apart"


def _power(v: Fraction) -> int:
    """log2 of a power of two."""
    return v.numerator.bit_length() - v.denominator.bit_length()


def _round(t: Trace) -> str:
    line, tie, ulps, around, exact = decimal(t.rounded), t.tie, t.ulps_from_tie, t.neighbours, t.exact_quotient
    if tie is None or around is None or exact is None:
        return f"{line}: {_nothing_to_round(t)}"
    if fraction(t.quotient) == tie:
        line = f"{line}: a tie, {digits(tie)} goes to {_chosen(t, f'{_real(around[0])} and {_real(around[1])}')}"
    else:
        far = "" if ulps is None else f"{abs(ulps):,} ulp "
        line = f"{line}: {far}{'above' if fraction(t.quotient) > tie else 'below'} the tie {digits(tie)}"
    other = t.rounded if exact == tie else around[exact > tie]
    return line if other == t.rounded else f"{line}; the exact quotient would give {_real(other)}"


def _nothing_to_round(t: Trace) -> str:
    v, grid = t.quotient, t.params.grid
    if not np.isfinite(v):
        return "nothing to round"
    if grid.equal_steps:
        return f"every {v.dtype} of this size is an integer"
    return f"{'more than' if t.clipped else 'at most'} half a gap beyond the end" if v != t.value else "a value"


def _chosen(t: Trace, two: str) -> str:
    if t.params.grid.equal_steps:
        return f"the even one of {two}"
    return f"the lower one of {two}" if len(t.params.grid.fields) == 1 else f"the one of {two} whose code is even"


def _shift(t: Trace) -> str:
    if not t.params.grid.equal_steps:
        return ""
    before, after, zero_point = t.rounded, t.shifted, t.zero_point
    exact = np.isinf(before) or fraction(before) + zero_point == fraction(after)
    how = "the zero point added after rounding" if exact else f"as {after.dtype} rounds the sum"
    return f"{decimal(before)} + {zero_point} = {decimal(after)}, {how}"


def _clip(t: Trace) -> str:
    grid = t.params.grid
    what, name = ("code", str(grid.dtype)) if grid.equal_steps else ("value", str(grid))
    held = f"saturates at {_real(t.value)}: the {what}s end there" if t.clipped else f"is a {what}"
    return f"{decimal(t.shifted)} {held}, {name} from {_real(grid.qmin)} to {_real(grid.qmax)}"


def _code(t: Trace) -> str:
    """The code's bits: of a float sign, exponent and mantissa."""
    grid, parts, rest = t.params.grid, list[str](), t.code
    if grid.equal_steps:
        return ""
    for width in reversed(grid.fields):
        parts.insert(0, f"{rest % 2**width:0{width}b}")
        rest >>= width
    meaning = "sign, exponent, mantissa" if len(parts) > 1 else "the place of this value"
    return f"0x{t.code:0{-(-grid.bits // 4)}X} = {' '.join(parts)}: {meaning}"


def _x_hat(t: Trace) -> str:
    value = f"({t.code} - {t.zero_point})" if t.params.grid.equal_steps else _real(t.value)
    return f"scale * {value} = {both(t.x_hat)}, a {t.x_hat.dtype}"


def _error(t: Trace) -> str:
    error, steps, bound, equal = t.error, t.error_in_steps, t.bound, t.params.grid.equal_steps
    if error is None or steps is None:
        return f"infinite; no bound for an infinite {'x' if np.isinf(t.x) else 'x_hat, which overflows (R11)'}"
    least = digits(steps, 8)
    line = f"|x - x_hat| = {digits(error)} = {f'{least} steps' if equal else f'scale * {least}'}"
    if bound is None:
        return f"{line}; no bound: x lies outside the values of qmin and qmax"
    most = digits(bound / fraction(t.scale), 8)
    if not equal:
        most = f"scale * {most}, where the gap is {digits(t.gap)}"
    if error > bound:  # relative eps says nothing there
        return f"{line}, BEYOND the bound of {most}: x_hat is subnormal"
    return f"{line}, within the bound of {most}"


def _real(v: Any) -> str:
    """Every digit of a value; hexadecimal where they are many."""
    text = decimal(np.float64(v))
    return text if len(text) <= 32 else hexadecimal(v)


LINES = (("x", "R7", _x), ("scale", "R3", _scale), ("quotient", "R3", _quotient), ("values", "R17", _values),
         ("round", "R4", _round), ("shift", "R5", _shift), ("clip", "R6", _clip), ("code", "R17", _code),
         ("x_hat", "R2", _x_hat), ("error", "R16", _error))
