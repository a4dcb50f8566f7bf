"""One number's steps through q = clip(round(x / scale) + zero_point, qmin, qmax), x_hat = scale * (q - zero_point).

The numbers are the library's own; exact quotients, ties and errors are computed here, in fractions.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import DTypeLike

from ... import arguments
from ...affine import AffineParams, fake_quantize, quantize
from ...engines.exact import Scalar
from ..numbers import both, decimal, digits, float_dtype, fraction, place, read, shortened, ulp


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The steps of one value from real to code and back; `print` shows them in eight lines, each with its rule.

    Args:
        text: x as it was given; a float in its shortest form.
        given: the exact number that was given; None for an infinity and for text that float64 cannot reach.
        params: one scale and one zero point.
        x: the number given, rounded once, to the dtype of the data.
        scale: reals per step, in the dtype of the arithmetic (R3), like the next three.
        quotient: x / scale.
        rounded: the quotient to the nearest integer, ties to even (R4).
        shifted: rounded + zero_point (R5).
        code: shifted, clipped to the grid (R6).
        x_hat: what the code means (R2), as fake_quantize returns it.

    The properties are exact: fractions, and counts of neighbouring floats.

    >>> from refquant import INT8
    >>> trace = explain("3.9499998", AffineParams(scale=0.1, zero_point=0, grid=INT8))
    >>> trace.code, trace.quotient, trace.tie, trace.ulps_from_tie
    (39, np.float32(39.499996), Fraction(79, 2), -1)
    """

    text: str
    given: Fraction | None
    params: AffineParams
    x: Scalar
    scale: Scalar
    quotient: Scalar
    rounded: Scalar
    shifted: Scalar
    code: int
    x_hat: Scalar

    @property
    def zero_point(self) -> int:
        """The code that means 0.0."""
        return int(self.params.zero_point)

    @property
    def exact_quotient(self) -> Fraction | None:
        """x / scale before the division rounds; None for an infinity."""
        return fraction(self.x) / fraction(self.scale) if np.isfinite(self.x) else None

    @property
    def tie(self) -> Fraction | None:
        """The tie nearest to the quotient, the one farther from 0 if there are two; None where no float is a tie."""
        if not np.isfinite(self.quotient) or ulp(self.quotient) > 0.5:
            return None
        whole = math.trunc(float(self.quotient))
        return whole + Fraction(-1 if np.signbit(self.quotient) else 1, 2)

    @property
    def ulps_from_tie(self) -> int | None:
        """How many floats the quotient lies above the tie, below if negative; 0 at a tie."""
        if self.tie is None:
            return None
        tie = type(self.quotient)(float(self.tie))
        return (1 if tie > 0 else -1) * (place(self.quotient) - place(tie))

    @property
    def clipped(self) -> bool:
        """Whether the code saturated (R6)."""
        return bool(self.shifted != self.code)

    @property
    def error(self) -> Fraction | None:
        """|x - x_hat| in reals; None if one of them is infinite."""
        finite = np.isfinite(self.x) and np.isfinite(self.x_hat)
        return abs(fraction(self.x) - fraction(self.x_hat)) if finite else None

    @property
    def error_in_steps(self) -> Fraction | None:
        """|x - x_hat| / scale."""
        return None if self.error is None else self.error / fraction(self.scale)

    @property
    def bound(self) -> Fraction | None:
        """scale * (1/2 + (qmax - qmin) * eps); None where R16 says nothing: outside the values of qmin and qmax."""
        grid, step, zero_point = self.params.grid, fraction(self.scale), self.zero_point
        lo, hi = (step * (q - zero_point) for q in (grid.qmin, grid.qmax))
        if self.error is None or not lo <= fraction(self.x) <= hi:
            return None
        return step * (Fraction(1, 2) + int(grid.qmax - grid.qmin) * fraction(np.finfo(self.x_hat.dtype).eps))

    def __str__(self) -> str:
        return "\n".join(f"{name:<8}  {rule:<3}  {words(self)}" for name, rule, words in LINES)


@arguments.quiet
def explain(x: str | float | Scalar, params: AffineParams, dtype: DTypeLike = np.float32) -> Trace:
    """x -> q = clip(round(x / scale) + zero_point, qmin, qmax) -> x_hat = scale * (q - zero_point), step by step.

    Args:
        x: one real, or its text: decimal, hexadecimal as in 0x1.8p-2, or inf; in reals. NaN is refused (R7).
        params: one scale and one zero point; for finer granularity take those of x's slice (R12).
        dtype: float16, float32 or float64, the data's. x is rounded to it first, whatever it was before.

    0.35 is no float32 and 0.1 is none either; their quotient is 3.5, by rounding. So it is a tie, in float32 alone:

    >>> from refquant import INT8, INT4
    >>> params = AffineParams(scale=np.float32(0.1), zero_point=3, grid=INT8)
    >>> print(explain("0.35", params))
    x         R7   0.35 -> 0.3499999940395355224609375 = 0x1.666666p-2, the nearest float32
    scale     R3   0.1 -> 0.100000001490116119384765625 = 0x1.99999ap-4, a float32
    quotient  R3   x / scale = 3.5 in float32, rounded up 0.469 ulp from 3.4999998882412927114...
    round     R4   4: a tie, 3.5 goes to the even one of 3 and 4; the exact quotient would give 3
    shift     R5   4 + 3 = 7, the zero point added after rounding
    clip      R6   7 is a code, int8 from -128 to 127
    x_hat     R2   scale * (7 - 3) = 0.4000000059604644775390625 = 0x1.99999ap-2, a float32
    error     R16  |x - x_hat| = 0.050000011920928955078... = 0.50000011... steps, within the bound of 0.50003039...
    >>> explain("0.35", AffineParams(scale=0.1, zero_point=3, grid=INT8), np.float64).code
    6

    Saturation:

    >>> print(explain(-9.0, AffineParams(scale=0.5, zero_point=0, grid=INT4), np.float64))
    x         R7   -9.0 -> -9 = -0x1.2p+3, exactly a float64
    scale     R3   0.5 -> 0.5 = 0x1p-1, a float64
    quotient  R3   x / scale = -18 in float64, exactly
    round     R4   -18: 140,737,488,355,328 ulp above the tie -18.5
    shift     R5   -18 + 0 = -18, the zero point added after rounding
    clip      R6   -18 saturates at -8: the codes end there, int8 from -8 to 7
    x_hat     R2   scale * (-8 - 0) = -4 = -0x1p+2, a float64
    error     R16  |x - x_hat| = 5 = 10 steps; no bound: x lies outside the values of qmin and qmax

    Raises:
        ValueError: text that is no number, NaN, several scales, a scale that the dtype cannot hold.
        TypeError: integers, complex or other types for x, another dtype, params that are no AffineParams.
    Source: `quantize` and `fake_quantize`, whose results these are.
    """
    dtype = float_dtype("explain", dtype)
    if isinstance(params, AffineParams) and params.scale.shape:
        raise arguments.error(ValueError, "explain", "`params` must hold one scale (R12)",
                              f"shape {params.scale.shape}",
                              "pass the scale and the zero point of x's slice in AffineParams of their own")
    text, exact = (x, x) if isinstance(x, str) else _texts(x)
    given, value = read("explain", "x", exact, dtype)
    code, x_hat = quantize(value, params), fake_quantize(value, params)
    arithmetic = params.grid.arithmetic(dtype)
    scale = params.scale.astype(arithmetic)
    quotient = np.divide(value, scale, dtype=arithmetic)
    rounded = np.rint(quotient)
    shifted = np.add(rounded, params.zero_point.astype(arithmetic))
    scalar = arithmetic.type
    return Trace(text=text.strip(), given=given, params=params, x=value, scale=scalar(scale),
                   quotient=scalar(quotient), rounded=scalar(rounded), shifted=scalar(shifted), code=int(code),
                   x_hat=x_hat.dtype.type(x_hat))


def _texts(x: float | Scalar) -> tuple[str, str]:
    """A float as it is usually written, and exactly."""
    real = arguments.reals("explain", x)
    if real.shape:
        raise arguments.error(ValueError, "explain", "`x` must be one number", f"shape {real.shape}", "pass x[0], say")
    return str(real[()]), float(real).hex()


# ---------------------------------------------------------------------------------------------- in words

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
    line = f"|x - x_hat| = {digits(error)} = {digits(steps, 8)} steps"
    if bound is None:
        return f"{line}; no bound: x lies outside the values of qmin and qmax"
    most = digits(bound / fraction(t.scale), 8)
    if error > bound:  # relative eps says nothing there
        return f"{line}, BEYOND the bound of {most}: x_hat is subnormal"
    return f"{line}, within the bound of {most}"


LINES = (("x", "R7", _x), ("scale", "R3", _scale), ("quotient", "R3", _quotient), ("round", "R4", _round),
         ("shift", "R5", _shift), ("clip", "R6", _clip), ("x_hat", "R2", _x_hat), ("error", "R16", _error))
