"""What everybody says of quantization, as sentences that records confirm, leave open or refute."""
from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from .claims_ptq import PTQ
from .claims_qat import QAT
from .claims_ranges import RANGES
from .claims_rest import REST
from .verdict import Outcome, Reading, Rule, Sentence, outcome, verdict

__all__ = ["SENTENCES", "Outcome", "Reading", "Rule", "Sentence", "measured", "outcome", "verdict"]

SENTENCES: tuple[Sentence, ...] = (*PTQ, *QAT, *RANGES, *REST)


def measured() -> list[dict[str, Any]]:
    """What a full run found for each claim, as claims.json holds it: shipped with the package."""
    text = (files(__package__) / "claims.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)["claims"]
    return found
