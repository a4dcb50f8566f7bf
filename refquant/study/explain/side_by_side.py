"""The steps of one number in several engines, side by side, and the rule by which they differ.

The codes are those of refquant.engines; the steps before them are those of each operator's convention.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, zip_longest
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ... import arguments
from ...affine import AffineParams
from ...engines.conventions import Convention
from ...engines.exact import Scalar, show
from ...engines.operators import OPERATORS, Operator, rule_of
from ...engines.steps import Step
from ..aligned import room
from ..engines.cases import Point, shown
from .trace import explain


def engines() -> dict[str, list[Operator]]:
    """Name -> the engine's operators.

    >>> [operator.short for operator in engines()["litert"]]
    ['LiteRT reference', 'LiteRT XNNPACK']
    """
    found: dict[str, list[Operator]] = {}
    for operator in OPERATORS.values():
        if operator.engine:
            found.setdefault(operator.engine, []).append(operator)
    return found


def why(convention: Convention, p: Point, right: float) -> str:
    """Which choices must be the rule's for the rule's code, of floats its value: the fewest, found by trying.

    >>> from ...engines.choices import before_rounding, reciprocal
    >>> why(Convention(reciprocal, before_rounding), Point(np.float32(2.5), np.float32(1), 1), 3)
    'it adds the zero point before it rounds (R5)'
    """
    departs, own = convention.departs, rule_of(p.grid).convention
    for count in range(1, len(departs) + 1):
        found = [kinds for kinds in combinations(departs, count) if show(right) == show(convention._replace(
            **{kind: getattr(own, kind) for kind in kinds}).steps(*p)[-1].value)]
        if found:
            return ", and ".join(dict.fromkeys(departs[kind] for kinds in found for kind in kinds))
    raise RuntimeError(f"no choice of {convention} explains the code of {p}")


@arguments.quiet
def side_by_side(x: str | float | Scalar, params: AffineParams, names: Sequence[str],
                 dtype: DTypeLike = np.float32) -> str:
    """x's steps to its code by the rules and in each engine, as columns, and why a code differs.

    Args:
        x: as explain takes it, rounded to the dtype.
        params: one scale in reals per step and one zero point; the scale is cast to the dtype. A grid of integers or
            of floats.
        names: of engines, from engines().
        dtype: float32, in which the engines compute; or float64, which casts to small floats take, too.

    >>> from refquant import INT8
    >>> print(side_by_side(2.5, AffineParams(scale=1.0, zero_point=1, grid=INT8), ["litert"]))
    x = 2.5, scale = 1, zero point 1, int8 from -128 to 127
    <BLANKLINE>
    refquant                    LiteRT QUANTIZE, reference      LiteRT QUANTIZE, XNNPACK
    x / scale            2.5    x / scale                2.5    x * (1 / scale), flushed  2.5
    round, ties to even    2    round, ties away from 0    3    round, ties to even         2
    + zero point           3    int32, + zero point        4    + zero point                3
    clip                   3    clip                       4    clip                        3
    x_hat                  2    x_hat                      3    x_hat                       2
    <BLANKLINE>
    LiteRT QUANTIZE, reference gives 4, not 3: it rounds ties away from 0 (R4).
    LiteRT QUANTIZE, XNNPACK gives 3 too.

    Raises:
        ValueError: as explain; parameters that none of the engines takes; no engine, an unknown one.
        TypeError: as explain.
    """
    kind: Any = np.dtype(dtype).type
    operators = _known(params, names, kind)
    params = AffineParams(scale=np.asarray(params.scale, kind), zero_point=params.zero_point, grid=params.grid)
    trace = explain(x, params, kind)
    p = Point(kind(trace.x), kind(params.scale), int(params.zero_point), params.grid)
    own = rule_of(p.grid).steps(p.x, params)
    columns, lines, refusals, right = [_column("refquant", own, p)], [], [], own[-1].value
    for operator in operators:
        try:
            steps = operator.steps(p.x, params)
        except (ValueError, TypeError) as complaint:
            refusals.append(complaint)
            lines.append(f"{operator.name} does not take this: {complaint}")
            continue
        columns.append(_column(operator.name, steps, p))
        given, expected = (shown(v, p.grid) for v in (steps[-1].value, right))
        other = f", not {expected}: {why(operator.convention, p, right)}" if given != expected else " too"
        lines.append(f"{operator.name} gives {given}{other}.")
    if len(refusals) == len(operators):
        raise refusals[0]
    return "\n".join([f"{p} from {p.grid.qmin:g} to {p.grid.qmax:g}", "", *_beside(columns), *lines])


def _known(params: Any, names: Sequence[str], dtype: type[Any]) -> list[Operator]:
    """The operators of the engines, which must be known, as must be the parameters."""
    arguments.instance("side_by_side", params, AffineParams, "`params` must be AffineParams",
                       "affine_params makes them")
    if params.grid.bits > 16:
        raise arguments.error(ValueError, "side_by_side",
                              "`params` must have at most 16 bits: beyond, engines compute in dtypes of their own",
                              params.grid, "explain shows refquant's steps alone")
    known = engines()
    if not names or not set(names) <= set(known):
        raise arguments.error(ValueError, "side_by_side", "`names` must hold engines that are known, one at least",
                              repr(list(names)), ", ".join(known))
    operators = [operator for name in dict.fromkeys(names) for operator in known[name]]
    if params.grid.equal_steps:
        taking = [operator for operator in operators if operator.grids[0].equal_steps]
    else:
        taking = [operator for operator in operators if params.grid in operator.grids and dtype in operator.dtypes]
    if not taking:
        others = [name for name in known if any(params.grid in operator.grids for operator in known[name])]
        raise arguments.error(ValueError, "side_by_side", f"one of the engines must have the grid {params.grid!r} and "
                              f"{dtype.__name__} data", ", ".join(names),
                              f"the grid is of {', '.join(others) or 'none of those known'}")
    return taking


def _column(name: str, steps: Sequence[Step], p: Point) -> list[str]:
    value = steps[-1].value
    back = Step("x_hat", np.float32(value - p.zero_point) * p.scale)
    rows = [(step.label, show(step.value)) for step in (*steps, back) if step.label]
    if not p.grid.equal_steps and np.isfinite(value):
        rows.insert(-1, ("code", shown(value, p.grid).split("(")[1].rstrip(")")))
    left, right = (max(map(len, texts)) for texts in zip(*rows, strict=True))
    left = max(left, len(name) - right - 2)
    return [name, *(f"{label:<{left}}  {value:>{right}}" for label, value in rows)]


def _beside(columns: list[list[str]]) -> list[str]:
    """Columns as text, block by block: the rule's, and beside it two others, or one if the terminal is too narrow."""
    first, *others = (max(map(len, column)) for column in columns)
    lines, beside = [], 2 if first + 2 * (4 + max(others)) <= room() else 1
    for start in range(1, len(columns), beside):
        block = [columns[0], *columns[start:start + beside]]
        widths = [max(map(len, column)) for column in block]
        lines += ["    ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
                  for line in zip_longest(*block, fillvalue="")] + [""]
    return lines
