"""gguf's blocks, asked as the other operators are: the code that x gets in a block whose scale is the one given.

A block finds its scale itself, so one is made for x: [first, x, 0, ...], first so many steps that the format finds this
very scale. There is no zero point.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from .. import arguments
from ..affine import AffineParams
from ..arguments import Codes, Reals
from . import gguf
from .choices import Whole, half_away, reciprocal
from .conventions import Convention
from .exact import Exact, Scalar, exact, multiply_add, nearest, show
from .steps import described


@arguments.quiet
def q8_0(x: Reals, params: AffineParams) -> Codes:
    """A block whose first value is 127 steps.

    >>> from refquant import INT8
    >>> q8_0(np.float32([2.5, -2.5]), AffineParams(scale=np.float32(0.5), zero_point=0, grid=INT8))
    array([ 5, -5], dtype=int8)

    Raises:
        ValueError: x beyond the codes, a zero point, a scale that no block has.
    """
    return gguf.quantize_q8_0(_blocks(x, params, 127, -127, 127)).view(np.int8)[:, 3]


@arguments.quiet
def q4_0(x: Reals, params: AffineParams, multiply_add: Any = multiply_add) -> Codes:
    """A block whose first value is -8 steps: as q8_0, of 4 bits."""
    stored = gguf.quantize_q4_0(_blocks(x, params, -8, -7.5, 7.5), multiply_add)
    return (stored[:, 3] & 15).astype(np.int8) - 8


def _blocks(x: Reals, params: AffineParams, steps: int, least: float, most: float) -> Reals:
    """(n) -> (n, 32): [steps * scale, x, 0, ...], to which the format must give this very scale."""
    first, scale = np.float32(steps) * params.scale, params.scale
    fits = (first / np.float32(steps) == scale) & (scale >= np.finfo(np.float32).tiny) & (params.zero_point == 0)
    fits = fits & (least * scale <= x) & (x <= most * scale)
    fits = fits & (params.grid.qmin - 0.5 <= least) & (most <= params.grid.qmax + 0.5)
    arguments.none("gguf", np.broadcast_to(~fits, x.shape), x, "x must lie in a block of this scale and zero point 0",
                   "a block has a normal scale and no zero point; x lies within its codes, which are on the grid")
    blocks = np.zeros((x.size, 32), np.float32)
    blocks[:, 0], blocks[:, 1] = first, x
    return blocks


# ---------------------------------------------------------------------------------------------- their conventions

@described("", lambda *_: "", "it has no zero point")
def no_zero_point(v: Scalar | Exact, *_: Any) -> tuple[Scalar | Exact, int]:
    """v, and nothing to be added."""
    return v, 0


def _with_half(v: Fraction) -> Exact:
    return exact(nearest(v + Fraction(17, 2), np.float32))


@described("+ 8.5 in float32, cut off", lambda v, n: f", + 8.5 = {show(_with_half(v))} in float32, truncated: {n}",
           "it adds 8.5 in float32 and drops the fraction")
def half_added_to_8(v: Fraction) -> int:
    """trunc(v + 8.5), the sum in float32."""
    return math.trunc(_with_half(v))


@described("4 bits, - 8", lambda n, *others: ", at most 15" * (n > 15) + f", - 8 = {others[-1]}",
           "it stores 8 more, in 4 bits")
def four_bits(n: Whole, *_: Any) -> Whole:
    """min(n, 15) - 8."""
    return min(n, 15) - 8


Q8_0 = Convention(reciprocal, no_zero_point, half_away)
Q4_0 = Convention(reciprocal, no_zero_point, half_added_to_8, four_bits)
