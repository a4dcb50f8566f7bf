"""Integer-only arithmetic: products of codes, and the way back to codes without a floating-point number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Codes
from .grids import Grid, stepped


@arguments.quiet
def integer_matmul(a: ArrayLike, b: ArrayLike) -> Codes:
    """acc = a @ b, exactly: sums of at most `terms` products by float BLAS, added as integers.

    Args:
        a: (*S, M, K) codes, any integer dtype up to 16 bits.
        b: (*S, K, N) codes, likewise.
    Returns:
        (*S, M, N) int32 if K * max|a| * max|b| < 2**31, otherwise int64. The maxima are those of the dtypes, never of
        the values (R13), so a result's dtype does not depend on the data. K = 0 gives zeros.

    The bound. K is cut into pieces of `terms` = 2**24 // (max|a| * max|b|) in float32 for codes of 8 bits (1024 for
    int8 x int8, 514 mixed, 258 for uint8 x uint8), of 2**53 // (max|a| * max|b|) in float64 otherwise (2097216 at
    least). Proof: within a piece every partial sum, of whichever products in whichever order, fused or not, is an
    integer of magnitude at most terms * max|a| * max|b| <= 2**24 (2**53); float32 (float64) holds every such integer,
    so nothing is ever rounded. The pieces are added as integers. Hence no BLAS library, thread count or blocking
    changes a bit; it need only form the sums that a product is defined by (not Strassen's) in the precision asked.

    The bound is reached: 1024 products of the lowest int8 are 2**24, and one more is not lost.

    >>> integer_matmul(np.int8([[-128] * 1024 + [1]]), np.int8([[-128]] * 1024 + [[1]]))
    array([[16777217]], dtype=int32)

    Raises:
        TypeError: codes that are no integers, or wider than 16 bits.
        ValueError: fewer than two axes, or shapes that do not fit.
    Source: Jacob et al. 2018 (arXiv:1712.05877), eq. 7 to 9: zero points enter as row and column sums, outside this
    product: (q - zero_point) @ b = q @ b - zero_point * b.sum(axis=0). ONNX MatMulInteger wraps modulo 2**32 instead
    of widening.
    """
    a, b = _factor(a, "a"), _factor(b, "b")
    stack = arguments.joint(a.shape[:-2], b.shape[:-2])
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2] or stack is None:
        raise arguments.error(ValueError, "integer_matmul", "`a` (*S, M, K) and `b` (*S, K, N) must share S and K",
                              f"shapes {a.shape} and {b.shape}", "transpose or reshape one of them")
    k, product = a.shape[-1], _largest(a) * _largest(b)
    real, exact = (np.float32, 2**24) if a.itemsize == b.itemsize == 1 else (np.float64, 2**53)
    acc = np.zeros((*stack, a.shape[-2], b.shape[-1]), np.int32 if k * product < 2**31 else np.int64)
    terms = exact // product
    for piece in (slice(start, start + terms) for start in range(0, k, terms)):
        acc += (a[..., piece].astype(real) @ b[..., piece, :].astype(real)).astype(acc.dtype)
    return acc


def _factor(x: ArrayLike, name: str) -> Codes:
    codes = arguments.array("integer_matmul", x, name)
    if codes.dtype.kind not in "iu" or codes.dtype.itemsize >= 4:
        raise arguments.error(TypeError, "integer_matmul", f"`{name}` must be integer codes of at most 16 bits (R13)",
                              f"dtype {codes.dtype}", "cast codes to their grid's dtype: q.astype(np.int8), say")
    return codes


def _largest(x: Codes) -> int:
    return int(np.iinfo(x.dtype).max) + (x.dtype.kind == "i")  # 128 for int8


@arguments.quiet
def quantize_multiplier(m: ArrayLike) -> tuple[Codes, Codes]:
    """m = mantissa * 2**(shift - 31), mantissa in [2**30, 2**31), rounded to the nearest, ties to even.

    Args:
        m: (*S) positive finite reals that round to less than 2**30, for example scale_x * scale_w / scale_y.
    Returns:
        mantissa (*S) int64 and shift (*S) int64.

    >>> mantissa, shift = quantize_multiplier(0.75)
    >>> int(mantissa), int(shift), 1610612736 * 2.0 ** (0 - 31)
    (1610612736, 0, 0.75)

    Raises:
        ValueError: not positive, not finite, or with a shift above 30 (R14).
        TypeError: no reals.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 2.2; TFLite's QuantizeMultiplier rounds ties away from zero.
    """
    value = arguments.number("quantize_multiplier", m, "m").astype(np.float64)
    fraction, exponent = np.frexp(value)
    mantissa = np.rint(fraction * 2.0**31).astype(np.int64)
    carried = mantissa == 2**31
    mantissa, shift = np.where(carried, 2**30, mantissa), exponent.astype(np.int64) + carried
    arguments.none("quantize_multiplier", ~((value > 0) & np.isfinite(value)) | (shift > 30), value, "`m` must be "
                   "positive, finite and round to less than 2**30 (R14)",
                   "m is scale_x * scale_w / scale_y; check them")
    return np.asarray(mantissa), np.asarray(shift)


def requantize(acc: ArrayLike, mantissa: ArrayLike, shift: ArrayLike, zero_point: ArrayLike, grid: Grid) -> Codes:
    """q = clip(round(acc * mantissa * 2**(shift - 31)) + zero_point, qmin, qmax), one rounding of the exact product.

    Args:
        acc: (*S) accumulators within int32.
        mantissa, shift: from quantize_multiplier, of shapes that broadcast to acc's.
        zero_point: on the grid, of a shape that broadcasts to acc's.
        grid: which codes exist.
    Returns:
        (*S) codes in the grid's dtype.

    Ties go to the even integer: 21 * 0.5 = 10.5 becomes 10. 245 * 0.046875 = 11.484 becomes 11 here, and 12 in
    gemmlowp, which rounds twice (engines/litert.py).

    >>> from refquant import INT8
    >>> half, small = quantize_multiplier(0.5), quantize_multiplier(0.046875)
    >>> int(requantize(21, *half, 0, INT8)), int(requantize(245, *small, 0, INT8))
    (10, 11)

    An average is no product: 1/n has no exact mantissa unless n is a power of two, so ties go the wrong way for every
    other even n. Here is the exact mean in integers, ties to even:

    >>> sums, n = np.array([9, 15, 21, -9]), 6
    >>> [int(requantize(s, *quantize_multiplier(1 / n), 0, INT8)) for s in sums]
    [1, 2, 3, -1]
    >>> q, rest = np.divmod(sums, n)
    >>> np.where(2 * rest + q % 2 > n, q + 1, q)
    array([ 2,  2,  4, -2])

    Raises:
        ValueError: accumulators beyond int32, mantissa outside [2**30, 2**31), shift above 30, a zero point off the
            grid, shapes that do not broadcast.
        TypeError: anything that is no integer.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 2.2, with its two roundings replaced by one (R14).
    """
    acc, mantissa, shift, zero_point = fixed_point("requantize", acc, mantissa, shift, zero_point, grid)
    product = acc * mantissa  # below 2**62 in magnitude: exact in int64
    n = np.minimum(31 - shift, 63)  # from 63 on every product is less than half
    odd, half = product >> n & 1, 1 << (n - 1)
    rounded = (product + (half - 1) + odd) >> n  # up where the rest is above half, or half and the floor is odd
    return np.asarray(np.clip(rounded + zero_point, grid.qmin, grid.qmax)).astype(grid.dtype)


def fixed_point(where: str, acc: ArrayLike, mantissa: ArrayLike, shift: ArrayLike, zero_point: ArrayLike,
                grid: Grid) -> list[Codes]:
    """acc, mantissa, shift and zero_point in int64, within R14's limits; the others broadcast to acc.

    >>> from refquant import INT4
    >>> [int(v) for v in fixed_point("f", np.int8(-5), 2**30, 0, 3, INT4)]
    [-5, 1073741824, 0, 3]
    """
    stepped(where, grid)
    values: list[Codes] = [
        arguments.within(where, v, least, most, name, "R14", hint).astype(np.int64)
        for v, name, least, most, hint in (
            (acc, "acc", -(2**31), 2**31 - 1, "accumulate fewer products, or codes of fewer bits"),
            (mantissa, "mantissa", 2**30, 2**31 - 1, "take it from quantize_multiplier"),
            (shift, "shift", -(2**31), 30, "take it from quantize_multiplier"),
            (zero_point, "zero_point", *grid.zero_points, "0.0 must have a code"))]
    for other in values[1:]:
        arguments.broadcastable(where, other.shape, values[0].shape)
    return values
