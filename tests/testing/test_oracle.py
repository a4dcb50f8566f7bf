"""The oracle agrees with what is published, so that a law against it means something."""

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
