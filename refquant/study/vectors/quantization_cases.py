"""Inputs for quantize, dequantize and fake_quantize: ties and one ulp beside them, the grid's ends and beyond."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from ... import affine
from ...affine import AffineParams
from ...arguments import quiet
from ...gradients import straight_through
from ...grids import INT2, INT8, INT16, INT32, UINT8, Grid, IntGrid
from . import flags
from .case import DOUBLE, FORMATS, FULL, HALF, SINGLE, Case, Float, Scalar, fields, hex_float, refused, zero_points

Quantization: TypeAlias = tuple[Grid, Scalar, Scalar, int, str]  # grid, x, scale, zero_point, comment
BAD_SCALES: tuple[tuple[float, str, str], ...] = (  # scale, rule, comment
    (0, "R11", "a scale of 0"), (-1, "R11", "a negative scale"), (np.inf, "R11", "an infinite scale"),
    (np.nan, "R7", "a scale of NaN"))


def quantize_cases() -> Iterator[Case]:
    """q = clip(round(x / scale) + zero_point, qmin, qmax)."""
    for grid, x, scale, zero_point, comment in (*_decision_points(), *_telling(most=3), *_extremes()):
        q = int(affine.quantize(x, AffineParams(scale=scale, zero_point=zero_point, grid=grid)))
        yield Case(_reals(grid, x, scale), _inputs(x, scale, zero_point), {"q": q},
                   flags.of_quantize(x, scale, zero_point, grid), comment)
    yield from _refused_quantizations()


def fake_quantize_cases() -> Iterator[Case]:
    """x_hat = scale * (quantize(x) - zero_point), and the gradient that straight-through gives x."""
    chosen = [q for q in _decision_points() if q[0] in (INT8, UINT8, IntGrid(4, narrow=True), INT2, INT16, INT32)]
    for grid, x, scale, zero_point, comment in (*chosen, *_telling(most=3)[::2], *_extremes()):
        params = AffineParams(scale=scale, zero_point=zero_point, grid=grid)
        x_hat: Any = affine.fake_quantize(x, params)[()]
        gradient = int(straight_through(np.asarray(x), scale, zero_point, grid)[1](np.ones((), x.dtype)))
        yield Case({**_reals(grid, x, scale), "x_hat_dtype": x_hat.dtype.name}, _inputs(x, scale, zero_point),
                   {"q": int(affine.quantize(x, params)), "x_hat": hex_float(x_hat), "gradient": gradient},
                   flags.of_fake_quantize(x, scale, zero_point, grid, x_hat, gradient), comment)
    for case in _refused_quantizations():
        widened = "float64" if case.group["grid"]["bits"] > 16 else case.group["dtype"]
        yield case._replace(group={**case.group, "x_hat_dtype": widened})


def dequantize_cases() -> Iterator[Case]:
    """x_hat = scale * (q - zero_point)."""
    formats = {(grid, scale_dtype): None for grid, _, scale_dtype in FORMATS}
    for grid, dtype in formats:
        largest, tiny = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
        for scale, zero_point in (*zip((1.0, *FULL[:3]), zero_points(grid), strict=True),
                                  (float(largest) / 2, 0), (3 * float(tiny), zero_points(grid)[1])):
            step, middle = dtype.type(scale), (grid.qmin + grid.qmax + 1) // 2
            for q in dict.fromkeys((grid.qmin, zero_point, middle - 1, middle + 1, grid.qmax)):
                yield _restored(grid, q, step, zero_point, f"{q - zero_point} steps")
        for q, comment in ((grid.qmin - 1, "one below the lowest code"), (grid.qmax + 1, "one above the highest code")):
            yield refused(_codes(grid, dtype.type(1)), {"q": q, "scale": "0x1p+0", "zero_point": 0}, "R2", comment)
    for q, scale in ((109, 601), (126, 520), (-126, 520), (127, 516)):  # from here: new cases come last
        yield _restored(INT8, q, HALF.type(scale), 0, f"{q * scale}: from 65520 on float16 rounds to infinity")
    for q, scale in ((20087, 1614), (20111, 1457)):
        yield _restored(INT16, q, HALF.type(scale * 2.0**-14), -20000, "to float32 first, and there it is a tie")
    for scale, rule, comment in BAD_SCALES:
        step = SINGLE.type(scale)
        yield refused(_codes(INT8, step), {"q": 1, "scale": hex_float(step), "zero_point": 0}, rule, comment)
    for zero_point in (128, -129):
        yield refused(_codes(INT8, SINGLE.type(1)), {"q": 1, "scale": "0x1p+0", "zero_point": zero_point}, "R2",
                      "a zero point off the grid")


def _restored(grid: Grid, q: int, step: Scalar, zero_point: int, comment: str) -> Case:
    x_hat: Any = affine.dequantize(q, AffineParams(scale=step, zero_point=zero_point, grid=grid))[()]
    return Case(_codes(grid, step), {"q": q, "scale": hex_float(step), "zero_point": zero_point},
                {"x_hat": hex_float(x_hat)}, flags.of_dequantize(q, step, zero_point, grid, x_hat), comment)


def _reals(grid: Grid, x: Scalar, scale: Scalar) -> dict[str, Any]:
    return {"grid": fields(grid), "dtype": x.dtype.name, "scale_dtype": scale.dtype.name,
            "arithmetic": grid.arithmetic(x.dtype).name}


def _codes(grid: Grid, scale: Scalar) -> dict[str, Any]:
    kept = "float64" if grid.bits > 16 else scale.dtype.name
    return {"grid": fields(grid), "scale_dtype": scale.dtype.name, "x_hat_dtype": kept,
            "arithmetic": grid.arithmetic(scale.dtype).name}


def _inputs(x: Scalar, scale: Scalar, zero_point: int) -> dict[str, Any]:
    return {"x": hex_float(x), "scale": hex_float(scale), "zero_point": zero_point}


def _half_way(grid: Grid, code: int, scale: Scalar, zero_point: int, dtype: Float) -> Iterator[Quantization]:
    """The float nearest to the tie between `code` and the next, and one ulp to either side."""
    x = dtype.type(float(Fraction(2 * (code - zero_point) + 1, 2) * Fraction(float(scale))))
    for end, says in ((0, ""), (-np.inf, ", one ulp less"), (np.inf, ", one ulp more")):
        beside = np.nextafter(x, dtype.type(end)) if end else x
        if np.isfinite(beside):
            yield grid, beside, scale, zero_point, f"half-way between {code} and {code + 1}{says}"


def _decision_points() -> Iterator[Quantization]:
    """Ties at the ends and in the middle, values beyond, for every format; more of them for 8 bits in float32."""
    for grid, dtype, scale_dtype in FORMATS:
        middle, odd, qmin, qmax = zero_points(grid)
        usual = dtype == scale_dtype == SINGLE and grid in (INT8, UINT8)
        pairs = ((1.0, odd), (0.1, middle), (2.0**-7, qmin), (FULL[3], qmax))[:4 if usual else 2]
        for scale, zero_point in ((scale_dtype.type(s), z) for s, z in pairs):
            inner = (qmin, zero_point - 1, zero_point + 1, qmax - 1) if usual else ()
            for code in dict.fromkeys((qmin - 1, zero_point, qmax, *inner)):
                yield from _half_way(grid, code, scale, zero_point, dtype)
        largest = float(np.finfo(dtype).max)
        for x, comment in ((np.inf, "infinite"), (-np.inf, "infinite"), (largest, "the largest float"), (0.0, "zero"),
                           (float(qmax - odd), "the highest code"), (float(qmin - odd), "the lowest code")):
            if abs(x) <= largest or np.isinf(x):
                yield grid, dtype.type(x), scale_dtype.type(1), odd, comment


@cache
@quiet
def _telling(most: int) -> list[Quantization]:
    """Of the ties of a grid and one ulp beside them, those which arithmetic other than R3's gets wrong."""
    chosen: list[Quantization] = []
    for grid, dtype, scale_dtype in FORMATS:
        if grid not in (INT8, UINT8) and dtype == scale_dtype:
            continue
        wrong = ["reciprocal", "wide_division"] + ["scale_cast"] * (scale_dtype > dtype) + ["float16"] * (dtype == HALF)
        for scale in map(scale_dtype.type, FULL):
            left, low = dict.fromkeys(wrong, most), max(grid.qmin, -128)
            for code in (low + 37 * i % 128 for i in range(40)):
                for case in _half_way(grid, min(code, grid.qmax), scale, zero_points(grid)[1], dtype):
                    found = [flag for flag in flags.of_quantize(*case[1:4], grid) if left.get(flag)]
                    left.update((flag, left[flag] - 1) for flag in found)
                    if found:
                        chosen.append(case)
                if not any(left.values()):
                    break
    return chosen


def _extremes() -> Iterator[Quantization]:
    """Zeros, subnormals, the largest numbers, and quotients that overflow or vanish."""
    for grid, dtype in ((INT8, SINGLE), (UINT8, SINGLE), (INT8, DOUBLE), (INT8, HALF), (INT32, SINGLE),
                        (INT32, DOUBLE)):
        info = np.finfo(dtype)
        big, tiny, least = float(info.max), float(info.tiny), float(info.smallest_subnormal)
        for x, scale, comment in (
                (-0.0, 1.0, "negative zero"), (-big, 1.0, "the lowest float"), (3e9, 1.0, "beyond int32"),
                (-3e9, 1.0, "beyond int32"), (1e20, 1.0, "beyond int64"), (-1e20, 1.0, "beyond int64"),
                (tiny, 1.0, "the smallest normal number"), (least, 1.0, "the smallest number"),
                (-least, 1.0, "the smallest number"), (tiny, tiny, "one smallest normal step"),
                (3 * least, 2 * least, "one and a half subnormal steps"), (5 * least, 2 * least, "two and a half"),
                (least, 2 * least, "half a subnormal step"), (-7 * least, 2 * least, "minus three and a half"),
                (tiny, 1024.0, "a subnormal quotient"), (big, tiny, "an overflowing quotient"),
                (-big, tiny, "an overflowing quotient"), (1.0, least, "divided by the smallest number"),
                (big, big / 4, "four large steps"), (big, big, "one largest step"), (-big, big / 2, "minus two steps"),
                (big * 0.75, big / 2, "one and a half large steps"), (0.5, 1.0, "half"), (1.5, 1.0, "one and a half"),
                (2.5, 1.0, "two and a half"), (-0.5, 1.0, "minus a half"), (-2.5, 1.0, "minus two and a half")):
            if abs(x) <= big:
                for zero_point in (zero_points(grid)[0], *[1] * ((grid, dtype) == (INT8, SINGLE))):
                    yield grid, dtype.type(x), dtype.type(scale), zero_point, comment


def _refused_quantizations() -> Iterator[Case]:
    for dtype in (SINGLE, DOUBLE, HALF):
        nan, one = dtype.type(np.nan), dtype.type(1)
        yield refused(_reals(INT8, nan, one), _inputs(nan, one, 0), "R7", "NaN has no code")
    x = SINGLE.type(1)
    for scale, zero_point, rule, comment in (
            (DOUBLE.type(1e-50), 0, "R3", "a scale that float32 rounds to 0"),
            (DOUBLE.type(1e50), 0, "R3", "a scale that float32 rounds to infinity"),
            *((SINGLE.type(scale), 0, rule, comment) for scale, rule, comment in BAD_SCALES),
            (SINGLE.type(1), 128, "R2", "a zero point off the grid"),
            (SINGLE.type(1), -129, "R2", "a zero point off the grid")):
        yield refused(_reals(INT8, x, scale), _inputs(x, scale, zero_point), rule, comment)
