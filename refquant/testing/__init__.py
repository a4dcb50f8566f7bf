"""The property-based kit that refquant's own tests stand on; it needs hypothesis (extra `test`).

    oracle      the formula for one number at a time, in exact fractions
    strategies  data at decision points: ties, one ulp beside them, far outside
    laws        what must hold, each a named function that cites its rules; those of ranges in range_laws
    mutants     each formula with one thing wrong: every mutant must break a law of its rule
"""

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as cause:
    raise ImportError("refquant.testing: needs hypothesis. Hint: pip install 'refquant[test]'.") from cause

from . import oracle, range_laws, strategies  # range_laws enters its laws into LAWS
from .laws import LAWS, Law, holds
from .mutants import MUTANTS, Mutant

__all__ = ["LAWS", "Law", "MUTANTS", "Mutant", "holds", "oracle", "range_laws", "strategies"]
