"""gguf-py 0.19.0 (llama.cpp's format): blocks of 32 values along the last axis, as bytes, float16 scale first.

    Q8_0, 34 bytes: d, 32 int8            x_hat = d * q
    Q4_0, 18 bytes: d, 16 bytes           x_hat = d * (q - 8)
    Q4_1, 20 bytes: d, m, 16 bytes        x_hat = d * q + m

Byte j of the sixteen holds value j in its low four bits and value j + 16 in its high four. All departs from the rules
in three ways: x is multiplied by 1 / d, not divided (R3); codes are chosen with d in float32 and read with d in
float16, so the error can pass half a step, d / 2 (R16); and NaN is taken (R7): a code that would come from NaN or from
an infinite product is 0, as NumPy on x86 converts.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import arguments
from ..arguments import Codes, Reals
from .choices import half_away

Bytes: TypeAlias = NDArray[np.uint8]


@arguments.quiet
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


@arguments.quiet
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


@arguments.quiet
def quantize_q4_0(x: ArrayLike) -> Bytes:
    """d = x* / -8, x* the first value of the largest |x|; q = min(floor(x * (1 / d) + 8.5), 15).

    Args:
        x: (*S, 32 * n) reals, taken as float32.
    Returns:
        (*S, 18 * n) uint8: of each block d as float16, then 32 codes of 4 bits.

    Departs from R4 and R5: 8 is added before rounding, ties go up; and d may be negative, so that x* is code 0 exactly
    and the other end is clipped: of 8 and -8 the one that comes first is kept.

    >>> for ends in ([8, -8], [-8, 8]):
    ...     dequantize_q4_0(quantize_q4_0(np.float32(ends + [0.5, 1.5, -0.5] + 27 * [0])))[:5].tolist()
    [8.0, -7.0, -0.0, 1.0, -1.0]
    [-8.0, 7.0, 1.0, 2.0, 0.0]

    Raises:
        ValueError: a last axis that is no multiple of 32.
        TypeError: no reals.
    Source: gguf-py, gguf/quants.py, Q4_0; ggml-quants.c, quantize_row_q4_0_ref.
    """
    x = _blocks("quantize_q4_0", x)
    d = np.take_along_axis(x, np.abs(x).argmax(axis=-1, keepdims=True), axis=-1) / np.float32(-8)
    q = _whole(np.trunc(x * _inverse(d) + np.float32(8.5)))
    return _joined(_half(d), _nibbles(q))


@arguments.quiet
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


@arguments.quiet
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


@arguments.quiet
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


def _blocks(where: str, x: ArrayLike) -> Reals:
    a = arguments.array(where, x, "x")
    if a.dtype.kind != "f":
        raise arguments.error(TypeError, where, "`x` must be reals", f"dtype {a.dtype}", "np.asarray(x, np.float32)")
    return _cut(where, a.astype(np.float32), 32, "values")


def _stored(where: str, stored: ArrayLike, size: int) -> Bytes:
    a = arguments.array(where, stored, "stored")
    if a.dtype != np.uint8:
        raise arguments.error(TypeError, where, "`stored` must be uint8", f"dtype {a.dtype}",
                              "take it from quantize_...")
    return _cut(where, a, size, "bytes")


def _cut(where: str, a: NDArray[Any], size: int, of: str) -> NDArray[Any]:
    """(*S, size * n) -> (*S, n, size)."""
    if a.ndim == 0 or a.shape[-1] % size:
        raise arguments.error(ValueError, where, f"the last axis must be blocks of {size} {of}", f"shape {a.shape}",
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


def _nibbles(q: Codes) -> Bytes:
    low, high = np.split(np.minimum(q, 15).astype(np.uint8), 2, axis=-1)
    return np.asarray(low | high << 4)


def _halves(q: Bytes) -> Reals:
    return np.concatenate([q & 15, q >> 4], axis=-1).astype(np.float32)


def _joined(*parts: NDArray[Any]) -> NDArray[Any]:
    """The parts of all blocks, (*S, n, size) each -> (*S, n * sizes)."""
    blocks = np.concatenate(parts, axis=-1)
    return blocks.reshape(*blocks.shape[:-2], blocks.shape[-2] * blocks.shape[-1])
