"""Data seen in pieces -> [lo, hi]. An observer is a monoid: summaries that merge, and the summary of nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Reals
from .clipping import Axis, Clip, minmax

State: TypeAlias = tuple[Any, ...]
EMPTY: State = ()


class Observer(NamedTuple):
    """observe(x, axis) summarises a batch, merge(a, b) two summaries, range(s) gives (lo, hi); empty is the identity.

    One stream, shards or any map-reduce engine calibrate alike, because updating is derived from merging: the state
    after a further batch x is merge(state, observe(x)). `axis` holds the axes reduced over, as in minmax.

    >>> seen = minmax_observer.merge(minmax_observer.observe([0.5, 2.0]), minmax_observer.observe([-1.0]))
    >>> minmax_observer.range(seen)
    (np.float64(-1.0), np.float64(2.0))
    """

    empty: State
    observe: Callable[..., State]
    merge: Callable[[State, State], State]
    range: Callable[[State], tuple[Reals, Reals]]


def _observe(x: ArrayLike, axis: Axis = None) -> State:
    x = _check.reals("observe", x)
    if not x.size:
        return EMPTY
    lo, hi = minmax(x, axis)
    return lo + 0, hi + 0  # -0.0 + 0 is 0.0: merging would otherwise depend on the order


def _merge(a: State, b: State) -> State:
    if not a or not b:
        return a or b
    if np.shape(a[0]) != np.shape(b[0]):
        raise _check.error(ValueError, "merge", "summaries must have one shape", f"shapes {np.shape(a[0])} and "
                           f"{np.shape(b[0])}", "observe every batch with the same axis, over the same channels")
    return np.minimum(a[0], b[0]), np.maximum(a[1], b[1])


def _range(state: State) -> tuple[Reals, Reals]:
    if not state:
        raise _check.error(ValueError, "range", "a range needs data", "no batch, or only empty ones",
                           "give at least one batch with data; a generator can be read only once")
    return state[0], state[1]


def whole_data(clip: Clip) -> Observer:
    """The range that a clipping rule gives on all data together: exact for any rule, and keeps all data to be so.

    Per tensor only: the batches are flattened. Merging is concatenation: associative, and commutative for every rule
    that does not look at the order.

    >>> from refquant.clipping import percentile
    >>> halves = whole_data(lambda x: percentile(x, 75.0))
    >>> halves.range(halves.merge(halves.observe([0.0, 1.0, 2.0]), halves.observe([3.0, 4.0])))
    (np.float64(1.0), np.float64(3.0))
    """
    def observe(x: ArrayLike, axis: Axis = None) -> State:
        if axis is not None:
            raise _check.error(ValueError, "observe", "whole data are observed per tensor", f"axis={axis!r}",
                               "concatenate the batches and call dynamic_params with axis and clip")
        x = _check.reals("observe", x)
        return (x.reshape(-1),) if x.size else EMPTY

    return Observer(EMPTY, observe, lambda a, b: a + b, lambda s: clip(np.concatenate(s)) if s else _range(s))


#: lo = smallest, hi = largest value seen. Merging is exact: associative, commutative and idempotent, bit for bit.
minmax_observer = Observer(EMPTY, _observe, _merge, _range)
