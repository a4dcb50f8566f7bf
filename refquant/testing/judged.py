"""Codes with scales that came with them: which named conventions give them all?"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..arguments import error
from ..engines import arrays, choices
from ..engines.conventions import NAMED, OWN, Convention
from ..engines.exact import hexadecimal
from ..grids import Grid, IntGrid
from .calls import Call, Seen
from .check import Deviation
from .fits import sides
from .points import coarse


def range_reciprocal(x: Any, scale: Any) -> Any:
    """x * (127 / max|x|), x * (255 / (hi - lo)): the reciprocal of the scale before it was rounded, one of INVERSES.

    check_dynamic knows the range. Where the scale is not rounded, this is choices.reciprocal:

    >>> range_reciprocal(np.float32(3), np.float32(0.5))
    np.float32(6.0)
    """
    return choices.reciprocal(x, scale)


def with_half_added(v: Any, z: Any, dtype: Any) -> Any:
    """v + (zero_point + 0.5) in one sum, of which the fraction is dropped: gguf's Q4_0, (int)(v + 8.5f).

    >>> with_half_added(np.float32(2.25), 8, np.float32)
    (np.float32(10.75), 0)
    """
    return choices.before_rounding(v, z + Fraction(1, 2), dtype)


def in_bfloat16(x: Any, scale: Any) -> Any:
    """x / scale, rounded to bfloat16: tensors of bfloat16 divided in their own dtype.

    >>> in_bfloat16(np.float32(193), np.float32(129))
    np.float32(1.5)
    """
    return coarse(np.divide(x, scale), 8)


class Judged(NamedTuple):
    """The conventions; whether they go by the scale as returned; what becomes of the lowest code."""

    conventions: tuple[Convention, ...]
    stored: bool
    lowest: str


class Way(NamedTuple):
    """One way to get codes: a convention, a grid (narrow or not), the scales' place among those tried, or INVERSES'."""

    convention: Convention
    grid: Grid
    place: int
    inverse: int = 0


def judged(call: Call, seen: Seen, scales: Sequence[Any], held: dict[str, Any]) -> Judged:
    """The conventions nearest to refquant's own that give every code; Deviation if there is none."""
    asked = np.broadcast_to(seen.asked, seen.x.shape)
    flat = Seen(*(np.broadcast_to(part, seen.x.shape)[asked] for part in seen))
    flats = [np.broadcast_to(scale, seen.x.shape)[asked] for scale in scales]
    some = np.unique(np.linspace(0, len(flat.x) - 1, 400).astype(int))
    few, fews = Seen(*(part[some] for part in flat)), [scale[some] for scale in flats]
    ways = _ways(call.grid, len(scales), held)
    wrong = {way: int((_codes(way, few, fews[way.place]) != few.codes).sum()) for way in ways}
    alike = [way for way in ways if not wrong[way] and (_codes(way, flat, flats[way.place]) == flat.codes).all()]
    if not alike:
        nearest = min(sorted(ways, key=lambda way: wrong[way])[:20], key=lambda way: int((_codes(
            way, flat, flats[way.place]) != flat.codes).sum()))
        raise _deviation(call, seen.x, flat, nearest, _codes(nearest, flat, flats[nearest.place]),
                         flats[nearest.place])
    least = min(_departures(way) for way in alike)
    best = [way for way in alike if _departures(way) == least]
    given = "given" if (flat.codes == call.grid.encode(np.array(float(call.grid.qmin)))).any() else "not called for"
    return Judged(tuple(dict.fromkeys(way.convention for way in best)), best[0].place == 0,
                  given if best[0].grid == call.grid else "never given: grid=IntGrid(bits, narrow=True)")


def _ways(grid: Grid, scales: int, held: dict[str, Any]) -> list[Way]:
    named: dict[str, tuple[Any, ...]] = {**NAMED, "division": (*NAMED["division"], range_reciprocal, in_bfloat16),
             "zero_point": (*NAMED["zero_point"], with_half_added), "cast": (choices.saturating, choices.wrapping)}
    for kind, f in held.items():
        if kind not in named or not callable(f):
            raise error(TypeError, "check_dynamic", f"`held` must be functions named {', '.join(named)}",
                        f"{kind}={f!r}", "take them from refquant.engines.choices")
        named[kind] = (f,)
    if not grid.equal_steps:
        named = {kind: named[kind] if kind == "division" else named[kind][:1] for kind in named}
    grids = [grid, IntGrid(grid.bits, narrow=True)] if grid.equal_steps and grid.qmin < -grid.qmax else [grid]
    every = [Way(Convention(*parts), g, 0) for g in grids for parts in product(
        *(named[kind] for kind in ("division", "zero_point", "rounding", "cast")))]
    by_range = [way for way in every if way.convention.division is range_reciprocal]
    return sorted([*(way._replace(place=i) for i in range(scales) for way in every if way not in by_range),
                   *(way._replace(inverse=i) for i in range(len(INVERSES)) for way in by_range)], key=_departures)


def _departures(way: Way) -> int:
    return len(way.convention.departs) + int(way.place > 0) + int(way.grid.qmin == -way.grid.qmax)


def _codes(way: Way, seen: Seen, scale: Any) -> Any:
    """The codes of one way, many numbers at once."""
    convention, grid, *_ = way
    x, z = seen.x, seen.zero_point
    if convention.zero_point is choices.offset_first:
        x, z = choices.above_lowest(x, scale.astype(np.float32), z, grid), np.full(x.shape, grid.qmin)
    if convention.division is range_reciprocal:
        v = (x * _inverse(seen, grid, way.inverse)).astype(np.float64)
    elif convention.division is in_bfloat16:
        v = in_bfloat16(x, scale.astype(np.float32)).astype(np.float64)
    else:
        wide = convention.division in (choices.in_float64, choices.reciprocal_in_float64)
        v = arrays.DIVISIONS[convention.division](x, scale if wide else scale.astype(np.float32)).astype(np.float64)
    if not grid.equal_steps:
        return grid.encode(np.clip(grid.round(v), grid.qmin, grid.qmax))
    if convention.zero_point is with_half_added:
        whole, rest = arrays.ZERO_POINTS[choices.before_rounding](v, z + 0.5)
    else:
        whole, rest = arrays.ZERO_POINTS[convention.zero_point](v, z)
    return arrays.cast(convention, whole, rest, grid)


#: What x is multiplied by: (max|x|, hi - lo, grid's high side, its width) -> 1 / scale.
INVERSES = (
    lambda largest, _, high, __: high / largest,
    lambda largest, _, high, __: high * (1 / largest),
    lambda largest, _, high, __: high / (largest + np.float32(1e-7)),
    lambda largest, _, __, width: width / 2 / largest,
    lambda _, between, __, width: width / between,
)


def _inverse(seen: Seen, grid: Grid, i: int) -> Any:
    largest = np.maximum(np.abs(seen.lo), np.abs(seen.hi))
    between = np.maximum(seen.hi, 0) - np.minimum(seen.lo, 0)
    _, low, high = sides(grid)
    return np.copysign(INVERSES[i](largest, between, np.float32(high), np.float32(low + high)), seen.scale)


def _deviation(call: Call, rows: Any, seen: Seen, nearest: Way, expected: Any, scale: Any) -> Deviation:
    wrong = np.flatnonzero(expected != seen.codes)
    i = wrong[np.abs(seen.x[wrong]).argmin()]
    row = rows[((rows == seen.x[i]) & (seen.lo[i] == rows.min(-1, keepdims=True))).any(axis=-1)][0]
    ratio = float(seen.x[i]) / float(scale[i])
    what = "expected" if str(nearest.convention) == OWN else "nearest"  # another convention's code may be the wrong one
    return Deviation("R4", "\n".join([
        "R4 is broken: at the scale that comes back, codes follow no named convention; nearest is "
        f"{nearest.convention}.",
        "", call.smallest(row, seen.x[i], int(seen.codes[i])), "",
        f"x          float.fromhex('{hexadecimal(seen.x[i])}')",
        f"scale      float.fromhex('{hexadecimal(scale[i])}'), zero point {int(seen.zero_point[i])}",
        f"x / scale  {ratio:.10g}", f"{what:<10} {int(expected[i])}", f"got        {int(seen.codes[i])}"]))
