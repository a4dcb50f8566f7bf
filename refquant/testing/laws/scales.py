"""Laws of scales on a grid (R18): powers of two, and values times a second scale."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ...arguments import quiet
from ...grids import E4M3, E5M2, E8M0, INT8, NF4, Grid
from .. import oracle, strategies
from ..strategies import Range
from .law import Grids, equal, on_grids


@st.composite
@quiet
def block_ranges(draw: st.DrawFn, on: Grids) -> Range:
    """Ranges whose largest |x| is a power of two, or qmax or a tie beyond it times one, or beside these;
    or 0.
    """
    grid, dtype, shape = draw(on), draw(strategies.dtypes()), (2, 3, 1)
    info = np.finfo(dtype)

    def array(elements: st.SearchStrategy[Any], of: Any = np.float64) -> Any:
        return draw(hnp.arrays(of, shape, elements=elements, fill=st.nothing()))

    last = np.array(strategies.places(grid)[1])
    beyond = [float(strategies.along(grid, last + k, np.array(part))) for k, part in ((0, 0.0), (0, 0.5), (1, 0.0))]
    m = array(st.sampled_from([1.0, *np.abs(beyond), 0.0]) | strategies.mantissas()) * 2.0 ** array(
        st.integers(-9, 9) | st.integers(-150, 150))
    m = np.minimum(m, info.max).astype(dtype)
    ulps = array(st.integers(-1, 1), np.int64)
    m = np.where(ulps == 0, m, np.nextafter(m, np.where(ulps > 0, info.max, 0).astype(dtype))).astype(dtype)
    below, above = (array(st.sampled_from([1, 1, 0]), np.int64).astype(dtype) for _ in "ab")
    return Range(-m * np.maximum(below, 1 - above), m * above, grid)


def _powers_of_two(subject: Any, name: str, case: Range, least: Any, most: Any) -> None:
    """least < scale <= most, both in terms of max|x|, where 2**-127 and 2**127 do not end the powers."""
    if not strategies.two_sided(case.grid):
        return
    params = getattr(subject, name)(*case)
    assert params.scale.dtype == case.grid.arithmetic(case.lo.dtype) and params.scale_grid == E8M0, f"R18: {params}"
    for i in np.ndindex(case.lo.shape):
        largest = Fraction(float(max(abs(case.lo[i]), abs(case.hi[i]))))
        scale = Fraction(float(params.scale[i]))
        said = f"R18: scale {float(scale)!r} for {float(largest)!r} on {case.grid}"
        assert params.scale[i] in E8M0.values, said
        if largest == 0:
            assert scale == 1, f"R11: scale {float(scale)!r} for 0"
        else:
            assert scale == Fraction(1, 2**127) or least(largest, scale), said
            assert scale == 2**127 or most(largest, scale), said


def _binade(v: Fraction) -> Fraction:
    """The largest power of two not above v."""
    e = v.numerator.bit_length() - v.denominator.bit_length()
    return Fraction(2) ** (e if Fraction(2) ** e <= v else e - 1)


def mx_scales_are_floors(subject: Any, case: Range) -> None:
    top = _binade(oracle.reach(case.grid))
    _powers_of_two(subject, "mx_params", case, lambda m, s: s * top <= m, lambda m, s: m < 2 * s * top)


def mx_ceil_scales_never_saturate(subject: Any, case: Range) -> None:
    top = _binade(oracle.reach(case.grid))
    _powers_of_two(subject, "mx_ceil_params", case, lambda m, s: s * top < 2 * m, lambda m, s: m <= s * top)


def mx_rceil_scales_are_the_least_without_saturation(subject: Any, case: Range) -> None:
    reach = oracle.reach(case.grid)
    _powers_of_two(subject, "mx_rceil_params", case, lambda m, s: s * reach < 2 * m, lambda m, s: m <= s * reach)


def mx_even_scales_double_where_the_largest_rounds_up(subject: Any, case: Range) -> None:
    grid, top, step = case.grid, _binade(oracle.reach(case.grid)), Fraction(int(case.grid.equal_steps))
    if not grid.equal_steps and oracle.extended(grid)[1].negative:
        step = next(entry.value for entry in oracle.extended(grid) if entry.value > top) - top
    if step or grid.qmax < 2 * top:  # a codebook does not go on beyond its values
        tie = 2 * top - step / 2
        _powers_of_two(subject, "mx_even_params", case, lambda m, s: s * tie <= 2 * m, lambda m, s: m < s * tie)


@st.composite
def second_scales(draw: st.DrawFn, on: Grids) -> tuple[Range, Grid, Any, Any]:
    """Ranges, a grid for their scales, and what the scales share: an axis, or a scale that is known before."""
    scale_grid = draw(st.sampled_from([E4M3, E5M2, INT8, NF4]) | strategies.float_grids())
    axis, scale = draw(st.sampled_from([(None, None), (-2, None), ((1, 2), None), (None, 0.25), (None, 1 / 3)]))
    lo, hi, grid = draw(block_ranges(on))
    most = np.finfo(lo.dtype).max if scale is None else 1000  # so that scale * qmax is finite
    return Range(np.clip(lo, -most, 0), np.clip(hi, 0, most), grid), scale_grid, axis, scale


@quiet
def _two_level(case: Range, scale_grid: Grid, axis: Any, second: Any) -> Any:
    """The scales, by the oracle."""
    lo, hi, grid = case
    dtype = grid.arithmetic(lo.dtype).type
    info = np.finfo(dtype)
    least = next(v for v in scale_grid.values if v > 0)
    wanted = np.array([oracle.symmetric_range(dtype(lo[i]), dtype(hi[i]), grid)[0] if lo[i] or hi[i] else 0
                       for i in np.ndindex(lo.shape)], dtype).reshape(lo.shape)
    largest = wanted.max(axis=axis, keepdims=axis is not None)
    with np.errstate(over="ignore"):
        seconds = np.where(largest > 0, np.clip(largest / dtype(scale_grid.qmax), info.tiny, info.max), dtype(1))
    seconds = np.broadcast_to(seconds if second is None else dtype(second), lo.shape)
    scales = np.empty(lo.shape, dtype)
    for i in np.ndindex(lo.shape):
        first, second = dtype(wanted[i]), dtype(seconds[i])
        near = oracle.dequantize(oracle.quantize(first, second, 0, scale_grid), second, 0, scale_grid, scales.dtype)
        scales[i] = min(max(near, dtype(float(second) * least), info.tiny), info.max)
    return scales


def scales_of_two_levels_are_the_oracles(subject: Any, case: tuple[Range, Grid, Any, Any]) -> None:
    (lo, hi, grid), scale_grid, axis, second = case
    if not strategies.two_sided(grid):
        return
    params = subject.two_level(scale_grid, subject.symmetric_params, axis, second)(lo, hi, grid)
    assert params.scale_grid == scale_grid, f"R18: {params}"
    equal("R18", params.scale, _two_level(case[0], scale_grid, axis, second))


def a_row_alone_keeps_its_scales(subject: Any, case: tuple[Range, Grid, Any, Any]) -> None:
    (lo, hi, grid), scale_grid, axis, second = case
    if (axis is None and second is None) or not strategies.two_sided(grid):
        return
    fit = subject.two_level(scale_grid, subject.symmetric_params, axis, second)
    rows = [fit(lo[i:i + 1], hi[i:i + 1], grid).scale for i in range(len(lo))]
    equal("R12 R18", fit(lo, hi, grid).scale, np.concatenate(rows))


LAWS = (
    on_grids(mx_scales_are_floors, ("R11", "R18"), block_ranges, strategies.TWO_SIDED),
    on_grids(mx_ceil_scales_never_saturate, ("R11", "R18"), block_ranges, strategies.TWO_SIDED),
    on_grids(mx_rceil_scales_are_the_least_without_saturation, ("R11", "R18"), block_ranges, strategies.TWO_SIDED),
    on_grids(mx_even_scales_double_where_the_largest_rounds_up, ("R11", "R18"), block_ranges, strategies.TWO_SIDED),
    on_grids(scales_of_two_levels_are_the_oracles, ("R12", "R18"), second_scales, strategies.TWO_SIDED),
    on_grids(a_row_alone_keeps_its_scales, ("R12", "R18"), second_scales, strategies.TWO_SIDED))
