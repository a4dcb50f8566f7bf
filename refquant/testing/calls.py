"""Calls of an f(x) -> codes, scale[, zero_point], on arrays whose ties are those of its own scale."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..arguments import error
from ..engines.exact import coarse
from ..grids import Grid
from .check import Deviation
from .fits import sides
from .forms import name_of, plain
from .ladder import NEAR, zero
from .layouts import written


class Seen(NamedTuple):
    """Numbers, (slices, n), and for each slice, (slices, 1), its ends and what came back; of several calls, stacked.

    asked: whether its scale can be judged: not where all is 0, or where the scale is 0 or not finite.
    """

    x: Any
    lo: Any
    hi: Any
    codes: Any
    scale: Any
    zero_point: Any
    asked: Any


class Call(NamedTuple):
    """The function, and how its arrays are cut into slices that share a scale."""

    function: Callable[[Any], Any]
    arrays: Callable[[Any], Any]
    grid: Grid
    shape: tuple[int, ...]
    over: tuple[int, ...]
    block: int | None
    precision: int | None

    def places(self, shape: tuple[int, ...]) -> Any:
        """(slices, n) which numbers of an array share a scale."""
        ids = np.arange(np.prod(shape)).reshape(shape)
        n = self.block or int(np.prod([shape[i] for i in self.over]))
        return np.moveaxis(ids, self.over, range(-len(self.over), 0)).reshape(-1, n)

    def of(self, rows: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
        """codes (slices, n), scale and zero point (slices, 1)."""
        x, places = np.empty(shape, np.float32), self.places(shape)
        x.reshape(-1)[places] = rows
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts = self.function(self.arrays(x))
        if not isinstance(parts, tuple | list) or len(parts) not in (2, 3):
            raise error(TypeError, "check_dynamic", "`quantize` must return codes, scale and perhaps a zero point",
                        f"a {type(parts).__name__}", "check_quantizer takes functions (x, params) -> codes")
        codes, scale, *rest = (plain(part) for part in parts if part is not None)
        z = rest[0] if rest else np.full(scale.shape, zero(self.grid))
        if codes.dtype.kind not in "iu" or np.any((z != np.rint(z)) & np.isfinite(z)):
            raise error(TypeError, "check_dynamic", "codes and zero points must be integers",
                        f"dtypes {codes.dtype} and {z.dtype}", "a real offset is no zero point: 0 is not exact (R8)")
        if codes.size != x.size or not scale.size == z.size == len(places):
            raise error(ValueError, "check_dynamic", f"x of shape {shape} has {x.size} codes and {len(places)} scales",
                        f"shapes {codes.shape} and {scale.shape}", "axis= names the axes that are reduced over, block= "
                        "the size of blocks")
        z = z.reshape(-1, 1).astype(np.int64 if np.isfinite(z).all() else np.float64)
        return codes.reshape(-1)[places], scale.reshape(-1, 1), z

    def seen(self, rng: np.random.Generator) -> Seen:
        """One array, twice: with the ends of its slices fixed, then with the ties of the scale between them."""
        first = coarse(_ranges(rng, self.places(self.shape).shape, self.grid), self.precision)
        _, scale, _ = self.of(first, self.shape)
        return self.taken(coarse(_ties(rng, first, scale, self.grid), self.precision))

    def taken(self, x: Any) -> Seen:
        """One array, (slices, n)."""
        codes, scale, z = self.of(x, self.shape)
        lo, hi = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
        asked = ((lo != 0) | (hi != 0)) & (scale != 0) & np.isfinite(scale) & np.isfinite(z)
        return Seen(x, lo, hi, codes, scale, z, asked)

    def stacked(self, calls: Sequence[Seen]) -> Seen:
        """All calls, along a first axis."""
        seen = Seen(*(np.stack(part) for part in zip(*calls, strict=True)))
        if not seen.asked.any():
            raise error(ValueError, "check_dynamic", "`quantize` must return finite scales other than 0",
                        f"{seen.scale.flat[0]}", "the scale stands second, in reals per step")
        return seen

    def of_zeros(self, seen: Seen) -> str:
        """What becomes of slices of zeros, whose codes must mean 0; at scale 0 every code does."""
        try:
            alone = self.taken(np.zeros(self.places(self.shape).shape, np.float32))
        except Exception as failure:
            return f"raises {type(failure).__name__}"
        for q, z, scale in ((each.codes[at], each.zero_point[at], each.scale[at]) for each, at in (
                (seen, (seen.lo == 0)[..., 0] & (seen.hi == 0)[..., 0]), (alone, np.s_[:]))):
            means_0 = self.grid.encode(self.grid.round(np.zeros(z.shape)) + z)
            other = (q != means_0) & (self.grid.equal_steps | (q != self.grid.encode(np.array(-0.0))))
            if (other & (scale != 0)).any():
                raise Deviation("R11", f"R11 is broken: slices of zeros have the code of 0.\n\n"
                                       f"{self.written(np.zeros(self.shape, np.float32))}\n\n"
                                       f"expected   {means_0.flat[0]}\ngot        {q[other & (scale != 0)][0]}")
        by_scale = f", code {q.flat[0]}, which means 0 by that scale alone" * bool(other.any())
        return f"scale {scale.flat[0]:g}{by_scale}"

    def written(self, x: Any) -> str:
        """The call, to be pasted."""
        return f"    import numpy as np\n    {name_of(self.function, 'quantize')}({written(x)})"

    def smallest(self, row: Any, v: Any, came: int) -> str:
        """A call that gives v the same code: with the ends and v alone if that is enough, or with the whole slice."""
        few = np.array([row.min(), row.max(), v, v], np.float32)
        for slice_ in (few, few[::-1], row):
            alone = [tuple(n if i == self.over[-1] else 1 for i in range(len(self.shape)))
                     for n in (self.block or len(slice_), len(row))]
            for shape in (*alone, self.shape):
                with suppress(Exception):  # shapes that it does not take
                    places, x = self.places(shape), np.empty(shape, np.float32)
                    rows = np.tile(np.resize(slice_, places.shape[1]), (len(places), 1))
                    x.reshape(-1)[places] = rows
                    if (self.of(rows, shape)[0][rows == v] == came).any():
                        return self.written(x)
        return f"    in a slice from {row.min()} to {row.max()}, beside others"


def _ranges(rng: np.random.Generator, shape: tuple[int, int], grid: Grid) -> Any:
    """Slices with ends on both sides of 0, on one, equally far, at a power of two times qmax or beyond, at ties of the
    zero point and of the scale; of zeros.
    """
    size = np.ldexp(rng.uniform(0.5, 1, (shape[0], 1)), rng.integers(-6, 7, (shape[0], 1))).astype(np.float32)
    lo, hi = -size * rng.uniform(0.1, 1, size.shape).astype(np.float32), size
    kind = rng.integers(0, 11 if shape[0] > 1 else 10, size.shape)
    whole = np.exp2(np.rint(np.log2(size)) - np.rint(np.log2(grid.qmax)))  # whole steps, where each is a power of two
    hi = np.where(kind == 3, (grid.qmax + rng.choice([0, 0.3, 0.7])) * whole, hi).astype(np.float32)
    lo = np.select([kind == 1, kind == 2, kind == 3], [-hi, hi / 4, -hi / 2], lo)
    lo, hi = (np.where(kind >= 7, tie, end) for tie, end in zip(_at_ties(rng, size, grid), (lo, hi), strict=True))
    lo, hi = np.where(kind == 6, -hi, lo), np.where(kind == 6, -lo, hi)
    lo, hi = np.where(kind == 10, 0, lo), np.where(kind == 10, 0, hi)
    rows = np.clip(rng.uniform(lo, hi, shape).astype(np.float32), lo, hi)
    rows[:, :1], rows[:, 1:2] = lo, hi
    return rng.permuted(rows, axis=1)


def _at_ties(rng: np.random.Generator, size: Any, grid: Grid) -> tuple[Any, Any]:
    """Ends of which -lo / scale is a tie, or the largest over the grid's side; or an ulp beside. The scale is short: of
    one bit, or a tie itself where it is rounded to E4M3, bfloat16 or float16.
    """
    _, low, high = sides(grid)
    bits = rng.choice([1, 5, 9, 12, 12], size.shape)
    step = np.exp2(np.rint(np.log2(size / high))) * (rng.integers(2 ** (bits - 1), 2**bits) | 1) * 2.0**-bits
    below = rng.integers(0, int(min(low + high, 2**12)), size.shape) + 0.5
    largest = step * rng.choice([high, high, low, (low + high) / 2], size.shape)
    one_sided = rng.random(size.shape) < (0.5 if grid.equal_steps else 1)
    lo, hi = (np.where(one_sided, each, end).astype(np.float32) for each, end in (
        (-largest / 2, -below * step), (largest, (low + high - below) * step)))
    beside = rng.choice([0, 0, 0, 1, -1], (2, *size.shape)).astype(np.float32)
    return np.nextafter(lo, lo + beside[0]), np.nextafter(hi, hi + beside[1])


def _ties(rng: np.random.Generator, rows: Any, scale: Any, grid: Grid) -> Any:
    """The rows with their ends where they were, and values and ties of the scale, and one ulp beside, between them."""
    lo, hi = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    step = np.where((scale != 0) & np.isfinite(scale), np.abs(scale), 1).astype(np.float64)
    if rng.random() < 0.5:  # the scale may have been rounded when it was stored: 127.04 steps were 127
        steps = np.rint(2 * np.maximum(-lo, hi) / step) / 2
        before = np.maximum(-lo, hi) / steps.astype(np.float32)
        step = np.where((steps > 0) & (steps < 1000), before, step).astype(np.float64)
    if grid.equal_steps:
        steps = np.rint(2 * rng.uniform(lo / step, hi / step, rows.shape)) / 2
        steps = np.where(rng.random(rows.shape) < 0.1, rng.choice([-0.5, 0.5], rows.shape), steps)
    else:
        steps = rng.choice(np.concatenate([grid.values, (grid.values[1:] + grid.values[:-1]) / 2]), rows.shape)
    x = (steps * step).astype(np.float32)
    x = np.nextafter(x, x + rng.integers(-1, 2, x.shape).astype(np.float32))
    x = np.where(rng.random(x.shape) < 0.8, x, x * (1 + rng.choice(NEAR, x.shape)))
    x = np.where(rng.random(x.shape) < 0.8, x, rows)
    normal = np.abs(x) >= np.finfo(np.float32).tiny  # some flush what is smaller to 0
    return np.where((rows == lo) | (rows == hi), rows, np.clip(np.where(normal, x, 0), lo, hi)).astype(np.float32)
