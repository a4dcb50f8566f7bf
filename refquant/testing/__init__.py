"""The property-based kit that refquant's own tests stand on; it needs hypothesis (extra `test`).

    check       check_quantizer(yours): is it right, and if not, the smallest counter-example
    ladder      the numbers that check_quantizer tries, rule after rule
    hints       what a wrong quantizer would be right with
    identify    identify(black_box): which convention is it
    points      the numbers that identify asks
    asking      a black box asked in several ways
    layouts     the same numbers in other arrays
    oracle      the formula for one number at a time, in exact fractions
    strategies  data at decision points: ties, one ulp beside them, far outside
    laws        what must hold, each a named function that cites its rules; one module an idea
    mutants     each formula with one thing wrong: every mutant must break a law of its rule; one module an idea
    kills       how often each mutant dies: python -m refquant.testing.kills

A quantizer is a function (x, params) -> codes. x is an array of float32. params has `scale` (float32) and `zero_point`
(int16, or int32 beyond 8 bits), arrays that broadcast to x, and `grid` with `bits`, `qmin`, `qmax`, `dtype`. A function
of other arguments is wrapped: lambda x, p: mine(x, p.scale, p.zero_point). one_axis(f) adapts an
f(x, scale_1d, zero_point_1d, channel_axis).

To check an intended deviation, name it: check_quantizer(mine, zero_point=before_rounding). Several may be combined:

    argument     refquant's own    others, of refquant.engines.choices
    rounding     half_even         half_away, half_up, half_down, half_toward_zero, toward_zero, away_from_zero,
                                   downward, upward; half_added and half_added_away add 0.5 in float32, so that
                                   0.49999997 becomes 1
    zero_point   after_rounding    before_rounding (the sum in float32), before_rounding_in_float64, offset_first
                                   (round((x - lo) / scale) + qmin)
    division     true_division     reciprocal, fused_reciprocal, in_float64, reciprocal_in_float64, in_float16,
                                   flushed_reciprocal (subnormal numbers are 0)
    cast         saturating        through_int32, through_int64 (before the clip), sum_through_int64 (and after the
                                   zero point), wrapping (no clip)

>>> import numpy as np
>>> from refquant.engines.choices import before_rounding
>>> def mine(x, params):
...     steps = np.rint(x / params.scale + params.zero_point.astype(x.dtype))
...     return np.clip(steps, params.grid.qmin, params.grid.qmax).astype(params.grid.dtype)
>>> check_quantizer(mine, zero_point=before_rounding, examples=20)
"""

from __future__ import annotations

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as cause:
    raise ImportError("refquant.testing: needs hypothesis. Hint: pip install 'refquant[test]'.") from cause

from . import oracle, strategies
from .check import Deviation, check_quantizer, one_axis
from .identify import Identity, identify
from .laws import LAWS, Law, holds
from .mutants import MUTANTS, Mutant

__all__ = ["check_quantizer", "one_axis", "Deviation", "identify", "Identity", "LAWS", "Law", "MUTANTS", "Mutant",
           "holds", "oracle", "strategies"]
