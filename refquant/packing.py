"""Codes <-> bytes: one little-endian bit stream, so that codes of 2 to 7 bits take no more room than their bits.

A layout says in which order the codes lie there, and what reads the bytes; refquant.engines.layouts has others'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Codes
from .grids import Grid, known

WORDS = ("u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")


@dataclass(frozen=True)
class Layout:
    """Code i of the stream is code order[i] + offset, modulo 2**bits, of each group of len(order) codes.

    Args:
        order: the places of a group's codes, each once, as they follow one another in the stream.
        offset: what is added to each code.
        dtype: what reads the stream's bytes: "u1" or little-endian words, "<u4" or "<i4", say.

    >>> from refquant import UINT4
    >>> high_first = Layout(order=(1, 0))
    >>> [hex(byte) for byte in pack([1, 2, 3, 4], UINT4, high_first)], [hex(byte) for byte in pack([1, 2, 3, 4], UINT4)]
    (['0x12', '0x34'], ['0x21', '0x43'])

    Raises:
        ValueError: an order that does not hold each place of a group once, a dtype that is not u1 or little-endian.
        TypeError: an order that is no tuple, an offset that is no integer.
    """

    order: tuple[int, ...] = (0,)
    offset: int = 0
    dtype: str = "u1"

    def __post_init__(self) -> None:
        arguments.instance("Layout", self.order, tuple, "`order` must be a tuple", "(1, 0), say")
        arguments.whole("Layout", self.offset, "offset", -(2**31))
        if self.dtype not in WORDS:
            raise arguments.error(ValueError, "Layout", f"`dtype` must be one of {', '.join(WORDS)}", repr(self.dtype),
                                  "u1 reads single bytes")
        if not self.order or sorted(self.order) != list(range(len(self.order))):
            raise arguments.error(ValueError, "Layout", "`order` must hold each place of a group once", self.order,
                                  "(1, 0) swaps the codes of each pair")


STREAM = Layout()


def pack(q: ArrayLike, grid: Grid, layout: Layout = STREAM) -> Codes:
    """Bit j of code i is bit i * bits + j of the stream; bit k of the stream is bit k % 8 of byte k // 8, 1 the lowest.

    Args:
        q: (*S) codes on the grid, of any integer dtype, taken in C order.
        grid: which codes exist; signed ones go in as two's complement.
        layout: the order of the codes in the stream, and what reads its bytes.
    Returns:
        (ceil(size * bits / 8),) uint8; what the last byte has left is 0. Codes of 8, 16 and 32 bits are their own
        little-endian bytes. With another layout these bytes in its dtype.

    At 2 and 4 bits the first code lies lowest, as in ONNX; at 3 bits the third code spans two bytes:

    >>> from refquant import UINT4, IntGrid
    >>> [f"{byte:08b}" for byte in pack([1, 15, 3], UINT4)]
    ['11110001', '00000011']
    >>> [f"{byte:08b}" for byte in pack([1, -1, -4], IntGrid(3))]
    ['00111001', '00000001']

    Raises:
        ValueError: codes off the grid; a number of codes that does not fill the layout's groups and words.
        TypeError: codes that are no integers, no Layout.
    Source: ONNX, TensorProto, INT4 and INT2. gguf puts the codes of a block's halves into the nibbles of one byte.
    """
    codes = known("pack", grid).check("pack", q).astype(grid.dtype, copy=False)
    _filled("pack", codes.size, grid, layout)
    codes = _ordered(codes.reshape(-1), layout.order).view(f"u{grid.dtype.itemsize}")
    codes = codes + codes.dtype.type(layout.offset % 2**grid.bits) & (2**grid.bits - 1)
    stream = np.zeros(-(-codes.size * grid.bits // 8), np.uint8)
    for places, byte, left in _parts(grid.bits):
        code = codes[places]
        stream[byte][:code.size] |= _shifted(code, left).astype(np.uint8, copy=False)
    return stream.view(layout.dtype)


def unpack(packed: ArrayLike, grid: Grid, count: int, layout: Layout = STREAM) -> Codes:
    """The `count` codes of a stream: pack undone.

    Args:
        packed: (ceil(count * bits / 8),) uint8, or these bytes in the layout's dtype.
        grid, layout: as pack.
        count: how many codes the stream holds.
    Returns:
        (count,) codes in the grid's dtype.

    >>> from refquant import INT4
    >>> unpack(pack([[-8, 7], [0, -1]], INT4), INT4, 4)
    array([-8,  7,  0, -1], dtype=int8)

    Raises:
        ValueError: bytes of another number, the code that a narrow grid drops; as pack.
        TypeError: bytes that are not uint8, or not in the layout's dtype.
    """
    bits, count = known("unpack", grid).bits, arguments.whole("unpack", count, "count", 0)
    _filled("unpack", count, grid, layout)
    words, dtype = arguments.array("unpack", packed, "packed"), np.dtype(layout.dtype)
    if words.dtype != dtype:
        raise arguments.error(TypeError, "unpack", f"`packed` must be {dtype}", f"dtype {words.dtype}", "pack gives it")
    if words.shape != (-(-count * bits // 8) // dtype.itemsize,):
        raise arguments.error(ValueError, "unpack", f"{count} codes of {bits} bits are {-(-count * bits // 8)} bytes",
                              f"shape {words.shape} of {dtype}", "pack with the same grid, and count every code")
    stream, codes = np.ascontiguousarray(words).view(np.uint8), np.zeros(count, f"u{grid.dtype.itemsize}")
    for places, byte, left in _parts(bits):
        code = codes[places]
        code |= _shifted(stream[byte][:code.size].astype(codes.dtype, copy=False), -left)
    codes = _ordered(codes, np.argsort(layout.order)) - codes.dtype.type(layout.offset % 2**bits)
    unused = 8 * codes.itemsize - bits
    return grid.check("unpack", codes.view(grid.dtype) << unused >> unused, "packed")  # the shift back extends the sign


def _ordered(codes: Codes, order: Sequence[int] | Codes) -> Codes:
    """The codes of each group in this order; a group of one has one order, and nothing is moved."""
    return codes if len(order) == 1 else codes.reshape(-1, len(order))[:, order].reshape(-1)


def _filled(where: str, count: int, grid: Grid, layout: Layout) -> None:
    """Whether so many codes fill groups and words."""
    arguments.instance(where, layout, Layout, "`layout` must be a Layout", "refquant.engines.layouts has some")
    word = np.dtype(layout.dtype).itemsize
    if count % len(layout.order) or (word > 1 and count * grid.bits % (8 * word)):
        raise arguments.error(ValueError, where, f"codes must fill groups of {len(layout.order)} and words of {word} "
                              "bytes", f"{count} codes of {grid.bits} bits", "pad them with zeros")


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
