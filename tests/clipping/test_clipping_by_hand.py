"""Each rule beside its docstring's formula, value by value in plain Python, on data with many ties."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant.clipping import CLIPPING_RULES
from refquant.clipping.statistics import mean

RNG = np.random.default_rng(3)
LISTS = [RNG.integers(-6, 13, size=n).astype(float).tolist() for n in (2, 3, 4, 5, 8, 30)]
LISTS += [[1.0, 2.0, 3.0], [-3.0, 0.0, 3.0], [-7.0, -1.0], [2.0, 2.0], [0.0, 0.0, 8.0], RNG.laplace(size=50).tolist()]


def within(lo: float, hi: float, x: Sequence[float]) -> tuple[float, float]:
    """No wider than the data and 0."""
    return max(lo, min(*x, 0)), min(hi, max(*x, 0))


def octav(x: Sequence[float], bits: int, one_sided: bool) -> tuple[float, float]:
    v = [max(a, 0.0) if one_sided else abs(a) for a in x]
    noise, n = 4.0 ** -(bits + one_sided) / 3, len(v)
    s, seen = sum(v) / n, []
    for _ in range(50):
        beyond, inside = [a for a in v if a > s], [a for a in v if 0 < a <= s]
        seen.append((noise * s**2 * len(inside) / n + sum((a - s) ** 2 for a in beyond) / n, s))
        below = noise * len(inside) + len(beyond)
        previous, s = s, sum(beyond) / below if below else 0.0
        if abs(s - previous) <= 1e-9 * previous:
            break
    else:
        s = min(seen, key=lambda pair: pair[0])[1]
    return within(0.0 if one_sided else -s, s, x)


def gaussian(x: Sequence[float], bits: int, one_sided: bool) -> tuple[float, float]:
    if one_sided:
        middle, sigma = 0.0, math.sqrt(2 * fmean(max(a, 0) ** 2 for a in x))
    else:
        middle = fmean(x)
        sigma = math.sqrt(fmean((a - middle) ** 2 for a in x))
    side = rq.gaussian_width(bits + one_sided) * sigma
    return within(0.0 if one_sided else middle - side, middle + side, x)


def laplace(x: Sequence[float], bits: int, one_sided: bool) -> tuple[float, float]:
    middle = 0.0 if one_sided else fmean(x)
    b = 2 * fmean(max(a, 0) for a in x) if one_sided else fmean(abs(a - middle) for a in x)
    side = rq.laplace_width(bits + one_sided) * b
    return within(0.0 if one_sided else middle - side, middle + side, x)


@pytest.mark.parametrize(("rule", "formula"), [
    (rq.octav, octav), (rq.aciq_gaussian, gaussian), (rq.aciq_laplace, laplace)], ids=["octav", "gaussian", "laplace"])
@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_closed_forms(rule: Any, formula: Any, one_sided: bool, bits: int) -> None:
    for x in [*LISTS, [0.0] * 60 + [1.0]]:  # of the last, no rule's range reaches the largest value
        wanted = formula(x, bits, one_sided)
        for unit in (1.0, 2.0**600, 2.0**-600):
            found = rule(np.array(x) * unit, rq.IntGrid(bits), one_sided=one_sided)
            np.testing.assert_allclose(np.array(found) / unit, wanted, rtol=1e-12, atol=1e-12)
        values, counts = np.unique(x, return_counts=True)
        found = rule(values, rq.IntGrid(bits), -1, one_sided=one_sided, counts=counts)
        np.testing.assert_allclose(np.ravel(found), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", [rq.octav, rq.aciq_gaussian, rq.aciq_laplace, rq.entropy, rq.mse_optimal],
                         ids=lambda rule: rule.__name__)
def test_slices_are_ruled_one_by_one(rule: Any) -> None:
    x = np.stack([np.resize(values, 30) * scale for values, scale in zip(LISTS, np.geomspace(1, 1e6, 12), strict=True)])
    lo, hi = rule(x, rq.INT4, -1)
    assert lo.shape == hi.shape == (12, 1) and lo.dtype == hi.dtype == x.dtype
    for i, row in enumerate(x):
        np.testing.assert_allclose((lo[i, 0], hi[i, 0]), rule(row, rq.INT4), rtol=1e-12)
    np.testing.assert_array_equal(rule(x.T, rq.INT4, 0)[1], hi.T)
    halves = rule(x.reshape(4, 3, 30), rq.INT4, (1, 2))
    np.testing.assert_allclose(halves[1].ravel(), [rule(part, rq.INT4)[1] for part in x.reshape(4, 90)], rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3.5])
@pytest.mark.parametrize("fit", [rq.affine_params, rq.symmetric_params, rq.mx_params])
def test_least_error_is_the_search_in_its_docstring(p: float, fit: Any) -> None:
    for x in (np.array(values) for values in LISTS[3::3]):
        def error(c: float, x: Any = x) -> float:
            params = rq.dynamic_params(x, rq.INT4, fit=fit,
                                       clip=lambda x, **_: (c * x.min(), c * x.max()))
            return float(np.mean(np.abs(x - rq.fake_quantize(x, params)) ** p))

        best, least = 1.0, error(1.0)
        for step, highest, lowest in ((1 / 64, 0, -64), (1 / 1024, 16, -16)):
            start = best
            for k in range(highest, lowest - 1, -1):
                c = min(max(start + k * step, step), 1.0)
                if error(c) < least:
                    best, least = c, error(c)
        assert rq.lp_optimal(x, rq.INT4, fit=fit, p=p) == (best * x.min(), best * x.max())


@pytest.mark.parametrize("bits", [2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_entropy_on_histograms_full_of_holes(bits: int, seed: int) -> None:
    """Migacz 2017, candidate by candidate; one value in the middle of each bin, on either side of 0."""
    rng = np.random.default_rng(seed)
    last = int(rng.integers(1025, 1100))
    bins = rng.poisson(300 / (1 + np.arange(last)) ** 0.7) * (rng.random(last) < 0.6)
    bins[-1] = 1 + seed % 3
    levels, n = 2 ** (bits - 1), bins.sum()

    def divergence(i: int) -> float:
        p = bins[:i].astype(float)
        p[-1] += bins[i:].sum()
        q, edges = np.zeros(i), np.arange(levels + 1) * i // levels
        for a, b in pairwise(edges):
            filled = bins[a:b] > 0
            q[a:b][filled] = bins[a:b].sum() / max(filled.sum(), 1)
        if not q.sum() or (q[p > 0] == 0).any():
            return np.inf
        return float(np.sum(p[p > 0] * np.log(p[p > 0] / n / (q[p > 0] / q.sum()))))

    losses = np.array([divergence(i) for i in range(levels, last + 1)])
    best = levels + int(np.flatnonzero(losses <= losses.min() + 1e-9 * n)[-1])
    sign = np.where(np.arange(last) % 2, 1, -1)
    x = np.repeat((np.arange(last) + 0.5) * sign, bins)
    lo, hi = rq.entropy(x, rq.IntGrid(bits))
    assert (lo, hi) == (max(-(best + 0.5), x.min()), min(best + 0.5, x.max()))


@pytest.mark.parametrize("one_sided", [False, True])
def test_percentiles_of_counted_values(one_sided: bool) -> None:
    for x in LISTS:
        values, counts = np.unique(x, return_counts=True)
        for percent in (50.5, 75, 90.0, 99.9, 100):
            lo, hi = rq.percentile(values, percent, -1, one_sided=one_sided, counts=counts)
            wanted = np.percentile(x, [0 if one_sided else 100 - percent, percent])
            np.testing.assert_allclose((lo[0], hi[0]), wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("x", [
    [6, 3, 6, 8, 9, 1, 1, 5], [14, 11, 16, 18, 4, 10, 2, 1], [8, 6, 3, 13, 12, 10], [17, 14, 16, 10, 16, 15],
    [16, 4, 1, 8, 15], [0, 10, 14, 14, 7, 15, 14, 2]], ids=str)
def test_octav_in_a_circle(x: list[float]) -> None:
    """To and fro between two s, one of them often a value of x, which is not beyond itself: the better is taken."""
    assert rq.octav(np.array(x, float), rq.IntGrid(2))[1] == pytest.approx(octav(x, 2, False)[1], rel=1e-12)


def test_high_powers_do_not_vanish() -> None:
    """In float32 the 40th powers of errors would all be 0, and the widest range would do."""
    x = np.random.default_rng(0).normal(size=64).astype(np.float32)
    lo, hi = rq.lp_optimal(x, rq.INT4, p=40)
    wanted = rq.lp_optimal(x.astype(np.float64), rq.INT4, p=40)
    assert lo > x.min() and hi < x.max()
    np.testing.assert_allclose((lo, hi), wanted, atol=2e-3)


def test_a_fit_of_one_s_own_is_asked_for_ranges_as_they_are() -> None:
    """Without an axis of candidates before them: the fit may mean one of its axes."""
    x = RNG.normal(size=(4, 6))

    def fit(lo: Any, hi: Any, grid: Any) -> rq.AffineParams:
        assert np.ndim(lo) == np.ndim(hi) <= x.ndim
        return rq.affine_params(lo, hi, grid)

    for axis in (None, -1, 0):
        np.testing.assert_array_equal(rq.mse_optimal(x, rq.INT4, axis, fit=fit), rq.mse_optimal(x, rq.INT4, axis))


def test_the_options_of_the_table() -> None:
    x = np.random.default_rng(0).laplace(size=100)
    for name, p in (("mse_optimal", 2), ("lp_optimal", 3)):
        assert CLIPPING_RULES[name].on(rq.INT4)(x) == rq.lp_optimal(x, rq.INT4, p=p)
    for options, wanted in (({}, rq.percentile(x, 99.9)), ({"percent": 90}, rq.percentile(x, 90)),
                            ({"one_sided": True}, rq.percentile(x, 99.9, one_sided=True))):
        assert CLIPPING_RULES["percentile"].on(rq.INT4, **options)(x) == wanted


def test_means_are_summed_in_float64() -> None:
    """2**24 + 1 is no float32."""
    x = np.float32([2**24, 1, 1])
    for axis, counts in ((None, None), (-1, None), (-1, np.array([1, 1, 1]))):
        found = mean(x, axis, counts)
        assert found.dtype == np.float64 and found == (2**24 + 2) / 3
