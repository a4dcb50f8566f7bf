"""Checks for lesson 10, which claims hold: each says Right, Not yet or Not answered yet, and why."""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...study.claims import Rule, verdict
from ...study.stats import Estimate, estimate, t_quantile
from .predictions import WORDS, found_of, told

# ---------------------------------------------------------------------------------------------- exercise 1

Scores = Mapping[int, float]
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
        try:
            answer = yours(dict(first), dict(second), overlap)
        except KeyError as error:
            return f"Not yet: KeyError: {error}. Some seeds are only on one side; use those that both sides have."
        except Exception as error:
            return f"Not yet: your function raised {type(error).__name__}: {error}."
        if answer is None:
            return "Not answered yet: your function returns None."
        if not (isinstance(answer, tuple | list) and len(answer) == 2 and all(np.ndim(part) == 0 for part in answer)):
            return "Not yet: return two numbers, the effect and the half-width."
        right, means, halves = mistaken_effects(first, second, overlap)
        for name, given, target, mistakes in (("effect", float(answer[0]), right.mean, means),
                                              ("half-width", float(answer[1]), right.half_width or 0.0, halves)):
            if not math.isclose(given, target, rel_tol=1e-6, abs_tol=1e-9):
                why = next((why for why, wrong in mistakes.items() if math.isclose(given, wrong, rel_tol=1e-6)), (
                    "Subtract within each seed, then take the mean." if name == "effect" else
                    "It is t s sqrt(1/n + overlap)."))
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
    d, n, t = a - b, len(seeds), t_quantile(len(seeds) - 1)
    right, s, plain = estimate(d.tolist(), overlap), d.std(ddof=1), 1 / n + overlap
    every = sorted({*first, *second})
    in_order = [100 * (x - y) for x, y in zip(first.values(), second.values(), strict=False)]
    means = {
        "You subtracted the first from the second.": -right.mean,
        "That is a share; points are hundredths.": right.mean / 100,
        "A seed that only one side has is no pair; leave it out.": float(np.mean([
            100 * (first.get(seed, 0) - second.get(seed, 0)) for seed in every])),
        "That is the difference of two means over different seeds; use the seeds that both sides have.":
            100 * (float(np.mean(list(first.values()))) - float(np.mean(list(second.values())))),
        "The two sides list their seeds in different orders; pair by seed, not by place.": float(np.mean(in_order)),
        "You took the sizes of the differences; their signs count.": float(np.abs(d).mean()),
        "That is the median; take the mean.": float(np.median(d)),
        "That is relative, in percent of the second; points are plain differences.": float((100 * d / b).mean()),
    }
    pair = np.array(in_order[:n])
    halves = {
        "The seeds share test images: add the overlap to 1/n.": t * s / math.sqrt(n),
        "s divides by n - 1, not by n (ddof=1).": t * d.std() * math.sqrt(plain),
        "t has n - 1 degrees of freedom, not n.": t_quantile(n) * s * math.sqrt(plain),
        "t is missing.": s * math.sqrt(plain),
        "1.96 is t for endlessly many seeds; take t_quantile(n - 1).": 1.96 * s * math.sqrt(plain),
        "The root is missing: sqrt(1/n + overlap).": t * s * plain,
        "The overlap belongs under the root.": t * s * (1 / math.sqrt(n) + overlap),
        "That is s squared; take the standard deviation.": t * s**2 * math.sqrt(plain),
        "That is a share; points are hundredths.": t * s * math.sqrt(plain) / 100,
        "That is the whole width; give half of it.": 2 * t * s * math.sqrt(plain),
        "That is the spread of unpaired scores; take s of the differences.":
            t * math.sqrt((a.var(ddof=1) + b.var(ddof=1)) * plain),
        "The two sides list their seeds in different orders; pair by seed, not by place.":
            t * float(pair.std(ddof=1)) * math.sqrt(plain),
    }
    return right, means, halves


# ---------------------------------------------------------------------------------------------- exercise 2

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
        right, why = _verdict_and_why(mean, half, kind, margin)
        interval = "no interval (one seed)" if half is None else f"interval [{mean - half:g}, {mean + half:g}]"
        case = f"effect {mean:g}, {interval}, kind {kind!r}, margin {margin:g}"
        try:
            word = yours(mean, half, kind, margin)
        except Exception as error:
            return f"Not yet: {case}: your function raised {type(error).__name__}: {error}."
        if word is None:
            return f"Not answered yet: {case}: your function returns None."
        if word not in WORDS:
            return f"Not yet: {case}: {word!r} is no verdict. Return {', '.join(WORDS[:3])} or {WORDS[3]}."
        if word != right:
            return f"Not yet: {case}: {word}? {why}: {right}."
    return f"Right: {len(CASES):,} cases, those on the boundaries too, are decided as the library decides them."


def _verdict_and_why(mean: float, half: float | None, kind: str, margin: float) -> tuple[str, str]:
    right = verdict(Estimate(mean, half, 20), Rule(kind, margin if kind == "more" else 0.0, margin))
    if half is None:
        return right, "One seed shows no spread, so nothing follows"
    lo, hi = mean - half, mean + half
    if -margin <= lo and hi <= margin:
        return right, "The interval lies within the margin, its ends included: the difference is too small to matter"
    if kind == "same":
        return right, ("The whole interval lies outside the margin" if right == "refuted" else
                       "Part of the interval lies outside the margin, or only touches it from there")
    if right == "inconclusive" and (lo > 0 or hi < 0):
        return right, "The interval excludes 0, but the effect is not larger than the margin"
    if right == "inconclusive":
        return right, "It leaves the sign open"
    return right, "The interval excludes 0, and the effect is larger than the margin"


# ---------------------------------------------------------------------------------------------- exercise 3

class Study(NamedTuple):
    """What a study compared, how, and what it concluded; all splits are cut from one set of images."""

    claim: str
    first: str
    second: str
    first_seeds: Sequence[int] = range(20)
    second_seeds: Sequence[int] = range(20)
    first_epochs: int = 90
    second_epochs: int = 90
    corrected: bool = True
    margin_planned: float = 0.5
    margin_reported: float = 0.5
    interval: tuple[float, float] = (0.6, 1.8)
    concluded: str = "confirmed"

    def __str__(self) -> str:
        lo, hi = self.interval
        interval = f"[{lo:+.2f}, {hi:+.2f}]" if lo < hi else "[no interval]"
        return (f"{self.claim} {self.first} ({self.first_epochs} epochs, {_seeds(self.first_seeds)}) minus "
                f"{self.second} ({self.second_epochs} epochs, {_seeds(self.second_seeds)}).\n   "
                f"{(lo + hi) / 2:+.2f} {interval} points, {'' if self.corrected else 'not '}corrected for "
                f"overlap. Margin: planned {self.margin_planned:g}, reported {self.margin_reported:g}. "
                f"Concluded: {self.concluded}.")


def _seeds(seeds: Sequence[int]) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


STUDIES = {
    "A": Study("QAT improves the network at 8 bits.", "QAT W8A8", "float32", second_epochs=60, interval=(0.55, 0.95)),
    "B": Study("QAT is better than PTQ at 4 bits.", "QAT W4A4", "strong PTQ W4A4", second_seeds=range(20, 40)),
    "C": Study("Dynamic is more accurate at 3 bits.", "dynamic A3", "static A3, by least MSE", first_epochs=60,
               second_epochs=60, corrected=False, interval=(0.51, 1.15)),
    "D": Study("QAT is better than PTQ at 3 bits.", "QAT W3A3", "strong PTQ W3A3", margin_reported=0.25,
               interval=(0.05, 0.75)),
    "E": Study("Labels do not matter to QAT.", "QAT with labels", "QAT without", interval=(-1.4, 1.8),
               concluded="null"),
    "F": Study("Dynamic is more accurate on images of different gain.", "dynamic A4", "the best static A4",
               first_epochs=60, second_epochs=60, interval=(4.1, 9.7)),
    "G": Study("QAT is better than PTQ at 2 bits.", "QAT W2A2", "naive PTQ W2A2", (7,), (7,), second_epochs=60,
               corrected=False, interval=(78.0, 78.0)),
}


class Fault(NamedTuple):
    """Whether a study has it; what speaks against it where it has not; what to look at where it has."""

    has: Callable[[Study], bool]
    absent: Callable[[Study], str]
    look: str


FAULTS: dict[str, Fault] = {
    "one seed": Fault(lambda s: min(len(s.first_seeds), len(s.second_seeds)) < 2,
                      lambda s: f"each side has {len(s.first_seeds)} seeds", "How many seeds has each side?"),
    "unpaired": Fault(lambda s: list(s.first_seeds) != list(s.second_seeds),
                      lambda _: "both sides have the same seeds", "Have both sides the same seeds?"),
    "no control": Fault(lambda s: s.first_epochs != s.second_epochs,
                        lambda s: f"both sides were trained for {s.first_epochs} epochs",
                        "What differs between the sides besides what the claim names?"),
    "weak rival": Fault(lambda s: "naive" in s.second, lambda s: f"{s.second} is no rival chosen to lose",
                        "Who is the rival? Is there a stronger one?"),
    "not corrected": Fault(lambda s: not s.corrected and len(s.first_seeds) > 1,
                           lambda s: "its interval is corrected" if s.corrected else "one seed has no interval",
                           "Which images do the seeds share?"),
    "margin afterwards": Fault(lambda s: s.margin_planned != s.margin_reported,
                               lambda s: f"the margin was and is {s.margin_planned:g}",
                               "What was decided before the data came, and what after?"),
    "absence of evidence": Fault(
        lambda s: s.concluded == "null" and not all(abs(end) <= s.margin_reported for end in s.interval),
        lambda s: f"it concludes {s.concluded}" if s.concluded != "null" else "its interval lies within the margin",
        "Does the conclusion follow from the interval?"),
}


def faults(answers: Mapping[str, str | None], mended: Study | None) -> str:
    """Exercise 3: the fault of each of the studies A to F ("none" for the sound one), and G with its faults mended.

    >>> right = {"A": "no control", "B": "unpaired", "C": "one seed"}
    >>> faults(right, None)
    "Not yet: C: 'one seed' is not it: each side has 20 seeds."
    """
    if all(answer is None for answer in answers.values()) and mended is None:
        return "Not answered yet: name the fault of each study, and mend G."
    for name, answer in answers.items():
        if answer is None:
            continue
        if answer not in (*FAULTS, "none"):
            return f"Not yet: {name}: {answer!r} is not on the list: {', '.join(FAULTS)}, none."
        why = wrong_about(STUDIES[name], answer)
        if why:
            return f"Not yet: {name}: {why}"
    missing = [name for name in "ABCDEF" if answers.get(name) is None]
    if missing:
        return f"Not answered yet: what is wrong with {', '.join(missing)}?"
    if mended is None:
        return "Not answered yet: the faults are named; now mend G."
    return _mended(mended)


def wrong_about(study: Study, answer: str) -> str:
    """Why that is not the study's fault; empty if it is."""
    present = [name for name, fault in FAULTS.items() if fault.has(study)]
    if answer == "none":
        return f"something is wrong with it. {FAULTS[present[0]].look}" if present else ""
    if answer in present:
        return ""
    fault = FAULTS[answer]
    return f"{answer!r} is not it: {fault.absent(study)}." + ("" if present else " Not every study has a fault.")


def _mended(study: Study) -> str:
    asked_for = STUDIES["G"]
    if not isinstance(study, Study):
        return 'Not yet: mend G by check.STUDIES["G"]._replace(...).'
    if (study.claim, study.first) != (asked_for.claim, asked_for.first):
        return "Not yet: G: keep its claim, and QAT W2A2; mend what they are compared with, and how."
    left = [name for name, fault in FAULTS.items() if fault.has(study)]
    if left:
        return f"Not yet: G still has a fault: {left[0]}. {FAULTS[left[0]].look}"
    if "PTQ W2A2" not in study.second:
        return "Not yet: G: the claim names PTQ, at 2 bits; the rival must be some PTQ W2A2."
    claim = found_of()["qat-improves.longer-ptq-static-adaround.2"]
    return (f"Right: one fault each, F is sound, and G compares like with like. Over {claim['n']} seeds and 90 "
            f"epochs refquant found {told(claim)}: {claim['verdict']}.")
