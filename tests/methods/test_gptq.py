"""GPTQ: the codes of a public implementation, those of the paper's algorithm, and what it says of bad input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.methods import gptq

GOLDEN = Path(__file__).parents[1] / "golden" / "gptq.npz"


def layer(seed: int, n_in: int, n_out: int, dtype: Any = np.float32, rows: int = 50) -> tuple[Any, Any]:
    """w and h, of inputs that go together, some of them much larger than others."""
    rng = np.random.default_rng(seed)
    x = np.maximum(rng.normal(size=(rows, 3)) @ rng.normal(size=(3, n_in)) + rng.normal(size=(rows, n_in)), 0)
    x = (x * np.exp(rng.normal(size=n_in))).astype(dtype)
    return rng.normal(size=(n_in, n_out)).astype(dtype), x.T @ x


def as_published(w: Any, h: Any, params: rq.AffineParams, damp: float = 0.01) -> Any:
    """Algorithm 1 in blocks of one: the inverse, its factor, and each row's error pushed forward."""
    n = len(h)
    inverse = np.linalg.inv(h.astype(np.float64) + damp * np.mean(np.diag(h)) * np.eye(n))
    u = np.linalg.cholesky(inverse).T
    scale, zero_point = (np.broadcast_to(a, w.shape) for a in (params.scale, params.zero_point))
    w, q = w.astype(np.float64), np.empty(w.shape, params.grid.dtype)
    for i in range(n):
        row = rq.AffineParams(scale=scale[i], zero_point=zero_point[i], grid=params.grid)
        q[i] = rq.quantize(w[i].astype(np.float32), row)
        w[i + 1:] -= np.outer(u[i, i + 1:], (w[i] - rq.dequantize(q[i], row)) / u[i, i])
    return q


def loss(q: Any, w: Any, params: rq.AffineParams, h: Any) -> float:
    d = rq.dequantize(q, params).astype(np.float64) - w
    return float(np.sum(d * (h.astype(np.float64) @ d)))


def test_all_codes_of_a_public_implementation() -> None:
    golden = np.load(GOLDEN)
    params = rq.AffineParams(scale=golden["scale"], zero_point=0, grid=rq.INT4)
    for dtype in (np.float32, np.float64):
        q = gptq(golden["w"].astype(dtype), golden["h"].astype(dtype), params)
        assert q.dtype == np.int8 and q.size == 4608 and (q == golden["codes"]).all()
    assert (rq.quantize(golden["w"], params) != golden["codes"]).mean() > 0.1


CASES: list[tuple[rq.Grid, Any, int | tuple[int, ...] | None]] = [
    (rq.INT4, rq.symmetric_params, None), (rq.UINT4, rq.affine_params, 0), (rq.UINT2, rq.affine_params, None),
    (rq.E2M1, rq.symmetric_params, 0), (rq.NF4, rq.symmetric_params, 1), (rq.E2M1, rq.mx_params, 0)]


@pytest.mark.parametrize("n_in", [1, 5, 32, 33, 70])
@pytest.mark.parametrize(("grid", "fit", "axis"), CASES)
def test_the_codes_are_those_of_the_papers_algorithm(grid: rq.Grid, fit: Any, axis: Any, n_in: int) -> None:
    w, h = layer(n_in, n_in, 6)
    params = rq.dynamic_params(w, grid, axis, fit=fit)
    for damp in (0.01, 1.0):
        assert (gptq(w, h, params, damp) == as_published(w, h, params, damp)).all()
    if n_in > 5:
        assert loss(gptq(w, h, params), w, params, h) < 0.8 * loss(rq.quantize(w, params), w, params, h)


def test_the_order_is_that_of_the_diagonal() -> None:
    w, h = layer(0, 20, 4)
    params = rq.dynamic_params(w, rq.INT4, 1, fit=rq.symmetric_params)
    order = np.argsort(-np.diag(h))
    rows = rq.AffineParams(scale=params.scale[order], zero_point=0, grid=rq.INT4)
    q = gptq(w, h, params, act_order=True)
    assert (q[order] == as_published(w[order], h[np.ix_(order, order)], rows)).all() and (q != gptq(w, h, params)).any()


@pytest.mark.parametrize("size", [1, 5, 6, 9, 20])
def test_groups_are_blocks_of_inputs_and_padding_changes_nothing(size: int) -> None:
    w, h = layer(1, 20, 4)
    blocks = rq.split_blocks(w, size, axis=0)
    groups = rq.dynamic_params(blocks, rq.UINT4, axis=1)
    scale, zero_point = (np.repeat(a[:, 0], size, axis=0)[:20] for a in (groups.scale, groups.zero_point))
    each = rq.AffineParams(scale=scale, zero_point=zero_point, grid=rq.UINT4)
    for order in (False, True):
        q = gptq(blocks, h, groups, act_order=order)
        assert q.shape == blocks.shape and not rq.dequantize(q, groups).reshape(-1, 4)[20:].any()
        assert (rq.join_blocks(q, axis=0, length=20) == gptq(w, h, each, act_order=order)).all()


def test_dead_inputs_keep_their_nearest_codes_and_change_nothing() -> None:
    w, h = layer(2, 12, 5)
    params = rq.dynamic_params(w, rq.INT4, 1)
    live = np.arange(12) % 4 != 0
    h[~live] = h[:, ~live] = 0
    q = gptq(w, h, params)
    some = rq.AffineParams(scale=params.scale[live], zero_point=params.zero_point[live], grid=rq.INT4)
    assert (q[~live] == rq.quantize(w, params)[~live]).all()
    assert (q[live] == gptq(w[live], h[np.ix_(live, live)], some)).all()


def test_inputs_that_go_with_no_other_keep_even_the_sign_of_zero() -> None:
    w = np.float32([[-0.0, 0.0], [-1e-30, 3.0], [3e38, -0.0]])
    params = rq.AffineParams(scale=np.float32(1e38), zero_point=0, grid=rq.E4M3)
    for h in (np.eye(3), np.diag([1e-300, 0.5, 1e300]), np.diag(np.float32([2, 0, 1e-38]))):
        assert gptq(w, h, params).tobytes() == rq.quantize(w, params).tobytes()
    h = np.float32([[1, -0.0, 0], [0, 1, -1e-20], [-0.0, -1e-20, 1]])
    assert gptq(w / 1e38, h, params).tobytes() == rq.quantize(w / 1e38, params).tobytes()


def test_nothing_but_the_numbers_counts() -> None:
    w, h = layer(3, 40, 7)
    params = rq.dynamic_params(w, rq.INT4, 0)
    before, q = (w.tobytes(), h.tobytes()), gptq(w, h, params)
    w.flags.writeable = h.flags.writeable = False
    for same in (gptq(w.tolist(), h.tolist(), params), gptq(np.asfortranarray(w), h[::-1].copy()[::-1], params),
                 gptq(w.astype(">f4"), h, params), gptq(w, h * np.float32(2.0**40), params),
                 gptq(w, h.astype(np.float64) * 2.0**-900, params), gptq(w[:, :3], h, rq.AffineParams(
                     scale=params.scale[:, :3], zero_point=params.zero_point[:, :3], grid=rq.INT4))):
        assert (same == q[:, :same.shape[1]]).all()
    assert (w.tobytes(), h.tobytes()) == before and q.dtype == np.int8
    assert gptq(w[:, :0], h, rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT4)).shape == (40, 0)


def test_a_matrix_of_few_rows_needs_damping() -> None:
    step = rq.AffineParams(scale=0.1, zero_point=0, grid=rq.INT4)
    for seed in range(20):
        for dtype in (np.float32, np.float64):
            w, h = layer(seed, 12, 3, dtype, rows=8)
            gptq(w, h, step)
            with refused(ValueError, "gptq: `h` must be positive definite", "damp=0"):
                gptq(w, h, step, damp=0)
    x = np.float32([[1000, 1000, 1], [2000, 2000, -1], [3000, 3000, 1]])  # two large inputs that are one
    gptq(w[:3], x.T @ x, step)


W, H = np.ones((3, 2)), np.eye(3)
ONE = rq.AffineParams(scale=0.1, zero_point=0, grid=rq.INT4)
BAD: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "h of another size": ((W, np.eye(2), ONE), {}, ValueError, "(3, 2) and (2, 2)"),
    "h of w's other side": ((W.T, np.eye(3), ONE), {}, ValueError, "(n_in, n_out)"),
    "x for h": ((W, np.ones((5, 3)), ONE), {}, ValueError, "x.T @ x"),
    "h a number": ((W, 1.0, ONE), {}, ValueError, "shapes (3, 2) and ()"),
    "w a vector": ((W[:, 0], H, ONE), {}, ValueError, "shapes (3,)"),
    "blocks that end before": ((np.ones((3, 2, 4)), H, ONE), {}, ValueError, "(3, 2, 4) and (3, 3)"),
    "groups, but w is whole": ((np.ones((4, 2)), np.eye(4), rq.AffineParams(
        scale=np.ones((2, 1, 2)), zero_point=0, grid=rq.INT4)), {}, ValueError, "split_blocks(w, size, axis=0)"),
    "params of another shape": ((W, H, rq.AffineParams(scale=np.ones(3), zero_point=0, grid=rq.INT4)), {}, ValueError,
                                "(R12)"),
    "no params": ((W, H, 0.1), {}, TypeError, "`params` must be AffineParams"),
    "no rows": ((W, np.zeros((3, 3)), ONE), {}, ValueError, "at least one calibration row"),
    "no inputs": ((W[:0], H[:0, :0], ONE), {}, ValueError, "at least one calibration row"),
    "not symmetric": ((W, np.triu(np.ones((3, 3))), ONE), {}, ValueError, "symmetric"),
    "a little asymmetric": ((W, H + np.outer([1e-3, 0, 0], [0, 1, 0]), ONE), {}, ValueError, "at index (0, 1)"),
    "negative": ((W, -H, ONE), {}, ValueError, "-1.0 at index (0, 0)"),
    "dead, and yet not": ((W, np.float64([[0, 1, 0], [1, 5, 0], [0, 0, 1]]), ONE), {}, ValueError, "sqrt(h_ii * h_jj)"),
    "indefinite": ((W, H - 0.9 * (1 - H), ONE), {}, ValueError, "damp=0.01"),
    "NaN": ((W, H * np.nan, ONE), {}, ValueError, "`h` must not hold NaN"),
    "an infinite h": ((W, np.full((3, 3), np.inf), ONE), {}, ValueError, "`h` must be finite"),
    "an infinite w": ((W * np.inf, H, ONE), {}, ValueError, "`w` must be finite"),
    "integers": ((W.astype(int), H, ONE), {}, TypeError, "`w` must be float16"),
    "damp below 0": ((W, H, ONE), {"damp": -0.01}, ValueError, "`damp` must be a number from 0"),
    "damp infinite": ((W, H, ONE), {"damp": np.inf}, ValueError, "`damp`"),
    "damp NaN": ((W, H, ONE), {"damp": np.nan}, ValueError, "`damp`"),
    "damp a word": ((W, H, ONE), {"damp": "a lot"}, ValueError, "`damp`"),
    "an unknown option": ((W, H, ONE), {"actorder": True}, TypeError, "(w, h, params, damp, act_order=)"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=list(BAD))
def test_bad_input_is_named(case: tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]) -> None:
    args, options, kind, says = case
    with refused(kind, says):
        gptq(*args, **options)
