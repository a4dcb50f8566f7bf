import math
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
