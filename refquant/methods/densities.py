"""What the rules share that think of data as a density."""

import numpy as np

from .. import _check
from .._check import Codes, Reals
from ..clipping import Axis, mean, minmax, unit_of


@_check.quiet
def no_wider(lo: Reals, hi: Reals, smallest: Reals, largest: Reals) -> tuple[Reals, Reals]:
    """[lo, hi] where it lies within the data and 0, whose ends' dtype it takes: no code for what does not occur.

    >>> no_wider(np.float64(-9), np.float64(9), np.float32(1), np.float32(4))
    (np.float32(0.0), np.float32(4.0))
    """
    dtype = smallest.dtype
    return (np.maximum(lo, np.minimum(smallest, 0)).astype(dtype)[()],
            np.minimum(hi, np.maximum(largest, 0)).astype(dtype)[()])


@_check.quiet
def mean_and_deviation(x: Reals, axis: Axis = None, counts: Codes | None = None) -> tuple[Reals, Reals]:
    """(mean, standard deviation) in float64, shaped as minmax's; no square overflows.

    >>> mean_and_deviation(np.array([1e300, 3e300]))
    (np.float64(2e+300), np.float64(1e+300))
    """
    unit = unit_of(*minmax(x, axis))
    middle = mean(x / unit, axis, counts)
    return middle * unit, np.sqrt(mean((x / unit - middle) ** 2, axis, counts)) * unit
