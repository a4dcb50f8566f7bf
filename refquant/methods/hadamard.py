"""The Walsh-Hadamard transform: a rotation that spreads each channel over all channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals


@arguments.quiet
def hadamard(x: ArrayLike, axis: int = -1) -> Reals:
    """x @ H along the axis, H = [[H', H'], [H', -H']] / sqrt(2) from H' of half the size, and H of one is [[1]].

    Args:
        x: (*S) finite reals.
        axis: the axis that is rotated; its length is a power of two.
    Returns:
        (*S) in x's dtype; the sums are float64.

    H is symmetric and orthonormal, so it is its own inverse, and a layer's product stays: (x @ H) @ (H @ w) = x @ w,
    where H @ w is hadamard(w, axis=0). No value exceeds sum|x| / sqrt(n): an outlier is shared by all n channels.

    >>> hadamard([0.0, 8.0, 0.0, 0.0])
    array([ 4., -4.,  4., -4.])

    What it must not rotate: channels whose mean is not 0, as after ReLU. The first column of H adds all channels up,
    and makes an outlier channel where none was, sqrt(n) times the mean:

    >>> x = np.maximum(np.random.default_rng(0).normal(size=(1000, 64)), 0)
    >>> np.abs(x).mean(axis=0)[:3].round(2), np.abs(hadamard(x)).mean(axis=0)[:3].round(2)
    (array([0.39, 0.39, 0.4 ]), array([3.2 , 0.48, 0.46]))

    Raises:
        ValueError: a size that is no power of two, an axis that x does not have, NaN or infinities.
        TypeError: other dtypes.
    Source: Ashkboos et al. 2024 (arXiv:2404.00456, QuaRot), section 3.1, eq. 1: the Walsh-Hadamard matrix. QuaRot also
    turns signs at random, and has sizes that are a power of two times a known smaller matrix's; both are left out.
    """
    x = arguments.finite("hadamard", x, "x")
    axis = arguments.one_axis("hadamard", x.shape, axis)
    n = x.shape[axis]
    if n < 1 or n & (n - 1):
        raise arguments.error(ValueError, "hadamard", "the size of the axis must be a power of two",
                              f"{n} along axis {axis} of shape {x.shape}", "cut it into blocks of 2**k, split_blocks")
    last = np.moveaxis(x, axis, -1)
    y = last.astype(np.float64)
    step = 1
    while step < n:
        pairs = y.reshape(x.size // n, n // (2 * step), 2, step)
        y = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2)
        step *= 2
    y = np.moveaxis(y.reshape(last.shape) / np.sqrt(n), -1, axis)
    return y.astype(x.dtype)
