"""How an engine reaches the code of one number, step by step, in words.

A way names what an engine does; `steps` follows it with the numbers at hand. Nothing is told of an engine whose own
code differs from that of its way (`agreed`), so that no step is told wrongly.
"""
from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from ... import arguments
from ...engines.pytorch import fused_multiply_add
from ...grids import INT8, IntGrid

T = TypeVar("T")
Scalar: TypeAlias = np.floating[Any]
Answer: TypeAlias = tuple[int | None, str]  # a code, None where it is refused; and how it came about


class Point(NamedTuple):
    """One number and its parameters; x and scale of one dtype."""

    x: Scalar
    scale: Scalar
    zero_point: int
    grid: IntGrid = INT8

    def __str__(self) -> str:
        scale, data = ("" if self.x.dtype == np.float32 else f" ({self.x.dtype})"), exactly(self.x)
        return f"x = {data}, scale = {show(self.scale)}{scale}, zero point {self.zero_point}, {name_of(self.grid)}"


class Way(NamedTuple):
    """What an engine does with a number; the default is the rule."""

    division: str = "true"
    before: bool = False  # the zero point is added before rounding
    away: bool = False  # ties go away from zero, otherwise to the even integer
    cast: int = 0  # the bits of an integer before the clip; 0 for none
    wraps: bool = False  # the zero point is added to that integer
    nan: str = "refused"


def name_of(grid: IntGrid) -> str:
    """int8, uint4."""
    return f"{'' if grid.signed else 'u'}int{grid.bits}"


def show(v: Any) -> str:
    """The shortest decimal that means this very number.

    >>> show(np.float32(39.499996)), show(np.float32(1e20)), show(np.float32(2))
    ('39.499996', '1e+20', '2')
    """
    if not np.isfinite(v):
        return str(v)
    plain = 1e-4 <= abs(v) < 1e8 or v == 0
    return np.format_float_positional(v, trim="-") if plain else np.format_float_scientific(v, trim="-")


def exactly(v: Scalar) -> str:
    """The shortest decimal, and the number itself in hexadecimal where they differ.

    >>> exactly(np.float32(2.5)), exactly(np.float32(1.65))
    ('2.5', '1.65 (0x1.a66666p+0)')
    """
    digits, _, exponent = float(v).hex().partition("p")
    short = show(v)
    return short if float(short) == float(v) or not np.isfinite(v) else f"{short} ({digits.rstrip('0')}p{exponent})"


def agreed(name: str, code: T, told: tuple[T, str]) -> tuple[T, str]:
    """What is told of an engine, which must be what the engine gives.

    >>> agreed("an engine", 3, (3, "so"))
    (3, 'so')
    """
    if told[0] != code:
        raise RuntimeError(f"{name} gives {code}, its steps {told[0]}: {told[1]}")
    return told


class Told(NamedTuple):
    """What one gives, and how it comes about."""

    gives: str
    how: str


class Case(NamedTuple):
    """One input, what the rule says, what each engine that has such an operator gives."""

    given: str
    rule: Told
    engines: Mapping[str, Told]

    @property
    def departing(self) -> dict[str, Told]:
        """The engines that give something else."""
        return {name: told for name, told in self.engines.items() if told.gives != self.rule.gives}


def told_code(told: Answer) -> Told:
    """A code in words.

    >>> told_code((None, "NaN has no code"))
    Told(gives='refused', how='NaN has no code')
    """
    return Told("refused" if told[0] is None else str(told[0]), told[1])


# ---------------------------------------------------------------------------------------------- one step after another

@arguments.quiet
def steps(way: Way, p: Point) -> Answer:
    """The code of a number, and how it came about.

    >>> steps(Way(), Point(np.float32(2.5), np.float32(1), 1))
    (3, 'x / scale = 2.5, a tie: to the even 2; + 1 = 3')
    >>> steps(Way("fused", before=True), Point(np.float32(2.5), np.float32(1), 1))
    (4, 'x * (1 / scale) = 2.5, unrounded; + 1, rounded once, = 3.5, a tie: to the even 4')
    >>> steps(Way(), Point(np.float32(1), np.float32(3), 0))
    (0, 'x / scale = 0.33333334 in float32, to the nearest 0')
    """
    if np.isnan(p.x):
        return _of_nan(way, p)
    v, text = _quotient(way, p)
    if np.isnan(v):
        code, how = _of_nan(way, p)
        return code, f"{text}; {how}"
    n = away(v) if way.away else float(np.rint(v))
    text += _rounded(v, n, way.away)
    rest = 0 if way.before else p.zero_point
    if way.cast:
        return _through(way, n, rest, text, p.grid)
    total = n + rest
    text += f"; + {rest} = {show(v.dtype.type(total))}" if rest else ""
    code = int(min(max(total, p.grid.qmin), p.grid.qmax))
    return code, text + (f"; saturates at {code}" if code != total else "")


def _quotient(way: Way, p: Point) -> tuple[Any, str]:
    x, scale, z = p.x, p.scale, p.zero_point
    if way.division == "true" and x.dtype == np.float16:
        x, scale = np.float32(x), np.float32(scale)
    if way.division == "half":
        a, b = np.float16(x), np.float16(scale)
        v: Any = a / b
        return v, f"x / scale = {show(a)} / {show(b)} = {show(v)} in float16"
    if way.division == "true":
        v = x / scale
        return v, f"x / scale = {quotient(v, x, scale)}"
    inverse, times = x.dtype.type(1) / scale, "x * (1 / scale)"
    if way.division == "wide":
        x, inverse = np.float32(x), np.float32(1) / np.float32(scale)
    if way.division == "fused":
        product = np.multiply(x, inverse, dtype=np.float64)  # exact: 48 bits
        if not way.before:
            return product, f"{times} = {product:.10g}, unrounded"
        v = fused_multiply_add(x, inverse, np.float32(z))[()]
        return v, f"{times} = {product:.10g}, unrounded; + {z}, rounded once, = {show(v)}"
    if way.division == "flushed" and min(abs(x), abs(inverse)) < np.finfo(x.dtype).tiny and x != 0:
        v = max(abs(x), abs(inverse)) * x.dtype.type(0)  # infinity times 0 is NaN
        return v, f"{times} = {show(v)}: a subnormal number counts as 0"
    v = x * inverse
    text = f"{times} = {quotient(v, x, scale)}"
    return (v + v.dtype.type(z), f"{text}, + {z} = {show(v + v.dtype.type(z))}") if way.before else (v, text)


def quotient(v: Any, x: Any, scale: Any) -> str:
    """v, and its dtype where v is not exactly x / scale.

    >>> quotient(np.float32(5.5), np.float32(1.65), np.float32(0.3)), quotient(np.float32(2.5), 5, 2)
    ('5.5 in float32', '2.5')
    """
    exact = not np.isfinite(v) or Fraction(float(v)) * Fraction(float(scale)) == Fraction(float(x))
    return show(v) if exact else f"{show(v)} in {v.dtype}"


def away(v: Any) -> float:
    """To the nearest integer, ties away from zero.

    >>> away(np.float32(-2.5)), away(np.float32(0.49999997))
    (-3.0, 0.0)
    """
    whole = np.trunc(v)
    return float(whole + np.copysign(np.abs(v - whole) >= 0.5, v)) if np.isfinite(v) else float(v)


def _rounded(v: Any, n: float, away: bool) -> str:
    if not np.isfinite(v) or v == n:
        return ""
    tie = abs(v - np.trunc(v)) == 0.5
    how = ("a tie: away from zero " if away else "a tie: to the even ") if tie else "to the nearest "
    return f", {how}{show(n)}"


def _through(way: Way, n: float, rest: int, text: str, grid: IntGrid) -> Answer:
    """Cast to an integer as x86 does, the zero point added after it or before."""
    low = -(2 ** (way.cast - 1))
    before = n if way.wraps else n + rest
    text += f"; + {rest} = {show(before)}" if rest and not way.wraps else ""
    held = int(before) if low <= before < -low else low
    text += f"; int{way.cast} does not hold it: -2**{way.cast - 1}" if held != before else ""
    total = held + (rest if way.wraps else 0)
    if way.wraps and rest:
        wrapped = (total - low) % (-2 * low) + low
        text += f"; + {rest} = {wrapped}" if wrapped == total else f"; + {rest} wraps to {wrapped}"
        total = wrapped
    code = min(max(total, grid.qmin), grid.qmax)
    return code, text + (f"; clipped to {code}" if code != total else "")


def _of_nan(way: Way, p: Point) -> Answer:
    """What becomes of NaN, for which no engine looks."""
    if way.nan == "refused":
        return None, "NaN has no code"
    if way.nan == "cast":
        return _through(way, float("nan"), p.zero_point, "NaN", p.grid)
    return {"qmin": p.grid.qmin, "qmax": p.grid.qmax, "0": 0}[way.nan], f"NaN is not looked for: {way.nan} comes out"
