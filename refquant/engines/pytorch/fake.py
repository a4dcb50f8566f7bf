"""Fake quantization: reals that codes mean, and where the gradient passes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...arguments import Reals
from ...grids import Grid, known
from ..inputs import take_channels, take_reals, take_zero_points


@arguments.quiet
def fake_quantize_per_tensor_affine(x: ArrayLike, scale: float, zero_point: int,
                                    grid: Grid) -> tuple[Reals, NDArray[np.bool_]]:
    """q = round(x * (1 / scale)) + zero_point,  x_hat = (clip(q, qmin, qmax) - zero_point) * scale,  passed where
    qmin <= q <= qmax.

    Args:
        x: (*S) float16, float32 or float64. NaN becomes the value of qmin and does not pass.
        scale: reals per step, any, cast to float32.
        zero_point: on the grid.
        grid: at most 16 bits (quant_min, quant_max); beyond, PyTorch's intermediate dtypes vary and are not followed.
    Returns:
        x_hat (*S) in x's dtype, and passed (*S): the gradient of x is that of x_hat where it is True, else 0.

    Departs from R3: by reciprocal, the scale in float32 whatever x is, and x_hat is a float32 number even for float64.
    Departs from R7: NaN is taken. The mask is R15.

    >>> import refquant as rq
    >>> x = np.float32([3.9499998])
    >>> x_hat, passed = fake_quantize_per_tensor_affine(x, 0.1, 0, rq.INT8)
    >>> x_hat, rq.fake_quantize(x, rq.AffineParams(scale=0.1, zero_point=0, grid=rq.INT8)), passed
    (array([4.], dtype=float32), array([3.9], dtype=float32), array([ True]))

    Raises:
        TypeError: x that is no real.
        ValueError: a grid beyond 16 bits, a zero point off the grid.
    Source: torch.fake_quantize_per_tensor_affine (fake_quantize_per_tensor_affine_cachemask) in PyTorch 2.13.0.
    """
    where = "fake_quantize_per_tensor_affine"
    x, wide = _fakeable(where, x, grid)
    steps, zero = np.float32(scale), take_zero_points(where, zero_point, grid)
    q = np.rint(x.astype(wide) * (1 / steps)) + zero.astype(wide)
    passed = (q >= grid.qmin) & (q <= grid.qmax)
    clipped = np.clip(np.where(np.isnan(q), grid.qmin, q), grid.qmin, grid.qmax)
    return ((clipped - zero).astype(np.float32) * steps).astype(x.dtype), np.asarray(passed)


@arguments.quiet
def fake_quantize_per_channel_affine(x: ArrayLike, scales: ArrayLike, zero_points: ArrayLike, axis: int,
                                     grid: Grid) -> tuple[Reals, NDArray[np.bool_]]:
    """q = int64(round(x * (1 / scale)) + zero_point),  x_hat = (clip(q, qmin, qmax) - zero_point) * scale,  passed
    where qmin <= q <= qmax.

    Args:
        x: (*S) float16, float32 or float64.
        scales, zero_points: (C,) one for each index along `axis`, the axis KEPT; scales are cast to float32.
        axis: from 0.
        grid: at most 16 bits.
    Returns:
        x_hat (*S) in x's dtype, and passed (*S), as fake_quantize_per_tensor_affine.

    Departs from R3 and R7 as per tensor, and from R6: what int64 does not hold becomes -2**63, so infinity and every
    quotient from 2**63 on gets the value of qmin (pytorch/pytorch#154328).

    >>> from refquant import INT8
    >>> x = np.float32([np.inf, 1e20, 1e18])
    >>> fake_quantize_per_channel_affine(x, [1.0] * 3, [0] * 3, 0, INT8)[0]
    array([-128., -128.,  127.], dtype=float32)
    >>> fake_quantize_per_tensor_affine(x, 1.0, 0, INT8)[0]
    array([127., 127., 127.], dtype=float32)

    Raises: as per tensor; and ValueError for an axis or a number of channels that x does not have.
    Source: torch.fake_quantize_per_channel_affine (fake_quantize_per_channel_affine_cachemask) in PyTorch 2.13.0.
    """
    where = "fake_quantize_per_channel_affine"
    x, wide = _fakeable(where, x, grid)
    steps, zeros = take_channels(where, x, scales, zero_points, axis, grid)
    steps, zeros = steps.astype(np.float32), zeros.astype(wide)
    q = np.rint(x.astype(wide) * (1 / steps)) + zeros
    q = np.where(np.abs(q) < 2.0**63, q, -(2.0**63))
    x_hat = (np.clip(q, grid.qmin, grid.qmax).astype(wide) - zeros) * steps
    return x_hat.astype(x.dtype), np.asarray((q >= grid.qmin) & (q <= grid.qmax))


def _fakeable(where: str, x: ArrayLike, grid: Grid) -> tuple[Reals, type[np.floating[Any]]]:
    """x, and the dtype of its arithmetic."""
    if known(where, grid).bits > 16:
        raise arguments.error(ValueError, where, "`grid` must have at most 16 bits", grid,
                              "refquant.fake_quantize takes up to 32")
    a = take_reals(where, x, "x", np.float16, np.float32, np.float64)
    return a, np.float64 if a.dtype == np.float64 else np.float32
