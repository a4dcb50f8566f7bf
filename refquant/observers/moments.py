"""Moments: a range from count, mean and deviation, which merge; aciq_gaussian for data seen in pieces."""

from __future__ import annotations

from functools import partial

import numpy as np

from .. import arguments
from ..arguments import Reals
from ..clipping import Axis
from ..clipping.statistics import mean_and_deviation, no_wider
from .minmax import extremes, widest
from .monoid import Observer, State, observer


def moments_observer(width: float) -> Observer:
    """[mean - width * sigma, mean + width * sigma], no wider than the data and 0 (no_wider).

    Args:
        width: in standard deviations; gaussian_width(bits) gives aciq_gaussian.

    Counts, means and deviations merge by Chan's formula, so a stream needs three numbers for each range.

    >>> from refquant import INT4, aciq_gaussian, gaussian_width
    >>> x, three = np.random.default_rng(0).normal(size=900), moments_observer(gaussian_width(4))
    >>> pieces = three.merge(three.observe(x[:100]), three.observe(x[100:]))
    >>> bool(np.allclose(three.range(pieces), aciq_gaussian(x, INT4), rtol=1e-13))
    True

    Raises:
        ValueError: a width that is not positive, NaN or infinities, no data.
    Source: Chan, Golub and LeVeque 1979 (Stanford CS-TR-79-773).
    """
    width = arguments.real("moments_observer", width, "width", "of standard deviations above 0",
                           lambda v: 0 < v < np.inf, "gaussian_width(8)")
    return observer(_moments, _add_moments, partial(_mean_and_sides, width))


def _moments(x: Reals, axis: Axis) -> State:
    lo, hi = extremes(arguments.finite("observe", x, "x"), axis)
    return lo, hi, x.size // lo.size, *mean_and_deviation(x, axis)


@arguments.quiet
def _add_moments(a: State, b: State) -> State:
    (na, ma, sa), (nb, mb, sb) = a[2:], b[2:]
    n = na + nb
    spread = np.hypot(np.sqrt(na / n) * sa, np.sqrt(nb / n) * sb)  # hypot: squares of large numbers overflow
    between = 2 * np.sqrt(na / n * (nb / n)) * (ma / 2 - mb / 2)
    lo, hi = widest(a, b)
    mean = np.clip(ma * (na / n) + mb * (nb / n), lo, hi)  # of equal values the weighted sum may miss by one ulp
    return lo, hi, n, mean, np.hypot(spread, between)


@arguments.quiet
def _mean_and_sides(width: float, state: State) -> tuple[Reals, Reals]:
    lo, hi, _, mean, deviation = state
    return no_wider(mean - width * deviation, mean + width * deviation, lo, hi)
