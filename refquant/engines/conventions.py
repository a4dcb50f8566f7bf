"""How others quantize: five choices are a convention, the formula that an engine computes.

    v, rest  = zero_point(division(x, scale), z, dtype)
    q        = min(max(cast(rounding(v), rest, grid), qmin), qmax)        where that is NaN: nan(grid)

Pass an engine's choices to check_quantizer to test it by its own convention; identify finds out which ones it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from ..arguments import error, quiet
from ..grids import Grid
from . import choices
from .choices import Cast, Division, Nan, Rounding, ZeroPoint
from .exact import Scalar, exact
from .steps import Step, choice

OWN = "refquant's own"
#: Which rule each choice answers.
RULE_OF = {"division": "R3", "zero_point": "R5", "rounding": "R4", "cast": "R6", "nan": "R7"}


class Convention(NamedTuple):
    """One way to quantize.

    >>> import numpy as np
    >>> from refquant import INT8
    >>> Convention(rounding=choices.half_away).quantize(np.float32(2.5), np.float32(1), 0, INT8)
    3
    """

    division: Division = choices.true_division
    zero_point: ZeroPoint = choices.after_rounding
    rounding: Rounding = choices.half_even
    cast: Cast = choices.saturating
    nan: Nan = choices.refused

    @quiet
    def steps(self, x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> list[Step]:
        """What each choice makes of one number, x and scale of one dtype; the last is the code, None where refused.

        >>> import numpy as np
        >>> from refquant import INT8
        >>> from refquant.engines.steps import sentence
        >>> steps = Convention(zero_point=choices.before_rounding).steps(np.float32(1.5), np.float32(1), 1, INT8)
        >>> [(step.label, float(step.value)) for step in steps if step.label]
        [('x / scale', 1.5), ('+ zero point', 2.5), ('round, ties to even', 2.0), ('clip', 2.0)]
        >>> sentence(steps)
        'x / scale = 1.5, + 1 = 2.5, a tie: to the even 2'
        """
        if self.zero_point is choices.offset_first:
            above = choices.above_lowest(x, scale, zero_point, grid)
            return [Step.of(choices.offset_first, x, above, value=above), *self._replace(
                zero_point=choices.after_rounding).steps(above, scale, int(grid.qmin), grid)]
        v = self.division(x, scale)
        total, rest = self.zero_point(v, zero_point, type(x))
        whole = exact(total)
        n = self.rounding(whole) if isinstance(whole, Fraction) else whole
        q = self.cast(n, rest, grid)
        late = "" if choice(self.zero_point).label else "+ zero point"
        return [Step.of(self.division, x, scale, value=v),
                Step.of(self.zero_point, v, zero_point, type(x), value=total),
                Step.of(self.rounding, whole, value=n),
                Step.of(self.cast, n, rest, grid, value=q, label=choice(self.cast).label.format(late).strip(", ")),
                Step.of(self.nan, grid, value=self.nan(grid), label="clip") if math.isnan(q) else
                Step.of(choices.clip, q, grid, value=choices.clip(q, grid))]

    def quantize(self, x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> int:
        """The code of one number; NaN, of x or of 0 / 0, must have one.

        Raises:
            ValueError: NaN where `nan` refuses it.
        """
        code = self.steps(x, scale, int(zero_point), grid)[-1].value
        if code is None:
            raise error(ValueError, "Convention", "x / scale must not be NaN (R7)", f"{x} / {scale}",
                        "say which code NaN has: nan=lowest, highest or zero")
        return int(code)

    @property
    def departs(self) -> dict[str, str]:
        """What it does and refquant does not, with the rule: kind -> words.

        >>> Convention(rounding=choices.half_away).departs
        {'rounding': 'it rounds ties away from 0 (R4)'}
        """
        own = self._field_defaults
        return {kind: f"{choice(f).departs or f'its {kind} is {choice(f).__name__}'} ({RULE_OF[kind]})"
                for kind, f in self._asdict().items() if f is not own[kind]}

    def __str__(self) -> str:
        return ", ".join(f"{kind}={choice(getattr(self, kind)).__name__}" for kind in self.departs) or OWN


#: Every named choice of each kind that a quantizer's codes tell apart, refquant's first.
NAMED: dict[str, tuple[Callable[..., Any], ...]] = {
    "division": (choices.true_division, choices.reciprocal, choices.fused_reciprocal, choices.in_float64,
                 choices.reciprocal_in_float64),
    "zero_point": (choices.after_rounding, choices.before_rounding, choices.before_rounding_in_float64,
                   choices.offset_first),
    "rounding": (choices.half_even, choices.half_away, choices.half_up, choices.half_down, choices.half_toward_zero,
                 choices.half_added, choices.half_added_away, choices.toward_zero, choices.away_from_zero,
                 choices.downward, choices.upward),
    "cast": (choices.saturating, choices.through_int32, choices.through_int64, choices.sum_through_int64,
             choices.wrapping),
}
#: What occurs in this combination alone.
PECULIAR = (Convention(choices.flushed_reciprocal), Convention(choices.in_float16))
