"""Scales that are quantized too (R18), beside plain arrays: the four MX rules, and two levels."""

import math
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from helpers import nearest, refused

import refquant as rq

RULES = [rq.mx_params, rq.mx_ceil_params, rq.mx_even_params, rq.mx_rceil_params]
GRIDS = [rq.E4M3, rq.E5M2, rq.E4M3FNUZ, rq.E2M3, rq.E3M2, rq.E2M1, rq.INT8, rq.FloatGrid(3, 4, specials=16)]


def blocks(*largest: float, dtype: Any = np.float32) -> Any:
    """One row of two values for each: the second is a third of the first, with the other sign."""
    a = np.array(largest, dtype)
    return np.stack([a, -a / dtype(3)], axis=-1)


def exponents(m: float, grid: Any) -> tuple[int, int, int, int]:
    """Of the scale, by each rule's definition: the first k, from far below, that keeps what the rule promises."""
    emax = math.floor(math.log2(grid.qmax))
    mantissa = getattr(grid, "mantissa", emax)
    rounds_up = 2.0 ** (emax + 1) - 2.0 ** (emax - mantissa - 1)  # the middle of the highest step of that binade
    k = np.arange(-400, 400)
    scaled = [math.ldexp(m, -int(i)) for i in k]
    return tuple(int(k[np.argmax(kept)]) for kept in (  # type: ignore[return-value]
        [v < 2.0 ** (emax + 1) for v in scaled], [v <= 2.0**emax for v in scaled], [v < rounds_up for v in scaled],
        [v <= grid.qmax for v in scaled]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_four_rules_of_mx(grid: Any, dtype: Any) -> None:
    """Where float32's logarithm is wrong, and where rules part: beside powers of two, and in the top binade."""
    marks = np.array([1, 1.5, 1.75, 1.875, 1.9375, 1.984375, 1.9921875, grid.qmax / 2.0 ** math.floor(
        math.log2(grid.qmax))])
    m = np.concatenate([2.0**k * marks for k in (-60, -2, 0, 5, 14, 60)]).astype(dtype)
    m = np.concatenate([m, np.nextafter(m, dtype(0)), np.nextafter(m, dtype(np.inf))])
    wanted = np.array([exponents(float(v), grid) for v in m])
    for rule, k in zip(RULES, wanted.T, strict=True):
        for lo, hi in ((-m, m / 2), (-m / 3, m)):
            params = rule(lo, hi, grid)
            assert params.scale.dtype == dtype and (params.scale == np.ldexp(1.0, k)).all()
            assert params.scale_grid == rq.E8M0 and not params.zero_point.any()


@pytest.mark.parametrize("rule", RULES)
def test_mx_at_the_ends_of_e8m0(rule: Any) -> None:
    """A block of zeros has scale 1; float64 reaches beyond 2**-127 and 2**127, where values vanish and saturate."""
    x = np.array([[0.0, -0.0], [1e-300, 0.0], [1e300, -1e30], [5e-324, 0], [1.7e308, 1]])
    params = rq.dynamic_params(x, rq.E2M1, -1, fit=rule)
    assert (params.scale[:, 0] == [1, 2.0**-127, 2.0**127, 2.0**-127, 2.0**127]).all()
    assert (rq.fake_quantize(x, params) == [[0, 0], [0, 0], [6 * 2.0**127, 0], [0, 0], [6 * 2.0**127, 0]]).all()
    small = np.float32([[1e-45, 0], [1e-6, 0], [3e38, 0], [0, 0]])
    params = rq.dynamic_params(small, rq.E4M3, -1, fit=rule)
    assert (params.scale[:, 0] >= np.float32(2.0**-127)).all() and params.scale[3] == 1
    assert (rq.fake_quantize(small, params)[1:3, 0] > 0.9 * small[1:3, 0]).all()


@pytest.mark.parametrize("rule", RULES)
def test_mx_on_integers(rule: Any) -> None:
    """MXINT8; unsigned codes lie 128 higher and mean the same."""
    x = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32) * 1.7
    signed, unsigned = (rq.dynamic_params(x, grid, -1, fit=rule) for grid in (rq.INT8, rq.UINT8))
    assert (signed.scale == unsigned.scale).all() and (unsigned.zero_point == 128).all()
    assert (rq.quantize(x, unsigned).astype(int) - 128 == rq.quantize(x, signed)).all()


@pytest.mark.parametrize(("grid", "scales"), [
    (rq.NF4, (1, 2, 1, 2)),
    (rq.Codebook([-1, 0, 4]), (1, 2, 1, 2))], ids=str)
def test_mx_on_codebooks(grid: Any, scales: Any) -> None:
    """The shorter side counts, so that ceil and rceil never saturate. No codebook's value rounds to one beyond."""
    assert [float(rule(-1.1, 1.1, grid).scale) for rule in RULES] == list(scales)
    assert float(rq.mx_even_params(-1.2, 1.2, rq.NF4).scale) == 1


# ------------------------------------------------------------------------------------------------------- two levels

def two_levels(x: Any, grid: Any, scale_grid: Any, shared: Any = None, second: Any = None) -> Any:
    """Scales of blocks along the last axis, in x's dtype, step by step; `shared` as two_level's axis."""
    first = np.abs(x).max(axis=-1, keepdims=True) / x.dtype.type(grid.qmax)
    if second is None:
        second = first.max(axis=shared, keepdims=shared is not None) / x.dtype.type(scale_grid.qmax)
        second = np.where(second > 0, second, x.dtype.type(1))
    second = np.asarray(second, x.dtype)
    scale = nearest(scale_grid, first / second).astype(x.dtype) * second
    return np.maximum(scale, scale_grid.values[scale_grid.values > 0][0].astype(x.dtype) * second)


X = np.random.default_rng(1).standard_t(3, size=(5, 4, 16)).astype(np.float32)


@pytest.mark.parametrize("x", [X, X.astype(np.float64)], ids=["float32", "float64"])
@pytest.mark.parametrize("scale_grid", [rq.E4M3, rq.E5M2FNUZ, rq.UINT8, rq.IntGrid(6, signed=False), rq.INT8,
                                        rq.Codebook([0, 0.5, 1])], ids=str)
@pytest.mark.parametrize(("shared", "second"), [
    (None, None), (-2, None), ((-3, -1), None), (None, 2.0**-7), (None, np.full((5, 1, 1), 1e-3))])
@pytest.mark.parametrize("grid", [rq.E2M1, rq.NF4], ids=str)
def test_two_levels_are_these_steps(x: Any, grid: Any, scale_grid: Any, shared: Any, second: Any) -> None:
    params = rq.dynamic_params(x, grid, -1, fit=rq.two_level(scale_grid, axis=shared, scale=second))
    wanted = two_levels(x, grid, scale_grid, shared, second)
    assert params.scale.dtype == x.dtype and params.scale.tobytes() == wanted.tobytes()
    assert params.scale_grid == scale_grid and not params.zero_point.any()
    x_hat = np.clip(nearest(grid, x / wanted), grid.qmin, grid.qmax).astype(x.dtype) * wanted
    assert (rq.fake_quantize(x, params) == x_hat).all() and (params.scale > 0).all()


def test_affine_ranges_in_two_levels() -> None:
    """The zero point is that of the range; only the scale moves to the grid."""
    one = rq.dynamic_params(X, rq.UINT4, -1)
    two = rq.dynamic_params(X, rq.UINT4, -1, fit=rq.two_level(rq.E4M3, fit=rq.affine_params))
    second = one.scale.max() / np.float32(448)
    assert (two.zero_point == one.zero_point).all()
    assert (two.scale == nearest(rq.E4M3, one.scale / second).astype(np.float32) * second).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_and_small_blocks(dtype: Any) -> None:
    """Zeros do not count for the second scale, and no scale becomes 0."""
    nvfp4 = rq.two_level(rq.E4M3)
    scales = rq.dynamic_params(blocks(0, 1e-6, dtype=dtype), rq.E2M1, -1, fit=nvfp4).scale[:, 0]
    second = dtype(1e-6) / dtype(6) / dtype(448)
    assert (scales == [dtype(2**-9) * second, dtype(448) * second]).all()
    x = blocks(1, 1e-7, 3e-3, dtype=dtype)
    params = rq.dynamic_params(x, rq.E2M1, -1, fit=nvfp4)
    second = dtype(1) / dtype(6) / dtype(448)
    assert params.scale[1, 0] == dtype(2**-9) * second and (rq.fake_quantize(x, params)[1] == 0).all()
    zeros = rq.dynamic_params(np.zeros((3, 2), dtype), rq.E2M1, -1, fit=nvfp4)
    assert (zeros.scale == 2**-9).all()  # the second scale is 1
    tiny = rq.dynamic_params(blocks(np.finfo(dtype).smallest_subnormal, 0, dtype=dtype), rq.E2M1, -1, fit=nvfp4)
    assert (tiny.scale == np.finfo(dtype).tiny).all()


@pytest.mark.parametrize(("fit", "alone"), [
    (rq.two_level(rq.E4M3), False), (rq.two_level(rq.E4M3, axis=-2), True), (rq.two_level(rq.E4M3, axis=(1, 2)), True),
    (rq.two_level(rq.E4M3, scale=2.0**-9), True), (rq.mx_params, True)])
def test_a_row_alone_keeps_its_codes(fit: Any, alone: bool) -> None:
    x = rq.split_blocks(np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32) * [[1], [900], [0.2], [7]], 16)
    together = rq.quantize(x, rq.dynamic_params(x, rq.E2M1, -1, fit=fit))
    rows = [rq.quantize(x[i:i + 1], rq.dynamic_params(x[i:i + 1], rq.E2M1, -1, fit=fit))[0] for i in range(4)]
    assert (together == np.stack(rows)).all() == alone


def test_e8m0_as_a_second_grid() -> None:
    """With scale=1 the scales are powers of two, the nearest ones; with another they lie on no E8M0."""
    x = blocks(6, 9, 9.1, 1.6)
    params = rq.dynamic_params(x, rq.E2M1, -1, fit=rq.two_level(rq.E8M0, scale=1.0))
    assert (params.scale[:, 0] == [1, 1, 2, 0.25]).all()
    with refused(ValueError, "`scale` must lie on scale_grid=E8M0 (R18)"):
        rq.dynamic_params(x, rq.E2M1, -1, fit=rq.two_level(rq.E8M0, scale=0.3))


def test_the_scale_grid_is_part_of_the_value() -> None:
    plain, on_grid = (rq.AffineParams(scale=[[1.0], [2.0]], zero_point=0, grid=rq.E2M1, scale_grid=grid)
                      for grid in (None, rq.E8M0))
    other = rq.AffineParams(scale=[[1.0], [2.0]], zero_point=0, grid=rq.E2M1, scale_grid=rq.E4M3)
    assert len({plain, on_grid, other}) == 3 and plain != on_grid != other
    assert pickle.loads(pickle.dumps(on_grid)) == on_grid
    assert repr(on_grid).endswith("grid=E2M1, scale_grid=E8M0)") and "scale_grid" not in repr(plain)
    seen = []

    def spy(x: Any, params: rq.AffineParams) -> Any:
        seen.append(params.scale_grid)
        return rq.quantize(x, params)

    x = np.random.default_rng(0).normal(size=(2, 2**17)).astype(np.float32)
    assert (rq.in_chunks(spy, x, on_grid) == rq.quantize(x, on_grid)).all()
    assert len(seen) > 2 and set(seen) == {rq.E8M0}


@pytest.mark.parametrize(("fit", "grid", "block", "bits"), [
    (rq.mx_params, rq.E2M1, 32, 4.25), (rq.mx_params, rq.E4M3, 32, 8.25), (rq.mx_rceil_params, rq.E2M3, 32, 6.25),
    (rq.two_level(rq.E4M3), rq.E2M1, 16, 4.5), (rq.two_level(rq.IntGrid(6, signed=False)), rq.INT4, 32, 4 + 6 / 32),
    (rq.symmetric_params, rq.NF4, 64, 4.5), (rq.mx_params, rq.INT8, 32, 8.25),
    (partial(rq.two_level(rq.UINT8, fit=rq.affine_params)), rq.UINT4, 32, 4 + 12 / 32)])
def test_bits_per_value(fit: Any, grid: Any, block: int, bits: float) -> None:
    x = np.random.default_rng(0).normal(size=(4, 128)).astype(np.float32)
    params = rq.dynamic_params(rq.split_blocks(x, block), grid, -1, fit=fit)
    assert rq.bits_per_value(params, x.size) == bits


def test_two_level_is_a_value() -> None:
    fits = [rq.two_level(rq.E4M3), rq.two_level(rq.E5M2), rq.two_level(rq.E4M3, axis=-2),
            rq.two_level(rq.E4M3, scale=1.0), rq.two_level(rq.E4M3, fit=rq.mx_params)]
    assert len(set(fits)) == 5 and [pickle.loads(pickle.dumps(fit)) for fit in fits] == fits


@pytest.mark.parametrize(("call", "kind", "parts"), [
    (lambda: rq.two_level("E4M3"), TypeError, ("two_level", "`scale_grid` must be a grid", "'E4M3'")),
    (lambda: rq.dynamic_params(X, rq.E2M1, fit=rq.two_level), TypeError, ("`scale_grid`", "fit=rq.two_level(rq.E4M3)")),
    (lambda: rq.two_level(), TypeError, ("two_level", "the arguments must be (scale_grid, fit, axis, scale)")),
    (lambda: rq.dynamic_params(X, rq.E2M1, clip=rq.mx_params), TypeError, ("`clip` must be a function (x, axis=)",)),
    (lambda: rq.split_blocks(X, 17), ValueError, ("split_blocks", "`block_size`", "from 1 to 16", "17")),
    (lambda: rq.split_blocks(X, 0), ValueError, ("`block_size`", "from 1 to 16")),
    (lambda: rq.two_level(rq.symmetric_params, rq.E4M3), TypeError, ("two_level", "`scale_grid` must be a grid")),
    (lambda: rq.two_level(rq.E8M0), ValueError, ("two_level", "`scale` must be given", "E8M0", "scale=1.0")),
    (lambda: rq.two_level(rq.Codebook([-2, -1])), ValueError, ("`scale_grid` must have positive values",)),
    (lambda: rq.two_level(rq.Codebook([-2, 0]), scale=1.0), ValueError, ("`scale_grid` must have positive values",)),
    (lambda: rq.two_level(rq.INT32), ValueError, ("at most 16 bits", "INT32")),
    (lambda: rq.two_level(rq.E4M3, scale=0.0), ValueError, ("`scale` must be positive and finite",)),
    (lambda: rq.two_level(rq.E4M3, scale=[1.0, np.inf]), ValueError, ("`scale` must be positive and finite",)),
    (lambda: rq.two_level(rq.E4M3, fit="symmetric")(-1, 1, rq.E2M1), TypeError,
     ("two_level", "`fit` must be a function (lo, hi, grid) -> AffineParams", "'symmetric'")),
    (lambda: rq.two_level(rq.E4M3, axis=2)(-np.ones(2), np.ones(2), rq.E2M1), ValueError, ("two_level", "`axis`")),
    (lambda: rq.two_level(rq.E4M3, scale=np.ones(5))(-np.ones(2), np.ones(2), rq.E2M1), ValueError,
     ("two_level", "must broadcast", "shape (5,)", "(2,)")),
    (lambda: rq.two_level(rq.E4M3, fit=rq.affine_params)(-1, 1, rq.E2M1), ValueError,
     ("`grid` must have equal steps", "fit=rq.symmetric_params")),
    (lambda: rq.mx_params(1, -1, rq.E2M1), ValueError, ("mx_params", "(R11)")),
    (lambda: rq.mx_even_params(-1, np.nan, rq.E2M1), ValueError, ("mx_even_params", "NaN")),
    (lambda: rq.mx_rceil_params(-1, 1, 8), TypeError, ("mx_rceil_params", "`grid` must be a grid", "8")),
    (lambda: rq.AffineParams(scale=[1, 3], zero_point=0, grid=rq.E2M1, scale_grid=rq.E8M0), ValueError,
     ("`scale` must lie on scale_grid=E8M0 (R18)", "got 3.0 at index (1,)", "mx_params")),
    (lambda: rq.AffineParams(scale=2.0**-128, zero_point=0, grid=rq.E2M1, scale_grid=rq.E8M0), ValueError,
     ("`scale` must lie on scale_grid=E8M0",)),
    (lambda: rq.AffineParams(scale=1.0, zero_point=0, grid=rq.E2M1, scale_grid="E8M0"), TypeError,
     ("`scale_grid` must be a grid", "'E8M0'"))])
def test_bad_scales(call: Any, kind: Any, parts: Any) -> None:
    with refused(kind, *parts):
        call()


@pytest.mark.parametrize("grid", [rq.E8M0, rq.Codebook([0, 1, 2]), rq.Codebook([-2, -1])], ids=str)
@pytest.mark.parametrize("fit", [rq.symmetric_params, *RULES, rq.two_level(rq.E4M3)])
def test_one_sided_grids_hold_no_data(grid: Any, fit: Any) -> None:
    for call in (lambda: fit(-1, 1, grid), lambda: rq.mse_optimal([1.0], grid, fit=fit),
                 lambda: rq.dynamic_params([1.0], grid, fit=fit)):
        with refused(ValueError, "`grid` must have values on both sides of 0", grid, "rq.E4M3"):
            call()


def test_a_second_scale_beyond_the_largest_float_is_the_largest() -> None:
    small = rq.FloatGrid(4, 3, specials=103)
    scale = rq.two_level(small)(np.float32([-1, -2e37]), np.float32([1, 2e37]), rq.INT2).scale
    assert small.qmax < 1 and np.isfinite(scale).all() and scale[1] == np.float32(2e37)
