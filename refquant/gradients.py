"""Through the staircase: values with their pullbacks. Raw arrays and no checks, for inner loops."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Reals
from .grids import IntGrid


@_check.quiet
def straight_through(x: Reals, scale: ArrayLike, zero_point: ArrayLike,
                     grid: IntGrid) -> tuple[Reals, Callable[[Reals], Reals]]:
    """x_hat = scale * (clip(round(x/scale) + zero_point, qmin, qmax) - zero_point),  dx = g where not clipped, else 0.

    Args:
        x: (*S) reals.
        scale, zero_point: raw arrays that broadcast to x's shape; constants, no gradient flows to them.
        grid: which codes exist.
    Returns:
        x_hat (*S), bit for bit what fake_quantize gives, and the pullback: finite gradient of x_hat -> gradient of x.

    The mask looks at the ROUNDED code (R15), so the gradient passes half a step beyond the range:

    >>> x_hat, pullback = straight_through(np.float32([7.4, 7.6]), 1.0, 0, IntGrid(4))
    >>> x_hat, pullback(np.float32([1, 1]))
    (array([7., 7.], dtype=float32), array([1., 0.], dtype=float32))

    Source: Bengio et al. 2013 (arXiv:1308.3432); the mask is that of torch.fake_quantize_per_tensor_affine. LSQ
    (arXiv:1902.08153) tests x/scale instead.
    """
    dtype = grid.arithmetic(x.dtype)
    scale, zero_point = np.asarray(scale, dtype), np.asarray(zero_point, dtype)
    q = np.asarray(np.divide(x, scale, dtype=dtype))
    np.rint(q, out=q)
    q += zero_point
    x_hat = np.asarray(np.minimum(np.maximum(q, grid.qmin), grid.qmax))  # np.clip, at a third of its overhead
    passed = x_hat == q
    x_hat -= zero_point
    x_hat *= scale

    def pullback(g: Reals) -> Reals:
        return np.asarray(g * passed)

    return x_hat if grid.bits > 16 else x_hat.astype(x.dtype, copy=False), pullback
