"""A grid of one's own: whatever has the protocol composes with everything that asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq

VALUES = np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0])
CODES = np.array([7, 6, 5, 0, 1, 2, 3], np.uint8)  # sign and magnitude, -0 left out


@dataclass(frozen=True)
class Powers(rq.Grid):
    """0, 1, 2, 4 and their negatives in 3 bits: unequal steps, no zero point; a tie goes to the even code."""

    bits: int = 3

    def __post_init__(self) -> None:
        vars(self).update(dtype=np.dtype("uint8"), qmin=-4.0, qmax=4.0, zero_points=(0, 0), zero=-0.0,
                          equal_steps=False)

    def round(self, v: Any, out: Any = None) -> Any:
        near = np.searchsorted((VALUES[1:] + VALUES[:-1]) / 2, v, side="left")
        up = np.minimum(near + 1, 6)
        tie = (v == (VALUES[near] + VALUES[up]) / 2) & (CODES[up] % 2 == 0)
        rounded = np.where(np.abs(v) > 6, v, VALUES[np.where(tie, up, near)])  # beyond the ends nothing saturates
        return np.copyto(out, np.copysign(rounded, v)) if out is not None else np.copysign(rounded, v)

    def encode(self, v: Any) -> Any:
        return CODES[np.searchsorted(VALUES, v)]

    def decode(self, q: Any) -> Any:
        return VALUES[np.argsort(CODES)[np.searchsorted(np.sort(CODES), q)]].astype(np.float32)

    def check(self, where: str, q: Any, name: str = "q") -> Any:
        return rq.UINT4.check(where, q, name)


GRID = Powers()
reals = st.lists(st.sampled_from([*VALUES, 0.5, 1.5, 3.0, -0.5, -3.0, 9.0, -np.inf, np.inf, -0.0, 0.7]), min_size=1)


def nearest(v: float) -> float:
    """By trying all values."""
    if abs(v) > 4:
        return float(np.copysign(4, v))
    gaps = [abs(v - value) for value in VALUES]
    return min((value for value, gap in zip(VALUES, gaps, strict=True) if gap == min(gaps)),
               key=lambda value: CODES[VALUES.tolist().index(value)] % 2)


@given(reals, st.sampled_from([np.float32(1), np.float32(0.25), np.float32(64)]))
def test_the_formula_asks_the_grid(x: list[float], scale: Any) -> None:
    data = np.float32(x) * scale
    params = rq.AffineParams(scale=scale, zero_point=0, grid=GRID)
    q = rq.quantize(data, params)
    expected = np.float32([nearest(float(v)) for v in x])
    assert q.dtype == np.uint8 and (GRID.decode(q) == expected).all()
    x_hat, pullback = rq.straight_through(data, scale, 0, GRID)
    learned, _ = rq.lsq(data, scale, 0, GRID)
    for got in (rq.fake_quantize(data, params), rq.dequantize(q, params), x_hat, learned):
        assert got.dtype == np.float32 and (got == expected * scale).all()
    assert (pullback(np.ones_like(data)) == (GRID.round(data / scale) == expected)).all()


def test_everything_composes() -> None:
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    params = rq.dynamic_params(x, GRID, axis=-1, fit=rq.symmetric_params)
    assert (params.scale[:, 0] == np.abs(x).max(axis=1) / 4).all()
    assert rq.static_params([x[:2], x[2:]], GRID, fit=rq.symmetric_params) == rq.symmetric_params(*rq.minmax(x), GRID)
    lo, hi = rq.mse_optimal(x, GRID, fit=rq.symmetric_params)
    assert rq.mse(x, rq.fake_quantize(x, rq.symmetric_params(lo, hi, GRID))) <= rq.mse(
        x, rq.fake_quantize(x, rq.symmetric_params(*rq.minmax(x), GRID)))
    assert (rq.in_chunks(rq.quantize, x, params) == rq.quantize(x, params)).all()
    q = rq.quantize(x, params)
    assert (rq.unpack(rq.pack(q, GRID), GRID, q.size).reshape(q.shape) == q).all()
    assert rq.bits_per_value(params, x.size) == 3 + 4 * 32 / 24


@pytest.mark.parametrize("call", [
    lambda: rq.affine_params(-1.0, 1.0, GRID), lambda: rq.dynamic_params([1.0], GRID), lambda: rq.entropy([1.0], GRID),
    lambda: rq.octav([1.0], GRID), lambda: rq.aciq_gaussian([1.0], GRID), lambda: rq.aciq_laplace([1.0], GRID),
    lambda: rq.requantize(1, 2**30, 0, 0, GRID)])
def test_what_needs_equal_steps_says_so_and_hands_over_the_cure(call: Any) -> None:
    with refused(ValueError, "`grid` must have equal steps", "Powers", "fit=rq.symmetric_params"):
        call()


def test_a_grid_without_zero_points_refuses_them() -> None:
    with refused(ValueError, "`grid` must have equal steps", "Powers"):
        rq.AffineParams(scale=1.0, zero_point=1, grid=GRID)


def test_integers_have_one_zero() -> None:
    step = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT8)
    for x in (np.float32(-0.3), np.float32(-0.0), np.float64(-0.3), np.float16(-0.3)):
        for x_hat in (rq.fake_quantize(x, step), rq.straight_through(np.asarray(x), 1.0, 0, rq.INT8)[0],
                      rq.lsq(np.asarray(x), 1.0, 0, rq.INT8)[0]):
            assert x_hat == 0 and not np.signbit(x_hat) and x_hat.dtype == x.dtype
