"""What the rules share: a mean of counted values, a unit for them, no range wider than the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arguments
from ..arguments import Codes, Reals
from .quantiles import minmax
from .rule import Axis


def mean(x: NDArray[Any], axis: Axis, counts: Codes | None) -> Reals:
    """The mean in float64, shaped as minmax's; each x counts as often as it occurs.

    >>> mean(np.array([0.0, 3.0]), 0, np.array([2, 1]))
    array([1.])
    """
    keep = axis is not None
    if counts is None:
        return np.asarray(np.mean(x, axis=axis, keepdims=keep, dtype=np.float64))
    return np.asarray(np.sum(x * counts, axis=axis, keepdims=keep) / np.sum(counts, axis=axis, keepdims=keep))


def unit_of(lo: Reals, hi: Reals) -> Reals:
    """The largest power of two up to max|x|: dividing by it is exact, and squares neither overflow nor vanish.

    >>> unit_of(np.float32(-5), np.float32(3))
    np.float32(4.0)
    """
    largest = np.maximum(np.abs(lo), np.abs(hi))
    unit: Reals = np.ldexp(np.ones_like(lo), np.frexp(largest)[1] - 1)
    return unit


@arguments.quiet
def no_wider(lo: Reals, hi: Reals, smallest: Reals, largest: Reals) -> tuple[Reals, Reals]:
    """[lo, hi] where it lies within the data and 0, whose ends' dtype it takes: no code for what does not occur.

    >>> no_wider(np.float64(-9), np.float64(9), np.float32(1), np.float32(4))
    (np.float32(0.0), np.float32(4.0))
    """
    dtype = smallest.dtype
    return (np.maximum(lo, np.minimum(smallest, 0)).astype(dtype)[()],
            np.minimum(hi, np.maximum(largest, 0)).astype(dtype)[()])


@arguments.quiet
def mean_and_deviation(x: Reals, axis: Axis = None, counts: Codes | None = None) -> tuple[Reals, Reals]:
    """(mean, standard deviation) in float64, shaped as minmax's; no square overflows.

    >>> mean_and_deviation(np.array([1e300, 3e300]))
    (np.float64(2e+300), np.float64(1e+300))
    """
    unit = unit_of(*minmax(x, axis))
    middle = mean(x / unit, axis, counts)
    return middle * unit, np.sqrt(mean((x / unit - middle) ** 2, axis, counts)) * unit
