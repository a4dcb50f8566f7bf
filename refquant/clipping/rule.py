"""Data -> [lo, hi]: how the clipping range is chosen.

A rule is any function `(x, axis=None) -> (lo, hi)` that keeps the reduced axes as 1 (NumPy's keepdims), so that the
range broadcasts back to x; `partial(percentile, percent=99.9)` makes one of a rule with options. `axis` holds the axes
REDUCED over, so the same rule serves tensors, channels, rows and, after split_blocks, blocks. `counts`, of x's shape,
says how often each value occurs: so a rule reads a histogram (bins.py).

Nothing is selected by name: a function is the option, and yours is as good as the built-in ones.

>>> import refquant as rq
>>> def three_sigma(x, axis=None):
...     # Mean plus and minus three standard deviations, no wider than the data.
...     mean, sigma = (f(x, axis=axis, keepdims=axis is not None) for f in (np.mean, np.std))
...     lo, hi = rq.minmax(x, axis=axis)
...     return np.maximum(lo, mean - 3 * sigma), np.minimum(hi, mean + 3 * sigma)
>>> x = np.random.default_rng(0).normal(size=10_000); x[0] = 60.0     # one outlier
>>> sqnr = [rq.sqnr_db(x[1:], rq.fake_quantize(x[1:], rq.dynamic_params(x, rq.INT4, clip=clip)))
...         for clip in (rq.minmax, three_sigma)]
>>> bool(sqnr[1] > sqnr[0] + 5)
True
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from ..grids import Grid
from ..ranges import Fit, affine_params

Axis: TypeAlias = int | tuple[int, ...] | None
Clip: TypeAlias = Callable[..., tuple[Reals, Reals]]


class ClippingRule(NamedTuple):
    """A rule that has a name, and which of the options of `on` it takes.

    clip takes x and axis; every rule except minmax takes counts as well.
    """

    clip: Clip
    takes: tuple[str, ...] = ()

    def on(self, grid: Grid, fit: Fit = affine_params, *, one_sided: bool = False, percent: float = 99.9) -> Clip:
        """The rule with these options, as far as it takes them: a function (x, axis=None) -> (lo, hi)."""
        options = {"grid": grid, "fit": fit, "one_sided": one_sided, "percent": percent}
        return partial(self.clip, **{name: options[name] for name in self.takes}) if self.takes else self.clip


def finite(where: str, x: ArrayLike, axis: Axis, counts: Codes | None,
           one_sided: bool = False) -> tuple[Reals, Codes | None]:
    """x as finite reals, and counts of its shape."""
    x = arguments.finite(where, parse(where, x, axis), "x")
    arguments.instance(where, one_sided, (bool, np.bool_), "`one_sided` must be True or False", "pass True")
    if counts is not None:
        counts = arguments.integers(where, counts, "counts")
        if counts.shape != x.shape or axis != -1 or (counts < 0).any() or not counts.any(axis=-1).all():
            raise arguments.error(ValueError, where, "`counts` must have the shape of `x`, with axis=-1, and say how "
                                  "often each occurs, at least one of a row", f"{counts.shape} for {x.shape}, "
                                  f"axis={axis}", "histogram_observer calls it so")
    return x, counts


def parse(where: str, x: ArrayLike, axis: Axis) -> Reals:
    """x as reals, with something to reduce over along `axis`."""
    x = arguments.reals(where, x)
    if any(x.shape[i] == 0 for i in arguments.axes(where, x.shape, axis)):
        raise arguments.error(ValueError, where, "a range needs data", f"shape {x.shape} reduced over axis={axis}",
                              "leave empty batches out")
    return x


def kept(x: Reals, reduced: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape of x's range: the reduced axes are 1, or gone for axis=None."""
    return () if axis is None else tuple(1 if i in reduced else n for i, n in enumerate(x.shape))


def ranged(where: str, clip: Clip, x: ArrayLike, axis: Axis) -> tuple[Reals, Reals]:
    """What a clipping rule makes of x, in the shape that broadcasts back to x."""
    x = arguments.reals(where, x)
    shape = kept(x, arguments.axes(where, x.shape, axis), axis)
    hint = "give it its options first: partial(rq.percentile, percent=99.9), partial(rq.mse_optimal, grid=grid)"
    found = arguments.called(where, "clip", "(x, axis=) -> (lo, hi)", hint, clip, x, axis=axis)
    shapes = [np.shape(end) for end in found] if np.iterable(found) else np.shape(found)
    if shapes != [shape, shape]:
        raise arguments.error(ValueError, where, "`clip` must return (lo, hi), and keep the reduced axes as 1 (R12)",
                              f"shapes {shapes} instead of {[shape, shape]}", "reduce with keepdims=axis is not None")
    lo, hi = found
    return lo, hi
