"""What the rule and every operator of refquant.engines make of one number."""
from __future__ import annotations

from ...engines.operators import OPERATORS, RULE, Operator
from ...engines.steps import sentence
from .cases import Case, Outcome, Point


def ask(p: Point) -> Case:
    """What every operator makes of one number.

    >>> import numpy as np
    >>> case = ask(Point(np.float32(2.5), np.float32(1), 0))
    >>> case.rule.gives, sorted({outcome.gives for outcome in case.departing.values()})
    ('2', ['3'])
    """
    found = {operator.name: outcome(operator, p) for operator in OPERATORS.values()}
    return Case(str(p), outcome(RULE, p) or Outcome("refused", "NaN has no code"),
                {name: each for name, each in found.items() if each is not None})


def outcome(operator: Operator, p: Point) -> Outcome | None:
    """What an operator gives, and how; None if it does not take such a number or such parameters."""
    if p.x.dtype.type not in operator.dtypes or p.grid not in operator.grids:
        return None
    try:
        steps = operator.steps(p.x, p.params)
    except ValueError:
        return None
    return Outcome(str(steps[-1].value), sentence(steps))
