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

NARROW = (choices.in_float16, choices.in_bfloat16)  # dtypes of tensors


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


class Way(NamedTuple):
    """One way to get codes: a convention, a grid (narrow or not), the scales' place among those tried, or INVERSES'."""

    convention: Convention
    grid: Grid
    place: int
    inverse: int = 0


def flattened(seen: Seen, scales: Sequence[Any], where: Any) -> Seen:
    """The numbers of some slices, in a row, with what belongs to each; as scale, (n, places) the scales."""
    chosen = np.broadcast_to(where, seen.x.shape)
    return Seen(*(np.broadcast_to(part, seen.x.shape)[chosen] for part in seen))._replace(scale=np.stack(
        [np.broadcast_to(scale, seen.x.shape)[chosen] for scale in scales], axis=-1))


def judged(call: Call, seen: Seen, scales: Sequence[Any], held: dict[str, Any]) -> tuple[tuple[Way, ...], str]:
    """The ways nearest to refquant's own that give every code, and what becomes of the lowest; Deviation if none is."""
    flat, ways = flattened(seen, scales, seen.asked), _ways(call.grid, len(scales), held)
    few = Seen(*(part[np.unique(np.linspace(0, len(flat.x) - 1, 400).astype(int))] for part in flat))
    wrong = {way: int((codes_of(way, few) != few.codes).sum()) for way in ways}
    alike = [way for way in ways if not wrong[way] and (codes_of(way, flat) == flat.codes).all()]
    if not alike:
        near = sorted(ways, key=lambda way: wrong[way])[:20]
        raise deviation(call, seen.x, flat, min(near, key=lambda way: (codes_of(way, flat) != flat.codes).sum()),
                        NOT_AS_SAID if held else OF_NUMBERS)
    best = {way.convention for way in alike if _departures(way) == _departures(alike[0])}
    given = (flat.codes == call.grid.encode(np.array(float(call.grid.qmin)))).any()
    lowest = "given" if given else "not given: no number of ordinary slices called for it"
    return tuple(way for way in alike if way.convention in best), lowest if alike[0].grid == call.grid else (
        "not given where numbers call for it: grid=IntGrid(bits, narrow=True)")


def _ways(grid: Grid, scales: int, held: dict[str, Any]) -> list[Way]:
    named: dict[str, tuple[Any, ...]] = {**NAMED, "division": (*NAMED["division"], range_reciprocal, *NARROW),
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


def codes_of(way: Way, seen: Seen) -> Any:
    """The codes of one way, many numbers at once."""
    convention, grid, *_ = way
    x, z, scale = seen.x, seen.zero_point, seen.scale[:, way.place]
    if convention.zero_point is choices.offset_first:
        x, z = choices.above_lowest(x, scale.astype(np.float32), z, grid), np.full(x.shape, grid.qmin)
    if convention.division is range_reciprocal:
        v = (x * _inverse(seen, grid, way.inverse)).astype(np.float64)
    else:
        wide = convention.division in (choices.in_float64, choices.reciprocal_in_float64)
        v = arrays.divided(convention.division, x, scale if wide else scale.astype(np.float32))
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
    lambda _, between, __, width: width / between)


def _inverse(seen: Seen, grid: Grid, i: int) -> Any:
    largest = np.maximum(np.abs(seen.lo), np.abs(seen.hi))
    between = np.maximum(seen.hi, 0) - np.minimum(seen.lo, 0)
    _, low, high = sides(grid)
    inverse = INVERSES[i](largest, between, np.float32(high), np.float32(low + high))
    return np.copysign(inverse, seen.scale[:, 0].astype(inverse.dtype))


OF_NUMBERS = "{rules} is broken: at the scale that comes back, codes follow no named convention; nearest is"
NOT_AS_SAID = "Not as said: at the scale that comes back, codes are others; nearest is"
OF_LENGTHS = "R12 is broken: in arrays of other lengths codes follow another convention; elsewhere they follow"


def deviation(call: Call, rows: Any, seen: Seen, nearest: Way, said: str) -> Deviation:
    """The number nearest to 0 whose code is wrong, and a call that shows it; one of the rules is broken."""
    expected, scale = codes_of(nearest, seen), seen.scale[:, nearest.place]
    wrong = np.flatnonzero(expected != seen.codes)
    i = wrong[np.abs(seen.x[wrong]).argmin()]
    row = rows[((rows == seen.x[i]) & (seen.lo[i] == rows.min(-1, keepdims=True))).any(axis=-1)][0]
    ratio = float(seen.x[i]) / float(scale[i])
    what = "expected" if str(nearest.convention) == OWN else "nearest"  # another convention's code may be the wrong one
    beyond = expected[i] in nearest.grid.encode(np.array([nearest.grid.qmin, nearest.grid.qmax], float))
    rules = ["R12"] if said == OF_LENGTHS else ["R3", "R4", *["R5"] * bool(seen.zero_point[i]), *["R6"] * beyond]
    return Deviation(" or ".join(rules), "\n".join([
        f"{said.format(rules=' or '.join(rules))} {nearest.convention}.", "",
        call.smallest(row, seen.x[i], int(seen.codes[i])), "",
        f"x          float.fromhex('{hexadecimal(seen.x[i])}')",
        f"scale      float.fromhex('{hexadecimal(scale[i])}'), zero point {int(seen.zero_point[i])}",
        f"x / scale  {ratio:.10g}", f"{what:<10} {int(expected[i])}", f"got        {int(seen.codes[i])}"]))
