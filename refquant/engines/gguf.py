"""gguf 0.19.0 (llama.cpp's format): blocks of values along the last axis, as bytes, the scales first.

                values    bytes
    Q8_0        32        34: d, 32 int8                         x_hat = d * q
    Q4_0        32        18: d, 16 bytes                        x_hat = d * (q - 8)
    Q4_1        32        20: d, m, 16 bytes                     x_hat = d * q + m
    MXFP4       32        17: e, 16 bytes                        x_hat = 2**(e - 127) * value of q
    NVFP4       4 * 16    36: 4 s, 32 bytes                      x_hat = value of s * value of q
    Q4_K        8 * 32    144: d, m, 12 bytes, 128 bytes         x_hat = d * s * q - m * t

d and m are float16; s of NVFP4 is unsigned E4M3, q of both float formats E2M1; s and t of Q4_K have 6 bits. Codes of 4
bits lie in halves: the first half of the values (of 32; 16 in NVFP4, 64 in Q4_K) in the low bits of the bytes, the
second in the high bits.

Q8_0, Q4_0 and Q4_1 depart from the rules in three ways: x is multiplied by 1 / d, not divided (R3); codes are chosen
with d in float32 and read with d in float16, so the error can pass half a step, d / 2 (R16); and NaN is taken (R7): a
code that would come from NaN or from an infinite product is 0, as NumPy on x86 converts. gguf-py writes all but NVFP4
and Q4_K, which the C reference alone writes; the others of the family are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import arguments
from ..affine import AffineParams
from ..arguments import Codes, Reals, quiet
from ..blocks import join_blocks, split_blocks
from ..grids import E2M1, E4M3
from . import mx
from .choices import Whole, half_away, reciprocal
from .conventions import Convention
from .exact import Exact, Scalar, exact, multiply_add, nearest, show
from .inputs import must, take
from .steps import described

Bytes: TypeAlias = NDArray[np.uint8]


@quiet
def quantize_q8_0(x: ArrayLike) -> Bytes:
    """d = max|x| / 127, q = round(x * (1 / d)), ties away from zero; all 0 where d is 0.

    Args:
        x: (*S, 32 * n) reals, taken as float32.
    Returns:
        (*S, 34 * n) uint8: of each block d as float16, then q as int8.

    Departs from R4 (ties), besides what holds for all formats. d = 0.1 is stored as 0.09997559, and 12.6499, which is
    just below 126.5 steps, comes back 0.53 steps away:

    >>> block = np.float32([12.7, 12.6499, 0.25, -0.25] + 28 * [0])
    >>> stored = quantize_q8_0(block)
    >>> stored[:2].view("<f2").tolist(), stored[2:6].view(np.int8).tolist()
    ([0.0999755859375], [127, 126, 3, -3])
    >>> round(float(block[1] - dequantize_q8_0(stored)[1]) / 0.1, 2)
    0.53

    Raises:
        ValueError: a last axis that is no multiple of 32.
        TypeError: no reals.
    Source: gguf-py, gguf/quants.py, Q8_0; ggml-quants.c, quantize_row_q8_0_ref.
    """
    x = _blocks("quantize_q8_0", x)
    d = np.abs(x).max(axis=-1, keepdims=True) / np.float32(127)
    q = _whole(half_away(x * _inverse(d))).astype(np.int8)
    return _joined(_half(d), q.view(np.uint8))


@quiet
def dequantize_q8_0(stored: ArrayLike) -> Reals:
    """x_hat = float32(d) * q.

    Args:
        stored: (*S, 34 * n) uint8, as quantize_q8_0 gives it.
    Returns:
        (*S, 32 * n) float32.

    >>> stored = np.uint8([0x00, 0x38] + 31 * [0] + [255])  # d = 0.5, the last code -1
    >>> dequantize_q8_0(stored)[-2:]
    array([ 0. , -0.5], dtype=float32)

    Raises:
        ValueError: a last axis that is no multiple of 34.
        TypeError: other than uint8.
    Source: as quantize_q8_0.
    """
    d, q = np.split(_stored("dequantize_q8_0", stored, 34), [2], axis=-1)
    return _joined(_single(d) * q.view(np.int8))


@quiet
def quantize_q4_0(x: ArrayLike, multiply_add: Callable[..., Reals] = multiply_add) -> Bytes:
    """d = x* / -8, x* the first value of the largest |x|; q = min(floor(x * (1 / d) + 8.5), 15).

    Args:
        x: (*S, 32 * n) reals, taken as float32.
        multiply_add: how x * (1 / d) + 8.5 is rounded: twice (gguf-py, C without contraction); or once,
            exact.fused_multiply_add, as C compilers contract it where the processor has FMA (gcc -mfma).
    Returns:
        (*S, 18 * n) uint8: of each block d as float16, then 32 codes of 4 bits.

    Departs from R4 and R5: 8 is added before rounding, ties go up; and d may be negative, so that x* is code 0 exactly
    and the other end is clipped: of 8 and -8 the one that comes first is kept.

    >>> for ends in ([8, -8], [-8, 8]):
    ...     dequantize_q4_0(quantize_q4_0(np.float32(ends + [0.5, 1.5, -0.5] + 27 * [0])))[:5].tolist()
    [8.0, -7.0, -0.0, 1.0, -1.0]
    [-8.0, 7.0, 1.0, 2.0, 0.0]

    A build with FMA gives another code where the product, unrounded, lies just below a tie:

    >>> from refquant.engines.exact import fused_multiply_add
    >>> block = np.float32([float.fromhex(h) for h in ("-0x1.a30fecp+2", "0x1.05e9fp+1")] + 30 * [0])
    >>> [int(quantize_q4_0(block, f)[3] & 15) for f in (multiply_add, fused_multiply_add)]
    [11, 10]

    Raises:
        ValueError: a last axis that is no multiple of 32.
        TypeError: no reals.
    Source: gguf-py, gguf/quants.py, Q4_0; ggml-quants.c, quantize_row_q4_0_ref.
    """
    x = _blocks("quantize_q4_0", x)
    d = np.take_along_axis(x, np.abs(x).argmax(axis=-1, keepdims=True), axis=-1) / np.float32(-8)
    q = _whole(np.trunc(multiply_add(x, _inverse(d), np.float32(8.5))))
    return _joined(_half(d), _nibbles(q))


@quiet
def dequantize_q4_0(stored: ArrayLike) -> Reals:
    """x_hat = float32(d) * (q - 8).

    Args:
        stored: (*S, 18 * n) uint8, as quantize_q4_0 gives it.
    Returns:
        (*S, 32 * n) float32.

    >>> stored = np.uint8([0x00, 0x38, 0x90] + 15 * [0x88])  # d = 0.5, value 0 is code 0, value 16 is code 9
    >>> dequantize_q4_0(stored)[[0, 1, 16]]
    array([-4. ,  0. ,  0.5], dtype=float32)

    Raises:
        ValueError: a last axis that is no multiple of 18.
        TypeError: other than uint8.
    Source: as quantize_q4_0.
    """
    d, q = np.split(_stored("dequantize_q4_0", stored, 18), [2], axis=-1)
    return _joined(_single(d) * (_halves(q) - np.float32(8)))


@quiet
def quantize_q4_1(x: ArrayLike) -> Bytes:
    """m = min x, d = (max x - m) / 15, q = min(floor((x - m) * (1 / d) + 0.5), 15).

    Args:
        x: (*S, 32 * n) reals, taken as float32.
    Returns:
        (*S, 20 * n) uint8: of each block d and m as float16, then 32 codes of 4 bits.

    Departs from R8: 0 need be neither in the range nor exact; from R4: ties go up.

    >>> dequantize_q4_1(quantize_q4_1(np.float32([1, 16, 2.5, 3.5] + 28 * [1.25])))[:5].tolist()
    [1.0, 16.0, 3.0, 4.0, 1.0]

    Raises:
        ValueError: a last axis that is no multiple of 32.
        TypeError: no reals.
    Source: gguf-py, gguf/quants.py, Q4_1; ggml-quants.c, quantize_row_q4_1_ref.
    """
    x = _blocks("quantize_q4_1", x)
    m = x.min(axis=-1, keepdims=True)
    d = (x.max(axis=-1, keepdims=True) - m) / np.float32(15)
    q = _whole(np.trunc((x - m) * _inverse(d) + np.float32(0.5)))
    return _joined(_half(d), _half(m), _nibbles(q))


@quiet
def dequantize_q4_1(stored: ArrayLike) -> Reals:
    """x_hat = float32(d) * q + float32(m), rounded twice.

    Args:
        stored: (*S, 20 * n) uint8, as quantize_q4_1 gives it.
    Returns:
        (*S, 32 * n) float32.

    >>> stored = np.uint8([0x00, 0x38, 0x00, 0x3c, 0x90] + 15 * [0x88])  # d = 0.5, m = 1
    >>> dequantize_q4_1(stored)[[0, 1, 16]]
    array([1. , 5. , 5.5], dtype=float32)

    Raises:
        ValueError: a last axis that is no multiple of 20.
        TypeError: other than uint8.
    Source: as quantize_q4_1.
    """
    d, m, q = np.split(_stored("dequantize_q4_1", stored, 20), [2, 4], axis=-1)
    return _joined(_single(d) * _halves(q) + _single(m))


@quiet
def quantize_mxfp4(x: ArrayLike) -> Bytes:
    """e = floor(log2 max|x|) - 2 + 127, the logarithm in float32; q = the nearest of E2M1 to x / 2**(e - 127).

    Args:
        x: (*S, 32 * n) reals, taken as float32; finite, max|x| 0 or at least 2**-124.
    Returns:
        (*S, 17 * n) uint8: of each block e, then 32 codes of E2M1.

    Departs from R18 as mx.floor_of_float32_log2 does, and from R4 (ties go toward zero; no -0).

    >>> below = np.nextafter(np.float32(32), np.float32(0))  # its logarithm, in float32, is 5
    >>> stored = quantize_mxfp4(np.float32([below, 3] + 30 * [0]))
    >>> stored[:3].tolist(), dequantize_mxfp4(stored)[:2].tolist()
    ([130, 6, 1], [32.0, 4.0])

    Raises:
        ValueError: a last axis that is no multiple of 32.
        TypeError: no reals.
    Source: gguf-py, gguf/quants.py, MXFP4; ggml-quants.c, quantize_row_mxfp4_ref.
    """
    scale, q = mx.mxfp4_gguf(_blocks("quantize_mxfp4", x))
    return _joined(scale, _nibbles(q))


@quiet
def dequantize_mxfp4(stored: ArrayLike) -> Reals:
    """x_hat = 2**(e - 127) * value of q.

    Args:
        stored: (*S, 17 * n) uint8, as quantize_mxfp4 gives it.
    Returns:
        (*S, 32 * n) float32.

    >>> dequantize_mxfp4(np.uint8([128, 0x7F] + 15 * [0]))[[0, 16]]  # -6 and 6, times 2
    array([-12.,  12.], dtype=float32)

    Raises:
        ValueError: a last axis that is no multiple of 17.
        TypeError: other than uint8.
    Source: as quantize_mxfp4.
    """
    e, q = np.split(_stored("dequantize_mxfp4", stored, 17), [1], axis=-1)
    return _joined(E2M1.decode(_halves(q)) * np.ldexp(np.float32(1), e.astype(int) - 127))


@quiet
def quantize_nvfp4(x: ArrayLike) -> Bytes:
    """s = unsigned E4M3 of max|x| / 6, q = the nearest of E2M1 to x / s; 16 values share a scale, a block has four.

    Args:
        x: (*S, 64 * n) finite reals, taken as float32.
    Returns:
        (*S, 36 * n) uint8: of each block four scales, then 64 codes of E2M1.

    Departs from R18 as mx.unsigned_e4m3_ggml does, and from R4 (ties go toward zero; no -0). All is 0 where s is 0. No
    second scale stands in the block.

    >>> dequantize_nvfp4(quantize_nvfp4(np.float32([1800, 900, -200] + 61 * [0])))[:3].tolist()  # 1800 / 6 = 300
    [1792.0, 896.0, -224.0]

    Raises:
        ValueError: a last axis that is no multiple of 64.
        TypeError: no reals.
    Source: ggml-quants.c, quantize_row_nvfp4_ref.
    """
    scale, q = mx.nvfp4_ggml(split_blocks(_blocks("quantize_nvfp4", x, 64), 16))
    return _joined(scale[..., 0], join_blocks(_nibbles(q)))


@quiet
def dequantize_nvfp4(stored: ArrayLike) -> Reals:
    """x_hat = value of s * value of q.

    Args:
        stored: (*S, 36 * n) uint8, as quantize_nvfp4 gives it.
    Returns:
        (*S, 64 * n) float32; 0 where s is 0x7F, which is no value.

    >>> dequantize_nvfp4(np.uint8([0x38, 0x40, 0, 0, 0x7F] + 31 * [0]))[[0, 8]]  # 0x38 means 1
    array([-6.,  6.], dtype=float32)

    Raises:
        ValueError: a last axis that is no multiple of 36.
        TypeError: other than uint8.
    Source: as quantize_nvfp4; gguf-py, gguf/quants.py, NVFP4.
    """
    s, q = np.split(_stored("dequantize_nvfp4", stored, 36), [4], axis=-1)
    values = E2M1.decode(_halves(split_blocks(q, 8)))
    return _joined(join_blocks(values * np.nan_to_num(E4M3.decode(s & 127))[..., np.newaxis]))


@quiet
def quantize_q4_k(x: ArrayLike) -> Bytes:
    """q = clip(round((x + m * t) / (d * s)), 0, 15); s and t of 32 values, d and m of eight times 32.

    Args:
        x: (*S, 256 * n) finite reals, taken as float32.
    Returns:
        (*S, 144 * n) uint8: of each block d and m as float16, 8 times s and t in 6 bits, 256 codes of 4 bits.

    The scale and the offset of 32 values are searched: 21 times 1 / scale is tried, from 14 to 16 steps across the
    range; least squares, weighted by |x| + sqrt(mean(x**2)), gives each trial's scale and offset; and what has the
    least error stays. All are rounded to 6 bits, in steps of d = max(scales) / 63 and m = max(offsets) / 63. Then x
    gets its code anew, ties to even.

    Departs from R8 (0 need not be exact) and from R16: nothing bounds the error of one value by half a step. The sums
    are float32, from left to right; and what stays moves the offset from which later trials start, which other ports
    miss.

    >>> x = np.random.default_rng(0).standard_normal(2**16).astype(np.float32)  # 4.5 bits a value, both
    >>> for quantize, dequantize in ((quantize_q4_k, dequantize_q4_k), (quantize_q4_0, dequantize_q4_0)):
    ...     print(f"{np.mean((x - dequantize(quantize(x))) ** 2):.4f}")
    0.0051
    0.0074

    Raises:
        ValueError: a last axis that is no multiple of 256.
        TypeError: no reals.
    Source: ggml-quants.c, quantize_row_q4_K_ref and make_qkx2_quants, built without contraction.
    """
    x = split_blocks(_blocks("quantize_q4_k", x, 256), 32)
    scale, offset, found = _searched(x)
    (d, s), (m, t) = _six_bits(scale), _six_bits(offset)
    step, least = (_single(a)[..., np.newaxis] * b for a, b in ((d, s), (m, t)))
    q = np.where(step == 0, found, np.clip(np.rint((x + least) / step), 0, 15))
    return _joined(d, m, _twelve_bytes(s[..., 0], t[..., 0]), join_blocks(_nibbles(split_blocks(join_blocks(q), 64))))


@quiet
def dequantize_q4_k(stored: ArrayLike) -> Reals:
    """x_hat = float32(d) * s * q - float32(m) * t, each operation rounded.

    Args:
        stored: (*S, 144 * n) uint8, as quantize_q4_k gives it.
    Returns:
        (*S, 256 * n) float32.

    >>> stored = np.uint8([0x00, 0x38, 0x00, 0x3C, 2] + 3 * [0] + [3] + 7 * [0] + [0x0F] + 127 * [0])
    >>> dequantize_q4_k(stored)[:2]  # d = 0.5, s = 2, m = 1, t = 3
    array([12., -3.], dtype=float32)

    Raises:
        ValueError: a last axis that is no multiple of 144.
        TypeError: other than uint8.
    Source: as quantize_q4_k; gguf-py, gguf/quants.py, Q4_K.
    """
    d, m, scales, q = np.split(_stored("dequantize_q4_k", stored, 144), [2, 4, 16], axis=-1)
    low, mid, high = np.split(scales, 3, axis=-1)
    s = np.concatenate([low & 63, high & 15 | low >> 6 << 4], axis=-1)
    t = np.concatenate([mid & 63, high >> 4 | mid >> 6 << 4], axis=-1)
    step, least = ((_single(a) * b.astype(np.float32))[..., np.newaxis] for a, b in ((d, s), (m, t)))
    codes = split_blocks(join_blocks(_halves(split_blocks(q, 32))), 32)
    return _joined(join_blocks(step * codes - least))


def _searched(x: Reals) -> tuple[Reals, Reals, Reals]:
    """(scale, offset, codes) of (*S, 32): the best of 21 trials by weighted least squares, x_hat = scale * q - offset.

    Source: ggml-quants.c, make_qkx2_quants, with nmax 15, rmin -1, rdelta 0.1, nstep 20.
    """
    w = np.sqrt(_sum(x * x) / np.float32(32)) + np.abs(x)
    low, high = np.minimum(x.min(axis=-1, keepdims=True), 0), x.max(axis=-1, keepdims=True)
    flat, all_w, all_x = high == low, _sum(w), _sum(w * x)
    q, scale = _trial(x, low, high, np.float32(15)), 1 / (np.float32(15) / (high - low))
    error = _sum(w * (scale * q + low - x) ** 2)
    for i in range(21):
        trial = _trial(x, low, high, np.float32(-1) + np.float32(0.1) * np.float32(i) + np.float32(15))
        of_q, of_qq, of_qx = _sum(w * trial), _sum(w * trial * trial), _sum(w * trial * x)
        d = all_w * of_qq - of_q * of_q
        step, least = (all_w * of_qx - all_x * of_q) / d, (of_qq * all_x - of_q * of_qx) / d
        step, least = np.where(least > 0, of_qx / of_qq, step), np.minimum(least, 0)
        off = _sum(w * (step * trial + least - x) ** 2)
        better = (d > 0) & (off < error)
        q, scale, low, error = (np.where(better, new, old) for new, old in (
            (trial, q), (step, scale), (least, low), (off, error)))
    return np.where(flat, 0, scale), -low, np.where(flat, 0, q)


def _trial(x: Reals, low: Reals, high: Reals, steps: Any) -> Reals:
    """Codes from 0 to 15 with so many steps from low to high."""
    return np.asarray(np.clip(np.rint(steps / (high - low) * (x - low)), 0, 15))


def _sum(terms: Reals) -> Reals:
    """The sum along the last axis in float32, from left to right, as a loop in C has it."""
    return np.cumsum(terms, axis=-1, dtype=np.float32)[..., -1:]


def _six_bits(v: Reals) -> tuple[Bytes, Reals]:
    """(*S, 8, 1) reals -> the largest / 63 as bytes of float16, and v in 63 steps of the largest; 0 where none is > 0.
    """
    largest = np.maximum(v.max(axis=-2), 0)
    steps = np.where(largest > 0, np.float32(63) / largest, 0)[..., np.newaxis]
    return _half(largest / np.float32(63)), np.minimum(np.rint(steps * v), 63)


def _twelve_bytes(s: Reals, t: Reals) -> Bytes:
    """Sixteen numbers of 6 bits: the first four of each in bytes 0 to 7, whose upper 2 bits are the others'."""
    (a, b), (c, d) = (np.split(v.astype(np.uint8), 2, axis=-1) for v in (s, t))
    return np.concatenate([a | b >> 4 << 6, c | d >> 4 << 6, b & 15 | d << 4], axis=-1)


def _blocks(where: str, x: ArrayLike, size: int = 32) -> Reals:
    a = arguments.array(where, x, "x")
    if a.dtype.kind != "f":
        raise arguments.error(TypeError, where, "`x` must be reals", f"dtype {a.dtype}", "np.asarray(x, np.float32)")
    return _cut(where, a.astype(np.float32), size, "values")


def _stored(where: str, stored: ArrayLike, size: int) -> Bytes:
    return _cut(where, take(where, stored, "stored", (np.uint8,), "take it from quantize_..."), size, "bytes")


def _cut(where: str, a: NDArray[Any], size: int, of: str) -> NDArray[Any]:
    """(*S, size * n) -> (*S, n, size)."""
    must(where, a.ndim and a.shape[-1] % size == 0, f"the last axis must be blocks of {size} {of}", f"shape {a.shape}",
         "pad it with zeros" if of == "values" else "take it from the function's other half")
    return a.reshape(*a.shape[:-1], a.shape[-1] // size, size)


def _inverse(d: Reals) -> Reals:
    return np.where(d == 0, np.float32(0), 1 / d)


def _whole(q: Reals) -> Codes:
    """The integers q, 0 for NaN and infinities."""
    return np.where(np.isfinite(q), q, 0).astype(np.int32)


def _half(d: Reals) -> Bytes:
    """(*S, 1) reals -> (*S, 2) bytes of float16."""
    return d.astype("<f2").view(np.uint8)


def _single(d: Bytes) -> Reals:
    return np.ascontiguousarray(d).view("<f2").astype(np.float32)


def _nibbles(q: NDArray[Any]) -> Bytes:
    low, high = np.split(np.minimum(q, 15).astype(np.uint8), 2, axis=-1)
    return np.asarray(low | high << 4)


def _halves(q: NDArray[Any]) -> Codes:
    return np.concatenate([q & 15, q >> 4], axis=-1)


def _joined(*parts: NDArray[Any]) -> NDArray[Any]:
    """The parts of all blocks, (*S, n, size) each -> (*S, n * sizes)."""
    return join_blocks(np.concatenate(parts, axis=-1))


# ------------------------------------------------------------------------------ asked as the other operators are
# A block finds its scale itself, so one is made for x: [first, x, 0, ...], first so many steps that the format finds
# this very scale. There is no zero point.

@quiet
def q8_0_codes(x: Reals, params: AffineParams) -> Codes:
    """The code that x gets in a block whose scale is the one given; its first value is 127 steps.

    >>> from refquant import INT8
    >>> q8_0_codes(np.float32([2.5, -2.5]), AffineParams(scale=np.float32(0.5), zero_point=0, grid=INT8))
    array([ 5, -5], dtype=int8)

    Raises:
        ValueError: x beyond the codes, a zero point, a scale that no block has.
    """
    return quantize_q8_0(_block_around(x, params, 127, -127, 127)).view(np.int8)[:, 3]


@quiet
def q4_0_codes(x: Reals, params: AffineParams, multiply_add: Any = multiply_add) -> Codes:
    """A block whose first value is -8 steps: as q8_0_codes, of 4 bits."""
    stored = quantize_q4_0(_block_around(x, params, -8, -7.5, 7.5), multiply_add)
    return (stored[:, 3] & 15).astype(np.int8) - 8


def _block_around(x: Reals, params: AffineParams, steps: int, least: float, most: float) -> Reals:
    """(n) -> (n, 32): [steps * scale, x, 0, ...], to which the format must give this very scale."""
    first, scale = np.float32(steps) * params.scale, params.scale
    fits = (first / np.float32(steps) == scale) & (scale >= np.finfo(np.float32).tiny) & (params.zero_point == 0)
    fits = fits & (least * scale <= x) & (x <= most * scale)
    fits = fits & (params.grid.qmin - 0.5 <= least) & (most <= params.grid.qmax + 0.5)
    arguments.none("gguf", np.broadcast_to(~fits, x.shape), x, "x must lie in a block of this scale and zero point 0",
                   "a block has a normal scale and no zero point; x lies within its codes, which are on the grid")
    blocks = np.zeros((x.size, 32), np.float32)
    blocks[:, 0], blocks[:, 1] = first, x
    return blocks


@described("", lambda *_: "", "it has no zero point")
def no_zero_point(v: Scalar | Exact, *_: Any) -> tuple[Scalar | Exact, int]:
    """v, and nothing to be added."""
    return v, 0


def _plus_8_5(v: Fraction) -> Exact:
    return exact(nearest(v + Fraction(17, 2), np.float32))


@described("+ 8.5 in float32, cut off", lambda v, n: f", + 8.5 = {show(_plus_8_5(v))} in float32, truncated: {n}",
           "it adds 8.5 in float32 and drops the fraction")
def half_added_to_8(v: Fraction) -> int:
    """trunc(v + 8.5), the sum in float32."""
    return math.trunc(_plus_8_5(v))


@described("4 bits, - 8", lambda n, *others: ", at most 15" * (n > 15) + f", - 8 = {others[-1]}",
           "it stores 8 more, in 4 bits")
def four_bits(n: Whole, *_: Any) -> Whole:
    """min(n, 15) - 8."""
    return min(n, 15) - 8


Q8_0 = Convention(reciprocal, no_zero_point, half_away)
Q4_0 = Convention(reciprocal, no_zero_point, half_added_to_8, four_bits)
