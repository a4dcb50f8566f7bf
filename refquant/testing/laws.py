"""What must hold, as named functions: each takes the functions under test and one drawn case, and cites its rules.

`subject` is the refquant module, or anything with functions of the same names: a mutant, say.
"""
from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import refquant

from . import oracle, strategies
from .strategies import Quantization, Range, Requantization

Check: TypeAlias = Callable[[Any, Any], None]


class Law(NamedTuple):
    """A named property: the rules it cites, the cases it is tried on, and the check that raises where it fails."""

    name: str
    rules: tuple[str, ...]
    cases: st.SearchStrategy[Any]
    check: Check


LAWS: list[Law] = []


def law(rules: str, cases: st.SearchStrategy[Any]) -> Callable[[Check], Check]:
    """Enter the function into LAWS under its own name."""
    def enter(check: Check) -> Check:
        LAWS.append(Law(check.__name__, tuple(rules.split()), cases, check))
        return check
    return enter


def holds(law: Law, subject: Any = refquant, **options: Any) -> None:
    """Try the law on drawn cases, warnings being errors; options are hypothesis.settings.

    >>> holds(LAWS[0], max_examples=10)
    """
    @settings(**options)
    @given(law.cases)
    def run(case: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            law.check(subject, case)
    run()


def refuses(kind: type[Exception], rule: str, call: Callable[[], object], saying: str = "") -> None:
    """The call raises `kind`, and the message cites the rule and says `saying`."""
    try:
        result = call()
    except kind as refusal:
        assert f"({rule})" in str(refusal) and saying in str(refusal), f"{rule}: not what the message says: {refusal}"
    else:
        raise AssertionError(f"{rule}: accepted what must be refused, with result {result!r}")


def equal(rule: str, got: Any, expected: Any) -> None:
    """Same dtype, same shape, same values bit for bit (0.0 is -0.0)."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape), (
        f"{rule}: {got.dtype}{got.shape} instead of {expected.dtype}{expected.shape}")
    assert np.array_equal(got, expected), f"{rule}: {got!r} instead of {expected!r}"


def each(f: Callable[..., Any], dtype: np.dtype[Any], *arrays: Any) -> Any:
    """f on the elements of arrays broadcast to the first one's shape."""
    first, *others = arrays
    out = np.empty(np.shape(first), dtype)
    others = [np.broadcast_to(a, out.shape) for a in others]
    for i in np.ndindex(out.shape):
        out[i] = f(first[i], *(a[i] for a in others))
    return out


# ---------------------------------------------------------------------------------------------- which codes exist

@law("R1", st.tuples(st.integers(2, 32), st.booleans(), st.booleans()))
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


@law("R1", st.integers(-3, 1) | st.integers(33, 70))
def a_grid_has_2_to_32_bits(subject: Any, bits: int) -> None:
    try:
        grid = subject.IntGrid(bits)
    except ValueError:
        return
    raise AssertionError(f"R1: {bits} bits accepted: {grid}")


# ---------------------------------------------------------------------------------------------- reals to codes

@law("R3 R4 R5 R6 R12", strategies.quantizations())
def codes_are_the_oracles(subject: Any, case: Quantization) -> None:
    x, params = case
    expected = each(lambda v, s, z: oracle.quantize(v, s, z, params.grid), params.grid.dtype,
                    x.astype(x.dtype.newbyteorder("=")), params.scale, params.zero_point)
    equal("R3 R4 R5 R6", subject.quantize(x, params), expected)


@law("R3 R4 R5", strategies.every_tie())
def every_tie_is_decided_by_the_rules(subject: Any, case: Quantization) -> None:
    codes_are_the_oracles(subject, case)


@law("R3", strategies.quantizations(min_bits=17))
def wide_grids_are_computed_in_float64(subject: Any, case: Quantization) -> None:
    codes_are_the_oracles(subject, case)


@law("R6", st.tuples(st.sampled_from(strategies.DTYPES), strategies.grids(16)))
def overflowing_quotients_saturate_in_silence(subject: Any, case: tuple[Any, Any]) -> None:
    dtype, grid = case
    x = np.array([np.finfo(dtype).max, np.finfo(dtype).min, np.inf, -np.inf], dtype)
    params = subject.AffineParams(scale=np.finfo(dtype).tiny, zero_point=grid.qmin, grid=grid)
    q = subject.quantize(x, params)
    equal("R6", q, np.array([grid.qmax, grid.qmin] * 2, grid.dtype))


@law("R2 R3 R12", strategies.quantizations())
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


@law("R2 R12", coded())
def a_code_means_its_value(subject: Any, case: tuple[Any, Any]) -> None:
    q, params = case
    expected = each(lambda c, s, z: oracle.dequantize(c, s, z, params.grid, s.dtype), params.scale.dtype,
                    q, params.scale, params.zero_point)
    equal("R2", subject.dequantize(q, params), expected)


@law("R2", st.tuples(strategies.grids(), st.integers(1, 300), st.booleans()))
def codes_off_the_grid_are_refused(subject: Any, case: tuple[Any, int, bool]) -> None:
    grid, beyond, above = case
    params = subject.AffineParams(scale=0.5, zero_point=grid.qmin, grid=grid)
    q = [grid.qmin, grid.qmax + beyond if above else grid.qmin - beyond]
    refuses(ValueError, "R2", lambda: subject.dequantize(q, params))
    subject.dequantize([grid.qmin, grid.qmax], params)


@law("R2 R4", coded())
def values_of_codes_are_fixed_points(subject: Any, case: tuple[Any, Any]) -> None:
    q, params = case
    if params.scale.dtype == np.float16 or not (params.scale < 1e30).all():
        return  # float16 cannot tell 16-bit codes apart; the value of a code may overflow (R11)
    equal("R2 R4", subject.quantize(subject.dequantize(q, params), params), q.astype(params.grid.dtype))


@law("R4 R5 R6", strategies.quantizations(max_bits=16))
def quantize_is_monotone(subject: Any, case: Quantization) -> None:
    params = subject.AffineParams(scale=case.params.scale.max(initial=1e-3), zero_point=case.params.grid.qmin,
                                  grid=case.params.grid)
    q = subject.quantize(np.sort(case.x, axis=None), params).astype(np.int64)
    assert (np.diff(q) >= 0).all(), f"R4 R5 R6: codes fall while reals rise: {q}"


@law("R4", strategies.quantizations(max_bits=16))
def narrow_grids_are_odd_functions(subject: Any, case: Quantization) -> None:
    grid = subject.IntGrid(case.params.grid.bits, narrow=True)
    params = subject.AffineParams(scale=case.params.scale, zero_point=0, grid=grid)
    equal("R4", subject.quantize(-case.x, params), -subject.quantize(case.x, params))


@law("R3", st.tuples(strategies.quantizations(max_bits=16), st.integers(-8, 8)))
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


@law("R16", strategies.quantizations())
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


# ---------------------------------------------------------------------------------------------- what is refused

@st.composite
def with_nan(draw: st.DrawFn) -> tuple[Any, tuple[int, ...]]:
    """Data with NaN from a drawn place on, and that place."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4))
    x = np.zeros(shape, draw(strategies.dtypes()))
    place = draw(st.integers(0, x.size - 1))
    x.reshape(-1)[place] = np.nan
    x.reshape(-1)[draw(st.integers(place, x.size - 1))] = np.nan
    return draw(strategies.layouts(x)), tuple(int(i) for i in np.unravel_index(place, shape))


@law("R7", with_nan())
def nan_is_refused_with_its_place(subject: Any, case: tuple[Any, tuple[int, ...]]) -> None:
    x, place = case
    params = subject.AffineParams(scale=1.0, zero_point=0, grid=subject.INT8)
    for call in (lambda: subject.quantize(x, params), lambda: subject.fake_quantize(x, params),
                 lambda: subject.minmax(x), lambda: subject.dynamic_params(x, subject.INT8),
                 lambda: subject.static_params([x], subject.INT8)):
        refuses(ValueError, "R7", call, saying=f"index {place}" if place else "got NaN.")


@law("R7", hnp.arrays(st.sampled_from(["int8", "uint16", "int64", "complex64", "bool"]), (3,),
                      elements=st.integers(0, 1)) | st.integers(-3, 3) | st.lists(st.integers(), min_size=1))
def only_floats_are_reals(subject: Any, x: Any) -> None:
    params = subject.AffineParams(scale=1.0, zero_point=0, grid=subject.INT8)
    for f in (lambda v: subject.quantize(v, params), lambda v: subject.fake_quantize(v, params), subject.minmax):
        refuses(TypeError, "R7", lambda f=f: f(x))  # type: ignore[misc]


@law("R7", st.lists(st.floats(-300, 300)) | st.floats(-300, 300))
def numbers_and_lists_count_as_float64(subject: Any, x: Any) -> None:
    params = subject.AffineParams(scale=0.5, zero_point=3, grid=subject.INT8)
    equal("R7", subject.quantize(x, params), subject.quantize(np.asarray(x, np.float64), params))
    equal("R7", subject.fake_quantize(x, params), subject.fake_quantize(np.asarray(x, np.float64), params))


# ---------------------------------------------------------------------------------------------- ranges to parameters

def _fits_the_oracle(rule: str, fit: Any, formula: Any, case: Range) -> None:
    got = fit(*case)
    lo, hi = (end.astype(case.grid.arithmetic(end.dtype)) for end in case[:2])
    pairs = [formula(lo[i], hi[i], case.grid) for i in np.ndindex(lo.shape)]
    equal(rule, got.scale, np.array([s for s, _ in pairs], lo.dtype).reshape(lo.shape))
    equal(rule, got.zero_point.astype(np.int64), np.array([z for _, z in pairs], np.int64).reshape(lo.shape))


@law("R8 R9 R11", strategies.ranges())
def affine_parameters_are_the_oracles(subject: Any, case: Range) -> None:
    _fits_the_oracle("R8 R9 R11", subject.affine_params, oracle.affine_range, case)


@law("R9", st.tuples(st.integers(2, 12), st.booleans(), st.integers(-12, 6)))
def a_zero_points_tie_goes_to_the_even_offset(subject: Any, case: tuple[int, bool, int]) -> None:
    bits, narrow, e = case
    grid = subject.IntGrid(bits, narrow=narrow)
    width = grid.qmax - grid.qmin
    below = np.arange(min(width, 300)) + 0.5
    got = subject.affine_params(-below * 2.0**e, (width - below) * 2.0**e, grid).zero_point
    equal("R9", got.astype(np.int64), np.array([grid.qmin + round(Fraction(float(b))) for b in below], np.int64))


@law("R11", st.tuples(st.sampled_from(strategies.DTYPES), strategies.grids()))
def the_widest_range_and_the_emptiest_have_a_scale(subject: Any, case: tuple[Any, Any]) -> None:
    dtype, grid = case
    largest = np.finfo(dtype).max
    lo, hi = np.array([-largest, 0, -largest, 0], dtype), np.array([largest, largest, 0, 0], dtype)
    _fits_the_oracle("R11", subject.affine_params, oracle.affine_range, Range(lo, hi, grid))
    _fits_the_oracle("R11", subject.symmetric_params, oracle.symmetric_range, Range(lo, hi, grid))


@law("R9", strategies.ordinary_ranges())
def ordinary_affine_parameters_are_the_oracles(subject: Any, case: Range) -> None:
    _fits_the_oracle("R9", subject.affine_params, oracle.affine_range, case)


@law("R10 R11", strategies.ranges())
def symmetric_parameters_are_the_oracles(subject: Any, case: Range) -> None:
    _fits_the_oracle("R10 R11", subject.symmetric_params, oracle.symmetric_range, case)


@law("R8", strategies.ranges())
def zero_is_exact(subject: Any, case: Range) -> None:
    for fit in (subject.affine_params, subject.symmetric_params):
        params = fit(*case)
        zeros = np.zeros(params.scale.shape, params.scale.dtype)
        equal("R8", subject.quantize(zeros, params).astype(np.int64), params.zero_point.astype(np.int64))
        equal("R8", subject.fake_quantize(zeros, params), zeros)


@law("R8 R9 R11", strategies.ranges(max_bits=16))
def the_ends_of_an_affine_range_lose_at_most_a_step(subject: Any, case: Range) -> None:
    params = subject.affine_params(*case)
    step = params.scale.astype(np.float64)
    for end in (case.lo.astype(params.scale.dtype), case.hi.astype(params.scale.dtype)):
        x_hat = subject.fake_quantize(end, params).astype(np.float64)
        error = np.where(np.isfinite(x_hat), np.abs(x_hat - end), 0)  # x_hat itself may overflow (R11)
        assert (error / 1.01 <= step).all(), f"R8 R9: {end!r} became {x_hat!r} with step {step!r}"


@law("R9", strategies.ranges(max_bits=8))
def a_signed_grid_is_an_unsigned_one_shifted(subject: Any, case: Range) -> None:
    half = 2 ** (case.grid.bits - 1)
    signed = subject.affine_params(case.lo, case.hi, subject.IntGrid(case.grid.bits))
    unsigned = subject.affine_params(case.lo, case.hi, subject.IntGrid(case.grid.bits, signed=False))
    equal("R9", signed.scale, unsigned.scale)
    equal("R9", signed.zero_point + half, unsigned.zero_point)


@law("R11", st.tuples(strategies.ranges(), st.sampled_from(["swapped", np.inf, -np.inf])))
def a_range_is_finite_and_in_order(subject: Any, case: tuple[Range, Any]) -> None:
    (lo, hi, grid), fault = case
    if fault == "swapped":
        lo, hi = (hi, lo) if (lo < hi).any() else (np.ones_like(lo), np.zeros_like(lo))
    else:
        hi = np.full_like(hi, fault)
    for fit in (subject.affine_params, subject.symmetric_params):
        refuses(ValueError, "R11", lambda fit=fit: fit(lo, hi, grid))  # type: ignore[misc]


# ---------------------------------------------------------------------------------------------- who shares a scale

@st.composite
def sliced(draw: st.DrawFn) -> tuple[Any, int | tuple[int, ...], Any]:
    """Finite data, the axes reduced over, and a grid."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    x = draw(hnp.arrays(draw(strategies.dtypes()), shape, elements=st.floats(-1000, 1000, width=16),
                        fill=st.nothing()))
    axis = draw(st.sampled_from([tuple(axes), tuple(a - len(shape) for a in axes)]))
    return draw(strategies.layouts(x)), axis[0] if len(axis) == 1 else axis, draw(strategies.grids())


@law("R12", sliced())
def each_slice_is_quantized_as_if_alone(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, axis, grid = case
    lo, hi = subject.minmax(x, axis=axis)
    whole = subject.dynamic_params(x, grid, axis)
    equal("R12", whole.scale, subject.affine_params(lo, hi, grid).scale)
    reduced = np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    q, x_hat = subject.quantize(x, whole), subject.fake_quantize(x, whole)
    for i in np.ndindex(lo.shape):
        part = x[tuple(slice(None) if a in reduced else slice(k, k + 1) for a, k in enumerate(i))]
        at = tuple(slice(None) if a in reduced else slice(k, k + 1) for a, k in enumerate(i))
        assert (lo[i], hi[i]) == (part.min(), part.max()), f"R12: range {lo[i]}, {hi[i]} of slice {i}"
        alone = subject.dynamic_params(part, grid)
        equal("R12", q[at], subject.quantize(part, alone))
        equal("R12", x_hat[at], subject.fake_quantize(part, alone))


@law("R12", st.tuples(st.sampled_from([((3,), ()), ((2, 3), (3,)), ((2,), (3,)), ((1, 1), (4,)), ((3, 1), (2, 3))]),
                      strategies.dtypes()))
def parameters_never_enlarge_the_data(subject: Any, case: Any) -> None:
    (shape, data), dtype = case
    params = subject.AffineParams(scale=np.ones(shape), zero_point=0, grid=subject.INT8)
    refuses(ValueError, "R12", lambda: subject.quantize(np.zeros(data, dtype), params))
    refuses(ValueError, "R12", lambda: subject.fake_quantize(np.zeros(data, dtype), params))
    refuses(ValueError, "R12", lambda: subject.dequantize(np.zeros(data, np.int8), params))


@law("R12", sliced())
def static_is_dynamic_on_the_same_data(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, axis, grid = case
    for fit in (subject.affine_params, subject.symmetric_params):
        whole = subject.dynamic_params(x, grid, axis, fit=fit)
        assert subject.static_params([x], grid, axis=axis, fit=fit) == whole, "R12: static is not dynamic"
        halves = [part for part in np.array_split(x, 2) if part.size]
        assert subject.static_params(halves, grid, fit=fit) == subject.dynamic_params(x, grid, fit=fit), (
            "R12: batches do not add up")


# ---------------------------------------------------------------------------------------------- integers only

@law("R13", strategies.factors())
def products_are_exact(subject: Any, case: tuple[Any, Any]) -> None:
    a, b = case
    largest = a.shape[1] * int(np.prod([max(-int(np.iinfo(f.dtype).min), int(np.iinfo(f.dtype).max)) for f in case]))
    exact = [[sum(int(p) * int(q) for p, q in zip(row, column, strict=True)) for column in b.T] for row in a]
    expected = np.array(exact, object).reshape(a.shape[0], b.shape[1])
    equal("R13", subject.integer_matmul(a, b), expected.astype(np.int32 if largest < 2**31 else np.int64))


@law("R13", st.tuples(st.integers(1, 9), st.sampled_from(["int16", "uint16"]), st.sampled_from(["int16", "uint16"])))
def products_of_the_largest_codes_are_exact(subject: Any, case: tuple[int, str, str]) -> None:
    k, left, right = case
    for x, y in ((np.iinfo(left).max, np.iinfo(right).max), (np.iinfo(left).min, np.iinfo(right).max)):
        got = subject.integer_matmul(np.full((1, k), x, left), np.full((k, 1), y, right))
        assert int(got[0, 0]) == k * int(x) * int(y), f"R13: {k} * {x} * {y} became {got[0, 0]}"


@law("R13", st.tuples(st.sampled_from([np.int8, np.uint8]), st.sampled_from([np.int8, np.uint8]), st.integers(1, 3),
                      st.integers(-1, 1), st.sampled_from(["max", "min"]), st.sampled_from(["max", "min"])))
def sums_are_exact_at_the_bound_of_float32(subject: Any, case: tuple[Any, Any, int, int, str, str]) -> None:
    left, right, pieces, beyond, high, low = case
    x, y = int(getattr(np.iinfo(left), high)), int(getattr(np.iinfo(right), low))
    most = [max(int(np.iinfo(t).max), -int(np.iinfo(t).min)) for t in (left, right)]
    k = pieces * (2**24 // (most[0] * most[1])) + beyond  # where a sum of the largest products leaves 2**24
    a, b = np.full((1, k), x, left), np.full((k, 1), y, right)
    a[0, -1] = b[-1, 0] = 1  # what float32 would lose beyond it
    exact = (k - 1) * x * y + 1
    equal("R13", subject.integer_matmul(a, b), np.array([[exact]], np.int32))


@law("R14", strategies.requantizations())
def requantize_rounds_once(subject: Any, case: Requantization) -> None:
    acc, mantissa, shift, zero_point, grid = case
    expected = each(lambda a: oracle.requantize(a, mantissa, shift, zero_point, grid), grid.dtype, acc)
    equal("R14", subject.requantize(acc, mantissa, shift, zero_point, grid), expected)


@law("R14", st.floats(1e-30, 2.0**29) | st.integers(-40, 29).map(lambda e: 2.0**e)
     | st.integers(-40, 29).map(lambda e: float(np.nextafter(2.0**e, 0))))
def a_multiplier_has_31_bits(subject: Any, m: float) -> None:
    mantissa, shift = (int(part) for part in subject.quantize_multiplier(m))
    assert 2**30 <= mantissa < 2**31 and shift <= 30, f"R14: {m} became {mantissa} * 2**({shift} - 31)"
    error = abs(Fraction(mantissa) * Fraction(2) ** (shift - 31) - Fraction(m))
    assert error <= Fraction(2) ** (shift - 32), f"R14: {m} became {mantissa} * 2**({shift} - 31)"


# ---------------------------------------------------------------------------------------------- gradients

@law("R15", strategies.quantizations())
def straight_through_is_fake_quantize_with_its_mask(subject: Any, case: Quantization) -> None:
    x, params = case
    x, grid = x.astype(x.dtype.newbyteorder("=")), params.grid
    x_hat, pullback = subject.straight_through(x, params.scale, params.zero_point, grid)
    equal("R15", x_hat, refquant.fake_quantize(x, params))
    passed = each(lambda v, s, z: grid.qmin <= oracle.unclipped(v, s, z, grid) <= grid.qmax, np.dtype(bool),
                  x, params.scale, params.zero_point)
    g = np.arange(1, x.size + 1, dtype=x.dtype).reshape(x.shape)
    equal("R15", pullback(g), np.where(passed, g, x.dtype.type(0)))


@law("R15", st.tuples(st.floats(-20, 20), st.sampled_from([0.5, 1.0, 0.1]), st.integers(-8, 7)))
def the_pullback_is_the_derivative_of_the_surrogate(subject: Any, case: tuple[float, float, int]) -> None:
    x, scale, zero_point = case
    grid = subject.INT4
    residual = np.rint(x / scale) - x / scale  # frozen: what is left is piecewise linear in x

    def surrogate(v: float) -> float:
        return float(scale * (np.clip(v / scale + residual + zero_point, grid.qmin, grid.qmax) - zero_point))

    _, pullback = subject.straight_through(np.array([x]), scale, zero_point, grid)
    h = 1e-6
    left, right = (surrogate(x) - surrogate(x - h)) / h, (surrogate(x + h) - surrogate(x)) / h
    got = pullback(np.ones(1))[0]
    assert min(left, right) - 1e-6 <= got <= max(left, right) + 1e-6, f"R15: {got}, derivatives {left} and {right}"


@law("R15", strategies.quantizations(max_bits=8))
def lsq_is_fake_quantize_masked_before_rounding(subject: Any, case: Quantization) -> None:
    x, params = case
    x, grid = x.astype(x.dtype.newbyteorder("=")), params.grid
    x_hat, pullback = subject.lsq(x, params.scale, params.zero_point, grid)
    equal("R15", x_hat, refquant.fake_quantize(x, params))
    g = np.arange(1, x.size + 1, dtype=x.dtype).reshape(x.shape)

    def inside(v: Any, s: Any, z: Any) -> bool:
        return bool(grid.qmin - int(z) < oracle.quotient(v, s, grid) < grid.qmax - int(z))

    passed = each(inside, np.dtype(bool), x, params.scale, params.zero_point)
    equal("R15", pullback(g)[0], np.where(passed, g, x.dtype.type(0)))


@law("R15", st.tuples(st.floats(-20, 20), st.sampled_from([0.5, 1.0, 0.1]), st.integers(-8, 7), st.integers(1, 3)))
def the_gradient_of_a_learned_step_is_the_surrogates(subject: Any, case: tuple[float, float, int, int]) -> None:
    x, scale, zero_point, n = case
    grid = subject.INT4
    l, h = grid.qmin - zero_point, grid.qmax - zero_point
    v = x / scale
    assume(min(abs(v - l), abs(v - h)) > 1e-3)  # at the ends the surrogate has a kink
    residual = np.rint(v) - v if l < v < h else 0.0

    def surrogate(s: float) -> float:
        return s * (x / s + residual) if l < v < h else s * (l if v <= l else h)

    _, pullback = subject.lsq(np.full((n, 1), x), np.float64(scale), zero_point, grid)
    step = 1e-6
    expected = n * (surrogate(scale + step) - surrogate(scale - step)) / (2 * step)
    got = float(pullback(np.ones((n, 1)))[1])
    assert abs(got - expected) <= 1e-4 * max(1, abs(expected)), f"R15: {got}, derivative of the surrogate {expected}"
