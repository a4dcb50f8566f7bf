"""Casts to small floats as engines compute them, where they depart from the rules: overflow, a second rounding, NaN,
ties of powers of two.

Each function takes reals and gives values as float32, NaN and infinities among them, which are no values here (R17).
float64 is rounded once, unless it came through_float32.
The rule, of which these are the departures, is saturation (R6): ONNX's Cast with saturate=1, and torch's cast to E4M3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals
from ..grids import E4M3, E5M2, Grid


@arguments.quiet
def through_float32(x: ArrayLike) -> Reals:
    """x rounded to float32: float64 is then rounded twice.

    Departs from R4. 1.0625 is a tie of E4M3, and a number just above it becomes the tie:

    >>> x = np.float64(1.0625 + 2**-40)
    >>> E4M3.round(through_float32(x)), E4M3.round(x)
    (array(1., dtype=float32), array(1.125))

    Source: ml_dtypes 0.6, astype of float64; torch 2.13, Tensor.to.
    """
    return np.asarray(x, np.float32)


def overflow_to_nan(x: ArrayLike, grid: Grid) -> Reals:
    """The nearest value, and NaN where the nearest number of unlimited exponent lies beyond the ends.

    Departs from R6. What rounds to the largest value does not overflow:

    >>> overflow_to_nan(np.float32([464, 464.00003, np.inf]), E4M3)
    array([448.,  nan,  nan], dtype=float32)

    Source: ml_dtypes, E4M3 and FNUZ; torch, FNUZ; ONNX's Cast and QuantizeLinear with saturate=0, E4M3 and FNUZ, in
    onnx's reference and, apart from onnxruntime_e4m3, in ONNX Runtime.
    """
    return _beyond(x, grid, np.nan)


def overflow_to_infinity(x: ArrayLike, grid: Grid) -> Reals:
    """The nearest value, and infinity where the nearest number of unlimited exponent lies beyond the ends.

    Departs from R6.

    >>> overflow_to_infinity(np.float32([61439.996, -61440]), E5M2)
    array([57344.,   -inf], dtype=float32)

    Source: IEEE 754; ml_dtypes and torch, E5M2; ONNX with saturate=0, E5M2, in onnx's reference.
    """
    return _beyond(x, grid, np.inf)


def onnxruntime_e4m3(x: ArrayLike) -> Reals:
    """As overflow_to_nan, but 448 from 480 to 496.

    Departs from R6, and is not monotone:

    >>> onnxruntime_e4m3(np.float32([464, 470, 480, 495.99997, 496]))
    array([448.,  nan, 448., 448.,  nan], dtype=float32)

    Source: ONNX Runtime 1.32 with saturate=0, Cast and QuantizeLinear; the code of 480 would be that of NaN.
    """
    x = np.asarray(x, np.float32)
    return np.where((np.abs(x) >= 480) & (np.abs(x) < 496), np.copysign(np.float32(448), x), overflow_to_nan(x, E4M3))


def onnxruntime_e5m2(x: ArrayLike) -> Reals:
    """As overflow_to_infinity, but NaN from 61440 to 65536.

    Departs from R6.

    >>> onnxruntime_e5m2(np.float32([61439.996, 61440, 65535.996, -65536]))
    array([57344.,    nan,    nan,   -inf], dtype=float32)

    Source: ONNX Runtime 1.32 with saturate=0, Cast and QuantizeLinear.
    """
    x = np.asarray(x, np.float32)
    odd = (np.abs(x) >= 61440) & (np.abs(x) < 65536)
    return np.where(odd, np.float32(np.nan), overflow_to_infinity(x, E5M2))


def nan_to_zero(x: ArrayLike, grid: Grid) -> Reals:
    """The nearest value; infinities saturate, and NaN becomes a zero of the opposite sign.

    Departs from R7: FP6 and FP4 have no NaN.

    >>> from refquant import E2M1
    >>> nan_to_zero(np.float32([np.nan, -np.nan, np.inf, 0.25]), E2M1)
    array([-0.,  0.,  6.,  0.], dtype=float32)

    Source: ml_dtypes, FP6 and FP4; onnx's reference, FP4. torchao turns NaN into 1.5 or -1.5.
    """
    x = np.asarray(x, np.float32)
    return np.where(np.isnan(x), np.copysign(np.float32(0), -x), _beyond(x, grid, grid.qmax))


@arguments.quiet
def e8m0_ties_up(x: ArrayLike) -> Reals:
    """The nearest power of two from 2**-127 to 2**127, ties up; NaN where x is not positive, or 1.5 * 2**127 and more.

    Departs from R4 (here ties go to the lower value, as in all codebooks) and R6. All between 2**-127 and 2**-126
    becomes 2**-126, whether nearest or not.

    >>> e8m0_ties_up(np.float32([1.5, 3, 2.9, 0])).tolist(), e8m0_ties_up(np.float32(1.01 * 2**-127)) == 2**-126
    ([2.0, 4.0, 2.0, nan], np.True_)

    Source: ml_dtypes, float8_e8m0fnu; torch, which takes |x|, and 0 for 2**-127.
    """
    x = np.asarray(x, np.float32)
    fraction, exponent = np.frexp(x)
    exponent = exponent - (fraction < 0.75)
    exponent = np.where(x < 2.0**-126, np.where(x > 2.0**-127, -126, -127), exponent)
    near = np.ldexp(np.float32(1), np.minimum(exponent, 127))
    return np.where((x > 0) & (exponent <= 127) & np.isfinite(x), near, np.float32(np.nan))


@arguments.quiet
def _beyond(x: ArrayLike, grid: Grid, instead: float) -> Reals:
    x = np.asarray(x)
    near = grid.round(x.astype(grid.arithmetic(x.dtype))) + np.float32(grid.zero)
    return np.where(np.abs(near) > grid.qmax, np.copysign(instead, near), near).astype(np.float32)
