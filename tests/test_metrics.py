import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq

METRICS = [rq.mse, rq.sqnr_db, rq.max_abs_error]


def test_extremes_of_sqnr() -> None:
    assert rq.sqnr_db([1.0], [1.0]) == math.inf == rq.sqnr_db([0.0], [0.0])
    assert rq.sqnr_db([0.0], [1.0]) == -math.inf
    assert rq.sqnr_db([1e300], [0.9e300]) == pytest.approx(20)
    assert rq.sqnr_db([1e-300], [0.9e-300]) == pytest.approx(20)


def rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf


def test_the_three_are_the_exact_rationals_rounded() -> None:
    """Sums of a few values: so the only roundings are those of the differences, the squares and the result."""
    info, rng = np.finfo(float), np.random.default_rng(0)
    ends = [0, info.smallest_subnormal, 7 * info.smallest_subnormal, info.tiny, 1.5e-162, 1.3e-154, 0.9, 1,
            1 + info.eps, np.pi, 1e154, 1.3e154, info.max / 2, info.max]
    for _ in range(1000):
        x, y = rng.choice([*ends, *np.negative(ends)], (2, rng.integers(1, 5)))
        y = np.where(rng.random(y.shape) < 0.5, y, np.nextafter(x, y))
        exact = [Fraction(float(a)) - Fraction(float(b)) for a, b in zip(x, y, strict=True)]
        signal, noise = sum(Fraction(float(a)) ** 2 for a in x), sum(d * d for d in exact)
        assert rq.max_abs_error(x, y) == rounded(max(map(abs, exact)))
        assert rq.mse(x, y) == pytest.approx(rounded(noise / len(x)), rel=1e-15, abs=info.smallest_subnormal)
        if signal and noise:
            with localcontext(Context(prec=60)):
                ratio = signal / noise
                db = float(10 * (Decimal(ratio.numerator) / Decimal(ratio.denominator)).log10())
            assert rq.sqnr_db(x, y) == pytest.approx(db, rel=1e-15, abs=1e-14)


def test_one_ulp_of_noise_is_not_lost() -> None:
    x = np.array([0.6546137278839925, -0.030014351522626992, -2.603529872747039, 1.469995380400409])
    y = x.copy()
    y[-1] = np.nextafter(y[-1], 2)
    assert rq.sqnr_db(x, y) == pytest.approx(322.79, abs=0.01)
    assert rq.sqnr_db([1e308, 1e-308], [1e308, 0.0]) == pytest.approx(20 * 616), "small noise beside a large signal"


def test_no_mean_overflows_where_it_fits() -> None:
    assert rq.mse([1.2e154] * 1000, [0.0] * 1000) == pytest.approx(1.44e308, rel=1e-15)
    assert rq.mse([1.7e308], [-1.7e308]) == math.inf == rq.max_abs_error([1.7e308], [-1.7e308]), "no float64 holds it"
    assert rq.mse([1.5e-162, 2.5e-162], [0.0, 0.0]) == 5e-324, "each square alone rounds to 0 or to 1e-323"


def test_computed_in_float64_whatever_the_dtypes() -> None:
    x, y = np.float16([1, 2]), np.float32([1, 2.5])
    assert (rq.mse(x, y), rq.max_abs_error(x, y)) == (0.125, 0.5)


def test_uniform_data_give_six_decibels_a_bit() -> None:
    x = np.linspace(-1.0, 1.0, 200_001)
    sqnr = [rq.sqnr_db(x, rq.fake_quantize(x, rq.affine_params(-1.0, 1.0, rq.IntGrid(b)))) for b in (8, 9, 10)]
    assert np.diff(sqnr) == pytest.approx([6.02, 6.02], abs=0.05)


@pytest.mark.parametrize("f", METRICS)
@pytest.mark.parametrize(("x", "y"), [(np.zeros(2), np.zeros(3)), (np.zeros(0), np.zeros(0)), (np.zeros(2), 0.0)])
def test_one_shape_and_data(f: Any, x: Any, y: Any) -> None:
    with refused(ValueError, f.__name__, np.shape(x), np.shape(y)):
        f(x, y)


@pytest.mark.parametrize("f", METRICS)
def test_finite(f: Any) -> None:
    with refused(ValueError, f.__name__, "`y`", "inf", "index (1,)"):
        f([1.0, 2.0], [1.0, np.inf])
    with refused(ValueError, f.__name__, "NaN"):
        f([np.nan], [1.0])
    with refused(TypeError, f.__name__, "int64"):
        f([1], [1.0])
