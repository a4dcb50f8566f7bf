"""What check_quantizer tries, rule after rule, so that the first one broken can be told from the rest.

Each function draws few things, a grid, a scale, a zero point, and tries many numbers on them: those that decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..affine import AffineParams
from ..arguments import quiet
from ..grids import Grid
from . import strategies
from .layouts import layouts

Case: TypeAlias = tuple[Any, AffineParams]


def zero(grid: Grid) -> int:
    """The code in the middle: 0 on signed grids.

    >>> from refquant import INT8, UINT8
    >>> zero(INT8), zero(UINT8)
    (0, 128)
    """
    return 0 if grid.qmin < 0 else (grid.qmax + 1) // 2


def _spread(least: int, most: int) -> Any:
    """Integers from least to most: the ends, those about 0, and some between."""
    some = np.r_[least, least + 1, np.arange(-5, 6), np.linspace(least, most, 14).astype(int), most - 1, most]
    return np.unique(some[(some >= least) & (some <= most)])


def _zero_points(grid: Grid, symmetric: bool) -> st.SearchStrategy[int]:
    return st.just(zero(grid)) if symmetric else strategies.codes(grid)


def _powers_of_two(dtype: Any) -> st.SearchStrategy[Any]:
    return st.integers(-3, 3).map(lambda e: dtype.type(2.0**e))


def _beside(x: Any) -> Any:
    """x, and one ulp to either side."""
    return np.concatenate([x, *(np.nextafter(x, x.dtype.type(end)) for end in (np.inf, -np.inf))])


@st.composite
def _values_of_codes(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool) -> Case:
    """(code - zero_point) * a power of two: nothing to round."""
    grid, dtype = draw(grids), draw(dtypes)
    z, scale = draw(_zero_points(grid, symmetric)), draw(_powers_of_two(dtype))
    x = (_spread(grid.qmin - z, grid.qmax - z) * scale).astype(dtype)
    return x, AffineParams(scale=scale, zero_point=z, grid=grid)


@st.composite
def _ties(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool, odd: bool = False) -> Case:
    """Exact ties between codes, and quarters beside them; the zero point 0, where no sum can matter, or odd."""
    grid, dtype = draw(grids), draw(dtypes)
    z = 2 * draw(st.integers(grid.qmin // 2, (grid.qmax - 1) // 2)) + 1 if odd else zero(grid) if symmetric else 0
    scale = draw(_powers_of_two(dtype))
    below = _spread(max(grid.qmin - z, -1000), min(grid.qmax - z, 1000) - 1)
    steps = (below + np.array([[0.5], [0.25], [0.75]])).ravel()
    return (steps * scale).astype(dtype), AffineParams(scale=scale, zero_point=z, grid=grid)


def odd_zero_points(grids: Any, dtypes: Any, symmetric: bool) -> Any:
    """Exact ties where the zero point is odd: rounded to even before or after adding it, they part."""
    return _ties(grids, dtypes, symmetric, odd=True)


@st.composite
@quiet
def _outside(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool) -> Case:
    """Beyond the codes: by one step, by many, by more than int32 and int64 hold, infinite."""
    grid, dtype = draw(grids), draw(dtypes)
    z = draw(_zero_points(grid, symmetric))
    by = np.array([1, 2, 100, 3e4, 3e9, 1e10, 1e19, 1e30, np.inf])
    x = np.concatenate([by + (grid.qmax - z), (grid.qmin - z) - by]).astype(dtype)
    return x, AffineParams(scale=dtype.type(1), zero_point=z, grid=grid)


@st.composite
@quiet
def _full_mantissas(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool) -> Case:
    """A scale with a full mantissa: codes, ties, and one ulp to either side, where divisions part."""
    grid, dtype = draw(grids), draw(dtypes)
    z, scale = draw(_zero_points(grid, symmetric)), dtype.type(draw(strategies.mantissas()))
    half = _spread(2 * max(grid.qmin - z, -300), 2 * min(grid.qmax - z, 300)) / 2
    x = _beside((half * np.float64(scale)).astype(dtype))
    return x, AffineParams(scale=scale, zero_point=z, grid=grid)


@st.composite
@quiet
def _any_scale(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool) -> Case:
    """Any scale, from the smallest normal number to the largest; the dtype's extremes too."""
    grid, dtype = draw(grids), draw(dtypes)
    z, scale = draw(_zero_points(grid, symmetric)), dtype.type(draw(strategies.scales(dtype, dtype)))
    half = _spread(2 * (grid.qmin - z) - 3, 2 * (grid.qmax - z) + 3) / 2
    x = np.concatenate([_beside((half * np.float64(scale)).astype(dtype)), strategies.far_outside(dtype)])
    return x, AffineParams(scale=scale, zero_point=z, grid=grid)


@st.composite
@quiet
def channels(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool) -> Case:
    """A scale and a zero point for each slice along one axis."""
    grid, dtype, shape = draw(grids), draw(dtypes), draw(st.sampled_from([(1, 2), (2, 1), (4, 6), (2, 3, 4)]))
    kept = draw(st.integers(0, len(shape) - 1))
    slices = tuple(n if i == kept else 1 for i, n in enumerate(shape))
    powers = draw(hnp.arrays(np.int64, slices, elements=st.integers(-3, 3), fill=st.nothing()))
    z = np.array(draw(st.lists(_zero_points(grid, symmetric), min_size=max(slices), max_size=max(slices))))
    params = AffineParams(scale=np.ldexp(dtype.type(0.7), powers).astype(dtype), zero_point=z.reshape(slices),
                          grid=grid)
    steps = np.resize(_spread(max(grid.qmin, -500), min(grid.qmax, 500)), shape) + 0.25 - params.zero_point
    return (steps * params.scale).astype(dtype), params


@st.composite
def elsewhere(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool) -> Case:
    """A few decision points, for arrays of other lengths and layouts."""
    x, params = draw(_ties(grids, dtypes, symmetric) | _full_mantissas(grids, dtypes, symmetric))
    return x[draw(st.lists(st.integers(0, x.size - 1), min_size=1, max_size=8, unique=True))], params


def asked(kind: Callable[..., Any], case: Case) -> list[Case]:
    """The case itself, or its numbers in all layouts, copies of the first one, and each alone.

    >>> [x.shape for x, _ in asked(elsewhere, (np.zeros(3), None))][:3]
    [(0,), (), (1,)]
    """
    if kind is not elsewhere:
        return [case]
    x, params = case
    copies = [np.full(n, x[0]) for n in (3, 17, 64)]
    return [(each, params) for each in (*layouts(x), *copies, *x.reshape(-1, 1))]


@st.composite
def codes_and_values(draw: st.DrawFn, grids: Any, dtypes: Any, symmetric: bool) -> Case:
    """Codes, their ends and some between, at any ordinary scale: for dequantize."""
    grid, dtype = draw(grids), draw(dtypes)
    z, scale = draw(_zero_points(grid, symmetric)), np.clip(draw(strategies.scales(dtype, dtype)), 1e-4, 1e4)
    q = _spread(grid.qmin, grid.qmax).astype(grid.dtype)
    return q, AffineParams(scale=dtype.type(scale), zero_point=z, grid=grid)


#: The rules in the order in which each can be told from those before it, and the data that decide it.
LADDER: list[tuple[str, Callable[[Any, Any, bool], Any]]] = [
    ("R2", _values_of_codes), ("R4", _ties), ("R5", odd_zero_points), ("R6", _outside), ("R3", _full_mantissas),
    ("R3", _any_scale), ("R12", channels), ("R12", elsewhere)]
