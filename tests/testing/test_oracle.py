"""The oracle agrees with what is published, so that a law against it means something."""

from fractions import Fraction

import numpy as np
import pytest

import refquant as rq
from refquant.testing import oracle

ONE = np.float32(1)


@pytest.mark.parametrize(("x", "zero_point", "code"), [(0.5, 0, 0), (1.5, 0, 2), (2.5, 0, 2), (-0.5, 0, 0),
                                                       (-1.5, 0, -2), (0.5, 1, 1), (1.5, 1, 3), (-2.5, 1, -1),
                                                       (1e20, 0, 127),
                                                       (-np.inf, 0, -128)])
def test_codes(x: float, zero_point: int, code: int) -> None:
    assert oracle.quantize(np.float32(x), ONE, zero_point, rq.INT8) == code


def test_division_in_the_datas_dtype() -> None:
    x, scale = np.float32(3.9499998), np.float32(0.1)
    assert oracle.quantize(x, scale, 0, rq.INT8) == 39
    assert oracle.quantize(np.float16(3), np.float16(7), 0, rq.INT8) == 0


def test_ranges() -> None:
    assert oracle.affine_range(np.float32(-1), np.float32(1), rq.UINT8) == (np.float32(0.007843138), 127)
    assert oracle.affine_range(np.float64(-253), np.float64(257), rq.UINT8) == (2.0, 126)
    assert oracle.symmetric_range(np.float64(-1.27), np.float64(1), rq.INT8) == (0.01, 0)


@pytest.mark.parametrize(("acc", "m", "code"), [(21, 0.5, 10), (-23, 0.5, -12), (-1264, 0.09375, -118),
                                                (245, 0.046875, 11), (-926, 0.1875, -174)])
def test_requantize(acc: int, m: float, code: int) -> None:
    mantissa, shift = (int(v) for v in rq.quantize_multiplier(m))
    assert oracle.requantize(acc, mantissa, shift, 0, rq.INT16) == code


@pytest.mark.parametrize(("x", "code"), [(17, 0x58), (19, 0x5A), (-0.0, 0x80), (3 * 2.0**-10, 0x02), (465, 0x7E),
                                         (-np.inf, 0xFE), (448, 0x7E), (2.0**-10, 0), (-(2.0**-10), 0x80)])
def test_codes_of_e4m3(x: float, code: int) -> None:
    assert oracle.quantize(np.float32(x), ONE, 0, rq.E4M3) == code


@pytest.mark.parametrize("grid", [rq.E4M3, rq.E5M2FNUZ, rq.E2M1, rq.NF4, rq.E8M0], ids=repr)
def test_the_nearest_is_that_of_all_values(grid: rq.Grid) -> None:
    among = oracle.extended(grid)[1:-1]
    assert [entry.value for entry in among] == sorted(entry.value for entry in among)
    assert {float(entry.value) for entry in among} == set(grid.values)
    for x in np.random.default_rng(0).choice([*grid.values, *(grid.values[1:] + grid.values[:-1]) / 2], 20):
        least = min(abs(entry.value - Fraction(float(x))) for entry in among)
        assert abs(oracle.nearest(np.float64(x), among).value - Fraction(float(x))) == least


def test_ties_of_codebooks_go_down_and_of_floats_to_even() -> None:
    assert float(oracle.nearest(np.float64(0.5), oracle.extended(rq.Codebook([0, 1]))).value) == 0
    assert oracle.meanings(rq.E4M3FNUZ)[0xFF].value == -240 and 0x80 not in oracle.meanings(rq.E4M3FNUZ)
    assert oracle.symmetric_range(np.float64(-3), np.float64(1), rq.Codebook([-1, 0, 4])) == (3.0, 0)
