"""What the rule and every operator of refquant.engines make of one number."""
from __future__ import annotations

from typing import Any

import numpy as np

from ...affine import quantize
from ...engines.conventions import Convention
from ...engines.operators import OPERATORS, Operator
from ...engines.steps import sentence
from .cases import Case, Outcome, Point, agreed


def ask(p: Point) -> Case:
    """What every operator makes of one number.

    >>> case = ask(Point(np.float32(2.5), np.float32(1), 0))
    >>> case.rule.gives, sorted({outcome.gives for outcome in case.departing.values()})
    ('2', ['3'])
    """
    found = {operator.name: by_operator(operator, p) for operator in OPERATORS.values()}
    return Case(str(p), by_rule(p), {name: outcome for name, outcome in found.items() if outcome is not None})


def by_rule(p: Point) -> Outcome:
    """What refquant gives."""
    try:
        code: int | None = int(quantize(np.asarray(p.x), p.params))
    except ValueError:  # NaN
        code = None
    return _outcome("refquant", code, Convention(), p, p.grid.arithmetic(p.x.dtype).type)


def by_operator(operator: Operator, p: Point) -> Outcome | None:
    """What an operator gives; None if it does not take such a number or such parameters."""
    dtype = operator.dtypes.get(p.x.dtype.type)
    if dtype is None or p.grid not in operator.grids:
        return None
    try:
        code = int(operator.function(p.x.reshape(1), p.params)[0])
    except ValueError:
        return None
    return _outcome(operator.name, code, operator.convention, p, dtype)


def _outcome(name: str, code: int | None, convention: Convention, p: Point, dtype: type[Any]) -> Outcome:
    steps = convention.steps(dtype(p.x), dtype(p.scale), p.zero_point, p.grid)
    how = sentence(steps)
    return Outcome("refused" if agreed(name, code, steps[-1].value, how) is None else str(code), how)
