"""Floats in blocks as engines compute them: MX of torchao and gguf, NVFP4 of torchao, compressed-tensors and ggml.

Each takes blocks, (*S, block size) finite reals, read as float32, and gives the scales of the blocks and the codes of
the values. Where a block is zero, its scale is the least: R11 would have 1. The rules FLOOR, CEIL and EVEN of MX are
mx_params, mx_ceil_params and mx_even_params of the core; torchao's RCEIL is ceil_of_float32_log2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..affine import AffineParams
from ..arguments import Codes, Reals, quiet
from ..grids import E2M1, E4M3, E8M0, Grid
from ..ranges import Fit

SINGLE = np.float32


def blocks_of(x: ArrayLike) -> tuple[Reals, Reals]:
    """The blocks, and max|x| of each."""
    blocks = np.asarray(x, SINGLE)
    return blocks, np.abs(blocks).max(axis=-1, keepdims=True)


def _power_of_two(grid: Grid, exponent: Reals) -> AffineParams:
    scale = np.ldexp(SINGLE(1), np.clip(exponent, -127, 127).astype(int))
    return AffineParams(scale=scale, zero_point=0, grid=grid, scale_grid=E8M0)


@quiet
def floor_of_float32_log2(lo: Reals, hi: Reals, grid: Grid) -> AffineParams:
    """A fit: scale = 2**(floor(log2 max(|lo|, |hi|)) - floor(log2 qmax)), the logarithm rounded to float32.

    Departs from mx_params: a number just below a power of two counts as that power, and the scale is twice as large.

    >>> from refquant import mx_params
    >>> below = np.nextafter(np.float32(32), np.float32(0))
    >>> [float(fit(-below, below, E2M1).scale) for fit in (floor_of_float32_log2, mx_params)]
    [8.0, 4.0]

    Source: gguf, quantize_row_mxfp4_ref and gguf-py's MXFP4; microxcaling, _shared_exponents.
    """
    largest = np.maximum(np.abs(lo), np.abs(hi))
    return _power_of_two(grid, np.floor(np.log2(largest)) - np.floor(np.log2(grid.qmax)))


@quiet
def ceil_of_float32_log2(lo: Reals, hi: Reals, grid: Grid) -> AffineParams:
    """A fit: scale = 2**ceil(log2(max(|lo|, |hi|) / qmax)), quotient and logarithm rounded to float32.

    Departs from mx_rceil_params: for a quotient just above a power of two the scale is half as large, and the largest
    value saturates.

    >>> from refquant import mx_rceil_params
    >>> above = np.float32(14336.002)  # 448 * 32 is 14336
    >>> [float(fit(-above, above, E4M3).scale) for fit in (ceil_of_float32_log2, mx_rceil_params)]
    [32.0, 64.0]

    Source: torchao 0.18, mx_tensor, ScaleCalculationMode.RCEIL, on a CPU.
    """
    quotient = np.maximum(np.abs(lo), np.abs(hi)) / SINGLE(grid.qmax)
    return _power_of_two(grid, np.ceil(np.log2(quotient)))


@quiet
def e8m0_ties_up(x: ArrayLike) -> Reals:
    """The nearest power of two from 2**-127 to 2**127, ties up; NaN where x is not positive, or 1.5 * 2**127 and more.

    Departs from R4 (here ties go to the lower value, as in all codebooks) and R6. All between 2**-127 and 2**-126
    becomes 2**-126, whether nearest or not.

    >>> e8m0_ties_up(np.float32([1.5, 3, 2.9, 0])).tolist(), e8m0_ties_up(np.float32(1.01 * 2**-127)) == 2**-126
    ([2.0, 4.0, 2.0, nan], np.True_)

    Source: ml_dtypes, float8_e8m0fnu; torch, which takes |x|, and 0 for 2**-127.
    """
    x = np.asarray(x, SINGLE)
    fraction, exponent = np.frexp(x)
    exponent = exponent - (fraction < 0.75)
    exponent = np.where(x < 2.0**-126, np.where(x > 2.0**-127, -126, -127), exponent)
    near = np.ldexp(SINGLE(1), np.minimum(exponent, 127))
    return np.where((x > 0) & (exponent <= 127) & np.isfinite(x), near, SINGLE(np.nan))


@quiet
def to_mx(x: ArrayLike, grid: Grid, fit: Fit, least: float = 2.0**-126) -> tuple[Codes, Codes]:
    """(log2 scale + 127, codes): scale = fit(max|x|), q = encode(x / scale); a scale of 2**-127 divides as `least`.

    Args:
        x: (*S, n) finite reals, read as float32.
        grid: which values exist.
        fit: mx_params, mx_ceil_params, mx_even_params; ceil_of_float32_log2 for RCEIL, with least=1.0.
        least: what the smallest scale divides by.
    Returns:
        (*S, 1) and (*S, n) uint8.

    Departs from R11, and from dequantizing: there 2**-127 is itself.

    >>> from refquant import mx_params
    >>> scales, codes = to_mx(np.float32([[0, 0], [2**-126, 2**-127]]), E2M1, mx_params)
    >>> scales.tolist(), E2M1.decode(codes).tolist()
    ([[0], [0]], [[0.0, 0.0], [1.0, 0.5]])

    Source: torchao 0.18, prototype.mx_formats.mx_tensor.to_mx.
    """
    blocks, largest = blocks_of(x)
    scale = np.where(largest > 0, fit(-largest, largest, grid).scale, SINGLE(2.0**-127))
    divisor = np.where(scale > 2.0**-127, scale, SINGLE(least))
    return E8M0.encode(scale), grid.encode(blocks / divisor)


def ties_toward_zero(v: Reals) -> Codes:
    """E2M1's code of the nearest value, ties toward zero; -0 does not occur.

    Departs from R4.

    >>> E2M1.decode(ties_toward_zero(np.float32([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5, -0.25])))
    array([0. , 0.5, 1. , 1.5, 2. , 3. , 4. , 0. ], dtype=float32)

    Source: ggml, best_index_mxfp4; gguf-py, MXFP4.
    """
    positive = E2M1.table[:8]
    code = np.searchsorted((positive[1:] + positive[:-1]) / 2, np.abs(v))
    return (code + 8 * ((v < 0) & (code > 0))).astype(np.uint8)


@quiet
def mxfp4_gguf(x: ArrayLike) -> tuple[Codes, Codes]:
    """(log2 scale + 127, codes): scale = floor_of_float32_log2, q by ties_toward_zero.

    >>> scales, codes = mxfp4_gguf(np.float32([4, 0.25, -0.75]))
    >>> scales.tolist(), E2M1.decode(codes).tolist()
    ([127], [4.0, 0.0, -0.5])

    Source: gguf 0.19, gguf-py's MXFP4; ggml-quants.c, quantize_row_mxfp4_ref.
    """
    blocks, largest = blocks_of(x)
    scale = np.where(largest > 0, floor_of_float32_log2(-largest, largest, E2M1).scale, SINGLE(2.0**-127))
    return E8M0.encode(scale), ties_toward_zero(blocks / scale)


@quiet
def unsigned_e4m3_ggml(x: ArrayLike) -> Codes:
    """E4M3's code of a scale, ties up; from 248 on the code of 448.

    Departs from R4 and R17: all of the largest binade, 256 to 416, counts as overflow. A scale of 300 is stored as 448.

    >>> E4M3.decode(unsigned_e4m3_ggml([0.0, 17, 247, 248, 300]))
    array([  0.,  18., 240., 448., 448.], dtype=float32)

    Source: ggml_fp32_to_ue4m3; gguf-py, NVFP4.fp32_to_ue4m3.
    """
    x = np.asarray(x, SINGLE).clip(0, 448)
    near = (x.view(np.int32) + 2**19 >> 20) - (120 << 3)  # the upper bits, rounded half up
    near = np.where(x < 2.0**-6, np.minimum(np.floor(x * SINGLE(512) + SINGLE(0.5)), 7), near)
    return np.where(near >= 15 << 3, 0x7E, near).astype(np.uint8)


@quiet
def nvfp4_ggml(x: ArrayLike) -> tuple[Codes, Codes]:
    """(codes of s, codes): s = unsigned_e4m3_ggml(max|x| / 6), q by ties_toward_zero; 0 where s is 0.

    >>> scales, codes = nvfp4_ggml(np.float32([0.05, 0.03, 0.01]))
    >>> (E4M3.decode(scales) * E2M1.decode(codes)).tolist()
    [0.046875, 0.03125, 0.01171875]

    Source: ggml-quants.c, quantize_row_nvfp4_ref.
    """
    blocks, largest = blocks_of(x)
    scale = unsigned_e4m3_ggml(largest / SINGLE(6))
    step = E4M3.decode(scale)
    return scale, ties_toward_zero(np.where(step > 0, blocks / step, 0))


@quiet
def nvfp4_torchao(x: ArrayLike, second: float | None = None) -> tuple[Codes, Codes]:
    """(codes of s, codes): s = nearest(clip(max|x| / 6 / second, 2**-6, 448)), q = encode(x * (1 / second / s)).

    Departs from R3 (a reciprocal) and R18: no scale is below 2**-6, the smallest normal value. second None: there is
    none.

    >>> scales, codes = nvfp4_torchao(np.float32([0.05, 0.03, 0.01]))
    >>> (E4M3.decode(scales) * E2M1.decode(codes)).tolist()
    [0.046875, 0.03125, 0.0078125]

    Source: torchao 0.18, prototype.mx_formats.nvfp4_tensor.nvfp4_quantize.
    """
    blocks, largest = blocks_of(x)
    other = SINGLE(1 if second is None else second)
    scale = E4M3.round((largest / SINGLE(6) / other).clip(2.0**-6, 448))
    return E4M3.encode(scale), E2M1.encode(blocks * (1 / other / scale))


@quiet
def nvfp4_compressed_tensors(x: ArrayLike, second: float) -> tuple[Codes, Codes]:
    """(codes of s, codes): s = nearest(second * (max|x| / 6)), q = encode(x / (s / second)).

    The second scale is the inverse of others': 2688 / max|x| of the whole tensor. Departs from R18: it is multiplied
    by, where two_level divides. Blocks whose scale is 0 are not covered.

    >>> scales, codes = nvfp4_compressed_tensors(np.float32([0.05, 0.03, 0.01]), 1.0)
    >>> (E4M3.decode(scales) * E2M1.decode(codes)).tolist()
    [0.046875, 0.03125, 0.01171875]

    Source: compressed-tensors 0.20.1, calculate_qparams, generate_gparam and quantize.
    """
    blocks, largest = blocks_of(x)
    scale = E4M3.round(SINGLE(second) * (largest / SINGLE(6))).clip(0, 448)
    return E4M3.encode(scale), E2M1.encode(blocks / (scale / SINGLE(second)))
