"""Lesson 10, exercise 2: the rule that turns an interval into a verdict."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ...study.claims import Rule, verdict
from ...study.stats import Estimate
from ..answers import ask
from .predictions import WORDS

#: Effect, half-width, kind of rule and margin, in eighths, so that no rounding decides: first those with a point.
CASES: tuple[tuple[float, float | None, str, float], ...] = (
    (2.0, 1.0, "more", 0.5), (2.0, 3.0, "more", 0.5), (-2.0, 1.0, "more", 0.5), (0.0, 0.25, "more", 0.5),
    (9.0, None, "more", 0.5), (0.125, 0.5, "more", 0.5), (0.25, 0.125, "more", 0.5), (0.5, 0.125, "more", 0.5),
    (-0.5, 0.125, "more", 0.5), (0.0, 0.5, "more", 0.5), (2.0, 2.0, "more", 0.5), (-2.0, 2.0, "more", 0.5),
    (0.75, 0.25, "more", 1.0), (0.0, 0.25, "same", 0.5), (2.0, 1.0, "same", 0.5), (-2.0, 1.0, "same", 0.5),
    (0.0, 1.0, "same", 0.5), (0.0, 0.5, "same", 0.5), (1.0, 0.5, "same", 0.5), (-1.0, 0.5, "same", 0.5),
    (0.0, None, "same", 0.5),
    *((m / 8, h / 8, kind, margin) for m, h, kind, margin in itertools.product(
        range(-16, 17), range(17), ("more", "same"), (0.5, 1.0))),
)


def decided(yours: Callable[[float, float | None, str, float], Any]) -> str:
    """Exercise 2: whether yours(effect, half_width, kind, margin) is the decision rule, the boundaries included.

    >>> decided(lambda effect, half, kind, margin: "confirmed")
    "Not yet: effect 2, interval [-1, 5], kind 'more', margin 0.5: confirmed? It leaves the sign open: inconclusive."
    """
    for mean, half, kind, margin in CASES:
        interval = "no interval (one seed)" if half is None else f"interval [{mean - half:g}, {mean + half:g}]"
        case = f"effect {mean:g}, {interval}, kind {kind!r}, margin {margin:g}"
        word, message = ask(yours, mean, half, kind, margin)
        if message:
            return f"{message} The case: {case}."
        if not isinstance(word, str) or word not in WORDS:
            return f"Not yet: {case}: {word!r} is no verdict. Return {', '.join(WORDS[:-1])} or {WORDS[-1]}."
        right = verdict(Estimate(mean, half, 20), Rule(kind, margin if kind == "more" else 0.0, margin))
        if word != right:
            return f"Not yet: {case}: {word}? {_reason(mean, half, kind, right)}: {right}."
    return f"Right: {len(CASES)} cases, those on the boundaries too, are decided as the library decides them."


def _reason(mean: float, half: float | None, kind: str, right: str) -> str:
    """Why the rule gives this verdict."""
    if half is None:
        return "One seed shows no spread, so nothing follows"
    lo, hi = mean - half, mean + half
    if kind == "same" and right == "confirmed":
        return "The interval lies within the margin, its ends included: the difference is too small to matter"
    if kind == "same":
        return ("The whole interval lies outside the margin" if right == "refuted" else
                "Part of the interval lies outside the margin, or only touches it from there")
    if lo <= 0 <= hi:
        return ("It holds 0 and lies within the margin, its ends included" if right == "null" else
                "It leaves the sign open")
    return f"The interval excludes 0, and the effect is {'less than' if right == 'small' else 'at least'} the margin"
