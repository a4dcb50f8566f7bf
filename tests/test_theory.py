"""Published constants and laws, and where they fail. Gaussians are integrated in closed form, by partial moments."""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

import refquant as rq

NORMAL = NormalDist()
QUANTILES = np.array([NORMAL.inv_cdf((i + 0.5) / 2**16) for i in range(2**16)])  # a Gaussian without its randomness


def moments(a: float, b: float) -> tuple[float, float, float]:
    """The integrals of 1, x and x**2 times the Gaussian density from a to b."""
    density = [0.0 if math.isinf(end) else NORMAL.pdf(end) for end in (a, b)]
    ends = [0.0 if math.isinf(end) else end for end in (a, b)]
    mass = 0.5 * (math.erf(b / math.sqrt(2)) - math.erf(a / math.sqrt(2)))
    return mass, density[0] - density[1], mass + ends[0] * density[0] - ends[1] * density[1]


def cell_error(a: float, b: float, level: float) -> float:
    m0, m1, m2 = moments(a, b)
    return m2 - 2 * level * m1 + level**2 * m0


def parts(step: float, n: int) -> tuple[float, float]:
    """(granular, overload) error of n equispaced levels about 0; beyond half a step past the last is overload."""
    levels = [(k - (n - 1) / 2) * step for k in range(n)]
    granular = sum(cell_error(v - step / 2, v + step / 2, v) for v in levels)
    return granular, 2 * cell_error(levels[-1] + step / 2, math.inf, levels[-1])


def least(f: Callable[[float], float], low: float, high: float) -> float:
    """Where f is least, by golden section."""
    ratio = (math.sqrt(5) - 1) / 2
    while high - low > 1e-9:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if f(a) < f(b) else (a, high)
    return (low + high) / 2


@pytest.mark.parametrize(("n", "step", "error"), [
    (2, 1.59577, 0.363380), (4, 0.99569, 0.118846), (8, 0.58602, 0.037440), (16, 0.33520, 0.011543),
    (32, 0.18814, 0.003495), (64, 0.10406, 0.001040), (128, 0.05687, 0.000304), (256, 0.03076, 0.000088)])
def test_even_numbers_of_levels_are_max_1960s(n: int, step: float, error: float) -> None:
    found = least(lambda d: sum(parts(d, n)), 0.5 * step, 2 * step)
    assert found == pytest.approx(step, abs=1e-4) and sum(parts(found, n)) == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_narrow_grids_reach_the_optimum_of_odd_numbers_of_levels(bits: int) -> None:
    n, grid = 2**bits - 1, rq.IntGrid(bits, narrow=True)
    step = least(lambda d: sum(parts(d, n)), 0.05, 2.0)
    params = rq.dynamic_params(QUANTILES, grid, clip=partial(rq.mse_optimal, grid=grid, fit=rq.symmetric_params),
                               fit=rq.symmetric_params)
    assert float(params.scale) == pytest.approx(step, rel=0.005)
    assert rq.mse(QUANTILES, rq.fake_quantize(QUANTILES, params)) == pytest.approx(sum(parts(step, n)), rel=0.005)


@pytest.mark.parametrize("n", [3, 4, 15, 16, 255])
@pytest.mark.parametrize("step", [0.01, 0.2, 1.0])
def test_granular_and_overload_are_the_total(n: int, step: float) -> None:
    levels = np.array([(k - (n - 1) / 2) * step for k in range(n)])
    ends = [-math.inf, *((levels[1:] + levels[:-1]) / 2), math.inf]
    cells = [moments(a, b) for a, b in pairwise(ends)]
    total = 1 - sum(2 * v * m1 - v**2 * m0 for v, (m0, m1, _) in zip(levels, cells, strict=True))
    assert sum(parts(step, n)) == pytest.approx(total, abs=1e-12)


ACIQ = {"gauss": [1.23991, 1.71064, 2.15159, 2.55914, 2.93620, 3.28691, 3.61511, 3.92404],
        "laplace": [1.8628, 2.83068, 3.89723, 5.02864, 6.20477, 7.41313, 8.64562, 9.89676]}
OTHER_VERSION = {"gauss": [1.71064, 2.02612, 2.39851, 2.76874, 3.12262, 3.45734, 3.77355],
                 "laplace": [2.8307, 3.5774, 4.5656, 5.6668, 6.8332, 8.0408, 9.2762]}
TAILS: dict[str, Callable[[float], float]] = {
    "gauss": lambda a: 2 * ((1 + a * a) * moments(a, math.inf)[0] - a * NORMAL.pdf(a)),
    "laplace": lambda a: 2 * math.exp(-a)}
WIDTHS = {"gauss": rq.gaussian_width, "laplace": rq.laplace_width}


@pytest.mark.parametrize("density", ACIQ)
def test_aciq_is_the_published_codes_table(density: str) -> None:
    assert [WIDTHS[density](bits) for bits in range(1, 9)] == pytest.approx(ACIQ[density], abs=1e-4)
    for bits in range(1, 9):
        model = least(lambda a: TAILS[density](a) + a * a / (3 * 4**bits), 0.1, 20)  # noqa: B023
        assert WIDTHS[density](bits) == pytest.approx(model, abs=1e-5)


@pytest.mark.parametrize("density", ACIQ)
def test_the_other_table_in_circulation_is_another_model(density: str) -> None:
    for bits, published in zip(range(2, 9), OTHER_VERSION[density], strict=True):
        noise = 2 * (2**bits - 2) / (3 * 2 ** (3 * bits))
        assert least(lambda a: TAILS[density](a) + noise * a * a, 0.1, 20) == pytest.approx(published, abs=1e-4)  # noqa: B023
        assert (abs(WIDTHS[density](bits) - published) < 1e-4) == (bits == 2)


def test_aciq_is_not_the_optimum_at_few_bits() -> None:
    at_2 = 0.5 * rq.gaussian_width(2)  # its step; 4 levels
    best = least(lambda d: sum(parts(d, 4)), 0.5, 2)
    assert 2 * best == pytest.approx(1.991, abs=1e-3) and sum(parts(at_2, 4)) == pytest.approx(0.12779, abs=1e-5)
    assert sum(parts(at_2, 4)) / sum(parts(best, 4)) == pytest.approx(1.0752, abs=1e-3)


@pytest.mark.parametrize("bits", range(2, 8))
def test_octav_is_near_aciq_on_a_gaussian(bits: int) -> None:
    for one_sided in (False, True):
        x = np.maximum(QUANTILES, 0) if one_sided else QUANTILES
        hi = rq.octav(x, rq.IntGrid(bits), one_sided=one_sided)[1]
        assert abs(hi - rq.gaussian_width(bits + one_sided)) < 0.04
        analytic = rq.aciq_gaussian(x, rq.IntGrid(bits), one_sided=one_sided)[1]
        assert abs(analytic - rq.gaussian_width(bits + one_sided)) < 0.01


def snr(x: Any, params: rq.AffineParams) -> float:
    return rq.sqnr_db(x, rq.fake_quantize(x, params))


@pytest.mark.parametrize(("step", "holds"), [(0.25, True), (0.5, True), (1.0, True), (3.0, False)])
def test_the_noise_model_and_its_failure(step: float, holds: bool) -> None:
    x = np.random.default_rng(0).normal(size=2**20)
    error = rq.fake_quantize(x, rq.AffineParams(scale=step, zero_point=0, grid=rq.INT16)) - x
    ratio, correlation = float(np.mean(error**2)) / (step**2 / 12), float(np.corrcoef(x, error)[0, 1])
    assert (abs(ratio - 1) < 0.005 and abs(correlation) < 0.005) == holds
    if not holds:
        assert ratio == pytest.approx(0.865, abs=0.005) and correlation == pytest.approx(-0.277, abs=0.005)


def test_six_decibels_for_each_bit_of_uniform_data() -> None:
    x = (np.arange(2**18) + 0.5) / 2**17 - 1
    found = [snr(x, rq.symmetric_params(-1.0, 1.0, rq.IntGrid(bits, narrow=True))) for bits in range(2, 13)]
    assert found == pytest.approx([20 * math.log10(2**bits - 2) for bits in range(2, 13)], abs=0.03)
    assert np.diff(found)[-4:] == pytest.approx(6.02, abs=0.05)


def test_not_six_decibels_for_each_bit_of_a_clipped_gaussian() -> None:
    def best(bits: int) -> float:
        grid = rq.IntGrid(bits, narrow=True)
        return snr(QUANTILES, rq.dynamic_params(QUANTILES, grid, fit=rq.symmetric_params, clip=partial(
            rq.mse_optimal, grid=grid, fit=rq.symmetric_params)))

    gains = np.diff([best(bits) for bits in range(5, 9)])
    assert (gains > 5.1).all() and (gains < 5.6).all()
