"""Which convention is it? A few probes tell a black box's from hundreds of others.

The probes were chosen greedily from some 8,000 (ties, one ulp beside them, products that no float holds), one after
the other, each for the convention that it tells from the rest.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .._check import error, quiet
from ..affine import AffineParams
from ..grids import INT8, IntGrid
from .check import Quantize, silent
from .conventions import NAMED, OWN, Convention, saturating

Probe = tuple[str, str, int]

#: (x, scale, zero_point); x and scale are float32.
PROBES: tuple[Probe, ...] = (
    ("-0x1.e4cccep+4", "0x1.3333340p-2", -3),
    ("0x1.760000p+7", "0x1.7600000p+7", -3),
    ("-0x1.547cf0p+3", "0x1.a30fec0p-1", 37),
    ("-0x1.000000p-149", "0x1.0000000p+0", 1),
    ("0x1.880000p+7", "0x1.8800000p+5", -3),
    ("-0x1.0ccccep+1", "0x1.3333340p-2", 0),
    ("0x1.fffffep-1", "0x1.0000000p+0", 1),
    ("-0x1.fffffep+2", "0x1.0000000p+0", 0),
    ("0x1.7cccccp+3", "0x1.99999a0p-4", 0),
    ("-0x1.0cccd0p+1", "0x1.3333340p-2", 37),
    ("-0x1.e00000p+2", "0x1.0000000p+0", 0),
    ("0x1.fffffep-2", "0x1.0000000p+0", 1),
    ("0x1.4cccccp-1", "0x1.99999a0p-4", 0),
    ("-0x1.693334p+5", "0x1.6666660p-1", 100),
    ("-0x1.99999ap-5", "0x1.99999a0p-4", 0),
    ("0x1.3e8000p+8", "0x1.8800000p+5", -3),
    ("-0x1.6eadeep+1", "0x1.a30fec0p-1", 0),
    ("0x1.760000p+6", "0x1.7600000p+7", -3),
    ("-0x1.800000p+0", "0x1.5555560p-2", 1),
    ("-0x1.260000p+6", "0x1.8800000p+5", 1),
    ("0x1.000000p-1", "0x1.0000000p+0", 0),
    ("0x1.000000p-1", "0x1.0000000p+0", -3),
    ("-0x1.fffffep-2", "0x1.0000000p+0", 1),
    ("-0x1.880000p+4", "0x1.8800000p+5", 1),
    ("0x1.260000p+7", "0x1.8800000p+5", -3),
    ("0x1.87ff3cp+4", "0x1.8800000p+5", 100),  # half a step less 2**-18: its sum with 100 is a tie of float32
    ("0x1.87ff3cp+4", "0x1.8800000p+5", 101),
    ("-0x1.87ff3cp+4", "0x1.8800000p+5", 100),
    ("0x1.87ff9ep+5", "0x1.8800000p+5", 100),
    ("0x1.ffc004p-1", "0x1.ffc0040p+0", 100),  # x * (1 / scale) = 1/2 + 2**-47 before it is rounded
    ("0x1.fffffcp-1", "0x1.fffffc0p+0", 100),  # and 1/2 - 2**-47
)
#: Beyond the codes, int32, int64 and float32, at scale 1.
BEYOND = (130.0, -140.0, 3e9, -3e9, 1e19, -1e19, np.inf, -np.inf)


class Identity(NamedTuple):
    """What identify found; print it.

    conventions: every named convention that gave the same codes; two or more cannot be told apart by any input (of
    float32, with zero point 0 if symmetric). Empty if none of them did. infinities, nan, narrow: as observed.
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

    def __str__(self) -> str:
        lines = [f"{kind:<10} {' or '.join(names) or 'none of those known'}" for kind, names in self.named.items()]
        lines += [f"infinity   {self.infinities}", f"NaN        {self.nan}",
                  f"narrow     {'yes: the lowest code is never given' if self.narrow else 'no'}"]
        if len(self.conventions) > 1:
            lines += ["No input tells these apart:", *(f"    {convention}" for convention in self.conventions)]
        if not self.conventions:
            lines += [self.unlike]
        if self.conventions and str(self.conventions[0]) == OWN:
            lines += ["This is refquant's own convention."]
        return "\n".join(lines)


@quiet
def identify(quantize: Quantize, *, grid: IntGrid = INT8, symmetric: bool = False) -> Identity:
    """Which of the named conventions gives the codes that `quantize` gives, on every probe.

    Args:
        quantize: (x, params) -> codes, x float32, a scale per tensor; one_axis adapts other calls.
        grid: signed, 8 to 16 bits.
        symmetric: probe zero point 0 alone, for a quantizer that has no other; then less can be told apart.

    84 of the 90 ways to divide, add the zero point and round differ on these probes, each of them with four ways to
    overflow. The other six cannot differ: with ties rounded up, or down, an exact quotient or one that is a float32
    lies on a tie or at least 2**-25 beside it, so adding the zero point in float64, before or after, is the same.

    >>> def black_box(x, params):
    ...     q = np.floor(x * (np.float32(1) / params.scale) + np.float32(0.5)) + params.zero_point
    ...     return np.clip(q, -128, 127).astype(np.int8)
    >>> print(identify(black_box))
    division   none of those known
    zero_point none of those known
    rounding   none of those known
    cast       none of those known
    infinity   saturates
    NaN        code 0
    narrow     no
    Nearest is division=reciprocal, rounding=half_up; it differs at
        x=float.fromhex('0x1.fffffep-2'), scale=float.fromhex('0x1p+0'), zero_point=1: 2 instead of 1

    Raises:
        ValueError: a grid that is unsigned or has fewer than 8 or more than 16 bits.
    """
    if not (grid.signed and 8 <= grid.bits <= 16):
        raise error(ValueError, "identify", "`grid` must be signed, of 8 to 16 bits", repr(grid),
                    "the probes need codes on both sides of 0")
    probes = [(np.float32(float.fromhex(x)), np.float32(float.fromhex(s)), z) for x, s, z in PROBES
              if z == 0 or not symmetric]
    got = [int(_codes(quantize, [x], s, z, grid)[0]) for x, s, z in probes]
    beyond = [_outcome(quantize, x, grid) for x in BEYOND]
    low = _outcome(quantize, float(grid.qmin), grid)
    narrow = low == grid.qmin + 1
    ends = IntGrid(grid.bits, narrow=narrow)
    ordinary = {c: _differences(c, probes, got, ends) for c in _candidates(cast=(saturating,))}
    overflow = [cast for cast in NAMED["cast"] if _overflows(cast, beyond[:6], ends)]
    same = tuple(c._replace(cast=cast) for c, wrong in ordinary.items() if not wrong for cast in overflow)
    nearest = min(ordinary, key=lambda c: len(ordinary[c]))
    return Identity(same, _ends(beyond[6:], ends), _named(_outcome(quantize, np.nan, grid), grid), narrow,
                    _unlike(nearest, ordinary[nearest], probes, got, ends))


def _candidates(cast: Sequence[Callable[..., Any]]) -> list[Convention]:
    return [Convention(*parts) for parts in product(NAMED["division"], NAMED["zero_point"], NAMED["rounding"], cast)]


def _codes(quantize: Quantize, x: Sequence[Any], scale: Any, zero_point: int, grid: IntGrid) -> Any:
    params = AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=grid)
    return silent(quantize, np.array(x, np.float32), params).astype(np.int64)


def _outcome(quantize: Quantize, x: float, grid: IntGrid) -> int | None:
    """The code of x at scale 1, None where x is refused."""
    try:
        return int(_codes(quantize, [x], 1.0, 0, grid)[0])
    except Exception:
        return None


def _differences(c: Convention, probes: Sequence[Any], got: Sequence[int], grid: IntGrid) -> list[int]:
    return [i for i, (x, s, z) in enumerate(probes) if c.quantize(x, s, z, grid) != got[i]]


def _overflows(cast: Any, beyond: Sequence[int | None], grid: IntGrid) -> bool:
    own = Convention(cast=cast)
    expected = [own.quantize(np.float32(x), np.float32(1), 0, grid) for x in BEYOND[:len(beyond)]]
    return expected == list(beyond)


def _ends(codes: Sequence[int | None], grid: IntGrid) -> str:
    if list(codes) == [grid.qmax, grid.qmin]:
        return "saturates"
    return f"+inf: {_named(codes[0], grid)}, -inf: {_named(codes[1], grid)}"


def _named(code: int | None, grid: IntGrid) -> str:
    if code is None:
        return "refused"
    return {grid.qmin: "qmin, ", grid.qmax: "qmax, "}.get(code, "") + f"code {code}"


def _unlike(nearest: Convention, wrong: Sequence[int], probes: Sequence[Any], got: Sequence[int],
            grid: IntGrid) -> str:
    if not wrong:
        return f"On ordinary values it is {nearest}; what overflows is like none of those known."
    x, s, z = probes[wrong[0]]
    return (f"Nearest is {nearest}; it differs at\n    x=float.fromhex('{_short(x)}'), "
            f"scale=float.fromhex('{_short(s)}'), zero_point={z}: {got[wrong[0]]} instead of "
            f"{nearest.quantize(x, s, z, grid)}")


def _short(v: Any) -> str:
    digits, exponent = float(v).hex().split("p")
    return f"{digits.rstrip('0').rstrip('.')}p{exponent}"
