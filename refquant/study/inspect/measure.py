"""The schemes measured: values are really quantized, and errors are summed, over all and over each channel.

What is measured on a sample counts tiles by 1 / their chance to be in it. Tiles with large values are likelier, and the
range of every channel comes from all values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...affine import fake_quantize
from ...arguments import Reals, quiet
from ...clipping import CLIPPING_RULES
from ...clipping.statistics import unit_of
from ..results import count
from .matrix import PIECE, Matrix, Seen
from .schemes import CLIPS, Scheme

SAMPLE = 2**19  # values of a larger array that are measured, unless all are
NOTHING = 1e-5  # a channel whose values are all at most this share of the array's largest counts as 0 already
Range = tuple[Reals, Reals]


class Stack(NamedTuple):
    """Tiles, where they begin, and how many each stands for; x None is read when it is needed."""

    places: Sequence[tuple[int, int]]
    weights: NDArray[np.float64]
    x: Reals | None = None


class Measured(NamedTuple):
    """What a scheme does to an array; dB are infinite where there is no error, -inf where a value overflows.

    balanced_db, which decides, is the least of sqnr_db and, for each axis, the SQNR of its channels, each alike: the
    mean of their noise over signal. zeroed: axis -> how many channels become all 0 that are not; zeroed_size: their
    largest |x| by the array's. sampled: measured on a part of the values. Channels of at most 1/100,000 of the array's
    largest |x| count in sqnr_db alone.
    """

    scheme: Scheme
    bytes: int
    bits_per_value: float
    sqnr_db: float
    balanced_db: float
    worst_channel_db: float
    zeroed: dict[int, int]
    zeroed_size: float
    sampled: bool

    @property
    def dead(self) -> int:
        """How many channels of all axes become all 0."""
        return sum(self.zeroed.values())

    @property
    def mark(self) -> str:
        """~ before a number that was measured on a sample."""
        return "~" * self.sampled

    @property
    def lost(self) -> str:
        """Those channels in words."""
        names = [f"{self.mark}{count(n, 'channel')} of axis {axis}" for axis, n in self.zeroed.items() if n]
        return f"{' and '.join(names)} all 0 (|x| up to {self.zeroed_size:.1g} of the largest)"


class Subject(NamedTuple):
    """An array under measurement: the range of each axis's channels, and what is measured on."""

    m: Matrix
    shape: tuple[int, ...]
    seen: Seen
    unit: Reals
    ranges: dict[int | None, Range]
    stacks: list[Stack]
    signal: list[Reals]
    sampled: bool = False

    def read(self, stack: Stack) -> Reals:
        return self.m.stack(stack.places, self.seen.bad > 0) if stack.x is None else stack.x


@quiet
def subject(m: Matrix, shape: tuple[int, ...], seen: Seen, exact: bool) -> Subject:
    """What is measured of an array: all of it, or of a large one a sample of tiles, systematic in a random order."""
    ranges: dict[int | None, Range] = {None: seen.ends}
    for axis in m.channels:
        ranges[axis] = (m.laid(axis, m.of_channels(axis, seen.lo, np.min)),
                        m.laid(axis, m.of_channels(axis, seen.hi, np.max)))
    tiles, most = m.tiles(), max(1, PIECE // math.prod(m.tile))
    weights, held = np.ones(len(tiles)), len(tiles) * math.prod(m.tile) <= SAMPLE
    if sampled := not exact and not held:
        chance = _chances(m, seen, SAMPLE // math.prod(m.tile))
        order = np.random.default_rng(0).permutation(len(tiles))
        steps = np.cumsum(chance[order]) + 0.5
        taken = np.sort(order[np.floor(steps) > np.floor(steps - chance[order])])
        tiles, weights = [tiles[i] for i in taken], 1 / chance[taken]
    stacks = [Stack(tiles[i:i + most], weights[i:i + most]) for i in range(0, len(tiles), most)]
    found = Subject(m, shape, seen, unit_of(*seen.ends), ranges, stacks, [np.zeros(n) for n in m.cells.shape], sampled)
    if held or sampled:
        found = found._replace(stacks=[s._replace(x=found.read(s)) for s in stacks])
    for stack in found.stacks:
        _add(found.signal, stack, _square(found.read(stack), found.unit))
    return found


def _add(sums: Sequence[Reals], stack: Stack, values: NDArray[Any]) -> None:
    """What tiles hold, added to the sums of rows and of columns; of booleans whether there is any."""
    for k, each in enumerate(sums):
        part = values.any(axis=2 - k) if values.dtype == bool else values.sum(axis=2 - k, dtype=np.float64)
        at, weighed = _indices(stack.places, k, part.shape[1]), part * stack.weights[:, None]
        each += np.bincount(at.ravel(), weighed.ravel(), len(each) + part.shape[1])[:len(each)]


def _chances(m: Matrix, seen: Seen, most: int) -> NDArray[np.float64]:
    """How likely each tile is sampled, to have `most` of them: by its largest value and those of its rows and columns,
    which say how coarse their steps are."""
    top = max(float(seen.largest.max()), 1e-300)
    of_each = [np.square(np.maximum(-lo, hi).astype(np.float64) / top) for lo, hi in zip(seen.lo, seen.hi, strict=True)]
    rows, columns = (np.add.reduceat(v, range(0, len(v), n)) for v, n in zip(of_each, m.tile, strict=True))
    shape = len(rows), len(columns)
    parts = [np.square(seen.largest.astype(np.float64) / top), np.broadcast_to(rows[:, None], shape).ravel(),
             np.broadcast_to(columns, shape).ravel()]
    size = 1 + np.sum([part / max(float(part.mean()), 1e-300) for part in parts], axis=0)
    return np.asarray(np.minimum(1, most * size / size.sum()))


def measured(s: Subject, rules: Sequence[str], scheme: Scheme) -> list[Measured]:
    """The scheme; of integers also with the share of its range, one for all, that has the least error; other rules per
    tensor and per channel, on an array that is held as a whole."""
    tried = [scheme]
    if scheme.integer:
        clip = best_clip(s, scheme)
        whole = scheme.block is None and s.m.cells.size <= SAMPLE
        tried += [scheme._replace(clip=clip)] * (clip < 1) + [scheme._replace(rule=rule) for rule in rules if whole]
    return [measure(s, each) for each in tried]


def best_clip(s: Subject, scheme: Scheme) -> float:
    """The share of the range with the least error on a few tiles; the search ends where errors double."""
    stack = s.stacks[len(s.stacks) // 2]
    some = slice(len(stack.places) // 6, None, -(-len(stack.places) // 3))
    thin = Stack(stack.places[some], stack.weights[some], None if stack.x is None else stack.x[some])
    x, best, least = s.read(thin), 1.0, math.inf
    for clip in CLIPS:
        error = _square(_x_hat(s, scheme._replace(clip=clip), thin, x) - x, s.unit)
        noise = float(thin.weights @ error.sum(axis=(1, 2), dtype=np.float64))
        if noise > 2 * least:
            break
        best, least = (clip, noise) if noise < least else (best, least)
    return best


@quiet
def measure(s: Subject, scheme: Scheme) -> Measured:
    """The scheme on all stacks."""
    noise, alive = ([np.zeros(n) for n in s.m.cells.shape] for _ in range(2))
    ranges = _by_rule(s, scheme) if scheme.rule != "minmax" else s.ranges.get(scheme.axis)
    for stack in s.stacks:
        x = s.read(stack)
        x_hat = _x_hat(s, scheme, stack, x, ranges)
        _add(alive, stack, x_hat != 0)
        _add(noise, stack, _square(x_hat - x, s.unit))
    size, sqnr = scheme.nbytes(s.shape), decibels(float(noise[0].sum()), float(s.signal[0].sum()))
    return Measured(scheme, size, 8 * size / math.prod(s.shape), sqnr, *_of_channels(s, sqnr, noise, alive), s.sampled)


def _of_channels(s: Subject, sqnr: float, noise: Sequence[Reals],
                 alive: Sequence[Reals]) -> tuple[float, float, dict[int, int], float]:
    """Channels alike, the worst, how many of each axis become all 0, and how large those were."""
    top, size = float(max(map(abs, s.seen.ends))), 0.0
    largest = [np.maximum(-lo, hi) for lo, hi in zip(s.seen.lo, s.seen.hi, strict=True)]
    alike, worst, zeroed = sqnr, math.inf, {}
    for axis in s.m.channels:
        n, power, lives = (s.m.of_channels(axis, v, np.sum) for v in (noise, s.signal, alive))
        ends = s.m.of_channels(axis, largest, np.max).astype(np.float64)
        real = (power > 0) & (ends > NOTHING * top)
        ratio = np.where(real, n, 0) / np.where(real, power, 1)
        alike = min(alike, decibels(float(ratio.sum()), float(max(real.sum(), 1))))
        worst = min(worst, decibels(float(ratio.max()), 1.0))
        dead = real & (lives == 0)
        zeroed[axis], size = int(dead.sum()), max(size, float(ends[dead].max(initial=0)) / (top or 1))
    return alike, worst if zeroed else sqnr, zeroed, size


def _square(v: Reals, unit: Reals) -> Reals:
    v = v / unit
    return np.square(v, out=v)


def decibels(noise: float, signal: float) -> float:
    """10 * log10(signal / noise); infinite where there is no noise."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 and noise < math.inf else -math.inf


@quiet
def _x_hat(s: Subject, scheme: Scheme, stack: Stack, x: Reals, ranges: Range | None = None) -> Reals:
    """x quantized; each tile with the ranges of its channels, or of its blocks."""
    share = x.dtype.type(scheme.clip)
    if scheme.block is None:
        lo, hi = (_part(end, stack.places, s.m.tile) for end in ranges or s.ranges[scheme.axis])
        return fake_quantize(x, scheme.fit(lo * share, hi * share, scheme.grid))
    along = s.m.axes.index(scheme.axis) >= len(s.m.lead)
    turned = x if along else np.ascontiguousarray(x.swapaxes(1, 2))
    blocks = turned.reshape(*turned.shape[:2], -1, scheme.block)
    lo, hi = blocks.min(axis=-1, keepdims=True), blocks.max(axis=-1, keepdims=True)
    found = fake_quantize(blocks, scheme.fit(lo * share, hi * share, scheme.grid)).reshape(turned.shape)
    return found if along else found.swapaxes(1, 2)


def _part(end: Reals, places: Sequence[tuple[int, int]], tile: tuple[int, int]) -> Reals:
    """Of one number for each row, or for each column, those of the tiles."""
    if end.size == 1:
        return end.reshape(())
    k = int(end.shape[0] == 1)
    return np.expand_dims(end.ravel()[np.minimum(_indices(places, k, tile[k]), end.size - 1)], 2 - k)


def _indices(places: Sequence[tuple[int, int]], k: int, n: int) -> NDArray[np.int64]:
    """(tiles, n): the rows or the columns that tiles cover."""
    return np.array([place[k] for place in places])[:, None] + np.arange(n)


def _by_rule(s: Subject, scheme: Scheme) -> Range:
    """The ranges of channels, or of all, by another rule."""
    x = s.m.decode(s.m.cells).reshape(s.m.lead + s.m.tail)
    x = np.where(np.isfinite(x), x, x.dtype.type(0))
    rule = CLIPPING_RULES[scheme.rule].on(scheme.grid, scheme.fit, one_sided=scheme.affine and bool(x.min() >= 0))
    if scheme.axis is None:
        return rule(x)
    lo, hi = rule(x, axis=tuple(k for k, a in enumerate(s.m.axes) if a != scheme.axis))
    return s.m.laid(scheme.axis, lo), s.m.laid(scheme.axis, hi)
