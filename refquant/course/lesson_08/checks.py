"""Checks for lesson 08, integers only: each says Right, Not yet or Not answered yet, and why."""
from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...engines.choices import half_away
from ...engines.litert import requantize_gemmlowp
from ...grids import INT4, INT8, INT16, INT32, UINT2, UINT4, UINT8, IntGrid
from ...integer import requantize

Array: TypeAlias = NDArray[Any]
NARROW8, NARROW4 = IntGrid(8, narrow=True), IntGrid(4, narrow=True)


def _raised(error: Exception) -> str:
    return f"Not yet: your function raised {type(error).__name__}: {error}."


# ---------------------------------------------------------------------------------------------- exercise 1

def _why_raised(error: Exception) -> str:
    if isinstance(error, OverflowError):
        return " NumPy sums unsigned codes in an unsigned dtype; no negative zero point fits: sum with dtype=int."
    if "could not be broadcast" in str(error):
        return " Row sums stay in their rows, with shape (m, 1), beside (m, n) products: sum axis 1 with keepdims=True."
    return ""


def product(yours: Callable[..., Any]) -> str:
    """Exercise 1: whether yours(q_x, z_x, q_w, z_w) is sum((q_x - z_x) * (q_w - z_w)) over the inner axis, exactly.

    >>> product(lambda q_x, z_x, q_w, z_w: q_x.astype(int) @ q_w)
    'Not yet: both corrections are missing: you multiply the codes as if the zero points were 0.'
    """
    for q_x, z_x, q_w, z_w in PRODUCTS:
        try:
            answer = yours(q_x.copy(), z_x, q_w.copy(), z_w)
        except Exception as error:
            return _raised(error) + _why_raised(error)
        if answer is None:
            return "Not answered yet: your function returns None."
        given, right = np.asarray(answer), (q_x.astype(int) - z_x) @ (q_w.astype(int) - z_w)
        if given.shape != right.shape:
            return f"Not yet: (m, k) codes times (k, n) codes are {right.shape}; yours has shape {given.shape}."
        if np.array_equal(given, right):
            if not np.issubdtype(given.dtype, np.integer):
                return f"Not yet: the numbers are right, but their dtype is {given.dtype}. Integers only."
            continue
        why = next((why for why, wrong in wrong_products(q_x, z_x, q_w, z_w).items() if np.array_equal(given, wrong)),
                   f"{np.sum(given != right)} of {right.size} sums are wrong. Expand (q_x - z_x)(q_w - z_w) and sum "
                   "each of the four terms over k")
        return f"Not yet: {why}."
    return "Right: both zero points are corrected, exactly, and nothing wraps."


def wrong_products(q_x: Array, z_x: int, q_w: Array, z_w: int) -> dict[str, Array]:
    """What each known mistake gives, by what is wrong.

    >>> len(wrong_products(np.uint8([[200]]), 100, np.int8([[5]]), 1))
    16
    """
    a, b, k = q_x.astype(int), q_w.astype(int), q_x.shape[1]
    acc, rows, columns = a @ b, a.sum(axis=1, keepdims=True), b.sum(axis=0)
    right = acc - z_w * rows - z_x * columns + k * z_x * z_w
    with np.errstate(all="ignore"):
        small = q_x.astype(np.int8) @ q_w
    subtracted = (q_x - q_x.dtype.type(z_x)).astype(int) @ (q_w - q_w.dtype.type(z_w)).astype(int)
    return {
        "both corrections are missing: you multiply the codes as if the zero points were 0": acc,
        "the zero point of q_w is not corrected: subtract z_w * (row sums of q_x), and mind k * z_x * z_w":
            acc - z_x * columns,
        "the zero point of q_x is not corrected: subtract z_x * (column sums of q_w), and mind k * z_x * z_w":
            acc - z_w * rows,
        "k * z_x * z_w is missing: both corrections have subtracted it, so it is added once":
            acc - z_w * rows - z_x * columns,
        "z_x * z_w comes once for each of the k products": acc - z_w * rows - z_x * columns + z_x * z_w,
        "k * z_x * z_w has the wrong sign: minus times minus": right - 2 * k * z_x * z_w,
        "the corrections have the wrong sign: they are subtracted": acc + z_w * rows + z_x * columns + k * z_x * z_w,
        "z_w * (row sums of q_x) has the wrong sign: it is subtracted": right + 2 * z_w * rows,
        "z_x * (column sums of q_w) has the wrong sign: it is subtracted": right + 2 * z_x * columns,
        "the zero points have changed places: z_x goes with the column sums of q_w, z_w with the row sums of q_x":
            acc - z_x * rows - z_w * columns + k * z_x * z_w,
        "the sums wrap at 8 bits: NumPy's product of 8-bit codes stays in 8 bits. Widen first, or use "
        "rq.integer_matmul": (small.astype(int) - z_w * rows - z_x * columns + k * z_x * z_w),
        "the sums wrap at 16 bits: NumPy's product of uint8 and int8 is int16. Widen first, or use rq.integer_matmul":
            (q_x @ q_w).astype(int) - z_w * rows - z_x * columns + k * z_x * z_w,
        "the sums wrap at 8 bits at the end. An accumulator needs more": right.astype(np.int8).astype(int),
        "the sums wrap at 16 bits. An accumulator needs more: section 2": right.astype(np.int16).astype(int),
        "you subtract the zero points in 8 bits, where the difference wraps. Widen first, or correct outside":
            subtracted,
        "you sum all of the array: row sums go along axis 1 (keepdims), column sums along axis 0":
            acc - z_w * a.sum() - z_x * b.sum() + k * z_x * z_w,
    }


def _codes(seed: int, m: int, k: int, n: int, z_x: int, z_w: int) -> tuple[Array, int, Array, int]:
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (m, k)).astype(np.uint8), z_x, rng.integers(-128, 128, (k, n)).astype(np.int8), z_w)


PRODUCTS = (_codes(0, 2, 5, 3, 100, -7), _codes(1, 4, 40, 4, 255, 100), _codes(2, 3, 4, 5, 0, 3))


# ---------------------------------------------------------------------------------------------- exercise 2

def width(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(k, a, b) is the least width of a signed accumulator that no codes make wrap.

    >>> width(lambda k, a, b: 32)
    'Not yet: 1 product of int8 and int8: 32 bits never wrap, but 16 bits do not either. Find the least.'
    """
    answers = []
    for k, a, b in WIDTHS:
        try:
            answer = yours(k, a, b)
        except Exception as error:
            return _raised(error)
        if answer is None:
            return "Not answered yet: your function returns None."
        if not isinstance(answer, int | float | np.number) or not float(answer).is_integer():
            return f"Not yet: a width is a whole number of bits; you give {answer!r}."
        answers.append(int(answer))
    for i, ((k, a, b), given) in enumerate(zip(WIDTHS, answers, strict=True)):
        right = least_width(k, a, b)
        if given != right:
            known = {why: wrong(*WIDTHS[i]) for why, wrong in WRONG_WIDTHS.items()
                     if [wrong(*each) for each in WIDTHS] == answers}
            case = f"{k} product{'s' * (k > 1)} of {_name(a)} and {_name(b)}"
            lo, hi = extremes(k, a, b)
            worst = hi if hi >= 2 ** (given - 1) else lo
            seen = (f"the sum can be {worst:,}, which wraps in {given} bits" if given < right else
                    f"{given} bits never wrap, but {right} bits do not either")
            return f"Not yet: {case}: {seen}. {next(iter(known), 'Find the least')}."
    return "Right: no codes can make these accumulators wrap, and one bit less would wrap for some."


def extremes(k: int, a: IntGrid, b: IntGrid) -> tuple[int, int]:
    """The smallest and the largest sum of k products of codes.

    >>> extremes(2, INT8, INT8), extremes(2, INT8, NARROW8)
    ((-32512, 32768), (-32512, 32512))
    """
    products = [p * q for p in (a.qmin, a.qmax) for q in (b.qmin, b.qmax)]
    return k * min(products), k * max(products)


def least_width(k: int, a: IntGrid, b: IntGrid) -> int:
    """The least w with -2**(w - 1) <= every sum <= 2**(w - 1) - 1.

    >>> least_width(2, INT8, INT8), least_width(2, INT8, NARROW8)
    (17, 16)
    """
    lo, hi = extremes(k, a, b)
    return max((-lo - 1).bit_length() if lo < 0 else 0, hi.bit_length()) + 1


def _name(grid: IntGrid) -> str:
    return f"{'' if grid.signed else 'u'}int{grid.bits}{' narrow' * grid.narrow}"


def _most(a: IntGrid, b: IntGrid) -> int:
    return max(-a.qmin, a.qmax) * max(-b.qmin, b.qmax)


WIDTHS = tuple((k, a, b) for a, b in ((INT8, INT8), (INT8, NARROW8), (UINT8, INT8), (UINT8, UINT8), (UINT4, NARROW4),
                                      (UINT2, INT4), (INT16, INT8)) for k in (1, 2, 3, 64, 1000, 4096, 70_000))
WRONG_WIDTHS: dict[str, Callable[[int, IntGrid, IntGrid], int]] = {
    "The sign takes a bit, too": lambda k, a, b: least_width(k, a, b) - 1,
    "2**(w - 1) itself does not fit into w bits: where the bound is a power of two, log2 is one short":
        lambda k, a, b: (k * _most(a, b) - 1).bit_length() + 1,
    "Adding up bits is safe and too wide; take the ends of the grids": lambda k, a, b: a.bits + b.bits
        + (k - 1).bit_length(),
    "You take one product. All k of them may be the largest": lambda _, a, b: least_width(1, a, b),
    "Only the largest codes enter. The lowest times the lowest is larger, the lowest times the highest is negative":
        lambda k, a, b: (k * a.qmax * b.qmax).bit_length() + 1,
    "You count 2**bits codes: the ends are qmin and qmax":
        lambda k, a, b: (k * 2 ** (a.bits + b.bits)).bit_length() + 1,
}


# ---------------------------------------------------------------------------------------------- exercise 3

def one_rounding(yours: Callable[..., Any]) -> str:
    """Exercise 3: whether yours(acc, mantissa, shift, zero_point, qmin, qmax) is R14: one exact rounding, ties to even.

    acc is an int64 array, the rest are Python integers, and the shift is at most 0.

    >>> one_rounding(lambda acc, mantissa, shift, zero_point, qmin, qmax: acc * mantissa >> (31 - shift))[:76]
    'Not yet: acc 1, m = 0.75, zero point 0 on [-128, 127]: you give 0, R14 gives'
    """
    differs: list[tuple[int, int]] = []
    answers = []
    for i, (acc, mantissa, shift, zero_point, grid) in enumerate(ROUNDINGS):
        try:
            answer = yours(acc.copy(), mantissa, shift, zero_point, grid.qmin, grid.qmax)
        except Exception as error:
            return _raised(error)
        if answer is None:
            return "Not answered yet: your function returns None."
        given = np.asarray(answer)
        if given.shape != acc.shape:
            return f"Not yet: one code for each accumulator, shape {acc.shape}; yours has shape {given.shape}."
        off = given != requantize(acc, mantissa, shift, zero_point, grid)
        differs += [(i, int(j)) for j in np.nonzero(off)[0][:1]]
        answers.append(given)
    if differs:
        why = next((why for why, wrong in WRONG_ROUNDINGS.items() if all(
            np.array_equal(given, wrong(acc, *rest, grid.qmin, grid.qmax))
            for given, (acc, *rest, grid) in zip(answers, ROUNDINGS, strict=True))),
            "Start from the exact product acc * mantissa, and round it once, by 31 - shift bits")
        i, j = differs[0]
        acc, mantissa, shift, zero_point, grid = ROUNDINGS[i]
        right = requantize(acc, mantissa, shift, zero_point, grid)[j]
        return (f"Not yet: acc {acc[j]}, m = {mantissa * 2.0 ** (shift - 31):.6g}, zero point {zero_point} on "
                f"[{grid.qmin}, {grid.qmax}]: you give {answers[i][j]}, R14 gives {right}. {why}.")
    floats = [given.dtype for given in answers if not np.issubdtype(given.dtype, np.integer)]
    if floats:
        return f"Not yet: the numbers are right, but their dtype is {floats[0]}. Integers only."
    return "Right: one rounding of the exact product, ties to even, saturated, and no floating point (R14)."


def _half(n: int) -> int:
    return 1 << (n - 1)


def _away(p: Array, n: int) -> Array:
    return np.asarray(half_away(p * Fraction(1, 2**n))).astype(np.int64)


def _even(p: Array, n: int) -> Array:
    return np.asarray((p + (_half(n) - 1) + (p >> n & 1)) >> n)


def _twice(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
    """Both roundings to the nearest, ties to even."""
    high = _even(acc * mantissa, 31)
    return np.asarray(np.clip((_even(high, -shift) if shift else high) + zero_point, qmin, qmax))


def _gemmlowp(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
    steps = requantize_gemmlowp(acc, mantissa, shift, 0, INT32).astype(np.int64)
    return np.asarray(np.clip(steps + zero_point, qmin, qmax))


def _by_float(real: Any) -> Callable[..., Array]:
    def rounded(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
        steps = np.rint(acc.astype(real) * real(mantissa * 2.0 ** (shift - 31)))
        return np.asarray(np.clip(steps.astype(np.int64) + zero_point, qmin, qmax))
    return rounded


def _with(round_: Callable[[Array, int], Array]) -> Callable[..., Array]:
    def rounded(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
        return np.asarray(np.clip(round_(acc * mantissa, 31 - shift) + zero_point, qmin, qmax))
    return rounded


def _product32(acc: Array, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Array:
    wrapped = (acc * mantissa).astype(np.int32).astype(np.int64)
    return np.asarray(np.clip(_even(wrapped, 31 - shift) + zero_point, qmin, qmax))


WRONG_ROUNDINGS: dict[str, Callable[..., Array]] = {
    "You cut off: a shift to the right is floor, not round": _with(lambda p, n: p >> n),
    "You cut off towards zero; round to the nearest": _with(lambda p, n: np.sign(p) * (np.abs(p) >> n)),
    "Your ties go up. R14: to the even integer": _with(lambda p, n: (p + _half(n)) >> n),
    "Your ties go away from zero. R14: to the even integer": _with(_away),
    "You round twice, as gemmlowp does: first by 31 bits, then by the shift. Round the whole product once": _gemmlowp,
    "You round twice: first by 31 bits, then by the shift. Round the whole product once": _twice,
    "You add the zero point before rounding, and an odd one sends ties the other way (R5)":
        lambda acc, mantissa, shift, zero_point, *ends: np.clip(
            _even(acc * mantissa + (zero_point << (31 - shift)), 31 - shift), *ends),
    "The zero point is missing": lambda acc, mantissa, shift, _, *ends: np.clip(
        _even(acc * mantissa, 31 - shift), *ends),
    "Saturation is missing: clip to qmin and qmax": lambda acc, mantissa, shift, zero_point, *_:
        _even(acc * mantissa, 31 - shift) + zero_point,
    "You clip before adding the zero point; clip last": lambda acc, mantissa, shift, zero_point, *ends: np.clip(
        _even(acc * mantissa, 31 - shift), *ends) + zero_point,
    "That is float64: the product has up to 62 bits, and float64 holds 53": _by_float(np.float64),
    "That is float32: the product has up to 62 bits, and float32 holds 24": _by_float(np.float32),
    "The product wraps at 32 bits: it needs int64": _product32,
}

# acc * mantissa * 2**-54 lies so near to 39.5, 42.5, 50.5, 53.5 that float64 takes it for a tie
NEAR_TIES = ((459786626, 1547606435), (686359449, 1115467905), (734835333, 1238001337), (656513617, 1468012689))
_SMALL = np.arange(-400, 401, dtype=np.int64)
ROUNDINGS: tuple[tuple[Array, int, int, int, IntGrid], ...] = (
    (np.array([1, 2, 3, 5, 7, 21, 23, -5, -7, -21, 245, -245], np.int64), 3 << 29, 0, 0, INT8),
    (_SMALL, 1 << 30, 0, 0, INT8),
    (_SMALL, 1 << 30, -1, 3, UINT8),
    (_SMALL, 3 << 29, -4, -1, INT4),
    (_SMALL * 5_000_011, 1_518_500_251, -23, 7, UINT8),
    *((np.array([acc, -acc], np.int64), mantissa, -23, 1, INT8) for acc, mantissa in NEAR_TIES),
)
