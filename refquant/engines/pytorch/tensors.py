"""Quantized tensors: a scale for all, or one for each channel, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ... import arguments
from ...arguments import Codes, Reals
from ...grids import INT8, INT32, UINT8, Grid, known
from ..inputs import take_channels, take_reals, take_zero_points


@arguments.quiet
def quantize_per_tensor(x: ArrayLike, scale: float, zero_point: int, grid: Grid) -> Codes:
    """q = clip(round(fma(x, 1 / scale, zero_point)), qmin, qmax), one rounding of product and sum together.

    Args:
        x: (*S) float32; NaN gets qmax (qmin on 32 bits).
        scale: reals per step, any, cast to float32; 1 / scale may be infinite, 0 or NaN.
        zero_point: on the grid.
        grid: INT8, UINT8 or INT32 (qint8, quint8, qint32). On INT32 the product is rounded before the sum.
    Returns:
        (*S) codes in the grid's dtype: what int_repr() shows.

    Departs from R3 (reciprocal), R5 (the zero point is added before rounding) and R7 (NaN is taken). A tie goes to
    the even code, not to the even number of steps:

    >>> import refquant as rq
    >>> x, params = np.float32([0.5, 1.5, 2.5]), rq.AffineParams(scale=1.0, zero_point=1, grid=INT8)
    >>> quantize_per_tensor(x, 1.0, 1, INT8), rq.quantize(x, params)
    (array([2, 2, 4], dtype=int8), array([1, 3, 3], dtype=int8))

    3.9499998 / 0.1 lies below the tie, 3.9499998 * (1 / 0.1) on it:

    >>> x, params = np.float32([3.9499998]), rq.AffineParams(scale=0.1, zero_point=0, grid=INT8)
    >>> quantize_per_tensor(x, 0.1, 0, INT8), rq.quantize(x, params)
    (array([40], dtype=int8), array([39], dtype=int8))

    Raises:
        TypeError: x that is not float32.
        ValueError: another grid, a zero point off the grid.
    Source: torch.quantize_per_tensor, fbgemm::Quantize (QuantUtils, LEGACY=true) in PyTorch 2.13.0.
    """
    x, steps = _quantizable("quantize_per_tensor", x, grid), np.float32(scale)
    zero = take_zero_points("quantize_per_tensor", zero_point, grid).astype(np.float32)
    v = x * (1 / steps) + zero if grid.bits == 32 else fused_multiply_add(x, 1 / steps, zero)
    return _saturated(v, grid, grid.qmin if grid.bits == 32 else grid.qmax)


@arguments.quiet
def quantize_per_channel(x: ArrayLike, scales: ArrayLike, zero_points: ArrayLike, axis: int, grid: Grid) -> Codes:
    """q = clip(round(x * (1 / scale) + zero_point), qmin, qmax), product and sum each rounded to float32.

    Args:
        x: (*S) float32; NaN gets 0 (qmin on 32 bits).
        scales, zero_points: (C,) one for each index along `axis`, the axis KEPT; scales are cast to float32.
        axis: from 0.
        grid: INT8, UINT8 or INT32.
    Returns:
        (*S) codes in the grid's dtype.

    Departs from R3, R5 and R7, and from R12: a channel's result is not that of quantize_per_tensor on it alone, which
    rounds once.

    >>> x = np.float32([-1.77425])
    >>> quantize_per_channel(x, [0.0235], [17], 0, INT8), quantize_per_tensor(x, 0.0235, 17, INT8)
    (array([-58], dtype=int8), array([-59], dtype=int8))

    Raises: as quantize_per_tensor; and ValueError for an axis or a number of channels that x does not have.
    Source: torch.quantize_per_channel, at::native::quantize_val in PyTorch 2.13.0.
    """
    where = "quantize_per_channel"
    x = _quantizable(where, x, grid)
    steps, zeros = take_channels(where, x, scales, zero_points, axis, grid)
    v = x * (1 / steps.astype(np.float32)) + zeros.astype(np.float32)
    return _saturated(v, grid, grid.qmin if grid.bits == 32 else 0)


@arguments.quiet
def dequantize_per_tensor(q: ArrayLike, scale: float, zero_point: int, grid: Grid) -> Reals:
    """x_hat = float32(q - zero_point) * float32(scale), the difference in int32.

    Args:
        q: (*S) codes of the grid.
        scale, zero_point, grid: as for quantize_per_tensor.
    Returns:
        (*S) float32.

    Departs from R2: always float32, and on 32 bits the difference wraps.

    >>> dequantize_per_tensor([2**31 - 1], 1.0, -1, INT32)
    array([-2.1474836e+09], dtype=float32)

    Raises:
        ValueError: codes or a zero point off the grid.
        TypeError: codes that are no integers.
    Source: Tensor.dequantize in PyTorch 2.13.0.
    """
    where = "dequantize_per_tensor"
    q = arguments.within(where, q, grid.qmin, grid.qmax, "q", "R2", "codes come from quantize_per_tensor")
    zero = take_zero_points(where, zero_point, grid)
    return np.asarray((q.astype(np.int64) - zero).astype(np.int32).astype(np.float32) * np.float32(scale))


@arguments.quiet
def dequantize_per_channel(q: ArrayLike, scales: ArrayLike, zero_points: ArrayLike, axis: int, grid: Grid) -> Reals:
    """x_hat = float32((float32(q) - float32(zero_point)) * float64(scale)): the scales are kept in float64.

    Args:
        q: (*S) codes of the grid.
        scales, zero_points, axis, grid: as for quantize_per_channel, whose codes used the scales in float32.
    Returns:
        (*S) float32.

    Departs from R2: the product is rounded once, from the scale in float64. For float32 scales nothing changes.

    >>> dequantize_per_channel([9], [0.1], [0], 0, INT8), dequantize_per_tensor([9], 0.1, 0, INT8)
    (array([0.9], dtype=float32), array([0.90000004], dtype=float32))

    Raises: as dequantize_per_tensor and quantize_per_channel.
    Source: Tensor.dequantize in PyTorch 2.13.0.
    """
    where = "dequantize_per_channel"
    q = arguments.within(where, q, grid.qmin, grid.qmax, "q", "R2", "codes come from quantize_per_channel")
    steps, zeros = take_channels(where, q, scales, zero_points, axis, grid)
    return np.asarray(((q.astype(np.float32) - zeros.astype(np.float32)) * steps).astype(np.float32))


def fused_multiply_add(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> Reals:
    """float32(a * b + c), rounded once, for float32 numbers a, b and c.

    Proof. The product of two 24-bit significands has 48 bits and an exponent float64 holds, so it is exact in float64;
    the sum is not. Rounding it to float64 and then to float32 is rounding twice, and wrong where the first rounding
    lands on a tie of the second. So what the first rounding dropped is found (Knuth's two-sum is exact), and where it
    is not 0 the sum is made odd: of the two float64 neighbours of the exact sum, the one whose last bit is 1. No tie
    of float32 is odd, and 53 >= 24 + 2 bits, so rounding that to float32 is rounding the exact sum (Boldo and
    Melquiond 2008, "Emulation of FMA and correctly rounded sums"). Infinite and NaN sums pass unchanged.

    The case occurs: 0.720255 * (1 / 1.4404881) + 128 lies above the tie between 128.5 and the next float32 by less
    than float64 sees. Rounded twice it is 128.5 and so code 128, in PyTorch and here it is 129.

    >>> x, inverse = np.float32(0.720255), 1 / np.float32(1.4404881)
    >>> fused_multiply_add(x, inverse, 128), np.float32(np.float64(x) * np.float64(inverse) + 128)
    (array(128.50002, dtype=float32), np.float32(128.5))

    Source: IEEE 754-2008, fusedMultiplyAdd; the vfmadd instructions.
    """
    product, c = np.multiply(a, b, dtype=np.float64), np.asarray(c, np.float64)
    total = product + c
    back = total - product
    rest = (product - (total - back)) + (c - back)
    even = (np.abs(rest) > 0) & (total.view(np.int64) % 2 == 0)
    return np.asarray(np.where(even, np.nextafter(total, np.copysign(np.inf, rest)), total).astype(np.float32))


def _quantizable(where: str, x: ArrayLike, grid: Grid) -> Reals:
    if known(where, grid) not in (INT8, UINT8, INT32):
        raise arguments.error(ValueError, where, "`grid` must be INT8, UINT8 or INT32", grid,
                              "PyTorch's quantized tensors are qint8, quint8 and qint32; fake_quantize takes other "
                              "grids")
    return take_reals(where, x, "x", np.float32)


def _saturated(v: Reals, grid: Grid, of_nan: int) -> Codes:
    q = np.clip(np.rint(v.astype(np.float64)), grid.qmin, grid.qmax)
    return np.asarray(np.where(np.isnan(q), of_nan, q).astype(grid.dtype))
