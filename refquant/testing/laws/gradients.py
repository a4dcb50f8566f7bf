"""Laws of gradients (R15): straight through, and of learned steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import refquant

from .. import oracle, strategies
from ..strategies import Quantization
from .law import Law, each, equal, native, on_grids


def _is_masked(f: Any, case: Quantization, inside: Any, of_x: Any = np.asarray) -> None:
    """x_hat is fake_quantize's, and the gradient passes where inside(x, scale, zero point)."""
    x, params = native(case.x), case.params
    x_hat, pullback = f(x, params.scale, params.zero_point, params.grid)
    equal("R15", x_hat, refquant.fake_quantize(x, params))
    passed = each(inside, np.dtype(bool), x, params.scale, params.zero_point)
    g = np.arange(1, x.size + 1, dtype=x.dtype).reshape(x.shape)
    equal("R15", of_x(pullback(g)), np.where(passed, g, x.dtype.type(0)))


def straight_through_is_fake_quantize_with_its_mask(subject: Any, case: Quantization) -> None:
    _is_masked(subject.straight_through, case, lambda v, s, z: oracle.inside(v, s, z, case.params.grid))


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


def lsq_is_fake_quantize_masked_before_rounding(subject: Any, case: Quantization) -> None:
    grid = case.params.grid
    _is_masked(subject.lsq, case, lambda v, s, z: grid.qmin - int(z) < oracle.quotient(v, s, grid) < grid.qmax - int(z),
               lambda gradients: gradients[0])


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


LAWS = (
    on_grids(straight_through_is_fake_quantize_with_its_mask, ("R15",), strategies.quantizations),
    Law(the_pullback_is_the_derivative_of_the_surrogate, ("R15",), st.tuples(
        st.floats(-20, 20), st.sampled_from([0.5, 1.0, 0.1]), st.integers(-8, 7))),
    on_grids(lsq_is_fake_quantize_masked_before_rounding, ("R15",), strategies.quantizations,
             strategies.integer_grids(8) | strategies.uneven_grids()),
    Law(the_gradient_of_a_learned_step_is_the_surrogates, ("R15",), st.tuples(
        st.floats(-20, 20), st.sampled_from([0.5, 1.0, 0.1]), st.integers(-8, 7), st.integers(1, 3))))
