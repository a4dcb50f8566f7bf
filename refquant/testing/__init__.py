"""The property-based kit that refquant's own tests stand on; it needs hypothesis (extra `test`).

    check       check_quantizer(yours): is it right, and if not, the smallest counter-example
    forms       other forms as (x, params) -> codes: by_range, one_axis, by_blocks
    fake        check_fake_quantizer(yours): the rounding, and the way back
    dynamic     check_dynamic(yours): its own scale, and its codes; fits, calls, judged, elsewhere do the work
    ladder      the numbers that check_quantizer tries, rule after rule
    proven      the smallest array that shows a wrong code, and which rules it proves broken
    hints       what a wrong quantizer would be right with
    story       how a counter-example is told
    identify    identify(black_box): which convention is it
    points      the numbers that identify asks, and what some of them have in common
    seen        what came back, of a quantizer or from a table
    table       measured rows: (x, scale, zero_point, code)
    asking      a black box asked in several ways
    layouts     the same numbers in other arrays, and how an array is written
    requantizer identify_requantizer(black_box): one rounding or two, of integers or of floats
    oracle      the formula for one number at a time, in exact fractions: the nearest of all values
    strategies  data at decision points of every grid: values, ties, one ulp beside them, far outside
    laws        what must hold, each a named function that cites its rules; laws_of(grid): those of every grid, on one;
                laws_citing("gptq"): those of a method, to which yours is held: holds(law, SimpleNamespace(gptq=yours))
    mutants     each formula with one thing wrong: every mutant must break a law of its rule; one module an idea
    kills       how often each mutant dies: python -m refquant.testing.kills

A quantizer is a function (x, params) -> codes. x is an array of float32. params has `scale` (float32) and `zero_point`
(int16, or int32 beyond 8 bits), arrays that broadcast to x, and `grid` with `bits`, `qmin`, `qmax`, `dtype`. On float
grids and codebooks the zero point is 0, and codes are unsigned integers. A function of other arguments is wrapped. The
form of yours, and what to paste:

    form of `mine`                        after: import refquant as rq; from refquant.testing import *
    (x, params) -> codes                  check_quantizer(mine)
    (x, scale, zero_point) -> codes       check_quantizer(lambda x, p: mine(x, p.scale, p.zero_point), grids=rq.INT8)
    (x, scale) -> codes                   check_quantizer(lambda x, p: mine(x, p.scale), grids=rq.INT8, symmetric=True)
    (x, scale_1d, zero_point_1d, axis)    check_quantizer(one_axis(mine), grids=rq.INT8)
    (x, lo, hi) -> codes                  check_quantizer(by_range(mine), grids=rq.UINT8)
    (x, scales, zero_points), blocks      check_quantizer(by_blocks(mine, 32), grids=rq.INT4)
    float codes, a codebook               check_quantizer(mine, grids=rq.E4M3)
    (x, params) -> x_hat                  check_fake_quantizer(mine, grids=rq.INT8)
    (x, lo, hi) -> x_hat                  check_fake_quantizer(by_range(mine), grids=rq.UINT8)
    which convention is it?               print(identify(mine, grid=rq.INT8))
    by ranges: which is it?               print(identify(by_range(mine), grid=rq.UINT8))
    x -> codes, scale, zero_point         print(check_dynamic(mine, grid=rq.UINT8))
    x -> codes, scale, one a row          print(check_dynamic(mine, axis=-1))
    x -> codes, scales of blocks          print(check_dynamic(mine, grid=rq.E2M1, block=32))
    x -> codes, scales, zeros of blocks   print(check_dynamic(mine, grid=rq.UINT4, block=32))
    blocks down the columns               print(check_dynamic(lambda x: [a.T for a in mine(x.T)], block=32))
    x -> codes, the scale always 0.05     print(check_dynamic(lambda x: (mine(x), 0.05)))
    measured (x, scale, zero_point, code) print(identify(rows))
    (acc, m) -> rounded products          print(identify_requantizer(mine))

check_quantizer and check_fake_quantizer give a verdict: they return, or raise Deviation. The others describe, and print
what they found; check_dynamic raises Deviation where codes follow no named convention or are not 0 where all is 0.
Messages cite rules by number: rq.RULES["R4"] is the text of R4. "R3 or R4 is broken" says that one of them is, and that
no question told which. Rows of a table are counted from 0. Of a fake-quantizer, identify asks the codes that its reals
mean; codes of a codebook are places of its values, in ascending order, whatever yours are (bitsandbytes' FP4, say):

    identify(lambda x, p: np.rint(mine(x, p) / p.scale + p.zero_point).astype(int))
    check_quantizer(lambda x, p: np.searchsorted(p.grid.values, my_levels[mine(x, p)]), grids=rq.Codebook(my_values))

What yours is made for is said by name:

    one scale, one zero point             per_tensor=True
    no zero point                         symmetric=True (identify too)
    scales that are powers of two         scale_precision=1
    sizes that are a multiple of 64       multiple=64
    float16, float64                      dtypes=np.float16, dtypes=[np.float32, np.float64]
    tensors                               arrays=torch.from_numpy (identify and check_dynamic too)
    bfloat16                              arrays=torch.from_numpy, data_precision=8, scale_precision=8
    no code of its own for -0             minus_zero=False

identify asks float32 of full precision, arrays of any length and grids of equal steps up to 16 bits. check_dynamic has
data_precision, not scale_precision, and shape= for sizes; identify_requantizer has none of these. Numbers of 8
significant bits are the same in bfloat16: `mine` may convert them. Its codes must be those of x / scale in float32, and
so it is for float16 (R3). If yours divides in bfloat16, say division=in_bfloat16. Codes of floats are their bits:
.view(torch.uint8). A property of your own is tested on data that fit, without filtering:

    @given(strategies.quantizations(grid=rq.INT8, dtype="float32", per_tensor=True, symmetric=True))

To check an intended deviation, name it: check_quantizer(mine, zero_point=before_rounding). Several may be combined; on
float grids and codebooks the division alone may be another.

    argument     refquant's own    others, each after: from refquant.engines.choices import half_away
    rounding     half_even         half_away, half_up, half_down, half_toward_zero, toward_zero, away_from_zero,
                                   downward, upward; half_added and half_added_away add 0.5 in float32, so that
                                   0.49999997 becomes 1
    zero_point   after_rounding    before_rounding (the sum in float32), before_rounding_in_float64, offset_first
                                   (round((x - lo) / scale) + qmin)
    division     true_division     reciprocal, fused_reciprocal, in_float64, reciprocal_in_float64, in_float16,
                                   in_bfloat16, flushed_reciprocal (subnormal numbers are 0)
    cast         saturating        through_int32, through_int64 (before the clip), sum_through_int64 (and after the
                                   zero point), wrapping (no clip)

A choice of your own is a function, too: a divisor that is scale + 1e-8, a scale with a floor. It takes one number at a
time, which is slow: with examples=20 the check takes ten seconds.

    def with_epsilon(x, scale): return x / (scale + np.float32(1e-8))
    check_quantizer(mine, grids=rq.INT8, division=with_epsilon, examples=20)

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
from .check import Deviation, check_quantizer
from .dynamic import Dynamic, check_dynamic
from .fake import check_fake_quantizer
from .forms import by_blocks, by_range, one_axis
from .identify import Identity, identify
from .laws import LAWS, Law, holds, laws_citing, laws_of
from .mutants import MUTANTS, Mutant
from .requantizer import Requantizing, identify_requantizer

__all__ = ["check_quantizer", "check_fake_quantizer", "check_dynamic", "Dynamic", "by_range", "one_axis", "by_blocks",
           "Deviation", "identify", "Identity", "identify_requantizer", "Requantizing", "LAWS", "Law", "MUTANTS",
           "Mutant", "holds", "laws_of", "laws_citing", "oracle", "strategies"]
