"""Laws of grids, codes and reals (R1 to R7, R16): which codes exist, which code a real has, what a code means."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import oracle, strategies
from ..strategies import Quantization
from .law import Law, each, equal, refuses


def a_grid_has_its_codes(subject: Any, case: tuple[int, bool, bool]) -> None:
    bits, signed, narrow = case
    if narrow and not signed:
        return refuses(ValueError, "R1", lambda: subject.IntGrid(bits, signed=False, narrow=True))
    grid = subject.IntGrid(bits, signed=signed, narrow=narrow)
    assert grid.qmax - grid.qmin + 1 == 2**bits - narrow, "R1: the number of codes"
    assert grid.qmin == (narrow - 2 ** (bits - 1) if signed else 0), "R1: the lowest code"
    info = np.iinfo(grid.dtype)
    assert info.min <= grid.qmin and grid.qmax <= info.max and info.bits < max(2 * bits, 9), "R1: the dtype"
    assert grid == subject.IntGrid(bits, signed=signed, narrow=narrow), "R1: a grid is a value"


def a_grid_has_2_to_32_bits(subject: Any, bits: int) -> None:
    try:
        grid = subject.IntGrid(bits)
    except ValueError:
        return
    raise AssertionError(f"R1: {bits} bits accepted: {grid}")


def codes_are_the_oracles(subject: Any, case: Quantization) -> None:
    x, params = case
    expected = each(lambda v, s, z: oracle.quantize(v, s, z, params.grid), params.grid.dtype,
                    x.astype(x.dtype.newbyteorder("=")), params.scale, params.zero_point)
    equal("R3 R4 R5 R6", subject.quantize(x, params), expected)


def every_tie_is_decided_by_the_rules(subject: Any, case: Quantization) -> None:
    codes_are_the_oracles(subject, case)


def wide_grids_are_computed_in_float64(subject: Any, case: Quantization) -> None:
    codes_are_the_oracles(subject, case)


def overflowing_quotients_saturate_in_silence(subject: Any, case: tuple[Any, Any]) -> None:
    dtype, grid = case
    x = np.array([np.finfo(dtype).max, np.finfo(dtype).min, np.inf, -np.inf], dtype)
    params = subject.AffineParams(scale=np.finfo(dtype).tiny, zero_point=grid.qmin, grid=grid)
    q = subject.quantize(x, params)
    equal("R6", q, np.array([grid.qmax, grid.qmin] * 2, grid.dtype))


def fake_quantized_values_are_the_oracles(subject: Any, case: Quantization) -> None:
    x, params = case
    x = x.astype(x.dtype.newbyteorder("="))
    grid, dtype = params.grid, np.dtype(np.float64) if params.grid.bits > 16 else x.dtype
    expected = each(lambda v, s, z: oracle.dequantize(oracle.quantize(v, s, z, grid), s, z, grid, x.dtype), dtype,
                    x, params.scale, params.zero_point)
    equal("R2 R3", subject.fake_quantize(case.x, params), expected)


@st.composite
def coded(draw: st.DrawFn) -> tuple[Any, Any]:
    """Codes on a grid in any integer dtype that holds them, and parameters that fit."""
    grid, shape = draw(strategies.grids()), draw(strategies.shapes())
    q = draw(hnp.arrays(np.int64, shape, elements=strategies.codes(grid), fill=st.nothing()))
    dtype = draw(st.sampled_from([grid.dtype, np.dtype(np.int64)]))
    return draw(strategies.layouts(q.astype(dtype))), draw(strategies.params(grid, shape, np.dtype(np.float64)))


def a_code_means_its_value(subject: Any, case: tuple[Any, Any]) -> None:
    q, params = case
    expected = each(lambda c, s, z: oracle.dequantize(c, s, z, params.grid, s.dtype), params.scale.dtype,
                    q, params.scale, params.zero_point)
    equal("R2", subject.dequantize(q, params), expected)


def codes_off_the_grid_are_refused(subject: Any, case: tuple[Any, int, bool]) -> None:
    grid, beyond, above = case
    params = subject.AffineParams(scale=0.5, zero_point=grid.qmin, grid=grid)
    q = [grid.qmin, grid.qmax + beyond if above else grid.qmin - beyond]
    refuses(ValueError, "R2", lambda: subject.dequantize(q, params))
    subject.dequantize([grid.qmin, grid.qmax], params)


def values_of_codes_are_fixed_points(subject: Any, case: tuple[Any, Any]) -> None:
    q, params = case
    if params.scale.dtype == np.float16 or not (params.scale < 1e30).all():
        return  # float16 cannot tell 16-bit codes apart; the value of a code may overflow (R11)
    equal("R2 R4", subject.quantize(subject.dequantize(q, params), params), q.astype(params.grid.dtype))


def quantize_is_monotone(subject: Any, case: Quantization) -> None:
    params = subject.AffineParams(scale=case.params.scale.max(initial=1e-3), zero_point=case.params.grid.qmin,
                                  grid=case.params.grid)
    q = subject.quantize(np.sort(case.x, axis=None), params).astype(np.int64)
    assert (np.diff(q) >= 0).all(), f"R4 R5 R6: codes fall while reals rise: {q}"


def narrow_grids_are_odd_functions(subject: Any, case: Quantization) -> None:
    grid = subject.IntGrid(case.params.grid.bits, narrow=True)
    params = subject.AffineParams(scale=case.params.scale, zero_point=0, grid=grid)
    equal("R4", subject.quantize(-case.x, params), -subject.quantize(case.x, params))


def scaling_both_by_a_power_of_two_changes_no_code(subject: Any, case: tuple[Quantization, int]) -> None:
    (x, params), e = case
    x = x.astype(np.float64)
    params = subject.AffineParams(scale=params.scale.astype(np.float64), zero_point=params.zero_point,
                                  grid=params.grid)
    inside = (np.abs(x) < 1e300) & ((np.abs(x) > 1e-300) | (x == 0))
    x = np.where(inside, x, 0.0)
    scaled = subject.AffineParams(scale=params.scale * 2.0**e, zero_point=params.zero_point, grid=params.grid)
    if np.isfinite(scaled.scale).all() and (scaled.scale > 1e-300).all() and (params.scale > 1e-300).all():
        equal("R3", subject.quantize(x * 2.0**e, scaled), subject.quantize(x, params))


def the_error_is_at_most_half_a_step(subject: Any, case: Quantization) -> None:
    x, params = case
    grid, x_hat = params.grid, subject.fake_quantize(x, params)
    eps = Fraction(float(np.finfo(x_hat.dtype).eps))
    for i in np.ndindex(x.shape):
        step, zero_point = (np.broadcast_to(a, x.shape)[i] for a in (params.scale, params.zero_point))
        s = Fraction(float(grid.arithmetic(x.dtype).type(step)))
        ends = [s * (code - int(zero_point)) for code in (grid.qmin, grid.qmax)]
        if np.isfinite(x[i]) and np.isfinite(x_hat[i]) and ends[0] <= Fraction(float(x[i])) <= ends[1]:
            error = abs(Fraction(float(x[i])) - Fraction(float(x_hat[i])))
            bound = s * (Fraction(1, 2) + (grid.qmax - grid.qmin) * eps)
            assert error <= bound, f"R16: {x[i]!r} became {x_hat[i]!r} with step {float(s)!r}"


@st.composite
def with_nan(draw: st.DrawFn) -> tuple[Any, tuple[int, ...]]:
    """Data with NaN from a drawn place on, and that place."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4))
    x = np.zeros(shape, draw(strategies.dtypes()))
    place = draw(st.integers(0, x.size - 1))
    x.reshape(-1)[place] = np.nan
    x.reshape(-1)[draw(st.integers(place, x.size - 1))] = np.nan
    return draw(strategies.layouts(x)), tuple(int(i) for i in np.unravel_index(place, shape))


def nan_is_refused_with_its_place(subject: Any, case: tuple[Any, tuple[int, ...]]) -> None:
    x, place = case
    params = subject.AffineParams(scale=1.0, zero_point=0, grid=subject.INT8)
    for call in (lambda: subject.quantize(x, params), lambda: subject.fake_quantize(x, params),
                 lambda: subject.minmax(x), lambda: subject.dynamic_params(x, subject.INT8),
                 lambda: subject.static_params([x], subject.INT8)):
        refuses(ValueError, "R7", call, saying=f"index {place}" if place else "got NaN.")


def only_floats_are_reals(subject: Any, x: Any) -> None:
    params = subject.AffineParams(scale=1.0, zero_point=0, grid=subject.INT8)
    for f in (lambda v: subject.quantize(v, params), lambda v: subject.fake_quantize(v, params), subject.minmax):
        refuses(TypeError, "R7", lambda f=f: f(x))  # type: ignore[misc]


def numbers_and_lists_count_as_float64(subject: Any, x: Any) -> None:
    params = subject.AffineParams(scale=0.5, zero_point=3, grid=subject.INT8)
    equal("R7", subject.quantize(x, params), subject.quantize(np.asarray(x, np.float64), params))
    equal("R7", subject.fake_quantize(x, params), subject.fake_quantize(np.asarray(x, np.float64), params))


LAWS = (
    Law(a_grid_has_its_codes, ("R1",), st.tuples(st.integers(2, 32), st.booleans(), st.booleans())),
    Law(a_grid_has_2_to_32_bits, ("R1",), st.integers(-3, 1) | st.integers(33, 70)),
    Law(codes_are_the_oracles, ("R3", "R4", "R5", "R6", "R12"), strategies.quantizations()),
    Law(every_tie_is_decided_by_the_rules, ("R3", "R4", "R5"), strategies.every_tie()),
    Law(wide_grids_are_computed_in_float64, ("R3",), strategies.quantizations(min_bits=17)),
    Law(overflowing_quotients_saturate_in_silence, ("R6",), st.tuples(
        st.sampled_from(strategies.DTYPES), strategies.grids(16))),
    Law(fake_quantized_values_are_the_oracles, ("R2", "R3", "R12"), strategies.quantizations()),
    Law(a_code_means_its_value, ("R2", "R12"), coded()),
    Law(codes_off_the_grid_are_refused, ("R2",), st.tuples(strategies.grids(), st.integers(1, 300), st.booleans())),
    Law(values_of_codes_are_fixed_points, ("R2", "R4"), coded()),
    Law(quantize_is_monotone, ("R4", "R5", "R6"), strategies.quantizations(max_bits=16)),
    Law(narrow_grids_are_odd_functions, ("R4",), strategies.quantizations(max_bits=16)),
    Law(scaling_both_by_a_power_of_two_changes_no_code, ("R3",), st.tuples(
        strategies.quantizations(max_bits=16), st.integers(-8, 8))),
    Law(the_error_is_at_most_half_a_step, ("R16",), strategies.quantizations()),
    Law(nan_is_refused_with_its_place, ("R7",), with_nan()),
    Law(only_floats_are_reals, ("R7",), hnp.arrays(
        st.sampled_from(["int8", "uint16", "int64", "complex64", "bool"]), (3,), elements=st.integers(0, 1))
        | st.integers(-3, 3) | st.lists(st.integers(), min_size=1)),
    Law(numbers_and_lists_count_as_float64, ("R7",), st.lists(st.floats(-300, 300)) | st.floats(-300, 300)),
)
