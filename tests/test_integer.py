import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.testing import oracle


@pytest.mark.parametrize(("k", "dtype"), [(131071, np.int32), (131072, np.int64)])
def test_the_accumulator_follows_the_dtypes(k: int, dtype: Any) -> None:
    a = np.zeros((1, k), np.int8)
    assert rq.integer_matmul(a, a.T).dtype == dtype


def test_stacks_of_matrices_and_no_terms() -> None:
    a = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    assert rq.integer_matmul(a, a[0].T).tolist() == (a.astype(int) @ a[0].T.astype(int)).tolist()
    assert rq.integer_matmul(np.zeros((2, 0), np.int8), np.zeros((0, 3), np.uint16)).tolist() == [[0] * 3] * 2


TYPES = (np.int8, np.uint8, np.int16, np.uint16)
PAIRS = [(left, right) for left in TYPES for right in TYPES]


def largest(dtype: Any) -> int:
    return max(int(np.iinfo(dtype).max), -int(np.iinfo(dtype).min))


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_all_extreme_codes_at_below_and_above_the_bound(left: Any, right: Any) -> None:
    """Against Python's integers: K one below, at and one above each multiple of a piece's length."""
    short = np.dtype(left).itemsize == np.dtype(right).itemsize == 1
    terms = (2**24 if short else 2**53) // (largest(left) * largest(right))
    for k in {pieces * terms + d for pieces in ((1, 2, 5) if short else (1,)) for d in (-1, 0, 1)}:
        if k > 10**7:  # narrow codes in float64: no K that fits memory reaches the bound
            k = 10**6 + 1
        for x, y in itertools.product(*([np.iinfo(t).min, np.iinfo(t).max] for t in (left, right))):
            a, b = np.full((1, k), x, left), np.full((k, 1), y, right)
            assert int(rq.integer_matmul(a, b)[0, 0]) == k * int(x) * int(y)
            a[0, -1] = b[-1, 0] = 1  # one more, which a rounded sum would lose
            got = rq.integer_matmul(a, b)
            assert int(got[0, 0]) == (k - 1) * int(x) * int(y) + 1
            assert got.dtype == (np.int32 if k * largest(left) * largest(right) < 2**31 else np.int64)


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_products_in_any_layout_and_stack(left: Any, right: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.choice([np.iinfo(t).min, 0, 1, np.iinfo(t).max], shape).astype(t) for t, shape in (
        (left, (2, 1, 3, 1100)), (right, (5, 1100, 4))))
    exact = np.matmul(a.astype(object), b.astype(object))
    for x, y in ((a, b), (a.swapaxes(-1, -2).copy().swapaxes(-1, -2), np.asfortranarray(b)), (a[..., ::-1], b[:, ::-1]),
                 (a.astype(a.dtype.newbyteorder()), b)):
        got = rq.integer_matmul(x, y)
        assert got.shape == (2, 5, 3, 4) and (got == exact).all()


def test_no_larger_than_its_result_and_one_piece() -> None:
    import tracemalloc

    a, b = np.ones((64, 30_000), np.int8), np.ones((30_000, 64), np.int8)
    tracemalloc.start()
    rq.integer_matmul(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6  # two float32 pieces of 64 x 1024, and three of 64 x 64


@pytest.mark.parametrize(("a", "b"), [(np.zeros((2, 3), np.int8), np.zeros((2, 3), np.int8)),
                                      (np.zeros(3, np.int8), np.zeros((3, 1), np.int8)),
                                      (np.zeros((2, 1, 3), np.int8), np.zeros((3, 3, 1), np.int8))])
def test_factors_fit(a: Any, b: Any) -> None:
    with refused(ValueError, "integer_matmul", a.shape, b.shape):
        rq.integer_matmul(a, b)


@pytest.mark.parametrize("a", [np.zeros((1, 1)), np.zeros((1, 1), np.int32), np.zeros((1, 1), bool), [[1]]])
def test_factors_are_codes(a: Any) -> None:
    with refused(TypeError, "integer_matmul", "`a`", "integer codes of at most 16 bits", "q.astype(np.int8)"):
        rq.integer_matmul(a, np.zeros((1, 1), np.int8))


@pytest.mark.parametrize("m", [0.0, -1.0, np.inf, 2.0**30, [0.5, 2.0**31]])
def test_multipliers_are_positive_finite_and_below_2_to_30(m: Any) -> None:
    with refused(ValueError, "quantize_multiplier", "R14", np.ravel(m)[-1]):
        rq.quantize_multiplier(m)


def test_multipliers_without_nan() -> None:
    with refused(ValueError, "quantize_multiplier", "NaN"):
        rq.quantize_multiplier(np.nan)


@pytest.mark.parametrize(("name", "value"), [("acc", 2**31), ("acc", -2**31 - 1), ("mantissa", 2**30 - 1),
                                             ("mantissa", 2**31), ("shift", 31), ("shift", -2**31 - 1),
                                             ("zero_point", 128)])
def test_requantize_within_its_limits(name: str, value: int) -> None:
    good: dict[str, Any] = {"acc": 5, "mantissa": 2**30, "shift": 0, "zero_point": 0}
    with refused(ValueError, "requantize", f"`{name}`", "R14", value):
        rq.requantize(**{**good, name: value}, grid=rq.INT8)
    with refused(TypeError, "requantize", f"`{name}`"):
        rq.requantize(**{**good, name: 0.5}, grid=rq.INT8)


def test_requantize_per_channel() -> None:
    mantissa, shift = rq.quantize_multiplier([0.5, 0.25])
    assert rq.requantize([[100, 100]], mantissa, shift, [1, 2], rq.INT8).tolist() == [[51, 27]]
    for two in ((mantissa, 0, 0), (mantissa[0], shift, 0), (mantissa[0], 0, [1, 2])):
        for acc, shape in (([[1, 2, 3]], "(1, 3)"), (1, "()")):
            with refused(ValueError, "R12", "(2,)", shape):
                rq.requantize(acc, *two, rq.INT8)


def test_averages_by_a_multiplier_miss_ties_and_the_recipe_does_not() -> None:
    missed = []
    for n in range(2, 65):
        sums = np.arange(-128 * n, 127 * n + 1)
        q, rest = np.divmod(sums, n)
        exact = np.where(2 * rest + q % 2 > n, q + 1, q)
        if n < 12:
            assert exact.tolist() == [round(Fraction(int(s), n)) for s in sums]
        wrong = rq.requantize(sums, *rq.quantize_multiplier(1 / n), 0, rq.INT8) != exact
        assert (2 * rest[wrong] == n).all(), "only ties"
        missed += [n] if wrong.any() else []
    assert missed == [n for n in range(2, 65, 2) if n & (n - 1)] and len(missed) == 26


def test_grids_are_grids() -> None:
    with refused(TypeError, "requantize", "`grid` must be a grid", "8"):
        rq.requantize(1, 2**30, 0, 0, 8)  # type: ignore[arg-type]


ACC = sorted({s * v + d for v in (0, 1, 245, 2**30, 2**31 - 1, 2**31 - 2) for s in (-1, 1) for d in (-1, 0, 1)
              if -2**31 <= s * v + d < 2**31} | {-2**31})
MANTISSAS = (2**30, 2**30 + 1, 3 * 2**29, 2**31 - 2, 2**31 - 1)
SHIFTS = (30, 29, 1, 0, -1, -4, -29, -30, -31, -32, -33, -62, -63, -64, -1000, -2**31)


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("grid", [rq.INT8, rq.UINT16, rq.INT32, rq.IntGrid(32, signed=False)])
def test_requantize_at_the_extremes_is_the_exact_rational(shift: int, grid: rq.IntGrid) -> None:
    for mantissa, zero_point in itertools.product(MANTISSAS, (grid.qmin, min(1, grid.qmax), grid.qmax)):
        m = Fraction(mantissa) * Fraction(2) ** (max(shift, -200) - 31)  # beyond, all are 0
        expected = [min(max(round(acc * m) + zero_point, grid.qmin), grid.qmax) for acc in ACC]
        got = rq.requantize(np.array(ACC, np.int32), mantissa, shift, zero_point, grid)
        assert got.tolist() == expected and got.dtype == grid.dtype
        if shift > -200:
            assert expected == [oracle.requantize(acc, mantissa, shift, zero_point, grid) for acc in ACC]


@pytest.mark.parametrize("e", [-1074, -1073, -1022, -500, -1, 0, 1, 28, 29])
def test_multipliers_at_the_extremes_are_the_nearest_of_31_bits(e: int) -> None:
    for fraction in (1.0, 1 + 2**-30, 1 + 2**-31, 1 + 3 * 2**-31, 1.5, 2 - 2**-30, 2 - 2**-31, 2 - 2**-52):
        m = float(np.ldexp(fraction, e))
        exact = Fraction(m)
        if round(exact * 2**31 / Fraction(2) ** (e + 1)) == 2**31 and e == 29:
            with refused(ValueError, "quantize_multiplier", "R14"):
                rq.quantize_multiplier(m)
            continue
        mantissa, shift = map(int, rq.quantize_multiplier(m))
        assert 2**30 <= mantissa < 2**31 and shift <= 30
        scaled = exact / Fraction(2) ** (shift - 31)
        assert mantissa == round(scaled) or (mantissa == 2**30 and shift == e + 2)
