"""The same work in one process or in several, with progress, and nothing left behind when interrupted."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
           "BLIS_NUM_THREADS")


def run(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, label: str,
        each: Callable[[int, Result], object] | None = None,
        weights: Sequence[float] | None = None) -> list[Result]:
    """[work(task) for task in tasks], in `jobs` processes; work must be importable. jobs=1 starts none.

    each: called with a task's place and its result, as soon as that is there. weights: how long each task takes,
    beside the others, where they differ.

    >>> run(abs, [-1, 2], jobs=1, label="abs")
    [1, 2]
    """
    done: dict[int, Result] = {}
    began, weights = time.perf_counter(), weights or [1.0] * len(tasks)
    show(label, 0, len(tasks), began, 0)
    speak()
    try:
        for i, result in (_here if jobs == 1 else _spread)(work, tasks, jobs):
            done[i] = result
            if each is not None:
                each(i, result)
            show(label, len(done), len(tasks), began, sum(weights[j] for j in done) / sum(weights))
    finally:
        clear()
    return [done[i] for i in range(len(tasks))]


def _here(work: Callable[[Task], Result], tasks: Sequence[Task], _: int) -> Iterator[tuple[int, Result]]:
    for i, task in enumerate(tasks):
        yield i, work(task)


def _spread(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Result]]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_in_worker)
    try:
        with _pinned():
            futures = {pool.submit(work, task): i for i, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        if sys.version_info >= (3, 11):  # Python 3.10 may hang on terminated workers: there, what runs is waited for
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _in_worker() -> None:
    """Leave Ctrl-C to the parent, and end when the parent is gone."""
    import multiprocessing

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.join,), daemon=True).start()


def _end_after(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


@contextmanager
def _pinned() -> Iterator[None]:
    """Processes started here load NumPy with one BLAS thread each, so results do not depend on `jobs`."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None  # inherited: Ctrl-C is the parent's
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@contextmanager
def terminable() -> Iterator[None]:
    """Within, SIGTERM and Ctrl-C are a KeyboardInterrupt: it unwinds, so that processes and temporary files go."""
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    heard = [s for s in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(s) is not signal.SIG_IGN] if main else []
    before = {s: signal.signal(s, interrupt) for s in heard}
    try:
        yield
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


# ---------------------------------------------------------------------------------------------- how far it is

class _Progress:
    """What the work that runs now last said, and who says it aloud where nobody watches a terminal."""

    said, who = "", ""


def show(label: str, done: int, total: int, began: float, share: float | None = None) -> None:
    """How many of the tasks are done, and how long the others may take; share: of the work, done."""
    share = done / total if share is None else share
    seconds = time.perf_counter() - began
    left = f", about {seconds / share * (1 - share):.0f} s left" if share else ""
    say(f"{label}: {done} of {total}{left}")


def say(text: str) -> None:
    """One line of progress, written over itself where someone watches a terminal."""
    _Progress.said = text
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def clear() -> None:
    """The line of progress, gone."""
    say("")


def speak() -> None:
    """What was said last, as a line of its own, where nobody watches a terminal."""
    if _Progress.who and _Progress.said:
        print(f"{_Progress.who}: {_Progress.said}", file=sys.stderr, flush=True)


@contextmanager
def spoken(who: str, seconds: float = 30.0) -> Iterator[None]:
    """Within, and without a terminal, long work says how far it is: when it begins, and every half minute."""
    def again() -> None:
        while not ended.wait(seconds):
            speak()

    ended = threading.Event()
    if not sys.stderr.isatty():
        _Progress.who = who
        threading.Thread(target=again, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        _Progress.who = ""
