"""Through the staircase: values with their pullbacks. Raw arrays and no checks, for inner loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Reals
from .grids import Grid


@arguments.quiet
def straight_through(x: Reals, scale: ArrayLike, zero_point: ArrayLike,
                     grid: Grid) -> tuple[Reals, Callable[[Reals], Reals]]:
    """x_hat = scale * clip(round(x / scale), qmin - zero_point, qmax - zero_point),  dx = g where not clipped, else 0.

    Args:
        x: (*S) array of float16, float32 or float64. Nothing is checked here; fake_quantize checks.
        scale, zero_point: raw arrays that broadcast to x's shape; constants, no gradient flows to them.
        grid: which codes exist.
    Returns:
        x_hat (*S), bit for bit what fake_quantize gives, and the pullback: finite gradient of x_hat -> gradient of x.

    The mask looks at the ROUNDED code (R15), so the gradient passes half a step beyond the range:

    >>> from refquant import INT4
    >>> x_hat, pullback = straight_through(np.float32([7.4, 7.6]), 1.0, 0, INT4)
    >>> x_hat, pullback(np.float32([1, 1]))
    (array([7., 7.], dtype=float32), array([1., 0.], dtype=float32))

    Source: Bengio et al. 2013 (arXiv:1308.3432); the mask is that of torch.fake_quantize_per_tensor_affine. LSQ
    (arXiv:1902.08153) tests x/scale instead.
    """
    dtype = grid.arithmetic(x.dtype)
    scale, zero_point = np.asarray(scale, dtype), np.asarray(zero_point, dtype)
    v = np.asarray(x / scale)
    grid.round(v, out=v)
    # np.clip, at a third of its overhead
    x_hat = np.asarray(np.minimum(np.maximum(v, grid.qmin - zero_point), grid.qmax - zero_point))
    passed = x_hat == v
    x_hat += grid.zero
    x_hat *= scale

    def pullback(g: Reals) -> Reals:
        return np.asarray(g * passed)

    return x_hat if grid.bits > 16 else x_hat.astype(x.dtype, copy=False), pullback


@arguments.quiet
def lsq(x: Reals, scale: ArrayLike, zero_point: ArrayLike,
        grid: Grid) -> tuple[Reals, Callable[[Reals], tuple[Reals, Reals]]]:
    """x_hat as straight_through; with v = x/scale and [l, h] = [qmin, qmax] - zero_point: where l < v < h, dx = g and
    dscale = g * (round(v) - v), elsewhere dx = 0 and dscale = g * l or g * h, summed over all that share the scale.

    Args:
        x: (*S) array of float16, float32 or float64. Nothing is checked here.
        scale, zero_point: raw arrays that broadcast to x's shape; the scale is learned, the zero point is constant.
        grid: which codes exist.
    Returns:
        x_hat (*S) and the pullback: finite gradient of x_hat -> (gradient of x, gradient of scale in its shape). The
        published gradient scale 1/sqrt(N * qmax) belongs to the optimiser and is not applied here.

    The mask looks at x/scale before rounding, as published; straight_through looks at the rounded code (R15):

    >>> from refquant import INT4
    >>> x_hat, pullback = lsq(np.float32([7.3, 0.3]), 1.0, 0, INT4)
    >>> dx, dscale = pullback(np.float32([1, 0]))
    >>> x_hat, dx, float(dscale)
    (array([7., 0.], dtype=float32), array([0., 0.], dtype=float32), 7.0)

    Source: Esser et al. 2020 (arXiv:1902.08153), eq. 1 to 3. PyTorch's learnable fake-quantize masks by the code.
    """
    dtype = grid.arithmetic(x.dtype)
    scale, zero_point = np.asarray(scale, dtype), np.asarray(zero_point, dtype)
    l, h = grid.qmin - zero_point, grid.qmax - zero_point
    v = np.asarray(x / scale)
    steps = np.asarray(grid.round(v))
    np.clip(steps, l, h, out=steps)
    steps += grid.zero

    def pullback(g: Reals) -> tuple[Reals, Reals]:
        inside = (v > l) & (v < h)
        dscale = g * np.where(inside, steps - v, steps)
        return np.asarray(g * inside), _summed_to(dscale, scale.shape)

    x_hat = steps * scale
    return x_hat if grid.bits > 16 else x_hat.astype(x.dtype, copy=False), pullback


def _summed_to(g: Reals, shape: tuple[int, ...]) -> Reals:
    """g summed over the axes along which an array of `shape` was broadcast to it."""
    added = g.ndim - len(shape)
    repeated = tuple(i for i in range(g.ndim) if i < added or shape[i - added] == 1)
    return np.asarray(g.sum(axis=repeated)).reshape(shape)
