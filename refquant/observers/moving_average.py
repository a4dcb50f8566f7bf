"""Moving average: the range follows the batches, the later ones more than the earlier ones."""

from __future__ import annotations

from functools import partial

import numpy as np

from .. import arguments
from ..arguments import Reals
from ..clipping import Axis, Clip, minmax
from ..clipping.rule import ranged
from .minmax import both
from .monoid import Observer, State, observer


def moving_average_observer(rate: float = 0.01, clip: Clip = minmax) -> Observer:
    """lo and hi move by `rate` towards each batch's range: s + rate * (clip(x) - s), from the first batch's on.

    Args:
        rate: from 0, the first batch alone, to 1, the last alone.
        clip: each batch's range.

    A state is the range of its batches alone, and what they do to a range before them, a map s -> a * s + b. Maps
    compose, so shards merge in their order; swapped, they give another range: the later batch weighs more.

    >>> half = moving_average_observer(0.5)
    >>> a, b = half.observe([0.0, 1.0]), half.observe([0.0, 3.0])
    >>> float(half.range(half.merge(half.merge(a, b), b))[1]), float(half.range(half.merge(half.merge(b, b), a))[1])
    (2.5, 2.0)

    Raises:
        ValueError: rate outside [0, 1], NaN or infinities, no data.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 3.1; PyTorch's MovingAverageMinMaxObserver
    (averaging_constant is the rate).
    """
    rate = arguments.real("moving_average_observer", rate, "rate", "from 0 to 1", lambda v: 0 <= v <= 1, "0.01")
    return observer(partial(_step, rate, clip), _later, both)


@arguments.quiet
def _step(rate: float, clip: Clip, x: Reals, axis: Axis) -> State:
    lo, hi = ranged("observe", clip, arguments.finite("observe", x, "x"), axis)
    return lo, hi, 1 - rate, rate * np.float64(lo), rate * np.float64(hi)


def _later(a: State, b: State) -> State:
    """Stream a, then stream b: b's map applied to a's range, and to a's map."""
    lo, hi = ((a[i] * b[2] + b[i + 3]).astype(a[i].dtype) for i in (0, 1))
    return lo, hi, a[2] * b[2], a[3] * b[2] + b[3], a[4] * b[2] + b[4]
