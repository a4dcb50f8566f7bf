"""[lo, hi] -> parameters: where the zero point comes from, and the scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .affine import AffineParams
from .arguments import Codes, Reals
from .grids import Grid, stepped, two_sided

Fit: TypeAlias = Callable[[Reals, Reals, Grid], AffineParams]
RawFit: TypeAlias = Callable[[Reals, Reals, Grid], tuple[Reals, Reals]]
TINY = {dtype: np.finfo(dtype).tiny for dtype in ("f", "d")}  # the smallest normal numbers


@arguments.quiet
def affine_params(lo: ArrayLike, hi: ArrayLike, grid: Grid) -> AffineParams:
    """scale = (hi/2 - lo/2) / ((qmax - qmin)/2),  zero_point = qmin + round(clip(-lo/scale, 0, qmax - qmin)).

    Args:
        lo, hi: (*S) reals, finite, lo <= hi; widened to contain 0, so that 0.0 has a code of its own (R8).
        grid: which codes exist. int8 gives uint8's zero point minus 128 (R9).
    Returns:
        parameters of shape (*S), the scale in the range's dtype (float16 becomes float32, R3). An all-zero range has
        scale 1, and no scale is below the smallest normal number (R11).

    The zero point depends on the dtype that divides: 1/0.007843138 is 127.49999 in float32, 127.5 in float64.

    >>> from refquant import UINT8
    >>> [int(affine_params(dtype(-1), dtype(1), UINT8).zero_point) for dtype in (np.float32, np.float64)]
    [127, 128]

    Raises:
        ValueError: lo > hi, NaN, infinite ends, shapes that do not broadcast, a grid without equal steps.
    Source: ONNX DynamicQuantizeLinear, generalised to any grid; halved so that the width of no finite range
    overflows. gemmlowp rounds the zero point's ties away from zero; quanto and qwix do not widen the range to 0.
    """
    lo, hi = ends("affine_params", lo, hi, stepped("affine_params", grid))
    scale, zero_point = affine_formula(lo, hi, grid)
    return AffineParams(scale=scale, zero_point=zero_point.astype(np.int64), grid=grid)


@arguments.quiet
def symmetric_params(lo: ArrayLike, hi: ArrayLike, grid: Grid) -> AffineParams:
    """scale = max(|lo|, |hi|) / min(qmax - zero_point, zero_point - qmin),  zero_point = 0 on a grid with both signs.

    Args:
        lo, hi: (*S) reals, finite, lo <= hi.
        grid: which codes exist. Unsigned grids put the zero point in their middle, (qmin + qmax + 1) // 2.
    Returns:
        parameters of shape (*S), the scale in the range's dtype; the degenerate ranges as in affine_params (R11).

    int8 divides by 127, so both ends of [-a, a] have a code (R10).

    >>> from refquant import INT8, UINT8
    >>> params = symmetric_params(-1.27, 0.3, INT8)
    >>> float(params.scale), int(params.zero_point), int(symmetric_params(-1.27, 0.3, UINT8).zero_point)
    (0.01, 0, 128)

    Raises:
        ValueError: lo > hi, NaN, infinite ends, shapes that do not broadcast, a grid without values on both sides of
            0 (E8M0).
    Source: Wu et al. 2020 (arXiv:2004.09602), section 3.1.2. PyTorch's observers and torchao divide by 127.5,
    brevitas by 128 on the full grid.
    """
    lo, hi = ends("symmetric_params", lo, hi, two_sided("symmetric_params", grid))
    scale, zero_point = symmetric_formula(lo, hi, grid)
    return AffineParams(scale=scale, zero_point=zero_point.astype(np.int64), grid=grid)


def affine_formula(lo: Reals, hi: Reals, grid: Grid) -> tuple[Reals, Reals]:
    """R8, R9 and R11 on raw arrays, unchecked: (scale, zero_point), both in the range's dtype.

    >>> from refquant import UINT4
    >>> affine_formula(np.float64(-1), np.float64(2), UINT4)
    (np.float64(0.2), np.float64(5.0))
    """
    lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
    scale = at_least_normal((hi / 2 - lo / 2) / ((grid.qmax - grid.qmin) / 2), (lo == 0) & (hi == 0))
    return scale, grid.qmin + np.rint(np.minimum(np.maximum(-lo / scale, 0), grid.qmax - grid.qmin))


def symmetric_formula(lo: Reals, hi: Reals, grid: Grid) -> tuple[Reals, Reals]:
    """R10 and R11 on raw arrays, unchecked: (scale, zero_point), both in the range's dtype.

    >>> from refquant import INT4
    >>> symmetric_formula(np.float64(-3.5), np.float64(0.7), INT4)
    (np.float64(0.5), np.float64(0.0))
    """
    zero_point, reach = middle(grid)
    largest = np.maximum(np.abs(lo), np.abs(hi))
    scale = at_least_normal(largest / reach, largest == 0)
    if reach < 1:  # then the quotient may overflow
        scale = np.minimum(scale, np.finfo(scale.dtype).max)
    return scale, np.full_like(scale, zero_point)[()]


def middle(grid: Grid) -> tuple[int, float]:
    """R10: the zero point of symmetric ranges, and how far the grid reaches from it on both sides.

    >>> from refquant import E4M3, INT8, UINT8
    >>> middle(INT8), middle(UINT8), middle(E4M3)
    ((0, 127), (128, 127), (0, 448.0))
    """
    zero_point = 0 if grid.qmin < 0 else (grid.qmin + grid.qmax + 1) // 2
    return zero_point, min(grid.qmax - zero_point, zero_point - grid.qmin)


def unchecked(fit: Fit) -> RawFit:
    """The fit as (lo, hi, grid) -> (scale, zero_point), for inner loops: a raw formula where there is one.

    >>> from refquant import INT4
    >>> unchecked(symmetric_params) is symmetric_formula
    True
    """
    def fitted(lo: Reals, hi: Reals, grid: Grid) -> tuple[Reals, Reals]:
        params = fit(lo, hi, grid)
        return params.scale, params.zero_point.astype(params.scale.dtype)

    formulas: dict[Any, RawFit] = {affine_params: affine_formula, symmetric_params: symmetric_formula}
    return formulas.get(fit, fitted)


def fitted(where: str, fit: Fit, lo: Any, hi: Any, grid: Grid) -> AffineParams:
    """The parameters that fit makes of a range."""
    return arguments.called(where, "fit", "(lo, hi, grid) -> AffineParams",
                            "pass rq.symmetric_params or rq.affine_params itself", fit, lo, hi, grid)


def at_least_normal(scale: Reals, all_zero: Codes) -> Reals:
    """R11: 1 for an all-zero range, otherwise no less than the smallest normal number."""
    return np.maximum(scale, TINY[scale.dtype.char]) + all_zero  # tiny + 1 is 1, scale + 0 is scale


def ends(where: str, lo: ArrayLike, hi: ArrayLike, grid: Grid) -> tuple[Reals, Reals]:
    """lo and hi in the dtype of the arithmetic, finite and in order, in one shape."""
    a, b = arguments.number(where, lo, "lo"), arguments.number(where, hi, "hi")
    # a plain Python number takes the other end's dtype, as everywhere in NumPy
    weak = (end if type(end) in (int, float) else known for end, known in ((lo, a), (hi, b)))
    dtype = grid.arithmetic(np.result_type(*weak))
    a, b = arguments.broadcast(where, a.astype(dtype), b.astype(dtype), "`lo` and `hi`",
                               "take both from one call of minmax")
    bad = ~(np.isfinite(a) & np.isfinite(b) & (a <= b))
    if bad.any():
        raise arguments.error(ValueError, where, "a range must be finite with `lo` <= `hi` (R11)",
                              f"[{a[bad][0]}, {b[bad][0]}]{arguments.place(bad)}",
                              "pass (lo, hi) in this order; drop infinities from the data, or clip it to a finite "
                              "range")
    return a, b


RAW_FITS: tuple[RawFit, ...] = (affine_formula, symmetric_formula)
