"""LAPQ: the clipping range of least mean |error|**p, by search; p = 2 is the mean square. Rules as in rule.py."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import fake_quantize
from ..arguments import Codes, Reals
from ..grids import IntGrid
from ..ranges import Fit, affine_params
from .quantiles import minmax
from .rule import Axis, finite, fitted
from .statistics import mean, unit_of


def mse_optimal(x: ArrayLike, grid: IntGrid, axis: Axis = None, fit: Fit = affine_params, *,
                counts: Codes | None = None) -> tuple[Reals, Reals]:
    """(c * lo, c * hi), with the c in (0, 1] for which mean((x - x_hat)**2) is least: lp_optimal with p = 2.

    Clipping a few values hard can cost less than a coarse step for all:

    >>> from refquant import INT4, dynamic_params, mse
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> wide, best = (dynamic_params(x, INT4, clip=clip) for clip in (
    ...     minmax, lambda x, axis: mse_optimal(x, INT4, axis)))
    >>> mse(x, fake_quantize(x, best)) < 0.9 * mse(x, fake_quantize(x, wide))
    True

    Source: Nagel et al. 2021 (arXiv:2106.08295), section 3.1, "MSE range setting", by grid search.
    """
    return lp_optimal(x, grid, axis, fit, p=2, counts=counts)


@arguments.quiet
def lp_optimal(x: ArrayLike, grid: IntGrid, axis: Axis = None, fit: Fit = affine_params, *, p: float,
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
    lo, hi = minmax(x, axis)
    unit = unit_of(lo, hi)  # relative errors neither overflow nor underflow

    def error(c: Reals) -> Reals:
        x_hat = fake_quantize(x, fitted(where, fit, c * lo, c * hi, grid))
        return mean(np.abs((x - x_hat) / unit).astype(np.float64) ** p, axis, counts)

    best = np.ones_like(lo)
    least = error(best)
    for step, up in ((1 / 64, 0), (1 / 1024, 16)):
        for c in [np.clip(best + k * step, step, 1).astype(x.dtype) for k in range(up, -65 if up == 0 else -17, -1)]:
            e = error(c)
            best, least = np.where(e < least, c, best), np.minimum(e, least)
    return best * lo, best * hi
