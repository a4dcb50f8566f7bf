"""Passes over an array that may be larger than memory: in pieces, in threads, the results in the pieces' order.

So results do not depend on the number of threads: the pieces are the same, and are summed in their order.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, reduce
from typing import NamedTuple, TypeVar

import numpy as np

from ...arguments import Reals
from ...clipping import percentile
from ...observers import histogram_observer
from ...observers.monoid import State
from ..jobs import clear, show
from .tensors import Index, cuts

PIECE = 2**18  # values that are read at once

Task = TypeVar("Task")
Result = TypeVar("Result")


def each(work: Callable[[Task], Result], tasks: Sequence[Task], label: str) -> Iterator[Result]:
    """work(task) for each task, in their order; NumPy's large operations run in threads side by side.

    >>> list(each(abs, [-1, 2], "abs"))
    [1, 2]
    """
    threads, began = min(len(tasks), os.cpu_count() or 1, 4), time.perf_counter()
    try:
        for done, result in enumerate(_ahead(work, tasks, threads) if threads > 1 else map(work, tasks), 1):
            show(label, done, len(tasks), began)
            yield result
    finally:
        clear()


def _ahead(work: Callable[[Task], Result], tasks: Sequence[Task], threads: int) -> Iterator[Result]:
    """In threads, only a few results ahead of their use, so that they do not fill the memory."""
    pool, running = ThreadPoolExecutor(threads), deque[Future[Result]]()
    try:
        for task in tasks:
            running.append(pool.submit(work, task))
            if len(running) > 2 * threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def native(x: Reals) -> Reals:
    """A copy in C order and the machine's byte order, unless x is so already."""
    return np.asarray(x, x.dtype.newbyteorder("="), order="C")


HISTOGRAM = histogram_observer(partial(percentile, percent=100))  # its summaries serve every rule


class Scan(NamedTuple):
    """What a first pass finds: how many are NaN, inf and -inf, the first of them in C order, the others' histogram."""

    nan: int = 0
    inf: int = 0
    minus_inf: int = 0
    first: tuple[int, ...] | None = None
    state: State = HISTOGRAM.empty


def scan(x: Reals, label: str) -> Scan:
    """One pass over all of x."""
    return reduce(_merge_scans, each(partial(_scan_piece, x), list(cuts(x.shape, PIECE)), label), Scan())


def _scan_piece(x: Reals, at: Index) -> Scan:
    piece = native(x[at])
    good = np.isfinite(piece)
    if good.all():
        return Scan(state=HISTOGRAM.observe(piece))
    inner = iter(np.argwhere(~good)[0].tolist())  # within the axes that are left
    first = tuple(i if isinstance(i, int) else (i.start or 0) + next(inner)
                  for i in (*at, *(slice(None),) * (x.ndim - len(at))))
    return Scan(int(np.isnan(piece).sum()), int((piece == np.inf).sum()), int((piece == -np.inf).sum()), first,
                HISTOGRAM.observe(piece[good]))


def _merge_scans(a: Scan, b: Scan) -> Scan:
    return Scan(a.nan + b.nan, a.inf + b.inf, a.minus_inf + b.minus_inf, b.first if a.first is None else a.first,
                HISTOGRAM.merge(a.state, b.state))
