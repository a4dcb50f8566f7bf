"""Laws of granularity (R12): who shares a scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import strategies
from .law import Law, equal, refuses


@st.composite
def sliced(draw: st.DrawFn) -> tuple[Any, int | tuple[int, ...], Any]:
    """Finite data, the axes reduced over, and a grid."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    x = draw(hnp.arrays(draw(strategies.dtypes()), shape, elements=st.floats(-1000, 1000, width=16), fill=st.nothing()))
    axis = draw(st.sampled_from([tuple(axes), tuple(a - len(shape) for a in axes)]))
    return draw(strategies.layouts(x)), axis[0] if len(axis) == 1 else axis, draw(strategies.integer_grids())


def slice_at(index: tuple[int, ...], axis: int | tuple[int, ...]) -> tuple[slice, ...]:
    """The slice whose range stands at `index`: everything along the axes reduced over, one place along the others."""
    reduced = np.lib.array_utils.normalize_axis_tuple(axis, len(index))
    return tuple(slice(None) if a in reduced else slice(k, k + 1) for a, k in enumerate(index))


def each_slice_is_quantized_as_if_alone(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, axis, grid = case
    lo, hi = subject.minmax(x, axis=axis)
    whole = subject.dynamic_params(x, grid, axis)
    equal("R12", whole.scale, subject.affine_params(lo, hi, grid).scale)
    q, x_hat = subject.quantize(x, whole), subject.fake_quantize(x, whole)
    for i in np.ndindex(lo.shape):
        at = slice_at(i, axis)
        part = x[at]
        assert (lo[i], hi[i]) == (part.min(), part.max()), f"R12: range {lo[i]}, {hi[i]} of slice {i}"
        alone = subject.dynamic_params(part, grid)
        equal("R12", q[at], subject.quantize(part, alone))
        equal("R12", x_hat[at], subject.fake_quantize(part, alone))


def parameters_never_enlarge_the_data(subject: Any, case: Any) -> None:
    (shape, data), dtype = case
    params = subject.AffineParams(scale=np.ones(shape), zero_point=0, grid=subject.INT8)
    refuses(ValueError, "R12", lambda: subject.quantize(np.zeros(data, dtype), params))
    refuses(ValueError, "R12", lambda: subject.fake_quantize(np.zeros(data, dtype), params))
    refuses(ValueError, "R12", lambda: subject.dequantize(np.zeros(data, np.int8), params))


def static_is_dynamic_on_the_same_data(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, axis, grid = case
    for fit in (subject.affine_params, subject.symmetric_params):
        whole = subject.dynamic_params(x, grid, axis, fit=fit)
        assert subject.static_params([x], grid, axis=axis, fit=fit) == whole, "R12: static is not dynamic"
        halves = [part for part in np.array_split(x, 2) if part.size]
        assert subject.static_params(halves, grid, fit=fit) == subject.dynamic_params(x, grid, fit=fit), (
            "R12: batches do not add up")


@st.composite
def blocked(draw: st.DrawFn) -> tuple[Any, int, int, Any]:
    """Data, a block size and an axis to cut, and a grid."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=7))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    x = draw(hnp.arrays(draw(strategies.dtypes()), shape, elements=st.floats(-1000, 1000, width=16), fill=st.nothing()))
    return draw(strategies.layouts(x)), draw(st.integers(1, shape[axis])), axis, draw(strategies.integer_grids())


def a_block_is_a_channel_after_a_reshape(subject: Any, case: tuple[Any, int, int, Any]) -> None:
    x, size, axis, grid = case
    blocks = subject.split_blocks(x, size, axis)
    n = x.shape[axis]
    params = subject.dynamic_params(blocks, grid, axis % x.ndim + 1)
    x_hat = subject.join_blocks(subject.fake_quantize(blocks, params), axis, n)
    pieces = np.split(x, range(size, n, size), axis=axis)
    alone = [subject.dynamic_params(piece, grid, axis) for piece in pieces]
    equal("R12", x_hat, np.concatenate([subject.fake_quantize(*pair) for pair in zip(pieces, alone, strict=True)],
                                       axis=axis))
    equal("R12", np.squeeze(params.scale, axis % x.ndim + 1), np.concatenate([p.scale for p in alone], axis=axis))
    equal("R12", subject.join_blocks(blocks, axis, n), x.astype(x.dtype.newbyteorder("=")))


LAWS = (
    Law(each_slice_is_quantized_as_if_alone, ("R12",), sliced()),
    Law(parameters_never_enlarge_the_data, ("R12",), st.tuples(st.sampled_from(
        [((3,), ()), ((2, 3), (3,)), ((2,), (3,)), ((1, 1), (4,)), ((3, 1), (2, 3))]), strategies.dtypes())),
    Law(static_is_dynamic_on_the_same_data, ("R12",), sliced()),
    Law(a_block_is_a_channel_after_a_reshape, ("R12",), blocked()))
