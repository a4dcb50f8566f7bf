"""Which rule gave these scales and zero points? Every named fit is asked for those of the same ranges."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..affine import AffineParams
from ..arguments import quiet
from ..engines.choices import half_away
from ..engines.exact import coarse
from ..grids import E4M3, Grid
from ..ranges import affine_params, middle, symmetric_params
from ..scales import mx_ceil_params, mx_even_params, mx_params, mx_rceil_params, two_level


def sides(grid: Grid) -> tuple[int, Any, Any]:
    """The code in the middle, and how far the ends are from it.

    >>> from refquant import INT8, UINT4
    >>> sides(INT8), sides(UINT4)
    ((0, 128, 127), (8, 8, 7))
    """
    zero_point, _ = middle(grid)
    return zero_point, zero_point - grid.qmin, grid.qmax - zero_point


def _largest(lo: Any, hi: Any) -> Any:
    return np.maximum(np.abs(lo), np.abs(hi))


def _scale_of(fit: Callable[[Any, Any, Grid], AffineParams]) -> Callable[[Any, Any, Grid], Any]:
    return lambda lo, hi, grid: fit(lo, hi, grid).scale


#: Name -> (lo, hi, grid) -> scales. {low} and {high} are the sides of the grid, {half} is their mean, {width} their
#: sum. More may be entered.
FITS: dict[str, Callable[[Any, Any, Grid], Any]] = {
    "affine_params, (hi - lo) / {width:g} of the range with 0": _scale_of(affine_params),
    "(hi - lo) / {width:g}, the range not widened to 0": lambda lo, hi, grid: (hi - lo) / (grid.qmax - grid.qmin),
    "symmetric_params, max|x| / {high:g}": _scale_of(symmetric_params),
    "max|x| * (1 / {high:g})": lambda lo, hi, grid: _largest(lo, hi) * (1 / lo.dtype.type(sides(grid)[2])),
    "1 / ({high:g} / max|x|)": lambda lo, hi, grid: 1 / (sides(grid)[2] / _largest(lo, hi)),
    "1 / ({high:g} / (max|x| + 1e-7))": lambda lo, hi, grid: 1 / (sides(grid)[2] / (_largest(lo, hi) + 1e-7)),
    "max|x| / {half:g}": lambda lo, hi, grid: _largest(lo, hi) / ((grid.qmax - grid.qmin) / 2),
    "max|x| * (1 / {half:g})": lambda lo, hi, grid: _largest(lo, hi) * (2 / lo.dtype.type(grid.qmax - grid.qmin)),
    "max|x| / {low:g}": lambda lo, hi, grid: _largest(lo, hi) / sides(grid)[1],
    "max(hi / {high:g}, -lo / {low:g})": lambda lo, hi, grid: np.maximum(hi / sides(grid)[2], -lo / sides(grid)[1]),
    "mx_params": _scale_of(mx_params), "mx_ceil_params": _scale_of(mx_ceil_params),
    "mx_even_params": _scale_of(mx_even_params), "mx_rceil_params": _scale_of(mx_rceil_params),
    "two_level(E4M3)": _scale_of(two_level(E4M3, axis=-2))}
#: Name -> (lo, scale, grid) -> zero points.
ZERO_POINTS: dict[str, Callable[[Any, Any, Grid], Any]] = {
    "{middle:g}": lambda lo, _, grid: np.full_like(lo, sides(grid)[0]),
    "affine_params', qmin + round(-lo / scale)": lambda lo, scale, grid: grid.qmin + np.rint(
        np.minimum(-np.minimum(lo, 0) / scale, grid.qmax - grid.qmin)),
    "round(qmin - lo / scale)": lambda lo, scale, grid: np.rint(grid.qmin - lo / scale),
    "qmin + round(-lo / scale), ties away from 0": lambda lo, scale, grid: grid.qmin + half_away(
        np.minimum(-np.minimum(lo, 0) / scale, grid.qmax - grid.qmin))}


class Rule(NamedTuple):
    """One rule in one precision: what it gives, and that as it comes back, rounded."""

    given: Callable[[Any, Any], Any]
    stored: Callable[[Any], Any]


@quiet
def followed(table: dict[str, Callable[..., Any]], a: Any, b: Any, grid: Grid, got: Any) -> dict[str, list[Rule]]:
    """The rules of a table that give what was got, in float32 or else in float64, rounded to its dtype: by name.

    Args:
        a, b: (calls, slices, 1) what the rules take.
        got: of the same shape; NaN where nothing is asked.

    >>> from refquant import INT8
    >>> lo, hi = np.float32([[[-1], [-3]]]), np.float32([[[2], [2.5]]])
    >>> list(followed(FITS, lo, hi, INT8, np.float32([[[2], [3]]]) / np.float32(127.5)))
    ['max|x| / 127.5']
    """
    zero_point, low, high = sides(grid)
    sizes = {"half": (low + high) / 2, "width": low + high, "low": low, "high": high, "middle": zero_point}
    nothing = np.isnan(got)
    short = got.dtype == np.float32 and (coarse(got, 8) == got)[~nothing].all()  # bfloat16 came back as float32

    def stored(v: Any) -> Any:
        return coarse(v.astype(got.dtype), 8 if short else None)

    found: dict[str, list[Rule]] = {}
    for name, rule in table.items():
        if _differs(name, grid, a.shape[-2]):
            every = [partial(lambda rule, to, a, b: np.asarray(rule(a.astype(to), b.astype(to), grid)), rule, dtype)
                     for dtype in (np.float32, np.float64)]
            same = [given for given in every if ((stored(given(a, b)) == got) | nothing).all()]
            if same:
                shorter = ((same[0](a, b) != got) & ~nothing).any()
                rounded = f", rounded to {'bfloat16' if short else got.dtype}" * bool(shorter)
                found[name.format(**sizes) + ", in float64" * (same[0] is every[1]) + rounded] = [
                    Rule(given, stored) for given in same]
    best = {name: given for name, given in found.items() if ", in float64" not in name}
    return best or found


def _differs(name: str, grid: Grid, slices: int) -> bool:
    """Whether the rule can be told from one before it: on this grid, with so many slices."""
    if name.startswith("affine"):
        return grid.equal_steps
    return slices > 1 if name.startswith("two_level") else grid.qmin != -grid.qmax or not (
        "{half" in name or "{low" in name)
