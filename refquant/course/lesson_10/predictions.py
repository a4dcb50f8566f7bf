"""The claims whose verdicts the students of lesson 10 predict, and how the predictions came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...study.claims import Outcome, Reading, Sentence, measured, sentences
from ...study.claims.report import effect
from ...study.claims.verdicts import METRICS
from .figures import Prediction

WORDS = ("confirmed", "small", "null", "inconclusive", "refuted")
#: Some sentences, and for each the one comparison that many people would accept as a test of it.
CHOSEN = ("ptq-degrades.min-max.4", "ptq-degrades.min-max.8", "ptq-little-data.10.2",
          "qat-improves.ptq-static-adaround.4", "qat-improves.ptq-static-adaround.2", "dynamic-precise.min-max.8",
          "dynamic-accurate.MSE.8", "dynamic-always.hot.4", "activations-harder.MSE.4", "nf4-halves.weights")


def claims() -> str:
    """The chosen claims: the sentence, its id, what is compared, and what would confirm it.

    >>> print("\\n".join(claims().splitlines()[:2]))
    "PTQ may degrade the model."
       ptq-degrades.min-max.4: W4A4: float against min-max PTQ; at least 0.02 nats?
    """
    lines = list[str]()
    for sentence, reading in map(find, CHOSEN):
        lines += [] if f'"{sentence.says}"' in lines else [f'"{sentence.says}"']
        lines.append(f"   {reading.id}: {reading.says}; {question(reading)}")
    return "\n".join(lines)


def question(reading: Reading) -> str:
    """What would confirm a claim, as a question."""
    _, enough, same = reading.rule
    start, amount = ("the same within", same) if reading.rule.kind == "same" else ("at least", enough)
    return f"{start} {amount:g} {METRICS[reading.value].unit}?"


def score(guesses: Mapping[str, Any]) -> str:
    """What was measured for each claim, beside the prediction: ✓ as predicted, ✗ contradicted, ? left open by the data,
    · where no prediction is written.

    >>> score({"lsq-better.4": "maybe"})
    "Not yet: 'maybe' is no verdict. Predict confirmed, small, null, inconclusive or refuted."
    """
    found, guesses = results(), {id: written(guess) for id, guess in guesses.items()}
    for id, guess in guesses.items():
        if id not in found:
            return f"Not yet: there is no claim {id!r}."
        if guess is not ... and (not isinstance(guess, str) or guess not in WORDS):
            return f"Not yet: {guess!r} is no verdict. Predict confirmed, small, null, inconclusive or refuted."
    return "\n".join(f"{mark(found[id]['verdict'], guess)} {found[id]['verdict']:13s} {effect_in_words(found[id]):31s} "
                     f"{find(id)[1].says}" for id, guess in guesses.items())


def written(guess: Any) -> Any:
    """A word without capitals and spaces; three dots where nothing is written.

    >>> written("Null "), written(None), written(3)
    ('null', Ellipsis, 3)
    """
    return ... if guess is None else guess.strip().lower() if isinstance(guess, str) else guess


def mark(verdict: str, guess: Any) -> str:
    """Whether the verdict is as predicted. An inconclusive one contradicts no prediction.

    >>> mark("null", "null"), mark("inconclusive", "null"), mark("confirmed", "null"), mark("null", ...)
    ('✓', '?', '✗', '·')
    """
    return "·" if guess is ... else "✓" if verdict == guess else "?" if verdict == "inconclusive" else "✗"


def rows(guesses: Mapping[str, Any]) -> list[Prediction]:
    """The claims beside their predictions, ready to be drawn: effects in units of what is enough to matter."""
    found, drawn = results(), []
    for id, guess in guesses.items():
        claim, (_, reading), guess = found[id], find(id), written(guess)
        is_same, unit = reading.rule.kind == "same", METRICS[reading.value].unit
        enough = reading.rule.same if is_same else reading.rule.enough
        middle, lo, hi, band = (x / enough for x in (claim["effect"], *claim["interval"], reading.rule.same))
        says = reading.says + " (the same?)" * is_same + ("" if unit == "nats" else f", {unit}")
        drawn.append(Prediction(says, middle, (lo, hi), band, claim["verdict"],
                              f"{mark(claim['verdict'], guess)} {'' if guess is ... else guess}".strip()))
    return drawn


def results() -> dict[str, dict[str, Any]]:
    """What was measured, by the id of the claim."""
    return {claim["id"]: claim for claim in measured()}


def find(id: str) -> tuple[Sentence, Reading]:
    """The claim with that id, and the sentence that it tests."""
    return next((s, r) for s in sentences() for r in s.readings if r.id == id)


def effect_in_words(claim: Mapping[str, Any]) -> str:
    """A claim's effect and interval, in words."""
    ends = claim["interval"] and (claim["interval"][0], claim["interval"][1])
    return effect(find(claim["id"])[1], Outcome(claim["effect"], ends, None, claim["n"], claim["p"], claim["q"],
                                                claim["verdict"], claim["note"]))
