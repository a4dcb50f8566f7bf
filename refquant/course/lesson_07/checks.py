"""Checks for lesson 07, training with quantization: each says Right, Not yet or Not answered yet, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...gradients import lsq, straight_through
from ...grids import INT4, INT8, Grid, IntGrid
from ..answers import ask, mistake, unfit

Array: TypeAlias = NDArray[Any]

SCALE, VALUES = 0.5, np.array([3.6, 0.6, -4.1, -4.3])
STEPS = 5000


def slopes(dx_ste: Any, dx_lsq: Any, dscale: Any) -> str:
    """Exercise 1: the gradients of VALUES on INT4 with scale 0.5 and g = 1, worked out by hand.

    >>> slopes([1, 1, 1, 0], [0, 1, 0, 0], [7, 0.2, -8, -8])
    'Not yet: in dscale the residual has the wrong sign: inside it is round(v) - v, v = x/scale. See x = 0.6.'
    """
    if message := unfit({"dx_ste": dx_ste, "dx_lsq": dx_lsq, "dscale": dscale}):
        return message
    for answer, gradient in zip((dx_ste, dx_lsq, dscale), GRADIENTS, strict=True):
        given = np.asarray(answer, float)
        if given.shape != VALUES.shape:
            return (f"Not yet: {gradient.name} holds one number for each of the four values; yours has shape "
                    f"{given.shape}.")
        off = ~np.isclose(given, gradient.right, rtol=0, atol=1e-6)
        if off.any():
            at = int(np.argmax(off))
            return f"Not yet: in {gradient.name} {_wrong_slope(given, at, gradient.mistakes)}. See x = {VALUES[at]}."
    return (f"Right: dx of -4.1 is 1 straight-through and 0 by LSQ. The sum of dscale is "
            f"{GRADIENTS[2].right.sum():.1f}, so gradient descent makes the scale larger.")


class Gradient(NamedTuple):
    """What exercise 1 asks for, and what each known mistake makes of it."""

    name: str
    right: Array
    mistakes: dict[str, Array]


def _gradients() -> tuple[Gradient, Gradient, Gradient]:
    """The three gradients of VALUES on INT4: v = x/scale, l <= round(v) <= h or l < v < h."""
    v, l, h = VALUES / SCALE, INT4.qmin, INT4.qmax
    q, inside = np.rint(v), (v > l) & (v < h)
    by_code, ends = (q >= l) & (q <= h), np.clip(q, l, h)
    right = np.where(inside, q - v, ends)
    return (
        Gradient("dx_ste", by_code.astype(float), {
            "you test x/scale before rounding; straight-through looks at the rounded code (R15)": inside,
            "you give g everywhere; where the code was clipped, dx is 0 (R15)": np.ones(4),
            "you multiply by the scale; x_hat moves as much as x does": by_code * SCALE,
            "you divide by the scale; x_hat moves as much as x does": by_code / SCALE}),
        Gradient("dx_lsq", inside.astype(float), {
            "you test the rounded code; LSQ tests x/scale before rounding": by_code,
            "you give g everywhere; where x/scale lies outside, dx is 0": np.ones(4)}),
        Gradient("dscale", right, {
            "the residual has the wrong sign: inside it is round(v) - v, v = x/scale": np.where(inside, v - q, ends),
            "you test the rounded code; LSQ tests x/scale before rounding": np.where(by_code, q - v, ends),
            "inside the range the residual is missing: a larger scale also lowers v = x/scale": ends,
            "beyond the range the gradient is not 0: x_hat = scale * qmin or scale * qmax moves with the scale":
                np.where(inside, q - v, 0),
            "you give reals; the residual and the ends are counted in steps": right * SCALE,
            "the ends have the wrong sign": np.where(inside, q - v, -ends)}))


GRADIENTS = _gradients()


def _wrong_slope(given: Array, at: int, mistakes: dict[str, Array]) -> str:
    """The mistake that gives all four numbers, or the one that is wrong first."""
    v = VALUES[at] / SCALE
    one = mistake({f"in one place {why}": wrong for why, wrong in mistakes.items()},
                  lambda wrong: np.isclose(given[at], wrong[at]),
                  f"{given[at]:g} is wrong: v = x/scale is {v:g}, round(v) is {np.rint(v):g}, and the codes go from "
                  f"{INT4.qmin} to {INT4.qmax}")
    return mistake(mistakes, partial(np.allclose, given, rtol=0, atol=1e-6), one)


def learned(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(g, x, scale, qmin, qmax) is the pullback of LSQ: the gradients of x and of the scale.

    >>> learned(lambda g, x, scale, qmin, qmax: (g, 0.0))
    'Not yet: dx: you give g everywhere. Where x/scale lies outside (qmin, qmax), dx is 0.'
    """
    for g, x, scale, grid in PROBES:
        answer, message = ask(yours, g.copy(), x.copy(), scale, grid.qmin, grid.qmax, arrays=2)
        if message:
            return message
        if not (isinstance(answer, tuple | list) and len(answer) == 2):
            return "Not yet: return two things, dx and dscale."
        dx, dscale = np.asarray(answer[0]), np.asarray(answer[1])
        if dx.shape != x.shape:
            return f"Not yet: dx has the shape of x, {x.shape}; yours has {dx.shape}."
        if dscale.shape == x.shape:
            return "Not yet: all of x shares one scale, so the contributions to dscale add up. Sum them."
        if dscale.shape != ():
            return f"Not yet: dscale is one number; yours has shape {dscale.shape}."
        for i, (name, given, right) in enumerate(zip(("dx", "dscale"), (dx, dscale), lsq(x, scale, 0, grid)[1](g),
                                                     strict=True)):
            equal = partial(np.allclose, given, rtol=1e-6, atol=1e-9)
            if not equal(right):
                mistakes = {why: wrong for why, pair in wrong_pullbacks(g, x, scale, grid).items()
                            if (wrong := pair[i]) is not None}
                why = mistake(mistakes, equal, "the values are wrong. Write down x_hat inside and outside, and "
                                               "differentiate each")
                return f"Not yet: {name}: {why}."
    return "Right: this is rq.lsq's pullback, and the exact derivative of the surrogate."


def wrong_pullbacks(g: Array, x: Array, scale: float, grid: Grid) -> dict[str, tuple[Array | None, Array | None]]:
    """(dx, dscale) of each known mistake, by what is wrong; None where the mistake leaves that one right.

    >>> table = wrong_pullbacks(np.array([1.0, 1.0]), np.array([0.3, 9.0]), 1.0, INT4)
    >>> table["you give g everywhere. Where x/scale lies outside (qmin, qmax), dx is 0"][0]
    array([1., 1.])
    """
    v = x / scale
    q, inside = np.rint(v), (v > grid.qmin) & (v < grid.qmax)
    by_code, ends = (q >= grid.qmin) & (q <= grid.qmax), np.clip(q, grid.qmin, grid.qmax)
    each, closed = np.where(inside, ends - v, ends), (v >= grid.qmin) & (v <= grid.qmax)
    between = (q > grid.qmin) & (q < grid.qmax)
    return {
        "you give g everywhere. Where x/scale lies outside (qmin, qmax), dx is 0": (g, None),
        "you count x/scale = qmin or qmax, exactly on an end, as inside. LSQ takes qmin < x/scale < qmax as inside":
            (g * closed, np.sum(g * np.where(closed, q - v, ends))),
        "you test the rounded code. LSQ tests x/scale before rounding":
            (g * by_code, np.sum(g * np.where(by_code, q - v, ends))),
        "you count a value as outside where its rounded code is an end. LSQ tests x/scale before rounding":
            (g * between, np.sum(g * np.where(between, q - v, ends))),
        "you give 0. The scale is a parameter: x_hat depends on it": (None, np.float64(0)),
        "you compare x with qmin and qmax. They count steps: compare x/scale":
            (g * ((x > grid.qmin) & (x < grid.qmax)), None),
        "you leave out the gradient g of x_hat": (inside * 1.0, np.sum(each)),
        "the residual has the wrong sign. It is round(v) - v": (None, np.sum(g * np.where(inside, v - q, ends))),
        "beyond the range you give 0. There x_hat = scale * qmin or scale * qmax, which moves with the scale":
            (None, np.sum(g * np.where(inside, q - v, 0))),
        "inside the range you give round(v) alone. A larger scale also lowers v, so subtract v":
            (None, np.sum(g * ends)),
        "you take the mean. The contributions add up": (None, np.mean(g * each)),
        "you multiply by the scale. Residual and ends count steps": (None, np.sum(g * each) * scale),
        "you apply the gradient scale 1/sqrt(N * qmax). That belongs to the optimiser":
            (None, np.sum(g * each) / np.sqrt(x.size * grid.qmax)),
    }


def _probe(seed: int, scale: float, grid: Grid) -> tuple[Array, Array, float, Grid]:
    rng = np.random.default_rng(seed)
    near_ends = [grid.qmax + 0.3, grid.qmin - 0.3, grid.qmax + 5.0, grid.qmin - 5.0]
    x = scale * np.r_[rng.uniform(grid.qmin, grid.qmax, 8), near_ends]
    return rng.standard_normal(x.size), x, scale, grid


PROBES = (_probe(1, 3.0, IntGrid(2, narrow=True)), _probe(0, 0.25, INT4), _probe(2, 0.01, INT8),
          (np.arange(1.0, 5.0), np.array([3.5, -4.0, 0.6, 9.0]), 0.5, INT4))  # exactly on the ends


def hovering(target: Any, start: Any, lr: Any) -> str:
    """Exercise 3: whether the weight that straight-through trains has at least 20 times the loss of the best code.

    >>> hovering(0.1, 0.3, 0.05)
    'Not yet: the mean loss is 0.0900, 9.0 times the loss 0.0100 of the best code. Choose w* nearer to a code.'
    """
    if message := unfit({"target": target, "start": start, "lr": lr}, single=True):
        return message
    if not all(np.isfinite([target, start, lr])):
        return "Not yet: all three must be finite."
    if lr <= 0:
        return "Not yet: the learning rate must be positive."
    if max(abs(target), abs(start)) > 100:
        return "Not yet: stay on the codes of INT8, between -100 and 100."
    best = float((np.rint(target) - target) ** 2)
    if best < 1e-12:
        return "Not yet: w* is a code. This code has no loss at all, and once w gets there nothing moves it."
    w, losses, upper, farthest = float(start), [], 0, 0.0
    for step in range(STEPS):
        w_hat, pullback = straight_through(np.asarray(w), 1.0, 0, INT8)
        if step >= STEPS // 2:
            losses.append(float((w_hat - target) ** 2))
            upper += bool(w_hat > target)
        w -= lr * float(pullback(2 * (w_hat - target)))
        farthest = max(farthest, abs(w - target))
    mean = float(np.mean(losses))
    measured = f"the mean loss is {mean:.4f}, {mean / best:.1f} times the loss {best:.4f} of the best code"
    if farthest > abs(start - target) + 1:
        return f"Not yet: {measured}, but your w jumps over whole codes. Take a smaller lr."
    if upper in (0, len(losses)):
        return (f"Not yet: {measured}. In the second half w never changed its code: it has not reached the edge yet. "
                "Start nearer to it, or take a larger lr.")
    if mean / best < 20:
        return f"Not yet: {measured}. Choose w* nearer to a code."
    return f"Right: {measured}. w* is only {abs(np.rint(target) - target):.3g} away from it, but w leaves this code."
