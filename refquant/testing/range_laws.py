"""What must hold of ranges: how rules look at slices, blocks and histograms, and how observers merge."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from . import strategies
from .laws import equal, law, sliced

# ---------------------------------------------------------------------------------------------- clipping rules

@law("R12", sliced())
def clipping_rules_look_at_each_slice_alone(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, axis, grid = case
    x, grid = x.astype(np.float64), subject.INT4 if grid.bits > 8 else grid
    reduced = np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    for clip in (rule.on(grid, one_sided=one_sided, percent=90.0) for rule in subject.clipping.CLIPPING_RULES.values()
                 for one_sided in (False, True) if not one_sided or "one_sided" in rule.takes):
        ends = clip(x, axis=axis)
        last = tuple(n - 1 for n in ends[0].shape)
        part = x[tuple(slice(None) if a in reduced else slice(k, k + 1) for a, k in enumerate(last))]
        np.testing.assert_allclose([end[last] for end in ends], clip(part), rtol=0, atol=1e-12 * np.abs(x).max(),
                                   err_msg="R12")


@law("", sliced())
def the_mse_optimal_range_is_no_worse_than_minmax(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, _, grid = case
    x = x.astype(np.float64)
    for fit in (subject.affine_params, subject.symmetric_params):
        best = fit(*subject.mse_optimal(x, grid, None, fit), grid)
        wide = fit(*subject.minmax(x), grid)
        assert subject.mse(x, subject.fake_quantize(x, best)) <= subject.mse(x, subject.fake_quantize(x, wide)) * 1.0001


@st.composite
def blocked(draw: st.DrawFn) -> tuple[Any, int, int, Any]:
    """Data, a block size and an axis to cut, and a grid."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=7))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    x = draw(hnp.arrays(draw(strategies.dtypes()), shape, elements=st.floats(-1000, 1000, width=16), fill=st.nothing()))
    return draw(strategies.layouts(x)), draw(st.integers(1, shape[axis])), axis, draw(strategies.grids())


@law("R12", blocked())
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


# ---------------------------------------------------------------------------------------------- observers

@st.composite
def streams(draw: st.DrawFn, extreme: bool = True) -> tuple[list[Any], Any]:
    """Three batches of finite data over the same channels, some empty, and the axes reduced over."""
    dtype, axis = draw(st.sampled_from(strategies.DTYPES)), draw(st.sampled_from([None, 0]))
    anything = hnp.from_dtype(dtype, allow_nan=False, allow_infinity=False) if extreme else st.nothing()
    elements = anything | st.floats(-100, 100, width=16) | st.sampled_from([0.0, -0.0, 1.0, 2.0])
    rows = [draw(st.integers(0, 5)) for _ in "abc"]
    return [draw(hnp.arrays(dtype, (n, 3), elements=elements, fill=st.nothing())) for n in rows], axis


def same(rule: str, a: Sequence[Any], b: Sequence[Any]) -> None:
    """Two states are bit for bit the same."""
    assert len(a) == len(b), rule
    equals = [np.asarray(v).tobytes() == np.asarray(w).tobytes() for v, w in zip(a, b, strict=True)]
    assert all(equals), f"{rule}: {a}, {b}"


@law("", streams())
def minmax_and_histograms_merge_exactly_in_any_order(subject: Any, case: tuple[list[Any], Any]) -> None:
    batches, axis = case
    counting = subject.histogram_observer(partial(subject.percentile, percent=99.0), 16)
    for observer in (subject.minmax_observer, counting):
        merge, (a, b, c) = observer.merge, (observer.observe(x, axis) for x in batches)
        same("identity", merge(a, observer.empty), a)
        same("identity", merge(observer.empty, a), a)
        same("associative", merge(a, merge(b, c)), merge(merge(a, b), c))
        same("commutative", merge(a, b), merge(b, a))
        same("batches add up", merge(a, merge(b, c)), observer.observe(np.concatenate(batches), axis))
    same("idempotent", subject.minmax_observer.merge(a := subject.minmax_observer.observe(batches[0], axis), a), a)


@law("", streams())
def moments_merge_up_to_rounding(subject: Any, case: tuple[list[Any], Any]) -> None:
    batches, axis = case
    observer = subject.moments_observer(2.0)
    states = [observer.observe(x, axis) for x in batches]
    a, b, c = states
    same("commutative", observer.merge(a, b), observer.merge(b, a))
    together = np.concatenate(batches)
    if together.size:
        largest = np.abs(together).max().astype(np.float64) or 1.0
        whole, left, right = (np.array(observer.range(s), np.float64) / largest for s in (
            observer.observe(together, axis), observer.merge(observer.merge(a, b), c),
            observer.merge(a, observer.merge(b, c))))
        room = 8 * float(np.finfo(together.dtype).eps)
        assert np.abs(left - right).max() <= room and np.abs(whole - left).max() <= room, (whole, left, right)


@law("", st.tuples(streams(extreme=False), st.floats(0, 1)))
def a_moving_average_is_its_recurrence(subject: Any, case: tuple[tuple[list[Any], Any], float]) -> None:
    (batches, axis), rate = case
    observer = subject.moving_average_observer(rate)
    states = [observer.observe(x, axis) for x in batches if x.size]
    if not states:
        return
    ranges = [np.array(subject.minmax(x, axis), np.float64) for x in batches if x.size]
    expected = reduce(lambda s, x: s + rate * (x - s), ranges)
    room = 100 * 8 * float(np.finfo(batches[0].dtype).eps)
    for state in (reduce(observer.merge, states), reduce(lambda a, b: observer.merge(b, a), states[::-1])):
        assert np.abs(np.array(observer.range(state), np.float64) - expected).max() <= room, (state, expected)


@law("", hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-100, 100, width=32), fill=st.nothing()))
def rules_on_histograms_are_within_a_bin(subject: Any, x: Any) -> None:
    def seen(clip: Callable[..., Any]) -> Any:
        observer = subject.histogram_observer(clip, 2048)
        return observer.range(reduce(observer.merge, [observer.observe(part) for part in np.array_split(x, 3)]))

    bin_width = 2 * np.abs(x).max() / 2048
    for one_sided in (False, True):
        clip = partial(subject.percentile, percent=80.0, one_sided=one_sided)
        assert np.abs(np.array(seen(clip)) - clip(x)).max() <= 0.501 * bin_width, (seen(clip), clip(x))
    equal("entropy", seen(partial(subject.entropy, grid=subject.INT4)), subject.entropy(x, subject.INT4))
    best = partial(subject.mse_optimal, grid=subject.INT4)
    errors = [subject.mse(x, subject.fake_quantize(x, subject.affine_params(*ends, subject.INT4))) ** 0.5
              for ends in (seen(best), best(x))]
    assert errors[0] <= errors[1] + bin_width, errors
