"""torchao 0.18: its integer primitives, the same for tensors, channels and groups.

    block_size (N, K): one scale    (1, K): one a row    (1, 32): one for each 32 values of a row

    mapping, from [lo, hi] widened to contain 0        scale                           zero point
    symmetric                                          max(-lo, hi) / 127.5            0 (the middle when unsigned)
    symmetric_no_clipping_err                          max(lo / -128, hi / 127)        0
    asymmetric                                         (hi - lo) / 255                 clip(qmin - round(lo / scale))
    asymmetric_dont_preserve_zero, not widened         (hi - lo) / 255                 likewise

No scale is below eps, by default the smallest normal number of the data's dtype. Each operation is rounded to that
dtype, float16 or float32; bfloat16, which torchao takes too, NumPy has not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arguments import Codes, Reals, integers, quiet, within
from ..grids import Grid, known
from .inputs import must, take_reals

Mapping: TypeAlias = "Callable[[Reals, Reals, Grid, float], tuple[Reals, Reals]]"


# ---------------------------------------------------------------------------------------------- [lo, hi] -> parameters

@quiet
def asymmetric(lo: Reals, hi: Reals, grid: Grid, eps: float) -> tuple[Reals, Reals]:
    """scale = max((hi - lo) / (qmax - qmin), eps),  zero_point = clip(qmin - round(lo / scale), qmin, qmax).

    >>> from refquant import UINT8
    >>> asymmetric(np.float32(0.5), np.float32(2.55), UINT8, 0.0)
    (np.float32(0.01), np.float32(0.0))

    Source: MappingType.ASYMMETRIC.
    """
    return asymmetric_dont_preserve_zero(np.minimum(lo, lo.dtype.type(0)), np.maximum(hi, hi.dtype.type(0)), grid, eps)


@quiet
def asymmetric_dont_preserve_zero(lo: Reals, hi: Reals, grid: Grid, eps: float) -> tuple[Reals, Reals]:
    """As asymmetric, of [lo, hi] as it is: 0.0 has a code only if the range contains it.

    Departs from R8: with [0.5, 2.55] the zero point would be -62, and is clipped to 0.

    >>> from refquant import UINT8
    >>> asymmetric_dont_preserve_zero(np.float32(0.5), np.float32(2.55), UINT8, 0.0)
    (np.float32(0.008039216), np.float32(0.0))

    Source: quant_primitives._choose_qparams_affine_dont_preserve_zero.
    """
    scale = np.maximum(_over(hi - lo, grid.qmax - grid.qmin), lo.dtype.type(eps))
    return scale, np.clip(grid.qmin - np.rint(lo / scale), grid.qmin, grid.qmax)


@quiet
def symmetric(lo: Reals, hi: Reals, grid: Grid, eps: float) -> tuple[Reals, Reals]:
    """scale = max(max(-lo, hi) / ((qmax - qmin) / 2), eps),  zero_point = int((qmax + qmin + 1) / 2).

    Departs from R10: int8 divides by 127.5.

    >>> from refquant import INT8
    >>> symmetric(np.float32(-1.275), np.float32(0.3), INT8, 0.0)
    (np.float32(0.01), np.float32(0.0))

    Source: MappingType.SYMMETRIC.
    """
    lo, hi = np.minimum(lo, lo.dtype.type(0)), np.maximum(hi, hi.dtype.type(0))
    scale = np.maximum(_over(np.maximum(-lo, hi), (grid.qmax - grid.qmin) / 2), lo.dtype.type(eps))
    return scale, np.full_like(scale, int((grid.qmax + grid.qmin + 1) / 2))[()]


@quiet
def symmetric_no_clipping_err(lo: Reals, hi: Reals, grid: Grid, eps: float) -> tuple[Reals, Reals]:
    """scale = max(lo / qmin, hi / qmax, eps),  zero_point = int((qmax + qmin + 1) / 2).

    Departs from R10: the negative side alone may use qmin, so [-1.28, 0.3] gets the scale 0.01 on int8.

    >>> from refquant import INT8
    >>> symmetric_no_clipping_err(np.float32(-1.28), np.float32(0.3), INT8, 0.0)
    (np.float32(0.01), np.float32(0.0))

    Source: MappingType.SYMMETRIC_NO_CLIPPING_ERR.
    """
    lo, hi = np.minimum(lo, lo.dtype.type(0)), np.maximum(hi, hi.dtype.type(0))
    low, high = _over(lo, grid.qmin), _over(hi, grid.qmax)
    scale = np.maximum(np.where(low > high, low, high), lo.dtype.type(eps))
    return scale, np.full_like(scale, int((grid.qmax + grid.qmin + 1) / 2))[()]


def _over(a: Reals, n: float) -> Reals:
    """a / n in float32, rounded to a's dtype: n itself need not be a number of it."""
    return np.asarray(np.asarray(a, np.float32) / np.float32(n)).astype(a.dtype)[()]


# ---------------------------------------------------------------------------------------------- the operators

@quiet
def choose_qparams_affine(x: ArrayLike, mapping_type: Mapping, block_size: tuple[int, ...], grid: Grid,
                          eps: float | None = None) -> tuple[Reals, Codes]:
    """(scale, zero_point) = mapping_type(smallest, largest value of each block).

    Args:
        x: (*S) float16 or float32. NaN and infinities give NaN and infinite scales.
        mapping_type: asymmetric, asymmetric_dont_preserve_zero, symmetric or symmetric_no_clipping_err.
        block_size: values that share a scale, along each axis; each divides x's shape.
        grid: which codes exist, of at most 16 bits (8 if x is float16).
        eps: the smallest scale; None is the smallest normal number of x's dtype.
    Returns:
        scale in x's dtype and zero_point int32, of the shape of the blocks without the axes that one block spans.

    Departs from R11 (an all-zero range has scale eps, not 1), R7, and by the mapping from R8 to R10. From R12 where
    every block is a single value: all values then share one scale, which quantize_affine refuses for these blocks.

    >>> from refquant import INT4
    >>> choose_qparams_affine(np.float32([[-7.5, 2, 0, 0]]), symmetric, (1, 2), INT4)
    (array([[1.0000000e+00, 1.1754944e-38]], dtype=float32), array([[0, 0]], dtype=int32))
    >>> choose_qparams_affine(np.float32([[-7.5, 2, 0, 0]]), symmetric, (1, 1), INT4)
    (np.float32(1.0), np.int32(0))

    Raises:
        TypeError: other dtypes.
        ValueError: blocks that do not divide x, no data, a larger grid.
    Source: torchao.quantization.quant_primitives.choose_qparams_affine, 0.18.0.
    """
    where = "choose_qparams_affine"
    x = _reals(where, x, grid)
    blocks = x.reshape(_blocks(where, x.shape, block_size))
    must(where, x.size, "a range needs data", f"shape {x.shape}", "pass one value at least")
    spanned = [2 * i for i, b in enumerate(block_size) if 1 < b == x.shape[i]]  # by one block
    values = *range(1, blocks.ndim, 2), *spanned
    over = values if max(block_size, default=1) > 1 else None  # torch.amin over no axes is over all
    smallest = np.finfo(x.dtype).smallest_normal if eps is None else eps
    scale, zero_point = mapping_type(blocks.min(axis=over), blocks.max(axis=over), grid, float(smallest))
    return scale, np.where(np.isnan(zero_point), -(2**31), zero_point).astype(np.int32)[()]


@quiet
def quantize_affine(x: ArrayLike, block_size: tuple[int, ...], scale: ArrayLike, zero_point: ArrayLike,
                    grid: Grid) -> Codes:
    """q = clip(round(x * (1 / scale)) + zero_point, qmin, qmax).

    Args:
        x: (*S) float16 or float32; NaN gets 0.
        block_size: as choose_qparams_affine.
        scale, zero_point: one for each block, in any shape; scale float16 or float32. All is computed in float32 if
            x or scale is.
        grid: which codes exist, of at most 16 bits (8 if all is float16).
    Returns:
        (*S) codes in the grid's dtype.

    Departs from R3 (reciprocal) and R7 (NaN is taken).

    >>> import refquant as rq
    >>> x, params = np.float32([3.9499998]), rq.AffineParams(scale=0.1, zero_point=0, grid=rq.INT8)
    >>> quantize_affine(x, (1,), np.float32([0.1]), [0], rq.INT8), rq.quantize(x, params)
    (array([40], dtype=int8), array([39], dtype=int8))

    Symmetric scales make it matter: with 127.5 the largest value lies on a tie.

    Raises:
        TypeError: other dtypes.
        ValueError: blocks that do not divide x, another number of parameters than of blocks, a larger grid.
    Source: torchao.quantization.quant_primitives.quantize_affine, 0.18.0.
    """
    where = "quantize_affine"
    x, steps = _reals(where, x, grid), _reals(where, scale, grid, "scale")
    shape = _blocks(where, x.shape, block_size)
    zeros = _a_block(where, integers(where, zero_point, "zero_point"), shape)
    steps = _a_block(where, steps, shape)
    q = np.rint(x.reshape(shape) * (1 / steps))
    q = np.clip(q + zeros.astype(q.dtype), grid.qmin, grid.qmax)
    return np.where(np.isnan(q), 0, q).astype(grid.dtype).reshape(x.shape)


@quiet
def dequantize_affine(q: ArrayLike, block_size: tuple[int, ...], scale: ArrayLike, zero_point: ArrayLike,
                      grid: Grid, output_dtype: type[np.floating[Any]] = np.float32) -> Reals:
    """x_hat = (q - zero_point) * scale, the difference in output_dtype, the product in float32 if either is.

    Args:
        q: (*S) codes of the grid.
        block_size, scale, zero_point, grid: as quantize_affine.
        output_dtype: np.float32 or np.float16.
    Returns:
        (*S) reals in output_dtype.

    Departs from R2: the dtype is asked for, not the scale's.

    >>> from refquant import UINT4
    >>> dequantize_affine([[0, 15]], (1, 2), np.float32([0.1]), [8], UINT4, np.float16)
    array([[-0.8,  0.7]], dtype=float16)

    Raises: as quantize_affine; and ValueError for codes off the grid.
    Source: torchao.quantization.quant_primitives.dequantize_affine, 0.18.0.
    """
    where = "dequantize_affine"
    q = within(where, q, known(where, grid).qmin, grid.qmax, "q", "R2", "codes come from quantize_affine")
    steps = _reals(where, scale, grid, "scale")
    shape = _blocks(where, q.shape, block_size)
    zeros = _a_block(where, integers(where, zero_point, "zero_point"), shape)
    steps = _a_block(where, steps, shape)
    x_hat = (q.reshape(shape).astype(output_dtype) - zeros.astype(output_dtype)) * steps
    return np.asarray(x_hat.reshape(q.shape).astype(output_dtype))


# ---------------------------------------------------------------------------------------------- what the engine refuses

def _reals(where: str, x: ArrayLike, grid: Grid, name: str = "x") -> Reals:
    """`x` in float16 or float32, on a grid that its clip reaches exactly."""
    a = take_reals(where, x, name, np.float16, np.float32)
    most = 8 if a.dtype == np.float16 else 16
    must(where, known(where, grid).bits <= most, "`grid` must have at most 16 bits, 8 for float16", grid,
         "beyond, the engine's clip is not exact in the data's dtype")
    return a


def _blocks(where: str, shape: tuple[int, ...], block_size: tuple[int, ...]) -> tuple[int, ...]:
    """Of each axis two: its blocks, and the values of one."""
    fits = len(block_size) == len(shape) and all(b >= 1 and n % b == 0 for n, b in zip(shape, block_size, strict=True))
    must(where, fits, "`block_size` must divide the shape of the data, axis by axis",
         f"{tuple(block_size)} for shape {shape}", "(1, 32) for groups of 32 in an (N, K) array")
    return tuple(part for n, b in zip(shape, block_size, strict=True) for part in (n // b, b))


def _a_block(where: str, v: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """v, one number a block, with an axis of length 1 for the values of each."""
    kept = tuple(n if i % 2 == 0 else 1 for i, n in enumerate(shape))
    must(where, v.size == np.prod(kept, dtype=int), "`scale` and `zero_point` must hold one number a block",
         f"{v.size} for {np.prod(kept, dtype=int)} blocks", "take them from choose_qparams_affine")
    return v.reshape(kept)
