"""What must hold, as named functions: each takes the functions under test and one drawn case, and cites its rules.

`subject` is the refquant module, or anything with functions of the same names: a mutant, say. One module an idea, its
laws in a table at its end. LAWS is all of them, and a plain dict: a test may add its own.
"""

from __future__ import annotations

from hypothesis import strategies as st

from ...grids import Grid
from . import clipping, codes, gradients, granularity, grids, integers, methods, observers, parameters, scales
from .law import Law, holds

LAWS: dict[str, Law] = {law.name: law for module in (codes, grids, parameters, scales, granularity, clipping, observers,
                                                     integers, gradients, methods) for law in module.LAWS}


def laws_of(grid: Grid) -> list[Law]:
    """The laws of every grid, tried on this one alone.

    >>> from refquant import Codebook
    >>> for law in laws_of(Codebook([-3, -1, 0.5, 2]))[:3]:
    ...     holds(law, max_examples=5)
    """
    return [law._replace(cases=law.on(st.just(grid))) for law in LAWS.values() if law.on]


def laws_citing(rule: str) -> list[Law]:
    """The laws that cite a rule, R12, or a method, gptq.

    >>> from types import SimpleNamespace
    >>> from refquant.methods import hadamard
    >>> for law in laws_citing("hadamard"):
    ...     holds(law, SimpleNamespace(hadamard=hadamard), max_examples=5)
    """
    return [law for law in LAWS.values() if rule in law.rules]


__all__ = ["LAWS", "Law", "holds", "laws_citing", "laws_of"]
