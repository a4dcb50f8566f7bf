"""Laws of the methods. They cite the method, gptq, say, where others cite a rule.

Your own is held to them: `for law in laws_citing("gptq"): holds(law, SimpleNamespace(gptq=yours))`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import refquant as rq

from ...arguments import quiet
from .. import strategies
from .law import Law, equal

SIZES = st.integers(1, 6) | st.sampled_from([2, 70, 140])  # many work in blocks of 128 rows
GRIDS = strategies.integer_grids(8) | strategies.float_grids() | st.sampled_from([rq.E2M1, rq.NF4])


class Layer(NamedTuple):
    """Inputs, weights and their parameters, some of them clipping; how gptq is asked."""

    x: Any
    w: Any
    params: rq.AffineParams
    damp: float
    act_order: bool


@st.composite
@quiet
def layers(draw: st.DrawFn, n_in: st.SearchStrategy[int] = SIZES) -> Layer:
    """Inputs that go together, of unlike sizes, some of them dead."""
    n, n_out, rng = draw(n_in), draw(st.integers(1, 3)), np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype, grid = draw(st.sampled_from(strategies.DTYPES[:2])), draw(GRIDS)
    x = rng.normal(size=(2 * n + 9, n)) + draw(st.sampled_from([0, 1, 3])) * rng.normal(size=(2 * n + 9, 1))
    x *= 2.0 ** rng.integers(-2, 3, n) * (rng.random(n) < draw(st.sampled_from([1, 1, 0.7])))
    x[:, draw(st.integers(0, n - 1))] += 1
    w = rng.normal(size=(n, n_out)).astype(dtype)
    fit = rq.affine_params if grid.equal_steps else rq.symmetric_params
    ends = np.array(rq.minmax(w, draw(st.sampled_from([None, 0, 1]))))
    ends *= dtype.type(draw(st.sampled_from([1, 1.5, 0.6])))
    damp, act_order = draw(st.sampled_from([0.01, 0.01, 0.3, 1e-6])), draw(st.booleans())
    return Layer(x.astype(dtype), w, fit(ends[0], ends[1], grid), damp, act_order)


def _called(subject: Any, name: str, *args: Any, **options: Any) -> Any:
    """The method of the subject, which may be refquant."""
    return getattr(subject if hasattr(subject, name) else subject.methods, name)(*args, **options)


@quiet
def _solved(case: Layer, q: Any) -> Any:
    """By one inverse a row, and no factor. Of the live rows in the order in which they are rounded: where least squares
    wants each, the value that came, the nearest one, the largest square that it may cost inside the grid, and what it
    costs. Then which rows are dead.
    """
    w, h = case.w.astype(np.float64), (case.x.T @ case.x).astype(np.float64)
    rows = np.flatnonzero(np.diag(h))
    if case.act_order:
        rows = rows[np.argsort(-np.diag(h)[rows], kind="stable")]
    w, h = w[rows], h[np.ix_(rows, rows)]
    h += case.damp * np.mean(np.diag(h)) * np.eye(len(rows))
    scale, zero = (np.broadcast_to(a, case.w.shape)[rows] for a in (case.params.scale, case.params.zero_point))
    grid, scale = case.params.grid, scale.astype(np.float64)
    middle, reach = (grid.qmax + grid.qmin) / 2, (grid.qmax - grid.qmin) / 2
    params = rq.AffineParams(scale=scale, zero_point=zero, grid=grid)
    came = rq.dequantize(q[rows], params)
    first = [np.linalg.inv(h[j:, j:])[0] for j in range(len(rows))]  # least squares in the rows from j on
    aims = np.array([w[j] - first[j] @ (h[j:, :j] @ (came - w)[:j]) for j in range(len(rows))])
    residual = np.array([[1 / row[0]] for row in first])
    inside = grid.equal_steps and (abs(aims / scale + zero - middle) <= reach).all()
    return SimpleNamespace(
        aims=aims, came=came, nearest=rq.fake_quantize(aims, params), bounds=residual * scale**2 / 4, inside=inside,
        squares=residual * (came - aims) ** 2, loss=np.sum((came - w) * (h @ (came - w))),
        dead=np.setdiff1d(np.arange(len(case.w)), rows))


def gptq_rounds_each_row_to_the_nearest_of_its_least_squares_solution(subject: Any, case: Layer) -> None:
    before = case.w.copy()
    q = _called(subject, "gptq", case.w, case.x.T @ case.x, case.params, case.damp, act_order=case.act_order)
    equal("gptq: w is not written to", case.w, before)
    equal("gptq", q, q.astype(case.params.grid.dtype))
    solved = _solved(case, q)
    slack = 1e-5 * (np.abs(solved.aims) + np.abs(case.w).max())  # float32's rounding errors
    far = np.abs(solved.came - solved.aims) - np.abs(solved.nearest - solved.aims)
    assert (far <= slack).all(), f"gptq: {far.max()} farther from the aim than the nearest value"
    equal("gptq: dead inputs keep the nearest code", q[solved.dead], rq.quantize(case.w, case.params)[solved.dead])


def gptq_loses_a_sum_of_squares_within_its_bound(subject: Any, case: Layer) -> None:
    q = _called(subject, "gptq", case.w, case.x.T @ case.x, case.params, case.damp, act_order=case.act_order)
    solved = _solved(case, q)
    total, most = solved.squares.sum(), solved.bounds.sum()
    assert np.isclose(solved.loss, total, rtol=1e-6), f"gptq: tr(d.T @ h @ d) is {solved.loss}, the sum {total}"
    assert not solved.inside or total <= most * (1 + 1e-5), f"gptq: loses {total}, at most {most} without clipping"


def gptq_of_two_inputs_is_no_worse_than_nearest(subject: Any, case: Layer) -> None:
    q = _called(subject, "gptq", case.w, case.x.T @ case.x, case.params, case.damp, act_order=case.act_order)
    losses = [_solved(case, codes).loss for codes in (q, rq.quantize(case.w, case.params))]
    assert losses[0] <= losses[1] * (1 + 1e-5), f"gptq: {losses[0]}, nearest {losses[1]}"


@st.composite
@quiet
def unrelated(draw: st.DrawFn) -> tuple[Any, Any, rq.AffineParams]:
    """Weights at decision points, signed zeros among them, and inputs that do not go together."""
    shape, dtype = (draw(st.integers(1, 5)), draw(st.integers(1, 4))), draw(strategies.dtypes())
    params = draw(strategies.params(draw(strategies.EVERY), shape, dtype))
    w = draw(strategies.decision_points(params, shape, dtype))
    h = np.array([draw(st.sampled_from([0.0, 1.0, 0.3, 1e6])) for _ in range(shape[0])])
    h[draw(st.integers(0, shape[0] - 1))] = 2.0
    w[draw(st.integers(0, shape[0] - 1)), 0] = -0.0
    return np.clip(w, np.finfo(dtype).min, np.finfo(dtype).max), np.diag(h), params


def gptq_of_a_diagonal_h_is_nearest(subject: Any, case: tuple[Any, Any, rq.AffineParams]) -> None:
    w, h, params = case
    equal("gptq", _called(subject, "gptq", w, h, params), rq.quantize(w, params))
    equal("gptq", _called(subject, "gptq", w, h, params, 0, act_order=True), rq.quantize(w, params))


def smoothquant_keeps_the_product_and_balances_the_maxima(subject: Any, case: tuple[Layer, float]) -> None:
    (x, w, *_), alpha = case
    s = _called(subject, "smoothquant", x, w, alpha)
    assert s.dtype == w.dtype and s.shape == (len(w),) and ((s > 0) & np.isfinite(s)).all(), f"smoothquant: {s}"
    s, of_x, of_w = s.astype(np.float64), np.abs(x).max(axis=0), np.abs(w).max(axis=1)
    np.testing.assert_allclose((x / s) @ (s[:, None] * w), x.astype(np.float64) @ w, atol=1e-9, err_msg="smoothquant")
    dead = (of_x == 0) | (of_w == 0)
    assert (s[dead] == 1).all(), f"smoothquant: {s[dead]} of dead channels"
    np.testing.assert_allclose((of_x / s)[~dead], (of_x * of_w.astype(np.float64))[~dead] ** (1 - alpha), rtol=1e-5,
                               err_msg="smoothquant: maxima of x / s")
    np.testing.assert_allclose((of_w * s)[~dead], (of_x.astype(np.float64) * of_w)[~dead] ** alpha, rtol=1e-5,
                               err_msg="smoothquant: maxima of s * w")


@st.composite
def powers_of_two(draw: st.DrawFn) -> tuple[Any, int]:
    """Integers, of which float32 and float64 hold every sum, and an axis whose size is a power of two."""
    shape = [draw(st.integers(1, 3)) for _ in range(draw(st.integers(1, 3)))]
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shape[axis] = 2 ** draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.integers(-9, 10, shape).astype(draw(st.sampled_from(strategies.DTYPES[:2])))
    return draw(strategies.layouts(x)), axis


def hadamard_is_the_matrix_and_its_own_inverse(subject: Any, case: tuple[Any, int]) -> None:
    x, axis = case
    matrix = np.ones((1, 1))
    while len(matrix) < x.shape[axis]:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]]) / np.sqrt(2)
    y = _called(subject, "hadamard", x, axis)
    assert y.dtype == x.dtype.newbyteorder("=") and y.shape == x.shape, f"hadamard: {y.dtype}{y.shape}"
    right = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix, -1, axis)
    np.testing.assert_allclose(y, right, atol=1e-4, err_msg="hadamard")
    np.testing.assert_allclose(_called(subject, "hadamard", y, axis), x, atol=1e-4, err_msg="hadamard: twice")
    assert (np.abs(y) <= np.abs(x).sum(axis, keepdims=True) / np.sqrt(x.shape[axis]) + 1e-4).all(), "hadamard: spread"


def awq_finds_the_best_power_of_the_mean(subject: Any, case: Layer) -> None:
    x, w, exact = case.x, case.w, case.x.astype(np.float64)

    def rounded(v: Any) -> Any:
        return rq.fake_quantize(v, rq.dynamic_params(v, rq.INT4, axis=0, fit=rq.symmetric_params))

    def loss(s: Any) -> float:
        return float(np.sum((exact @ w - (exact / s) @ rounded(s[:, None] * w)) ** 2))

    s = _called(subject, "awq", x, w, rounded)
    assert s.dtype == w.dtype and s.shape == (len(w),) and ((s > 0) & np.isfinite(s)).all(), f"awq: {s}"
    found, nearest = loss(s), loss(np.ones_like(s))
    assert found <= nearest, f"awq: {found}, nearest {nearest}"
    m = np.abs(exact).mean(axis=0)
    live = m > 0
    m = np.where(live, m / np.sqrt(m.max() * m[live].min()), 1)
    best = min(loss((m ** (i / 20)).astype(w.dtype)) for i in range(21))
    assert found <= best * (1 + 1e-5), f"awq: {found}, and {best} with another power"
    scaled = x * w.dtype.type(2.0**5), w * w.dtype.type(2.0**-7)
    equal("awq: powers of two", _called(subject, "awq", *scaled, rounded), s)


LAWS = (
    Law(gptq_rounds_each_row_to_the_nearest_of_its_least_squares_solution, ("gptq",), layers()),
    Law(gptq_loses_a_sum_of_squares_within_its_bound, ("gptq",), layers()),
    Law(gptq_of_two_inputs_is_no_worse_than_nearest, ("gptq",), layers(st.just(2))),
    Law(gptq_of_a_diagonal_h_is_nearest, ("gptq", "R3", "R17"), unrelated() | strategies.every_tie().map(
        lambda case: (np.stack([case.x, -case.x]), np.diag([2.0, 3.0]), case.params))),
    Law(smoothquant_keeps_the_product_and_balances_the_maxima, ("smoothquant",), st.tuples(
        layers(), st.sampled_from([0.5, 0.0, 1.0, 0.8]))),
    Law(hadamard_is_the_matrix_and_its_own_inverse, ("hadamard",), powers_of_two()),
    Law(awq_finds_the_best_power_of_the_mean, ("awq",), layers()))
