"""gguf's blocks, asked as the other operators are: the code that x gets in a block whose scale is the one given.

A block finds its scale itself, so one is made for x: [first, x, last, 0, ...], first and last so many steps that the
format finds this very scale. There is no zero point.
"""
from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from .. import arguments
from ..affine import AffineParams
from ..arguments import Codes, Reals
from ..grids import IntGrid
from . import gguf
from .choices import Whole, half_away, reciprocal
from .conventions import Convention
from .exact import Exact, Scalar, exact, nearest, quotient, show
from .steps import Choice, Step


@arguments.quiet
def q8_0(x: Reals, params: AffineParams) -> Codes:
    """A block whose first value is 127 steps.

    >>> from refquant import INT8
    >>> q8_0(np.float32([2.5, -2.5]), AffineParams(scale=np.float32(0.5), zero_point=0, grid=INT8))
    array([ 5, -5], dtype=int8)

    Raises:
        ValueError: x beyond the codes, a zero point, a scale that no block has.
    """
    first = np.float32(127) * params.scale
    blocks = _blocks(x, params, first, np.float32(0), first / np.float32(127), (-127.0, 127.0))
    return gguf.quantize_q8_0(blocks).view(np.int8)[:, 3]


@arguments.quiet
def q4_0(x: Reals, params: AffineParams) -> Codes:
    """A block whose first value is -8 steps: as q8_0, of 4 bits."""
    first = np.float32(-8) * params.scale
    blocks = _blocks(x, params, first, np.float32(0), first / np.float32(-8), (-7.5, 7.5))
    return (gguf.quantize_q4_0(blocks)[:, 3] & 15).astype(np.int8) - np.int8(8)


@arguments.quiet
def q4_1(x: Reals, params: AffineParams) -> Codes:
    """A block from 0 to 15 steps, or from -8 to 7 where x is negative: as q4_0."""
    low = np.where(x < 0, np.float32(-8), np.float32(0))
    first, last = (low + 15) * params.scale, low * params.scale
    fits = (first / (low + 15) == params.scale) * (first - last) / np.float32(15)
    blocks = _blocks(x, params, first, last, fits, (low, low + 15))
    return (gguf.quantize_q4_1(blocks)[:, 5] & 15).astype(np.int8) + low.astype(np.int8)


def _blocks(x: Reals, params: AffineParams, first: Any, last: Any, scale: Reals, ends: tuple[Any, Any]) -> Reals:
    """(n) -> (n, 32): [first, x, last, 0, ...], to which the format gives `scale`, which must be that of params."""
    fits = (scale == params.scale) & (params.zero_point == 0) & (params.scale >= np.finfo(np.float32).tiny)
    fits = fits & (ends[0] * params.scale <= x) & (x <= ends[1] * params.scale)
    arguments.none("gguf", np.broadcast_to(~fits, x.shape), x, "x must lie in a block of this scale and zero point 0",
                   "a block has a normal scale and no zero point; x lies within its codes")
    blocks = np.zeros((x.size, 32), np.float32)
    blocks[:, 0], blocks[:, 1], blocks[:, 2] = first, x, last
    return blocks


# ---------------------------------------------------------------------------------------------- their conventions

def _then(rest: int) -> Choice[..., Any]:
    """No zero point; `rest` is added after rounding."""
    return Choice(lambda v, *_: (v, rest), "", lambda *_: "", "it has no zero point")


def _truncated(added: Fraction) -> Choice[[Fraction], int]:
    """trunc(v + added), the sum in float32."""
    def total(v: Fraction) -> Exact:
        return exact(nearest(v + added, np.float32))
    return Choice(lambda v: math.trunc(total(v)), f"+ {show(added)} in float32, cut off", lambda v, n:
                  f", + {show(added)} = {show(total(v))} in float32, truncated: {n}")


def _above_min(x: Scalar, scale: Scalar) -> Scalar:
    return (x + np.float32(8) * scale) * (np.float32(1) / scale)


FROM_MIN = Choice(_above_min, "(x - min) * (1 / scale)", lambda x, scale, v:
                  f"(x - min) * (1 / scale), min = -8 steps, = {quotient(v, x + np.float32(8) * scale, scale)}")
FOUR_BITS: Choice[[Whole, int, IntGrid], Whole] = Choice(
    lambda n, rest, _: min(n, 15) + rest, "4 bits", lambda n, rest, _, q:
    ", at most 15" * (n > 15) + f", - {-rest} = {q}" * (rest < 0))
HALF = Fraction(1, 2)

Q8_0 = Convention(reciprocal, _then(0), half_away)
Q4_0 = Convention(reciprocal, _then(-8), _truncated(8 + HALF), FOUR_BITS)


class FromZero(Convention):
    """Blocks from 0 up; those of a negative x from -8 steps up."""

    def steps(self, x: Scalar, scale: Scalar, zero_point: int, grid: IntGrid) -> list[Step]:
        """As Convention does."""
        below = Convention(FROM_MIN, _then(-8), self.rounding, self.cast)
        return below.steps(x, scale, zero_point, grid) if x < 0 else super().steps(x, scale, zero_point, grid)


Q4_1 = FromZero(reciprocal, _then(0), _truncated(HALF), FOUR_BITS)
