"""What check_quantizer tries, rule after rule, so that the first one broken can be told from the rest.

Each function draws few things, a grid, a scale, a zero point, and tries many numbers on them: those that decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..affine import AffineParams
from ..arguments import quiet
from ..engines.exact import coarse
from ..grids import Grid
from . import strategies
from .layouts import layouts
from .points import BINADES

HALF = np.finfo(np.float16)
#: How far, as a part of it, a number lies from a tie: by more than an ulp, by less than 1/16.
NEAR = np.concatenate([2.0 ** -np.arange(4, 23), -(2.0 ** -np.arange(4, 22))] * 2)
TURNS = st.integers(0, 36)
#: Scales of every size: somebody's floor may lie anywhere.
_SPREAD = st.builds(np.ldexp, strategies.mantissas(), st.integers(-120, 100))
Case: TypeAlias = tuple[Any, AffineParams]


class Made(NamedTuple):
    """What a quantizer is made for: check_quantizer's arguments."""

    grids: st.SearchStrategy[Grid]
    dtypes: st.SearchStrategy[np.dtype[Any]]
    symmetric: bool = False
    data_precision: int | None = None
    scale_precision: int | None = None
    multiple: int = 1
    by_range: bool = False

    @quiet
    def scale(self, value: Any, grid: Grid, dtype: np.dtype[Any]) -> Any:
        """The step nearest to `value` that it takes. By range, the ends of the range must be exact."""
        if self.scale_precision == 11:  # float16, whose range is smaller
            value = np.clip(value, float(HALF.tiny), float(HALF.max))
        if not self.by_range:
            return coarse(dtype.type(value), self.scale_precision)
        info, bits = np.finfo(dtype), grid.bits if grid.equal_steps else 8
        precision = max(1, min(self.scale_precision or 53, info.nmant + 1 - bits))
        return coarse(dtype.type(min(value, info.max / 2.0 ** (bits + 2))), precision)

    def fitted(self, case: Case) -> Case:
        """The case with numbers that it takes, in sizes that it takes."""
        x, params = coarse(case[0], self.data_precision), case[1]
        if self.multiple == 1 or not x.size:
            return x, params
        x = np.atleast_1d(x)
        places = np.arange(-(-x.shape[-1] // self.multiple) * self.multiple) % x.shape[-1]
        scale, z = (a[..., places] if a.ndim and a.shape[-1] > 1 else a for a in (params.scale, params.zero_point))
        return x[..., places], AffineParams(scale=scale, zero_point=z, grid=params.grid)


def zero(grid: Grid) -> int:
    """The code in the middle: 0 on signed grids.

    >>> from refquant import INT8, UINT8
    >>> zero(INT8), zero(UINT8)
    (0, 128)
    """
    return 0 if grid.qmin < 0 or not grid.equal_steps else (grid.qmax + 1) // 2


def _spread(least: int, most: int, about: int = 0) -> Any:
    """Integers from least to most: the ends, those about one, and some between."""
    some = np.r_[least, least + 1, about + np.arange(-5, 6), np.linspace(least, most, 14).astype(int), most - 1, most]
    return np.unique(some[(some >= least) & (some <= most)])


def _values(grid: Grid, z: int, part: float = 0.0, most: int = 2**33, beyond: int = 0) -> Any:
    """Values - z, from -most to most, and a part of the gap to the next: the ends, those about 0, and some between."""
    first, last = strategies.places(grid)
    if grid.equal_steps:
        return _spread(max(first - z - beyond, -most), min(last - z + beyond, most) - (part > 0)) + part
    first, last = -beyond, last + beyond - (part > 0)
    few = last < 300  # then all are tried: each may stand in somebody's table
    places = np.arange(first, last + 1) if few else _spread(first, last, int(np.searchsorted(grid.values, 0)))
    return strategies.along(grid, places, np.array(part))


def halves(grid: Grid, z: int, most: int = 2**33, beyond: int = 0) -> Any:
    """Values - z, and the middles between them."""
    return np.concatenate([_values(grid, z, part, most, beyond) for part in (0.0, 0.5)])


def _zero_points(grid: Grid, symmetric: bool) -> st.SearchStrategy[int]:
    return st.just(zero(grid)) if symmetric else strategies.integers(*grid.zero_points)


def _powers_of_two(dtype: Any) -> st.SearchStrategy[Any]:
    return st.integers(-3, 3).map(lambda e: dtype.type(2.0**e))


@quiet
def beside(x: Any, made: Made, turn: int = 0) -> Any:
    """x, one ulp to either side, an ulp of the data's precision, and one of NEAR."""
    x = coarse(x, made.data_precision)
    ulps = 2.0 ** max(0, np.finfo(x.dtype).nmant + 1 - (made.data_precision or 53))
    ends = [np.nextafter(x, x.dtype.type(end)) for end in (np.inf, -np.inf)]
    near = (x * (1 + np.resize(NEAR[turn:], x.shape))).astype(x.dtype)
    return np.concatenate([x, near, *(np.where(np.isfinite(x), x + (end - x) * ulps, end) for end in ends)])


def _values_of_codes(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """(code - zero_point) * a power of two: nothing to round."""
    z, scale = draw(_zero_points(grid, made.symmetric)), draw(_powers_of_two(dtype))
    x = (np.append(_values(grid, z), -0.0) * scale).astype(dtype)
    return x, AffineParams(scale=scale, zero_point=z, grid=grid)


def _ties(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any, odd: bool = False) -> Case:
    """Exact ties between codes, and quarters beside them; the zero point 0, where no sum can matter, or odd."""
    z = zero(grid) if made.symmetric else 0
    z = 2 * draw(st.integers(grid.qmin // 2, (grid.qmax - 1) // 2)) + 1 if odd and grid.equal_steps else z
    scale = draw(_powers_of_two(dtype))
    steps = np.concatenate([_values(grid, z, part, 1000) for part in (0.5, 0.25, 0.75)])
    return (steps * scale).astype(dtype), AffineParams(scale=scale, zero_point=z, grid=grid)


def odd_zero_points(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """Exact ties where the zero point is odd: rounded to even before or after adding it, they part."""
    return _ties(draw, made, grid, dtype, odd=True)


def _outside(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """Beyond the codes: by one step, by many, by more than int32 and int64 hold, in each binade, infinite."""
    z = draw(_zero_points(grid, made.symmetric))
    by = np.concatenate([[1, 2, 100, 3e4, 3e9, 1e10, 1e19, 1e30, np.inf], BINADES])
    x = np.concatenate([by + (grid.qmax - z), (grid.qmin - z) - by]).astype(dtype)
    return x, AffineParams(scale=dtype.type(1), zero_point=z, grid=grid)


def _full_mantissas(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """A scale with a full mantissa: codes, ties, and one ulp to either side, where divisions part."""
    z, scale = draw(_zero_points(grid, made.symmetric)), made.scale(draw(strategies.mantissas()), grid, dtype)
    x = beside((halves(grid, z, 300) * np.float64(scale)).astype(dtype), made, draw(TURNS))
    return x, AffineParams(scale=scale, zero_point=z, grid=grid)


def _any_scale(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """Any scale, from the smallest normal number to the largest; the dtype's extremes too."""
    z, info = draw(_zero_points(grid, made.symmetric)), np.finfo(dtype)
    size = draw(strategies.scales(dtype, dtype) | _SPREAD | st.just(float(info.tiny)))
    scale = made.scale(np.clip(size, info.tiny, info.max), grid, dtype)
    x = beside((halves(grid, z, beyond=2) * np.float64(scale)).astype(dtype), made, draw(TURNS))
    x = np.concatenate([x, strategies.far_outside(dtype)])
    return x, AffineParams(scale=scale, zero_point=z, grid=grid)


def channels(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """A scale and a zero point for each slice along one axis."""
    shape = draw(st.sampled_from([(1, 2), (2, 1), (4, 6), (2, 3, 4)]))
    kept = draw(st.integers(0, len(shape) - 1))
    slices = tuple(n if i == kept else 1 for i, n in enumerate(shape))
    powers = draw(hnp.arrays(np.int64, slices, elements=st.integers(-3, 3), fill=st.nothing()))
    z = np.array(draw(st.lists(_zero_points(grid, made.symmetric), min_size=max(slices), max_size=max(slices))))
    scale = np.ldexp(made.scale(0.7, grid, dtype), powers).astype(dtype)
    params = AffineParams(scale=scale, zero_point=z.reshape(slices), grid=grid)
    steps = np.resize(_values(grid, 0, 0.25, 500), shape) - params.zero_point
    return (steps * params.scale).astype(dtype), params


def elsewhere(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """A few decision points, for arrays of other lengths and layouts."""
    x, params = (_ties, _full_mantissas)[draw(st.booleans())](draw, made, grid, dtype)
    return x[draw(st.lists(st.integers(0, x.size - 1), min_size=1, max_size=8, unique=True))], params


def alone(case: Case, i: int) -> Case:
    """The i-th number with its own scale and zero point."""
    x, params = case
    scale, z = (np.broadcast_to(a, x.shape).ravel()[i] for a in (params.scale, params.zero_point))
    return x.ravel()[i:i + 1], AffineParams(scale=scale, zero_point=z, grid=params.grid)


def asked(kind: Callable[..., Any], made: Made, case: Case) -> list[Case]:
    """The case itself, or its numbers in all layouts, copies of the first one, and each alone; in sizes that it takes.

    >>> made = Made(st.nothing(), st.nothing(), multiple=4)
    >>> params = AffineParams(scale=1.0, zero_point=0, grid=strategies.INT8)
    >>> [x.shape for x, _ in asked(elsewhere, made, (np.zeros(3), params))][:10]
    [(0,), (4,), (4,), (4,), (20,), (64,), (128,), (5000,), (64,), (5, 8)]
    """
    x, params = case
    if kind is not elsewhere:
        return [made.fitted(case)]
    copies = [np.full(n, x[0]) for n in (3, 17, 64)]
    return [made.fitted((each, params)) for each in (*layouts(x), *copies, *x.reshape(-1, 1))]


def codes_and_values(draw: st.DrawFn, made: Made, grid: Grid, dtype: Any) -> Case:
    """Codes, their ends and some between, at any ordinary scale: for dequantize."""
    z, scale = draw(_zero_points(grid, made.symmetric)), np.clip(draw(strategies.scales(dtype, dtype)), 1e-4, 1e4)
    q = grid.encode(_values(grid, 0))
    return q, AffineParams(scale=made.scale(scale, grid, dtype), zero_point=z, grid=grid)


def cases(kind: Callable[..., Any], made: Made) -> Any:
    """What one of these functions draws, as a strategy."""
    @st.composite
    @quiet
    def drawn(draw: st.DrawFn) -> Any:
        return kind(draw, made, draw(made.grids), draw(made.dtypes))
    return drawn()


#: The rules in the order in which each can be told from those before it, and the data that decide it.
LADDER: list[tuple[str, Callable[..., Case]]] = [
    ("R2", _values_of_codes), ("R4", _ties), ("R5", odd_zero_points), ("R6", _outside), ("R3", _full_mantissas),
    ("R3", _any_scale), ("R12", channels), ("R12", elsewhere)]
