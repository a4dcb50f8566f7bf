"""Which convention is it? A few probes tell a black box's from hundreds of others.

The probes were chosen greedily from some 8,000 (ties, one ulp beside them, sums and products that no float holds), one
after the other, each for the conventions that it parts.

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

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..affine import AffineParams
from ..arguments import error, quiet
from ..engines.choices import after_rounding, half_down, half_up, refused, saturating, sum_through_int64
from ..engines.conventions import NAMED, OWN, PECULIAR, Convention
from ..engines.exact import hexadecimal
from ..engines.operators import OPERATORS
from ..grids import INT8, Grid, IntGrid
from .check import Quantize, silent, takes

Probe = tuple[str, str, int]

#: (x, scale, zero_point); x and scale are float32.
PROBES: tuple[Probe, ...] = (
    ("-0x1.e4cccep+4", "0x1.333334p-2", -3),
    ("0x1.76p+7", "0x1.76p+7", -3),
    ("-0x1.547cfp+3", "0x1.a30fecp-1", 37),
    ("-0x1p-149", "0x1p+0", 1),
    ("0x1.88p+7", "0x1.88p+5", -3),
    ("-0x1.0ccccep+1", "0x1.333334p-2", 0),
    ("0x1.fffffep-1", "0x1p+0", 1),
    ("-0x1.fffffep+2", "0x1p+0", 0),
    ("0x1.7cccccp+3", "0x1.99999ap-4", 0),
    ("-0x1.0cccdp+1", "0x1.333334p-2", 37),
    ("0x1.87ff9ep+5", "0x1.88p+5", 100),
    ("-0x1.ep+2", "0x1p+0", 0),
    ("0x1.fffffep-2", "0x1p+0", 1),
    ("0x1.4cccccp-1", "0x1.99999ap-4", 0),
    ("-0x1.693334p+5", "0x1.666666p-1", 100),
    ("0x1.48p+4", "0x1.48p+5", 0),
    ("0x1.666664p-2", "0x1.666666p-1", 0),
    ("0x1.76p+6", "0x1.76p+7", -3),
    ("0x1.87ff3cp+4", "0x1.88p+5", 101),
    ("-0x1.6eadeep+1", "0x1.a30fecp-1", 0),
    ("0x1.26p+6", "0x1.88p+5", 0),
    ("-0x1.8p+0", "0x1.555556p-2", 1),
    ("-0x1p-1", "0x1p+0", 1),
    ("-0x1.87ff3cp+4", "0x1.88p+5", 100),
    ("-0x1.26p+6", "0x1.88p+5", 1),
    ("0x1.fffffep-2", "0x1p+0", 0),
    ("0x1p-1", "0x1p+0", 0),
    ("0x1p-1", "0x1p+0", -3),
    ("-0x1.88p+4", "0x1.88p+5", 1),
    ("0x1.ffc004p-1", "0x1.ffc004p+0", 100),
    ("0x1.fffffcp-1", "0x1.fffffcp+0", 100),
    ("-0x1.8p-127", "0x1p-126", 0),
    ("0x1.a66666p+0", "0x1.99999ap-4", 0),
)
#: Beyond the codes, int32, int64 and float32, at scale 1; with a zero point below 0 too, where sums may wrap.
BEYOND = (130.0, -140.0, 3e9, -3e9, 1e19, -1e19, np.inf, -np.inf)
BELOW = -3


class Identity(NamedTuple):
    """What identify found; print it.

    conventions: every named convention that gave the same codes; none if it is like none of them. infinities, nan,
    narrow: as observed.
    """

    conventions: tuple[Convention, ...]
    infinities: str
    nan: str
    narrow: bool
    unlike: str

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """Kind -> the names that are left; one each where the convention is known.

        >>> import refquant as rq
        >>> identify(rq.quantize).named["rounding"]
        ('half_even',)
        """
        return {kind: tuple(dict.fromkeys(getattr(c, kind).__name__ for c in self.conventions)) for kind in NAMED}

    @property
    def proven(self) -> bool:
        """Whether no input at all can tell what is left apart (identify says why).

        >>> import refquant as rq
        >>> identify(rq.quantize).proven
        True
        """
        kinds = {(c.division, c.rounding) for c in self.conventions}
        return len(self.conventions) == 1 or (len(kinds) == 1 and kinds.pop()[1] in (half_up, half_down))

    def __str__(self) -> str:
        lines = [f"{kind:<10} {' or '.join(names) or 'none of those known'}" for kind, names in self.named.items()]
        lowest = "yes: the lowest code is never given; grids=IntGrid(bits, narrow=True)" if self.narrow else "no"
        lines += [f"infinity   {self.infinities}", f"NaN        {self.nan}", f"narrow     {lowest}"]
        if len(self.conventions) > 1:
            who = "input" if self.proven else "probe"
            lines += [f"No {who} tells these apart:", *(f"    {convention}" for convention in self.conventions)]
        if not self.conventions:
            lines += [self.unlike]
        if self.conventions and str(self.conventions[0]) == OWN:
            lines += ["This is refquant's own convention."]
        alike = [operator.name for operator in OPERATORS.values()
                 if self.conventions == (operator.convention._replace(nan=refused),)]
        if alike:
            lines += [f"As in: {'; '.join(alike)}."]
        return "\n".join(lines)


@quiet
def identify(quantize: Quantize, *, grid: Grid = INT8, symmetric: bool = False) -> Identity:
    """Which of the named conventions gives the codes that `quantize` gives, on every probe.

    Args:
        quantize: (x, params) -> codes, x float32, a scale per tensor; one_axis adapts other calls.
        grid: signed, 8 to 16 bits, not narrow: whether the lowest code is used is found out.
        symmetric: probe zero point 0 alone, for a quantizer that has no other; then less can be told apart.

    106 of the 120 ways to divide, add the zero point and round differ on these probes, each of them with five ways to
    overflow, narrow or not; and from the two of conventions.PECULIAR. Of the 14 pairs that are left, six cannot differ
    on any float32: with ties rounded up, or down, a float32 or an exact quotient lies on a tie or at least 2**-25
    beside it, so adding the zero point in float64, before or after, is the same. For the other eight, which add 0.5 in
    float32, none of the 8,000 differed.

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
    narrow     no

    Raises:
        TypeError: a function that cannot be called so.
        ValueError: a grid that is unsigned or has fewer than 8 or more than 16 bits.
    """
    if grid.qmin >= 0 or not 8 <= grid.bits <= 16 or grid.qmin == -grid.qmax:
        raise error(ValueError, "identify", "`grid` must be signed, of 8 to 16 bits, and not narrow", repr(grid),
                    "rq.INT8, say; whether the lowest code is used is found out")
    takes("identify", quantize, np.zeros(2, np.float32), AffineParams(scale=np.float32(1), zero_point=0, grid=grid))
    probes = [(np.float32(float.fromhex(x)), np.float32(float.fromhex(s)), z) for x, s, z in PROBES
              if z == 0 or not symmetric]
    got = [int(_codes(quantize, [x], s, z, grid)[0]) for x, s, z in probes]
    zero_points = (0,) if symmetric else (0, BELOW)
    beyond = {z: [_outcome(quantize, x, grid, z) for x in BEYOND] for z in zero_points}
    low = _outcome(quantize, float(grid.qmin), grid)
    narrow = low == grid.qmin + 1
    ends = IntGrid(grid.bits, narrow=narrow)
    ordinary = {c: _differences(c, probes, got, ends) for c in _candidates(cast=(saturating,))}
    same = tuple(c for c in _candidates(NAMED["cast"]) if not ordinary[c._replace(cast=saturating)]
                 and not _twin(c) and all(_overflows(c, z, codes[:6], ends) for z, codes in beyond.items()))
    nearest = min(ordinary, key=lambda c: len(ordinary[c]))
    infinities = _ends(beyond[0][6:], ends)
    if not symmetric and (below := _ends(beyond[BELOW][6:], ends)) != infinities:
        infinities += f"; with zero point {BELOW}: {below}"
    return Identity(same, infinities, _of_nan(quantize, grid, symmetric), narrow,
                    _unlike(nearest, ordinary[nearest], probes, got, ends))


def _candidates(cast: Sequence[Callable[..., Any]]) -> list[Convention]:
    usual = [Convention(*parts) for parts in product(NAMED["division"], NAMED["zero_point"], NAMED["rounding"], cast)]
    return usual + [c._replace(cast=each) for c in PECULIAR for each in cast]


def _twin(c: Convention) -> bool:
    """Whether another name says the same: with nothing to add after rounding, it is added before every cast."""
    return c.zero_point is not after_rounding and c.cast is sum_through_int64


def _codes(quantize: Quantize, x: Sequence[Any], scale: Any, zero_point: int, grid: Grid) -> Any:
    params = AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=grid)
    return silent(quantize, np.array(x, np.float32), params).astype(np.int64)


def _outcome(quantize: Quantize, x: float, grid: Grid, zero_point: int = 0) -> int | None:
    """The code of x at scale 1, None where x is refused."""
    try:
        return int(_codes(quantize, [x], 1.0, zero_point, grid)[0])
    except Exception:
        return None


def _of_nan(quantize: Quantize, grid: Grid, symmetric: bool) -> str:
    codes = [_outcome(quantize, np.nan, grid, z) for z in (0, 0 if symmetric else 3)]
    if codes == [0, 3]:
        return "the zero point"
    return _named(codes[0], grid) + (f"; {_named(codes[1], grid)} with zero point 3" if codes[0] != codes[1] else "")


def _differences(c: Convention, probes: Sequence[Any], got: Sequence[int], grid: Grid) -> list[int]:
    """Where the codes differ; what the dtype of the division cannot hold is passed over."""
    return [i for i, (x, s, z) in enumerate(probes)
            if not math.isnan(c.division(x, s)) and c.quantize(x, s, z, grid) != got[i]]


def _overflows(c: Convention, zero_point: int, beyond: Sequence[int | None], grid: Grid) -> bool:
    expected = [c.quantize(np.float32(x), np.float32(1), zero_point, grid) for x in BEYOND[:len(beyond)]]
    return expected == list(beyond)


def _ends(codes: Sequence[int | None], grid: Grid) -> str:
    if list(codes) == [grid.qmax, grid.qmin]:
        return "saturates"
    return f"+inf: {_named(codes[0], grid)}, -inf: {_named(codes[1], grid)}"


def _named(code: int | None, grid: Grid) -> str:
    if code is None:
        return "refused"
    return {grid.qmin: "qmin, ", grid.qmax: "qmax, "}.get(code, "") + f"code {code}"


def _unlike(nearest: Convention, wrong: Sequence[int], probes: Sequence[Any], got: Sequence[int],
            grid: Grid) -> str:
    if not wrong:
        return f"On ordinary values it is {nearest}; what overflows is like none of those known."
    x, s, z = probes[wrong[0]]
    return (f"Nearest is {nearest}; it differs at\n    x=float.fromhex('{hexadecimal(x)}'), "
            f"scale=float.fromhex('{hexadecimal(s)}'), zero_point={z}: {got[wrong[0]]} instead of "
            f"{nearest.quantize(x, s, z, grid)}")
