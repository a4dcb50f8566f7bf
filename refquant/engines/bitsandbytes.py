"""bitsandbytes 0.50: NF4 and FP4 in blocks, and the double quantization of their scales.

    codes      x * (1 / max|x|), then its place among the levels, ties down
    scales     max|x|; with double quantization codes of 8 bits of max|x| - mean(max|x|), in blocks of 256

FP4 is not E2M1: its least positive level is 1/192 of the largest, not 1/12, and the order of its codes is not that of
its values. Codes lie two in a byte, the first in the high bits: layouts.high_first(4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import Codes, Reals, quiet
from ..grids import NF4
from .exact import fused_multiply_add
from .mx import blocks_of

F32 = np.float32
#: Code -> level, of 4 bits.
NF4_LEVELS: Reals = NF4.table
_HALF = np.array([0, 1 / 16, 8, 12, 4, 6, 2, 3], F32) / F32(12)
FP4_LEVELS: Reals = np.concatenate([_HALF, -_HALF])


@quiet
def quantize_4bit(x: ArrayLike, levels: Reals = NF4_LEVELS) -> tuple[Codes, Reals]:
    """(codes, max|x|): x * (1 / max|x|), then its place among the middles of the levels; a middle goes down.

    Args:
        x: (*S, block size) finite reals, read as float32.
        levels: NF4_LEVELS or FP4_LEVELS.
    Returns:
        (*S, block size) uint8 and (*S, 1) float32.

    Departs from R3 (a reciprocal) and R4: middles are rounded to float32, and FP4 gives small positive reals -0.

    >>> codes, largest = quantize_4bit(np.float32([6, 0.5, 0.01]), FP4_LEVELS)
    >>> codes.tolist(), (FP4_LEVELS[codes] * largest).tolist()
    ([3, 1, 8], [6.0, 0.03125, -0.0])

    E2M1 has 0.5 itself. Source: bitsandbytes.functional.quantize_4bit, on a CPU.
    """
    blocks, largest = blocks_of(x)
    order = np.argsort(levels, kind="stable")
    middles = (levels[order][1:] + levels[order][:-1]) / F32(2)
    v = np.clip(blocks * (1 / np.maximum(largest, F32(1e-38))), -1, 1)
    return order[np.searchsorted(middles, v)].astype(np.uint8), largest


def dynamic_levels() -> Reals:
    """256 levels from -0.99 to 1: in the decade below 10**-i 2**(6 - i) equal steps, i from 0 to 6; 0; and 1.

    >>> dynamic_levels()[[0, 1, 127, 255]]
    array([-0.99296874, -0.9789063 ,  0.        ,  1.        ], dtype=float32)

    Source: create_dynamic_map; arXiv:1511.04561.
    """
    steps = np.concatenate([F32(10.0 ** (i - 6)) * ((a[:-1] + a[1:]) / F32(2)) for i, a in enumerate(
        _linspace(2**i) for i in range(7))])
    return np.sort(np.concatenate([steps, -steps, [F32(0), F32(1)]]))


def _linspace(n: int) -> Reals:
    """n equal steps from 0.1 to 1, counted from the nearer end: torch.linspace, vectorized."""
    k, step = np.arange(n + 1, dtype=F32), (F32(1) - F32(0.1)) / F32(n)
    return np.where(k < (n + 1) // 2, fused_multiply_add(step, k, F32(0.1)), fused_multiply_add(-step, n - k, F32(1)))


@quiet
def quantize_blockwise(x: ArrayLike) -> tuple[Codes, Reals]:
    """(codes, max|x|): of 65,536 equal bins from -1 to 1 the one of x * (1 / max|x|), and its level.

    Args:
        x: (*S, block size) finite reals, read as float32; blocks of 256.
    Returns:
        (*S, block size) uint8 places among dynamic_levels, and (*S, 1) float32.

    Departs from R4: near 0 a bin is wider than the levels lie apart, so that the level need not be the nearest.

    >>> codes, _ = quantize_blockwise(np.float32([1, 2e-6]))
    >>> levels = dynamic_levels()
    >>> levels[codes[1]], levels[np.abs(levels - np.float32(2e-6)).argmin()]
    (np.float32(2.1249998e-05), np.float32(3.2500002e-06))

    Source: bitsandbytes.functional.quantize_blockwise, on a CPU (its library); other backends take the nearest.
    """
    (blocks, largest), levels = blocks_of(x), dynamic_levels()
    bins = F32(-1) + F32(2) * np.arange(65536, dtype=F32) / F32(65535)
    code = np.searchsorted(F32(0.5) * (levels[:-1] + levels[1:]), bins)
    v = np.clip(blocks * (1 / np.where(largest > 0, largest, F32(1))), -1, 1)
    at = ((v + F32(1)) * F32(0.5) * F32(65535) + F32(0.5)).astype(np.int64)
    return np.where(largest > 0, code[at], 0).astype(np.uint8), largest


def double_quantize(largest: ArrayLike, offset: float | None = None) -> tuple[Codes, Reals, Reals]:
    """(codes, scales, offset): quantize_blockwise(largest - offset), offset their mean: QLoRA's double quantization.

    Args:
        largest: (n,) float32, the scales of n blocks; n a multiple of 256.
        offset: the mean, if it is known; float32 sums differ in their last bits by the order of summing.
    Returns:
        (n / 256, 256) uint8, (n / 256, 1) float32, () float32: dynamic_levels()[codes] * scales + offset.

    >>> largest = np.linspace(1, 2, 256, dtype=np.float32)
    >>> codes, scales, offset = double_quantize(largest)
    >>> print(f"{np.abs(dynamic_levels()[codes] * scales + offset - largest).max():.4f}")
    0.0035

    Source: bitsandbytes.functional.quantize_4bit with compress_statistics=True; arXiv:2305.14314, section 3.
    """
    absmax = np.asarray(largest, F32)
    mean = F32(absmax.mean() if offset is None else offset)
    return *quantize_blockwise(absmax.reshape(-1, 256) - mean), np.asarray(mean)
