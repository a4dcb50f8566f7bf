"""What the benchmarks share: one thread each, in turns, in one process; the median and the quartiles over rounds.

Import it before NumPy: it pins the threads.
"""

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import time
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

Run = Callable[[], Any]


class Row(NamedTuple):
    """One comparison: milliseconds of ours and of a peer for each round, and the ratio that is aimed at."""

    what: str
    peer: str
    ours: Any
    theirs: Any
    target: float | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = np.asarray(self.theirs) / np.asarray(self.ours)
        low, middle, high = np.percentile(ratio, [25, 50, 75])
        verdict = "–" if self.target is None else f"{self.target:g}: {'met' if middle >= self.target else 'missed'}"
        return (self.what, self.peer, f"{np.median(self.ours):,.4g}", f"{np.median(self.theirs):,.4g}",
                f"**{middle:.2f}**", f"{low:.2f} to {high:.2f}", str(len(ratio)), verdict)


HEAD = ("what", "against", "ours, ms", "theirs, ms", "theirs / ours", "quartiles", "rounds", "at least")


def milliseconds(run: Run) -> float:
    """One call."""
    began = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - began)


def in_turns(runs: Iterable[Run], rounds: int) -> Any:
    """(rounds, runs) milliseconds, each run once before."""
    runs = list(runs)
    for run in runs:
        run()
    return np.array([[milliseconds(run) for run in runs] for _ in range(rounds)])


def compared(what: str, ours: Run, peers: dict[str, tuple[Run, float | None]], rounds: int) -> list[Row]:
    """Ours beside each peer, all in turns; a peer is its run and the ratio aimed at."""
    times = in_turns([ours, *(run for run, _ in peers.values())], rounds)
    return [Row(what, peer, times[:, 0], times[:, i], target)
            for i, (peer, (_, target)) in enumerate(peers.items(), start=1)]


def peak_bytes(run: Run) -> int:
    """The most that is allocated at once while it runs, its result included."""
    tracemalloc.start()
    try:
        kept = run()
        return tracemalloc.get_traced_memory()[1] if kept is not None else 0
    finally:
        tracemalloc.stop()


def markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
