"""A quantizer with a scale of its own, f(x) -> codes, scale[, zero_point]: which fit, which convention?

Its scale is learned before its codes are tested. The first pass fixes the smallest and the largest value of each slice;
the second puts the ties of the scale that came back between them. Then codes are held to the scale that was returned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arguments import axes, error, quiet, whole
from ..engines.conventions import OWN, Convention
from ..grids import INT8, Grid, known
from .calls import Call
from .elsewhere import Found, elsewhere
from .fits import FITS, ZERO_POINTS, Rule, followed
from .judged import judged

BEFORE = ", by the scale before it was rounded to its dtype (breaks R18)"


class Dynamic(NamedTuple):
    """What check_dynamic found; print it.

    fits, zero_points: the rules that give every scale and zero point of ordinary slices, whose largest value lies
    between 2**-8 and 2**8; none if it is like none of them.
    conventions: those that give every code, the nearest to refquant's own.
    stored: whether codes follow the scale as it is returned (R18), not as it was before it was rounded.
    lowest, zeros: what becomes of the lowest code, and of slices of zeros. ratio: max|x| / scale.
    elsewhere: where scale, zero point or codes are others: in slices from the smallest number to the largest, of one
    value, in arrays of other lengths.
    """

    fits: tuple[str, ...]
    zero_points: tuple[str, ...]
    conventions: tuple[Convention, ...]
    stored: bool
    lowest: str
    zeros: str
    ratio: str
    elsewhere: tuple[str, ...]

    def __str__(self) -> str:
        names = [str(c) if str(c) != OWN else "refquant's own convention" for c in self.conventions]
        codes = " or ".join(names[:3]) + f" or {len(names) - 3} more" * (len(names) > 3)
        return "\n".join([
            f"scale      {' or '.join(self.fits) or f'none of those known: max|x| / scale is {self.ratio}'}",
            f"zero point {' or '.join(self.zero_points) or 'none of those known'}",
            f"codes      {codes}{'' if self.stored else BEFORE}",
            f"lowest     {self.lowest}", f"all zeros  {self.zeros}",
            f"elsewhere  {f'{chr(10)}           '.join(self.elsewhere) or 'as above'}"
            f"{', as far as zero points do not count' * (not self.zero_points and not self.elsewhere)}"])


@quiet
def check_dynamic(quantize: Callable[[Any], Any], *, grid: Grid = INT8, axis: int | tuple[int, ...] | None = None,
                  block: int | None = None, shape: tuple[int, ...] | None = None,
                  arrays: Callable[[Any], Any] = np.array, data_precision: int | None = None, examples: int = 60,
                  **held: Callable[..., Any]) -> Dynamic:
    """Which fit the scale follows, and which convention the codes; Deviation if the codes follow none.

    Args:
        quantize: x -> (codes, scale) or (codes, scale, zero_point); x is float32, what comes back in its order.
        grid: which codes exist. Whether the lowest is given is found out.
        axis: the axes reduced over, as in dynamic_params; None: one scale for all.
        block: blocks of so many values along the last axis share a scale.
        shape: of x; (8, 64), or eight rows of two blocks.
        arrays: torch.from_numpy, or another function that makes x.
        data_precision: significant bits of x: 8 for bfloat16, which lambda a: torch.from_numpy(a).bfloat16() then makes
            without rounding.
        examples: how many arrays are tried; if each has fewer than eight slices, up to eight times as many.
        held: division, zero_point, rounding or cast, to hold it to that choice alone. Otherwise every named one is
            tried, and range_reciprocal.

    This describes; it gives no verdict. A scale that comes back shorter than float32 is compared after rounding, and
    the answer says so. Codes may follow another convention than refquant's own, or the scale before it was rounded
    (which breaks R18): the line on codes names that. The names are decided by slices whose largest value lies between
    2**-8 and 2**8. In some of them the zero point, or the scale before it is rounded, is a tie. Then others are asked:
    slices whose largest value is each power of two, from the smallest number to the largest, slices of one value and,
    unless `shape` is given, arrays of other lengths. The last lines tell where scale, zero point or codes are others
    there. Where no rule of scales is known, they tell where max|x| / scale is another than in ordinary slices, by more
    than a thousandth.

    >>> def mine(x):
    ...     scale = np.abs(x).max(axis=-1, keepdims=True) / np.float32(127.5)
    ...     return np.clip(np.floor(x / scale + np.float32(0.5)), -128, 127).astype(np.int8), scale
    >>> print(check_dynamic(mine, axis=-1))
    scale      max|x| / 127.5
    zero point 0
    codes      rounding=half_added
    lowest     given
    all zeros  scale 0
    elsewhere  slices asked with max|x| <= 4.48416e-44, scale 0, so that all codes mean 0

    Raises:
        Deviation: an AssertionError: codes that no named convention gives (R4), or another one in arrays of other
            lengths (R12), or codes that mean no 0 where all is 0 (R11; where the scale is 0, every code means 0).
        ValueError, TypeError: other arguments, a function that returns something else.
    """
    usual, shape = shape is None, shape or (8, 2 * whole("check_dynamic", block, "block", 2) if block else 64)
    over = axes("check_dynamic", shape, -1 if block else axis)
    if min(shape[i] for i in over) < 2 or shape[-1] % (block or 1):
        raise error(ValueError, "check_dynamic", "`shape` must give each slice 2 values at least, and whole blocks",
                    f"{shape} with axis={axis} and block={block}", "leave it out, or take (8, 64)")
    call = Call(quantize, arrays, known("check_dynamic", grid), shape, over, block, data_precision)
    rng = np.random.default_rng(0)
    times = whole("check_dynamic", examples, "examples", 1) * max(1, 8 // len(call.places(shape)))
    seen = call.stacked([call.seen(rng) for _ in range(times)])
    zeros = call.of_zeros(seen)
    fits = followed(FITS, seen.lo, seen.hi, grid, np.where(seen.asked, np.abs(seen.scale), np.nan))
    if not fits and len(np.unique(seen.scale[seen.asked])) == 1:
        fits = {f"always {seen.scale[seen.asked][0]:g}": [Rule(
            lambda lo, _: np.full(lo.shape, np.abs(seen.scale[seen.asked][0])), lambda v: v)]}
    zero_points = followed(ZERO_POINTS, seen.lo, seen.scale, grid, np.where(seen.asked, seen.zero_point, np.nan))
    rules, of_zero = ([rule for several in found.values() for rule in several] for found in (fits, zero_points))
    unrounded = [rule for rule in rules if (rule.given(seen.lo, seen.hi) != np.abs(seen.scale))[seen.asked].any()]
    ratio = np.maximum(np.abs(seen.lo), np.abs(seen.hi))[seen.asked] / np.abs(seen.scale[seen.asked])
    found = Found(rules, [several[0] for several in fits.values()], of_zero, unrounded, (ratio.min(), ratio.max()))
    ways, lowest = judged(call, seen, found.scales(seen), held)
    below = seen.scale[seen.asked] < 0
    sign = ", negative" if below.all() else ", of either sign" if below.any() else ""
    return Dynamic(tuple(fit + sign for fit in fits), tuple(zero_points), tuple(dict.fromkeys(
        way.convention for way in ways)), ways[0].place == 0, lowest, zeros,
        f"from {ratio.min():.6g} to {ratio.max():.6g} in {ratio.size} of the slices asked",
        elsewhere(call, found._replace(ways=ways), seen, usual))
