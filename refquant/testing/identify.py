"""Which convention is it? Thousands of decision points tell a black box's from hundreds of others.

PyTorch (extra `conformance`) multiplies by the reciprocal and adds the zero point in a fused operation, before it
rounds. So 0.5 with scale 1 and zero point 1 is 2 there, and 1 in ONNX Runtime and here:

    import torch

    def pytorch(x, params):
        q = torch.quantize_per_tensor(torch.from_numpy(x), float(params.scale), int(params.zero_point), torch.qint8)
        return q.int_repr().numpy()

    print(identify(pytorch))     # division fused_reciprocal, zero_point before_rounding, rounding half_even, NaN qmax

The answer also names the known engines that do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..affine import AffineParams
from ..arguments import error, quiet
from ..engines import arrays
from ..engines.alike import one_function
from ..engines.choices import after_rounding, flushed_reciprocal, offset_first, refused, sum_through_int64
from ..engines.conventions import NAMED, PECULIAR, Convention
from ..engines.operators import OPERATORS
from ..grids import INT8, Grid, IntGrid
from .asking import ALIKE, Box, call
from .check import Quantize, takes
from .forms import in_arrays, name_of
from .layouts import written
from .points import LENGTH, PLAIN, Points, beyond, numbers, ordinary, subnormal, zeros

Code: TypeAlias = "int | None"
LARGER = np.float32(2.0**126)


class Identity(NamedTuple):
    """What identify found; print it.

    conventions: every named convention that gave the same codes; none if it is like none of them. infinities, nan,
    subnormal, arrays, narrow: as observed. proven: whether no input at all can tell what is left apart (identify says
    why). more: what follows from these.
    """

    conventions: tuple[Convention, ...]
    infinities: str
    nan: str
    subnormal: str
    arrays: str
    narrow: bool
    proven: bool
    more: tuple[str, ...]

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """Kind -> the names that are left; one each where the convention is known.

        >>> import refquant as rq
        >>> identify(rq.quantize).named["rounding"]
        ('half_even',)
        """
        return {kind: tuple(dict.fromkeys(getattr(c, kind).__name__ for c in self.conventions)) for kind in NAMED}

    def __str__(self) -> str:
        lines = [f"{kind:<10} {' or '.join(names) or 'none of those known'}" for kind, names in self.named.items()]
        lowest = "yes: the lowest code is never given; grids=IntGrid(bits, narrow=True)" if self.narrow else "no"
        lines += [f"infinity   {self.infinities}", f"NaN        {self.nan}", f"subnormal  {self.subnormal}",
                  f"arrays     {self.arrays}", f"narrow     {lowest}"]
        if len(self.conventions) > 1:
            who = "input" if self.proven else "number that was asked"
            lines += [f"No {who} tells these apart:", *(f"    {convention}" for convention in self.conventions)]
        return "\n".join([*lines, *self.more])


@quiet
def identify(quantize: Quantize, *, grid: Grid = INT8, symmetric: bool = False,
             arrays: Callable[[Any], Any] | None = None) -> Identity:
    """Which of the named conventions gives the codes that `quantize` gives, on every number that is asked.

    Args:
        quantize: (x, params) -> codes, x float32, a scale per tensor; by_range, one_axis and by_blocks adapt other
            calls. It must take arrays of any length.
        grid: of equal steps, of at most 16 bits; whether the lowest signed code is used is found out.
        symmetric: ask with zero point 0 alone, for a quantizer that has no other; then less can be told apart.
        arrays: torch.from_numpy or another function that makes x and the parameters, as in check_quantizer.

    24,000 numbers are asked in 100 calls: halves of steps, one ulp beside them, plain values. A name is given only if
    the convention gives all these codes. The numbers on which conventions differ are asked again: alone, among 3, 17,
    64 and 5,000, with strides, in Fortran order and without axes. If a code changes, no name is given. Subnormal
    numbers, infinities and NaN decide no name: they have lines of their own. Only flushed_reciprocal is told from
    reciprocal by subnormal numbers. If no name is left, the nearest is told, and one input where the two differ.

    >>> def black_box(x, params):
    ...     q = np.floor(x * (np.float32(1) / params.scale) + np.float32(0.5)) + params.zero_point
    ...     return np.clip(q, -128, 127).astype(np.int8)
    >>> print(identify(black_box))
    division   reciprocal
    zero_point after_rounding
    rounding   half_added
    cast       saturating
    infinity   saturates
    NaN        code 0
    subnormal  as other numbers
    arrays     of any length and layout alike
    narrow     no

    Several conventions may be left. "No input tells these apart" says that they are one function: round ties up, and
    the zero point may be added in float64 before rounding or after (engines.alike lists these). "No number that was
    asked tells these apart" says that another number might.

    Raises:
        TypeError: a function that cannot be called so, or that returns no integers.
        ValueError: a grid without equal steps or of more than 16 bits; a finite number that is refused.
    """
    if not grid.equal_steps or grid.bits > 16:
        raise error(ValueError, "identify", "`grid` must have equal steps and at most 16 bits", repr(grid), "rq.INT8, "
                    "say; rq.UINT4 and others too")
    quantize = in_arrays(quantize, arrays)
    takes("identify", quantize, np.zeros(2, np.float32), AffineParams(scale=np.float32(1), zero_point=0, grid=grid))
    box = Box(quantize, grid)
    box.codes(np.zeros(2, np.float32), np.float32(1), 0)
    seen = _look(box, zeros(grid, symmetric))
    wrong = {c: np.flatnonzero((codes != seen.codes) & ~np.isnan(codes)) for c, codes in _everybody(seen)}
    fit = _as_subnormals_say(seen, [c for c, at in wrong.items() if not at.size])
    dependence = _dependence(seen, {i for at in wrong.values() if at.size for i in (at[0], at[-1])})
    alike = dependence.startswith(ALIKE)
    named = tuple(c for each in fit for c in _casts(each) if alike and _overflows(seen, c))
    nearest = fit[0] if fit else _least_wrong(wrong)
    proven = bool(named) and one_function(named, seen.ends, symmetric)
    more = _known(seen, named) if proven else () if named else (_nearest(seen, nearest, wrong[nearest]),)
    return Identity(named, _infinities(seen), _of_nan(seen), _of_subnormals(seen), dependence,
                    seen.ends == IntGrid(grid.bits, narrow=True), proven, more)


# ---------------------------------------------------------------------------------------------- what is seen

class Seen(NamedTuple):
    """What a quantizer gave: for ordinary numbers, beyond the codes, for subnormal numbers and for NaN.

    ends: the grid of the codes that it gives.
    """

    box: Box
    ends: Grid
    points: Points
    codes: Any
    far: list[tuple[Points, list[Code]]]
    small: tuple[Points, list[Code]]
    nan: list[tuple[int, Code]]


def _look(box: Box, zero_points: Sequence[int]) -> Seen:
    grid, by_range = box.grid, name_of(box.quantize, "").startswith("by_range(")  # the ends of a range must be exact
    points = ordinary(grid, zero_points, 24 - grid.bits if by_range else None)
    lowest = -(2 ** (grid.bits - 1))
    narrow = grid.qmin < 0 and box.outcome(lowest, 1, 0) == lowest + 1
    far, small = [beyond(grid, z) for z in zero_points[:3]], subnormal(
        zero_points[0], 1.5 * 2.0 ** (124 - grid.bits if by_range else 126))
    nan = [(z, box.outcome(np.nan, 1, z)) for z in (0, min(3, grid.qmax) if len(zero_points) > 1 else 0)]
    return Seen(box, IntGrid(grid.bits, signed=grid.qmin < 0, narrow=narrow), points, box.calls(points),
                [(each, box.outcomes(each)) for each in far], (small, box.outcomes(small, 64)), nan)


def _everybody(seen: Seen) -> Iterable[tuple[Convention, Any]]:
    """Every way to divide, add the zero point and round, and its codes for ordinary numbers."""
    for division, zero_point in product(NAMED["division"], NAMED["zero_point"]):
        v, rest = arrays.quotients(Convention(division, zero_point), *seen.points, seen.ends)
        for rounding in NAMED["rounding"]:
            c = Convention(division, zero_point, rounding)
            yield c, arrays.cast(c, v, rest, seen.ends)
    yield from ((c, arrays.codes(c, *seen.points, seen.ends)) for c in PECULIAR)


def _casts(c: Convention) -> list[Convention]:
    """With each cast; where nothing is added after rounding, one to int64 is the other."""
    twins = c.zero_point not in (after_rounding, offset_first)
    return [c._replace(cast=cast) for cast in NAMED["cast"] if not (twins and cast is sum_through_int64)]


def _expected(c: Convention, points: Points, grid: Grid) -> list[Code]:
    return [None if np.isnan(q) else int(q) for q in arrays.codes(c, *points, grid)]


def _overflows(seen: Seen, c: Convention) -> bool:
    """Whether finite numbers beyond the codes become c's codes."""
    return all(_expected(c, points, seen.ends)[:-2] == codes[:-2] for points, codes in seen.far)


def _as_subnormals_say(seen: Seen, fit: list[Convention]) -> list[Convention]:
    """Only subnormal numbers tell the flushed reciprocal from the other: all of them must."""
    points, codes = seen.small
    flushed = [c for c in fit if c.division is flushed_reciprocal]
    same = [c for c in flushed if _expected(c, points, seen.ends) == codes]
    return same or [c for c in fit if c not in flushed]


def _least_wrong(wrong: dict[Convention, Any]) -> Convention:
    """Of the fewest wrong codes; where plain values too are wrong, ties tell little: then the simplest of the best."""
    plain = {c: int((at % LENGTH >= LENGTH - PLAIN).sum()) for c, at in wrong.items()}
    least = min(plain.values())
    if not least:
        return min((c for c in wrong if not plain[c]), key=lambda c: (wrong[c].size, len(c.departs)))
    return min((c for c in wrong if plain[c] <= 1.5 * least + 2), key=lambda c: (len(c.departs), wrong[c].size))


def _dependence(seen: Seen, chosen: set[int]) -> str:
    found = seen.box.arrays(seen.points, seen.codes, chosen)
    for points, codes in seen.far if found.startswith(ALIKE) else []:
        among = seen.box.outcomes(points, 64)
        parting = [i for i, code in enumerate(codes) if code != among[i]]
        if parting:
            i = parting[0]
            return f"{_code(among[i])} as the last of 64 copies, {_code(codes[i])} alone\n    {_at(points, i)}"
    return found


# ---------------------------------------------------------------------------------------------- what is said

def _code(code: Code) -> str:
    return "refused" if code is None else f"code {code}"


def _named_code(code: Code, grid: Grid) -> str:
    return {grid.qmin: "qmin, ", grid.qmax: "qmax, "}.get(code, "") + _code(code)


def _infinities(seen: Seen) -> str:
    said = [_ends(codes[-2:], seen.ends) for _, codes in seen.far]
    below = f"; with zero point {seen.far[1][0].zero_point[0]}: {said[1]}" if said[1:] and said[1] != said[0] else ""
    return said[0] + below


def _ends(codes: Sequence[Code], grid: Grid) -> str:
    if list(codes) == [grid.qmax, grid.qmin]:
        return "saturates"
    return f"+inf: {_named_code(codes[0], grid)}, -inf: {_named_code(codes[1], grid)}"


def _of_nan(seen: Seen) -> str:
    (_, code), (z, other) = seen.nan
    if (code, other) == (0, z) and z:
        return "the zero point"
    return _named_code(code, seen.ends) + (
        f"; {_named_code(other, seen.ends)} with zero point {z}" if code != other else "")


def _of_subnormals(seen: Seen) -> str:
    """Beside the codes of numbers and scales so many times as large, and beside the codes of 0."""
    points, codes = seen.small
    few, codes = points.at(slice(0, -4)), codes[:-4]
    large = seen.box.outcomes(few._replace(x=few.x * LARGER, scale=few.scale * LARGER), 64)
    if codes == large:
        return "as other numbers"
    if codes == seen.box.outcomes(few._replace(x=0 * few.x), 64):
        return "count as 0"
    i = next(i for i, code in enumerate(codes) if code != large[i])
    return (f"otherwise: {_code(codes[i])}; {_code(large[i])} if x and scale are 2**126 times as large\n"
            f"    {_at(few, i)}")


def _known(seen: Seen, named: Sequence[Convention]) -> tuple[str, ...]:
    """Who else gives the same codes for all numbers, and who for all except NaN."""
    every = [*seen.far, seen.small]
    alike = [("", Convention()), *((o.name, o.convention) for o in OPERATORS.values() if seen.box.grid in o.grids)]
    alike = [(name, c) for name, c in alike if c._replace(nan=refused) in named and seen.box.grid == seen.ends
             and all(_expected(c, points, seen.ends) == codes for points, codes in every)]
    nan = {name: all(_expected(c, numbers([np.nan], 1, z), seen.ends) == [code] for z, code in seen.nan)
           for name, c in alike}
    lines = [f"This is refquant's own convention{'' if nan[''] else ', except for NaN'}."] if "" in nan else []
    for same, words in ((False, "As in, except for NaN: "), (True, "As in: ")):
        names = [name for name in nan if name and nan[name] == same]
        lines += [f"{words}{'; '.join(names)}."] if names else []
    return tuple(lines)


def _nearest(seen: Seen, c: Convention, wrong: Any) -> str:
    """The nearest convention, and an input where the two part."""
    if wrong.size:
        few = seen.points.at(wrong[:1])
        return (f"Nearest is {c}; it differs for {wrong.size} of {len(seen.codes)} numbers, as for\n    "
                f"{_at(few, 0)}: {seen.codes[wrong[0]]} instead of {_expected(c, few, seen.ends)[0]}")
    parting = {each: [(points, i) for points, codes in seen.far for i, (code, other) in enumerate(zip(
        codes[:-2], _expected(each, points, seen.ends), strict=False)) if code != other] for each in _casts(c)}
    # the one that goes along farthest beyond the codes
    c = max(parting, key=lambda each: min((abs(points.x[i]) for points, i in parting[each]), default=np.inf))
    if not parting[c]:
        return f"Nearest is {c}; the line on arrays says where it differs."
    points, i = parting[c][0]
    code = next(codes[i] for each, codes in seen.far if each is points)
    return (f"Nearest is {c}; it differs beyond the codes, as for\n    {_at(points, i)}: {_code(code)} instead of "
            f"{_expected(c, points, seen.ends)[i]}")


def _at(points: Points, i: int) -> str:
    x, scale, z = (each[i] for each in points)
    return call(written(x), scale, z)
