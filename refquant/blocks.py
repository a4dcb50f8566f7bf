"""Granularity is a shape: blocks are one more axis, and their scales one more axis of `scale`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .affine import AffineParams, parameters
from .arguments import Reals
from .grids import Grid


def split_blocks(x: ArrayLike, block_size: int, axis: int = -1) -> Reals:
    """The axis of n values becomes two: ceil(n / block_size) blocks, block_size values; the last one padded with 0.

    Args:
        x: (*S) reals or codes.
        block_size: how many values share a scale, from 1 to n.
        axis: the axis that is cut; its blocks' values are the axis after it, -1 for axis=-1.

    Ranges per block are ranges over that axis. The padding is inside every affine range, and exact in any case; rules
    that count values (percentile, entropy, analytic clips) count it too.

    >>> from refquant import INT4, dynamic_params
    >>> blocks = split_blocks(np.float32([[1, 2, 3], [10, 20, 30]]), 2)
    >>> blocks.tolist()
    [[[1.0, 2.0], [3.0, 0.0]], [[10.0, 20.0], [30.0, 0.0]]]
    >>> dynamic_params(blocks, INT4, axis=-1).scale.shape
    (2, 2, 1)

    Raises:
        ValueError: a block size outside 1 to n, an axis that x does not have, 64 axes: NumPy has no more.
        TypeError: no numbers.
    Source: VS-Quant (arXiv:2102.04503); block formats of ONNX (block_size, opset 21) and gguf.
    """
    a = arguments.array("split_blocks", x, "x")
    arguments.room_for_an_axis("split_blocks", a)
    i = arguments.one_axis("split_blocks", a.shape, axis)
    n = a.shape[i]
    size = arguments.whole("split_blocks", block_size, "block_size", 1, max(n, 1))
    missing = [(0, -n % size if k == i else 0) for k in range(a.ndim)]
    padded = np.pad(a, missing) if n % size else a
    return padded.reshape(*a.shape[:i], -(-n // size), size, *a.shape[i + 1:])


def join_blocks(blocks: ArrayLike, axis: int = -1, length: int | None = None) -> Reals:
    """split_blocks undone: two axes become one, of which the first `length` values are kept.

    Args:
        blocks: (*S) reals or codes, from split_blocks with the same axis.
        axis: the axis of the joined array.
        length: how many values it had; None keeps the padding.

    >>> x = np.arange(5.0)
    >>> join_blocks(split_blocks(x, 2), length=5)
    array([0., 1., 2., 3., 4.])

    Raises:
        ValueError: fewer than two axes, a length that does not end in the last block.
        TypeError: no numbers.
    """
    a = arguments.array("join_blocks", blocks, "blocks")
    i = arguments.one_axis("join_blocks", a.shape[1:], axis)
    count, size = a.shape[i:i + 2]
    whole = count * size
    n = arguments.whole("join_blocks", whole if length is None else length, "length", max(0, whole - size + 1), whole)
    return a.reshape(*a.shape[:i], whole, *a.shape[i + 2:])[(slice(None),) * i + (slice(n),)]


def channel_params(scale: ArrayLike, zero_point: ArrayLike, grid: Grid, *, axis: int, ndim: int) -> AffineParams:
    """AffineParams with the scales of channels along the axis that is KEPT, of data with ndim axes.

    Args:
        scale: (C,) reals per step, as engines store them.
        zero_point: (C,) codes of 0.0, or one for all.
        grid: which values exist.
        axis: the axis of the C channels: ONNX's `axis`, PyTorch's ch_axis. (minmax's `axis` is the one reduced over.)
        ndim: how many axes the data have.

    An array of shape (C,) would broadcast along the last axis, whichever axis holds the channels:

    >>> from refquant import INT8, quantize
    >>> rows = channel_params([0.5, 0.25], 0, INT8, axis=0, ndim=2)
    >>> rows.scale.shape, quantize([[1.0, 1.0], [1.0, 1.0]], rows)
    ((2, 1), array([[2, 2],
           [4, 4]], dtype=int8))

    Raises:
        ValueError: scales or zero points of other shapes, an axis that the data do not have; as AffineParams.
        TypeError: as AffineParams.
    Source: ONNX QuantizeLinear, attribute axis.
    """
    steps = arguments.number("channel_params", scale, "scale")
    zeros = arguments.integers("channel_params", zero_point, "zero_point")
    if steps.ndim != 1 or zeros.shape not in ((), steps.shape):
        raise arguments.error(ValueError, "channel_params", "`scale` must be of shape (C,), `zero_point` of () or (C,)",
                              f"shapes {steps.shape} and {zeros.shape}", "AffineParams takes other granularities")
    shape = [1] * arguments.whole("channel_params", ndim, "ndim", 1, 64)
    shape[arguments.one_axis("channel_params", tuple(shape), axis)] = steps.size
    return AffineParams(scale=steps.reshape(shape), zero_point=np.broadcast_to(zeros, steps.shape).reshape(shape),
                        grid=grid)


def bits_per_value(params: AffineParams, size: int) -> float:
    """bits + (bits of all scales and zero points) / size: what a value costs, with what it shares counted.

    Args:
        params: a scale counts with its dtype's bits, or with those of scale_grid, a second scale for all of them not;
            zero points with the grid's bits each, none where all are 0.
        size: how many values share these parameters.

    4 bits in blocks of 32, symmetric, with float16 scales:

    >>> from refquant import INT4
    >>> scale = np.ones((2, 1), np.float16)
    >>> bits_per_value(AffineParams(scale=scale, zero_point=0, grid=INT4), size=64)
    4.5

    MXFP4 shares 8 bits among 32 values:

    >>> from refquant import E2M1, dynamic_params, mx_params
    >>> bits_per_value(dynamic_params(np.ones((2, 32)), E2M1, axis=-1, fit=mx_params), size=64)
    4.25

    Raises:
        ValueError: a size below 1.
    """
    params, size = parameters("bits_per_value", params), arguments.whole("bits_per_value", size, "size", 1)
    each = scale_bits(params) + params.grid.bits * bool(params.zero_point.any())
    return float(params.grid.bits + params.scale.size * each / size)


def scale_bits(params: AffineParams) -> int:
    """How many bits each scale takes.

    >>> from refquant import INT4
    >>> scale_bits(AffineParams(scale=np.float32(1), zero_point=0, grid=INT4))
    32
    """
    return 8 * params.scale.itemsize if params.scale_grid is None else params.scale_grid.bits
