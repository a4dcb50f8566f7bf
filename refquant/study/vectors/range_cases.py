"""Inputs for affine_params and symmetric_params: ordinary ranges, those that degenerate, zero points that are ties."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ... import ranges
from ...affine import AffineParams
from ...grids import Grid
from . import flags
from .case import FULL, RANGES, Case, Float, Scalar, fields, hex_float, refused


def affine_params_cases() -> Iterator[Case]:
    """scale = (hi/2 - lo/2) / ((qmax - qmin)/2), zero_point = qmin + round(clip(-lo/scale, 0, qmax - qmin))."""
    for grid, dtype in RANGES:
        for lo, hi, comment in (*_common_ranges(dtype), *_ranges_at_ties(grid, dtype)):
            yield _range(lo, hi, ranges.affine_params(lo, hi, grid), flags.of_affine, comment)
        yield from _refused_ranges(grid, dtype)


def symmetric_params_cases() -> Iterator[Case]:
    """scale = max(|lo|, |hi|) / min(qmax - zero_point, zero_point - qmin), zero_point = 0 on a signed grid."""
    for grid, dtype in RANGES:
        for lo, hi, comment in _common_ranges(dtype):
            yield _range(lo, hi, ranges.symmetric_params(lo, hi, grid), flags.of_symmetric, comment)
        yield from _refused_ranges(grid, dtype)


def _range(lo: Scalar, hi: Scalar, params: AffineParams, flags_of: Callable[..., list[str]], comment: str) -> Case:
    scale, zero_point = params.scale[()], int(params.zero_point)
    group = {"grid": fields(params.grid), "dtype": lo.dtype.name, "scale_dtype": params.scale.dtype.name}
    return Case(group, {"lo": hex_float(lo), "hi": hex_float(hi)},
                {"scale": hex_float(scale), "zero_point": zero_point},
                flags_of(lo, hi, params.grid, scale, zero_point), comment)


def _common_ranges(dtype: Float) -> Iterator[tuple[Scalar, Scalar, str]]:
    """Ordinary ranges, those on one side of 0, and those that degenerate."""
    info = np.finfo(dtype)
    big, tiny, least = float(info.max), float(info.tiny), float(info.smallest_subnormal)
    for lo, hi, comment in (
            (-1.0, 1.0, "symmetric"), (0.0, 1.0, "from 0"), (-1.0, 0.0, "to 0"), (-1.0, 2.0, "ordinary"),
            (-0.1, 0.2, "ordinary"), (-1 / 3, 2 / 3, "ordinary"), (-FULL[3], FULL[2], "ordinary"),
            (-1.27, 0.3, "ordinary"), (-1e-4, 1.0, "almost from 0"), (-1.0, 1e-4, "almost to 0"),
            (0.5, 2.0, "above 0"), (-3.0, -1.0, "below 0"), (2.5, 2.5, "one point above 0"),
            (-2.5, -2.5, "one point below 0"), (0.0, 0.0, "all zero"), (-0.0, -0.0, "all zero"),
            (0.0, least, "the smallest number"), (-least, 0.0, "the smallest number"),
            (-3 * least, 5 * least, "subnormal"), (least, least, "one subnormal point"), (0.0, tiny, "smallest normal"),
            (-tiny, tiny, "smallest normal"), (-tiny, 200 * tiny, "barely normal"), (0.0, 255 * tiny, "barely normal"),
            (0.0, big, "to the largest float"), (-big, 0.0, "from the lowest float"), (-big, big, "the widest range"),
            (-big / 2, big, "wider than the largest float"), (-big, big / 3, "wider than the largest float"),
            (big, big, "one point, the largest"), (-big, -big, "one point, the lowest")):
        yield dtype.type(lo), dtype.type(hi), comment


def _ranges_at_ties(grid: Grid, dtype: Float) -> Iterator[tuple[Scalar, Scalar, str]]:
    """Ranges whose zero point is a tie, and lo one ulp to either side."""
    width = grid.qmax - grid.qmin
    for scale in (1.0, 2.0**-7):
        for below in dict.fromkeys((0, 1, min(width, 200) // 2, min(width, 200) - 1)):
            if (width - below) * scale < np.finfo(dtype).max:
                lo, hi = dtype.type(-(below + 0.5) * scale), dtype.type((width - below - 0.5) * scale)
                yield lo, hi, f"-lo / scale = {below} and a half"
                yield np.nextafter(lo, dtype.type(-np.inf)), hi, f"-lo / scale = {below} and a half, lo one ulp less"
                yield np.nextafter(lo, dtype.type(0)), hi, f"-lo / scale = {below} and a half, lo one ulp more"


def _refused_ranges(grid: Grid, dtype: Float) -> Iterator[Case]:
    group = {"grid": fields(grid), "dtype": dtype.name, "scale_dtype": grid.arithmetic(dtype).name}
    for lo, hi, comment in ((1.0, -1.0, "lo above hi"), (-np.inf, 1.0, "infinite"), (0.0, np.inf, "infinite"),
                            (np.nan, 1.0, "NaN"), (0.0, np.nan, "NaN")):
        yield refused(group, {"lo": hex_float(lo), "hi": hex_float(hi)}, "R7" if comment == "NaN" else "R11", comment)
