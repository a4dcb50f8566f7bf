"""gemmlowp: the fixed-point product as first deployed, which rounds twice; integer.requantize rounds once."""

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Codes
from ..grids import IntGrid
from ..integer import fixed_point


def gemmlowp_requantize(acc: ArrayLike, mantissa: ArrayLike, shift: ArrayLike, zero_point: ArrayLike,
                        grid: IntGrid) -> Codes:
    """high = floor(acc * 2**max(shift, 0) * mantissa / 2**31 + 1/2), q = clip(round(high / 2**-min(shift, 0)) +
    zero_point, qmin, qmax): to 31 fraction bits with ties up, then to an integer with ties away from zero.

    Args: as requantize; acc * 2**shift within int32 too.
    Returns:
        (*S) codes in the grid's dtype.

    245 * 0.046875 = 11.484: the first rounding makes 11.5 of it (184 / 16), the second 12. Rounded once it is 11.

    >>> from refquant import INT8, quantize_multiplier, requantize
    >>> m = quantize_multiplier(0.046875)
    >>> int(gemmlowp_requantize(245, *m, 0, INT8)), int(requantize(245, *m, 0, INT8))
    (12, 11)

    Raises: as requantize; and ValueError where acc * 2**shift leaves int32, where gemmlowp's result is undefined.
    Source: gemmlowp, fixedpoint/fixedpoint.h, SaturatingRoundingDoublingHighMul and RoundingDivideByPOT; Jacob et al.
    2018 (arXiv:1712.05877), appendix B. Of a million random accumulators below 200,000, about 1 in 2,000 (458) differ
    from one rounding at m = 0.000637.
    """
    where = "gemmlowp_requantize"
    acc, mantissa, shift, zero_point = fixed_point(where, acc, mantissa, shift, zero_point, grid)
    left, right = np.maximum(shift, 0), np.minimum(-np.minimum(shift, 0), 62)
    shifted = _check.within(where, np.asarray(acc << left), -(2**31), 2**31 - 1, "acc * 2**shift", "R14",
                            "requantize takes any accumulator within int32")
    high = (shifted * mantissa + 2**30) >> 31
    mask = (np.int64(1) << right) - 1
    rounded = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return np.asarray(np.clip(rounded + zero_point, grid.qmin, grid.qmax)).astype(grid.dtype)
