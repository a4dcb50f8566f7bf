"""LiteRT (TensorFlow Lite) 2.3.0, int8: what its reference kernels, its optimized kernels (ruy) and XNNPACK compute.

One operator may have three answers. The interpreter's default is XNNPACK; BUILTIN_REF gives the reference kernels,
BUILTIN_WITHOUT_DEFAULT_DELEGATES the optimized ones. Scales are float32, as a model's file stores them. Where C++
leaves the conversion of a float beyond int32 undefined, the result is that of an x86 processor.

Left out: the optimized QUANTIZE, which is the default on int16, too. There a value's code depends on its place: in
blocks of eight ties go to the even integer, in what is left over away from zero, so 0.5 nine times becomes eight 0 and
a 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, parameters
from ..arguments import Codes, Reals
from ..grids import INT4, INT8, INT16, UINT8, Grid, known
from ..integer import integer_matmul
from .choices import flushed_reciprocal, half_away
from .exact import fitting
from .inputs import must, take_reals


@arguments.quiet
def quantize_reference(x: ArrayLike, params: AffineParams) -> Codes:
    """q = clip(int32(round(x / scale)) + zero_point, qmin, qmax), ties away from zero. QUANTIZE, reference kernel.

    Args:
        x: (*S) float32. NaN is taken.
        params: scale in reals per step, of a shape that broadcasts to x's: one, or one per channel; INT8, UINT8, INT16,
            INT4.
    Returns:
        (*S) codes in the grid's dtype.

    Departs from R4 (ties), from R6 and R7: what lies beyond int32, the infinities and NaN become -2**31 before the zero
    point is added, and that sum wraps. So inf becomes qmin, and qmax where the zero point is negative.

    >>> from refquant import INT8, quantize
    >>> x = np.float32([0.5, 1.5, 2.5, np.inf])
    >>> for zero_point in (1, -1):
    ...     params = AffineParams(scale=1.0, zero_point=zero_point, grid=INT8)
    ...     print(quantize(x, params), quantize_reference(x, params), quantize_xnnpack(x, params))
    [  1   3   3 127] [   2    3    4 -128] [  1   3   3 127]
    [ -1   1   1 127] [  0   1   2 127] [ -1   1   1 127]

    Raises:
        ValueError: another grid, parameters that do not broadcast to x.
        TypeError: anything but float32.
    Source: tflite/kernels/internal/reference/quantize.h, AffineQuantize and PerChannelQuantize.
    """
    x, scale, zero_point = _quantization("quantize_reference", x, params, INT8, UINT8, INT16, INT4)
    return _codes(fitting(half_away(x / scale), 32), zero_point, params.grid)


@arguments.quiet
def quantize_xnnpack(x: ArrayLike, params: AffineParams) -> Codes:
    """q = clip(round(x * (1 / scale)), qmin - zero_point, qmax - zero_point) + zero_point, ties to even. QUANTIZE.

    Args:
        x: (*S) float32. NaN is taken.
        params: one scale in reals per step and one zero point; INT8 or UINT8. Anything else XNNPACK leaves to
            LiteRT's own kernels.
    Returns:
        (*S) codes in the grid's dtype.

    Departs from R3: it multiplies by the reciprocal, and subnormal numbers count as 0 (x and 1 / scale alike); from R7:
    NaN becomes qmax. 3.95 is the largest float32 below 39.5 steps of 0.1, and the reciprocal makes a tie of it.

    >>> from refquant import INT8, quantize
    >>> x, params = np.float32([3.9499998, np.inf]), AffineParams(scale=0.1, zero_point=0, grid=INT8)
    >>> quantize(x, params), quantize_xnnpack(x, params)
    (array([ 39, 127], dtype=int8), array([ 40, 127], dtype=int8))

    Raises:
        ValueError: another grid, several scales, a subnormal scale (which ends the engine's process).
        TypeError: anything but float32.
    Source: XNNPACK, src/f32-qs8-vcvt (AVX-512); ARM's minimum passes NaN on, x86's does not.
    """
    where = "quantize_xnnpack"
    x, scale, zero_point = _quantization(where, x, params, INT8, UINT8)
    normal = scale.size == 1 and scale >= np.finfo(np.float32).tiny
    must(where, normal, "`params` must hold one scale, which float32 holds as a normal number", f"scale {params.scale}",
         "quantize_reference takes one per channel, and subnormal ones")
    steps = np.rint(flushed_reciprocal(x, scale))
    steps = np.where(np.isnan(steps), np.inf, steps)
    return _saturated(steps, zero_point.astype(np.float32), params.grid)


def quantize_multiplier(m: ArrayLike) -> tuple[Codes, Codes]:
    """m = mantissa * 2**(shift - 31), mantissa in [2**30, 2**31), rounded to the nearest, ties away; 0, 0 if tiny.

    Args:
        m: (*S) finite reals, not negative, for example scale_x * scale_w / scale_y.
    Returns:
        mantissa (*S) int64 and shift (*S) int64.

    Departs from R14: ties go away from zero; below 2**-32 the multiplier becomes 0, and 0 is taken.

    >>> from refquant import quantize_multiplier as rule
    >>> tie = (1 + 2**-15) * (1 + 2**-16)  # 2**30 * tie = 1073790976.5
    >>> [(int(f(tie)[0]), int(f(2.0**-33)[0])) for f in (rule, quantize_multiplier)]
    [(1073790976, 1073741824), (1073790977, 0)]

    Raises:
        ValueError: negative, infinite, NaN.
        TypeError: no reals.
    Source: tflite/kernels/internal/quantization_util.cc, QuantizeMultiplier.
    """
    where = "quantize_multiplier"
    value = arguments.finite(where, arguments.number(where, m, "m"), "m").astype(np.float64)
    arguments.none(where, value < 0, value, "`m` must not be negative",
                   "m is scale_x * scale_w / scale_y; check them")
    fraction, exponent = np.frexp(value)
    mantissa = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    carried = mantissa == 2**31
    mantissa, shift = np.where(carried, 2**30, mantissa), exponent.astype(np.int64) + carried
    tiny = shift < -31
    return np.where(tiny, 0, mantissa), np.where(tiny, 0, shift)


@arguments.quiet
def requantize_gemmlowp(acc: ArrayLike, mantissa: ArrayLike, shift: ArrayLike, zero_point: ArrayLike,
                        grid: Grid) -> Codes:
    """high = floor(acc * 2**max(shift, 0) * mantissa / 2**31 + 1/2), q = clip(round(high / 2**-min(shift, 0)) +
    zero_point, qmin, qmax): ties up, then ties away from zero. QUANTIZE of codes, reference kernel.

    Args:
        acc: (*S) accumulators within int32; for QUANTIZE the input's q - zero_point.
        mantissa, shift: from quantize_multiplier, of shapes that broadcast to acc's; for QUANTIZE of scale_x / scale_y.
        zero_point: on the grid, of a shape that broadcasts to acc's.
        grid: which codes exist.
    Returns:
        (*S) codes in the grid's dtype.

    Departs from R14: it rounds twice; acc * 2**shift wraps at int32, and so does the sum with the zero point. Of a
    million random accumulators below 200,000, about 1 in 2,000 (458) differ from one rounding at m = 0.000637.

    >>> from refquant import INT8, requantize
    >>> m = quantize_multiplier(0.046875)  # 245 * m = 11.484
    >>> [int(f(245, *m, 0, INT8)) for f in (requantize, requantize_gemmlowp, requantize_ruy)]
    [11, 12, 12]
    >>> m = quantize_multiplier(0.09375)  # -1264 * m = -118.5
    >>> [int(f(-1264, *m, 0, INT8)) for f in (requantize, requantize_gemmlowp, requantize_ruy)]
    [-118, -119, -118]

    Raises:
        ValueError: accumulators beyond int32, mantissa outside [0, 2**31), shift outside [-31, 30], a zero point off
            the grid, shapes that do not broadcast.
        TypeError: anything that is no integer.
    Source: tflite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier; gemmlowp, fixedpoint/fixedpoint.h.
    """
    high, right, zero_point = _upper_half("requantize_gemmlowp", acc, mantissa, shift, zero_point, grid)
    mask = (np.int64(1) << right) - 1
    steps = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return _codes(steps.astype(np.int32), zero_point.astype(np.int32), grid)


@arguments.quiet
def requantize_ruy(acc: ArrayLike, mantissa: ArrayLike, shift: ArrayLike, zero_point: ArrayLike,
                   grid: Grid) -> Codes:
    """high = floor(acc * 2**max(shift, 0) * mantissa / 2**31 + 1/2), q = clip(floor(high / 2**-min(shift, 0) + 1/2) +
    zero_point, qmin, qmax): ties up, twice. QUANTIZE of 8-bit codes to 8 bits, optimized kernel.

    Args, Returns, Raises: as requantize_gemmlowp, with its example.

    Departs from R14 as gemmlowp does, but ties go up. ruy's portable code rounds once, floor(acc * mantissa *
    2**(shift - 31) + 1/2), and calls no form normative; its x86 kernels, which LiteRT runs, round twice: 245 *
    0.046875 = 11.484 becomes 12.
    Source: ruy, kernel_avx512.cc; apply_multiplier.cc.
    """
    high, right, zero_point = _upper_half("requantize_ruy", acc, mantissa, shift, zero_point, grid)
    steps = high + ((np.int64(1) << right) >> 1) >> right
    return np.asarray(np.clip(steps + zero_point, grid.qmin, grid.qmax)).astype(grid.dtype)


@arguments.quiet
def requantize_xnnpack(acc: ArrayLike, m: ArrayLike, zero_point: ArrayLike, grid: Grid) -> Codes:
    """q = clip(round(float32(acc) * m), qmin - zero_point, qmax - zero_point) + zero_point, ties to even, in float32.

    Args:
        acc: (*S) accumulators within int32.
        m: float32 from 0 up to but not including 256, of a shape that broadcasts to acc's.
        zero_point: on the grid, of a shape that broadcasts to acc's.
        grid: which codes exist.
    Returns:
        (*S) codes in the grid's dtype.

    Departs from R14: m, acc and the product are rounded to 24 bits. Here 585 * m = 6.50000047 becomes a tie:

    >>> from refquant import INT8, requantize
    >>> m = np.float32(0.052961245) * np.float32(0.024093779) / np.float32(0.11484328)
    >>> int(requantize(585, *quantize_multiplier(m), 0, INT8)), int(requantize_xnnpack(585, m, 0, INT8))
    (7, 6)

    Raises:
        ValueError: accumulators beyond int32, m outside [0, 256), which XNNPACK refuses, a zero point off the grid,
            shapes that do not broadcast.
        TypeError: an m that is not float32, other arguments that are no integers.
    Source: XNNPACK, src/qs8-gemm (AVX-512); there a product below -2**31 wraps to qmax if the zero point is negative,
    here it saturates.
    """
    where = "requantize_xnnpack"
    acc, zero_point = _accumulators(where, acc, zero_point, grid)
    scale = take_reals(where, m, "m", np.float32)
    arguments.none(where, ~((scale >= 0) & (scale < 256)), scale, "`m` must be at least 0 and below 256",
                   "m is scale_x * scale_w / scale_y; take a larger scale_y")
    arguments.broadcastable(where, scale.shape, acc.shape)
    return _saturated(np.rint(acc.astype(np.float32) * scale), zero_point.astype(np.float32), grid)


@arguments.quiet
def fully_connected_reference(x: ArrayLike, w: ArrayLike, bias: ArrayLike | None, x_params: AffineParams,
                              w_params: AffineParams, y_params: AffineParams) -> Codes:
    """q = clip(int32(round(acc * (scale_x * scale_w / scale_y))) + zero_point_y, -128, 127), in float64, ties away
    from zero; acc = (x - zero_point_x) @ w.T + bias. FULLY_CONNECTED, int8, reference kernel.

    Args:
        x: (N, K) int8 codes.
        w: (M, K) int8 codes, one row a unit.
        bias: (M,) within int32, in steps of scale_x * scale_w; or None.
        x_params, y_params: one scale and zero point each, on INT8.
        w_params: one scale, or (M, 1), one per unit; zero point 0, on INT8.
    Returns:
        (N, M) int8 codes. acc wraps at int32.

    Departs from R14: no fixed point at all, where TFLite's kernel of that name had one. 21 / 2 and 23 / 2 are ties:

    >>> half, one = (AffineParams(scale=np.float32(s), zero_point=0, grid=INT8) for s in (0.5, 1.0))
    >>> x, w = np.int8([[21], [23], [-23]]), np.int8([[1]])
    >>> for f in (fully_connected_reference, fully_connected_ruy, fully_connected_xnnpack):
    ...     print(f(x, w, None, half, one, one).ravel())
    [ 11  12 -12]
    [ 11  12 -11]
    [ 10  12 -12]

    Raises:
        ValueError: codes beyond int8, a bias beyond int32, shapes that do not fit, another grid, several scales where
            there is one, weights with a zero point.
        TypeError: anything that is no integer.
    Source: tflite/kernels/internal/reference/integer_ops/fully_connected.h.
    """
    acc, s_x, s_w, s_y = _layer("fully_connected_reference", x, w, bias, x_params, w_params, y_params)
    m = s_x.astype(np.float64) * s_w / s_y
    return _codes(fitting(half_away(acc * m), 32), y_params.zero_point.astype(np.int32), INT8)


@arguments.quiet
def fully_connected_ruy(x: ArrayLike, w: ArrayLike, bias: ArrayLike | None, x_params: AffineParams,
                        w_params: AffineParams, y_params: AffineParams) -> Codes:
    """q = requantize_ruy(acc, *quantize_multiplier(scale_x * scale_w / scale_y), zero_point_y, INT8). FULLY_CONNECTED,
    int8, optimized kernel.

    Args, Returns, Raises: as fully_connected_reference, with its example; and ValueError where the multiplier is 2**30
    or more.

    Departs from R14 as requantize_ruy does. The multiplier is computed in float64; with one scale for all weights
    scale_x * scale_w is rounded to float32 first.
    Source: tflite/kernels/fully_connected.cc, kernel_util.cc, GetQuantizedConvolutionMultipler.
    """
    acc, s_x, s_w, s_y = _layer("fully_connected_ruy", x, w, bias, x_params, w_params, y_params)
    product = s_x.astype(np.float64) * s_w if s_w.size > 1 else (s_x * s_w).astype(np.float64)
    return requantize_ruy(acc, *quantize_multiplier(product / s_y), y_params.zero_point.reshape(()), INT8)


@arguments.quiet
def fully_connected_xnnpack(x: ArrayLike, w: ArrayLike, bias: ArrayLike | None, x_params: AffineParams,
                            w_params: AffineParams, y_params: AffineParams) -> Codes:
    """q = requantize_xnnpack(acc, scale_x * scale_w / scale_y, zero_point_y, INT8), in float32. FULLY_CONNECTED, int8,
    XNNPACK.

    Args, Returns, Raises: as fully_connected_reference, with its example; and ValueError where the multiplier is 256 or
    more.

    Departs from R14 as requantize_xnnpack does. It is the formula of ONNX Runtime's QLinearMatMul.
    Source: XNNPACK, src/subgraph/fully-connected.c, qs8-qc8w-gemm.
    """
    acc, s_x, s_w, s_y = _layer("fully_connected_xnnpack", x, w, bias, x_params, w_params, y_params)
    return requantize_xnnpack(acc, s_x * s_w / s_y, y_params.zero_point.reshape(()), INT8)


def _codes(steps: Codes, zero_point: Codes, grid: Grid) -> Codes:
    """int32 plus int32, which wraps, onto the grid."""
    return np.asarray(np.clip(np.add(steps, zero_point), grid.qmin, grid.qmax)).astype(grid.dtype)


def _saturated(steps: Reals, zero_point: Reals, grid: Grid) -> Codes:
    """Clipped before the zero point is added, so that nothing wraps."""
    return np.asarray(np.clip(steps, grid.qmin - zero_point, grid.qmax - zero_point) + zero_point).astype(grid.dtype)


def _scale(where: str, params: AffineParams, *grids: Grid) -> Reals:
    """The scale in float32, of parameters on one of the grids."""
    must(where, parameters(where, params).grid in grids, f"the grid must be one of {', '.join(map(repr, grids))}",
         params.grid, "this kernel has no others")
    return arguments.float32(where, params.scale, "scale")


def _quantization(where: str, x: ArrayLike, params: AffineParams, *grids: Grid) -> tuple[Reals, Reals, Codes]:
    a, scale = take_reals(where, x, "x", np.float32), _scale(where, params, *grids)
    arguments.broadcastable(where, scale.shape, a.shape)
    return a, scale, params.zero_point.astype(np.int32)


def _accumulators(where: str, acc: ArrayLike, zero_point: ArrayLike, grid: Grid) -> tuple[Codes, Codes]:
    known(where, grid)
    a = arguments.within(where, acc, -(2**31), 2**31 - 1, "acc", "R14", "accumulate fewer products").astype(np.int64)
    z = arguments.within(where, zero_point, grid.qmin, grid.qmax, "zero_point", "R2", "0.0 must have a code")
    arguments.broadcastable(where, z.shape, a.shape)
    return a, z.astype(np.int64)


def _upper_half(where: str, acc: ArrayLike, mantissa: ArrayLike, shift: ArrayLike, zero_point: ArrayLike,
                grid: Grid) -> tuple[Codes, Codes, Codes]:
    """The upper half of the product, how far it is still to be shifted to the right, and the zero point.

    The half is floor(acc * 2**max(shift, 0) * mantissa / 2**31 + 1/2), the shifted accumulator wrapped at int32.
    """
    a, z = _accumulators(where, acc, zero_point, grid)
    m = arguments.within(where, mantissa, 0, 2**31 - 1, "mantissa", "R14", "take it from quantize_multiplier")
    s = arguments.within(where, shift, -31, 30, "shift", "R14", "take it from quantize_multiplier").astype(np.int64)
    for other in (m, s):
        arguments.broadcastable(where, other.shape, a.shape)
    shifted = (a << np.maximum(s, 0)).astype(np.int32).astype(np.int64)
    return (shifted * m.astype(np.int64) + 2**30) >> 31, np.maximum(-s, 0), z


def _layer(where: str, x: ArrayLike, w: ArrayLike, bias: ArrayLike | None, x_params: AffineParams,
           w_params: AffineParams, y_params: AffineParams) -> tuple[Codes, Reals, Reals, Reals]:
    """acc, wrapped at int32, and the scales in float32: scale_w one, or one per unit."""
    a, b = (arguments.within(where, q, -128, 127, name, "R2", "codes are int8").astype(np.int8)
            for q, name in ((x, "x"), (w, "w")))
    s_x, s_w, s_y = (_scale(where, params, INT8) for params in (x_params, w_params, y_params))
    must(where, s_x.size == s_y.size == 1 and s_w.shape in ((), (1, 1), (*b.shape[:1], 1)),
         "x and y have one scale, w one or (units, 1)", f"shapes {s_x.shape}, {s_w.shape}, {s_y.shape}",
         "per unit: axis=1 of w (units, depth)")
    arguments.none(where, w_params.zero_point != 0, w_params.zero_point, "weights must have zero point 0",
                   "symmetric_params gives it")
    offset = arguments.within(where, 0 if bias is None else bias, -(2**31), 2**31 - 1, "bias", "R14",
                              "it is int32 in the model")
    acc = integer_matmul(a, b.T).astype(np.int64) - x_params.zero_point.reshape(()) * b.sum(axis=1, dtype=np.int64)
    return (acc + offset).astype(np.int32), s_x.reshape(()), s_w.ravel(), s_y.reshape(())
