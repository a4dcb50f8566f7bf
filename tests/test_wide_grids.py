"""Grids of 9 to 16 bits beside float16, which does not hold all their codes; and the widest unsigned grid."""

from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq

GRIDS = [rq.IntGrid(bits, signed=signed) for bits in (9, 11, 12, 15, 16) for signed in (True, False)]
HALF = np.float16(0.01496)


def test_a_code_times_a_half_is_rounded_once_from_float32() -> None:
    params = rq.AffineParams(scale=HALF, zero_point=0, grid=rq.INT16)
    assert rq.dequantize(-22834, params) == np.float16(-341.5)  # in float64 it is -341.62501, whose half is -341.75


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_halves_are_computed_in_float32(grid: rq.IntGrid) -> None:
    """R3: every code as a real, and every half as a code, is the float32 formula, written out here."""
    zero_point = (grid.qmin + grid.qmax) // 3
    params = rq.AffineParams(scale=HALF, zero_point=zero_point, grid=grid)
    codes = np.arange(grid.qmin, grid.qmax + 1)
    reals = (codes - zero_point).astype(np.float32) * np.float32(HALF)
    np.testing.assert_array_equal(rq.dequantize(codes, params), reals.astype(np.float16), strict=True)
    x = np.arange(2**16).astype(np.uint16).view(np.float16)
    x = x[np.isfinite(x)]
    steps = np.clip(np.rint(x.astype(np.float32) / np.float32(HALF)), grid.qmin - zero_point, grid.qmax - zero_point)
    np.testing.assert_array_equal(rq.quantize(x, params), (steps + zero_point).astype(grid.dtype), strict=True)
    moved = (steps.astype(np.float32) * np.float32(HALF)).astype(np.float16)
    np.testing.assert_array_equal(rq.fake_quantize(x, params), moved, strict=True)
    np.testing.assert_array_equal(rq.straight_through(x, HALF, zero_point, grid)[0], moved, strict=True)
    np.testing.assert_array_equal(rq.lsq(x, HALF, zero_point, grid)[0], moved, strict=True)


@pytest.mark.parametrize("bits", [16, 17])
def test_float32_up_to_16_bits_and_float64_beyond(bits: int) -> None:
    """Quotients that are a tie in float32 and none in float64."""
    scale = np.float32(1.1)
    x = np.float32(np.arange(0.5, 2**14) * np.float64(scale))
    near = x.astype(np.float64) / np.float64(scale)
    ties = (np.rint(x / scale) != np.rint(near))
    assert ties.any()
    wanted = np.rint(x / scale) if bits == 16 else np.rint(near)
    grid = rq.IntGrid(bits)
    np.testing.assert_array_equal(rq.quantize(x, rq.AffineParams(scale=scale, zero_point=0, grid=grid)), wanted)


def test_the_widest_unsigned_grid_has_its_middle() -> None:
    """2**31, which int32 does not hold."""
    params = rq.symmetric_params(-1.0, 1.0, rq.IntGrid(32, signed=False))
    assert params.zero_point == 2**31 and rq.quantize(0.0, params) == 2**31


@pytest.mark.parametrize("f", [rq.fake_quantize, lambda x, p: rq.straight_through(x, p.scale, p.zero_point, p.grid)[0],
                               lambda x, p: rq.lsq(x, p.scale, p.zero_point, p.grid)[0]])
def test_reals_stay_in_their_dtype_up_to_16_bits(f: Any) -> None:
    """R3: beyond 16 bits float32 does not hold every code, so the answer is float64."""
    for bits, dtype in ((16, np.float32), (17, np.float64)):
        params = rq.AffineParams(scale=np.float32(0.5), zero_point=0, grid=rq.IntGrid(bits))
        assert f(np.float32([0.5, 0.7]), params).dtype == dtype


@pytest.mark.parametrize("scales", [[1e-60, 1.0], [1.0, 1e60], [1e-60, 1e60]])
def test_one_scale_that_the_dtype_of_x_does_not_hold(scales: list[float]) -> None:
    params = rq.AffineParams(scale=scales, zero_point=0, grid=rq.INT8)
    bad = next(scale for scale in scales if scale != 1)
    for f in (rq.quantize, rq.fake_quantize):
        with refused(ValueError, f.__name__, "(R3)", f"got {bad} for float32"):
            f(np.float32([1, 1]), params)
    assert rq.quantize(np.float64([1, 1]), params).dtype == np.int8


@pytest.mark.parametrize("fit", [rq.affine_params, rq.symmetric_params])
def test_zero_points_of_32_bits(fit: Any) -> None:
    """Up to 2**32 - 1."""
    grid = rq.IntGrid(32, signed=False)
    assert fit(-1.0, 0.0, grid).zero_point == (grid.qmax if fit is rq.affine_params else 2**31)
