"""PyTorch 2.13 on x86: the classic quantized tensors, fake quantization, and the observers that choose a range.

                                        product, then zero point               NaN        +inf     codes
    quantize_per_tensor      8 bits     fused, one rounding; before rounding   qmax       qmax     saturate
    quantize_per_tensor      32 bits    two roundings; before rounding         qmin       qmax     saturate
    quantize_per_channel     8 bits     two roundings; before rounding         0          qmax     saturate
    quantize_per_channel     32 bits    two roundings; before rounding         qmin       qmax     saturate
    fake_quantize_per_tensor            after rounding                         qmin       qmax     saturate
    fake_quantize_per_channel           after rounding                         qmin       qmin     through int64

All multiply by the reciprocal, rounded to float32, instead of dividing. So PyTorch's quantized and fake-quantized
tensors disagree on ties when the zero point is odd, and its tensors and channels beside ties. No kernel depends on an
element's position or on the vector width: bodies and tails agree under AVX-512, AVX2 and neither.

Quantized tensors are deprecated (pytorch/pytorch#184982), and other versions and processors add the zero point
elsewhere; this is the wheel of version 2.13.0. Fake quantization and the observers stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import arguments
from ..affine import AffineParams
from ..arguments import Codes, Reals
from ..grids import INT8, INT32, UINT8, UINT16, Grid, IntGrid, known
from ..integer import integer_matmul
from .exact import fitting, fused_multiply_add
from .inputs import must, take_channels, take_reals, take_zero_points

Fit: TypeAlias = "Callable[[ArrayLike, ArrayLike, Grid], tuple[Reals, Codes]]"

EPS = float(np.finfo(np.float32).eps)


# -------------------------------------------------------------------------------------------------- quantized tensors

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


def _quantizable(where: str, x: ArrayLike, grid: Grid) -> Reals:
    must(where, known(where, grid) in (INT8, UINT8, INT32), "`grid` must be INT8, UINT8 or INT32", grid,
         "PyTorch's quantized tensors are qint8, quint8 and qint32; fake_quantize takes other grids")
    return take_reals(where, x, "x", np.float32)


def _saturated(v: Reals, grid: Grid, of_nan: int) -> Codes:
    q = np.clip(np.rint(v.astype(np.float64)), grid.qmin, grid.qmax)
    return np.asarray(np.where(np.isnan(q), of_nan, q).astype(grid.dtype))


@arguments.quiet
def quantized_linear(x: ArrayLike, w: ArrayLike, bias: ArrayLike | None, x_params: AffineParams,
                     w_params: AffineParams, y_params: AffineParams) -> Codes:
    """y = clip(round((acc + bias / s) * (s / scale_y)) + zero_point_y, 0, 255), s = scale_x * scale_w, in float32.

    Args:
        x: (*S, depth) uint8 codes.
        w: (units, depth) int8 codes.
        bias: (units,) float32; None is none.
        x_params, y_params: one scale, UINT8. w_params: INT8, one scale or (units, 1).
    Returns:
        (*S, units) uint8.

    Departs from R14: acc, the bias in steps and their sum are float32, the bias is not rounded to a step; with one
    scale for all weights acc + bias * (1 / s) is rounded once, in a fused multiply-add. acc is exact only
    with VNNI, or where can_saturate of refquant.engines.onnxruntime is False.

    >>> from refquant import AffineParams
    >>> x, w, y = (AffineParams(scale=np.float32(s), zero_point=z, grid=g) for s, z, g in (
    ...     (0.5, 10, UINT8), (0.5, 0, INT8), (0.5, 3, UINT8)))
    >>> quantized_linear(np.uint8([[11]]), np.int8([[1]]), np.float32([0.01]), x, w, y)  # 0.52 steps
    array([[4]], dtype=uint8)

    Raises:
        ValueError, TypeError: as integer_matmul.
    Source: torch.ops.quantized.linear with the engines x86 and fbgemm in PyTorch 2.13.0; FBGEMM, ReQuantizeOutput.
    """
    codes, weights = np.asarray(x, np.int64) - x_params.zero_point, np.asarray(w, np.int64) - w_params.zero_point
    s, y_step = (p.astype(np.float32) for p in (x_params.scale * w_params.scale.ravel(), y_params.scale))
    acc = integer_matmul(codes.astype(np.int16), weights.astype(np.int16).T).astype(np.float32)
    offset = np.float32(0) if bias is None else np.asarray(bias, np.float32)
    v = (acc + offset / s if s.size > 1 else fused_multiply_add(offset, 1 / s, acc)) * (s / y_step)
    return np.asarray(np.clip(np.rint(v) + y_params.zero_point, 0, 255).astype(np.uint8))


# -------------------------------------------------------------------------------------------------- fake quantization

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
    x, steps = _fakeable(where, x, grid), np.float32(scale)
    zero = take_zero_points(where, zero_point, grid).astype(np.float32)
    q = np.rint(x * (1 / steps)) + zero
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
    x = _fakeable(where, x, grid)
    steps, zeros = (p.astype(np.float32) for p in take_channels(where, x, scales, zero_points, axis, grid))
    q = np.rint(x * (1 / steps)) + zeros
    q = np.where(np.abs(q) < 2.0**63, q, -(2.0**63))
    x_hat = (np.clip(q, grid.qmin, grid.qmax) - zeros) * steps
    return x_hat.astype(x.dtype), np.asarray((q >= grid.qmin) & (q <= grid.qmax))


def _fakeable(where: str, x: ArrayLike, grid: Grid) -> Reals:
    must(where, known(where, grid).bits <= 16, "`grid` must have at most 16 bits", grid,
         "refquant.fake_quantize takes up to 32")
    return take_reals(where, x, "x", np.float16, np.float32, np.float64)


# ------------------------------------------------------------------------------------------ from ranges to parameters

@arguments.quiet
def affine_qparams(lo: ArrayLike, hi: ArrayLike, grid: Grid, eps: float = EPS) -> tuple[Reals, Codes]:
    """scale = max((hi - lo) / (qmax - qmin), eps),  zero_point = clip(qmin - round(lo / scale), qmin, qmax).

    Args:
        lo, hi: (*S) reals, taken in float32 and widened to contain 0. NaN gives a NaN scale.
        grid: which codes exist. reduce_range=True is a grid of one bit fewer; quant_min=-127 is a narrow one.
        eps: the smallest scale.
    Returns:
        scale (*S) float32, and zero_point (*S) int64.

    Departs from R11: no scale is below 1.19e-07, however small the data, and an all-zero range has that one.

    >>> import refquant as rq
    >>> affine_qparams(0.0, 1e-6, UINT8)[0], rq.affine_params(np.float32(0), np.float32(1e-6), UINT8).scale
    (np.float32(1.1920929e-07), array(3.9215684e-09, dtype=float32))

    Departs from R9 where hi - lo overflows, from R7 and R11 at infinite and NaN ends: no code is their zero point, and
    int32 wraps to qmax on a signed grid, to 0 on an unsigned one.

    >>> affine_qparams(-3e38, 3e38, UINT8)[0], [int(affine_qparams(-np.inf, 1.0, g)[1]) for g in (rq.INT8, UINT8)]
    (np.float32(inf), [127, 0])

    Raises:
        ValueError: lo > hi.
    Source: torch.ao.quantization.observer, UniformQuantizationObserverBase._calculate_qparams, in PyTorch 2.13.0.
    """
    lo, hi = _ends("affine_qparams", lo, hi, grid)
    scale = np.maximum((hi - lo) / np.float32(grid.qmax - grid.qmin), np.float32(eps))
    steps = fitting(np.rint(lo / scale), 32).astype(np.int64)
    return scale, np.clip((grid.qmin - steps).astype(np.int32).astype(np.int64), grid.qmin, grid.qmax)


@arguments.quiet
def symmetric_qparams(lo: ArrayLike, hi: ArrayLike, grid: Grid, eps: float = EPS) -> tuple[Reals, Codes]:
    """scale = max(max(-lo, hi) / ((qmax - qmin) / 2), eps),  zero_point = 0, or the middle code when unsigned.

    Args: as affine_qparams.
    Returns:
        scale (*S) float32, and zero_point (*S) int64: 0 if signed, 128 on UINT8, 32768 on UINT16, otherwise
        (qmin + qmax) // 2. (Asked for 8 bits by quant_min=0, quant_max=255, PyTorch takes 127.)

    Departs from R10: int8 divides by 127.5, so that hi lies on a tie with a code that does not exist, and is clipped;
    and the middle of other unsigned grids is rounded down. Departs from R11 as affine_qparams.

    >>> import refquant as rq
    >>> lo, hi = np.float32(-1.275), np.float32(0.3)
    >>> symmetric_qparams(lo, hi, rq.INT8)[0], rq.symmetric_params(lo, hi, rq.INT8).scale
    (np.float32(0.01), array(0.01003937, dtype=float32))
    >>> int(symmetric_qparams(-1, 1, rq.UINT4)[1]), int(rq.symmetric_params(-1, 1, rq.UINT4).zero_point)
    (7, 8)

    Raises: as affine_qparams.
    Source: as affine_qparams. A change to max(-lo / 128, hi / 127) is proposed (pytorch/pytorch#180990).
    """
    lo, hi = _ends("symmetric_qparams", lo, hi, grid)
    scale = np.maximum(np.maximum(-lo, hi) / np.float32((grid.qmax - grid.qmin) / 2), np.float32(eps))
    middle = (grid.qmin + grid.qmax + (grid in (UINT8, UINT16))) // 2
    return scale, np.full(scale.shape, 0 if grid.qmin < 0 else middle)[()]


def reduce_range(grid: Grid) -> Grid:
    """qmin // 2 to qmax // 2: reduce_range=True, so that pairs of products fit int16 in old x86 instructions.

    >>> from refquant import INT8
    >>> reduce_range(INT8).qmin, reduce_range(UINT8).qmax
    (-64, 127)
    """
    return IntGrid(known("reduce_range", grid).bits - 1, signed=grid.qmin < 0)


# ---------------------------------------------------------------------------------------------- observers

def min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams) -> tuple[Reals, Codes]:
    """(scale, zero_point) of the smallest and largest value of all batches, in float32.

    Args:
        batches: reals; empty ones are passed over.
        grid: which codes exist.
        fit: affine_qparams or symmetric_qparams (torch.per_tensor_affine, torch.per_tensor_symmetric).
    Returns:
        scale () float32, and zero_point () int64.

    Departs from R7: NaN gives a NaN scale; and no data give scale 1 and zero point 0, with a warning there.

    >>> min_max_observer([[0.5, 2.0], [-1.0]], UINT8)
    (np.float32(0.011764706), np.int64(85))

    Source: torch.ao.quantization.MinMaxObserver in PyTorch 2.13.0.
    """
    ends = [(x.min(), x.max()) for x in _batches("min_max_observer", batches)]
    return fit(*_widest(ends), grid) if ends else (np.ones((), np.float32), np.zeros((), np.int64))


def per_channel_min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams,
                                 ch_axis: int = 0) -> tuple[Reals, Codes]:
    """(scale, zero_point) of each channel's smallest and largest value of all batches.

    Args:
        batches: reals of two axes at least, with one number of channels.
        grid, fit: as min_max_observer.
        ch_axis: the axis KEPT.
    Returns:
        scale (C,) float32, and zero_point (C,) int64; of no data (1,).

    >>> per_channel_min_max_observer([np.float32([[0, 255], [-51, 0]])], UINT8)
    (array([1. , 0.2], dtype=float32), array([  0, 255]))

    Departs from R7 and from R12, as min_max_observer.
    Source: torch.ao.quantization.PerChannelMinMaxObserver in PyTorch 2.13.0.
    """
    ends = [_channel_ends(x, ch_axis) for x in _batches("per_channel_min_max_observer", batches)]
    return fit(*_widest(ends), grid) if ends else (np.ones(1, np.float32), np.zeros(1, np.int64))


@arguments.quiet
def moving_average_min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams,
                                    averaging_constant: float = 0.01) -> tuple[Reals, Codes]:
    """(scale, zero_point) of ends that move: lo += averaging_constant * (min(x) - lo), hi likewise, from the first on.

    Args:
        batches, grid, fit: as min_max_observer.
        averaging_constant: how far the ends move; each operation is rounded to float32, the constant too.
    Returns:
        scale () float32, and zero_point () int64.

    The formula is moving_average_observer's, the bits are not: that one computes in float64 and rounds once.

    >>> import refquant as rq
    >>> from refquant import moving_average_observer
    >>> batches = [np.float32([0, 1]), np.float32([0, 0.3])]
    >>> params = rq.static_params(batches, UINT8, observer=moving_average_observer(0.01))
    >>> float(moving_average_min_max_observer(batches, UINT8)[0] * 255), float(params.scale * 255)
    (0.9929999709129333, 0.9930000305175781)

    Departs from R7 as min_max_observer.

    Raises:
        ValueError: ends whose roundings have carried them past one another; PyTorch asserts the same.
    Source: torch.ao.quantization.MovingAverageMinMaxObserver in PyTorch 2.13.0.
    """
    ends = [(x.min(), x.max()) for x in _batches("moving_average_min_max_observer", batches)]
    return fit(*_moved(ends, averaging_constant), grid) if ends else (np.ones((), np.float32), np.zeros((), np.int64))


@arguments.quiet
def moving_average_per_channel_min_max_observer(batches: Iterable[ArrayLike], grid: Grid, fit: Fit = affine_qparams,
                                                ch_axis: int = 0,
                                                averaging_constant: float = 0.01) -> tuple[Reals, Codes]:
    """(scale, zero_point) of each channel's moving ends: the two observers above in one.

    Args:
        batches, grid, fit, ch_axis: as per_channel_min_max_observer.
        averaging_constant: as moving_average_min_max_observer.
    Returns:
        scale (C,) float32, and zero_point (C,) int64; of no data (1,).

    >>> batches = [np.float32([[0, 1], [0, 2]]), np.float32([[0, 2], [0, 2]])]
    >>> moving_average_per_channel_min_max_observer(batches, UINT8, averaging_constant=0.5)[0] * 255
    array([1.5, 2. ], dtype=float32)

    Departs from R7 and R12 as per_channel_min_max_observer.
    Source: torch.ao.quantization.MovingAveragePerChannelMinMaxObserver in PyTorch 2.13.0.
    """
    where = "moving_average_per_channel_min_max_observer"
    ends = [_channel_ends(x, ch_axis) for x in _batches(where, batches)]
    return fit(*_moved(ends, averaging_constant), grid) if ends else (np.ones(1, np.float32), np.zeros(1, np.int64))


def _widest(ends: list[tuple[Reals, Reals]]) -> tuple[Reals, Reals]:
    return np.minimum.reduce([lo for lo, _ in ends]), np.maximum.reduce([hi for _, hi in ends])


def _moved(ends: list[tuple[Reals, Reals]], rate: float) -> tuple[Reals, Reals]:
    (lo, hi), c = ends[0], np.float32(rate)
    for low, high in ends[1:]:
        lo, hi = lo + c * (low - lo), hi + c * (high - hi)
    return lo, hi


def _ends(where: str, lo: ArrayLike, hi: ArrayLike, grid: Grid) -> tuple[Reals, Reals]:
    """lo and hi in float32 and one shape, widened to contain 0."""
    known(where, grid)
    a, b = np.broadcast_arrays(np.asarray(lo, np.float32), np.asarray(hi, np.float32))
    arguments.none(where, a > b, a, "`lo` must be at most `hi`", "pass (lo, hi) in this order")
    return np.minimum(a, np.float32(0)), np.maximum(b, np.float32(0))


def _batches(where: str, data: Iterable[ArrayLike]) -> list[Reals]:
    """The batches that hold data, in float32."""
    arguments.batches(where, data)
    return [x.astype(np.float32) for x in (arguments.array(where, x, "x") for x in data) if x.size]


def _channel_ends(x: Reals, ch_axis: int) -> tuple[Reals, Reals]:
    axis = arguments.one_axis("per_channel_min_max_observer", x.shape, ch_axis)
    must("per_channel_min_max_observer", x.ndim > 1, "a batch must have two axes at least", f"shape {x.shape}",
         "x[:, np.newaxis] makes channels of one value")
    others = tuple(i for i in range(x.ndim) if i != axis)
    return x.min(axis=others), x.max(axis=others)
