"""What is drawn of one array: its histogram, and the two errors of a clip."""

from __future__ import annotations

import math
from typing import NamedTuple, TypedDict

import numpy as np

from ...affine import fake_quantize
from ...arguments import Codes, Reals, quiet
from ...clipping.bins import centres
from ...clipping.statistics import unit_of
from ...grids import IntGrid
from ...ranges import symmetric_params
from .passes import Scan
from .slice_ranges import LONG


class Histogram(NamedTuple):
    """How many values lie between edges, which are multiples of unit, a power of two, as the values may be extreme."""

    edges: Reals
    counts: Codes
    unit: float


class ClipError(NamedTuple):
    """The error at each clip, a share of max|x|: of values inside, of those beyond, and of all, over mean(x**2)."""

    share: Reals
    rounding: Reals
    clipping: Reals
    total: Reals


class ClipPoint(TypedDict):
    """The clip of least error, symmetric per tensor: its share of max|x|, and parts of the error over mean(x**2)."""

    share: float
    rounding: float
    clipping: float
    total: float


@quiet
def distinct(x: Reals, seen: Scan) -> tuple[Reals, Codes]:
    """The finite values, ascending, and how often each occurs; of many values, those of their histogram's bins."""
    if x.size <= LONG:
        return np.unique(x[np.isfinite(x)].astype(x.dtype.newbyteorder("=")), return_counts=True)
    lo, hi, exponent, counts = seen.state
    values = np.clip(centres(exponent, counts.size // 2), lo, hi).astype(lo.dtype)
    return values[counts > 0], counts[counts > 0]


def histogram(values: Reals, counts: Codes, unit: float) -> Histogram:
    bins = min(120, 12 + math.isqrt(int(counts.sum())))
    lo, hi = (values[0], values[-1]) if values[0] < values[-1] else (min(values[0], 0), max(values[0], 0))
    edges = np.linspace(lo, hi, bins + 1) if lo < hi else np.linspace(-1, 1, bins + 1)
    return Histogram(edges, np.histogram(values, edges, weights=counts)[0].astype(np.int64), unit)


@quiet
def clip_error(values: Reals, counts: Codes, bits: int) -> ClipError | None:
    """rounding + clipping = total: what values inside and values beyond a symmetric clip add to the error.

    Args:
        values: (N) finite reals.
        counts: (N) how often each occurs.
    Returns:
        at 256 clips from 1/1024 to 1 of max|x|, over mean(x**2), infinite where x_hat overflows; None of data that are
        all 0.

    >>> errors = clip_error(np.array([-1.0, 0.1, 0.2]), np.array([1, 5, 9]), bits=2)
    >>> bool(np.allclose(errors.rounding + errors.clipping, errors.total, rtol=1e-12))
    True
    """
    grid, largest = IntGrid(bits, narrow=True), np.abs(values).max()
    unit, rows = unit_of(-largest, largest).astype(np.float64), []
    signal = float(np.sum(counts * np.square(values / unit)))
    if not signal:
        return None
    shares = np.r_[np.geomspace(1 / 1024, 1 / 16, 64, endpoint=False), np.linspace(1 / 16, 1, 192)]
    for clip in (shares * largest).astype(values.dtype):
        params = symmetric_params(-clip, clip, grid)
        error = counts * np.square(values / unit - fake_quantize(values, params) / unit)
        inside = np.abs(np.rint(values / params.scale)) <= grid.qmax
        rows.append((error[inside].sum(), error[~inside].sum(), error.sum()))
    return ClipError(shares, *(np.array(rows).T / signal))


def least(errors: ClipError | None) -> ClipPoint | None:
    """The least; among equals the widest."""
    if errors is None or not np.isfinite(errors.total).any():
        return None
    best = errors.total.size - 1 - int(np.argmin(errors.total[::-1]))
    share, rounding, clipping, total = (float(part[best]) for part in errors)
    return ClipPoint(share=share, rounding=rounding, clipping=clipping, total=total)
