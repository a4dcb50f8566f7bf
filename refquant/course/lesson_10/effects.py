"""Lesson 10, exercise 1: a paired effect, and an interval that allows for overlapping splits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...study.stats import Estimate, estimate, t_quantile
from ..answers import ask, mistake

Array: TypeAlias = NDArray[Any]
Scores: TypeAlias = Mapping[int, float]
OVERLAP = 540 / 1257
#: Seeds in different orders, some of which only one side has.
PROBES: tuple[tuple[Scores, Scores, float], ...] = (
    ({0: 0.95, 1: 0.97, 2: 0.96, 3: 0.94}, {3: 0.93, 2: 0.91, 1: 0.955, 0: 0.955}, OVERLAP),
    ({4: 0.9, 7: 0.875, 3: 0.7, 5: 0.95, 6: 0.8, 9: 0.85, 2: 0.97},
     {5: 0.92, 4: 0.91, 8: 0.6, 6: 0.75, 9: 0.8, 7: 0.85}, 0.25),
)


def paired(yours: Callable[[Scores, Scores, float], Any]) -> str:
    """Exercise 1: whether yours(first, second, overlap) is the paired effect in points and its corrected half-width.

    >>> paired(lambda first, second, overlap: (0.0, 1.0))
    'Not yet: the effect is 0.00 points; it should be 1.75. Subtract within each seed, then take the mean.'
    """
    for first, second, overlap in PROBES:
        answer, message = ask(yours, dict(first), dict(second), overlap, hints={
            KeyError: "Some seeds are only on one side; use those that both sides have."}, arrays=2)
        if message:
            return message
        if not (isinstance(answer, tuple | list) and len(answer) == 2 and all(np.ndim(part) == 0 for part in answer)):
            return "Not yet: return two numbers, the effect and the half-width."
        right, means, halves = mistaken_effects(first, second, overlap)
        for name, given, target, mistakes, hint in (
                ("effect", float(answer[0]), right.mean, means, "Subtract within each seed, then take the mean."),
                ("half-width", float(answer[1]), right.half_width or 0.0, halves, "It is t s sqrt(1/n + overlap).")):
            if not math.isclose(given, target, rel_tol=1e-6, abs_tol=1e-9):
                why = mistake(mistakes, partial(math.isclose, given, rel_tol=1e-6), hint)
                return f"Not yet: the {name} is {given:.2f} points; it should be {target:.2f}. {why}"
    return "Right: the effect is paired, and its interval allows for the test images that the seeds share."


def mistaken_effects(first: Scores, second: Scores, overlap: float) -> tuple[Estimate, dict[str, float],
                                                                             dict[str, float]]:
    """The right estimate; each known mistake's effect, and each known mistake's half-width, by what is wrong.

    >>> right, means, halves = mistaken_effects(*PROBES[0])
    >>> round(right.mean, 2), round(right.half_width, 2)
    (1.75, 6.11)
    """
    seeds = [seed for seed in first if seed in second]
    a, b = (100 * np.array([side[seed] for seed in seeds]) for side in (first, second))
    in_order = 100 * np.array([x - y for x, y in zip(first.values(), second.values(), strict=False)])
    every = 100 * np.array([first.get(seed, 0) - second.get(seed, 0) for seed in sorted({*first, *second})])
    unpaired = 100 * (float(np.mean(list(first.values()))) - float(np.mean(list(second.values()))))
    means = _mistaken_means(a, b) | {
        "A seed that only one side has is no pair; leave it out.": float(every.mean()),
        "That is the difference of two means over different seeds; use the seeds that both sides have.": unpaired,
        "The two sides list their seeds in different orders; pair by seed, not by place.": float(in_order.mean()),
    }
    return estimate((a - b).tolist(), overlap), means, _mistaken_halves(a, b, in_order[:len(seeds)], overlap)


def _mistaken_means(a: Array, b: Array) -> dict[str, float]:
    """What each mistake makes of the effect of a over b, the scores of the same seeds."""
    d = a - b
    return {
        "You subtracted the first from the second.": -float(d.mean()),
        "That is a share; points are hundredths.": float(d.mean()) / 100,
        "You took the sizes of the differences; their signs count.": float(np.abs(d).mean()),
        "That is the median; take the mean.": float(np.median(d)),
        "That is relative, in percent of the second; points are plain differences.": float((100 * d / b).mean()),
    }


def _mistaken_halves(a: Array, b: Array, in_order: Array, overlap: float) -> dict[str, float]:
    """What each mistake makes of the half-width; in_order: the differences by place instead of by seed."""
    d, n, t = a - b, a.size, t_quantile(a.size - 1)
    s, root = float(d.std(ddof=1)), math.sqrt(1 / n + overlap)
    return {
        "The seeds share test images: add the overlap to 1/n.": t * s / math.sqrt(n),
        "s divides by n - 1, not by n (ddof=1).": t * float(d.std()) * root,
        "t has n - 1 degrees of freedom, not n.": t_quantile(n) * s * root,
        "t is missing.": s * root,
        "1.96 is t for endlessly many seeds; take t_quantile(n - 1).": 1.96 * s * root,
        "The root is missing: sqrt(1/n + overlap).": t * s * root**2,
        "The overlap belongs under the root.": t * s * (1 / math.sqrt(n) + overlap),
        "That is s squared; take the standard deviation.": t * s**2 * root,
        "That is a share; points are hundredths.": t * s * root / 100,
        "That is the whole width; give half of it.": 2 * t * s * root,
        "That is the spread of unpaired scores; take s of the differences.":
            t * math.sqrt(a.var(ddof=1) + b.var(ddof=1)) * root,
        "The two sides list their seeds in different orders; pair by seed, not by place.":
            t * float(in_order.std(ddof=1)) * root,
    }
