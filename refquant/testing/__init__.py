"""The property-based kit that refquant's own tests stand on; it needs hypothesis (extra `test`).

    check       check_quantizer(yours): is it right, and if not, the smallest counter-example
    forms       other forms as (x, params) -> codes: by_range, one_axis, by_blocks
    fake        check_fake_quantizer(yours): the rounding, and the way back
    dynamic     check_dynamic(yours): its own scale, and its codes; fits, calls and judged do the work
    ladder      the numbers that check_quantizer tries, rule after rule
    hints       what a wrong quantizer would be right with
    story       how a counter-example is told
    identify    identify(black_box): which convention is it
    points      the numbers that identify asks
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
    (x, params) -> x_hat                  check_fake_quantizer(mine, grids=rq.INT8)
    x -> codes, scale, zero_point         print(check_dynamic(mine, grid=rq.UINT8))
    x -> codes, scale, one a row          print(check_dynamic(mine, axis=-1))
    x -> codes, scales of blocks          print(check_dynamic(mine, grid=rq.E2M1, block=32))
    measured (x, scale, zero_point, code) print(identify(rows))
    (acc, m) -> rounded products          print(identify_requantizer(mine))
    float codes, a codebook               check_quantizer(mine, grids=rq.E4M3)

What it is made for is said by name, in any of these calls (check_dynamic takes arrays= and data_precision=, identify
arrays= and symmetric=):

    one scale, one zero point             per_tensor=True
    no zero point                         symmetric=True
    scales that are powers of two         scale_precision=1
    sizes that are a multiple of 64       multiple=64
    tensors                               arrays=torch.from_numpy
    bfloat16                              arrays=torch.from_numpy, data_precision=8, scale_precision=8

With 8 significant bits x.bfloat16() rounds nothing, so `mine` may convert. Codes and reals are then held to float32's
arithmetic on these numbers, as float16's are (R3). Codes of floats are their bits: .view(torch.uint8). A property of
your own is tested on data that fit, without filtering:

    @given(strategies.quantizations(grid=rq.INT8, dtype="float32", per_tensor=True, symmetric=True))

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
