"""AdaRound: floor or ceiling, never worse than nearest, and often much better."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant.methods import adaround
from refquant.methods.adaround import reconstruction, rectified_sigmoid, regulariser

QUICK = 60  # iterations: the laws hold for any number


def layer(seed: int, shape: tuple[int, int, int], bits: int = 3, axis: int | None = 0,
          dtype: Any = np.float32) -> tuple[Any, ...]:
    """w, params, x, x_hat, bias: correlated inputs after ReLU, quantized; some weights lie beyond the grid."""
    n, n_in, n_out = shape
    rng = np.random.default_rng(seed)
    x = np.maximum(rng.normal(size=(n, 3)) @ rng.normal(size=(3, n_in)) + 0.3 * rng.normal(size=(n, n_in)), 0)
    x, w, b = (a.astype(dtype) for a in (x, rng.normal(size=(n_in, n_out)), rng.normal(size=n_out)))
    lo, hi = rq.minmax(w, axis)
    params = rq.symmetric_params(0.8 * lo, 0.8 * hi, rq.IntGrid(bits))
    return w, params, x, rq.fake_quantize(x, rq.dynamic_params(x, rq.IntGrid(bits, signed=False))), b


def errors(q: Any, w: Any, params: Any, x: Any, x_hat: Any, bias: Any, relu: bool) -> Any:
    """The squared error of each output."""
    x, x_hat, w, scale = (a.astype(np.float64) for a in (x, x_hat, w, params.scale))
    y, y_hat = x @ w + bias, x_hat @ (scale * q) + bias
    return np.sum((np.maximum(y, 0) - np.maximum(y_hat, 0) if relu else y - y_hat) ** 2, axis=0)


shapes = st.tuples(st.integers(1, 12), st.integers(1, 6), st.integers(1, 4))


@given(st.integers(0, 2**32), shapes, st.sampled_from([2, 3, 8, 17]), st.sampled_from([None, 0]), st.booleans(),
       st.sampled_from([np.float16, np.float32, np.float64]))
def test_codes_are_floors_or_ceilings_and_no_worse_than_nearest(
        seed: int, shape: tuple[int, int, int], bits: int, axis: int | None, relu: bool, dtype: Any) -> None:
    args = w, params, *_ = layer(seed, shape, bits, axis, dtype)
    q = adaround(*args, relu=relu, iterations=QUICK)
    at = w / params.scale.astype(params.grid.arithmetic(w.dtype))
    down, up = (np.clip(f(at), params.grid.qmin, params.grid.qmax) for f in (np.floor, np.ceil))
    assert q.dtype == params.grid.dtype and q.shape == w.shape and ((q == down) | (q == up)).all()
    assert (errors(q, *args, relu) <= errors(rq.quantize(w, params), *args, relu)).all()
    assert (q == adaround(*args, relu=relu, iterations=QUICK)).all(), "deterministic"


@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([1, 2, 4]), st.booleans())
def test_orthogonal_inputs_leave_nearest(seed: int, n_out: int, half: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.kron(np.eye(half), [[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    w = rng.integers(-6, 7, size=(2 * half, n_out)) / 2 if ties else rng.normal(size=(2 * half, n_out))
    params = rq.AffineParams(scale=1.0 if ties else 0.37, zero_point=0, grid=rq.IntGrid(3))
    q = adaround(w, params, x, x, rng.normal(size=n_out), relu=False, iterations=QUICK)
    assert (q == rq.quantize(w, params)).all()


@given(st.integers(0, 2**32), shapes, st.booleans(), st.sampled_from([np.float16, np.float32, np.float64]))
def test_weights_on_the_grid_stay(seed: int, shape: tuple[int, int, int], relu: bool, dtype: Any) -> None:
    w, params, x, x_hat, b = layer(seed, shape, 4, dtype=dtype)
    w = rq.fake_quantize(w, params)
    assert (adaround(w, params, x, x_hat, b, relu=relu, iterations=QUICK) == rq.quantize(w, params)).all()


def test_a_code_is_kept_where_its_value_is_rounded() -> None:
    """0.7 in float16 is 7.002 steps of 0.1, and yet the value of code 7: more than 7 is asked for, and not given."""
    params, x = rq.AffineParams(scale=np.float32(0.1), zero_point=0, grid=rq.INT8), np.array([[1.0]])
    assert adaround(np.float16([[0.7]]), params, x, 0.8 * x, [0.0], relu=False) == [[7]]
    assert adaround(np.float16([[0.71]]), params, x, 0.8 * x, [0.0], relu=False) == [[8]]


@pytest.mark.slow
def test_floor_and_ceiling_are_of_the_true_quotient() -> None:
    """One ulp below a code, where w * (1 / scale) is not below it (R3): less than the code is asked for, and given."""
    scale = np.float32(0.1) * np.float32(1.01) ** np.arange(20, dtype=np.float32)
    w = np.nextafter(np.arange(4, 60, dtype=np.float32)[:, None] * scale, np.float32(0))
    off = np.floor(w / scale) < np.floor(w * (1 / scale))
    assert off.any()
    x = np.array([[1.0]])
    for value, step in zip(w[off][:50], np.broadcast_to(scale, w.shape)[off][:50], strict=True):
        params = rq.AffineParams(scale=step, zero_point=0, grid=rq.INT8)
        q = adaround([[value]], params, x, 1.5 * x, [0.0], relu=False, iterations=300)
        assert q == np.floor(value / step)


@given(st.integers(0, 2**32), st.integers(-100, 100), st.integers(-100, 100))
def test_powers_of_two_change_nothing(seed: int, of_x: int, of_w: int) -> None:
    w, params, x, x_hat, b = layer(seed, (8, 4, 3), dtype=np.float64)
    fine = rq.AffineParams(scale=params.scale * 2.0**of_w, zero_point=0, grid=params.grid)
    scaled = (w * 2.0**of_w, fine, x * 2.0**of_x, x_hat * 2.0**of_x, b * 2.0 ** (of_x + of_w))
    assert (adaround(*scaled, relu=True, iterations=QUICK) == adaround(
        w, params, x, x_hat, b, relu=True, iterations=QUICK)).all()


@pytest.mark.parametrize("relu", [False, True])
def test_near_the_best_of_all_roundings(relu: bool) -> None:
    found, best, nearest = [], [], []
    for seed in range(10):
        args = w, params, *_ = layer(seed, (40, 6, 3), axis=None)
        at = w / params.scale
        ends = [np.clip(f(at), params.grid.qmin, params.grid.qmax) for f in (np.floor, np.ceil)]
        every = [errors(np.where(np.reshape(up, (6, 1)), ends[1], ends[0]), *args, relu)
                 for up in product([0, 1], repeat=6)]
        best.append(np.min(every, axis=0).sum())
        found.append(errors(adaround(*args, relu=relu, iterations=300), *args, relu).sum())
        nearest.append(errors(rq.quantize(w, params), *args, relu).sum())
    assert sum(best) <= sum(found) < 1.1 * sum(best) < 0.7 * sum(nearest)


def test_relu_hides_errors() -> None:
    """Two samples: where both networks are below 0, nothing is to be gained."""
    x = np.array([[1.0, 1.0], [-1.0, -1.0]])
    params = rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT4)
    w, b = np.array([[0.4], [0.45]]), np.array([-10.0])
    assert adaround(w, params, x, x, b, relu=False).ravel().tolist() == [0, 1]
    assert adaround(w, params, x, x, b, relu=True).ravel().tolist() == [0, 0]


def test_the_quantized_input_is_compensated() -> None:
    """x_hat is 20 % too small: each weight is rounded up for it."""
    x = np.array([[1.0]])
    params = rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT4)
    assert adaround([[2.4]], params, x, x, [0.0], relu=True) == [[2]]
    assert adaround([[2.4]], params, x, 0.8 * x, [0.0], relu=True) == [[3]]


def test_every_output_is_a_problem_of_its_own() -> None:
    w, params, x, x_hat, b = layer(0, (40, 6, 4), dtype=np.float64)
    whole = adaround(w, params, x, x_hat, b, relu=True)
    for j in range(4):
        one = rq.AffineParams(scale=params.scale[:, j:j + 1], zero_point=0, grid=params.grid)
        loud = w[:, j:j + 1]
        assert (adaround(loud, one, x, x_hat, b[j:j + 1], relu=True) == whole[:, j:j + 1]).all()


def test_beyond_float64_it_is_nearest_and_no_outputs_have_no_codes() -> None:
    params = rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT4)
    huge = np.full((3, 2), 1e300)
    assert adaround([[2.4], [1.4]], params, huge, huge, [0.0], relu=False, iterations=QUICK).tolist() == [[2], [1]]
    assert adaround(np.zeros((2, 0)), params, np.ones((3, 2)), np.ones((3, 2)), np.zeros(0), relu=True).shape == (2, 0)


def test_no_iterations_and_no_regulariser_are_allowed() -> None:
    for seed in range(20):
        args = w, params, *_ = layer(seed, (8, 4, 3))
        assert (adaround(*args, relu=True, iterations=0) == rq.quantize(w, params)).all()
    soft = adaround(*args, relu=True, lam=0, iterations=QUICK)
    assert (errors(soft, *args, True) <= errors(rq.quantize(w, params), *args, True)).all()


def test_pullbacks_are_derivatives() -> None:
    rng = np.random.default_rng(0)
    v, g = 2 * rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    scale, bias = rng.uniform(0.5, 2, (1, 3)), rng.normal(size=3)
    x_hat, target, weight = rng.normal(size=(5, 4)), rng.normal(size=(5, 3)), rng.normal(size=3)
    for relu in (False, True):
        error = reconstruction(x_hat, scale, bias, target, relu)
        check(lambda q, error=error: float(error(q)[0] @ weight), error(v)[1](weight), v)
        y, goal = x_hat @ (scale * v) + bias, target
        np.testing.assert_allclose(error(v)[0], np.sum((np.maximum(y, 0) - np.maximum(goal, 0) if relu else y - goal)
                                                       ** 2, axis=0))
    check(lambda u: float(np.sum(rectified_sigmoid(u)[0] * g)), rectified_sigmoid(v)[1](g), v)
    h = rng.uniform(0, 1, (4, 3))
    for beta in (2.0, 7.5, 20.0):
        check(lambda u, beta=beta: float(regulariser(u, beta)[0].sum()), regulariser(h, beta)[1](), h)


def check(f: Any, gradient: Any, at: Any) -> None:
    for index in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[index] += 1e-6
        down[index] -= 1e-6
        assert gradient[index] == pytest.approx((f(up) - f(down)) / 2e-6, rel=1e-4, abs=1e-6)


def test_the_sigmoid_reaches_both_ends() -> None:
    h, pullback = rectified_sigmoid(np.array([-40.0, 0.0, 40.0]))
    assert h[[0, 2]].tolist() == [0, 1] and h[1] == pytest.approx(0.5)
    assert pullback(np.ones(3))[[0, 2]].tolist() == [0, 0]
    assert regulariser(np.array([[0.0], [1.0]]), 3)[0] == 0 < regulariser(np.array([[0.5]]), 3)[0]


def test_errors() -> None:
    w, params, x, x_hat, b = layer(0, (8, 4, 3))
    for i, name in enumerate(("w", "x", "x_hat", "bias")):
        arrays = [w, x, x_hat, b]
        arrays[i] = arrays[i] * np.nan
        with refused(ValueError, f"adaround: `{name}`", "NaN"):
            adaround(arrays[0], params, *arrays[1:], relu=True)
    for bad in ((w[:3], params, x, x_hat, b), (w, params, x[:0], x_hat[:0], b), (w, params, x, x_hat[:3], b),
                (w, params, x, x_hat, b[:2]), (w[:0], params, x[:, :0], x_hat[:, :0], b)):
        with refused(ValueError, "adaround", "must fit", "n, n_in > 0"):
            adaround(*bad, relu=True)
    steps = params.scale
    for scale, zero_point, grid in ((steps, 1, rq.INT4), (steps[:, :2], 0, rq.INT4), (steps[0], 0, rq.INT4),
                                    (np.ones((4, 1)), 0, rq.INT4), (steps, 8, rq.UINT4)):
        with refused(ValueError, "`params` must be symmetric", "for 3 outputs"):
            adaround(w, rq.AffineParams(scale=scale, zero_point=zero_point, grid=grid), x, x_hat, b, relu=True)
    for grid in (rq.E4M3, rq.NF4):
        with refused(ValueError, "adaround: `grid` must have equal steps", repr(grid)):
            adaround(w, rq.symmetric_params(*rq.minmax(w), grid), x, x_hat, b, relu=True)
    with refused(TypeError, "`params`"):
        adaround(w, 0.1, x, x_hat, b, relu=True)  # type: ignore[arg-type]
    for bad in (-1, np.nan, np.inf, "1"):
        for name in ("lr", "lam"):
            with refused(ValueError, "adaround", f"`{name}`", repr(bad)):
                adaround(w, params, x, x_hat, b, relu=True, **{name: bad})  # type: ignore[arg-type]
    with refused(ValueError, "`iterations`", "-1"):
        adaround(w, params, x, x_hat, b, relu=True, iterations=-1)
    with refused(TypeError, "`iterations`"):
        adaround(w, params, x, x_hat, b, relu=True, iterations=1.5)  # type: ignore[arg-type]
