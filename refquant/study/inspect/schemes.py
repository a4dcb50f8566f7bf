"""Ways to quantize one array, measured: who shares a scale, symmetric or affine, and how the range is chosen.

Arrays are read in pieces (passes.py), so memory does not grow with them. Where a slice holds more than LONG values, its
range is chosen from their histogram; where the slices hold more than BUDGET, rules that search see some of them.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...affine import AffineParams, fake_quantize
from ...arguments import Codes, Reals, quiet
from ...clipping import Clip, aciq_gaussian, aciq_laplace, entropy, lp_optimal, minmax, mse_optimal, octav, percentile
from ...grids import IntGrid
from ...observers import histogram_observer
from ...observers.monoid import State
from ...ranges import Fit, affine_params, symmetric_params
from . import passes
from .passes import HISTOGRAM, each, native, scan
from .tensors import Index, cuts

LONG = 2**15  # values beyond which a range is chosen from a histogram of them
BUDGET = 2**21  # values that rules which search see, at one granularity
P = 3  # lp_optimal's power

Key: TypeAlias = tuple[str, str]  # the names of a fit and of a rule
Range: TypeAlias = tuple[Reals, Reals]


def clips(bits: int, percent: float, one_sided: bool) -> dict[Key, Clip]:
    """(fit, rule) -> the clipping rule; one_sided: of data that begin at 0, which affine codes need not go below."""
    found: dict[Key, Clip] = {}
    for name, (fit, grid) in fits(bits).items():
        side: dict[str, Any] = {"one_sided": True} if one_sided and fit is affine_params else {}
        rules: dict[str, Clip] = {
            "minmax": minmax,
            "percentile": partial(percentile, percent=percent, **side),
            "mse_optimal": partial(mse_optimal, grid=grid, fit=fit),
            "lp_optimal": partial(lp_optimal, grid=grid, fit=fit, p=P),
            "entropy": partial(entropy, grid=IntGrid(bits)),
            "aciq_gaussian": partial(aciq_gaussian, grid=IntGrid(bits), **side),
            "aciq_laplace": partial(aciq_laplace, grid=IntGrid(bits), **side),
            "octav": partial(octav, grid=IntGrid(bits), **side)}
        found |= {(name, rule): clip for rule, clip in rules.items()}
    return found


def fits(bits: int) -> dict[str, tuple[Fit, IntGrid]]:
    """How a range becomes parameters, and on which codes; the simpler one first."""
    return {"symmetric": (symmetric_params, IntGrid(bits, narrow=True)), "affine": (affine_params, IntGrid(bits))}


# ---------------------------------------------------------------------------------------------- who shares a scale

class Slices(NamedTuple):
    """An array cut into slices with a scale each: x[0], x[1], ..., or blocks along its last axis."""

    x: Reals
    block: int | None = None

    @property
    def size(self) -> int:
        """Values per slice; the last block of a row may be shorter."""
        return self.block or math.prod(self.x.shape[1:])

    @property
    def scales(self) -> int:
        """How many slices there are, and so scales."""
        return math.prod(self.x.shape[:-1]) * -(-self.x.shape[-1] // self.block) if self.block else len(self.x)

    def alone(self) -> Iterator[Reals]:
        """Each slice."""
        if self.block is None:
            yield from self.x
            return
        for row in np.ndindex(self.x.shape[:-1]):
            for i in range(0, self.x.shape[-1], self.block):
                yield self.x[row][i:i + self.block]

    def groups(self) -> list[Index]:
        """Indices of pieces that hold whole slices."""
        if self.block is None:
            rows = max(1, passes.PIECE // self.size)
            return [(slice(i, i + rows),) for i in range(0, len(self.x), rows)]
        return list(cuts(self.x.shape, passes.PIECE, self.block))

    def rows(self, at: Index) -> list[Reals]:
        """The piece's slices as rows of a matrix, and shorter ones as those of another."""
        piece = native(self.x[at])
        if self.block is None:
            return [piece.reshape(len(piece), -1)]
        whole = piece.shape[-1] // self.block * self.block
        return [part.reshape(-1, width) for part, width in (
            (piece[..., :whole], self.block), (piece[..., whole:], piece.shape[-1] - whole)) if part.size]


def slices(x: Reals, channel_axis: int | None, block: int | None) -> dict[str, Slices]:
    """The granularities that x has, the simpler first."""
    found = {"tensor": Slices(x[None])}
    if channel_axis is not None:
        found["channel"] = Slices(np.moveaxis(x, channel_axis, 0))
    if block is not None:
        found["block"] = Slices(x, block)
    return found


# ---------------------------------------------------------------------------------------------- measuring

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
    """What is measured: rules by name, on codes of so many bits; unit, a power of two, scales the sums of squares."""

    clips: dict[Key, Clip]
    bits: int
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
            kept += rows
        return reduce(_add_all, each(self._of_rows, _joined(kept), f"{label}, searching"), found)

    def _of_long(self, x: Reals, i: int, cut: Slices, state: State, label: str) -> dict[Key, Sums]:
        """One slice that is larger than a piece."""
        ranges = _from_histogram(self.clips if i % stride(cut) == 0 else self.quick, state, f"{label}, searching")
        pieces = each(lambda at: self._sums(native(x[at]), ranges), list(cuts(x.shape, passes.PIECE)), label)
        return reduce(_add_all, pieces)

    def _of_group(self, cut: Slices, task: tuple[int, Index]) -> tuple[dict[Key, Sums], list[Reals]]:
        """The quick rules on whole slices that make a piece, and copies of those slices that the others are to see."""
        number, at = task
        start = -number * (passes.PIECE // cut.size) % stride(cut)
        rows = cut.rows(at)
        quick = (self._sums(x, _of_rows(x, self.quick)) for x in rows)
        return reduce(_add_all, quick), [x[start::stride(cut)].copy() for x in rows]

    @property
    def quick(self) -> dict[Key, Clip]:
        """What all data are measured by in any case."""
        return {key: clip for key, clip in self.clips.items() if clip is minmax}

    def _of_rows(self, x: Reals) -> dict[Key, Sums]:
        """The other rules."""
        return self._sums(x, _of_rows(x, {key: clip for key, clip in self.clips.items() if clip is not minmax}))

    @quiet
    def _sums(self, x: Reals, ranges: dict[Key, Range]) -> dict[Key, Sums]:
        """Each range tried on the data: really quantized, with its error in float64."""
        x, values = _without_bad(x)
        exact = x.astype(np.float64)
        signal = float(np.sum(np.square(exact / self.unit)))
        found = {}
        for key, (lo, hi) in ranges.items():
            fit, grid = fits(self.bits)[key[0]]
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
    """1 where every rule sees every slice; n where all but minmax see every n-th only, as searching takes long."""
    return -(-cut.scales * (cut.size if cut.size <= passes.PIECE else LONG) // BUDGET)


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
    np.rint(q, out=q)
    np.add(q, params.zero_point.astype(dtype), out=q)
    return int(np.count_nonzero(q < params.grid.qmin) + np.count_nonzero(q > params.grid.qmax))


# ---------------------------------------------------------------------------------------------- ranges

def _of_rows(x: Reals, clips: dict[Key, Clip]) -> dict[Key, Range]:
    """Each row's range (rows, 1) by each rule: from the data, or where they are many from their histogram."""
    if x.shape[1] > LONG:
        rows = [_from_histogram(clips, HISTOGRAM.observe(row[np.isfinite(row)])) for row in x]
        return {key: (np.stack([[row[key][0]] for row in rows]), np.stack([[row[key][1]] for row in rows]))
                for key in clips}
    values, counts = _counted(x)
    known = {"counts": counts} if counts is not None else {}
    return _once(clips, lambda clip: clip(values, axis=-1, **({} if clip is minmax else known)))


def _counted(x: Reals) -> tuple[Reals, Codes | None]:
    """Rows as rules take them: where values are to be left out ascending, with 0 as those values' count."""
    good = np.isfinite(x)
    if good.all():
        return x, None
    largest = np.where(good, x, x.dtype.type(-np.inf)).max(axis=1, keepdims=True)
    values = np.where(good, x, np.where(good.any(axis=1, keepdims=True), largest, x.dtype.type(0)))
    good[~good.any(axis=1), 0] = True  # nothing left: one 0
    order = np.argsort(values, axis=1)
    return np.take_along_axis(values, order, 1), np.take_along_axis(good, order, 1).astype(np.int64)


def _from_histogram(clips: dict[Key, Clip], state: State, label: str = "") -> dict[Key, Range]:
    """One slice's range, 0-d, by each rule."""
    state = state or HISTOGRAM.observe(np.zeros(1, np.float32))
    return _once(clips, lambda clip: state[:2] if clip is minmax else histogram_observer(clip).range(state), label)


def _once(clips: dict[Key, Clip], found: Callable[[Clip], Range], label: str = "") -> dict[Key, Range]:
    """found(clip) for each rule; rules that do not depend on the fit are asked once."""
    names = {key: str(clip) for key, clip in clips.items()}
    different = {name: clips[key] for key, name in names.items()}
    ranges = dict(zip(different, each(found, list(different.values()), label) if label else
                      map(found, different.values()), strict=True))
    return {key: ranges[name] for key, name in names.items()}
