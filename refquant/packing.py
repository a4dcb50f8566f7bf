"""Codes <-> bytes: one little-endian bit stream, so that codes of 2 to 7 bits take no more room than their bits."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Codes
from .grids import Grid, known


def pack(q: ArrayLike, grid: Grid) -> Codes:
    """Bit j of code i is bit i * bits + j of the stream; bit k of the stream is bit k % 8 of byte k // 8, 1 the lowest.

    Args:
        q: (*S) codes on the grid, of any integer dtype, taken in C order.
        grid: which codes exist; signed ones go in as two's complement.
    Returns:
        (ceil(size * bits / 8),) uint8; what the last byte has left is 0. Codes of 8, 16 and 32 bits are their own
        little-endian bytes.

    At 2 and 4 bits the first code lies lowest, as in ONNX; at 3 bits the third code spans two bytes:

    >>> from refquant import UINT4, IntGrid
    >>> [f"{byte:08b}" for byte in pack([1, 15, 3], UINT4)]
    ['11110001', '00000011']
    >>> [f"{byte:08b}" for byte in pack([1, -1, -4], IntGrid(3))]
    ['00111001', '00000001']

    Raises:
        ValueError: codes off the grid.
        TypeError: codes that are no integers.
    Source: ONNX, TensorProto, INT4 and INT2. gguf puts the codes of a block's halves into the nibbles of one byte.
    """
    codes = known("pack", grid).check("pack", q).astype(grid.dtype, copy=False)
    codes = codes.reshape(-1).view(f"u{grid.dtype.itemsize}") & (2**grid.bits - 1)
    stream = np.zeros(-(-codes.size * grid.bits // 8), np.uint8)
    for places, byte, left in _parts(grid.bits):
        code = codes[places]
        stream[byte][:code.size] |= _shifted(code, left).astype(np.uint8, copy=False)
    return stream


def unpack(packed: ArrayLike, grid: Grid, count: int) -> Codes:
    """The `count` codes of a stream: pack undone.

    Args:
        packed: (ceil(count * bits / 8),) uint8.
        grid: as pack.
        count: how many codes the stream holds.
    Returns:
        (count,) codes in the grid's dtype.

    >>> from refquant import INT4
    >>> unpack(pack([[-8, 7], [0, -1]], INT4), INT4, 4)
    array([-8,  7,  0, -1], dtype=int8)

    Raises:
        ValueError: bytes of another number, the code that a narrow grid drops.
        TypeError: bytes that are not uint8.
    """
    bits, count = known("unpack", grid).bits, arguments.whole("unpack", count, "count", 0)
    stream = arguments.array("unpack", packed, "packed")
    if stream.dtype != np.uint8:
        raise arguments.error(TypeError, "unpack", "`packed` must be uint8", f"dtype {stream.dtype}", "pack gives it")
    if stream.shape != (-(-count * bits // 8),):
        raise arguments.error(ValueError, "unpack", f"{count} codes of {bits} bits are {-(-count * bits // 8)} bytes",
                              f"shape {stream.shape}", "pack with the same grid, and count every code")
    codes = np.zeros(count, f"u{grid.dtype.itemsize}")
    for places, byte, left in _parts(bits):
        code = codes[places]
        code |= _shifted(stream[byte][:code.size].astype(codes.dtype, copy=False), -left)
    unused = 8 * codes.itemsize - bits
    return grid.check("unpack", codes.view(grid.dtype) << unused >> unused, "packed")  # the shift back extends the sign


def _parts(bits: int) -> Iterator[tuple[slice, slice, int]]:
    """Codes, and the bytes that hold a part of them, `left` places to the left: once for each part of a group of codes
    that fills whole bytes.

    >>> [(codes.start, byte.start, left) for codes, byte, left in _parts(6)]
    [(0, 0, 0), (1, 0, 6), (1, 1, -2), (2, 1, 4), (2, 2, -4), (3, 2, 2)]
    """
    each, size = 8 // gcd(8, bits), bits // gcd(8, bits)
    for i in range(each):
        for byte in range(i * bits // 8, -(-(i + 1) * bits // 8)):
            yield slice(i, None, each), slice(byte, None, size), i * bits - 8 * byte


def _shifted(v: Codes, left: int) -> Codes:
    return v << left if left >= 0 else v >> -left
