"""Scales that are quantized too (R18): fits whose scales are powers of two (MX), or lie on a grid times a second scale.

A scale is data, too: which reals it may be is a second grid, and choosing it is a fit, (lo, hi, grid) -> AffineParams.

>>> import refquant as rq
>>> x = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
>>> mxfp4 = rq.dynamic_params(rq.split_blocks(x, 32), rq.E2M1, axis=-1, fit=rq.mx_params)
>>> nvfp4 = rq.dynamic_params(rq.split_blocks(x, 16), rq.E2M1, axis=-1, fit=rq.two_level(rq.E4M3))
>>> [(rq.bits_per_value(params, x.size), params.scale.shape) for params in (mxfp4, nvfp4)]
[(4.25, (4, 2, 1)), (4.5, (4, 4, 1))]
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .affine import AffineParams, fake_quantize
from .arguments import Codes, Reals
from .grids import E8M0, Grid, two_sided
from .ranges import TINY, Fit, at_least_normal, ends, fitted, middle, symmetric_params


@arguments.quiet
def mx_params(lo: ArrayLike, hi: ArrayLike, grid: Grid) -> AffineParams:
    """scale = 2**(floor(log2 max(|lo|, |hi|)) - floor(log2 qmax)), from 2**-127 to 2**127,  zero_point as in R10.

    Args:
        lo, hi: (*S) reals, finite, lo <= hi.
        grid: which values exist; qmax is its largest. On an unsigned grid, whose zero point lies in the middle, and
            on a codebook that is not symmetric, the shorter side's length counts instead, as in symmetric_params.
    Returns:
        parameters of shape (*S) with scale_grid=E8M0, the scale in the range's dtype; 1 for an all-zero range (R11).

    A largest value between qmax and the next power of two saturates: 7 is 6 here. The fits beside it decide otherwise:
    mx_ceil_params never saturates, and wastes up to a bit; mx_rceil_params is the least power of two without
    saturation; mx_even_params takes the next one where the largest value would round to it.

    >>> from refquant import E2M1
    >>> [float(fit(0, x, E2M1).scale) for x in (4.0, 6.0, 6.1, 7.0)
    ...  for fit in (mx_params, mx_even_params, mx_rceil_params, mx_ceil_params)]
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 2.0, 1.0, 2.0, 2.0, 2.0]

    Raises: as symmetric_params.
    Source: OCP MX v1.0, section 6.3. gguf and microxcaling take the logarithm in float32, which counts a number just
    below a power of two as that power. torchao names the four rules FLOOR, EVEN, RCEIL and CEIL.
    """
    return _power_of_two(grid, *_floor("mx_params", lo, hi, grid))


def mx_ceil_params(lo: ArrayLike, hi: ArrayLike, grid: Grid) -> AffineParams:
    """scale = 2**(ceil(log2 max(|lo|, |hi|)) - floor(log2 qmax)): as mx_params, which has the four rules side by side.

    >>> from refquant import E4M3
    >>> float(mx_ceil_params(-257, 0, E4M3).scale)
    2.0
    """
    largest, floor = _floor("mx_ceil_params", lo, hi, grid)
    return _power_of_two(grid, largest, floor + (np.frexp(largest)[0] > 0.5))


def mx_even_params(lo: ArrayLike, hi: ArrayLike, grid: Grid) -> AffineParams:
    """scale = 2**(floor(log2 round(max(|lo|, |hi|))) - floor(log2 qmax)): rounded as on the grid, without saturation.

    A codebook does not go on beyond its values: where they end below the next power of two, this is mx_params.

    >>> from refquant import E4M3
    >>> [float(mx_even_params(0, x, E4M3).scale) for x in (495, 496)]
    [1.0, 2.0]
    """
    largest, floor = _floor("mx_even_params", lo, hi, grid)
    rounded = grid.round(np.ldexp(largest, -floor))  # infinite beyond the ends of a codebook, which saturate
    return _power_of_two(grid, largest, floor + (np.isfinite(rounded) & (rounded >= np.ldexp(1.0, _top(grid)[1]))))


def mx_rceil_params(lo: ArrayLike, hi: ArrayLike, grid: Grid) -> AffineParams:
    """scale = 2**ceil(log2(max(|lo|, |hi|) / qmax)): the least power of two without saturation.

    >>> from refquant import E4M3
    >>> [float(mx_rceil_params(0, x, E4M3).scale) for x in (448, 449)]
    [1.0, 2.0]
    """
    largest, floor = _floor("mx_rceil_params", lo, hi, grid)
    return _power_of_two(grid, largest, floor + (np.frexp(largest)[0] > _top(grid)[0]))


def _floor(where: str, lo: ArrayLike, hi: ArrayLike, grid: Grid) -> tuple[Reals, Codes]:
    """max|x|, and floor(log2 max|x|) - floor(log2 qmax), from the bits: a float's logarithm is rounded."""
    lo, hi = ends(where, lo, hi, two_sided(where, grid))
    largest = np.asarray(np.maximum(np.abs(lo), np.abs(hi)))
    return largest, np.frexp(largest)[1] - _top(grid)[1]


def _top(grid: Grid) -> tuple[float, int]:
    """Fraction and exponent of qmax, or of the shorter side's length."""
    return math.frexp(middle(grid)[1])


def _power_of_two(grid: Grid, largest: Reals, exponent: Codes) -> AffineParams:
    """2**exponent, as far as E8M0 reaches; 1 for an all-zero range."""
    scale = np.ldexp(np.ones_like(largest), np.where(largest > 0, np.clip(exponent, -127, 127), 0))
    return AffineParams(scale=scale, zero_point=middle(grid)[0], grid=grid, scale_grid=E8M0)


@arguments.quiet
def two_level(scale_grid: Grid, fit: Fit = symmetric_params, axis: int | tuple[int, ...] | None = None,
              scale: ArrayLike | None = None) -> TwoLevel:
    """A fit whose scales are quantized: scale = second * the value of scale_grid nearest to (fit's scale) / second.

    Args:
        scale_grid: which values a scale may have, times the second scale; its largest is qmax.
        fit: what gives the scale that is then quantized.
        axis: the axes of the scales that share a second scale, the largest of them / qmax; None: all share one.
        scale: the second scale, known before (static), of a shape that broadcasts to the scales; then axis is not used.
    Returns:
        a fit, (lo, hi, grid) -> AffineParams with this scale_grid. Blocks of zeros do not count for the second scale,
        and no scale falls below the smallest positive value of the grid.

    NVFP4 is two_level(E4M3) on E2M1 in blocks of 16. With axis=None all of an array depends on its largest value: a
    large second row changes the scales of the first. (So mse_optimal, which chooses each block's range alone, need not
    find the best.) Per row (axis=-2, of scales (rows, blocks, 1)) it does not, nor does it with a scale that is known
    before:

    >>> from refquant import E2M1, E4M3, dynamic_params, split_blocks
    >>> x = split_blocks(np.array([[1.0, 2.0, 0.3, 0.1], [900.0, 1.0, 1.0, 1.0]]), 2)
    >>> for fit in (two_level(E4M3), two_level(E4M3, axis=-2), two_level(E4M3, scale=1 / 256)):
    ...     together, alone = (dynamic_params(rows, E2M1, axis=-1, fit=fit).scale[0] for rows in (x, x[:1]))
    ...     print(bool((together == alone).all()))
    False
    True
    True

    Raises:
        ValueError: a scale grid without positive values, one of positive values alone (E8M0) without its second scale,
            a scale grid of more than 16 bits, a scale that is not positive and finite or does not broadcast to the
            scales, axes that the scales do not have; what fit refuses.
        TypeError: a scale grid that is no Grid, a fit that is no function.
    Source: NVFP4 (NVIDIA, "Pretraining LLMs with NVFP4", arXiv:2509.25149, section 2). torchao multiplies by
    (1 / second) / scale instead of dividing. bitsandbytes subtracts the scales' mean first: such an offset is no zero
    point.
    """
    values = arguments.instance("two_level", scale_grid, Grid, "`scale_grid` must be a grid",
                                "fit=rq.two_level(rq.E4M3), say").values
    if values[-1] <= 0 or (scale is None and values[0] > 0):
        raise arguments.error(ValueError, "two_level", "`scale_grid` must have positive values, and `scale` must be "
                              "given where it has no others", f"{scale_grid} and scale={scale!r}",
                              "mx_params gives powers of two; scale=1.0 takes the grid's own values")
    second = None if scale is None else AffineParams(scale=scale, zero_point=0, grid=scale_grid).scale
    return TwoLevel(scale_grid, fit, axis, second)


@dataclass(frozen=True, eq=False)
class TwoLevel(arguments.Value):
    """What two_level makes: a fit that is a value.

    >>> from refquant import E4M3
    >>> two_level(E4M3) == two_level(E4M3), two_level(E4M3) == two_level(E4M3, scale=1.0)
    (True, False)
    """

    scale_grid: Grid
    fit: Fit
    axis: int | tuple[int, ...] | None
    scale: Reals | None

    @arguments.quiet
    def __call__(self, lo: ArrayLike, hi: ArrayLike, grid: Grid) -> AffineParams:
        """The parameters of ranges, their scales on the scale grid."""
        first = fitted("two_level", self.fit, lo, hi, grid)
        empty = (np.asarray(lo) == 0) & (np.asarray(hi) == 0)
        wanted = np.where(empty, first.scale.dtype.type(0), first.scale)
        second = AffineParams(scale=self._second(wanted), zero_point=0, grid=self.scale_grid)
        values = self.scale_grid.values
        least = np.maximum(second.scale * values[values > 0][0], TINY[wanted.dtype.char]).astype(wanted.dtype)
        scale = np.clip(fake_quantize(wanted, second), least, np.finfo(wanted.dtype).max)
        return AffineParams(scale=scale, zero_point=first.zero_point, grid=grid, scale_grid=self.scale_grid)

    def _second(self, wanted: Reals) -> Reals:
        if self.scale is not None:
            arguments.broadcastable("two_level", self.scale.shape, wanted.shape)
            return self.scale.astype(wanted.dtype)
        over = arguments.axes("two_level", wanted.shape, self.axis)
        largest = wanted.max(axis=over, keepdims=True, initial=0)
        second = at_least_normal(largest / wanted.dtype.type(self.scale_grid.qmax), largest == 0)
        return np.minimum(second, np.finfo(wanted.dtype).max)  # the quotient overflows where qmax is below 1
