"""The named choices on whole arrays: `codes(convention, x, scale, zero_point, grid)`, many numbers at once.

Most choices compute arrays as they compute numbers; FORMS has an array form of the others. Of float32 every quotient
here is exact in float64, the unrounded product x * (1 / scale) too: two significands of 24 bits have a product of 48.
So each array holds the very numbers that the choices pass on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..arguments import quiet
from ..grids import Grid
from . import choices
from .conventions import Convention
from .exact import sum_once
from .steps import Choice

F32, F64 = np.float32, np.float64


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
        at_once = x.dtype == scale.dtype == F32 and convention.division in KNOWN
        v = (divided if at_once else _each)(convention.division, x, scale)
        return grid.encode(np.clip(grid.round(v), grid.qmin, grid.qmax)).astype(F64)
    if type(convention) is not Convention or x.dtype != F32 or not set(convention[:4]) <= KNOWN:
        return _each(partial(_code, convention, grid), x, scale, z)
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
    k = near - odd + form(convention.rounding)(odd + (v - every[near]) / (every[i] - every[i - 1]))
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
    return ZERO_POINTS[convention.zero_point](divided(convention.division, x, scale), z)


@quiet
def cast(convention: Convention, v: Any, rest: Any, grid: Grid) -> Any:
    """The codes of such quotients."""
    n = form(convention.rounding)(v)
    q = np.clip(form(convention.cast)(n, rest, grid).astype(F64), grid.qmin, grid.qmax)
    nan = convention.nan(grid)
    return q if nan is None else np.where(np.isnan(q), nan, q)


def divided(division: Any, x: Any, scale: Any) -> Any:
    """The quotients in float64: exact, as two significands of 24 bits have a product of 48."""
    return np.asarray(form(division)(x, scale)).astype(F64)


def form(choice: Callable[..., Any]) -> Callable[..., Any]:
    """The function that does to arrays what the choice does to numbers."""
    return FORMS.get(choice, choice)


def _each(f: Callable[..., Any], *arrays: Any) -> Any:
    """f of one number after the other."""
    numbers = zip(*(a.ravel() for a in arrays), strict=True)
    return np.array([f(*of) for of in numbers], F64).reshape(arrays[0].shape)


def _code(convention: Convention, grid: Grid, x: Any, scale: Any, zero_point: int) -> float:
    code = convention.steps(x, scale, int(zero_point), grid)[-1].value
    return np.nan if code is None else float(code)


def _half_added(v: Any) -> Any:
    total = sum_once(v, np.asarray(0.5)).astype(F64)
    return np.where(np.isfinite(total), np.floor(total), choices.half_up(v))


ZERO_POINTS: dict[Callable[..., Any], Callable[[Any, Any], tuple[Any, Any]]] = {
    choices.after_rounding: lambda v, z: (v, z),
    choices.offset_first: lambda v, z: (v, z),
    choices.before_rounding: lambda v, z: (sum_once(v, z.astype(F64)).astype(F64), np.zeros_like(z)),
    choices.before_rounding_in_float64: lambda v, z: (v + z, np.zeros_like(z)),
}
#: Array forms of the choices that take numbers alone.
FORMS: dict[Callable[..., Any], Callable[..., Any]] = {
    choices.fused_reciprocal: lambda x, scale: x.astype(F64) * (1 / scale).astype(F64),
    choices.half_even: np.rint,
    choices.half_added: _half_added,
    choices.half_added_away: lambda v: np.sign(v) * _half_added(np.abs(v)),
}
#: A convention of other choices is asked number by number.
KNOWN = {choice for choice in vars(choices).values() if isinstance(choice, Choice)}
