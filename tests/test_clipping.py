from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq


def test_axis_is_the_one_reduced() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for axis, shape in ((0, (1, 3, 4)), (-1, (2, 3, 1)), ((0, 2), (1, 3, 1)), ((), (2, 3, 4))):
        lo, hi = rq.minmax(x, axis=axis)
        assert lo.shape == hi.shape == shape and lo.dtype == np.float32
        assert rq.quantize(x, rq.affine_params(lo, hi, rq.INT8)).shape == x.shape
    assert rq.minmax(x) == (0, 23) and np.ndim(rq.minmax(x)[0]) == 0


def test_lists_and_infinities() -> None:
    assert rq.minmax([1.0, -np.inf]) == (-np.inf, 1.0)


@pytest.mark.parametrize(("shape", "axis"), [((0,), None), ((0, 3), 0), ((0, 3), None), ((3, 0), -1),
                                             ((2, 0, 3), (0, 1))])
def test_a_range_needs_data(shape: tuple[int, ...], axis: Any) -> None:
    with refused(ValueError, "minmax", "needs data", shape):
        rq.minmax(np.zeros(shape), axis=axis)


def test_no_rows_have_no_ranges() -> None:
    assert rq.minmax(np.zeros((0, 3)), axis=-1)[0].shape == (0, 1)


@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, 5), 0.5, "0", [0], True])
def test_axis_names_axes(axis: Any) -> None:
    with refused(ValueError, "minmax", "`axis`", repr(axis), "(2, 3)"):
        rq.minmax(np.zeros((2, 3)), axis=axis)


def test_percentiles_are_numpys() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    lo, hi = rq.percentile(x, 99.0, axis=0)
    assert lo.shape == hi.shape == (1, 4) and lo.dtype == np.float32
    expected = np.percentile(x, [1, 99], axis=0, keepdims=True).astype(np.float32)
    np.testing.assert_array_equal(np.stack([lo, hi]), expected)
    assert rq.percentile(x, 100) == rq.minmax(x)


@pytest.mark.parametrize("percent", [50, 100.1, 0, -3, np.nan, "99", None])
def test_percent(percent: Any) -> None:
    with refused(ValueError, "percentile", "`percent`", repr(percent)):
        rq.percentile([1.0], percent)


def test_no_percentile_between_infinities() -> None:
    for x in ([1.0, np.inf, np.inf], [0.0, 1.0, -np.inf]):
        with refused(ValueError, "percentile", "finite", "inf"):
            rq.percentile(x, 75.0)


@pytest.mark.parametrize("clip", [lambda x, a=None: rq.percentile(x, 99.0, a),
                                  lambda x, a=None: rq.mse_optimal(x, rq.INT4, a)])
def test_rules_need_data_and_axes(clip: Any) -> None:
    for bad in (np.zeros((0, 3)), np.zeros(0)):
        with refused(ValueError, "needs data"):
            clip(bad)
    with refused(ValueError, "`axis`"):
        clip(np.zeros((2, 3)), 2)
    with refused(ValueError, "NaN", "R7"):
        clip([np.nan])


def test_the_best_clip_of_a_gaussian_is_near_the_published_one() -> None:
    """Max 1960, table II: 15 zero-exact levels clip between those of 8 and of 16 levels (2.34 and 2.68 sigma)."""
    x = np.random.default_rng(0).normal(size=200_000)
    lo, hi = rq.mse_optimal(x, rq.IntGrid(4, narrow=True), fit=rq.symmetric_params)
    assert 2.34 < max(-lo, hi) < 2.68
    wide = rq.mse_optimal(x, rq.INT8, fit=rq.symmetric_params)
    assert max(-wide[0], wide[1]) > 3.5


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_best_clip_of_extreme_data(dtype: Any) -> None:
    info = np.finfo(dtype)
    for x in ([0, 0], [info.max, -info.max], [info.smallest_subnormal], [3, 3], [-1, -2]):
        lo, hi = rq.mse_optimal(np.array(x, dtype), rq.INT4)
        assert lo.dtype == dtype and lo <= hi and np.isfinite(rq.affine_params(lo, hi, rq.INT4).scale)
