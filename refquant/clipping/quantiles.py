"""Order statistics as clipping rules: the least and the largest value, or percentiles of the data."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from .rule import Axis, finite, kept, parse


@arguments.quiet
def minmax(x: ArrayLike, axis: Axis = None) -> tuple[Reals, Reals]:
    """lo = min(x), hi = max(x).

    Args:
        x: (*S) reals, without NaN.
        axis: the axes REDUCED over, as in NumPy: 0 gives a range per column of a matrix, -1 one per row. (ONNX calls
            `axis` the one that is kept.) None reduces over all.
    Returns:
        (lo, hi) in x's dtype: 0-d for axis=None, otherwise with the reduced axes kept as 1, so that they broadcast
        back to x.

    >>> lo, hi = minmax(np.float32([[1, -2], [3, 4]]), axis=0)
    >>> lo, hi
    (array([[ 1., -2.]], dtype=float32), array([[3., 4.]], dtype=float32))

    Raises:
        ValueError: NaN, no data to reduce over, an axis that x does not have.
        TypeError: integers, complex or other dtypes.
    Source: Krishnamoorthi 2018 (arXiv:1806.08342), section 3.
    """
    x = parse("minmax", x, axis)
    return _reduced(np.minimum, x, axis), _reduced(np.maximum, x, axis)


def _reduced(f: np.ufunc, x: Reals, axis: Axis) -> Reals:
    """f over the axes. Of short rows, NumPy's reduceat is several times as fast as reduce, and gives the same bits."""
    if axis in (-1, x.ndim - 1) and x.flags.c_contiguous:
        rows = np.arange(0, x.size, x.shape[-1])
        return np.asarray(f.reduceat(x.reshape(-1), rows)).reshape(*x.shape[:-1], 1)
    return np.asarray(f.reduce(x, axis=axis, keepdims=axis is not None))[()]


@arguments.quiet
def percentile(x: ArrayLike, percent: float, axis: Axis = None, *, one_sided: bool = False,
               counts: Codes | None = None) -> tuple[Reals, Reals]:
    """lo = the (100 - percent)th percentile of x, hi = the percent-th, interpolated linearly.

    Args:
        x: (*S) finite reals: between infinities nothing can be interpolated.
        percent: above 50, at most 100; 99.9 leaves a thousandth of the data outside on each side, 100 is minmax.
        axis: the axes REDUCED over, as in minmax.
        one_sided: lo = min(x) instead: for data that end at 0, as after ReLU.
        counts: (*S) how often each x occurs, with axis=-1: a histogram; None is once.
    Returns:
        (lo, hi) in x's dtype, shaped as minmax's.

    One outlier in a hundred no longer decides the range:

    >>> x = np.r_[np.linspace(0, 1, 99), 50.0]
    >>> hi = percentile(x, 98.0)[1]
    >>> round(float(hi), 2), float(minmax(x)[1])
    (0.99, 50.0)

    Raises:
        ValueError: percent outside (50, 100], infinities, and as minmax.
        TypeError: as minmax.
    Source: Wu et al. 2020 (arXiv:2004.09602), section 3.2, there of |x|; the interpolation is NumPy's default.
    """
    x, counts = finite("percentile", x, axis, counts, one_sided)
    percent = arguments.real("percentile", percent, "percent", "above 50, at most 100", lambda v: 50 < v <= 100, "99.9")
    q = np.array([0.0 if one_sided else 100 - percent, percent])
    reduced = arguments.axes("percentile", x.shape, axis)
    others = [i for i in range(x.ndim) if i not in reduced]  # as rows: NumPy sorts arrays of at most 32 axes
    n = math.prod(x.shape[i] for i in reduced)
    rows = x.transpose(*others, *reduced).reshape(x.size // n, n)
    if counts is not None:
        ends = _ranked(rows, q, counts.reshape(rows.shape))
    elif not np.isfinite(ends := np.percentile(rows.T, q, axis=0)).all():  # a difference overflowed
        ends = np.where(np.isfinite(ends), ends, 2 * np.percentile(rows.T / 2, q, axis=0))
    lo, hi = (end.reshape(kept(x, reduced, axis))[()] for end in ends.astype(x.dtype))
    return lo, hi


def _ranked(x: Reals, q: Reals, counts: Codes) -> Reals:
    """The percentiles of each row of values that occur counts times, as np.percentile of the values repeated."""
    order = np.argsort(x)
    x, upto = np.take_along_axis(x, order, -1), np.cumsum(np.take_along_axis(counts, order, -1), axis=-1)
    place = q[:, None, None] / 100 * (upto[:, -1:] - 1)
    below, above = (np.take_along_axis(x[None], np.sum(upto <= rank, axis=-1, keepdims=True), -1)
                    for rank in (np.floor(place), np.ceil(place)))
    part = place - np.floor(place)
    return below * (1 - part) + above * part
