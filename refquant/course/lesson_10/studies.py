"""Lesson 10, exercise 3: eight studies on a referee's desk, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .predictions import effect_in_words, results


class Study(NamedTuple):
    """What a study compared, how, and what it concluded; all splits are cut from one set of images."""

    claim: str
    first: str
    second: str
    first_seeds: Sequence[int] = range(20)
    second_seeds: Sequence[int] = range(20)
    first_epochs: int = 90
    second_epochs: int = 90
    first_ranges: str = ""
    second_ranges: str = ""
    corrected: bool = True
    margin_planned: float = 0.5
    margin_reported: float = 0.5
    interval: tuple[float, float] = (0.6, 1.8)
    concluded: str = "confirmed"

    def __str__(self) -> str:
        lo, hi = self.interval
        interval = f"[{lo:+.2f}, {hi:+.2f}]" if lo < hi else "[no interval]"
        second = "on both sides" if self.first_ranges == self.second_ranges else f"against {self.second_ranges}"
        ranges = f"Ranges: {self.first_ranges}, {second}. " if self.first_ranges else ""
        return (f"{self.claim} {self.first} ({self.first_epochs} epochs, {_seeds(self.first_seeds)}) minus "
                f"{self.second} ({self.second_epochs} epochs, {_seeds(self.second_seeds)}).\n   {ranges}"
                f"{(lo + hi) / 2:+.2f} {interval} points, {'' if self.corrected else 'not '}corrected for "
                f"overlap. Margin: planned {self.margin_planned:g}, reported {self.margin_reported:g}. "
                f"Concluded: {self.concluded}.")


def _seeds(seeds: Sequence[int]) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


LEAST = "least MSE per output"
STUDIES = {
    "A": Study("QAT improves the network at 8 bits.", "QAT W8A8", "float32", second_epochs=60, interval=(0.55, 0.95)),
    "B": Study("QAT is better than PTQ at 4 bits.", "QAT W4A4", "strong PTQ W4A4", second_seeds=range(20, 40),
               first_ranges=LEAST, second_ranges=LEAST),
    "C": Study("Dynamic is more accurate at 3 bits.", "dynamic A3", "static A3, by least MSE", first_epochs=60,
               second_epochs=60, corrected=False, interval=(0.51, 1.15)),
    "D": Study("QAT is better than PTQ at 3 bits.", "QAT W3A3", "strong PTQ W3A3", margin_reported=0.25,
               first_ranges=LEAST, second_ranges=LEAST, interval=(0.05, 0.75)),
    "E": Study("Labels do not matter to QAT.", "QAT with labels", "QAT without", interval=(-1.4, 1.8),
               concluded="null"),
    "F": Study("Dynamic is more accurate on images of different gain.", "dynamic A4", "the best static A4",
               first_epochs=60, second_epochs=60, interval=(4.1, 9.7)),
    "G": Study("PTQ is better than straight-through QAT at 2 bits.", "strong PTQ W2A2", "straight-through QAT W2A2",
               first_ranges=LEAST, second_ranges="moving min-max per layer", interval=(3.5, 42.5)),
    "H": Study("QAT is better than PTQ at 2 bits.", "QAT W2A2", "naive PTQ W2A2", (7,), (7,), second_epochs=60,
               corrected=False, interval=(78.0, 78.0)),
}


class Fault(NamedTuple):
    """Whether a study has the fault; if not, what shows that; if it has, what to look at."""

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
                        "Was each side trained as long?"),
    "two things differ": Fault(lambda s: s.first_ranges != s.second_ranges,
                               lambda s: f"both sides have ranges of {s.first_ranges}" if s.first_ranges else
                               "the ranges are the same, or are what the claim names",
                               "Have both sides the same ranges?"),
    "weak rival": Fault(lambda s: "naive" in s.second, lambda s: f"{s.second} was not chosen to lose",
                        "Which rival is it? Is there a stronger one?"),
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
    """Exercise 3: the fault of each of the studies A to G ("none" for the sound one), and H with its faults mended.

    >>> right = {"A": "no control", "B": "unpaired", "C": "one seed"}
    >>> faults(right, None)
    "Not yet: C: 'one seed' is not it: each side has 20 seeds."
    """
    if not isinstance(answers, Mapping) or {*map(type, (mended, *answers.values()))} == {type(None)}:
        return "Not answered yet: name the fault of each study, and mend H."
    for name, answer in answers.items():
        if answer is None:
            continue
        if name not in STUDIES or not isinstance(answer, str) or answer not in (*FAULTS, "none"):
            return f"Not yet: {name}: {answer!r} is not on the list: {', '.join(FAULTS)}, none."
        why = wrong_about(STUDIES[name], answer)
        if why:
            return f"Not yet: {name}: {why}"
    missing = [name for name in "ABCDEFG" if answers.get(name) is None]
    if missing:
        return f"Not answered yet: what is wrong with {', '.join(missing)}?"
    if mended is None:
        return "Not answered yet: the faults are named; now mend H."
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


SEEDS, EPOCHS = ((list, tuple, range, np.ndarray), "a list or a range of seeds"), (int, "a whole number")
#: Of what kind the fields of H must be.
KINDS: dict[str, tuple[Any, str]] = {
    "second": (str, "the name of a rival"), "first_seeds": SEEDS, "second_seeds": SEEDS, "first_epochs": EPOCHS,
    "second_epochs": EPOCHS, "corrected": (bool, "True or False"), "margin_reported": (int | float, "a number")}


def _mended(study: Study) -> str:
    asked_for = STUDIES["H"]
    if not isinstance(study, Study):
        return 'Not yet: mend H by checks.STUDIES["H"]._replace(...).'
    if (study.claim, study.first) != (asked_for.claim, asked_for.first) or study.interval is not asked_for.interval:
        return "Not yet: H: keep its claim, its result and QAT W2A2; mend what they are compared with, and how."
    for field, (kinds, words) in KINDS.items():
        if not isinstance(getattr(study, field), kinds):
            return f"Not yet: H: {field} must be {words}; yours is {getattr(study, field)!r:.40}."
    left = [name for name, fault in FAULTS.items() if fault.has(study)]
    if left:
        return f"Not yet: H still has a fault: {left[0]}. {FAULTS[left[0]].look}"
    if "PTQ W2A2" not in study.second:
        return "Not yet: H: the claim names PTQ, at 2 bits; the rival must be some PTQ W2A2."
    claim = results()["qat-improves.ptq-static-adaround.2"]
    return (f"Right: one fault each, F is sound, and H compares like with like. Over {claim['n']} seeds and 90 "
            f"epochs refquant found {effect_in_words(claim)}: {claim['verdict']}.")
