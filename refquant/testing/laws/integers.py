"""Laws of integers (R13, R14): exact products, one rounding."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .. import oracle, strategies
from ..strategies import Requantization
from .law import Law, each, equal


def products_are_exact(subject: Any, case: tuple[Any, Any]) -> None:
    a, b = case
    largest = a.shape[1] * int(np.prod([max(-int(np.iinfo(f.dtype).min), int(np.iinfo(f.dtype).max)) for f in case]))
    exact = [[sum(int(p) * int(q) for p, q in zip(row, column, strict=True)) for column in b.T] for row in a]
    expected = np.array(exact, object).reshape(a.shape[0], b.shape[1])
    equal("R13", subject.integer_matmul(a, b), expected.astype(np.int32 if largest < 2**31 else np.int64))


def products_of_the_largest_codes_are_exact(subject: Any, case: tuple[int, str, str]) -> None:
    k, left, right = case
    for x, y in ((np.iinfo(left).max, np.iinfo(right).max), (np.iinfo(left).min, np.iinfo(right).max)):
        got = subject.integer_matmul(np.full((1, k), x, left), np.full((k, 1), y, right))
        assert int(got[0, 0]) == k * int(x) * int(y), f"R13: {k} * {x} * {y} became {got[0, 0]}"


def sums_are_exact_at_the_bound_of_float32(subject: Any, case: tuple[Any, Any, int, int, str, str]) -> None:
    left, right, pieces, beyond, high, low = case
    x, y = int(getattr(np.iinfo(left), high)), int(getattr(np.iinfo(right), low))
    most = [max(int(np.iinfo(t).max), -int(np.iinfo(t).min)) for t in (left, right)]
    k = pieces * (2**24 // (most[0] * most[1])) + beyond  # where a sum of the largest products leaves 2**24
    a, b = np.full((1, k), x, left), np.full((k, 1), y, right)
    a[0, -1] = b[-1, 0] = 1  # what float32 would lose beyond it
    exact = (k - 1) * x * y + 1
    equal("R13", subject.integer_matmul(a, b), np.array([[exact]], np.int32))


def requantize_rounds_once(subject: Any, case: Requantization) -> None:
    acc, mantissa, shift, zero_point, grid = case
    expected = each(lambda a: oracle.requantize(a, mantissa, shift, zero_point, grid), grid.dtype, acc)
    equal("R14", subject.requantize(acc, mantissa, shift, zero_point, grid), expected)


def a_multiplier_has_31_bits(subject: Any, m: float) -> None:
    mantissa, shift = (int(part) for part in subject.quantize_multiplier(m))
    assert 2**30 <= mantissa < 2**31 and shift <= 30, f"R14: {m} became {mantissa} * 2**({shift} - 31)"
    error = abs(Fraction(mantissa) * Fraction(2) ** (shift - 31) - Fraction(m))
    assert error <= Fraction(2) ** (shift - 32), f"R14: {m} became {mantissa} * 2**({shift} - 31)"


LAWS = (
    Law(products_are_exact, ("R13",), strategies.factors()),
    Law(products_of_the_largest_codes_are_exact, ("R13",), st.tuples(
        st.integers(1, 9), st.sampled_from(["int16", "uint16"]), st.sampled_from(["int16", "uint16"]))),
    Law(sums_are_exact_at_the_bound_of_float32, ("R13",), st.tuples(
        st.sampled_from([np.int8, np.uint8]), st.sampled_from([np.int8, np.uint8]), st.integers(1, 3),
        st.integers(-1, 1), st.sampled_from(["max", "min"]), st.sampled_from(["max", "min"]))),
    Law(requantize_rounds_once, ("R14",), strategies.requantizations()),
    Law(a_multiplier_has_31_bits, ("R14",), st.floats(1e-30, 2.0**29) | st.integers(-40, 29).map(
        lambda e: 2.0**e) | st.integers(-40, 29).map(lambda e: float(np.nextafter(2.0**e, 0)))))
