from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq


@pytest.mark.parametrize(("k", "dtype"), [(131071, np.int32), (131072, np.int64)])
def test_the_accumulator_follows_the_dtypes(k: int, dtype: Any) -> None:
    a = np.zeros((1, k), np.int8)
    assert rq.integer_matmul(a, a.T).dtype == dtype


def test_stacks_of_matrices_and_no_terms() -> None:
    a = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    assert rq.integer_matmul(a, a[0].T).tolist() == (a.astype(int) @ a[0].T.astype(int)).tolist()
    assert rq.integer_matmul(np.zeros((2, 0), np.int8), np.zeros((0, 3), np.uint16)).tolist() == [[0] * 3] * 2


@pytest.mark.parametrize(("a", "b"), [(np.zeros((2, 3), np.int8), np.zeros((2, 3), np.int8)),
                                      (np.zeros(3, np.int8), np.zeros((3, 1), np.int8)),
                                      (np.zeros((2, 1, 3), np.int8), np.zeros((3, 3, 1), np.int8))])
def test_factors_fit(a: Any, b: Any) -> None:
    with refused(ValueError, "integer_matmul", a.shape, b.shape):
        rq.integer_matmul(a, b)


@pytest.mark.parametrize("a", [np.zeros((1, 1)), np.zeros((1, 1), np.int32), np.zeros((1, 1), bool), [[1]]])
def test_factors_are_codes(a: Any) -> None:
    with refused(TypeError, "integer_matmul", "`a`"):
        rq.integer_matmul(a, np.zeros((1, 1), np.int8))


@pytest.mark.parametrize("m", [0.0, -1.0, np.inf, 2.0**30, [0.5, 2.0**31]])
def test_multipliers_are_positive_finite_and_below_2_to_30(m: Any) -> None:
    with refused(ValueError, "quantize_multiplier", "R14", np.ravel(m)[-1]):
        rq.quantize_multiplier(m)


def test_multipliers_without_nan() -> None:
    with refused(ValueError, "quantize_multiplier", "NaN"):
        rq.quantize_multiplier(np.nan)


@pytest.mark.parametrize(("name", "value"), [("acc", 2**31), ("acc", -2**31 - 1), ("mantissa", 2**30 - 1),
                                             ("mantissa", 2**31), ("shift", 31), ("zero_point", 128)])
def test_requantize_within_its_limits(name: str, value: int) -> None:
    good: dict[str, Any] = {"acc": 5, "mantissa": 2**30, "shift": 0, "zero_point": 0}
    with refused(ValueError, "requantize", f"`{name}`", "R14", value):
        rq.requantize(**{**good, name: value}, grid=rq.INT8)
    with refused(TypeError, "requantize", f"`{name}`"):
        rq.requantize(**{**good, name: 0.5}, grid=rq.INT8)


def test_requantize_per_channel() -> None:
    mantissa, shift = rq.quantize_multiplier([0.5, 0.25])
    assert rq.requantize([[100, 100]], mantissa, shift, [1, 2], rq.INT8).tolist() == [[51, 27]]
    with refused(ValueError, "R12", "(2,)", "(1, 3)"):
        rq.requantize([[1, 2, 3]], mantissa, shift, 0, rq.INT8)


def test_grids_are_grids() -> None:
    with refused(TypeError, "requantize", "`grid` must be an IntGrid", "8"):
        rq.requantize(1, 2**30, 0, 0, 8)  # type: ignore[arg-type]
