"""The named choices on whole arrays: `codes(convention, x, scale, zero_point, grid)`, many numbers at once.

Each choice has its scalar form, which defines it, in `choices`. Of float32 every quotient here is exact in float64, the
unrounded product x * (1 / scale) too: two significands of 24 bits have a product of 48. So each array holds the very
numbers that the scalar forms pass on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arguments import quiet
from ..grids import Grid
from . import choices
from .choices import half_away, through_int32, through_int64
from .conventions import Convention
from .exact import sum_once

F32, F64 = np.float32, np.float64
ONE = F32(1)


def codes(convention: Convention, x: Any, scale: Any, zero_point: Any, grid: Grid) -> Any:
    """The code of each number, as float64; NaN where it has none.

    >>> from refquant import INT8
    >>> codes(Convention(), np.float32([0.5, 1.5, np.nan]), np.float32(1), 3, INT8)
    array([ 3.,  5., nan])
    """
    x, scale, z = np.broadcast_arrays(x, scale, zero_point)
    if x.dtype == np.float16:  # widened (R3)
        x, scale = x.astype(F32), scale.astype(F32)
    if not grid.equal_steps:  # what is rounded there is no integer: of the choices, the division alone counts
        v = divided(convention.division, x, scale) if x.dtype == scale.dtype == F32 and (
            convention.division in KNOWN) else np.array(
            [convention.division(*of) for of in zip(x.ravel(), scale.ravel(), strict=True)], F64).reshape(x.shape)
        return grid.encode(np.clip(grid.round(v), grid.qmin, grid.qmax)).astype(F64)
    if type(convention) is not Convention or x.dtype != F32 or not set(convention[:4]) <= KNOWN:
        each = [_code(convention, *of) for of in zip(x.ravel(), scale.ravel(), z.ravel().tolist(), [grid] * x.size,
                                                     strict=True)]
        return np.array(each, F64).reshape(x.shape)
    return cast(convention, *quotients(convention, x, scale.astype(F32), z, grid), grid)


@quiet
def values(convention: Convention, x: Any, scale: Any, grid: Grid) -> Any:
    """The value that each number's code means, on a grid without equal steps; NaN and infinities are among them.

    >>> from refquant import E4M3
    >>> to_nan = Convention(cast=choices.overflow_to_nan, nan=choices.stays)
    >>> values(to_nan, np.float32([464, 464.00003, np.inf, np.nan]), np.float32(1), E4M3)
    array([448.,  nan,  nan,  nan], dtype=float32)
    """
    v, every = divided(convention.division, x, scale), grid.values
    i = np.searchsorted(every, v, side="right").clip(1, len(every) - 1)
    near, zero = i - (v >= 0), np.searchsorted(every, 0)  # of the two around v the one nearer to 0
    odd = np.fmod(near - zero, 2)  # small, so that the sum is exact
    k = near - odd + ROUNDINGS[convention.rounding](odd + (v - every[near]) / (every[i] - every[i - 1]))
    i = np.nan_to_num(k).clip(1, len(every) - 1).astype(int)
    n = every[i] + (k - i) * (every[i] - every[i - 1])
    q = convention.cast(np.where(n == 0, np.copysign(0, v) + grid.zero, n), -0.0, grid)
    q = np.clip(q, grid.qmin, grid.qmax) if convention.cast is choices.saturating else q
    nan = convention.nan(grid)
    return np.where(np.isnan(v), np.nan if nan is None else nan, q).astype(F32)


@quiet
def quotients(convention: Convention, x: Any, scale: Any, z: Any, grid: Grid) -> tuple[Any, Any]:
    """What is rounded to an integer, and what is added after that."""
    if convention.zero_point is choices.offset_first:
        x, z = choices.above_lowest(x, scale, z, grid), np.full(x.shape, grid.qmin)
    v = divided(convention.division, x, scale)
    total, rest = ZERO_POINTS[convention.zero_point](v, z)
    return total, rest


@quiet
def cast(convention: Convention, v: Any, rest: Any, grid: Grid) -> Any:
    """The codes of such quotients."""
    n = ROUNDINGS[convention.rounding](v)
    q = np.clip(CASTS[convention.cast](n, rest, grid).astype(F64), grid.qmin, grid.qmax)
    nan = convention.nan(grid)
    return q if nan is None else np.where(np.isnan(q), nan, q)


def divided(division: Any, x: Any, scale: Any) -> Any:
    """The quotients in float64: exact, as two significands of 24 bits have a product of 48."""
    if division is choices.fused_reciprocal:
        return x.astype(F64) * (ONE / scale).astype(F64)
    return np.asarray(division(x, scale)).astype(F64)


def _code(convention: Convention, x: Any, scale: Any, zero_point: int, grid: Grid) -> float:
    code = convention.steps(x, scale, zero_point, grid)[-1].value
    return np.nan if code is None else float(code)


def _half_up(v: Any) -> Any:
    return np.floor(v) + (v - np.floor(v) >= 0.5)


def _half_down(v: Any) -> Any:
    return -_half_up(-v)


def _half_added(v: Any) -> Any:
    total = sum_once(v, np.asarray(0.5)).astype(F64)
    return np.where(np.isfinite(total), np.floor(total), _half_up(v))


def _by_size(rounding: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The rounding of |v|, with v's sign."""
    return lambda v: np.copysign(rounding(np.abs(v)), v)


def _fitting(n: Any, bits: int) -> Any:
    return np.where((n >= -2.0 ** (bits - 1)) & (n < 2.0 ** (bits - 1)), n, -2.0 ** (bits - 1)).astype(f"int{bits}")


def _wrapping(n: Any, rest: Any, grid: Grid) -> Any:
    low = -(2 ** (grid.bits - 1)) if grid.qmin < 0 else 0
    return (_fitting(n, 64) + rest - low) % 2**grid.bits + low


Table = dict[Callable[..., Any], Callable[..., Any]]
#: Which divide arrays as they divide numbers; fused_reciprocal gives fractions.
DIVISIONS = {
    choices.true_division, choices.reciprocal, choices.in_float64, choices.reciprocal_in_float64, choices.in_float32,
    choices.in_float16, choices.in_bfloat16, choices.flushed_reciprocal, choices.of_range, choices.cut_from_480,
    choices.nan_from_61440}
ZERO_POINTS: Table = {
    choices.after_rounding: lambda v, z: (v, z),
    choices.offset_first: lambda v, z: (v, z),
    choices.before_rounding: lambda v, z: (sum_once(v, z.astype(F64)).astype(F64), np.zeros_like(z)),
    choices.before_rounding_in_float64: lambda v, z: (v + z, np.zeros_like(z)),
}
ROUNDINGS: Table = {
    choices.half_even: np.rint, half_away: half_away, choices.half_up: _half_up, choices.half_down: _half_down,
    choices.half_toward_zero: _by_size(_half_down), choices.half_added: _half_added,
    choices.half_added_away: _by_size(_half_added), choices.toward_zero: np.trunc,
    choices.away_from_zero: _by_size(np.ceil), choices.downward: np.floor, choices.upward: np.ceil,
}
CASTS: Table = {
    choices.saturating: lambda n, rest, _: n + rest,
    through_int32: lambda n, rest, _: _fitting(n, 32) + rest.astype(np.int32),
    through_int64: lambda n, rest, _: _fitting(n, 64) + rest,
    choices.sum_through_int64: lambda n, rest, _: _fitting(n + rest, 64),
    choices.wrapping: _wrapping,
}
KNOWN = {choices.fused_reciprocal, *DIVISIONS, *ZERO_POINTS, *ROUNDINGS, *CASTS}
