"""Data seen in pieces -> [lo, hi]. An observer is a monoid: summaries that merge, and the summary of nothing.

                       associative       commutative    range of the pieces merged = range of the whole
    min-max            bit for bit       bit for bit    bit for bit
    histogram          bit for bit       bit for bit    bit for bit (against its rule: see histogram_observer)
    moments            up to rounding    bit for bit    up to rounding
    moving average     up to rounding    no             no: it weighs batches, so it depends on how they are cut
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals
from ..clipping import Axis

State: TypeAlias = tuple[Any, ...]
EMPTY: State = ()


class Observer(NamedTuple):
    """observe(x, axis) summarises a batch, merge(a, b) two summaries, range(s) gives (lo, hi); empty is the identity.

    One stream, shards or any map-reduce engine calibrate alike, because updating is derived from merging: the state
    after a further batch x is merge(state, observe(x)). `axis` holds the axes reduced over, as in minmax. States and
    functions can be pickled, so they travel between processes.

    >>> from refquant import minmax_observer
    >>> seen = minmax_observer.merge(minmax_observer.observe([0.5, 2.0]), minmax_observer.observe([-1.0]))
    >>> minmax_observer.range(seen)
    (np.float64(-1.0), np.float64(2.0))
    """

    empty: State
    observe: Callable[..., State]
    merge: Callable[[State, State], State]
    range: Callable[[State], tuple[Reals, Reals]]


def observer(summarise: Callable[[Reals, Axis], State], join: Callable[[State, State], State],
             spread: Callable[[State], tuple[Reals, Reals]]) -> Observer:
    """An observer from three functions that never see nothing: empty batches and empty states are dealt with here.

    Args:
        summarise: (x, axis) -> state, x reals with data; the state's first array has the shape of the range.
        join: two states of one shape -> their state.
        spread: state -> (lo, hi).

    >>> from refquant import minmax
    >>> largest = observer(lambda x, axis: minmax(x, axis)[1:], lambda a, b: (np.maximum(a[0], b[0]),),
    ...                    lambda s: (0 * s[0], s[0]))
    >>> largest.range(largest.merge(largest.observe([3.0]), largest.empty))
    (np.float64(0.0), np.float64(3.0))
    """
    if not (callable(summarise) and callable(join) and callable(spread)):
        raise arguments.error(TypeError, "observer", "all three must be functions",
                              ", ".join(map(arguments.typed, (summarise, join, spread))), "minmax.py shows how")
    return Observer(EMPTY, partial(_observe, summarise), partial(_merge, join), partial(_range, spread))


def _observe(summarise: Callable[[Reals, Axis], State], x: ArrayLike, axis: Axis = None) -> State:
    x = arguments.reals("observe", x)
    return summarise(x, axis) if x.size else EMPTY


def _merge(join: Callable[[State, State], State], a: State, b: State) -> State:
    if EMPTY in (_known("merge", a), _known("merge", b)):
        return a or b
    if [np.shape(v) for v in a] != [np.shape(v) for v in b]:
        raise arguments.error(ValueError, "merge", "summaries must have one shape", f"shapes {np.shape(a[0])} and "
                              f"{np.shape(b[0])}", "observe every batch with the same observer and axis, over the same "
                              "channels")
    return join(a, b)


def _range(spread: Callable[[State], tuple[Reals, Reals]], state: State) -> tuple[Reals, Reals]:
    if not _known("range", state):
        raise arguments.error(ValueError, "range", "a range needs data", "no batch, or only empty ones",
                              "give at least one batch with data; a generator can be read only once")
    return spread(state)


def _known(where: str, state: State) -> State:
    return arguments.instance(where, state, tuple, "a summary must come from observe or merge", "observer.observe(x)")
