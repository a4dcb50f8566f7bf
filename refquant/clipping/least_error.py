"""LAPQ: the clipping range of least mean |error|**p, by search; p = 2 is the mean square. Rules as in rule.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from ..gradients import straight_through
from ..grids import Grid
from ..ranges import RAW_FITS, Fit, affine_params, fitted, unchecked
from .quantiles import minmax
from .rule import Axis, finite
from .statistics import mean, unit_of

CANDIDATES = 131_072  # how many values a search holds at once, when the data are fewer: ranges are then tried together


@arguments.quiet
def mse_optimal(x: ArrayLike, grid: Grid, axis: Axis = None, fit: Fit = affine_params, *,
                counts: Codes | None = None) -> tuple[Reals, Reals]:
    """(c * lo, c * hi), with the c in (0, 1] for which mean((x - x_hat)**2) is least: lp_optimal with p = 2.

    Clipping a few values hard can cost less than a coarse step for all:

    >>> from refquant import INT4, dynamic_params, fake_quantize, mse
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> wide, best = (dynamic_params(x, INT4, clip=clip) for clip in (
    ...     minmax, lambda x, axis: mse_optimal(x, INT4, axis)))
    >>> mse(x, fake_quantize(x, best)) < 0.9 * mse(x, fake_quantize(x, wide))
    True

    Source: Nagel et al. 2021 (arXiv:2106.08295), section 3.1, "MSE range setting", by grid search.
    """
    return lp_optimal(x, grid, axis, fit, p=2, counts=counts)


@arguments.quiet
def lp_optimal(x: ArrayLike, grid: Grid, axis: Axis = None, fit: Fit = affine_params, *, p: float,
               counts: Codes | None = None) -> tuple[Reals, Reals]:
    """(c * lo, c * hi), with the c in (0, 1] for which mean(|x - x_hat|**p) is least.

    Args:
        x: (*S) finite reals.
        grid: which codes exist; fewer bits want a smaller c.
        axis: the axes REDUCED over, as in minmax; every slice has a c of its own.
        fit: how a range becomes parameters, affine_params or symmetric_params.
        p: the power, at least 1; the larger, the more outliers count.
        counts: as percentile.
    Returns:
        (c * lo, c * hi) in x's dtype, shaped as minmax's; c is searched in steps of 1/64, then of 1/1024 around the
        best, so it is within 1/1024 of a local minimum. Among equals the widest range is taken.

    >>> from refquant import INT4
    >>> x = np.random.default_rng(0).laplace(size=1000)
    >>> [round(float(lp_optimal(x, INT4, p=p)[1] / x.max()), 2) for p in (1, 2, 8)]
    [0.49, 0.74, 0.93]

    Raises:
        ValueError: p below 1, infinities, and as minmax.
        TypeError: as minmax.
    Source: Nahshan et al. 2019 (arXiv:1911.07190, LAPQ).
    """
    p = arguments.real("lp_optimal", p, "p", "of at least 1", lambda v: 1 <= v < np.inf, "2")
    where = "mse_optimal" if p == 2 else "lp_optimal"
    x, counts = finite(where, x, axis, counts)
    ends = minmax(x, axis)
    fitted(where, fit, *ends, grid)  # refuses what it cannot do on this grid
    unit = unit_of(*ends)  # relative errors neither overflow nor underflow
    reduced = arguments.axes(where, x.shape, axis)
    formula, dtype = unchecked(fit), grid.arithmetic(x.dtype)
    raw = formula in RAW_FITS
    if not raw:
        arguments.room_for_an_axis(where, x)
    long = [i for i, n in enumerate(x.shape) if n != 1 or not raw]  # so that there is room for an axis of candidates
    over = tuple(k - len(long) for k, i in enumerate(long) if i in reduced)
    lo, hi, unit = (v.reshape([1 if i in reduced else x.shape[i] for i in long]) for v in (*ends, unit))
    x = x.reshape([x.shape[i] for i in long])
    counts = None if counts is None else counts.reshape(x.shape)

    def error(c: Reals) -> Reals:
        """The error of each c, which has the shape of lo, or an axis of candidates before it."""
        scale, zero_point = formula((c * lo).astype(dtype), (c * hi).astype(dtype), grid)
        x_hat, _ = straight_through(x, scale, zero_point, grid)
        return mean(np.abs((x - x_hat) / unit).astype(np.float64) ** p, over, counts)

    together = max(1, CANDIDATES // max(x.size, 1)) if raw else 1
    best = _least(error, np.ones_like(lo), together)
    lo, hi = ((best * end).reshape(whole.shape)[()] for end, whole in zip((lo, hi), ends))
    return lo, hi


def _least(error: Callable[[Reals], Reals], best: Reals, together: int) -> Reals:
    """The c from 0 to 1 of least error, the largest of equals; so many are tried at once. best: ones, in c's shape."""
    least = error(best)
    for step, k in ((1 / 64, np.arange(0, -65, -1)), (1 / 1024, np.arange(16, -17, -1))):
        c = np.clip(np.add.outer((k * step).astype(best.dtype), best), step, 1)
        for some in (c[i:i + together] for i in range(0, len(c), together)):
            e = error(some) if together > 1 else error(some[0])[None]
            first = np.argmin(e, axis=0)[None]
            lowest, at = (np.take_along_axis(v, first, 0)[0] for v in (e, some))
            best, least = np.where(lowest < least, at, best), np.minimum(lowest, least)
    return best
