"""What everybody says of quantization, as sentences that records confirm, leave open or refute."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from .claims_ptq import PTQ
from .claims_qat import QAT
from .claims_ranges import RANGES
from .claims_rest import REST
from .claims_text import LANGUAGE, TEXT
from .verdicts import MORE, SAME, Outcome, Reading, Rule, Sentence, outcome, verdict

__all__ = ["CLAIMS", "MORE", "SAME", "TEXT", "Outcome", "Reading", "Rule", "Sentence", "measured", "outcome",
           "sentences", "verdict"]

#: Heading on the page -> the sentences below it.
CLAIMS: dict[str, tuple[Sentence, ...]] = {
    "Quantization after training (PTQ)": PTQ,
    "Training with quantization (QAT)": QAT,
    "Static and dynamic ranges": RANGES,
    "Sides, scales and formats": REST,
    "Language models": LANGUAGE,
}


def sentences() -> tuple[Sentence, ...]:
    """All of them, in the order of the page, each with its readings on digits, then those on text."""
    return tuple(s._replace(readings=(*s.readings, *TEXT.get(s.id, ()))) for group in CLAIMS.values() for s in group)


def measured() -> list[dict[str, Any]]:
    """What a full run found for each claim, as claims.json holds it: shipped with the package."""
    text = (files(__package__) / "claims.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)["claims"]
    return found
