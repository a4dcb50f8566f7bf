"""ACIQ: the clipping range in closed form, from a density's width. Rules as in rule.py, without a search."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from ..grids import Grid, stepped
from .quantiles import minmax
from .rule import Axis, finite
from .statistics import mean, mean_and_deviation, no_wider, unit_of


def gaussian_width(bits: int) -> float:
    """The a, in standard deviations, for which a Gaussian clipped at +-a and cut into 2**bits steps errs least.

    The model: 2 * integral from a of (x - a)**2 * pdf(x), and step**2 / 12 = a**2 / (3 * 4**bits) for all x. It counts
    the rounding of clipped values too, and clips at a, not at the outer level, so at 2 bits its a is 14 % too small.
    One-sided data, the ReLU of a Gaussian, have the a of one bit more.

    >>> [round(gaussian_width(bits), 5) for bits in (2, 4, 8)]
    [1.71064, 2.55914, 3.92404]

    Source: Banner et al. 2019 (arXiv:1810.05723, ACIQ), eq. 6; the version of the authors' code
    (submission2019/cnn-quantization). Tables of an earlier version circulate, with a noise term of
    2 a**2 (2**M - 2) / (3 * 2**(3 M)): 1.71, 2.03, 2.40, 2.77, ...
    """
    arguments.whole("gaussian_width", bits, "bits", 1, 33)

    def slope(a: float) -> float:
        tail = math.exp(-a * a / 2) / math.sqrt(2 * math.pi) - a * math.erfc(a / math.sqrt(2)) / 2
        return float(a / (6.0 * 4**bits) - tail)

    return _root(slope)


def laplace_width(bits: int) -> float:
    """The a, in mean absolute deviations, for which a Laplace clipped at +-a errs least: a * e**a = 3 * 4**bits.

    >>> [round(laplace_width(bits), 5) for bits in (2, 4, 8)]
    [2.83068, 5.02864, 9.89676]

    Source: as gaussian_width, whose model it shares; the earlier version's table is 2.83, 3.58, 4.57, 5.67, ...
    """
    arguments.whole("laplace_width", bits, "bits", 1, 33)
    return _root(lambda a: a + math.log(a) - math.log(3) - bits * math.log(4))


def _root(f: Callable[[float], float]) -> float:
    """Where the rising f crosses 0, from 0 to 64, by bisection to the last bit."""
    low, high = 0.0, 64.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if f(middle) > 0 else (middle, high)
    return high


@arguments.quiet
def aciq_gaussian(x: ArrayLike, grid: Grid, axis: Axis = None, *, one_sided: bool = False,
                  counts: Codes | None = None) -> tuple[Reals, Reals]:
    """[mean - a * sigma, mean + a * sigma], no wider than x and 0; a = gaussian_width(bits).

    Args:
        x: (*S) finite reals.
        grid: which codes exist; its bits choose a.
        axis: the axes REDUCED over, as in minmax.
        one_sided: x is max(y, 0) of a Gaussian y about 0: [0, a * sigma], with the a of one bit more and
            sigma**2 = 2 mean(max(x, 0)**2).
        counts: as percentile.

    >>> from refquant import INT4
    >>> lo, hi = aciq_gaussian(np.random.default_rng(0).normal(size=100_000), INT4)
    >>> round(float(hi), 2)
    2.56

    Raises:
        ValueError: infinities, and as minmax.
        TypeError: as minmax.
    Source: Banner et al. 2019 (arXiv:1810.05723, ACIQ), eq. 6. The one-sided sigma is that of y, from x alone.
    """
    (x, counts), grid = finite("aciq_gaussian", x, axis, counts, one_sided), stepped("aciq_gaussian", grid)
    middle, sigma = mean_and_deviation(np.maximum(x, 0) if one_sided else x, axis, counts)
    if one_sided:
        middle, sigma = 0 * middle, math.sqrt(2) * np.hypot(middle, sigma)
    side = gaussian_width(grid.bits + one_sided) * sigma
    return no_wider(0 * middle if one_sided else middle - side, middle + side, *minmax(x, axis))


@arguments.quiet
def aciq_laplace(x: ArrayLike, grid: Grid, axis: Axis = None, *, one_sided: bool = False,
                 counts: Codes | None = None) -> tuple[Reals, Reals]:
    """[mean - a * b, mean + a * b], no wider than x and 0; a = laplace_width(bits), b = mean(|x - mean|).

    Args: as aciq_gaussian; one_sided: [0, a * b], a of one bit more, b = 2 mean(max(x, 0)).

    >>> from refquant import INT4
    >>> lo, hi = aciq_laplace(np.random.default_rng(0).laplace(size=100_000), INT4)
    >>> round(float(hi), 1)
    5.0

    Raises:
        ValueError: infinities, and as minmax.
        TypeError: as minmax.
    Source: as aciq_gaussian.
    """
    (x, counts), grid = finite("aciq_laplace", x, axis, counts, one_sided), stepped("aciq_laplace", grid)
    lo, hi = minmax(x, axis)
    unit = unit_of(lo, hi)
    v = (np.maximum(x, 0) if one_sided else x) / unit
    middle = mean(v, axis, counts)
    b = 2 * middle if one_sided else mean(np.abs(v - middle), axis, counts)
    side = laplace_width(grid.bits + one_sided) * b
    ends = (0 * side, side) if one_sided else (middle - side, middle + side)
    return no_wider(ends[0] * unit, ends[1] * unit, lo, hi)
