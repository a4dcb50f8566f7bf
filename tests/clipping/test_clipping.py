from functools import partial
from itertools import pairwise
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


@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, 5), 0.5, "0", [0], True, (True, 0), np.array([0])])
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


def test_percentiles_of_small_numbers_beside_large_ones() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        x = np.array([np.finfo(dtype).smallest_subnormal, 2], dtype)
        assert rq.percentile(x, 100) == rq.minmax(x)
    x = np.array([[3e-5 * k / 7 for k in range(8)], [2.0] * 8], np.float16)
    assert rq.percentile(x, 90, axis=-1)[1][0] == rq.percentile(x[0], 90)[1], "each slice as if alone"
    assert rq.percentile(np.arange(5.0), np.float16(99)) == rq.percentile(np.arange(5.0), 99)


def test_large_powers_of_small_errors() -> None:
    x = np.random.default_rng(0).normal(size=1000).astype(np.float16)
    exact = rq.lp_optimal(x.astype(np.float32), rq.INT4, p=8)[1]
    assert abs(rq.lp_optimal(x, rq.INT4, p=8)[1] - exact) < 0.02 * exact


@pytest.mark.parametrize("rule", [rq.mse_optimal, rq.entropy, rq.aciq_gaussian, rq.aciq_laplace, rq.octav])
def test_a_grid_is_a_grid(rule: Any) -> None:
    with refused(TypeError, "`grid` must be a grid", "8"):
        rule([1.0, 2.0], 8)


def test_percentiles_of_differences_that_overflow() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        largest = np.finfo(dtype).max
        for x in ([-largest, largest], [largest, -largest, largest, -largest], [-largest, 0, largest]):
            values = np.array(x, dtype)
            exact = 2 * np.percentile(values.astype(np.longdouble) / 2, [25, 75])
            assert rq.percentile(values, 75.0) == pytest.approx(exact, rel=float(np.finfo(dtype).eps))
            assert rq.percentile(np.array([x, np.ones(len(x))], dtype), 75.0, axis=-1)[1][1, 0] == 1


@pytest.mark.parametrize("percent", [50, 100.1, 0, -3, np.nan, "99", None])
def test_percent(percent: Any) -> None:
    with refused(ValueError, "percentile", "`percent`", repr(percent)):
        rq.percentile([1.0], percent)


def test_no_percentile_between_infinities() -> None:
    for x in ([1.0, np.inf, np.inf], [0.0, 1.0, -np.inf]):
        with refused(ValueError, "percentile", "finite", "inf"):
            rq.percentile(x, 75.0)


RULES = {
    "percentile": partial(rq.percentile, percent=99.0),
    "one-sided percentile": partial(rq.percentile, percent=99.0, one_sided=True),
    **{rule.__name__: partial(rule, grid=rq.INT4) for rule in (
        rq.mse_optimal, rq.entropy, rq.aciq_gaussian, rq.aciq_laplace, rq.octav)},
    "lp_optimal": partial(rq.lp_optimal, grid=rq.INT4, p=3.5),
    **{f"one-sided {rule.__name__}": partial(rule, grid=rq.INT4, one_sided=True) for rule in (
        rq.aciq_gaussian, rq.aciq_laplace, rq.octav)},
}
each = pytest.mark.parametrize("clip", RULES.values(), ids=RULES)


@each
def test_rules_need_data_and_axes(clip: Any) -> None:
    for bad in (np.zeros((0, 3)), np.zeros(0)):
        with refused(ValueError, "needs data"):
            clip(bad)
    with refused(ValueError, "`axis`"):
        clip(np.zeros((2, 3)), axis=2)
    with refused(ValueError, "NaN", "R7"):
        clip([np.nan])
    with refused(ValueError, "finite", "inf"):
        clip([1.0, np.inf])
    with refused(TypeError, "int64", "R7"):
        clip([1, 2])
    with refused(ValueError, "`counts`", "axis=-1", "(3,)"):
        clip(np.ones(2), axis=-1, counts=np.ones(3, int))


@each
def test_counts_are_integers_and_not_all_zero(clip: Any) -> None:
    x = np.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 5.0]])
    for bad in (np.ones((2, 3)), [[True] * 3] * 2, "x"):
        with refused(TypeError, "`counts` must"):
            clip(x, axis=-1, counts=bad)
    for bad, axis in (([[1, 2, -1], [1, 1, 1]], -1), ([[1, 2, 3], [0, 0, 0]], -1), (np.ones((2, 3), int), None),
                      (np.ones((2, 3), int), 1), (np.ones((3, 2), int), -1)):
        with refused(ValueError, "`counts`", "axis=-1", f"for (2, 3), axis={axis}"):
            clip(x, axis=axis, counts=bad)
    found, listed = (clip(x, axis=-1, counts=kind([[1, 0, 2], [3, 1, 1]])) for kind in (np.uint8, list))
    repeated = [clip(np.array([v])) for v in ([1.0, 3.0, 3.0], [-1.0, -1.0, -1.0, 0.0, 5.0])]
    np.testing.assert_array_equal(found, listed)
    np.testing.assert_allclose(np.squeeze(found).T, repeated, rtol=1e-9)


def test_percentiles_of_counted_values_in_any_order() -> None:
    x, counts = np.array([3.0, -1.0, 2.0, 7.0]), np.array([2, 1, 4, 1])
    for percent in (75.0, 90.0, 99.9):
        assert np.ravel(rq.percentile(x, percent, axis=-1, counts=counts)).tolist() == list(
            rq.percentile(np.repeat(x, counts), percent))


@each
def test_rules_serve_every_granularity(clip: Any) -> None:
    x = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    for axis, shape in ((None, ()), (0, (1, 5, 4)), (-1, (6, 5, 1)), ((0, 2), (1, 5, 1))):
        lo, hi = clip(x, axis=axis)
        assert lo.shape == hi.shape == shape and lo.dtype == hi.dtype == np.float32
        rq.fake_quantize(x, rq.dynamic_params(x, rq.INT4, axis, clip=clip))
    assert clip(np.zeros((0, 3)), axis=-1)[0].shape == (0, 1), "no rows have no ranges"


@each
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_extreme_data_have_a_range(clip: Any, dtype: Any) -> None:
    info = np.finfo(dtype)
    for values in ([0, 0], [info.max, info.min], [info.smallest_subnormal], [info.max], [3, 3], [-1, -2], [info.tiny],
                   [info.smallest_subnormal, info.max], [info.max, info.smallest_subnormal, 0], [1.0] * 50 + [2.0]):
        x = np.array([values], dtype)
        for axis in (None, -1):
            lo, hi = clip(x, axis=axis)
            assert lo.dtype == hi.dtype == dtype and min(x.min(), 0) <= lo <= hi <= max(x.max(), 0)
            rq.affine_params(lo, hi, rq.INT8)


@each
def test_a_power_of_two_changes_nothing_else(clip: Any) -> None:
    x = np.random.default_rng(0).laplace(size=300)
    for scale in (2.0**-900, 2.0**900):
        np.testing.assert_allclose(np.array(clip(x * scale)) / scale, clip(x), rtol=1e-12)


def test_one_sided_ranges() -> None:
    x = np.maximum(np.random.default_rng(0).normal(size=10_000), 0)
    assert rq.percentile(x, 99.0, one_sided=True) == (0.0, np.percentile(x, 99.0))
    for rule in (rq.aciq_gaussian, rq.aciq_laplace, rq.octav):
        lo, hi = rule(x, rq.UINT4, one_sided=True)
        assert lo == 0 and 1.5 < hi <= x.max()


def test_a_larger_power_counts_outliers_more() -> None:
    x = np.random.default_rng(0).standard_t(3, size=5000)
    ends = [rq.lp_optimal(x, rq.INT4, p=p)[1] for p in (1, 2, 4, 8)]
    assert ends == sorted(ends) and ends[0] < ends[-1] / 2
    assert rq.lp_optimal(x, rq.INT4, p=2) == rq.mse_optimal(x, rq.INT4)


@pytest.mark.parametrize("p", [0.5, 0, np.nan, np.inf, "2", None])
def test_powers(p: Any) -> None:
    with refused(ValueError, "lp_optimal", "`p`", repr(p)):
        rq.lp_optimal([1.0], rq.INT4, p=p)


@pytest.mark.slow
def test_entropy_is_the_published_procedure() -> None:
    """Migacz 2017, candidate by candidate, on the same bins."""
    x = np.random.default_rng(0).laplace(size=20_000)
    width = 2.0 ** np.ceil(np.log2(np.abs(x).max())) / 2048
    bins = np.bincount((np.abs(x) / width).astype(int))

    def divergence(i: int) -> float:
        p = bins[:i].astype(float)
        p[-1] += bins[i:].sum()
        q, edges = np.zeros(i), np.arange(129) * i // 128
        for a, b in pairwise(edges):
            filled = bins[a:b] > 0
            q[a:b][filled] = bins[a:b].sum() / max(filled.sum(), 1)
        p, q = p / p.sum(), q / q.sum()
        if (q[p > 0] == 0).any():
            return np.inf
        return float(np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0])))

    best = min(range(128, len(bins) + 1), key=divergence)
    assert rq.entropy(x, rq.INT8) == (max(-(best + 0.5) * width, x.min()), min((best + 0.5) * width, x.max()))


def test_entropy_leaves_zeros_out_and_wide_grids_alone() -> None:
    x = np.random.default_rng(0).laplace(size=5000)
    assert rq.entropy(np.r_[x, np.zeros(10**5)], rq.INT8) == rq.entropy(x, rq.INT8)
    assert rq.entropy(x, rq.INT16) == rq.minmax(x)
    grey = np.random.default_rng(0).integers(0, 17, size=5000) / 16
    assert rq.entropy(grey, rq.IntGrid(5, signed=False))[1] == 1, "among equals the widest, whatever the rounding"
    assert rq.entropy(np.full(9, -2.0), rq.INT8) == (-2.0, 0.0), "no wider than the data and 0"


@pytest.mark.slow
def test_octav_and_its_noise_model_at_three_levels() -> None:
    """Max 1960: the best 3 levels of a Gaussian leave a mean square error of 0.1902."""
    x, three = np.random.default_rng(0).normal(size=500_000), rq.IntGrid(2, narrow=True)
    errors = [rq.mse(x, rq.fake_quantize(x, rq.symmetric_params(*clip(x, three), three))) for clip in (
        rq.octav, partial(rq.mse_optimal, fit=rq.symmetric_params))]
    assert errors == pytest.approx([0.2614, 0.1902], rel=0.01)


def test_octav_on_values_where_it_runs_in_a_circle() -> None:
    lo, hi = rq.octav(np.full(5, 3.0), rq.INT4)
    assert (lo, hi) == (0.0, 3.0)
    assert rq.octav(np.array([1.0, 1.0, -5.0]), rq.INT8)[0] == pytest.approx(-5.0, rel=0.01)


def test_no_table_ends() -> None:
    assert rq.gaussian_width(33) > rq.gaussian_width(32) > 8 and rq.laplace_width(33) > rq.laplace_width(32) > 40
    for width in (rq.gaussian_width, rq.laplace_width):
        with refused(ValueError, width.__name__, "`bits`", "from 1 to 33", "0"):
            width(0)


def test_the_best_clip_of_a_gaussian_is_near_the_published_one() -> None:
    """Max 1960, table II: 15 zero-exact levels clip between those of 8 and of 16 levels (2.34 and 2.68 sigma)."""
    x = np.random.default_rng(0).normal(size=200_000)
    lo, hi = rq.mse_optimal(x, rq.IntGrid(4, narrow=True), fit=rq.symmetric_params)
    assert 2.34 < max(-lo, hi) < 2.68
    wide = rq.mse_optimal(x, rq.INT8, fit=rq.symmetric_params)
    assert max(-wide[0], wide[1]) > 3.5
