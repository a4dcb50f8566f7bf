"""What everybody says of quantization, as sentences that records confirm, leave open or refute."""

import json
from importlib.resources import files
from typing import Any

from .said_of_ptq import PTQ
from .said_of_qat import QAT
from .said_of_ranges import RANGES
from .said_of_the_rest import REST
from .verdict import Outcome, Reading, Rule, Sentence, outcome, verdict

__all__ = ["SENTENCES", "Outcome", "Reading", "Rule", "Sentence", "measured", "outcome", "verdict"]

SENTENCES: tuple[Sentence, ...] = (*PTQ, *QAT, *RANGES, *REST)


def measured() -> list[dict[str, Any]]:
    """What a full run found for each claim, as claims.json holds it: shipped with the package."""
    text = (files("refquant.study") / "data" / "claims.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)["claims"]
    return found
