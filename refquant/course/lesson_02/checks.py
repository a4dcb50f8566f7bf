"""Checks for lesson 02, affine or symmetric. Each returns "Right: ...", "Not yet: ..." or "Not answered yet: ..."."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...affine import fake_quantize
from ...clipping import minmax
from ...grids import INT4, Grid
from ...metrics import sqnr_db
from ...ranges import affine_params, symmetric_params
from ..answers import ask, mistake, unfit

Array: TypeAlias = NDArray[Any]


def symmetric(lo: float, hi: float, grid: Grid, scale: Any, zero_point: Any) -> str:
    """Exercise 1: whether scale and zero_point are the symmetric ones of [lo, hi] on the grid, worked out by hand.

    >>> symmetric(-1.4, 0.7, INT4, scale=1.4 / 8, zero_point=0)
    'Not yet: there are 8 steps below the zero point and only 7 above it. Take the fewer, or one end saturates (R10).'
    """
    if message := unfit({"scale": scale, "zero_point": zero_point}, single=True):
        return message
    expected = symmetric_params(lo, hi, grid)
    middle = int(expected.zero_point)
    below, above = middle - grid.qmin, grid.qmax - middle
    if not np.isclose(scale, expected.scale, rtol=1e-6, atol=0):
        return f"Not yet: {_wrong_scale(lo, hi, below, above, scale)}"
    if zero_point != middle:
        return f"Not yet: {_wrong_zero_point(zero_point, middle, grid)}"
    fewer = min(below, above)
    return f"Right: scale {float(expected.scale):.3g} and zero_point {middle}; {fewer} steps reach each end."


def _wrong_scale(lo: float, hi: float, below: int, above: int, scale: float) -> str:
    """What is wrong with a scale; below and above count the steps on both sides of the zero point."""
    a, fewer = max(abs(lo), abs(hi)), min(below, above)
    return mistake({
        f"there are {below} steps below the zero point and only {above} above it. Take the fewer, or one end "
        "saturates (R10).": a / max(below, above),
        "half of all steps is no whole number: a then lies half a step beyond the highest code. Take the steps of the "
        "shorter side (R10).": 2 * a / (below + above),
        "the steps on both sides of 0.0 cover [-a, a], which is twice as wide as a (R10).": a / (below + above),
        "that is the affine scale (R9). The symmetric one covers [-a, a], not [lo, hi].": (hi - lo) / (below + above),
        "the range must be widened to [-a, a] first, where a is the longer side (R10).": (hi - lo) / 2 / fewer,
        "that is the shorter side of the range. The longer one would saturate.": min(abs(lo), abs(hi)) / fewer,
        "that is steps per real. The scale is reals per step: turn it upside down.": fewer / a,
    }, lambda wrong: np.isclose(scale, wrong, rtol=1e-6, atol=0),
        "the scale is the longer side of the range, divided by the number of steps on that side (R10).")


def _wrong_zero_point(zero_point: float, middle: int, grid: Grid) -> str:
    """What is wrong with a zero point whose scale is right."""
    if zero_point != np.rint(zero_point):
        return "the zero point is a code, so it is an integer. There is no half code."
    if grid.qmin < 0:
        return "symmetric means that the zero point is 0 on a signed grid (R10)."
    if zero_point == grid.qmin:
        return "with zero point 0 an unsigned grid has no code for negative reals. Put it in the middle (R10)."
    if zero_point == middle - 1:
        return f"of the two codes in the middle R10 takes the upper one; you took {int(zero_point)}."
    return "an unsigned grid has its symmetric zero point in the middle, (qmin + qmax + 1) // 2 (R10)."


def folded(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(bias, q_w, z_x) is the bias with which raw codes need no zero point any more.

    >>> folded(lambda bias, q_w, z_x: bias + z_x * q_w.sum(axis=0))
    'Not yet: you add the correction; subtract it. For column 0 you give 1068, not 932.'
    """
    given = np.zeros(0)
    for bias, q_w, z_x in PROBES:
        b, w = bias.copy(), q_w.copy()
        with np.errstate(all="ignore"):
            answer, message = ask(yours, b, w, z_x, hints=HINTS, arrays=1)
        if message:
            return message
        if not (np.array_equal(b, bias) and np.array_equal(w, q_w)):
            return "Not yet: your function wrote to what it was passed. Return a new array."
        given = np.asarray(answer)
        message = _wrong_fold(given, bias, q_w, z_x)
        if message:
            return f"Not yet: {message}"
    if given.dtype.kind not in "iu":
        return f"Not yet: the values are right, but accumulators are integers, and yours {given.dtype}."
    return "Right: (q_x - z_x) @ q_w + bias is q_x @ q_w + your bias, for every q_x."


def _wrong_fold(given: Array, bias: Array, q_w: Array, z_x: int) -> str:
    """What is wrong with a folded bias; nothing if it is right."""
    if given.shape == q_w.shape[:1]:
        return "you sum over the columns of q_w, one number per row. Sum over the rows (axis 0)."
    if given.shape != bias.shape:
        return f"one number per column of q_w, shape {bias.shape}; yours has shape {given.shape}."
    right = bias - z_x * q_w.sum(axis=0, dtype=np.int64)
    if np.array_equal(given, right):
        return ""
    j = int(np.argmax(given != right))
    why = mistake(mistakes(bias, q_w, z_x), lambda wrong: np.array_equal(given, wrong),
                  "expand (q_x - z_x) @ q_w; the terms without q_x go into the bias")
    return f"{why}. For column {j} you give {given[j]:.8g}, not {right[j]}."


HINTS: dict[type[Exception], str] = {
    OverflowError: "int8 is too narrow for what you compute. Sum first, or widen the codes.",
    ValueError: "The bias has one number per column of q_w. Sum q_w over its rows (axis 0).",
}


def mistakes(bias: Array, q_w: Array, z_x: int) -> dict[str, Array]:
    """The folded bias of each known wrong formula, by what is wrong with it.

    >>> table = mistakes(np.int32([100]), np.int8([[1], [2]]), 10)
    >>> table["you add the correction; subtract it"]
    array([130])
    """
    sums = q_w.sum(axis=0, dtype=np.int64)
    return {
        "you return the bias as it came": bias,
        "you add the correction; subtract it": bias + z_x * sums,
        "you leave the bias out; subtract the correction from it": -z_x * sums,
        "you leave z_x out; multiply the column sums by it": bias - sums,
        "you subtract the constant K * z_x; the weights differ from column to column": bias - z_x * len(q_w),
        "you take means; take sums": bias - z_x * q_w.mean(axis=0),
        "your sums wrap round in int8; sum in a wider type": bias - z_x * q_w.sum(axis=0, dtype=np.int8).astype(int),
        "your products wrap round in int8; widen the codes": bias - (np.array(z_x).astype(np.int8) * q_w).sum(axis=0),
        "your sums wrap round in int16; sum in a wider type":
            bias - (z_x * sums).astype(np.int16).astype(np.int64),
    }


PROBES: tuple[tuple[Array, Array, int], ...] = (
    (np.array([1000, -500], np.int32), np.array([[3, -7], [20, 5], [-6, 11]], np.int8), 4),
    (np.array([7, -9, 0, 1], np.int32), np.full((300, 4), np.arange(-128, -124), np.int8), 200),
)


def adversary(x: Any) -> str:
    """Exercise 3: whether INT4 is at least 6 dB worse on x with affine parameters than with symmetric ones.

    >>> adversary([-1.0, -0.7, -0.4, -0.1, 0.1, 0.4, 0.7, 1.0])
    'Not yet: symmetric 27.64 dB, affine 23.96 dB. Where do the symmetric codes stand? Put the values there.'
    """
    if message := unfit({"x": x}):
        return message
    values = np.asarray(x, np.float64).ravel()
    if not np.isfinite(values).all():
        return "Not yet: every value of x must be finite."
    if len(np.unique(values)) < 8:
        return f"Not yet: give at least 8 different values; you give {len(np.unique(values))}."
    lo, hi = minmax(values)
    sym, aff = (sqnr_db(values, fake_quantize(values, fit(lo, hi, INT4))) for fit in (symmetric_params, affine_params))
    measured = f"symmetric {sym:.2f} dB, affine {aff:.2f} dB"
    if sym - aff >= 6:
        where = "All values stand" if sym > 100 else "Not all values stand"
        return (f"Right: {measured}. The symmetric codes fit these values, the affine ones miss them. "
                f"{where} on the symmetric ticks.")
    if lo >= 0 or hi <= 0:
        return f"Not yet: {measured}. On data on one side of 0 affine gains a bit. Let x reach to both sides."
    if not 14 / 15 < -lo / hi < 15 / 14:
        return (f"Not yet: {measured}. Your ends {lo:.4g} and {hi:.4g} are not equally far from 0, so affine has "
                "the finer step. Make them equally far.")
    if aff > 100:
        return f"Not yet: {measured}. Your values stand where the affine codes stand; choose the symmetric ones."
    return f"Not yet: {measured}. Where do the symmetric codes stand? Put the values there."
