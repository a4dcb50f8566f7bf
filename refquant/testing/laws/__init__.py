"""What must hold, as named functions: each takes the functions under test and one drawn case, and cites its rules.

`subject` is the refquant module, or anything with functions of the same names: a mutant, say. One module an idea, its
laws in a table at its end. LAWS is all of them, and a plain dict: a test may add its own.
"""

from __future__ import annotations

from . import clipping, codes, gradients, granularity, integers, observers, parameters
from .law import Law, holds

LAWS: dict[str, Law] = {law.name: law for module in (codes, parameters, granularity, clipping, observers, integers,
                                                     gradients) for law in module.LAWS}

__all__ = ["LAWS", "Law", "holds"]
