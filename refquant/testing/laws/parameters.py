"""Laws of parameters (R8 to R11): from a range to scale and zero point."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .. import oracle, strategies
from ..strategies import Range
from .law import Law, equal, on_grids, refuses


def _fits_the_oracle(rule: str, fit: Any, formula: Any, case: Range) -> None:
    got = fit(*case)
    lo, hi = (end.astype(case.grid.arithmetic(end.dtype)) for end in case[:2])
    pairs = [formula(lo[i], hi[i], case.grid) for i in np.ndindex(lo.shape)]
    equal(rule, got.scale, np.array([s for s, _ in pairs], lo.dtype).reshape(lo.shape))
    equal(rule, got.zero_point.astype(np.int64), np.array([z for _, z in pairs], np.int64).reshape(lo.shape))


def affine_parameters_are_the_oracles(subject: Any, case: Range) -> None:
    _fits_the_oracle("R8 R9 R11", subject.affine_params, oracle.affine_range, case)


def a_zero_points_tie_goes_to_the_even_offset(subject: Any, case: tuple[int, bool, int]) -> None:
    bits, narrow, e = case
    grid = subject.IntGrid(bits, narrow=narrow)
    width = grid.qmax - grid.qmin
    below = np.arange(min(width, 300)) + 0.5
    got = subject.affine_params(-below * 2.0**e, (width - below) * 2.0**e, grid).zero_point
    equal("R9", got.astype(np.int64), np.array([grid.qmin + round(Fraction(float(b))) for b in below], np.int64))


def the_widest_range_and_the_emptiest_have_a_scale(subject: Any, case: tuple[Any, Any]) -> None:
    dtype, grid = case
    largest = np.finfo(dtype).max
    lo, hi = np.array([-largest, 0, -largest, 0], dtype), np.array([largest, largest, 0, 0], dtype)
    _fits_the_oracle("R11", subject.affine_params, oracle.affine_range, Range(lo, hi, grid))
    _fits_the_oracle("R11", subject.symmetric_params, oracle.symmetric_range, Range(lo, hi, grid))


def symmetric_parameters_are_the_oracles(subject: Any, case: Range) -> None:
    if strategies.two_sided(case.grid):
        _fits_the_oracle("R10 R11", subject.symmetric_params, oracle.symmetric_range, case)


def zero_is_exact(subject: Any, case: Range) -> None:
    for fit in (subject.affine_params, subject.symmetric_params):
        params = fit(*case)
        zeros = np.zeros(params.scale.shape, params.scale.dtype)
        equal("R8", subject.quantize(zeros, params).astype(np.int64), params.zero_point.astype(np.int64))
        equal("R8", subject.fake_quantize(zeros, params), zeros)


def the_ends_of_an_affine_range_lose_at_most_a_step(subject: Any, case: Range) -> None:
    params = subject.affine_params(*case)
    step = params.scale.astype(np.float64)
    for end in (case.lo.astype(params.scale.dtype), case.hi.astype(params.scale.dtype)):
        x_hat = subject.fake_quantize(end, params).astype(np.float64)
        error = np.where(np.isfinite(x_hat), np.abs(x_hat - end), 0)  # x_hat itself may overflow (R11)
        assert (error / 1.01 <= step).all(), f"R8 R9: {end!r} became {x_hat!r} with step {step!r}"


def a_signed_grid_is_an_unsigned_one_shifted(subject: Any, case: Range) -> None:
    half = 2 ** (case.grid.bits - 1)
    signed = subject.affine_params(case.lo, case.hi, subject.IntGrid(case.grid.bits))
    unsigned = subject.affine_params(case.lo, case.hi, subject.IntGrid(case.grid.bits, signed=False))
    equal("R9", signed.scale, unsigned.scale)
    equal("R9", signed.zero_point + half, unsigned.zero_point)


def a_range_is_finite_and_in_order(subject: Any, case: tuple[Range, Any]) -> None:
    (lo, hi, grid), fault = case
    if fault == "swapped":
        lo, hi = (hi, lo) if (lo < hi).any() else (np.ones_like(lo), np.zeros_like(lo))
    else:
        hi = np.full_like(hi, fault)
    for fit in (subject.affine_params, subject.symmetric_params):
        refuses(ValueError, "R11", lambda fit=fit: fit(lo, hi, grid))  # type: ignore[misc]


LAWS = (
    Law(affine_parameters_are_the_oracles, ("R8", "R9", "R11"), strategies.ranges()),
    Law(a_zero_points_tie_goes_to_the_even_offset, ("R9",), st.tuples(
        st.integers(2, 12), st.booleans(), st.integers(-12, 6))),
    Law(the_widest_range_and_the_emptiest_have_a_scale, ("R11",), st.tuples(
        st.sampled_from(strategies.DTYPES), strategies.integer_grids())),
    Law(affine_parameters_are_the_oracles, ("R9",), strategies.ordinary_ranges(),
        called="ordinary_affine_parameters_are_the_oracles"),
    on_grids(symmetric_parameters_are_the_oracles, ("R10", "R11"), strategies.ranges, strategies.TWO_SIDED),
    Law(zero_is_exact, ("R8",), strategies.ranges()),
    Law(the_ends_of_an_affine_range_lose_at_most_a_step, ("R8", "R9", "R11"), strategies.ranges(
        strategies.integer_grids(16))),
    Law(a_signed_grid_is_an_unsigned_one_shifted, ("R9",), strategies.ranges(strategies.integer_grids(8))),
    Law(a_range_is_finite_and_in_order, ("R11",), st.tuples(
        strategies.ranges(), st.sampled_from(["swapped", np.inf, -np.inf]))))
