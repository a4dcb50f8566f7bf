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


@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, 5), 0.5, "0"])
def test_axis_names_axes(axis: Any) -> None:
    with refused(ValueError, "minmax", "`axis`", repr(axis), "(2, 3)"):
        rq.minmax(np.zeros((2, 3)), axis=axis)
