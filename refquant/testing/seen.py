"""What a quantizer gave, asked or measured: for ordinary numbers, beyond the codes, for special ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..engines import arrays
from ..engines.conventions import Convention
from ..grids import Grid, IntGrid
from .asking import Box
from .forms import name_of
from .points import LENGTH, PLAIN, SMALLEST, Points, beyond, ordinary, subnormal
from .table import Table

Code: TypeAlias = "int | None"
LARGER = np.float32(2.0**126)


class Seen(NamedTuple):
    """What a quantizer gave: for ordinary numbers, beyond the codes, for subnormal numbers and for NaN.

    ends: the grid of the codes that it gives; narrow: whether it is narrow, None where nothing calls for the lowest.
    plain: which numbers are no decision points. infinite, nan: zero points, with the codes of inf and -inf, or of NaN.
    """

    box: Box | Table
    ends: Grid
    narrow: bool | None
    points: Points
    codes: Any
    plain: Any
    far: list[tuple[Points, list[Code]]]
    small: tuple[Points, list[Code]]
    infinite: list[tuple[int, list[Code]]]
    nan: list[tuple[int, list[Code]]]


def look(box: Box, zero_points: Sequence[int]) -> Seen:
    """What a quantizer gives for these zero points.

    >>> from refquant import INT8, quantize
    >>> look(Box(quantize, INT8), [0]).nan
    [(0, [None]), (0, [None])]
    """
    grid, by_range = box.grid, name_of(box.quantize, "").startswith("by_range(")
    points = ordinary(grid, zero_points, 24 - grid.bits if by_range else 24)
    lowest = -(2 ** (grid.bits - 1))
    narrow = grid.qmin < 0 and box.outcome(lowest, 1, 0) == lowest + 1
    far = [beyond(grid, z) for z in zero_points[:3]]
    small = subnormal(zero_points[0], 1.5 * 2.0 ** (124 - grid.bits if by_range else 126))  # a range's end is finite
    infinite = [(z, [box.outcome(end, 1, z) for end in (np.inf, -np.inf)]) for z in zero_points[:3]]
    nan = [(z, [box.outcome(np.nan, 1, z)]) for z in (0, min(3, grid.qmax) if len(zero_points) > 1 else 0)]
    ends = IntGrid(grid.bits, signed=grid.qmin < 0, narrow=narrow)
    return Seen(box, ends, ends.qmin == -ends.qmax, points, box.calls(points),
                np.arange(len(points.x)) % LENGTH >= LENGTH - PLAIN, [(each, box.outcomes(each)) for each in far],
                (small, box.outcomes(small, 64)), infinite, nan)


def tabled(table: Table) -> Seen:
    """What the rows show.

    >>> from refquant import INT8
    >>> tabled(Table.of([(0.5, 1, 0, 0), (-200, 1, 0, -128)], INT8)).narrow
    False
    """
    points, grid = table.points, table.grid
    x, scale, z = points
    lowest = arrays.codes(Convention(), *points, grid) == -(2 ** (grid.bits - 1))  # never, if unsigned
    narrow = bool((table.codes[lowest] == grid.qmin + 1).all()) or grid.qmin == -grid.qmax if lowest.any() else None
    steps, normal = x / scale.astype(np.float64) + z, ((np.abs(x) >= SMALLEST) | (x == 0)) & (scale <= LARGER)
    inside, finite = (grid.qmin <= steps) & (steps <= grid.qmax), np.isfinite(x)
    return Seen(table, IntGrid(grid.bits, signed=grid.qmin < 0, narrow=bool(narrow)), narrow,
                points.at(inside & normal), table.codes[inside & normal], np.ones(len(x), bool),
                [table.at(finite & normal & ~inside)], table.at(finite & ~normal),
                table.special(np.inf, -np.inf), table.special(np.nan))
