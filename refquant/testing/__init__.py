"""The property-based kit that refquant's own tests stand on; it needs hypothesis (extra `test`).

    check       check_quantizer(yours): is it right, and if not, the smallest counter-example
    ladder      the numbers that check_quantizer tries, rule after rule
    identify    identify(black_box): which convention is it
    oracle      the formula for one number at a time, in exact fractions
    strategies  data at decision points: ties, one ulp beside them, far outside
    laws        what must hold, each a named function that cites its rules; one module an idea
    mutants     each formula with one thing wrong: every mutant must break a law of its rule; one module an idea
    kills       how often each mutant dies: python -m refquant.testing.kills
"""
from __future__ import annotations

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as cause:
    raise ImportError("refquant.testing: needs hypothesis. Hint: pip install 'refquant[test]'.") from cause

from . import oracle, strategies
from .check import Deviation, check_quantizer, one_axis
from .identify import Identity, identify
from .laws import LAWS, Law, holds
from .mutants import MUTANTS, Mutant

__all__ = ["check_quantizer", "one_axis", "Deviation", "identify", "Identity", "LAWS", "Law", "MUTANTS", "Mutant",
           "holds", "oracle", "strategies"]
