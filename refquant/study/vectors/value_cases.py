"""Inputs for float grids and codebooks: every value, the middle of two, one ulp to either side, the ends and beyond."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from ... import affine
from ...affine import AffineParams
from ...arguments import quiet
from ...grids import E2M1, E2M3, E3M2, E4M3, E4M3FNUZ, E5M2, E5M2FNUZ, E8M0, NF4, Grid
from . import flags
from .case import DOUBLE, FULL, HALF, SINGLE, Case, Float, Scalar, hex_float, named, refused
from .quantization_cases import BAD_SCALES

GRIDS = (E4M3, E5M2, E4M3FNUZ, E5M2FNUZ, E2M3, E3M2, E2M1, NF4, E8M0)


def quantize_values_cases() -> Iterator[Case]:
    """q = encode(clip(round(x / scale), qmin, qmax)), and x_hat = scale * decode(q)."""
    for grid in GRIDS:
        for x, scale, comment in (*_around_values(grid), *_extremes(grid)):
            params = AffineParams(scale=scale, zero_point=0, grid=grid)
            x_hat: Any = affine.fake_quantize(x, params)[()]
            yield Case(_reals(grid, x.dtype), {"x": hex_float(x), "scale": hex_float(scale)},
                       {"q": int(affine.quantize(x, params)), "x_hat": hex_float(x_hat)},
                       flags.of_quantize_values(x, scale, grid), comment)
        yield refused(_reals(grid, SINGLE), {"x": "nan", "scale": "0x1p+0"}, "R7", "NaN has no code")
    for bad, rule, comment in BAD_SCALES:  # new cases come last
        yield refused(_reals(E4M3, SINGLE), {"x": "0x1p+0", "scale": hex_float(bad)}, rule, comment)


def dequantize_values_cases() -> Iterator[Case]:
    """x_hat = scale * decode(q), of every code, and of those that have no value."""
    for grid in GRIDS:
        ends = [int(grid.encode(np.array(end))) for end in (grid.qmin, grid.qmax)]
        for dtype, scale, codes in ((SINGLE, 1.0, range(-1, 2**grid.bits + 1)),
                                    *((dtype, scale, ends) for dtype in (SINGLE, DOUBLE, HALF) for scale in FULL)):
            group, step = {"grid": named(grid), "scale_dtype": dtype.name}, dtype.type(scale)
            for q in codes:
                try:
                    yield _restored(grid, q, step)
                except ValueError:
                    yield refused(group, {"q": q, "scale": hex_float(step)}, "R17", "not the code of a value")
    for q in (9, 3, 11):  # new cases come last: -0.5, 1.5 and -1.5 times the smallest float16 are ties
        yield _restored(E2M1, q, HALF.type(2.0**-24))
    yield _restored(NF4, 2, HALF.type(1.0029296875))  # a tie once it is in float32
    group = {"grid": named(E4M3), "scale_dtype": "float32"}
    for bad, rule, comment in BAD_SCALES:
        yield refused(group, {"q": 1, "scale": hex_float(bad)}, rule, comment)


def _restored(grid: Grid, q: int, step: Scalar) -> Case:
    x_hat: Any = affine.dequantize(q, AffineParams(scale=step, zero_point=0, grid=grid))[()]
    return Case({"grid": named(grid), "scale_dtype": step.dtype.name}, {"q": q, "scale": hex_float(step)},
                {"x_hat": hex_float(x_hat)}, flags.of_dequantize_values(q, grid),
                f"{float(grid.decode(np.array(q))):.6g} times the scale")


def _reals(grid: Grid, dtype: Float) -> dict[str, Any]:
    return {"grid": named(grid), "dtype": dtype.name, "arithmetic": grid.arithmetic(dtype).name}


@quiet
def _around_values(grid: Grid) -> Iterator[tuple[Scalar, Scalar, str]]:
    """Values, middles, and one ulp beside them: all in float32 at scale 1, some in other dtypes and at other scales.

    Of a symmetric grid each magnitude has one sign, every third the negative one; of E8M0 every fourth value is taken.
    """
    values = grid.values[grid.values >= 0] + 0.0 if grid.qmin == -grid.qmax else grid.values[::1 + 3 * (grid is E8M0)]
    for dtype, s in product((SINGLE, DOUBLE, HALF), (1.0, FULL[0])):
        every = 1 if (dtype, s) == (SINGLE, 1.0) else 1 + len(values) // 4
        factors = (1.0, 1 + 2.0**-40, 1 - 2.0**-40)[:3 if dtype == DOUBLE else 1]
        for i in range(0, len(values) - 1, every):
            sign = -1 if grid.qmin == -grid.qmax and i % 3 == 1 else 1
            value, middle = sign * values[i], sign * (values[i] / 2 + values[i + 1] / 2)
            yield dtype.type(value * s), dtype.type(s), f"{value:.6g} times the scale"
            for x in (dtype.type(middle * s * factor) for factor in factors):
                yield from _beside(x, dtype.type(s), f"about {middle:.6g} times the scale")


def _beside(x: Scalar, scale: Scalar, comment: str) -> Iterator[tuple[Scalar, Scalar, str]]:
    yield x, scale, comment
    for end, says in ((-np.inf, "less"), (np.inf, "more")):
        yield np.nextafter(x, x.dtype.type(end)), scale, f"{comment}, one ulp {says}"


@quiet
def _extremes(grid: Grid) -> Iterator[tuple[Scalar, Scalar, str]]:
    """The ends, half a gap and a gap beyond them, the largest, the smallest and infinite numbers, both zeros."""
    values = grid.values
    for dtype in (SINGLE, DOUBLE, HALF):
        info, one = np.finfo(dtype), dtype.type(1)
        for end, gap in ((values[0], values[0] - values[1]), (values[-1], values[-1] - values[-2])):
            for beyond in (0, 0.5, 1):
                yield from _beside(dtype.type(end + beyond * gap), one, f"{beyond} of a gap beyond the end")
        for x in (info.max, np.inf, 0.0, info.tiny, info.smallest_subnormal):
            yield from ((dtype.type(sign * x), one, "a number of the dtype's own") for sign in (1, -1))
        yield info.max, info.tiny, "an overflowing quotient"
        yield -info.smallest_subnormal, info.max, "a vanishing quotient"
