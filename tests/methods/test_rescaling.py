"""SmoothQuant, AWQ and the Hadamard transform: what their laws leave open, and what they say of bad input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.methods import awq, hadamard, smoothquant

X, W = np.float32([[1, -4, 0], [0.5, 2, 0]]), np.float32([[0.25, -1], [0, 0], [3, 1]])


def rounded(w: Any) -> Any:
    return rq.fake_quantize(w, rq.dynamic_params(w, rq.INT4, 0, fit=rq.symmetric_params))


def test_dead_channels_are_left_alone_without_a_warning() -> None:
    assert smoothquant(X, W).tolist() == [1, 1, 1] and smoothquant(4 * X, W).tolist() == [2, 1, 1]
    assert awq(X, W, rounded)[2] == 1 and (awq(0 * X, W, rounded) == 1).all()
    assert (smoothquant(0 * X, 0 * W) == 1).all() and smoothquant(X, W[:, :0]).tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_ends_of_a_dtype_are_no_ends_of_s(dtype: Any) -> None:
    info = np.finfo(dtype)
    for large, small in ((info.max, info.smallest_subnormal), (info.smallest_subnormal, info.max)):
        for alpha in (0, 0.5, 1):
            s = smoothquant(np.full((2, 1), large), np.full((1, 2), small), alpha)
            assert np.isfinite(s).all() and (s > 0).all()
    s = awq(np.array([[info.max, info.smallest_subnormal]]), np.ones((2, 1), dtype), rounded)
    assert np.isfinite(s).all() and (s > 0).all() and s.dtype == np.result_type(dtype, np.float32)


def test_awq_keeps_rounding_where_no_power_is_better() -> None:
    asked: list[Any] = []
    s = awq(X, W, lambda w: asked.append(w) or w)  # type: ignore[func-returns-value]
    assert (s == 1).all() and asked[0].tobytes() == W.tobytes() and len(asked) == 21


def test_a_rotation_spreads_an_outlier_and_gathers_a_mean() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 128)).astype(np.float32)

    def db(x: Any) -> float:
        return rq.sqnr_db(x, rq.fake_quantize(x, rq.dynamic_params(x, rq.INT4, 1)))

    one = x * np.where(np.arange(128) == 7, np.float32(50), np.float32(1))
    assert db(hadamard(one)) > db(one) + 6 and abs(db(hadamard(x)) - db(x)) < 0.5
    relu = np.maximum(x, 0)
    assert db(hadamard(relu)) < db(relu) - 1 and hadamard(relu).dtype == np.float32
    assert hadamard(np.float16([3.0])) == 3 and hadamard(x[:0]).shape == (0, 128)


BAD: dict[str, tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]] = {
    "shapes": (smoothquant, (X, W.T), ValueError, "smoothquant: `x` (n, n_in) and `w` (n_in, n_out) must fit"),
    "no rows": (smoothquant, (X[:0], W), ValueError, "n, n_in > 0"),
    "no inputs": (awq, (X[:, :0], W[:0], rounded), ValueError, "n, n_in > 0"),
    "a vector": (awq, (X[0], W, rounded), ValueError, "shapes (3,) and (3, 2)"),
    "NaN": (smoothquant, (X * np.nan, W), ValueError, "`x` must not hold NaN"),
    "infinite": (awq, (X, W + np.inf, rounded), ValueError, "`w` must be finite"),
    "integers": (smoothquant, (X.astype(int), W), TypeError, "`x` must be float16"),
    "alpha": (smoothquant, (X, W, 1.5), ValueError, "`alpha` must be a number from 0 to 1; got 1.5"),
    "alpha a word": (smoothquant, (X, W, "half"), ValueError, "`alpha`"),
    "parameters for a function": (awq, (X, W, rq.INT4), TypeError, "`quantize` must be a function (weights) -> w_hat"),
    "rq.quantize": (awq, (X, W, rq.quantize), TypeError, "`quantize` must be a function"),
    "codes": (awq, (X, W, lambda w: rq.quantize(w, rq.dynamic_params(w, rq.INT4))), TypeError, "`quantize(w)`"),
    "another shape": (awq, (X, W, lambda w: w.T), ValueError, "weights of w's shape; got (2, 3) for (3, 2)"),
    "size 3": (hadamard, (X,), ValueError, "a power of two; got 3 along axis 1 of shape (2, 3)"),
    "size 0": (hadamard, (X[:, :0],), ValueError, "a power of two; got 0"),
    "axis": (hadamard, (X, 2), ValueError, "`axis` must name one of 2 axes"),
    "a scalar": (hadamard, (1.0,), ValueError, "`axis`"),
    "an infinite x": (hadamard, ([np.inf, 1.0],), ValueError, "`x` must be finite"),
    "no data": (hadamard, (), TypeError, "hadamard: the arguments must be (x, axis)"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=list(BAD))
def test_bad_input_is_named(case: tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]) -> None:
    method, args, kind, says = case
    with refused(kind, says):
        method(*args)
