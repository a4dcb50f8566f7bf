"""The range of each slice by each rule: from its values, or where they are many from their histogram."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ...arguments import Codes, Reals
from ...clipping import Clip, minmax
from ...observers import histogram_observer
from ...observers.monoid import State
from .passes import HISTOGRAM, each
from .schemes import Key

Range: TypeAlias = tuple[Reals, Reals]
LONG = 2**15  # values of a slice, beyond which its range is chosen from their histogram


def of_rows(x: Reals, clips: dict[Key, Clip]) -> dict[Key, Range]:
    """Each row's range (rows, 1) by each rule: from the data, or where they are many from their histogram."""
    if x.shape[1] > LONG:
        rows = [from_histogram(clips, HISTOGRAM.observe(row[np.isfinite(row)])) for row in x]
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


def from_histogram(clips: dict[Key, Clip], state: State, label: str = "") -> dict[Key, Range]:
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
