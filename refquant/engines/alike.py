"""Which named conventions are one function: no input at all tells them apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..grids import Grid
from . import choices
from .conventions import Convention

#: Their quotients are floats of float32 or float16.
SHORT = {choices.true_division, choices.reciprocal, choices.flushed_reciprocal, choices.in_float16}
#: What the others are, rounded to float32.
ROUNDED: dict[Any, Any] = {
    choices.fused_reciprocal: choices.reciprocal, choices.in_float64: choices.true_division,
    choices.reciprocal_in_float64: choices.true_division}
#: What they are for numbers that are not negative.
UNSIGNED: dict[Any, Any] = {
    choices.half_away: choices.half_up, choices.half_toward_zero: choices.half_down,
    choices.half_added_away: choices.half_added, choices.toward_zero: choices.downward,
    choices.away_from_zero: choices.upward}


def one_function(conventions: Iterable[Convention], grid: Grid, symmetric: bool) -> bool:
    """Whether all are one function on the grid; where `symmetric`, with zero point 0 alone.

    >>> from refquant import INT8
    >>> up = Convention(rounding=choices.half_up)
    >>> one_function([up, up._replace(zero_point=choices.before_rounding_in_float64)], INT8, False)
    True
    """
    return len({simplest(c, grid, symmetric) for c in conventions}) <= 1


def simplest(c: Convention, grid: Grid, symmetric: bool) -> Convention:
    """The convention by the names that come first in NAMED, of those that say the same.

    With zero point 0 a sum changes a quotient only where it is rounded to a shorter float; there float64 gives what
    true division gives, since no quotient of two float32 lies within 2**-50 of a tie between two. What is rounded is
    not negative, except where it is clipped, if 0 stands for the lowest code there; then roundings that differ for
    negative numbers alone are the same. With ties rounded up, or down, a float32 or x / scale in float64 lies on a tie
    or at least 2**-25 beside it, so that adding the zero point in float64, before or after, is the same, if no sum
    wraps. Casts to int64 differ only where a sum with a negative number wraps. Beyond 65504 float16 has infinity alone,
    in which int32 and int64 are alike.
    """
    early, late = choices.before_rounding_in_float64, choices.after_rounding
    if c.zero_point is choices.offset_first or (grid.qmin == 0 and (symmetric or c.zero_point is not late)):
        c = c._replace(rounding=c.rounding if c.cast is choices.wrapping else UNSIGNED.get(c.rounding, c.rounding))
    if symmetric and c.zero_point is choices.before_rounding:
        c = c._replace(zero_point=late, division=ROUNDED.get(c.division, c.division))
    if symmetric and (c.zero_point is early or (c.zero_point is choices.offset_first and grid.qmin == 0)):
        c = c._replace(zero_point=late)
    exact = c.division in SHORT or c.division is choices.in_float64
    ties = c.rounding in (choices.half_up, choices.half_down)
    if c.zero_point is early and exact and ties and c.cast is choices.saturating:
        c = c._replace(zero_point=late)
    added_late = c.zero_point is choices.offset_first or (c.zero_point is late and not symmetric)
    if c.cast is choices.sum_through_int64 and (grid.qmin == 0 or not added_late):  # nothing below 0 is added then
        c = c._replace(cast=choices.through_int64)
    if c.cast is choices.through_int64 and c.division is choices.in_float16:
        c = c._replace(cast=choices.through_int32)
    return c
