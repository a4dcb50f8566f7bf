"""Entropy: TensorRT's clipping range, whose histogram diverges least from the data's. Rules as in rule.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from ..grids import Grid, stepped
from .bins import exponents, tally
from .quantiles import minmax
from .rule import Axis, finite
from .statistics import no_wider

BINS = 2048  # of the histogram, at most


@arguments.quiet
def entropy(x: ArrayLike, grid: Grid, axis: Axis = None, *, counts: Codes | None = None) -> tuple[Reals, Reals]:
    """[-t, t], no wider than x: the t after which the histogram of |x| loses least by falling into the grid's levels.

    For each number i of bins from levels = qmax + 1 on: P is the first i bins, all beyond added to the last; Q is the
    first i bins merged evenly into the levels, each spread evenly over its bins that are not empty; t = (i + 1/2) bin
    widths for the i of least sum(P * log(P / Q)), the largest of equals.

    Args:
        x: (*S) finite reals.
        grid: which codes exist; TensorRT's 128 levels are INT8's.
        axis: the axes REDUCED over, as in minmax.
        counts: as percentile.

    The bins are a power of two wide, max|x| in the 1,025th to 2,048th (histogram.py; TensorRT puts it in the
    2,048th), and zeros, which every grid codes exactly, are left out: after ReLU they would outweigh all else. The
    result depends on both choices.

    It maximises the likeness of two histograms, not precision. Of log-normal data it cuts off a tail so large that the
    signal to noise falls, in dB, from min-max's

    >>> from functools import partial
    >>> from refquant import INT8, dynamic_params, fake_quantize, sqnr_db
    >>> x = np.random.default_rng(0).lognormal(size=100_000)
    >>> [round(sqnr_db(x, fake_quantize(x, dynamic_params(x, INT8, clip=clip)))) for clip in (
    ...     minmax, partial(entropy, grid=INT8))]
    [26, 16]

    Raises:
        ValueError: infinities, and as minmax.
        TypeError: as minmax.
    Source: Migacz 2017, "8-bit inference with TensorRT" (GTC), the procedure and its (i + 1/2).
    """
    (x, counts), grid = finite("entropy", x, axis, counts), stepped("entropy", grid)
    lo, hi = minmax(x, axis)
    arguments.room_for_an_axis("entropy", lo)
    exponent = exponents(lo, hi)
    signed = tally(x, exponent, BINS, counts)
    folded = signed[..., :BINS][..., ::-1] + signed[..., BINS + 1:]
    kept = np.array([_bins_kept(row, grid.qmax + 1) for row in folded.reshape(-1, BINS)]).reshape(exponent.shape)
    t = np.ldexp(kept + 0.5, exponent - (BINS.bit_length() - 1))
    return no_wider(-t, t, lo, hi)


@arguments.quiet
def _bins_kept(counts: Codes, levels: int) -> int:
    """The i of least divergence, for all i at once: sum(c * log(c)) by prefix sums, Q level by level."""
    n = int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 0
    if n <= levels:
        return n
    i = np.arange(levels, n + 1)
    sums, filled = (np.r_[0, np.cumsum(c)] for c in (counts, counts > 0))
    edges = i[:, None] * np.arange(levels + 1) // levels
    beyond = sums[n] - sums[i]
    q = np.diff(sums[edges])
    p = q.copy()
    p[:, -1] += beyond
    q_each = q / np.diff(filled[edges])  # in each bin that is not empty; NaN where all are
    last = counts[i - 1] + beyond
    p_log_p = np.r_[0, np.cumsum(_x_log_y(counts, counts))][i - 1] + _x_log_y(last, last)
    divergence = p_log_p - _x_log_y(p, q_each).sum(axis=1) - sums[n] * np.log(sums[n] / sums[i])
    divergence[counts[i - 1] == 0] = np.inf  # P's last bin has what lies beyond, which Q cannot have
    return int(i[np.flatnonzero(divergence <= divergence.min() + 1e-9 * sums[n])[-1]])  # rounding decides no tie


def _x_log_y(x: Codes, y: Reals | Codes) -> Reals:
    return np.log(np.where(x, y, 1)) * x
