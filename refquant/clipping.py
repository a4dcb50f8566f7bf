"""Data -> [lo, hi]: how the clipping range is chosen.

A rule is any function `(x, axis=None) -> (lo, hi)` that keeps the reduced axes as 1 (NumPy's keepdims), so that the
range broadcasts back to x; `partial(percentile, percent=99.9)` makes one of a rule with options. `axis` holds the axes
REDUCED over, so the same rule serves tensors, channels, rows and, after split_blocks, blocks. `counts`, of x's shape,
says how often each value occurs: so a rule reads a histogram (observers.py).
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Codes, Reals
from .affine import AffineParams
from .grids import IntGrid

Axis: TypeAlias = int | tuple[int, ...] | None
Clip: TypeAlias = Callable[..., tuple[Reals, Reals]]
Fit: TypeAlias = Callable[[Reals, Reals, IntGrid], AffineParams]


@_check.quiet
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
    keep = axis is not None
    return x.min(axis=axis, keepdims=keep), x.max(axis=axis, keepdims=keep)


@_check.quiet
def percentile(x: ArrayLike, percent: float, axis: Axis = None, *, one_sided: bool = False,
               counts: Codes | None = None) -> tuple[Reals, Reals]:
    """lo = the (100 - percent)th percentile of x, hi = the percent-th, interpolated linearly.

    Args:
        x: (*S) finite reals: between infinities nothing can be interpolated.
        percent: above 50, at most 100; 99.9 leaves a thousandth of the data outside on each side, 100 is minmax.
        axis: the axes REDUCED over, as in minmax.
        one_sided: lo = min(x) instead: for data that end at 0, as after ReLU.
        counts: (*S) how often each x occurs, x ascending along axis=-1: a histogram; None is once.
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
    x = finite("percentile", x, axis, counts)
    if not (isinstance(percent, int | float | np.number) and 50 < percent <= 100):
        raise _check.error(ValueError, "percentile", "`percent` must lie above 50 and at most at 100", repr(percent),
                           "99.9 leaves a thousandth of the data outside on each side")
    percent = float(percent)
    below = 0.0 if one_sided else 100 - percent
    if counts is not None:
        return _ranked(x, below, counts), _ranked(x, percent, counts)
    each = partial(np.percentile, q=[below, percent], axis=axis, keepdims=axis is not None)
    ends = each(x)
    if not np.isfinite(ends).all():  # a difference overflowed
        ends = np.where(np.isfinite(ends), ends, 2 * each(x / 2))
    return ends[0].astype(x.dtype)[()], ends[1].astype(x.dtype)[()]


# ---------------------------------------------------------------------------------------------- what rules share

def _ranked(x: Reals, percent: float, counts: Codes) -> Reals:
    """The percentile of ascending values that occur counts times, as np.percentile of the values repeated."""
    upto = np.cumsum(counts, axis=-1)
    place = percent / 100 * (upto[..., -1:] - 1)
    below, above = (np.take_along_axis(x, np.sum(upto <= rank, axis=-1, keepdims=True), -1)
                    for rank in (np.floor(place), np.ceil(place)))
    part = place - np.floor(place)
    return np.where(part == 0, below, below * (1 - part) + above * part).astype(x.dtype)


def finite(where: str, x: ArrayLike, axis: Axis, counts: Codes | None) -> Reals:
    """x as finite reals, counts of its shape."""
    x = _check.finite(where, parse(where, x, axis), "x")
    if counts is not None and (np.shape(counts) != x.shape or axis != -1):
        raise _check.error(ValueError, where, "`counts` must have the shape of `x`, with axis=-1",
                           f"{np.shape(counts)} for {x.shape}, axis={axis}", "histogram_observer calls it so")
    return x


def parse(where: str, x: ArrayLike, axis: Axis) -> Reals:
    """x as reals, with something to reduce over along `axis`."""
    x = _check.reals(where, x)
    if any(x.shape[i] == 0 for i in _check.axes(where, x.shape, axis)):
        raise _check.error(ValueError, where, "a range needs data", f"shape {x.shape} reduced over axis={axis}",
                           "leave empty batches out")
    return x


def ranged(where: str, clip: Clip, x: ArrayLike, axis: Axis) -> tuple[Reals, Reals]:
    """What a clipping rule makes of x, in the shape that broadcasts back to x."""
    x = _check.reals(where, x)
    reduced = _check.axes(where, x.shape, axis)
    lo, hi = clip(x, axis=axis)
    shape = () if axis is None else tuple(1 if i in reduced else n for i, n in enumerate(x.shape))
    if np.shape(lo) != shape or np.shape(hi) != shape:
        raise _check.error(ValueError, where, "`clip` must keep the reduced axes as 1 (R12)", f"shapes {np.shape(lo)} "
                           f"and {np.shape(hi)} instead of {shape}", "reduce with keepdims=axis is not None")
    return lo, hi
