"""Each formula with one thing wrong. A kit that does not notice is worthless: every mutant must break a law that cites
its rule, or its method.

One module an idea, as for the laws, its mutants in a table at its end. MUTANTS is all of them, and a plain dict: a test
may add its own.
"""

from __future__ import annotations

from . import codes, gradients, granularity, grids, integers, methods, parameters, scales
from .mutant import Mutant

MODULES = (codes, grids, parameters, scales, granularity, integers, gradients, methods)
MUTANTS: dict[str, Mutant] = {mutant.name: mutant for module in MODULES for mutant in module.MUTANTS}

__all__ = ["MUTANTS", "Mutant"]
