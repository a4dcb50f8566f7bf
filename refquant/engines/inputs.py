"""What operators take, and refuse: arrays of some dtypes, zero points on the grid, a scale a channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..arguments import Codes, Reals, array, error, whole, within
from ..grids import Grid


def must(where: str, holds: Any, rule: str, got: object, hint: str) -> None:
    """A ValueError, unless the rule holds."""
    if not holds:
        raise error(ValueError, where, rule, got, hint)


def take(where: str, x: ArrayLike, name: str, dtypes: tuple[DTypeLike, ...], hint: str) -> NDArray[Any]:
    """`x` as an array of one of the dtypes."""
    a = array(where, x, name)
    if a.dtype not in dtypes:
        names = " or ".join(str(np.dtype(dtype)) for dtype in dtypes)
        raise error(TypeError, where, f"`{name}` must be {names}", f"dtype {a.dtype}", hint)
    return a


def take_reals(where: str, x: ArrayLike, name: str, *dtypes: type[np.floating[Any]]) -> Reals:
    """`x` in one of the dtypes; numbers and lists without a dtype are float32, as torch.tensor makes them."""
    a = array(where, x, name)
    a = a if hasattr(x, "dtype") or a.dtype.kind not in "iuf" else a.astype(np.float32)
    return take(where, a, name, dtypes, f"convert it first, for example np.asarray({name}, np.float32)")


def take_zero_points(where: str, zero_point: ArrayLike, grid: Grid) -> Codes:
    """`zero_point` as int64, on the grid."""
    return within(where, zero_point, grid.qmin, grid.qmax, "zero_point", "R2",
                  "it is the code of 0.0; take one of the grid's").astype(np.int64)


def take_channels(where: str, x: NDArray[Any], scales: ArrayLike, zero_points: ArrayLike, axis: int,
                  grid: Grid) -> tuple[Reals, Codes]:
    """scales in float64 and zero_points in int64, shaped to lie along the axis of x."""
    axis = whole(where, axis, "axis", 0, x.ndim - 1)
    steps, zeros = np.asarray(scales, np.float64), take_zero_points(where, zero_points, grid)
    n = x.shape[axis]
    must(where, steps.shape == zeros.shape == (n,), "`scales` and `zero_points` must hold one number a channel",
         f"shapes {steps.shape} and {zeros.shape} for {n} channels", "axis is the one kept")
    along = [-1 if i == axis else 1 for i in range(x.ndim)]
    return steps.reshape(along), zeros.reshape(along)
