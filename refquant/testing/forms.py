"""Other forms of a quantizer, as (x, params) -> codes: by range, by axis, by blocks, with arrays of another library."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..affine import AffineParams
from ..arguments import error, whole


def name_of(f: Callable[..., Any], otherwise: str) -> str:
    """What f is called, if it can be written so.

    >>> name_of(by_range(max), "quantize"), name_of(lambda x: x, "quantize")
    ('by_range(max)', 'quantize')
    """
    name = getattr(f, "__name__", "")
    return name if name and "<" not in name else otherwise


def _named(adapted: Any, form: str, f: Callable[..., Any], rest: str = "", form_of: Any = None) -> Callable[..., Any]:
    """The adapted f with its name; form_of adapts others like it, for f with other arrays."""
    adapted.__name__ = f"{form}({name_of(f, 'quantize')}{rest})"
    if form_of:  # what it passes on is computed in NumPy
        adapted.in_arrays = lambda arrays: form_of(lambda *parts: f(*(arrays(np.array(part)) for part in parts)))
    return adapted  # type: ignore[no-any-return]


def by_range(f: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """lo = scale * (qmin - zero_point), hi = scale * (qmax - zero_point): an f(x, lo, hi) -> codes, as (x, params).

    lo and hi are in the scale's dtype. check_quantizer, check_fake_quantizer and identify ask only scales with so few
    significant bits (24 minus the grid's in float32) that lo, hi and hi - lo are exact. Then (hi - lo) / (qmax - qmin)
    is the scale again and qmin - lo / scale the zero point, in float32 and in float64, in whatever order they are
    computed without error.
    What is wrong only where the ends of the range are rounded is not seen.

    >>> import refquant as rq
    >>> from refquant.testing import check_quantizer
    >>> def mine(x, lo, hi):
    ...     scale = (hi - lo) / 255
    ...     return np.clip(np.rint(x / scale) - np.rint(lo / scale), 0, 255).astype(np.uint8)
    >>> check_quantizer(by_range(mine), grids=rq.UINT8, examples=20)
    """
    def adapted(x: Any, params: AffineParams) -> Any:
        ends = (params.grid.qmin - params.zero_point, params.grid.qmax - params.zero_point)
        return f(x, *(params.scale * end.astype(params.scale.dtype) for end in ends))
    return _named(adapted, "by_range", f, "", by_range)


def one_axis(f: Callable[[Any, Any, Any, int], Any]) -> Callable[..., Any]:
    """An f(x, scale_1d, zero_point_1d, channel_axis) as a quantize(x, params), and likewise for dequantize.

    A scale per tensor is passed as one channel: x as (1, n), scale_1d and zero_point_1d of length 1, channel_axis 0.

    >>> import refquant as rq
    >>> from refquant.testing import check_quantizer
    >>> def per_channel(x, scale, zero_point, axis):
    ...     shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    ...     q = np.rint(x / scale.reshape(shape)) + zero_point.reshape(shape)
    ...     return np.clip(q, -128, 127).astype(np.int8)
    >>> check_quantizer(one_axis(per_channel), grids=rq.INT8, examples=20)

    Raises:
        ValueError: parameters that differ along several axes.
    """
    def adapted(x: Any, params: AffineParams) -> Any:
        shape = params.scale.shape
        kept = [i - len(shape) + x.ndim for i, n in enumerate(shape) if n > 1]
        if len(kept) > 1:
            raise error(ValueError, "one_axis", "parameters must differ along one axis at most", f"shape {shape}",
                        "check_quantizer draws no others")
        alone = not kept or 0 in x.shape
        result = f(x.reshape(1, -1) if alone else x, params.scale.reshape(-1), params.zero_point.reshape(-1),
                   0 if alone else kept[0])
        return result.reshape(x.shape)
    return _named(adapted, "one_axis", f)


def by_blocks(f: Callable[[Any, Any, Any], Any], size: int) -> Callable[..., Any]:
    """An f(x, scales, zero_points) on blocks as a quantize(x, params), and likewise for dequantize.

    Args:
        f: takes x as (rows, blocks * size), scales and zero_points as (rows, blocks); gives codes in x's shape.
        size: how many values share a scale.

    Neighbouring blocks have different scales where the parameters differ. The last block is padded with 0.

    >>> import refquant as rq
    >>> from refquant.testing import check_quantizer
    >>> def mine(x, scales, zero_points):
    ...     params = rq.AffineParams(scale=scales[..., None], zero_point=zero_points[..., None], grid=rq.INT4)
    ...     return rq.join_blocks(rq.quantize(rq.split_blocks(x, 32), params))
    >>> check_quantizer(by_blocks(mine, 32), grids=rq.INT4, examples=20)

    Raises:
        ValueError: a size below 1; parameters that differ along several axes.
    """
    size = whole("by_blocks", size, "size", 1)

    def channels(x: Any, scale: Any, zero_point: Any, axis: int) -> Any:
        if not x.size:
            return np.zeros(x.shape, np.int8)
        rows = x.swapaxes(0, axis).reshape(scale.shape[0], -1)  # a row has one scale
        n, m = rows.shape
        padded = np.zeros((n, -(-m // size) * size), x.dtype)
        padded[:, :m] = rows
        blocks = padded.reshape(n, -1, size).swapaxes(0, 1)  # (blocks of a row, rows, size): neighbours differ
        each = (np.repeat(a.reshape(1, -1), len(blocks), axis=0) for a in (scale, zero_point))
        codes = plain(f(blocks.reshape(len(blocks), -1), *each))
        codes = codes.reshape(blocks.shape).swapaxes(0, 1).reshape(n, -1)[:, :m]
        return codes.reshape(x.swapaxes(0, axis).shape).swapaxes(0, axis)
    return _named(one_axis(channels), "by_blocks", f, f", {size}", lambda g: by_blocks(g, size))


def in_arrays(f: Callable[..., Any], arrays: Callable[[Any], Any] | None) -> Callable[..., Any]:
    """f called with arrays(x), arrays(scale), arrays(zero_point), the last two copies that may be written to.

    So is x where its rows stand the other way round: torch.from_numpy refuses such arrays.
    """
    if arrays is None:
        return f

    def adapted(x: Any, params: AffineParams) -> Any:
        x = x.copy() if min(x.strides, default=0) < 0 else x
        scale, zero_point = arrays(params.scale.copy()), arrays(params.zero_point.copy())
        return f(arrays(x), SimpleNamespace(scale=scale, zero_point=zero_point, grid=params.grid))
    adapted = f.in_arrays(arrays) if hasattr(f, "in_arrays") else adapted
    adapted.__name__ = name_of(f, "quantize")
    return adapted


def plain(result: Any) -> Any:
    """What a quantizer returned, as an array of NumPy: a tensor is detached; bfloat16 becomes float32, int4 int8.

    >>> plain([1, 2])
    array([1, 2])
    """
    result = result.detach() if hasattr(result, "detach") else result
    try:
        a = np.asarray(result)
    except TypeError:  # torch: NumPy has no bfloat16
        a = np.asarray(result.float())
    narrow = np.int8 if "int" in a.dtype.name else np.float32  # of ml_dtypes
    return a.astype(narrow) if a.dtype.kind == "V" else a
