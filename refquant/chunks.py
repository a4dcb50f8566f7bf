"""Element-wise functions in pieces that fit the cache: faster, and for arrays larger than memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import arguments
from .affine import AffineParams, parameters

PIECE = 131_072  # elements: a temporary of half a megabyte, which a core's cache holds
# NumPy works on a copy of an `out` that overlaps x, and writes it back; x itself needs none, element by element
FLAGS: Any = [["readonly", "overlap_assume_elementwise"], ["readwrite", "overlap_assume_elementwise"]]


def in_chunks(f: Callable[[Any, AffineParams], NDArray[Any]], x: ArrayLike, params: AffineParams,
              out: NDArray[Any] | None = None) -> NDArray[Any]:
    """f(x, params), piece by piece; bit for bit the same.

    Args:
        f: element-wise: quantize, dequantize, fake_quantize, or a function like them.
        x: (*S) what f takes; a memory-mapped array is read piece by piece.
        params: of a shape that broadcasts to x's (R12); each piece gets its part.
        out: (*S) where the result goes, of f's dtype; a writable memory-mapped array, say. None makes a new array.
            It may be x itself. Where it overlaps x otherwise, the result is as if computed first, at the price of a
            copy; two memory maps of one file count as overlapping. Where a piece is refused, the pieces before it are
            in `out` already.
    Returns:
        out, or the new array.

    >>> from refquant import INT8, dynamic_params, quantize
    >>> x = np.random.default_rng(0).normal(size=(300, 1000))
    >>> params = dynamic_params(x, INT8, axis=-1)
    >>> bool((in_chunks(quantize, x, params) == quantize(x, params)).all())
    True

    Raises:
        ValueError: an `out` of another shape or dtype, or read-only; an f that is not element-wise; what f refuses.
        TypeError: an f that is no function (x, params) -> array.
    """
    a = arguments.array("in_chunks", x, "x")
    params = parameters("in_chunks", params)
    some = np.zeros(params.scale.shape or (0,), a.dtype)
    found = arguments.called("in_chunks", "f", "(x, params) -> array", "pass rq.quantize itself", f, some, params)
    if np.shape(found) != some.shape:
        raise arguments.error(ValueError, "in_chunks", "`f` must be element-wise",
                              f"shape {np.shape(found)} for {some.shape}", "its result must have the shape of x")
    dtype = np.asarray(found).dtype
    arguments.broadcastable("in_chunks", params.scale.shape, a.shape)
    out = np.empty(a.shape, dtype) if out is None else out
    kind = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
    if kind != f"{dtype} {a.shape}" or not out.flags.writeable:
        raise arguments.error(ValueError, "in_chunks", "`out` must be a writable array of x's shape and f's dtype",
                              f"{kind}, to be {dtype} {a.shape}", f"np.empty({a.shape}, np.{dtype}), say")
    a = a.copy() if _may_show_one_file(a, out) else a
    try:
        with np.nditer([a, out], ["copy_if_overlap", "zerosize_ok"], FLAGS) as pair:
            _fill(f, pair.operands[0], params, pair.operands[1])
    except ValueError:
        f(a, params)  # refused again, with its place in x instead of the piece
        raise
    return out


def _may_show_one_file(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two memory maps of one file hold the arrays, or of files unknown: then no address tells an overlap."""
    (map_a, file_a), (map_b, file_b) = _memory_map(a), _memory_map(b)
    if map_a is None or map_b is None or map_a is map_b:
        return False
    return not (os.path.exists(file_a) and os.path.exists(file_b)) or os.path.samefile(file_a, file_b)


def _memory_map(a: Any) -> tuple[mmap.mmap | None, str]:
    """The memory map that holds an array, and its file's name."""
    name = None
    while isinstance(a, np.ndarray | memoryview):
        name = getattr(a, "filename", name)
        a = a.base if isinstance(a, np.ndarray) else a.obj
    return a if isinstance(a, mmap.mmap) else None, name or ""


def _fill(f: Callable[[Any, AffineParams], NDArray[Any]], x: NDArray[Any], params: AffineParams,
          out: NDArray[Any]) -> None:
    """Cut along the first axis, then the next, until the pieces are small."""
    if x.size <= PIECE:
        out[...] = f(x, params)
    else:
        rows = max(1, PIECE // x[0].size)
        for at in [slice(i, i + rows) for i in range(0, len(x), rows)] if len(x) > 1 else [0]:
            _fill(f, x[at], _of_rows(params, x.ndim, at), out[at])


def _of_rows(params: AffineParams, ndim: int, at: slice | int) -> AffineParams:
    """The parameters of x[at], for x of ndim axes."""
    if params.scale.ndim < ndim or (len(params.scale) == 1 and at != 0):
        return params
    return AffineParams(scale=params.scale[at], zero_point=params.zero_point[at], grid=params.grid,
                        scale_grid=params.scale_grid)
