"""Grids, drawn: integers, small floats, codebooks; and the places on them where a quantizer is decided."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ..arguments import Codes, Reals
from ..grids import (
    E2M1,
    E2M3,
    E3M2,
    E4M3,
    E4M3FNUZ,
    E5M2,
    E5M2FNUZ,
    E8M0,
    NF4,
    Codebook,
    FloatGrid,
    Grid,
    IntGrid,
)
from . import oracle

NAMED = (E4M3, E5M2, E4M3FNUZ, E5M2FNUZ, E2M3, E3M2, E2M1, NF4, E8M0)


@st.composite
def integer_grids(draw: st.DrawFn, max_bits: int = 32, min_bits: int = 2) -> Grid:
    """Integers of min_bits to max_bits bits, 8 and the smallest more often."""
    often = [b for b in (8, 2, 3, 4) if min_bits <= b <= max_bits] or [max_bits]
    bits = draw(st.sampled_from(often) | st.integers(min_bits, max_bits))
    signed, narrow = draw(st.sampled_from([(True, False), (False, False), (True, True)]))
    return IntGrid(bits, signed=signed, narrow=narrow)


@st.composite
def float_grids(draw: st.DrawFn) -> Grid:
    """1 to 6 bits of exponent and 1 to 4 of mantissa, FNUZ or not, some of the highest magnitudes left out."""
    exponent, mantissa = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    most = 2 ** (exponent + mantissa) - 2
    specials = min(draw(st.sampled_from([0, 1, 2**mantissa]) | st.integers(0, most)), most)
    return FloatGrid(exponent, mantissa, specials=specials, fnuz=draw(st.booleans()))


def codebooks() -> st.SearchStrategy[Grid]:
    """2 to 20 values: multiples of 1/16, so that the middles are exact, or any."""
    values = st.integers(-99, 99).map(lambda n: n / 16) | st.floats(-1000, 1000, width=32)
    return st.lists(values, min_size=2, max_size=20, unique=True).map(sorted).map(Codebook)


def uneven_grids() -> st.SearchStrategy[Grid]:
    """Grids without equal steps: the named ones, any float grid, any codebook."""
    return st.sampled_from(NAMED) | float_grids() | codebooks()


def grids() -> st.SearchStrategy[Grid]:
    """Every grid, as many with equal steps as without."""
    return st.booleans().flatmap(lambda even: integer_grids() if even else uneven_grids())


def two_sided_grids() -> st.SearchStrategy[Grid]:
    """Grids for data: a zero point, or values on both sides of 0."""
    return grids().filter(lambda grid: bool(grid.equal_steps or grid.qmin < 0 < grid.qmax))


def places(grid: Grid) -> tuple[int, int]:
    """The first and the last place of the values: integers are their own places, others are counted from 0.

    >>> places(IntGrid(8)), places(E2M1)
    ((-128, 127), (0, 14))
    """
    return (grid.qmin, grid.qmax) if grid.equal_steps else (0, len(grid.values) - 1)


def along(grid: Grid, place: Codes, part: Reals) -> Reals:
    """The value at a place, plus a part of the gap to the next one; three places beyond the ends the gaps go on.

    >>> along(E2M1, np.array([13, 14, -1]), np.array([0.5, 0.5, 0]))
    array([ 5.,  7., -8.])
    """
    if grid.equal_steps:
        return np.asarray(place + part)
    v, more = grid.values, np.arange(1, 4)
    v = np.concatenate([v[0] - more[::-1] * (v[1] - v[0]), v, v[-1] + more * (v[-1] - v[-2])])
    return np.asarray(v[place + 3] + part * (v[np.minimum(place + 4, len(v) - 1)] - v[place + 3]))


def integers(least: int, most: int, beyond: int = 0) -> st.SearchStrategy[int]:
    """Integers from least - beyond to most + beyond, the ends and their neighbours more often."""
    middle, inner = (least + most + 1) // 2, (min(least + 1, most), max(most - 1, least))
    ends = st.sampled_from([middle, least, inner[0], inner[1], most])
    return ends | st.integers(least - beyond, most + beyond) | st.integers(least, most)


def codes(grid: Grid) -> st.SearchStrategy[int]:
    """Codes that exist, the ends and their neighbours more often."""
    if grid.equal_steps:
        return integers(grid.qmin, grid.qmax)
    existing = [entry.code for entry in oracle.extended(grid)[1:-1]]
    return integers(0, len(existing) - 1).map(existing.__getitem__)
