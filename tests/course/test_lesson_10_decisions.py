"""Lesson 10, exercise 2: every kind of wrong rule is distinguished from every other, and the right one passes."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from messages import says

from refquant.course.lesson_10.checks import decided
from refquant.study.claims import Rule, verdict
from refquant.study.stats import Estimate


def ruled(mean: float, half: float | None, kind: str, margin: float) -> str:
    return verdict(Estimate(mean, half, 20), Rule(kind, margin, margin))


class Case(NamedTuple):
    """What the rule is asked, with the ends of the interval."""

    mean: float
    lo: float
    hi: float
    margin: float


def spoiled(kind: str, where: Callable[[Case], bool], word: str) -> Callable[..., str]:
    """The right rule, with another word where that holds of a claim of that kind."""
    def yours(mean: float, half: float | None, asked: str, margin: float) -> str:
        if half is not None and asked == kind and where(Case(mean, mean - half, mean + half, margin)):
            return word
        return ruled(mean, half, asked, margin)
    return yours


def significant(mean: float, half: float | None, *_: Any) -> str:
    if half is None or mean - half <= 0 <= mean + half:
        return "null"
    return "confirmed" if mean > 0 else "refuted"


WRONG_RULES: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: your function returns None. The case: effect 2, interval [1, 3]"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError"),
    "one seed raises": (lambda m, h, *a: ruled(m, h, *a) if h > -1 else "", "no interval (one seed), kind 'more', mar"),
    "no word": (lambda *_: "yes", "'yes' is no verdict. Return confirmed, small, null, inconclusive or refuted"),
    "sign": (lambda m, *_: "confirmed" if m > 0 else "refuted", "It leaves the sign open: inconclusive"),
    "absence": (significant, "effect 2, interval [-1, 5], kind 'more', margin 0.5: null? It leaves the sign open"),
    "one seed": (lambda m, h, *a: ruled(m, h or 0.0, *a), "One seed shows no spread, so nothing follows: incon"),
    "equivalence first": (spoiled("more", lambda c: c.lo > 0 and c.hi <= c.margin, "null"),
                          "null? The interval excludes 0, and the effect is less than the margin: small"),
    "no margin": (spoiled("more", lambda c: c.lo > 0 and c.mean < c.margin, "confirmed"),
                  "the effect is less than the margin: small"),
    "beyond the margin": (spoiled("more", lambda c: c.lo > 0 and c.mean == c.margin, "small"),
                          "the effect is at least the margin: confirmed"),
    "no margin below": (spoiled("more", lambda c: c.hi < 0 and c.mean > -c.margin, "refuted"),
                        "refuted? The interval excludes 0, and the effect is less than the margin: small"),
    "open band": (spoiled("more", lambda c: c.margin in (-c.lo, c.hi), "inconclusive"),
                  "It holds 0 and lies within the margin, its ends included: null"),
    "from 0": (spoiled("more", lambda c: c.lo == 0 and c.mean > c.margin, "confirmed"),
               "effect 2, interval [0, 4], kind 'more', margin 0.5: confirmed? It leaves the sign open: inconclusive"),
    "to 0": (spoiled("more", lambda c: c.hi == 0 and c.mean < -c.margin, "refuted"), "effect -2, interval [-4, 0]"),
    "fixed margin": (lambda m, h, k, _: ruled(m, h, k, 0.5), "effect 0.75, interval [0.5, 1], kind 'more', margin 1: "),
    "same as more": (lambda m, h, _, g: ruled(m, h, "more", g), "effect 0, interval [-0.25, 0.25], kind 'same', mar"),
    "same, too bold": (spoiled("same", lambda c: c.hi > c.margin or c.lo < -c.margin, "refuted"),
                       "Part of the interval lies outside the margin, or only touches it from there: inconclusive"),
    "same, upwards": (spoiled("same", lambda c: c.hi < -c.margin, "inconclusive"),
                      "effect -2, interval [-3, -1], kind 'same', margin 0.5: inconclusive? The whole interval"),
    "same, touching": (spoiled("same", lambda c: c.margin in (c.lo, -c.hi), "refuted"),
                       "effect 1, interval [0.5, 1.5], kind 'same', margin 0.5: refuted? Part of the interval lies"),
    "same, open band": (spoiled("same", lambda c: c.margin in (-c.lo, c.hi), "inconclusive"),
                        "kind 'same', margin 0.5: inconclusive? The interval lies within the margin, its ends includ"),
    "same, effect alone": (spoiled("same", lambda c: abs(c.mean) <= c.margin, "confirmed"),
                           "effect 0, interval [-1, 1], kind 'same', margin 0.5: confirmed? Part of the interval"),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_wrong_rule(name: str) -> None:
    yours, said = WRONG_RULES[name]
    message = decided(yours)
    assert says(message, said)


def test_right_rule() -> None:
    def by_hand(mean: float, half: float | None, kind: str, margin: float) -> str:
        lo, hi = (-math.inf, math.inf) if half is None else (mean - half, mean + half)
        within = -margin <= lo and hi <= margin
        if kind == "same":
            return "confirmed" if within else "refuted" if lo > margin or hi < -margin else "inconclusive"
        if lo <= 0 <= hi:
            return "null" if within else "inconclusive"
        return "small" if abs(mean) < margin else "confirmed" if lo > 0 else "refuted"

    assert decided(ruled).startswith("Right: ") and decided(by_hand).startswith("Right: ")
    assert decided(lambda *a: np.str_(ruled(*a))).startswith("Right: ")
