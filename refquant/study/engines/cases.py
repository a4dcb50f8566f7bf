"""A case of the disagreement table: one input, what the rule makes of it, what each engine makes of it, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...affine import AffineParams
from ...engines.exact import Scalar, hexadecimal, show
from ...engines.operators import OPERATORS, Operator, rule_of
from ...engines.steps import sentence
from ...grids import INT8, Grid

T = TypeVar("T")


class Point(NamedTuple):
    """One number and its parameters; x and scale of one dtype."""

    x: Scalar
    scale: Scalar
    zero_point: int
    grid: Grid = INT8

    @property
    def params(self) -> AffineParams:
        """The parameters alone."""
        return AffineParams(scale=self.scale, zero_point=self.zero_point, grid=self.grid)

    def __str__(self) -> str:
        scale, data = ("" if self.x.dtype == np.float32 else f" ({self.x.dtype})"), exactly(self.x)
        zero = f", zero point {self.zero_point}" if self.grid.equal_steps else ""
        return f"x = {data}, scale = {show(self.scale)}{scale}{zero}, {name_of(self.grid)}"


class Outcome(NamedTuple):
    """What an engine gives, and how it comes about."""

    gives: str
    how: str


class Case(NamedTuple):
    """One input, what the rule says, what each engine that has such an operator gives."""

    given: str
    rule: Outcome
    engines: Mapping[str, Outcome]

    @property
    def departing(self) -> dict[str, Outcome]:
        """The engines that give something else."""
        return {name: outcome for name, outcome in self.engines.items() if outcome.gives != self.rule.gives}


def ask(p: Point) -> Case:
    """What every operator makes of one number.

    >>> case = ask(Point(np.float32(2.5), np.float32(1), 0))
    >>> case.rule.gives, sorted({outcome.gives for outcome in case.departing.values()})
    ('2', ['3'])
    """
    found = {operator.name: outcome(operator, p) for operator in OPERATORS.values()}
    return Case(str(p), outcome(rule_of(p.grid), p) or Outcome("refused", "NaN has no code"),
                {name: each for name, each in found.items() if each is not None})


def outcome(operator: Operator, p: Point) -> Outcome | None:
    """What an operator gives, and how; None if it does not take such a number or such parameters."""
    if p.x.dtype.type not in operator.dtypes or (operator.grids and p.grid not in operator.grids):
        return None
    try:
        steps = operator.steps(p.x, p.params)
    except ValueError:
        return None
    refused = steps[-1].value is None  # NaN
    return None if refused else Outcome(shown(steps[-1].value, p.grid), sentence(steps))


def shown(value: Any, grid: Grid) -> str:
    """A code; where codes are not their values, the value and its code.

    >>> from refquant import E4M3
    >>> shown(3, INT8), shown(np.float32(448), E4M3), shown(np.float32(np.nan), E4M3)
    ('3', '448 (0x7E)', 'NaN')
    """
    if grid.equal_steps:
        return str(value)
    code = f" (0x{int(grid.encode(np.asarray(value))):0{-(-grid.bits // 4)}X})"
    return f"{show(value)}{code}" if np.isfinite(value) else show(value).replace("nan", "NaN")


def agreed(name: str, given: T, computed: T, how: str = "") -> T:
    """What an engine gives, which must be what its steps lead to; so no step is shown that does not happen.

    >>> agreed("an engine", 3, 3)
    3
    """
    if given != computed:
        raise RuntimeError(f"{name} gives {given}, its steps {computed}: {how}")
    return given


def name_of(grid: Grid) -> str:
    """int8, uint4, E4M3."""
    return f"{'' if grid.qmin < 0 else 'u'}int{grid.bits}" if grid.equal_steps else repr(grid)


def exactly(v: Scalar) -> str:
    """The shortest decimal, and the number itself in hexadecimal where they differ.

    >>> exactly(np.float32(2.5)), exactly(np.float32(1.65))
    ('2.5', '1.65 (0x1.a66666p+0)')
    """
    short = show(v)
    return short if float(short) == float(v) or not np.isfinite(v) else f"{short} ({hexadecimal(v)})"
