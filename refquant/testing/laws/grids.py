"""Laws of every grid (R2 to R6, R8, R16, R17): which code a real has, what a code means, whatever the values are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ...affine import AffineParams
from ...grids import Grid
from .. import oracle, strategies
from ..strategies import Quantization
from .law import Grids, each, equal, native, on_grids, refuses


def codes_are_the_oracles(subject: Any, case: Quantization) -> None:
    x, params = case
    expected = each(lambda v, s, z: oracle.quantize(v, s, z, params.grid), params.grid.dtype,
                    native(x), params.scale, params.zero_point)
    equal("R3 R4 R5 R6 R17", subject.quantize(x, params), expected)


@st.composite
def float64_beside_ties(draw: st.DrawFn, on: Grids) -> Quantization:
    """float64 so near to ties that float32 holds the ties themselves."""
    grid, scale = draw(on), 2.0 ** draw(st.integers(-8, 8))
    z = draw(strategies.integers(*grid.zero_points))
    place, nudge = (draw(hnp.arrays(np.int64, (24,), elements=elements, fill=st.nothing())) for elements in (
        strategies.integers(*strategies.places(grid), beyond=1), st.integers(25, 50) | st.integers(-50, -25)))
    tie = strategies.along(grid, place, np.array(0.5)) - z
    return Quantization(tie * (1 + np.sign(nudge) * 2.0 ** -np.abs(nudge)) * scale,
                        AffineParams(scale=scale, zero_point=z, grid=grid))


def fake_quantized_values_are_the_oracles(subject: Any, case: Quantization) -> None:
    x, params = native(case.x), case.params
    grid, dtype = params.grid, np.dtype(np.float64) if params.grid.bits > 16 else x.dtype
    expected = each(lambda v, s, z: oracle.dequantize(oracle.quantize(v, s, z, grid), s, z, grid, x.dtype), dtype,
                    x, params.scale, params.zero_point)
    equal("R2 R3", subject.fake_quantize(case.x, params), expected)


@st.composite
def coded(draw: st.DrawFn, on: Grids) -> tuple[Any, Any]:
    """Codes on a grid in any integer dtype that holds them, and parameters that fit."""
    grid, shape = draw(on), draw(strategies.shapes())
    q = draw(hnp.arrays(np.int64, shape, elements=strategies.codes(grid), fill=st.nothing()))
    dtype = draw(st.sampled_from([grid.dtype, np.dtype(np.int64)]))
    return draw(strategies.layouts(q.astype(dtype))), draw(strategies.params(grid, shape, np.dtype(np.float64)))


def a_code_means_its_value(subject: Any, case: tuple[Any, Any]) -> None:
    q, params = case
    expected = each(lambda c, s, z: oracle.dequantize(c, s, z, params.grid, s.dtype), params.scale.dtype,
                    q, params.scale, params.zero_point)
    equal("R2 R17", subject.dequantize(q, params), expected)


def every_code_comes_back(subject: Any, case: tuple[Grid, int]) -> None:
    grid, e = case
    few = range(grid.qmin, grid.qmax + 1, max(1, (grid.qmax - grid.qmin) // 300)) if grid.equal_steps else None
    q = np.array(few or list(oracle.meanings(grid))[:1000], grid.dtype)
    params = subject.AffineParams(scale=2.0**e, zero_point=0, grid=grid)
    equal("R2 R4 R17", subject.quantize(subject.dequantize(q, params), params), q)
    equal("R2 R4 R17", subject.fake_quantize(subject.dequantize(q, params), params), subject.dequantize(q, params))


def codes_of_no_value_are_refused(subject: Any, case: tuple[Grid, int]) -> None:
    grid, drawn = case
    existing = range(grid.qmin, grid.qmax + 1) if grid.equal_steps else oracle.meanings(grid)
    params = subject.AffineParams(scale=0.5, zero_point=0, grid=grid)
    for code in (min(existing) - 1, max(existing) + 1, 2 ** (grid.bits - 1) - 1, 2 ** (grid.bits - 1), drawn):
        if code in existing:
            subject.dequantize([code], params)
        else:
            refuses(ValueError, "R2" if grid.equal_steps else "R17",
                    lambda code=code: subject.dequantize([code], params))  # type: ignore[misc]


def quantize_is_monotone(subject: Any, case: Quantization) -> None:
    params = subject.AffineParams(scale=case.params.scale.max(initial=1e-3), zero_point=case.params.grid.zero_points[0],
                                  grid=case.params.grid)
    x = np.sort(np.append(native(case.x), strategies.far_outside(native(case.x).dtype)))
    values = params.grid.decode(subject.quantize(x, params)).astype(np.float64)
    assert (np.diff(values) >= 0).all(), f"R4 R5 R6: codes fall while reals rise: {values}"


def symmetric_grids_are_odd_functions(subject: Any, case: Quantization) -> None:
    grid, scale = case.params.grid, case.params.scale
    signed = grid.qmin == -grid.qmax if grid.equal_steps else oracle.extended(grid)[1].negative
    if signed:  # a codebook takes the lower value on both sides of 0
        params = subject.AffineParams(scale=scale, zero_point=0, grid=grid)
        equal("R4 R17", subject.fake_quantize(-case.x, params) + 0.0, 0.0 - subject.fake_quantize(case.x, params))


def scaling_both_by_a_power_of_two_changes_no_code(subject: Any, case: tuple[Quantization, int]) -> None:
    (x, params), e = case
    x = x.astype(np.float64)
    params = subject.AffineParams(scale=params.scale.astype(np.float64), zero_point=params.zero_point, grid=params.grid)
    inside = (np.abs(x) < 1e300) & ((np.abs(x) > 1e-300) | (x == 0))
    x = np.where(inside, x, 0.0)
    scaled = subject.AffineParams(scale=params.scale * 2.0**e, zero_point=params.zero_point, grid=params.grid)
    if np.isfinite(scaled.scale).all() and (scaled.scale > 1e-300).all() and (params.scale > 1e-300).all():
        equal("R3", subject.quantize(x * 2.0**e, scaled), subject.quantize(x, params))


def zero_is_exact_where_it_is_a_value(subject: Any, case: tuple[Grid, Any, float]) -> None:
    grid, dtype, scale = case
    x = np.array([0.0, -0.0], dtype)
    params = subject.AffineParams(scale=dtype.type(scale), zero_point=grid.zero_points[0], grid=grid)
    expected = [oracle.quantize(zero, params.scale[()], int(params.zero_point), grid) for zero in x]
    equal("R8 R17", subject.quantize(x, params), np.array(expected, grid.dtype))
    if grid.equal_steps or any(entry.value == 0 for entry in oracle.meanings(grid).values()):
        signed = not grid.equal_steps and oracle.meanings(grid)[expected[1]].negative
        wide = np.dtype(np.float64) if grid.bits > 16 else dtype
        equal("R8 R17", subject.fake_quantize(x, params), np.array([0.0, -0.0 if signed else 0.0], wide))


def _gap(v: Fraction, grid: Grid) -> Any:
    """The distance of the two values around v."""
    if grid.equal_steps:
        return Fraction(1)
    values = [entry.value for entry in oracle.extended(grid)]
    return values[bisect_left(values, v)] - values[bisect_right(values, v) - 1]


def the_error_is_at_most_half_a_gap(subject: Any, case: Quantization) -> None:
    x, params = case
    grid, x_hat = params.grid, subject.fake_quantize(x, params)
    info = np.finfo(x_hat.dtype)
    width, eps = Fraction(grid.qmax - grid.qmin), Fraction(float(info.eps))
    for i in np.ndindex(x.shape):
        step, zero_point = (np.broadcast_to(a, x.shape)[i] for a in (params.scale, params.zero_point))
        s = Fraction(float(grid.arithmetic(x.dtype).type(step)))
        ends = [s * (Fraction(end) - int(zero_point)) for end in (grid.qmin, grid.qmax)]
        normal = np.isfinite(x_hat[i]) and min(s, s * width) >= Fraction(float(info.tiny))
        if normal and np.isfinite(x[i]) and ends[0] <= Fraction(float(x[i])) <= ends[1] and strategies.two_sided(grid):
            error = abs(Fraction(float(x[i])) - Fraction(float(x_hat[i])))
            bound = s * (_gap(Fraction(float(x[i])) / s, grid) / 2 + width * eps)
            assert error <= bound, f"R16: {x[i]!r} became {x_hat[i]!r} with step {float(s)!r}"


LAWS = (  # the cheap ones first: a mutant is tried on one after another
    on_grids(zero_is_exact_where_it_is_a_value, ("R8", "R17"), lambda on: st.tuples(
        on, strategies.dtypes(), strategies.mantissas())),
    on_grids(codes_are_the_oracles, ("R3", "R4", "R5", "R6", "R12", "R17"), strategies.quantizations),
    on_grids(codes_are_the_oracles, ("R3", "R4", "R5", "R17"), strategies.every_tie, strategies.ALL_TIES,
             "every_tie_is_decided_by_the_rules"),
    on_grids(codes_are_the_oracles, ("R4",), float64_beside_ties, called="float64_is_rounded_once"),
    on_grids(fake_quantized_values_are_the_oracles, ("R2", "R3", "R12", "R17"), strategies.quantizations),
    on_grids(a_code_means_its_value, ("R2", "R12", "R17"), coded),
    on_grids(every_code_comes_back, ("R2", "R4", "R17"), lambda on: st.tuples(on, st.integers(-8, 8))),
    on_grids(codes_of_no_value_are_refused, ("R2", "R17"), lambda on: st.tuples(on, st.integers(-300, 2**16))),
    on_grids(quantize_is_monotone, ("R4", "R5", "R6"), strategies.quantizations),
    on_grids(symmetric_grids_are_odd_functions, ("R4", "R17"), strategies.quantizations),
    on_grids(scaling_both_by_a_power_of_two_changes_no_code, ("R3",), lambda on: st.tuples(
        strategies.quantizations(on), st.integers(-8, 8))),
    on_grids(the_error_is_at_most_half_a_gap, ("R16",), strategies.quantizations))
