"""The schemes measured: the values are really quantized, and the errors are summed.

Arrays are read in pieces (passes.py), so memory does not grow with them. Where the slices hold more than BUDGET values,
rules that search see some of the slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import NamedTuple

import numpy as np

from ...affine import AffineParams, fake_quantize
from ...arguments import Reals, quiet
from ...clipping import Clip, minmax
from ...grids import Grid
from ...observers.monoid import State
from ...ranges import Fit
from . import passes, slice_ranges
from .passes import each, native, scan
from .schemes import Key
from .slice_ranges import Range, from_histogram, of_rows
from .slices import Slices
from .tensors import Index, cuts

BUDGET = 2**21  # values that rules which search see, at one granularity


class Sums(NamedTuple):
    """What quantizing some values did; noise and signal are sums of squares, in units that a whole array shares."""

    lo: float
    hi: float
    noise: float
    signal: float
    largest: float
    clipped: int
    overflowed: int
    values: int


def _add(a: Sums, b: Sums) -> Sums:
    return Sums(min(a.lo, b.lo), max(a.hi, b.hi), a.noise + b.noise, a.signal + b.signal, max(a.largest, b.largest),
                a.clipped + b.clipped, a.overflowed + b.overflowed, a.values + b.values)


def _add_all(a: dict[Key, Sums], b: dict[Key, Sums]) -> dict[Key, Sums]:
    return {key: _add(a[key], b[key]) if key in a and key in b else (a.get(key) or b[key]) for key in {**a, **b}}


class Measure(NamedTuple):
    """What is measured: rules by name, with each fit and its grid; unit, a power of two, scales the sums of squares."""

    clips: dict[Key, Clip]
    fits: dict[str, tuple[Fit, Grid]]
    unit: Reals

    def of(self, cut: Slices, state: State, label: str) -> dict[Key, Sums]:
        """Every scheme at one granularity; state is the histogram of all data."""
        if cut.size > passes.PIECE:
            return reduce(_add_all, (self._of_long(x, i, cut, state if cut.scales == 1 else scan(x, label).state, label)
                                     for i, x in enumerate(cut.alone())))
        found: dict[Key, Sums] = {}
        kept: list[Reals] = []
        for sums, rows in each(partial(self._of_group, cut), list(enumerate(cut.groups())), label):
            found = _add_all(found, sums)
            kept += rows if self.quick != self.clips else []
        return reduce(_add_all, each(self._of_rows, _joined(kept), f"{label}, searching"), found)

    def _of_long(self, x: Reals, i: int, cut: Slices, state: State, label: str) -> dict[Key, Sums]:
        """One slice that is larger than a piece."""
        ranges = from_histogram(self.clips if i % stride(cut) == 0 else self.quick, state, f"{label}, searching")
        pieces = each(lambda at: self._sums(native(x[at]), ranges), list(cuts(x.shape, passes.PIECE)), label)
        return reduce(_add_all, pieces)

    def _of_group(self, cut: Slices, task: tuple[int, Index]) -> tuple[dict[Key, Sums], list[Reals]]:
        """The quick rules on whole slices that make a piece, and copies of those slices that the others are to see."""
        number, at = task
        start = -number * (passes.PIECE // cut.size) % stride(cut)
        rows = cut.rows(at)
        quick = (self._sums(x, of_rows(x, self.quick)) for x in rows)
        return reduce(_add_all, quick), [x[start::stride(cut)].copy() for x in rows]

    @property
    def quick(self) -> dict[Key, Clip]:
        """What all data are measured by in any case."""
        return {key: clip for key, clip in self.clips.items() if clip is minmax}

    def _of_rows(self, x: Reals) -> dict[Key, Sums]:
        """The other rules."""
        return self._sums(x, of_rows(x, {key: clip for key, clip in self.clips.items() if clip is not minmax}))

    @quiet
    def _sums(self, x: Reals, ranges: dict[Key, Range]) -> dict[Key, Sums]:
        """Each range tried on the data: really quantized, with its error in float64."""
        x, values = _without_bad(x)
        exact = x.astype(np.float64)
        signal = float(np.sum(np.square(exact / self.unit)))
        found = {}
        for key, (lo, hi) in ranges.items():
            fit, grid = self.fits[key[0]]
            params = fit(lo, hi, grid)
            x_hat = fake_quantize(x, params)
            error = np.subtract(x_hat, exact, dtype=np.float64)
            largest = float(max(error.max(), -error.min()))
            np.divide(error, self.unit, out=error)
            noise = float(np.sum(np.square(error, out=error)))
            found[key] = Sums(float(lo.min()), float(hi.max()), noise, signal, largest, _clipped(x, params),
                              int(np.isinf(x_hat).sum()) if np.isinf(largest) else 0, values)
        return found


def stride(cut: Slices) -> int:
    """1: every rule sees every slice. n: all rules except minmax see every n-th slice, because searching takes long."""
    return -(-cut.scales * (cut.size if cut.size <= passes.PIECE else slice_ranges.LONG) // BUDGET)


def _joined(rows: Sequence[Reals]) -> list[Reals]:
    """Slices of one length as rows of few matrices of at most a piece each: a search costs little more for many."""
    found = []
    for width in dict.fromkeys(x.shape[1] for x in rows):
        matrix, most = np.concatenate([x for x in rows if x.shape[1] == width]), max(1, passes.PIECE // width)
        found += [matrix[i:i + most] for i in range(0, len(matrix), most)]
    return found


def _without_bad(x: Reals) -> tuple[Reals, int]:
    """0, which every grid codes exactly, for NaN and infinities; and how many values are left."""
    good = np.isfinite(x)
    return (x, x.size) if good.all() else (np.where(good, x, x.dtype.type(0)), int(good.sum()))


def _clipped(x: Reals, params: AffineParams) -> int:
    """How many rounded codes lie beyond the grid's."""
    dtype = params.grid.arithmetic(x.dtype)
    q = np.asarray(np.divide(x, params.scale.astype(dtype), dtype=dtype))
    params.grid.round(q, out=q)
    np.add(q, params.zero_point.astype(dtype), out=q)
    return int(np.count_nonzero(q < params.grid.qmin) + np.count_nonzero(q > params.grid.qmax))
