"""One number's way through q = clip(round(x / scale) + zero_point, qmin, qmax), x_hat = scale * (q - zero_point).

The numbers are the library's own; only what is said about them (exact quotients, ties, errors) is computed here, in
fractions.
"""
from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal, Inexact
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from ... import arguments
from ...affine import AffineParams, fake_quantize, quantize
from ...grids import IntGrid

Scalar: TypeAlias = np.floating[Any]
Float: TypeAlias = np.dtype[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Journey:
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
    >>> journey = explain("3.9499998", AffineParams(scale=0.1, zero_point=0, grid=INT8))
    >>> journey.code, journey.quotient, journey.tie, journey.ulps_from_tie
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
    def exact_quotient(self) -> Fraction | None:
        """x / scale before the division rounds; None for an infinity."""
        return _fraction(self.x) / _fraction(self.scale) if np.isfinite(self.x) else None

    @property
    def tie(self) -> Fraction | None:
        """The tie nearest to the quotient, the one farther from 0 if there are two; None where no float is a tie."""
        if not np.isfinite(self.quotient) or _ulp(self.quotient) > 0.5:
            return None
        whole = math.trunc(float(self.quotient))
        return whole + Fraction(-1 if np.signbit(self.quotient) else 1, 2)

    @property
    def ulps_from_tie(self) -> int | None:
        """How many floats the quotient lies above the tie, below if negative; 0 at a tie."""
        if self.tie is None:
            return None
        tie = type(self.quotient)(float(self.tie))
        return (1 if tie > 0 else -1) * (_place(self.quotient) - _place(tie))

    @property
    def clipped(self) -> bool:
        """Whether the code saturated (R6)."""
        return bool(self.shifted != self.code)

    @property
    def error(self) -> Fraction | None:
        """|x - x_hat| in reals; None if one of them is infinite."""
        finite = np.isfinite(self.x) and np.isfinite(self.x_hat)
        return abs(_fraction(self.x) - _fraction(self.x_hat)) if finite else None

    @property
    def error_in_steps(self) -> Fraction | None:
        """|x - x_hat| / scale."""
        return None if self.error is None else self.error / _fraction(self.scale)

    @property
    def bound(self) -> Fraction | None:
        """scale * (1/2 + (qmax - qmin) * eps); None where R16 says nothing: outside the values of qmin and qmax."""
        grid, step, zero_point = self.params.grid, _fraction(self.scale), int(self.params.zero_point)
        lo, hi = (step * (q - zero_point) for q in (grid.qmin, grid.qmax))
        if self.error is None or not lo <= _fraction(self.x) <= hi:
            return None
        return step * (Fraction(1, 2) + (grid.qmax - grid.qmin) * _fraction(np.finfo(self.x_hat.dtype).eps))

    def __str__(self) -> str:
        zero_point = int(self.params.zero_point)
        lines = [
            ("x", "R7", self._x()),
            ("scale", "R3", self._scale()),
            ("quotient", "R3", self._quotient()),
            ("round", "R4", self._round()),
            ("shift", "R5", self._shift()),
            ("clip", "R6", self._clip()),
            ("x_hat", "R2", f"scale * ({self.code} - {zero_point}) = {_value(self.x_hat)}, a {self.x_hat.dtype}"),
            ("error", "R16", self._error()),
        ]
        return "\n".join(f"{name:<8}  {rule:<3}  {step}" for name, rule, step in lines)

    def _x(self) -> str:
        if np.isinf(self.x):
            how = "beyond every" if re.search(r"\d", self.text) else "a"
        else:
            how = "exactly a" if self.given == _fraction(self.x) else "the nearest"
        return f"{_short(self.text)} -> {_value(self.x)}, {how} {self.x.dtype}"

    def _scale(self) -> str:
        own = self.params.scale.dtype
        cast = f", a {own}" if own == self.scale.dtype else f", the {own} cast to {self.scale.dtype}"
        return f"{self.params.scale[()]!s} -> {_value(self.scale)}{cast}"

    def _quotient(self) -> str:
        exact, v = self.exact_quotient, self.quotient
        wide = "" if v.dtype == self.x.dtype else f", {self.x.dtype} being widened"
        line = f"x / scale = {_decimal(v)} in {v.dtype}{wide}"
        if exact is None:
            return line
        if np.isinf(v):
            return f"{line}: {_digits(exact)} overflows"
        if exact == _fraction(v):
            return f"{line}, exactly"
        ulps = (_fraction(v) - exact) / _ulp(v)
        return f"{line}, rounded {'up' if ulps > 0 else 'down'} {float(abs(ulps)):.3g} ulp from {_digits(exact)}"

    def _round(self) -> str:
        whole, tie, ulps = _decimal(self.rounded), self.tie, self.ulps_from_tie
        if tie is None or ulps is None:
            size = f"every {self.quotient.dtype} of this size is an integer"
            return f"{whole}: {size if np.isfinite(self.quotient) else 'nothing to round'}"
        half = f"{math.floor(tie)}.5" if tie > 0 else f"-{math.floor(-tie)}.5"
        if ulps:
            line = f"{whole}: {abs(ulps):,} ulp {'above' if ulps > 0 else 'below'} the tie {half}"
        else:
            line = f"{whole}: a tie, {half} goes to the even one of {math.floor(tie)} and {math.ceil(tie)}"
        exact = self.exact_quotient
        same = exact is None or round(exact) == self.rounded
        return line if same else f"{line}; the exact quotient would give {round(exact or 0)}"

    def _shift(self) -> str:
        before, after, zero_point = self.rounded, self.shifted, int(self.params.zero_point)
        exact = np.isinf(before) or _fraction(before) + zero_point == _fraction(after)
        how = "the zero point added after rounding" if exact else f"as {after.dtype} rounds the sum"
        return f"{_decimal(before)} + {zero_point} = {_decimal(after)}, {how}"

    def _clip(self) -> str:
        grid = self.params.grid
        held = f"saturates at {self.code}: the codes end there" if self.clipped else "is a code"
        return f"{_decimal(self.shifted)} {held}, {grid.dtype} from {grid.qmin} to {grid.qmax}"

    def _error(self) -> str:
        error, steps, bound = self.error, self.error_in_steps, self.bound
        if error is None or steps is None:
            return f"infinite; no bound for an infinite {'x' if np.isinf(self.x) else 'x_hat, which overflows (R11)'}"
        line = f"|x - x_hat| = {_digits(error)} = {_digits(steps, 8)} steps"
        if bound is None:
            return f"{line}; no bound: x lies outside the values of qmin and qmax"
        most = _digits(bound / _fraction(self.scale), 8)
        if error > bound:  # relative eps says nothing there
            return f"{line}, BEYOND the bound of {most}: x_hat is subnormal"
        return f"{line}, within the bound of {most}"


@arguments.quiet
def explain(x: str | float | Scalar, params: AffineParams, dtype: DTypeLike = np.float32) -> Journey:
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
    return Journey(text=text.strip(), given=given, params=params, x=value, scale=scalar(scale),
                   quotient=scalar(quotient), rounded=scalar(rounded), shifted=scalar(shifted), code=int(code),
                   x_hat=x_hat.dtype.type(x_hat))


def _texts(x: float | Scalar) -> tuple[str, str]:
    """A float as it is usually written, and exactly."""
    real = arguments.reals("explain", x)
    if real.shape:
        raise arguments.error(ValueError, "explain", "`x` must be one number", f"shape {real.shape}", "pass x[0], say")
    return str(real[()]), float(real).hex()


def parameters(where: str, scale: str, zero_point: str, bits: str, signed: bool, narrow: bool,
               dtype: str) -> AffineParams:
    """Parameters from the words of a command line; the scale in the dtype of the arithmetic (R3).

    >>> parameters("docs", "0.1", "3", "4", True, False, "float16")
    AffineParams(scale=array(0.1, dtype=float32), zero_point=array(3, dtype=int16), grid=INT4)

    Raises:
        ValueError, TypeError: whatever AffineParams and IntGrid refuse, and text that is no number.
    """
    grid = IntGrid(_whole(where, "--bits", bits), signed=signed, narrow=narrow)
    arithmetic = grid.arithmetic(float_dtype(where, dtype))
    step = read(where, "--scale", scale, arithmetic)[1]
    if not 0 < step < np.inf:
        raise arguments.error(ValueError, where, f"`--scale` must be positive and finite in {arithmetic} (R11)",
                              repr(scale), "--scale 0.1, say")
    return AffineParams(scale=step, zero_point=_whole(where, "--zero-point", zero_point), grid=grid)


def _whole(where: str, name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as cause:
        raise arguments.error(ValueError, where, f"`{name}` must be a whole number", repr(text),
                              f"{name} 3, say") from cause


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
        nearest = float.fromhex(text) if is_hex else float(text)
    except OverflowError:
        nearest = -math.inf if text.strip().startswith("-") else math.inf
    except ValueError as cause:
        raise arguments.error(ValueError, where, f"`{name}` must be a number", repr(text),
                              "write it as 0.35, 3.5e-1, 0x1.8p-2 or inf") from cause
    if math.isnan(nearest):
        raise arguments.error(ValueError, where, f"`{name}` must not be NaN (R7)", repr(text), "NaN has no code")
    if math.isinf(nearest) or nearest == 0:
        zero = re.fullmatch(r"\s*[+-]?(0x)?[0_.]*([ep].*)?\s*", text.lower(), re.DOTALL)
        return Fraction(0) if zero else None, dtype.type(nearest)
    given = _hexadecimal(text) if is_hex else Fraction(Decimal(text))
    if dtype != np.float64 and given != nearest and np.float64(nearest).view(np.int64) % 2 == 0:
        nearest = math.nextafter(nearest, math.inf if given > nearest else -math.inf)  # to odd: now no tie is false
    return given, dtype.type(nearest)


def _hexadecimal(text: str) -> Fraction:
    mantissa, _, exponent = text.strip().lower().partition("p")
    behind = len(mantissa.partition(".")[2])
    return int(mantissa.replace(".", ""), 16) * Fraction(2) ** (int(exponent or 0) - 4 * behind)


def _fraction(value: Any) -> Fraction:
    return Fraction(float(value))


def _ulp(value: Scalar) -> Fraction:
    """The distance of the floats of value's size; NumPy's spacing overflows at the largest."""
    info = np.finfo(value.dtype)
    exponent = math.frexp(float(value))[1] - 1 if value else info.minexp
    return Fraction(2) ** (max(exponent, int(info.minexp)) - int(info.nmant))


def _place(value: Scalar) -> int:
    """The place of |value| among the floats of its dtype."""
    return int(np.abs(value).view(f"i{value.dtype.itemsize}"))


def _value(value: Scalar) -> str:
    """The exact decimal and the exact hexadecimal form."""
    mantissa, p, exponent = float(value).hex().partition("p")
    short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{_decimal(value)} = {short}{p}{exponent}" if np.isfinite(value) and value else _decimal(value)


def _decimal(value: Scalar) -> str:
    """Every digit of a float, up to 64 of them."""
    exact = Decimal(float(value))
    if exact.is_infinite():
        return str(float(value))
    count = len(exact.as_tuple().digits)
    return str(exact) if count <= 64 else f"{_digits(_fraction(value))} ({count} digits)"


def _digits(value: Fraction, most: int = 20) -> str:
    """The first digits of a fraction, ... where there are more."""
    context = Context(prec=most, rounding=ROUND_DOWN, Emax=9999, Emin=-9999)
    line = str(context.divide(Decimal(value.numerator), Decimal(value.denominator)))
    if not context.flags[Inexact]:
        return line
    digits, e, exponent = line.partition("E")
    return f"{digits}...{e}{exponent}"


def _short(text: str) -> str:
    return text if len(text) <= 64 else f"{text[:40]}... ({len(text)} characters)"
