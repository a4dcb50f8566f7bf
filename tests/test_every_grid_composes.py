"""Ranges, observers, blocks, chunks and gradients on floats and codebooks, each beside plain arrays."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from helpers import nearest, refused

import refquant as rq
from refquant import mlp

GRIDS = [rq.E4M3, rq.E5M2FNUZ, rq.E2M1, rq.E3M2, rq.NF4, rq.Codebook([-3.5, -0.7, 0.1, 2.0, 9.0]),
         rq.FloatGrid(3, 4, specials=16)]
LOPSIDED = GRIDS[5]
X = np.random.default_rng(0).standard_t(3, size=(6, 8)).astype(np.float32)
every_grid = pytest.mark.parametrize("grid", GRIDS, ids=str)


def reach(grid: Any) -> float:
    return min(-grid.qmin, grid.qmax)


def moved(x: Any, scale: Any, grid: Any) -> Any:
    """x_hat in x's dtype: the nearest of the grid's values, all of which beyond the ends are the ends."""
    return (nearest(grid, x / scale).astype(x.dtype) * scale).astype(x.dtype)


def step(largest: Any, grid: Any) -> Any:
    return np.asarray(largest / np.float32(reach(grid)), np.float32)


@every_grid
@pytest.mark.parametrize("axis", [None, -1, 0, (0, 1)])
def test_dynamic_and_static(grid: Any, axis: Any) -> None:
    largest = np.abs(X).max(axis=axis, keepdims=axis is not None)
    params = rq.dynamic_params(X, grid, axis, fit=rq.symmetric_params)
    assert params.scale.tobytes() == step(largest, grid).tobytes() and not params.zero_point.any()
    x_hat = moved(X, params.scale, grid)
    assert (rq.fake_quantize(X, params) == x_hat).all()
    assert (rq.dequantize(rq.quantize(X, params), params) == x_hat).all()
    if axis != -1:
        batches = [X[:1], X[1:4], X[4:]]
        assert rq.static_params(batches, grid, axis=axis, fit=rq.symmetric_params) == params
    power = rq.dynamic_params(X, grid, axis, fit=rq.mx_params)
    assert (power.scale == 2.0 ** (np.floor(np.log2(largest)) - np.floor(np.log2(reach(grid))))).all()
    assert (rq.fake_quantize(X, power) == moved(X, power.scale, grid)).all()


@every_grid
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_dtypes(grid: Any, dtype: Any) -> None:
    """float16 is computed in float32 and rounded back, once; float64 stays."""
    x, wide = X.astype(dtype), np.float32 if dtype == np.float16 else np.float64
    params = rq.dynamic_params(x, grid, -1, fit=rq.symmetric_params)
    scale = np.abs(x).max(axis=-1, keepdims=True).astype(wide) / wide(reach(grid))
    assert params.scale.dtype == wide and (params.scale == scale).all()
    x_hat = rq.fake_quantize(x, params)
    assert x_hat.dtype == dtype and (x_hat == moved(x.astype(wide), scale, grid).astype(dtype)).all()


@pytest.mark.parametrize("grid", [rq.E2M1, rq.NF4, LOPSIDED], ids=str)
@pytest.mark.parametrize(("clip", "fit"), [
    (partial(rq.mse_optimal), rq.symmetric_params), (partial(rq.lp_optimal, p=1.0), rq.symmetric_params),
    (partial(rq.mse_optimal), rq.mx_params), (partial(rq.mse_optimal), rq.two_level(rq.E4M3, scale=2.0**-7))])
def test_the_best_range_by_brute_force(grid: Any, clip: Any, fit: Any) -> None:
    """Of all c in 64ths, then in 1024ths beside the best, the widest of the best; one for each row."""
    lo, hi = clip(X[:3].astype(np.float64), grid, -1, fit)
    p = clip.keywords.get("p", 2)
    for row, row_lo, row_hi in zip(X[:3].astype(np.float64), lo[:, 0], hi[:, 0], strict=True):
        def error(c: float, row: Any = row) -> float:
            params = fit(c * row.min(), c * row.max(), grid)
            return float(np.mean(np.abs(row - moved(row, params.scale, grid)) ** p))

        best = min(np.arange(64, 0, -1) / 64, key=error)
        best = min([best, *np.clip(best + np.arange(16, -17, -1) / 1024, 1 / 1024, 1)], key=error)
        assert (row_lo, row_hi) == (best * row.min(), best * row.max())


@pytest.mark.parametrize("shape", [(1, 3, 1, 8), (1, 1, 24)])
@pytest.mark.parametrize("fit", [rq.mx_params, rq.symmetric_params, rq.two_level(rq.E4M3, scale=np.full((1, 1), 1e-2)),
                                 rq.two_level(rq.E4M3, axis=-2)])
def test_axes_of_length_1_change_no_range(shape: tuple[int, ...], fit: Any) -> None:
    """A search drops them where a formula is raw, and keeps them for fits that name axes."""
    x = X[:3].reshape(shape)
    found = rq.mse_optimal(x, rq.E2M1, -1, fit)
    assert found[0].shape == (*shape[:-1], 1)
    for row, lo, hi in zip(x.reshape(-1, shape[-1]), found[0].ravel(), found[1].ravel(), strict=True):
        alone = rq.mse_optimal(row[None], rq.E2M1, -1, fit)
        assert (alone[0].item(), alone[1].item()) == (lo, hi)
    with refused(ValueError, "mse_optimal", "NumPy has at most 64"):
        rq.mse_optimal(np.ones([1] * 63 + [2]), rq.E2M1, -1, rq.mx_params)


def test_a_block_alone_is_best_with_a_second_scale_that_is_known() -> None:
    """No block loses by mse_optimal where the second scale does not move with the others."""
    x = rq.split_blocks(np.random.default_rng(3).laplace(size=(8, 64)), 16)
    nvfp4 = rq.two_level(rq.E4M3, scale=2.0**-9)
    plain = rq.dynamic_params(x, rq.E2M1, -1, fit=nvfp4)
    best = rq.dynamic_params(x, rq.E2M1, -1, clip=partial(rq.mse_optimal, grid=rq.E2M1, fit=nvfp4), fit=nvfp4)
    errors = [((x - rq.fake_quantize(x, params)) ** 2).mean(axis=-1) for params in (plain, best)]
    assert (errors[1] <= errors[0]).all() and errors[1].mean() < 0.95 * errors[0].mean()


@every_grid
def test_observers(grid: Any) -> None:
    """Each gives a range that no grid changes; the fit does the rest."""
    batches = [X[:2], X[2:3], X[3:]]

    def params(observer: rq.Observer) -> rq.AffineParams:
        return rq.static_params(batches, grid, observer=observer, fit=rq.symmetric_params)

    lo, hi = X[:2].min(), X[:2].max()
    for batch in batches[1:]:
        lo, hi = (np.float32(0.75 * end + 0.25 * np.float64(new)) for end, new in (
            (lo, batch.min()), (hi, batch.max())))
    assert params(rq.moving_average_observer(0.25)).scale == step(max(-lo, hi), grid)
    mean, sigma = X.astype(np.float64).mean(), X.astype(np.float64).std()
    ends = max(mean - 1.5 * sigma, X.min()), min(mean + 1.5 * sigma, X.max())
    np.testing.assert_allclose(params(rq.moments_observer(1.5)).scale, max(-ends[0], ends[1]) / reach(grid), rtol=1e-6)
    bins = rq.histogram_observer(partial(rq.mse_optimal, grid=grid, fit=rq.symmetric_params), bins=2**10)
    found = params(bins)
    whole = rq.symmetric_params(*rq.mse_optimal(X, grid, fit=rq.symmetric_params), grid)
    least = [np.sqrt(np.mean((X - moved(X, p.scale, grid)) ** 2)) for p in (found, whole)]
    assert abs(least[0] - least[1]) <= 2 * np.abs(X).max() / 2**10  # within one bin, as documented


@every_grid
@pytest.mark.parametrize("fit", [rq.symmetric_params, rq.mx_even_params, rq.two_level(rq.E4M3, axis=(-2, -1))])
def test_blocks_chunks_and_packing(grid: Any, fit: Any) -> None:
    x = np.random.default_rng(1).normal(size=(3, 50)).astype(np.float32)
    blocks = rq.split_blocks(x, 16)
    params = rq.dynamic_params(blocks, grid, -1, fit=fit)
    x_hat = np.zeros_like(x)
    for i in range(3):
        for b in range(4):
            x_hat[i, 16 * b:16 * b + 16] = moved(x[i, 16 * b:16 * b + 16], params.scale[i, b, 0], grid)
    assert (rq.join_blocks(rq.fake_quantize(blocks, params), length=50) == x_hat).all()
    codes = rq.quantize(blocks, params)
    stream = rq.pack(rq.join_blocks(codes, length=50), grid)
    assert len(stream) == -(-150 * grid.bits // 8)
    again = rq.split_blocks(rq.unpack(stream, grid, 150).reshape(3, 50), 16)
    assert (rq.join_blocks(rq.dequantize(again, params), length=50) == x_hat).all()


@pytest.mark.parametrize("grid", [rq.E4M3, rq.NF4], ids=str)
def test_chunks(grid: Any) -> None:
    """Longer than a piece, cut along rows and within a row, scales in each granularity."""
    x = np.random.default_rng(2).normal(size=(3, 2**17 + 5)).astype(np.float32)
    for axis in (None, -1, 0):
        params = rq.dynamic_params(x, grid, axis, fit=rq.mx_params)
        codes = rq.quantize(x, params)
        assert (rq.in_chunks(rq.quantize, x, params) == codes).all()
        assert (rq.in_chunks(rq.dequantize, codes, params) == rq.fake_quantize(x, params)).all()
    assert (rq.quantize(x[0, ::999], rq.dynamic_params(x[0], grid, fit=rq.mx_params)).astype(int) >= 0).all()


# ------------------------------------------------------------------------------------------------------- gradients

def beyond(grid: Any) -> tuple[float, float]:
    """Where rounding leaves the ends: half a gap beyond them, the gap that would follow or, of a codebook, the last."""
    if isinstance(grid, rq.Codebook):
        v = grid.values
        return v[0] - (v[1] - v[0]) / 2, v[-1] + (v[-1] - v[-2]) / 2
    return grid.qmin - 2.0 ** (grid.emax - grid.mantissa - 1), grid.qmax + 2.0 ** (grid.emax - grid.mantissa - 1)


@every_grid
def test_straight_through_passes_where_the_rounded_value_is_not_clipped(grid: Any) -> None:
    lo, hi = beyond(grid)
    x = np.array([lo * 1.001, lo * 0.999, grid.qmin, 0.01, grid.qmax, hi * 0.999, hi * 1.001, np.inf]) * 0.5
    x_hat, pullback = rq.straight_through(x, 0.5, 0, grid)
    assert (x_hat == moved(x, 0.5, grid)).all()
    assert (pullback(np.full(8, 3.0)) == [0, 3, 3, 3, 3, 3, 0, 0]).all()
    x = np.random.default_rng(0).normal(size=400) * grid.qmax / 2
    assert (rq.straight_through(x, 1.0, 0, grid)[1](np.ones(400)) == ((x >= lo) & (x <= hi))).mean() > 0.99


@every_grid
def test_lsq_is_the_published_formula(grid: Any) -> None:
    """dx = g inside the ends; dscale = g (round(v) - v) there, g times the end beyond."""
    rng = np.random.default_rng(0)
    scale = np.float64([[0.5], [2.0]])
    x, g = rng.normal(size=(2, 40)) * grid.qmax * scale, rng.normal(size=(2, 40))
    x[:, 0], x[:, 1] = grid.qmax * scale[:, 0], grid.qmin * scale[:, 0] * 0.999
    x_hat, pullback = rq.lsq(x, scale, 0, grid)
    dx, dscale = pullback(g)
    v = x / scale
    inside = (grid.qmin < v) & (v < grid.qmax)
    share = np.where(inside, nearest(grid, v) - v, np.where(v > 0, grid.qmax, grid.qmin))
    assert (x_hat == moved(x, scale, grid)).all() and (dx == g * inside).all()
    assert inside.any() and not inside.all() and not inside[0, 0]
    np.testing.assert_allclose(dscale, (g * share).sum(axis=1, keepdims=True), rtol=1e-12)


# ------------------------------------------------------------------------------------------------------- refused

NET = mlp.init(np.random.default_rng(0), (4, 3, 2))
FLOATS = mlp.ptq_static(NET, [X[:, :4]], activation_grid=rq.E4M3, activation_fit=rq.symmetric_params)
NEED_STEPS: dict[str, Any] = {
    "AffineParams": lambda grid: rq.AffineParams(scale=1.0, zero_point=1, grid=grid),
    "channel_params": lambda grid: rq.channel_params([1.0, 2.0], [0, 1], grid, axis=0, ndim=2),
    "affine_params": lambda grid: rq.affine_params(-1.0, 1.0, grid),
    "static_params": lambda grid: rq.static_params([X], grid),
    "dynamic_params": lambda grid: rq.dynamic_params(X, grid),
    "mse_optimal": lambda grid: rq.mse_optimal(X, grid), "lp_optimal": lambda grid: rq.lp_optimal(X, grid, p=3.0),
    "octav": lambda grid: rq.octav(X, grid), "entropy": lambda grid: rq.entropy(X, grid),
    "aciq_gaussian": lambda grid: rq.aciq_gaussian(X, grid), "aciq_laplace": lambda grid: rq.aciq_laplace(X, grid),
    "requantize": lambda grid: rq.requantize(1, 2**30, 0, 0, grid),
    "an observer": lambda grid: rq.static_params(
        [X], grid, observer=rq.histogram_observer(partial(rq.entropy, grid=grid)), fit=rq.symmetric_params),
    "ptq_static": lambda grid: mlp.ptq_static(NET, [X[:, :4]], activation_grid=grid),
    "ptq_dynamic": lambda grid: mlp.ptq_dynamic(NET, activation_grid=grid),
    "weights": lambda grid: mlp.ptq_dynamic(NET, weight_grid=grid, weight_fit=rq.affine_params),
    "deploy": lambda grid: mlp.deploy(mlp.ptq_static(NET, [X[:, :4]], weight_grid=grid)),
    "forward_integer": lambda grid: mlp.forward_integer(
        mlp.ptq_static(NET, [X[:, :4]], activation_grid=grid, activation_fit=rq.symmetric_params), X[:, :4])}


@pytest.mark.parametrize("name", NEED_STEPS)
@pytest.mark.parametrize("grid", [rq.E4M3, rq.NF4], ids=str)
def test_what_needs_equal_steps_hands_over_the_cure(name: str, grid: Any) -> None:
    with refused(ValueError, f"`grid` must have equal steps; got {grid}.", "take an IntGrid", "zero_point=0",
                 "fit=rq.symmetric_params (in mlp activation_fit=)", "clip=rq.minmax or rq.mse_optimal"):
        NEED_STEPS[name](grid)


@pytest.mark.parametrize("grid", [rq.E8M0, rq.Codebook([0, 1, 2])], ids=str)
@pytest.mark.parametrize("call", [
    lambda grid: rq.dynamic_params(X, grid, fit=rq.symmetric_params),
    lambda grid: mlp.ptq_dynamic(NET, weight_grid=grid), lambda grid: mlp.ptq_static(NET, [X[:, :4]], weight_grid=grid),
    lambda grid: mlp.ptq_dynamic(NET, activation_grid=grid, fit=rq.mx_params)])
def test_one_sided_grids_hold_no_data(grid: Any, call: Any) -> None:
    with refused(ValueError, f"`grid` must have values on both sides of 0; got {grid}.", "take rq.E4M3, say, for data"):
        call(grid)
