"""One number's steps through q = encode(clip(round(x / scale) + zero_point, qmin, qmax)), and back to x_hat.

The numbers are the library's own; exact quotients, ties and errors are computed here, in fractions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import DTypeLike

from ... import arguments
from ...affine import AffineParams, fake_quantize, quantize
from ...engines.exact import Scalar
from ..numbers import float_dtype, fraction, place, read, ulp
from . import words


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The steps of one value from real to code and back; `print` shows them in lines, each with its rule.

    Args:
        text: x as it was given; a float in its shortest form.
        given: the exact number that was given; None for an infinity and for text that float64 cannot reach.
        params: one scale and one zero point.
        x: the number given, rounded once, to the dtype of the data.
        scale: reals per step, in the dtype of the arithmetic (R3), like the next three.
        quotient: x / scale.
        rounded: the quotient to the nearest value, as if values went on beyond the ends (R4).
        shifted: rounded + zero_point (R5); where the grid has no -0, 0 has lost its sign.
        code: of shifted, clipped to the grid (R6).
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
        """The tie nearest to the quotient, the one farther from 0 if there are two; None where no float is a tie.

        It is the middle of the two values around the quotient; of a codebook's values it may be no float.
        """
        if self.neighbours is None or (self.params.grid.equal_steps and ulp(self.quotient) > 0.5):
            return None
        low, high = map(Fraction, self.neighbours)
        return (low + high) / 2

    @property
    def ulps_from_tie(self) -> int | None:
        """How many floats the quotient lies above the tie, below if negative; 0 at a tie. None where no float
        is the tie."""
        if self.tie is None:
            return None
        tie = type(self.quotient)(float(self.tie))
        return place(self.quotient) - place(tie) if fraction(tie) == self.tie else None

    @property
    def neighbours(self) -> tuple[float, float] | None:
        """The two values around the quotient, of which the one nearer to 0 may be the quotient; None from the last
        value on. On integers they go on."""
        if not np.isfinite(self.quotient):
            return None
        if self.params.grid.equal_steps:
            whole = float(np.trunc(self.quotient)) + 0.0  # no -0
            return (whole - 1, whole) if np.signbit(self.quotient) else (whole, whole + 1)
        values = (self.params.grid.values + 0.0).tolist()  # the 0 among them may be -0
        find = bisect_left if np.signbit(self.quotient) else bisect_right
        above = find(values, float(self.quotient))
        return (values[above - 1], values[above]) if 0 < above < len(values) else None

    @property
    def value(self) -> Scalar:
        """What the code decodes to: on integers, the code."""
        grid = self.params.grid
        return np.float64(grid.decode(np.asarray(self.code, grid.dtype))[()])

    @property
    def clipped(self) -> bool:
        """Whether the code saturated (R6)."""
        return bool(self.shifted != self.value)

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
    def gap(self) -> Fraction:
        """The distance of the two values around x / scale: 1 on integers, at a value that to the next one above."""
        grid, v = self.params.grid, self.exact_quotient
        if grid.equal_steps or v is None:
            return Fraction(1)
        values = grid.values.tolist()
        above = min(max(bisect_right(values, v), 1), len(values) - 1)
        return Fraction(values[above]) - Fraction(values[above - 1])

    @property
    def bound(self) -> Fraction | None:
        """scale * (gap/2 + (qmax - qmin) * eps); None where R16 says nothing: outside the values of qmin and qmax."""
        grid, step, zero_point = self.params.grid, fraction(self.scale), self.zero_point
        lo, hi = (step * (Fraction(end) - zero_point) for end in (grid.qmin, grid.qmax))
        if self.error is None or not lo <= fraction(self.x) <= hi:
            return None
        return self.gap / 2 * step + (hi - lo) * fraction(np.finfo(self.x_hat.dtype).eps)

    def __str__(self) -> str:
        return words.lines(self)


@arguments.quiet
def explain(x: str | float | Scalar, params: AffineParams, dtype: DTypeLike = np.float32) -> Trace:
    """x -> q = encode(clip(round(x / scale) + zero_point, qmin, qmax)) -> x_hat, step by step.

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

    A grid of floats has 2**mantissa values in each binade, from a power of two to the next; a code is sign, exponent
    and mantissa:

    >>> from refquant import E4M3
    >>> print(explain(17.0, AffineParams(scale=np.float32(1), zero_point=0, grid=E4M3)))
    x         R7   17.0 -> 17 = 0x1.1p+4, exactly a float32
    scale     R3   1.0 -> 1 = 0x1p+0, a float32
    quotient  R3   x / scale = 17 in float32, exactly
    values    R17  17 lies between 16 and 18: from 2**4 to 2**5 the values are 2 apart
    round     R4   16: a tie, 17 goes to the one of 16 and 18 whose code is even
    clip      R6   16 is a value, E4M3 from -448 to 448
    code      R17  0x58 = 0 1011 000: sign, exponent, mantissa
    x_hat     R2   scale * 16 = 16 = 0x1p+4, a float32
    error     R16  |x - x_hat| = 1 = scale * 1, within the bound of scale * 1.0001068..., where the gap is 2

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
    grid = params.grid
    rounded = grid.round(quotient)
    shifted = np.add(rounded, params.zero_point.astype(arithmetic) if grid.equal_steps else arithmetic.type(grid.zero))
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
