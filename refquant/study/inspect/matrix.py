"""An array as a matrix, read piece by piece: its axes, its tiles, and one pass that finds every channel's range."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...arguments import Reals
from .stored import Raw

TILE = 128  # the largest block is as long
PIECE = 2**18  # values that are worked on at once
Task = TypeVar("Task")
Result = TypeVar("Result")


class Matrix(NamedTuple):
    """Leading axes as rows, the others as columns: the last alone if it is long, so that blocks lie along it."""

    cells: Raw
    lead: tuple[int, ...]
    tail: tuple[int, ...]
    axes: tuple[int, ...]  # the array's axis at each place of lead and tail
    decode: Callable[[Raw], Reals]
    forget: Callable[[], object] = int

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of a tile: whole blocks, and about TILE * TILE values."""
        r, c = self.cells.shape
        width = c if c < 16 else TILE * max(1, min(-(-c // TILE), TILE // min(r, TILE)))
        return r if r < 16 else TILE * max(1, min(-(-r // TILE), TILE // min(c, TILE))), width

    def tiles(self, wide: int = 1) -> list[tuple[int, int]]:
        """The first row and column of each, or of strips of `wide` tiles side by side."""
        return [(i, j) for i in range(0, self.cells.shape[0], self.tile[0])
                for j in range(0, self.cells.shape[1], self.tile[1] * wide)]

    @property
    def channels(self) -> list[int]:
        """The axes whose indices are channels: both of a matrix; of more axes the first two and the last, those of 8
        or more. After an axis 1 of one index come the taps of a depthwise convolution.

        >>> [matrix(np.zeros(shape), np.array).channels for shape in ((8, 9, 3), (9, 3, 1, 1), (9, 1, 99))]
        [[0, 1], [0], [0]]
        """
        shape = dict(zip(self.axes, self.lead + self.tail, strict=True))
        named = {0, 1} if len(shape) > 2 and shape[1] == 1 else {0, 1, len(shape) - 1}
        least = 2 if len(shape) == 2 else 8
        return [a for a, n in sorted(shape.items()) if least <= n < self.cells.size and a in named]

    def blocks(self, size: int) -> list[int]:
        """The axes along which blocks of this size lie, the last first."""
        shape, k = self.lead + self.tail, len(self.lead)
        rows, columns = ([i for i, n in enumerate(shape) if n > 1 and (i < k) == first] for first in (True, False))
        ends = columns * (len(columns) == 1) + rows * (len(columns) == len(rows) == 1)
        return sorted((self.axes[i] for i in ends if shape[i] >= size), reverse=True)

    def _place(self, axis: int) -> tuple[int, int, tuple[int, ...]]:
        """0 for rows or 1 for columns, the axis among those, and their shape."""
        i, n = self.axes.index(axis), len(self.lead)
        return (0, i, self.lead) if i < n else (1, i - n, self.tail)

    def of_channels(self, axis: int, both: Sequence[NDArray[Any]], merge: Callable[..., Any]) -> NDArray[Any]:
        """What is known of rows and of columns, merged to one number for each index of the axis."""
        k, i, shape = self._place(axis)
        return np.asarray(merge(both[k].reshape(shape), axis=tuple(j for j in range(len(shape)) if j != i)))

    def laid(self, axis: int, of_each: NDArray[Any]) -> NDArray[Any]:
        """One number an index of the axis -> (R, 1) or (1, C)."""
        k, i, shape = self._place(axis)
        full = np.broadcast_to(of_each.reshape([-1 if j == i else 1 for j in range(len(shape))]), shape)
        return full.reshape((-1, 1) if k == 0 else (1, -1))

    def stack(self, places: Sequence[tuple[int, int]], bad: bool = False) -> Reals:
        """(n, *tile): tiles, filled up with 0, which every grid codes exactly; bad: 0 for what is not finite."""
        h, w = self.tile
        parts = [self.decode(self.cells[i:i + h, j:j + w]) for i, j in places]
        found = np.zeros((len(places), h, w), np.float32)
        for whole, part in zip(found, parts, strict=True):
            whole[:part.shape[0], :part.shape[1]] = np.where(np.isfinite(part), part, 0) if bad else part
        self.forget()
        return found


def matrix(raw: Raw, decode: Callable[[Raw], Reals], forget: Callable[[], object] = int) -> Matrix:
    """The array as a matrix; columns first is a transposed array.

    >>> found = matrix(np.zeros((8, 4, 3, 3)), np.array)
    >>> found.cells.shape, found.channels, matrix(np.zeros((2, 3, 64)), np.array).cells.shape
    ((8, 36), [0], (6, 64))
    """
    axes = tuple(range(raw.ndim))
    if raw.flags.f_contiguous and not raw.flags.c_contiguous:
        raw, axes = raw.T, axes[::-1]
    long = raw.ndim and (raw.shape[-1] >= 32 or raw.ndim == 2)
    k = max(raw.ndim - 1, 0) if long else min(1, max(raw.ndim - 1, 0))
    lead, tail = raw.shape[:k], raw.shape[k:]
    return Matrix(raw.reshape(math.prod(lead), math.prod(tail)), lead, tail, axes, decode, forget)


class Seen(NamedTuple):
    """What a pass over all values finds: ranges of rows and of columns, tiles' max|x|, how many are not finite."""

    lo: list[Reals]
    hi: list[Reals]
    largest: Reals
    bad: int

    @property
    def ends(self) -> tuple[Reals, Reals]:
        """The least and the largest of all."""
        return self.lo[0].min(), self.hi[0].max()


def look(m: Matrix) -> Seen:
    """One pass over all values."""
    wide = max(1, PIECE // math.prod(m.tile))
    strips = m.tiles(wide)
    lo, hi = ([np.full(n, end, np.float32) for n in m.cells.shape] for end in (np.inf, -np.inf))
    largest, bad = list[Reals](), 0
    work: Callable[[tuple[int, int]], tuple[list[Reals], list[Reals], int]] = partial(_strip, m, wide)
    for place, (low, high, wrong) in zip(strips, side_by_side(work, strips), strict=True):
        for k, start in enumerate(place):
            part = slice(start, start + len(low[k]))
            lo[k][part], hi[k][part] = np.minimum(lo[k][part], low[k]), np.maximum(hi[k][part], high[k])
        largest.append(np.maximum.reduceat(np.maximum(-low[1], high[1]), range(0, len(low[1]), m.tile[1])))
        bad += wrong
    return Seen(lo, hi, np.concatenate(largest), bad)


def _strip(m: Matrix, wide: int, place: tuple[int, int]) -> tuple[list[Reals], list[Reals], int]:
    """The ranges of the rows and columns of one strip of tiles, and how many values are not finite."""
    v = m.decode(m.cells[place[0]:place[0] + m.tile[0], place[1]:place[1] + wide * m.tile[1]])
    m.forget()
    good = np.isfinite(v)
    v = v if good.all() else np.where(good, v, np.float32(0))
    return [v.min(axis=1), v.min(axis=0)], [v.max(axis=1), v.max(axis=0)], int(v.size - good.sum())


def side_by_side(work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    """work(task) for each task, in their order, in threads: NumPy's large operations run side by side.

    >>> list(side_by_side(abs, [-1, 2]))
    [1, 2]
    """
    with ThreadPoolExecutor(min(len(tasks), os.cpu_count() or 1, 4)) as pool:
        yield from pool.map(work, tasks)
