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

import numpy as np

from ..arguments import error, quiet
from ..grids import Grid
from . import choices
from .choices import Cast, Division, Nan, Rounding, ZeroPoint
from .exact import Scalar, exact, place_of, show, value_at
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

        On other grids the place among the values is rounded, and the last is the value:

        >>> from refquant import E2M1
        >>> sentence(Convention(rounding=choices.half_toward_zero).steps(np.float32(0.75), np.float32(1), 0, E2M1))
        'x / scale = 0.75, a tie: toward zero 0.5'
        """
        if not grid.equal_steps:
            return self._among_values(x, scale, grid)
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

    def _among_values(self, x: Scalar, scale: Scalar, grid: Grid) -> list[Step]:
        """steps, on a grid whose values are not one apart."""
        v = self.division(x, scale)
        place = place_of(exact(v), grid)
        k = self.rounding(place) if isinstance(place, Fraction) else place
        n = value_at(k, grid, v)
        q, nan = self.cast(n, -0.0, grid), self.nan(grid)
        clipped = np.float32(choices.clip(q, grid) if self.cast is choices.saturating else q)
        said = choice(self.rounding).words(place, k).removesuffix(str(k)).replace("even", "even code,")
        return [Step.of(self.division, x, scale, value=v),
                Step(choice(self.rounding).label, n, lambda: said and said + show(np.float32(n))),
                Step.of(self.cast, n, -0.0, grid, value=q, label=choice(self.cast).label.strip("{}")),
                Step.of(self.nan, grid, value=nan and np.float32(nan), label="NaN") if math.isnan(n) else
                Step.of(choices.clip, q, grid, value=clipped) if self.cast is choices.saturating else Step("", clipped)]

    def quantize(self, x: Scalar, scale: Scalar, zero_point: int, grid: Grid) -> int:
        """The code of one number, on a grid of equal steps; NaN, of x or of 0 / 0, must have one.

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
PECULIAR = (Convention(choices.flushed_reciprocal), Convention(choices.in_float16),
            Convention(choices.flushed_reciprocal, choices.before_rounding),
            Convention(choices.of_range, choices.offset_first, choices.downward))
