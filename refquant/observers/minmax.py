"""Min-max: lo = smallest, hi = largest value seen."""

from __future__ import annotations

import numpy as np

from ..arguments import Reals
from ..clipping import Axis, minmax
from .monoid import State, observer


def extremes(x: Reals, axis: Axis) -> State:
    lo, hi = minmax(x, axis)
    return lo + 0, hi + 0  # -0.0 + 0 is 0.0: merging would otherwise depend on the order


def widest(a: State, b: State) -> State:
    return np.minimum(a[0], b[0]), np.maximum(a[1], b[1])


def both(state: State) -> tuple[Reals, Reals]:
    return state[0], state[1]


#: lo = smallest, hi = largest value seen. Merging is exact: associative, commutative and idempotent, bit for bit.
minmax_observer = observer(extremes, widest, both)
