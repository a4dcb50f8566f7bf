from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq

FITS = [rq.affine_params, rq.symmetric_params]


def test_published_zero_points() -> None:
    f32 = [np.float32(v) for v in (-1, 1)]
    assert int(rq.affine_params(*f32, rq.UINT8).zero_point) == 127
    assert int(rq.affine_params(-1.0, 1.0, rq.UINT8).zero_point) == 128
    assert int(rq.affine_params(-253.0, 257.0, rq.UINT8).zero_point) == 126  # a tie: 126.5


@pytest.mark.parametrize(("lo", "hi", "dtype"), [
    (np.float16(-1), np.float16(1), np.float32), (np.float32(-1), np.float32(1), np.float32), (-1.0, 1.0, np.float64),
    (-1, 1, np.float64), (0.0, np.float32([1, 2]), np.float32), (0, np.float16([1]), np.float32),
    (np.float64(0), np.float32(1), np.float64), (np.int64(0), np.int64(3), np.float64), ([0.0], [1.0], np.float64),
])
@pytest.mark.parametrize("fit", FITS)
def test_the_scale_has_the_ranges_dtype(fit: Any, lo: Any, hi: Any, dtype: Any) -> None:
    assert fit(lo, hi, rq.INT8).scale.dtype == dtype
    assert fit(lo, hi, rq.IntGrid(17)).scale.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("fit", FITS)
def test_the_largest_and_the_smallest_ranges(fit: Any, dtype: Any) -> None:
    info = np.finfo(dtype)
    for lo, hi in ((info.min, info.max), (0, info.max), (info.min, 0), (info.max, info.max), (0, 0), (-0.0, 0.0),
                   (0, info.smallest_subnormal), (-info.smallest_subnormal, info.smallest_subnormal)):
        params = fit(dtype(lo), dtype(hi), rq.INT8)
        assert np.isfinite(params.scale)
        assert params.scale >= np.finfo(params.scale.dtype).tiny
        assert (params.scale == 1) == (lo == hi == 0)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("lo", "hi"), [(1.0, 0.0), (0.0, np.inf), (-np.inf, 0.0), ([0.0, 2.0], [1.0, 1.0])])
def test_ranges_in_order_and_finite(fit: Any, lo: Any, hi: Any) -> None:
    with refused(ValueError, fit.__name__, "R11", f"[{np.ravel(lo)[-1]}, {np.ravel(hi)[-1]}]"):
        fit(lo, hi, rq.INT8)


@pytest.mark.parametrize("fit", FITS)
def test_ranges_without_nan(fit: Any) -> None:
    for lo, hi in ((np.nan, 1.0), (0.0, np.nan)):
        with refused(ValueError, fit.__name__, "R7", "NaN"):
            fit(lo, hi, rq.INT8)


@pytest.mark.parametrize("fit", FITS)
def test_a_range_too_wide_for_its_dtype(fit: Any) -> None:
    with refused(ValueError, fit.__name__, "R11", "inf"):
        fit(-1e300, np.float32(1), rq.INT8)


@pytest.mark.parametrize("fit", FITS)
def test_ranges_of_one_shape(fit: Any) -> None:
    with refused(ValueError, fit.__name__, "R12", "(2,)", "(3,)"):
        fit(np.zeros(2), np.zeros(3), rq.INT8)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("lo", [1j, "0", None, True])
def test_ranges_are_real(fit: Any, lo: Any) -> None:
    with refused(TypeError, fit.__name__, "`lo`"):
        fit(lo, 1.0, rq.INT8)


@pytest.mark.parametrize("fit", FITS)
def test_the_grid_is_a_grid(fit: Any) -> None:
    with refused(TypeError, fit.__name__, "`grid`", "8"):
        fit(0.0, 1.0, 8)


@pytest.mark.parametrize("fit", [rq.mx_rceil_params, rq.mx_ceil_params, rq.symmetric_params])
@pytest.mark.parametrize("grid", [rq.INT8, rq.UINT8, rq.E4M3, rq.NF4, rq.Codebook([-1, 0, 4])], ids=repr)
def test_what_never_saturates_does_not_on_the_shorter_side_either(fit: Any, grid: rq.Grid) -> None:
    for end in (1.0, 3.0, 100.0):
        params = fit(-end, end, grid)
        value = float(params.scale) * (grid.values - int(params.zero_point))
        assert value[0] <= -end / 1.001 and value[-1] >= end / 1.001


def test_mx_on_unsigned_codes_counts_from_the_zero_point() -> None:
    assert float(rq.mx_params(-1.0, 1.0, rq.UINT8).scale) == float(rq.mx_params(-1.0, 1.0, rq.INT8).scale) == 2.0**-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("grid", [rq.NF4, rq.INT2, rq.Codebook([-0.5, 0, 0.5]), rq.FloatGrid(4, 3, specials=120)],
                         ids=repr)
def test_no_finite_range_overflows_a_scale(grid: rq.Grid, dtype: Any) -> None:
    largest = np.finfo(dtype).max
    for fit in (rq.symmetric_params, *(rq.two_level(scales) for scales in (rq.E4M3, rq.E5M2, rq.INT8, rq.E2M1))):
        assert 0 < fit(-largest, largest, grid).scale <= largest


def test_two_levels_of_nothing() -> None:
    assert rq.two_level(rq.E4M3)(np.zeros((0, 3)), np.zeros((0, 3)), rq.E2M1).scale.shape == (0, 3)


@pytest.mark.parametrize("top", [1.0, 0.25])
def test_mx_even_is_mx_on_codebooks(top: float) -> None:
    grid = rq.Codebook([-top, 0, top])
    for x in (1.0, 1.2, 1.9):
        assert rq.mx_even_params(0, x, grid) == rq.mx_params(0, x, grid)


def test_the_middle_of_an_unsigned_grid_with_a_middle() -> None:
    """R10 on a grid of one's own: 0 to 4 have the middle (0 + 4 + 1) // 2."""
    class Five(rq.IntGrid):
        def __post_init__(self) -> None:
            vars(self).update(qmin=0, qmax=4, zero_points=(0, 4), dtype=np.dtype("uint8"))

    for fit in (rq.symmetric_params, rq.mx_params):
        assert fit(-1.0, 1.0, Five(3)).zero_point == 2
