"""What identify asks, on every grid: ties and their neighbours, plain values, subnormal numbers, overflow.

in_common says what those have in common whose codes are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arguments import quiet
from ..engines.exact import coarse, show
from ..grids import Grid

#: Scales at which sums and products are rounded otherwise: each is asked with every zero point.
EACH = ("0x1p+0", "0x1.88p+5", "0x1.ffc004p+0", "0x1.fffffcp+0")
#: Decimals, and odd integers: each is asked with one zero point, as are full mantissas from 2**-124 to 2**(127 - bits).
SOME = ("0x1.99999ap-4", "0x1.333334p-2", "0x1.a30fecp-1", "0x1.76p+7", "0x1.555556p-2", "0x1.666666p-1",
        "0x1.000002p+0", "0x1.8p+1", "0x1.4p+2", "0x1.cp+2", "0x1.4f8b58p-17")
#: How many calls are asked, how many numbers in each, and how many of these, the last, are plain.
CALLS, LENGTH, PLAIN = 100, 240, 40
SMALLEST = np.finfo(np.float32).tiny
#: Four numbers between each power of two and the next: a sum with a large constant, which rounds, is wrong in one.
BINADES = np.ldexp([1, 1.25, 1.5, 1.75], np.arange(17, 127)[:, None]).ravel()


class Points(NamedTuple):
    """Numbers of float32, and for each its scale and its zero point."""

    x: Any
    scale: Any
    zero_point: Any

    def at(self, chosen: Any) -> Points:
        """Those at places, or where a mask is true.

        >>> Points(np.arange(3), np.arange(3), np.arange(3)).at([0, 2]).x
        array([0, 2])
        """
        return Points(*(each[chosen] for each in self))


def ordinary(grid: Grid, zero_points: Sequence[int], precision: int = 24) -> Points:
    """Normal numbers between the codes: halves, one ulp beside them, plain values; each LENGTH share scale and zero
    point. Scales have at most so many significant bits.

    >>> from refquant import INT2
    >>> points = ordinary(INT2, [0, 1])
    >>> len(points.x) == CALLS * LENGTH, float(points.x[:LENGTH].max())
    (True, 1.0)
    """
    rng = np.random.default_rng(0)
    at = [(np.float32(float.fromhex(s)), z) for s in EACH for z in zero_points]
    some = [np.float32(float.fromhex(s)) for s in SOME]
    rest = CALLS - len(at) - len(some)
    sizes = np.linspace(-147, 103 - grid.bits, rest).astype(int)  # somebody's floor may lie anywhere
    some += list(np.ldexp(rng.integers(2**23, 2**24, rest).astype(np.float32), sizes))
    at += [(scale, zero_points[i % len(zero_points)]) for i, scale in enumerate(some)]
    calls = [_between(rng, grid, coarse(scale, precision), z) for scale, z in at]
    return Points(*(np.concatenate(part) for part in zip(*calls, strict=True)))


def _between(rng: Any, grid: Grid, scale: Any, z: int) -> Points:
    low, high = grid.qmin - z, grid.qmax - z
    near = np.arange(max(2 * low, -6), min(2 * high, 6) + 1)
    halves = np.concatenate([near, rng.integers(2 * low, 2 * high + 1, 24)]) / 2
    between = np.spacing(np.abs(near / 2 + z).astype(np.float32)).astype(np.float64) / 2  # a tie of the sum in float32
    on = np.concatenate([halves, near / 2 - between, near / 2 + between]) * np.float64(scale)
    on = on.astype(np.float32)
    small = np.array([1e-30, -1e-30, 1e-9, -1e-9], np.float32) * scale
    decisive = np.concatenate([small, on, *(np.nextafter(on, np.float32(end)) for end in (-np.inf, np.inf))])
    plain = (rng.uniform(low, high, PLAIN) * scale).astype(np.float32)
    return numbers(np.concatenate([_inside(decisive, scale, low, high, LENGTH - PLAIN), _inside(
        plain, scale, low, high, PLAIN)]), scale, z)


def _inside(x: Any, scale: Any, low: int, high: int, n: int) -> Any:
    """n normal numbers from low to high steps, those of x again and again."""
    steps = x.astype(np.float64) / np.float64(scale)
    return np.resize(x[(steps >= low) & (steps <= high) & ((np.abs(x) >= SMALLEST) | (x == 0))], n)


def numbers(x: Any, scale: Any, zero_point: int) -> Points:
    """Numbers of one scale and zero point.

    >>> numbers([1.5], 2, 3)
    Points(x=array([1.5], dtype=float32), scale=array([2.], dtype=float32), zero_point=array([3]))
    """
    return Points(np.asarray(x, np.float32), np.full(len(x), scale, np.float32), np.full(len(x), zero_point))


def zeros(grid: Grid, symmetric: bool) -> list[int]:
    """Zero points of the grid: 0, one below it if there is one, and others.

    >>> from refquant import INT4
    >>> zeros(INT4, False), zeros(INT4, True)
    ([0, -3, 1, -8, 7, -7, 3], [0])
    """
    some = [0, max(grid.qmin, -3) or min(3, grid.qmax), 1, grid.qmin, 37, 100, 101, grid.qmax, grid.qmin + 1,
            grid.qmax // 2]
    return [0] if symmetric else [z for z in dict.fromkeys(some) if grid.qmin <= z <= grid.qmax]


@quiet
def subnormal(zero_point: int, most: float = 1.5 * 2.0**126) -> Points:
    """Subnormal numbers at the smallest normal scales; last four numbers at a scale whose reciprocal is subnormal, or
    at the largest that is asked.

    >>> bool((np.abs(subnormal(0).x[:-4]) < SMALLEST).all())
    True
    """
    below = np.array([0.25, 0.5, 0.500001, 0.75, 0.9, 1 - 2.0**-23], np.float32)
    small = [numbers(np.concatenate([below, -below]) * SMALLEST, scale * SMALLEST, zero_point)
             for scale in (np.float32(1), np.float32(1.25))]
    scale = np.float32(most)
    large = [numbers(np.array([1, 1.25, -1, 1.5], np.float32) * scale, scale, zero_point)]
    return Points(*(np.concatenate(part) for part in zip(*small, *large, strict=True)))


def beyond(grid: Grid, zero_point: int) -> Points:
    """Beyond the codes at scale 1: by halves, by many, in each binade.

    >>> from refquant import INT8
    >>> beyond(INT8, 0).x[:3]
    array([127.5, 128. , 128.5], dtype=float32)
    """
    by = np.array([0.5, 1, 1.5, 3, 12, 200, 40_000])
    far = np.concatenate([[1e5, 2e9, 3e9, 5e9, 9e18, 1e19, 1e38], BINADES])
    x = np.concatenate([grid.qmax - zero_point + by, grid.qmin - zero_point - by, far, -far])
    return numbers(x, np.float32(1), zero_point)


def in_common(points: Points, wrong: Any) -> str:
    """What holds for all numbers at these places, and fails for a tenth of the others; "" if nothing named does.

    >>> points = Points(np.float32([0.5, 1.5, 2.5, 3, 7]), np.ones(5, np.float32), np.int64([0, 0, 0, 0, 0]))
    >>> in_common(points, [1, 2])
    'In common: x / scale from 1.5 to 2.5, x / scale a tie; of those within the codes that agree, none lie there.'
    """
    x, scale, z = points
    v, differs = x / scale, np.isin(np.arange(len(x)), wrong)
    beside = np.abs(v - np.floor(v) - np.float32(0.5))
    one_side = (v[wrong] < 0).all() or (v[wrong] > 0).all()
    near = beside[wrong].max()
    shared = {words: holds for words, holds in (
        _from_to("scale", scale, wrong), _from_to("zero point", z, wrong),
        _from_to("x / scale", v, wrong) if one_side else _from_to("|x / scale|", np.abs(v), wrong),
        (f"x / scale at most {show(near)} from a tie" if near else "x / scale a tie", beside <= min(near, 0.125)))
        if holds[wrong].all() and (~holds & ~differs).sum() > (~differs).sum() / 10}
    others = np.logical_and.reduce([~differs, *shared.values()]).sum()
    return f"In common: {', '.join(shared)}; of those within the codes that agree, {others or 'none'} lie there." if (
        shared and differs.sum() > 1) else ""


def _from_to(name: str, each: Any, wrong: Any) -> tuple[str, Any]:
    least, most = each[wrong].min(), each[wrong].max()
    words = f"<= {show(most)}" if least == each.min() else f">= {show(least)}" if most == each.max() else (
        f"from {show(least)} to {show(most)}")
    return f"{name} {words}", (least <= each) & (each <= most)
