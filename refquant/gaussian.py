"""Exact errors on Gaussian data: what a grid, or a block format, loses. No sample is drawn."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from . import arguments
from .arguments import Reals
from .grids import Grid, known
from .ranges import Fit, fitted

LEAST, MOST = 1e-4, 9.0  # the largest |x| of a block lies between these: the rest weighs less than 1e-7 of the error
erfc = np.vectorize(math.erfc)


@arguments.quiet
def gaussian_mse(grid: Grid, sigma: float = 1.0) -> float:
    """mean((x - x_hat)**2) for x from N(0, sigma**2) and scale 1: the integral over the reals nearest to each value.

    Args:
        grid: which values exist, of at most 16 bits.
        sigma: the standard deviation in steps, positive.
    Returns:
        the error in steps squared; 10 * log10(sigma**2 / it) is the signal to noise in dB.

    A mantissa bit more gives about 6 dB:

    >>> from refquant import E4M3, E5M2
    >>> [round(-10 * math.log10(gaussian_mse(grid)), 2) for grid in (E4M3, E5M2)]
    [31.52, 25.54]

    Raises:
        ValueError: a grid of more than 16 bits, a sigma outside 1e-100 to 1e100.
        TypeError: no grid.
    Source: Max 1960 (IRE Trans. IT-6), eq. 1.
    """
    sigma = arguments.real("gaussian_mse", sigma, "sigma", "from 1e-100 to 1e100", lambda v: 1e-100 <= v <= 1e100,
                           "1.0")
    values = known("gaussian_mse", grid).values / sigma
    points = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    return float(np.sum(_errors(values, points)) * sigma**2)


@arguments.quiet
def block_gaussian_mse(grid: Grid, block_size: int, fit: Fit) -> float:
    """mean((x - x_hat)**2) for x from N(0, 1) in blocks, each with the scale that fit(-max|x|, max|x|, grid) chooses.

    Args:
        grid: which values exist, of at most 8 bits.
        block_size: how many values share a scale, 1 to 2**32.
        fit: a range's parameters, which may depend on max|x| alone; two_level is given its second scale.
    Returns:
        the error, right to 0.001 dB: the integral over M is a sum.

    Given M = max|x|, one value is M or -M, and the others are normal, cut to [-M, M]; the density of M is integrated
    piece by piece, from jump to jump of the scale. RCEIL is said to beat floor. It does for E4M3, and loses for E2M1:

    >>> from refquant import E2M1, E4M3, mx_params, mx_rceil_params
    >>> [[round(-10 * math.log10(block_gaussian_mse(grid, 32, fit)), 2) for fit in (mx_params, mx_rceil_params)]
    ...  for grid in (E4M3, E2M1)]
    [[30.65, 31.52], [18.79, 18.76]]

    Raises:
        ValueError: a grid of more than 8 bits, a block size outside 1 to 2**32, a fit that depends on more than max|x|.
        TypeError: no grid, a fit that is no function.
    Source: order statistics; Max 1960 within a block.
    """
    n = arguments.whole("block_gaussian_mse", block_size, "block_size", 1, 2**32)
    if known("block_gaussian_mse", grid).bits > 8:
        raise arguments.error(ValueError, "block_gaussian_mse", "`grid` must have at most 8 bits", grid,
                              "wider grids lose too little to tell")
    _depends_on_the_largest_alone(fit, grid)
    m, weight = _nodes(_jumps(fit, grid))
    erf = 1 - erfc(m / math.sqrt(2))
    chance = weight * n * math.sqrt(2 / math.pi) * np.exp(-m * m / 2) * erf ** (n - 1)  # that max|x| lies at this node
    m, erf, chance = (v[chance > 1e-15] for v in (m, erf, chance))
    params = fit(-m, m, grid)
    values = (grid.values - params.zero_point[:, None]) * params.scale[:, None]
    m = m[:, None]
    points = np.concatenate([-m, np.clip((values[:, 1:] + values[:, :-1]) / 2, -m, m), m], axis=1)
    others = np.sum(_errors(values, points), axis=1) / erf
    largest = (np.abs(values - m).min(axis=1) ** 2 + np.abs(values + m).min(axis=1) ** 2) / 2
    return float(np.sum(chance * ((n - 1) * others + largest) / n))


def _errors(values: Reals, points: Reals) -> Reals:
    """The integral of (x - value)**2 * density(x) from each point to the next, along the last axis."""
    density = np.exp(-points * points / 2) / math.sqrt(2 * math.pi)
    slope = np.where(np.isfinite(points), points, 0) * density
    tail = erfc(np.abs(points) / math.sqrt(2)) / 2
    # each tail from its own side: a difference of two numbers near 1 would lose its digits
    mass = np.where(points[..., :-1] > 0, -np.diff(tail), np.diff(np.where(points > 0, 1 - tail, tail)))
    return np.asarray((1 + values**2) * mass - np.diff(slope) + 2 * values * np.diff(density))


def _depends_on_the_largest_alone(fit: Fit, grid: Grid) -> None:
    m = np.array([0.7, 1.1, 2.3])
    found = fitted("block_gaussian_mse", fit, -m, m, grid)
    others = [fit(-m, 0 * m, grid), fit(0 * m, m, grid), *(fit(-v, v, grid) for v in m[:, None])]
    if any((other.scale != scale).any() or (other.zero_point != found.zero_point[0]).any()
           for other, scale in zip(others, [found.scale, found.scale, *found.scale], strict=True)):
        raise arguments.error(ValueError, "block_gaussian_mse", "`fit` must depend on a block's largest |x| alone", fit,
                              "take symmetric_params or an mx fit, or give the second scale: two_level(E4M3, scale=)")


def _jumps(fit: Fit, grid: Grid) -> NDArray[np.float64]:
    """Where scale / largest |x| jumps, between LEAST and MOST, and both ends."""
    m = np.geomspace(LEAST, MOST, 4000)
    scale = fit(-m, m, grid).scale
    jumped = np.flatnonzero(np.abs(np.diff(np.log(scale))) > 2 * np.diff(np.log(m)))
    lo, hi, below = m[jumped], m[jumped + 1], scale[jumped]
    for _ in range(60):  # bisection
        middle = (lo + hi) / 2
        same = fit(-middle, middle, grid).scale == below
        lo, hi = np.where(same, middle, lo), np.where(same, hi, middle)
    return np.concatenate([[LEAST], hi, [MOST]])


def _nodes(jumps: NDArray[np.float64]) -> tuple[Reals, Reals]:
    """Nodes and weights of Gauss and Legendre on pieces no wider than a fiftieth of their place."""
    pieces = [np.geomspace(a, b, 2 + int(50 * math.log(b / a))) for a, b in pairwise(jumps)]
    a, b = (np.concatenate([piece[part] for piece in pieces]) for part in (slice(None, -1), slice(1, None)))
    half = (b - a)[:, None] / 2
    nodes, weights = np.polynomial.legendre.leggauss(8)  # not at import, which would load all polynomials
    return ((a + b)[:, None] / 2 + half * nodes).ravel(), (half * weights).ravel()
