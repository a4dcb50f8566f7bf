"""Data at decision points. Random floats do not test a quantizer: it is decided at ties, one ulp beside them, and far
outside. What is drawn on grids is drawn `on` all of them, or on those of a strategy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import DTypeLike

from ..affine import AffineParams
from ..arguments import Codes, Reals, quiet
from ..grids import INT8, NAMES, UINT8, Codebook, FloatGrid, Grid, IntGrid, known
from . import oracle

DTYPES = tuple(np.dtype(name) for name in ("float32", "float64", "float16"))
NAMED = [grid for grid in NAMES if not grid.equal_steps]


class Quantization(NamedTuple):
    """Data, and parameters that broadcast to it."""

    x: Reals
    params: AffineParams


class Range(NamedTuple):
    """lo <= hi, finite, of one shape, and a grid."""

    lo: Reals
    hi: Reals
    grid: Grid


class Requantization(NamedTuple):
    """Accumulators within int32 and the fixed-point multiplier that brings them back to a grid."""

    acc: Codes
    mantissa: int
    shift: int
    zero_point: int
    grid: Grid


def dtypes() -> st.SearchStrategy[np.dtype[Any]]:
    """float32, float64, float16, the first more often."""
    return st.sampled_from([DTYPES[0], *DTYPES])


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


def two_sided(grid: Grid) -> bool:
    """Whether data have a scale on the grid: it has a zero point, or values on both sides of 0."""
    return bool(grid.equal_steps or grid.qmin < 0 < grid.qmax)


def places(grid: Grid) -> tuple[int, int]:
    """The first and the last place of the values: integers are their own places, others are counted from 0.

    >>> from refquant import E2M1
    >>> places(IntGrid(8)), places(E2M1)
    ((-128, 127), (0, 14))
    """
    return (grid.qmin, grid.qmax) if grid.equal_steps else (0, len(grid.values) - 1)


def along(grid: Grid, place: Codes, part: Reals) -> Reals:
    """The value at a place, plus a part of the gap to the next one; three places beyond the ends the gaps go on.

    >>> from refquant import E2M1
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


#: The grids on which things are drawn, unless a strategy of others is given.
EVERY, INTEGERS, TWO_SIDED = grids(), integer_grids(), grids().filter(two_sided)
ALL_TIES = st.sampled_from([INT8, UINT8]) | uneven_grids()


def mantissas() -> st.SearchStrategy[float]:
    """0.5 <= v < 1 with all 48 bits at random, so that few products are exact; wider integers would favour zeros."""
    return st.builds(lambda a, b: (a + b * 2.0**-24) * 2.0**-24, st.integers(2**23, 2**24 - 1),
                     st.integers(0, 2**24 - 1))


@st.composite
def scales(draw: st.DrawFn, dtype: np.dtype[Any], x_dtype: np.dtype[Any]) -> float:
    """Positive steps of `dtype` that x's dtype holds as normal numbers: powers of two, decimals, any, extremes."""
    info = np.finfo(min(dtype, x_dtype, key=lambda d: d.itemsize))
    lo, hi = float(info.tiny), float(info.max)
    value = draw(st.sampled_from([0.1, 1.0, 0.0235, 1 / 3]) | mantissas() | mantissas().map(lambda v: v / 100)
                 | mantissas().map(lambda v: 10 * v) | st.integers(-12, 12).map(lambda e: 2.0**e)
                 | st.sampled_from([lo, 7 * lo, hi / 1024, hi / 4]))
    return float(np.clip(dtype.type(value), info.tiny, info.max))


@st.composite
def params(draw: st.DrawFn, grid: Grid, shape: tuple[int, ...], x_dtype: np.dtype[Any],
           dtype: np.dtype[Any] | None = None, per_tensor: bool = False, symmetric: bool = False) -> AffineParams:
    """Parameters of a shape that broadcasts to `shape`: one per tensor, per channel, per row, per element."""
    dtype = dtype or draw(dtypes())
    kept = () if per_tensor else tuple(n if draw(st.booleans()) else 1 for n in shape)
    kept = draw(st.sampled_from([(), kept]))
    scale = draw(hnp.arrays(dtype, kept, elements=scales(dtype, x_dtype), fill=st.nothing()))
    middle = st.just((sum(grid.zero_points) + 1) // 2)
    zero_point = draw(hnp.arrays(np.int64, kept, elements=middle if symmetric else integers(*grid.zero_points),
                                 fill=st.nothing()))
    return AffineParams(scale=scale, zero_point=zero_point, grid=grid)


@st.composite
@quiet
def decision_points(draw: st.DrawFn, params: AffineParams, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Reals:
    """(a value, or a quarter, half or three quarters of the way to the next - zero_point) * scale, then 0 or 1 ulp to
    either side; or far outside.
    """
    def array(elements: st.SearchStrategy[int]) -> Any:
        return draw(hnp.arrays(np.int64, shape, elements=elements, fill=st.nothing()))

    part = array(st.sampled_from([2, 0, 1, 3])) / 4
    steps = along(params.grid, array(integers(*places(params.grid), beyond=2)), part) - params.zero_point
    x = np.asarray(steps * params.scale.astype(np.float64)).astype(dtype)
    ulps = array(st.integers(-1, 1))
    x = np.where(ulps == 0, x, np.nextafter(x, np.where(ulps > 0, np.inf, -np.inf).astype(dtype)))
    far = far_outside(dtype)
    special = array(st.integers(0, 7 * len(far) - 1)) - 6 * len(far)  # 0, drawn most often, is none
    return np.where(special < 0, x, far[np.maximum(special, 0)]).astype(dtype)


@quiet
def far_outside(dtype: np.dtype[Any]) -> Reals:
    """Infinities, the largest and the smallest numbers of dtype, zeros, and integers beyond int32 and int64.

    >>> far_outside(np.dtype("float16"))[:4].tolist()
    [inf, -inf, 65504.0, -65504.0]
    """
    info = np.finfo(dtype)
    return np.array([np.inf, -np.inf, info.max, info.min, 3e9, -1e20, 0.0, -0.0, info.tiny, info.smallest_subnormal],
                    dtype)


@st.composite
@quiet
def every_tie(draw: st.DrawFn, on: st.SearchStrategy[Grid] = ALL_TIES) -> Quantization:
    """For one scale with a full mantissa: up to 256 values and all ties between them, and one ulp to either side."""
    dtype = draw(st.sampled_from(DTYPES[:2]))
    grid = draw(on)
    scale = dtype.type(draw(mantissas()))
    zero_point, (first, last) = draw(integers(*grid.zero_points)), places(grid)
    start = draw(integers(first, max(first, last - 255)))
    at = np.arange(2 * start - 3, 2 * min(start + 255, last) + 4)
    x = ((along(grid, at // 2, at % 2 / 2) - zero_point) * np.float64(scale)).astype(dtype)
    beside = [np.nextafter(x, dtype.type(end)) for end in (-np.inf, np.inf)]
    return Quantization(np.concatenate([x, *beside]), AffineParams(scale=scale, zero_point=zero_point, grid=grid))


def shapes() -> st.SearchStrategy[tuple[int, ...]]:
    """0 to 3 axes of 0 to 4 elements; (24,) more often."""
    return st.just((24,)) | st.just((4, 6)) | hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@st.composite
def layouts(draw: st.DrawFn, x: Any) -> Any:
    """x again, differently in memory: Fortran order, negative or wide strides, read-only, swapped bytes."""
    read_only = x.copy()
    read_only.flags.writeable = False
    strided = np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x
    return draw(st.sampled_from([x.copy("C"), x.copy("F"), strided, np.flip(np.flip(x).copy()), read_only,
                                 x.astype(x.dtype.newbyteorder())]))


@st.composite
def quantizations(draw: st.DrawFn, on: st.SearchStrategy[Grid] = EVERY, *, grid: Grid | None = None,
                  dtype: DTypeLike | None = None, per_tensor: bool = False, symmetric: bool = False) -> Quantization:
    """Decision points of every grid, or of those named, of every dtype, granularity and layout.

    Args:
        on: a strategy of grids.
        grid: this one alone.
        dtype: of the data and of the scale, with its order of bytes.
        per_tensor: one scale alone.
        symmetric: zero point 0 alone, on unsigned grids the middle.
    """
    grid, shape = draw(on) if grid is None else known("quantizations", grid), draw(shapes())
    of_x = draw(dtypes()) if dtype is None else np.dtype(dtype)
    fitting = draw(params(grid, shape, of_x, None if dtype is None else of_x, per_tensor, symmetric))
    x = draw(layouts(draw(decision_points(fitting, shape, of_x))))
    return Quantization(x if dtype is None else np.asarray(x, of_x), fitting)


@st.composite
@quiet
def ranges(draw: st.DrawFn, on: st.SearchStrategy[Grid] = INTEGERS) -> Range:
    """Ranges whose zero point is a tie or beside one; one-sided, empty, subnormal and largest ones."""
    grid, dtype = draw(on), draw(dtypes())
    shape = draw(st.sampled_from([(12,), (), (1, 3)]))
    width = grid.qmax - grid.qmin

    kind = draw(st.sampled_from(["tie", "ordinary"] * 4 + ["largest", "tiny", "zero"] * 2
                                + ["any", "symmetric", "constant", "one-sided"]))
    info = np.finfo(dtype)
    elements = {
        "any": hnp.from_dtype(dtype, allow_nan=False, allow_infinity=False),
        "tiny": st.integers(-99, 99).map(lambda n: dtype.type(n * float(info.smallest_subnormal))),
        "largest": st.sampled_from([info.max, info.max / 2, info.min, info.min / 2, -np.nextafter(info.max, 0)]),
        "zero": st.just(0.0),
    }.get(kind, mantissas().map(lambda v: dtype.type(20 * v - 15)))

    def end() -> Any:
        return draw(hnp.arrays(dtype, shape, elements=elements, fill=st.nothing()))

    if kind == "tie":
        scale = np.ldexp(1.0, draw(st.integers(-12, 6)))
        steps = st.integers(0, int(min(width, 300)))
        below = draw(hnp.arrays(np.int64, shape, elements=steps, fill=st.nothing())) + 0.5
        lo, hi = (-below * scale).astype(dtype), np.minimum((width - below) * scale, info.max).astype(dtype)
    else:
        lo, hi = end(), end()
        lo = {"symmetric": -hi, "constant": hi, "one-sided": np.abs(lo)}.get(kind, lo)
        hi = np.abs(hi) if kind == "one-sided" else hi
    return Range(np.minimum(lo, hi), np.maximum(lo, hi), grid)


@st.composite
def ordinary_ranges(draw: st.DrawFn) -> Range:
    """24 ranges round 0 with full mantissas, where a formula rounded elsewhere differs in the last place."""
    grid, dtype = draw(integer_grids(max_bits=16)), draw(st.sampled_from(DTYPES[:2]))
    lo, hi = (draw(hnp.arrays(dtype, (24,), elements=mantissas().map(dtype.type), fill=st.nothing())) for _ in "ab")
    return Range(-lo, hi, grid)


@st.composite
def factors(draw: st.DrawFn) -> tuple[Codes, Codes]:
    """Matrices of 8- and 16-bit codes, mostly at the ends of their dtype."""
    m, k, n = draw(st.integers(0, 3)), draw(st.integers(0, 5)), draw(st.integers(1, 3))

    def matrix(shape: tuple[int, int]) -> Any:
        info = np.iinfo(draw(st.sampled_from(["int8", "uint8", "int16", "uint16"])))
        ends = st.sampled_from([info.min, info.max])
        elements = draw(st.sampled_from([st.just(info.min), st.just(info.max), ends | st.integers(info.min, info.max)]))
        return draw(hnp.arrays(info.dtype, shape, elements=elements, fill=st.nothing()))

    return draw(layouts(matrix((m, k)))), draw(layouts(matrix((k, n))))


@st.composite
def requantizations(draw: st.DrawFn) -> Requantization:
    """Accumulators whose exact product is a tie, beside one, or at the ends of int32."""
    grid = draw(integer_grids() | st.just(IntGrid(32)))
    mantissa = draw(st.sampled_from([2**30, 3 * 2**29, 2**31 - 1, 5 * 2**28]) | st.integers(2**30, 2**31 - 1))
    shift = draw(st.integers(-8, 2) | st.integers(-70, 30) | st.sampled_from([0, 1]))
    near = st.integers(-1200, 1200) | st.integers(-2**31, 2**31 - 1) | st.integers(2**24, 2**26)
    if mantissa == 2**30 and -24 < shift <= 0:  # m = 2**(shift - 1): acc = (2k + 1) * 2**-shift is a tie
        ties = st.integers(-2**(30 + shift), 2**(30 + shift) - 1).map(lambda k: (2 * k + 1) * 2**-shift)
        near = st.tuples(ties, st.integers(-1, 1)).map(sum) | near
    ends = st.sampled_from([-2**31, 2**31 - 1, 0, 1, -1])
    acc = draw(hnp.arrays(np.int64, (12,), elements=near | ends, fill=st.nothing()))
    return Requantization(acc, mantissa, shift, draw(codes(grid)), grid)
