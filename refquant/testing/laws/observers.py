"""Laws of observers: how their states merge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import strategies
from .law import Law


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


def moments_merge_up_to_rounding(subject: Any, case: tuple[list[Any], Any]) -> None:
    batches, axis = case
    observer = subject.moments_observer(2.0)
    a, b, c = (observer.observe(x, axis) for x in batches)
    same("commutative", observer.merge(a, b), observer.merge(b, a))
    together = np.concatenate(batches)
    if together.size:
        largest = np.abs(together).max().astype(np.float64) or 1.0
        whole, left, right = (np.array(observer.range(s), np.float64) / largest for s in (
            observer.observe(together, axis), observer.merge(observer.merge(a, b), c),
            observer.merge(a, observer.merge(b, c))))
        room = 8 * float(np.finfo(together.dtype).eps)
        assert np.abs(left - right).max() <= room and np.abs(whole - left).max() <= room, (whole, left, right)


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


LAWS = (
    Law(minmax_and_histograms_merge_exactly_in_any_order, (), streams()),
    Law(moments_merge_up_to_rounding, (), streams()),
    Law(a_moving_average_is_its_recurrence, (), st.tuples(streams(extreme=False), st.floats(0, 1))))
