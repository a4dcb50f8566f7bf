"""Checks for lesson 03, where to clip. Each returns "Right: ...", "Not yet: ..." or "Not answered yet: ..."."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...affine import fake_quantize
from ...calibration import dynamic_params
from ...clipping import Clip, minmax, percentile
from ...grids import INT4, Grid
from ...metrics import sqnr_db
from ...ranges import symmetric_params
from ..answers import ask, mistake, unfit

Array: TypeAlias = NDArray[Any]


# ---------------------------------------------------------------------------------------------- two errors, by hand

def two_errors(x: ArrayLike, clip: float, grid: Grid, granular: Any, overload: Any) -> str:
    """Exercise 1: the granular and the overload part of the mean square error of x, clipped to [-clip, clip], by hand.

    >>> from refquant import IntGrid
    >>> two_errors([0.2, -0.6, 1.1, -2.5, 1.9], 1.5, IntGrid(3, narrow=True), granular=0.012, overload=0.58)
    'Not yet: the overload part is divided by the values outside alone. Divide both parts by all 5, then they add up.'
    """
    if message := unfit({"granular": granular, "overload": overload}, single=True):
        return message
    v = np.asarray(x, np.float64)
    right, wrong = parts(v, clip, grid), mistaken_parts(v, clip, grid)
    if np.allclose((granular, overload), right[::-1], rtol=1e-3, atol=0):
        return "Not yet: you swapped them. Granular is the rounding inside the range, overload what lies outside."
    for name, where, given, expected, table in zip(("granular", "overload"), ("in", "out"), (granular, overload), right,
                                                   wrong, strict=True):
        if not math.isclose(given, expected, rel_tol=1e-3):
            why = mistake(table, partial(math.isclose, given, rel_tol=1e-3),
                          f"the sum of (x - x_hat)**2 over the values {where}side the range, divided by {v.size}")
            return f"Not yet: the {name} part is {why}."
    return f"Right: {right[0]:.3g} and {right[1]:.3g}, together the mean square error {sum(right):.3g}."


def parts(x: Array, clip: float, grid: Grid) -> tuple[float, float]:
    """Granular and overload part of mean((x - x_hat)**2), symmetric on [-clip, clip].

    >>> from refquant import IntGrid
    >>> [round(part, 3) for part in parts(np.array([0.2, -0.6, 1.1, -2.5, 1.9]), 1.5, IntGrid(3, narrow=True))]
    [0.012, 0.232]
    """
    square, outside = (x - fake_quantize(x, symmetric_params(-clip, clip, grid))) ** 2, np.abs(x) > clip
    return float(np.sum(square[~outside]) / x.size), float(np.sum(square[outside]) / x.size)


def mistaken_parts(x: Array, clip: float, grid: Grid) -> tuple[dict[str, float], dict[str, float]]:
    """What each known mistake makes of the granular and of the overload part, by what is wrong with it."""
    right, outside, n, codes = parts(x, clip, grid), np.abs(x) > clip, x.size, 2**grid.bits
    scale = clip / grid.qmax
    error = np.abs(x - fake_quantize(x, symmetric_params(-clip, clip, grid)))
    free = x - scale * np.rint(x / scale)
    steps = {f"rounded with {k} steps from end to end. The codes {grid.qmin} to {grid.qmax} have {2 * grid.qmax}":
             x - 2 * clip / k * np.rint(x * k / (2 * clip)) for k in (codes, codes - 1)}
    both = "the whole error. Split it: which values lie inside the range, which outside"
    return {
        "a sum. Divide it by the number of values": n * right[0],
        f"divided by the values inside alone. Divide both parts by all {n}, then they add up":
            right[0] * n / max(int(np.sum(~outside)), 1),
        "a root mean square. Leave it squared, so that the parts add up": math.sqrt(right[0]),
        "a mean of absolute errors. Square them first": float(np.sum(error[~outside])) / n,
        "the model step**2 / 12. Here the values are few: measure them": scale**2 / 12,
        both: sum(right),
        **{why: float(np.sum(wrong[~outside] ** 2)) / n for why, wrong in steps.items()},
    }, {
        "a sum. Divide it by the number of values": n * right[1] if np.sum(outside) > 1 else math.nan,
        f"divided by the values outside alone. Divide both parts by all {n}, then they add up":
            right[1] * n / max(int(np.sum(outside)), 1),
        "a root mean square. Leave it squared, so that the parts add up": math.sqrt(right[1]),
        "a mean of absolute errors. Square them first": float(np.sum(error[outside])) / n,
        "taken from 0. What is lost is the distance from the end of the range": float(np.sum(x[outside] ** 2)) / n,
        "what would be left without saturation (R6): the codes end at the clip": float(np.sum(free[outside] ** 2)) / n,
        both: sum(right),
    }


# ---------------------------------------------------------------------------------------------- a rule of one's own

ENOUGH_DB = 15.0


def rule(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(x, axis=None) -> (lo, hi) is a clipping rule that broken values do not widen.

    >>> rule(lambda x, axis=None: (x.min(axis=axis), x.max(axis=axis)))
    'Not yet: you drop the reduced axis. For axis=-1 lo has shape (3,), not (3, 1): pass keepdims=axis is not None.'
    """
    x, broken = broken_data()
    found: list[tuple[Array, Array]] = []
    for axis in (None, -1):
        seen = x.copy()
        answer, message = ask(lambda x, axis=axis: yours(x, axis=axis), seen, arrays=2)
        if message:
            return message
        if not np.array_equal(seen, x):
            return "Not yet: your rule wrote to what it was passed. Make new arrays."
        answer = [*answer] if isinstance(answer, np.ndarray) and answer.ndim else answer
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            return "Not yet: a rule returns two things, lo and hi."
        found.append((np.asarray(answer[0], np.float64), np.asarray(answer[1], np.float64)))
        if why := _misshapen(found, axis, x.shape):
            return f"Not yet: {why}"
    return _judged(yours, *found[1], x, broken)


def _misshapen(found: list[tuple[Array, Array]], axis: int | None, shape: tuple[int, ...]) -> str:
    """What is wrong with the last range's shape or ends, or nothing."""
    expected = () if axis is None else (shape[0], 1)
    for name, end in zip(("lo", "hi"), found[-1], strict=True):
        if end.shape == expected:
            continue
        if axis is None:
            cure = ": pass keepdims=axis is not None" if end.shape == (1, 1) else ""
            return f"for axis=None lo and hi are single numbers; your {name} has shape {end.shape}{cure}."
        why = {(): "you ignore axis. For axis=-1 every row gets a range of its own.",
               (shape[0],): f"you drop the reduced axis. For axis=-1 {name} has shape {end.shape}, not {expected}: "
                            "pass keepdims=axis is not None.",
               (1, shape[1]): "you reduce over the wrong axis: axis holds the axes REDUCED over, so -1 gives one "
                              "range per row (R12)."}
        return why.get(end.shape, f"for axis=-1 the shape is {expected}; your {name} has {end.shape}.")
    lo, hi = found[-1]
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        return "lo or hi is not finite."
    return "lo is above hi. Did you swap them?" if (lo > hi).any() else ""


def _judged(yours: Clip, lo: Array, hi: Array, x: Array, broken: Array) -> str:
    """The verdict on ranges of the right shape: no wider than the data, and precise on what is not broken."""
    if np.ptp(lo) == 0 and np.ptp(hi) == 0:
        return "Not yet: all rows have the same range. Reduce with axis=axis, so that each has its own."
    smallest, largest = minmax(x, -1)
    rows = ("normal", "ReLU", "uniform")
    for i in np.flatnonzero((hi > np.maximum(largest, 0)) | (lo < np.minimum(smallest, 0))):
        return (f"Not yet: on the {rows[i]} row [{lo[i, 0]:.3g}, {hi[i, 0]:.3g}] is wider than the data, "
                f"[{smallest[i, 0]:.3g}, {largest[i, 0]:.3g}]. Spend no code outside the data's range: cut it with "
                "rq.minmax.")
    db = good_db(yours, x, broken)
    for i in np.flatnonzero(np.array(db) < ENOUGH_DB):
        good, far = x[i][~broken[i]], max(-lo[i, 0], hi[i, 0])
        measured = f"{db[i]:.1f} dB on the good values of the {rows[i]} row, less than {ENOUGH_DB:.0f}"
        if far > 1.5 * np.abs(good).max():
            return (f"Not yet: {measured}. Broken values still decide: the range reaches to {far:.3g}, the good values "
                    f"to {np.abs(good).max():.3g}. Two values in a hundred are broken, perhaps all on one side.")
        return (f"Not yet: {measured}. The range [{lo[i, 0]:.3g}, {hi[i, 0]:.3g}] cuts off "
                f"{np.mean((good > hi[i, 0]) | (good < lo[i, 0])):.0%} of them. Let it out.")
    given = good_db(partial(percentile, percent=99.9), x, broken)
    return "Right: " + ", ".join(f"{name} {mine:.1f} dB (percentile 99.9: {other:.1f})"
                                 for name, mine, other in zip(rows, db, given, strict=True)) + "."


def good_db(clip: Clip, x: Array, broken: Array) -> list[float]:
    """The SQNR in dB of each row's values that are not broken, each row quantized to INT4 on its own range."""
    x_hat = fake_quantize(x, dynamic_params(x, INT4, axis=-1, clip=clip))
    return [sqnr_db(row[~out], row_hat[~out]) for row, row_hat, out in zip(x, x_hat, broken, strict=True)]


def broken_data() -> tuple[Array, Array]:
    """Three rows of normal, ReLU and uniform values, and which are broken: two in a hundred of the first two rows.

    >>> x, broken = broken_data()
    >>> x.shape, broken.sum(axis=1)
    ((3, 2000), array([40, 40,  0]))
    """
    rng = np.random.default_rng(33)
    n, out = 2000, 40
    x = np.stack([rng.standard_normal(n), 5 * np.maximum(rng.standard_normal(n), 0), rng.uniform(-1, 1, n)])
    broken = np.zeros(x.shape, bool)
    for i, far in ((0, rng.uniform(30, 60, out) * rng.choice([-1, 1], out)), (1, rng.uniform(150, 300, out))):
        at = rng.choice(n, out, replace=False)
        x[i, at], broken[i, at] = far, True
    return x, broken


# ---------------------------------------------------------------------------------------------- a closed form

def triangular(yours: Callable[[int], Any]) -> str:
    """Exercise 3: whether yours(bits) is the a of least modelled error for the density 1 - |x| on [-1, 1].

    >>> triangular(lambda bits: 1 - 2.0**-bits)
    'Not yet: for 2 bits you give 0.75, not 0.6553. The slopes there do not cancel: granular 0.0312, overload -0.0104.'
    """
    given: list[float] = []
    for bits in range(2, 9):
        answer, message = ask(yours, bits)
        if message:
            return message
        try:
            given.append(float(answer))
        except (TypeError, ValueError):
            return f"Not yet: one number for each number of bits; yours is {type(answer).__name__}."
    right = np.array([triangular_width(bits) for bits in range(2, 9)])
    if np.allclose(given, right, rtol=0, atol=1e-4):
        return ("Right: (1 - a)**3 = a / 4**bits, so a is "
                f"{given[0]:.3f}, {given[1]:.3f}, {given[2]:.3f} ... for 2, 3, 4 ... bits.")
    if np.allclose(given, right, rtol=0, atol=5e-3):
        return "Not yet: nearly. You are within 0.005 of the minimum; search finer, to four places, or solve for it."
    why = mistake(MISTAKEN_WIDTHS, lambda wrong: np.allclose(
        given, [_where(partial(wrong, 4.0**bits)) for bits in range(2, 9)], rtol=0, atol=1e-3), "")
    if why:
        return f"Not yet: {why}."
    if not all(0 < a < 1 for a in given):
        return f"Not yet: the data lie in [-1, 1], so the clip lies between 0 and 1; yours are {np.round(given, 3)}."
    if np.ptp(given) < 1e-9:
        return "Not yet: with more bits the step is finer, so fewer values may be clipped: a depends on the bits."
    if np.any(np.diff(given) <= 0):
        return "Not yet: with more bits the minimum moves out; yours does not."
    return (f"Not yet: for 2 bits you give {given[0]:.4g}, not {right[0]:.4f}. The slopes there do not cancel: "
            f"granular {given[0] / 24:.3g}, overload {-2 / 3 * (1 - given[0]) ** 3:.3g}.")


def triangular_width(bits: int) -> float:
    """The root a of (1 - a)**3 = a / 4**bits: overload (1 - a)**4 / 6, granular a**2 / (3 * 4**bits).

    >>> round(triangular_width(4), 4)
    0.8508
    """
    return _where(lambda a: a / 4.0**bits - (1 - a) ** 3)


#: What is wrong, and the function of (4**bits, a) that rises through 0 at the a that it leads to.
MISTAKEN_WIDTHS: dict[str, Callable[[float, float], float]] = {
    "that is where the two parts are equal. The sum is least where their slopes cancel":
        lambda n, a: a**2 / (3 * n) - (1 - a) ** 4 / 6,
    "you count one tail. Both of them are clipped: the overload part is (1 - a)**4 / 6":
        lambda n, a: 2 * a / (3 * n) - (1 - a) ** 3 / 3,
    "your step is a / 2**bits. From -a to a it is twice that": lambda n, a: a / (4 * n) - (1 - a) ** 3,
    "your rounding error is step**2 / 4, the worst case. Its mean is step**2 / 12":
        lambda n, a: 3 * a / n - (1 - a) ** 3,
    "you divide by 2**bits - 1. The model of this lesson cuts [-a, a] into 2**bits steps":
        lambda n, a: a / (math.sqrt(n) - 1) ** 2 - (1 - a) ** 3,
    "your density is uniform. This one falls off to 0 at both ends: 1 - |x|":
        lambda n, a: 2 * a / (3 * n) - (1 - a) ** 2,
    "your overload part lacks the density: in it, (x - a)**2 is multiplied by 1 - x before it is integrated":
        lambda n, a: a / (3 * n) - (1 - a) ** 2,
    "your overload slope falls like (1 - a)**2. The overload part is (1 - a)**4 / 6, so its slope has (1 - a)**3":
        lambda n, a: a / n - (1 - a) ** 2,
    "you count 2**bits where 4**bits belongs: the step is squared": lambda n, a: a / math.sqrt(n) - (1 - a) ** 3,
}


def _where(f: Callable[[float], float]) -> float:
    """Where the rising f crosses 0, from 0 to 1, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if f(middle) > 0 else (middle, high)
    return (low + high) / 2
