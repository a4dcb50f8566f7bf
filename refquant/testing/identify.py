"""Which convention is it? Thousands of decision points tell a black box's from hundreds of others.

PyTorch (extra `conformance`) multiplies by the reciprocal and adds the zero point in a fused operation, before it
rounds. So 0.5 with scale 1 and zero point 1 is 2 there, and 1 in ONNX Runtime and here:

    import torch

    def pytorch(x, params):
        q = torch.quantize_per_tensor(x, float(params.scale), int(params.zero_point), torch.qint8)
        return q.int_repr()

    print(identify(pytorch, arrays=torch.from_numpy))  # fused_reciprocal, before_rounding, half_even, NaN qmax

The answer also names the known engines that do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..affine import AffineParams
from ..arguments import error, quiet
from ..engines import arrays
from ..engines.alike import one_function
from ..engines.choices import after_rounding, flushed_reciprocal, offset_first, refused, sum_through_int64
from ..engines.conventions import NAMED, PECULIAR, Convention
from ..engines.operators import OPERATORS
from ..grids import INT8, INT32, Grid
from .asking import ALIKE, Box, call
from .check import takes
from .forms import in_arrays, name_of
from .layouts import written
from .points import Points, in_common, numbers, zeros
from .seen import LARGER, Code, Seen, look, tabled
from .table import NOT_KNOWN, Table

NORMAL = np.float32(2.0**30)  # times a subnormal number: a small normal one


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
    narrow: bool | None
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
        lowest = NOT_KNOWN if self.narrow is None else "no" if not self.narrow else (
            "yes: the lowest code is never given; grids=IntGrid(bits, narrow=True)")
        lines += [f"infinity   {self.infinities}", f"NaN        {self.nan}", f"subnormal  {self.subnormal}",
                  f"arrays     {self.arrays}", f"narrow     {lowest}"]
        if len(self.conventions) > 1:
            where = "row" if self.arrays.startswith(NOT_KNOWN) else "number that was asked"
            lines += ["These are one function, by several names:" if self.proven else f"On every {where} these "
                      "conventions give the same code:", *(f"    {c}" for c in self.conventions[:20])]
            lines += [f"    and {len(self.conventions) - 20} more"] * (len(self.conventions) > 20)
        return "\n".join([*lines, *self.more])


@quiet
def identify(quantize: Any, *, grid: Grid = INT8, symmetric: bool = False,
             arrays: Callable[[Any], Any] | None = None) -> Identity:
    """Which of the named conventions gives the codes that `quantize` gives, on every number that is asked.

    Args:
        quantize: (x, params) -> codes, x float32, a scale per tensor; by_range, one_axis and by_blocks adapt other
            calls. It must take arrays of any length. Or a table of measured rows (x, scale, zero_point, code).
        grid: of equal steps, of at most 16 bits; whether the lowest signed code is used is found out.
        symmetric: ask with zero point 0 alone, for a quantizer that has no other; then less can be told apart.
        arrays: torch.from_numpy or another function that makes x and the parameters, as in check_quantizer.

    24,000 numbers are asked in 100 calls: halves of steps, one ulp beside them, plain values, at scales from 2**-124 to
    2**(127 - bits). Some 3,000 calls follow, most of them of one number beyond the codes. A name
    is given only if the convention gives all these codes. The numbers on which conventions differ are asked again:
    alone, among 3, 17, 64, 127 and 5,000, with strides, in Fortran order, the last row first, and without axes. If a
    code changes, no name is given. Subnormal numbers, infinities and NaN decide no name: they have lines of their own.
    Only flushed_reciprocal is told from reciprocal by subnormal numbers. If no name is left, the nearest is told, how
    many codes differ, one of them, and what all of these numbers have in common.

    >>> import refquant as rq
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
    arrays     alike in every length and layout asked
    narrow     no

    Several conventions may be left. "These are one function" says that they give the same code for every input: round
    ties up, and the zero point may be added in float64 before rounding or after (engines.alike lists these). "On every
    number that was asked" says that another number might tell them apart. Of a table nothing is known but its rows: the
    names are those that give the code of every row. Rows that contradict each other are told in the line on arrays.

    >>> identify([(0.5, 1, 0, 1), (1.25, 1, 0, 1), (-0.5, 1, 3, 3)], grid=rq.UINT8).named["rounding"]
    ('half_up', 'half_added', 'half_away', 'half_added_away')

    Raises:
        TypeError: a function that cannot be called so, or that returns no integers.
        ValueError: a grid without equal steps or of more than 16 bits; a finite number that is refused; a table of
            another shape, or with codes that the grid has not.
    """
    if not grid.equal_steps or grid.bits > 16:
        raise error(ValueError, "identify", "`grid` must have equal steps and at most 16 bits", repr(grid), "rq.INT8, "
                    "say; rq.UINT4 and others too")
    if hasattr(quantize, "__len__"):
        return _told(tabled(Table.of(quantize, grid)), symmetric)
    quantize = in_arrays(quantize, arrays)
    takes("identify", quantize, np.zeros(2, np.float32), AffineParams(scale=np.float32(1), zero_point=0, grid=grid))
    box = Box(quantize, grid)
    box.codes(np.zeros(2, np.float32), np.float32(1), 0)
    found = _told(look(box, zeros(grid, symmetric)), symmetric)
    alone = name_of(quantize, "").startswith(("one_axis(", "by_blocks("))
    return found._replace(more=(*found.more, "Asked with one scale and zero point at a time; check_quantizer asks with "
                                "several.")) if alone else found


def _told(seen: Seen, symmetric: bool) -> Identity:
    wrong, fitting = dict[Convention, Any](), []
    for c, q in _unclipped(seen):
        wrong[c] = np.flatnonzero((q != seen.codes) & ~((q < seen.ends.qmin) | (q > seen.ends.qmax)))
        fitting += [c] * bool(np.isnan(q[wrong[c]]).all())  # 0 / 0 in float16 has no code
    fit = _as_subnormals_say(seen, fitting)
    dependence = _dependence(seen, {i for at in wrong.values() if at.size for i in (at[0], at[-1])})
    alike = dependence.startswith((ALIKE, NOT_KNOWN))
    named = tuple(c for each in fit for c in _casts(each) if alike and _overflows(seen, c))
    nearest = fit[0] if fit else _least_wrong(wrong, seen.plain)
    proven = bool(named) and one_function(named, seen.ends, symmetric)
    more = _known(seen, named) if proven else () if named else (_nearest(seen, nearest),)
    return Identity(named, _infinities(seen), _of_nan(seen), _of_subnormals(seen), dependence,
                    seen.narrow, proven, more)


# ---------------------------------------------------------------------------------------------- what fits

def _unclipped(seen: Seen) -> Iterable[tuple[Convention, Any]]:
    """Every way to divide, add the zero point and round, and its codes for ordinary numbers, before the clip."""
    for division, zero_point in product(NAMED["division"], NAMED["zero_point"]):
        v, rest = arrays.quotients(Convention(division, zero_point), *seen.points, seen.ends)
        for rounding in NAMED["rounding"]:
            c = Convention(division, zero_point, rounding)
            yield c, arrays.cast(c, v, rest, INT32)
    yield from ((c, arrays.cast(c, *arrays.quotients(c, *seen.points, seen.ends), INT32)) for c in PECULIAR)


def _casts(c: Convention) -> list[Convention]:
    """With each cast; where nothing is added after rounding, one to int64 is the other."""
    twins = c.zero_point not in (after_rounding, offset_first)
    return [c._replace(cast=cast) for cast in NAMED["cast"] if not (twins and cast is sum_through_int64)]


def _expected(c: Convention, points: Points, grid: Grid) -> list[Code]:
    return [None if np.isnan(q) else int(q) for q in arrays.codes(c, *points, grid)]


def _overflows(seen: Seen, c: Convention) -> bool:
    """Whether finite numbers become c's codes where they are rounded to what lies beyond, too."""
    return not _parting(seen, c).size and all(_expected(c, points, seen.ends) == codes for points, codes in seen.far)


def _parting(seen: Seen, c: Convention) -> Any:
    codes = arrays.codes(c, *seen.points, seen.ends)
    return np.flatnonzero((codes != seen.codes) & ~np.isnan(codes))


def _as_subnormals_say(seen: Seen, fit: list[Convention]) -> list[Convention]:
    """Only subnormal numbers tell the flushed reciprocal from the other: all of them must."""
    points, codes = seen.small
    flushed = [c for c in fit if c.division is flushed_reciprocal]
    same = [c for c in flushed if _expected(c, points, seen.ends) == codes]
    return fit if not codes else same or [c for c in fit if c not in flushed]


def _least_wrong(wrong: dict[Convention, Any], is_plain: Any) -> Convention:
    """Of the fewest wrong codes; where plain values too are wrong, ties tell little: then the simplest of the best."""
    plain = {c: int(is_plain[at].sum()) for c, at in wrong.items()}
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
            return f"{_code(among[i])} among 64 copies of each number, {_code(codes[i])} alone\n    {_at(points, i)}"
    return found


# ---------------------------------------------------------------------------------------------- what is said

def _code(code: Code) -> str:
    return "refused" if code is None else f"code {code}"


def _named_code(code: Code, grid: Grid) -> str:
    off = code is not None and not grid.qmin <= code <= grid.qmax
    return {grid.qmin: "qmin, ", grid.qmax: "qmax, "}.get(code, "") + _code(code) + ", off the grid" * off


def _infinities(seen: Seen) -> str:
    said = {z: _ends(codes, seen.ends) for z, codes in seen.infinite} or {0: NOT_KNOWN}
    each = "; ".join(f"with zero point {z}: {words}" for z, words in said.items())
    return each if len(set(said.values())) > 1 else said.popitem()[1]


def _ends(codes: Sequence[Code], grid: Grid) -> str:
    if list(codes) == [grid.qmax, grid.qmin]:
        return "saturates"
    return f"+inf: {_named_code(codes[0], grid)}, -inf: {_named_code(codes[1], grid)}"


def _of_nan(seen: Seen) -> str:
    if not seen.nan:
        return NOT_KNOWN
    (_, [code]), (z, [other]) = seen.nan[0], seen.nan[-1]
    if all(q == [at] for at, q in seen.nan) and z:
        return "the zero point"
    return _named_code(code, seen.ends) + (
        f"; {_named_code(other, seen.ends)} with zero point {z}" if code != other else "")


def _of_subnormals(seen: Seen) -> str:
    """Beside the codes of numbers and scales so many times as large, and beside the codes of 0."""
    points, codes = seen.small
    few = points.at(points.scale < LARGER)
    codes = codes[:len(few.x)]
    large = seen.box.outcomes(few._replace(x=few.x * LARGER, scale=few.scale * LARGER), 64)
    if codes and codes == large:
        return "as other numbers"
    if not codes or None in large:
        return NOT_KNOWN
    of_zero = seen.box.outcomes(few._replace(x=0 * few.x), 64)
    if codes == of_zero:
        normal = few._replace(x=few.x * NORMAL, scale=few.scale * NORMAL)
        at = " and ".join(f"{scale:g}" for scale in np.unique(normal.scale))
        return "count as 0" + f"; so do normal numbers at scale {at}" * (seen.box.outcomes(normal, 64) == of_zero)
    i = next(i for i, code in enumerate(codes) if code != large[i])
    return (f"otherwise: {_code(codes[i])}; {_code(large[i])} if x and scale are 2**126 times as large\n"
            f"    {_at(few, i)}")


def _known(seen: Seen, named: Sequence[Convention]) -> tuple[str, ...]:
    """Who else gives the same codes for all numbers, and who for all except NaN."""
    every = [*seen.far, seen.small, *((numbers([np.inf, -np.inf], 1, z), codes) for z, codes in seen.infinite)]
    alike = [("", Convention()), *((o.name, o.convention) for o in OPERATORS.values() if seen.box.grid in o.grids)]
    alike = [(name, c) for name, c in alike if c._replace(nan=refused) in named and seen.box.grid == seen.ends
             and all(_expected(c, points, seen.ends) == codes for points, codes in every)]
    nan = {name: all(_expected(c, numbers([np.nan], 1, z), seen.ends) == code for z, code in seen.nan)
           for name, c in alike}
    own, like = seen.box.says
    lines = [f"{own} refquant's own convention{'' if nan[''] else ', except for NaN'}."] if "" in nan else []
    for same, words in ((False, f"{like}, except for NaN: "), (True, f"{like}: ")):
        names = [name for name in nan if name and nan[name] == same]
        lines += [f"{words}{'; '.join(names)}."] if names else []
    return tuple(lines)


def _nearest(seen: Seen, c: Convention) -> str:
    """The nearest convention, how many codes differ, and an input where they do."""
    between, kind = _parting(seen, c), "rows" if isinstance(seen.box, Table) else "numbers"
    if not between.size:  # of its casts the one that goes along farthest beyond the codes
        c = max(_casts(c), key=lambda each: min((abs(points.x[i]) for points, i, *_ in _beyond(seen, each)),
                                                default=np.inf))
    far, asked = _beyond(seen, c), sum(len(codes) for _, codes in seen.far)
    if not between.size and not far:
        return f"Nearest is {c}; the line on arrays says where it differs."
    few = seen.points.at(between[:1])
    points, i, code, its = (few, 0, seen.codes[between[0]], _expected(c, few, seen.ends)[0]) if between.size else far[0]
    return "\n".join(filter(None, [
        f"Nearest is {c}; its codes differ from yours for {between.size} of {len(seen.codes)} {kind} from qmin to qmax"
        f"{f' and for {len(far)} of {asked} beyond' * bool(asked)}, as for",
        f"    {_at(points, i)}: {_code(code)} instead of its {_code(its)}",
        in_common(seen.points, between) if between.size else ""]))


def _beyond(seen: Seen, c: Convention) -> list[tuple[Points, int, Code, Code]]:
    return [(points, i, code, its) for points, codes in seen.far for i, (code, its) in enumerate(zip(
        codes, _expected(c, points, seen.ends), strict=True)) if code != its]


def _at(points: Points, i: int) -> str:
    x, scale, z = (each[i] for each in points)
    return call(written(x), scale, z)
