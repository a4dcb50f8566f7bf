"""Data -> [lo, hi]: how the clipping range is chosen. A rule is any function `(x, axis=None) -> (lo, hi)`."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Reals

Axis: TypeAlias = int | tuple[int, ...] | None


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


def parse(where: str, x: ArrayLike, axis: Axis) -> Reals:
    """x as reals, with something to reduce over along `axis`."""
    x = _check.reals(where, x)
    try:
        reduced = range(x.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    except (ValueError, TypeError) as cause:
        raise _check.error(ValueError, where, "`axis` must name axes of `x`, each once", f"axis={axis!r} for shape "
                           f"{x.shape}", "axis holds the axes reduced over; None reduces over all") from cause
    if any(x.shape[i] == 0 for i in reduced):
        raise _check.error(ValueError, where, "a range needs data", f"shape {x.shape} reduced over axis={axis}",
                           "leave empty batches out")
    return x
