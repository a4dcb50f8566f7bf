"""Percentiles where the difference of two neighbours overflows, and where a percent has no place to go."""

from typing import Any

import numpy as np
import pytest

import refquant as rq


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_difference_of_neighbours_overflows(dtype: Any) -> None:
    """Between -m and m the 75th percentile is m / 2, though 2 m is no number; the ends that are numbers stay."""
    m = np.finfo(dtype).max
    lo, hi = rq.percentile(np.array([-m, m], dtype), 75.0)
    assert (lo, hi) == (-m / 2, m / 2) and lo.dtype == hi.dtype == dtype
    lo, hi = rq.percentile(np.array([-m, m, m], dtype), 75.0)
    assert (lo, hi) == (0, m)
    rows = np.array([[-m, m], [1, 2]], dtype)
    lo, hi = rq.percentile(rows, 75.0, axis=-1)
    np.testing.assert_array_equal(lo, np.array([[-m / 2], [1.25]], dtype))
    np.testing.assert_array_equal(hi, np.array([[m / 2], [1.75]], dtype))
