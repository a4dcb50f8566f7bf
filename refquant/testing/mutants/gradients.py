"""Mutants of gradients (R15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import refquant as rq

from ...arguments import quiet
from .mutant import Mutant


def _through(mask: Callable[..., Any], gain: float = 1.0) -> Callable[..., Any]:
    @quiet
    def straight_through(x: Any, scale: Any, zero_point: Any, grid: Any) -> Any:
        x_hat, _ = rq.straight_through(x, scale, zero_point, grid)
        dtype = grid.arithmetic(x.dtype)
        v = np.divide(x, np.asarray(scale, dtype), dtype=dtype)
        passed = np.broadcast_to(mask(v, np.asarray(zero_point, np.int64), grid), x.shape)
        return x_hat, lambda g: np.where(passed, g * g.dtype.type(gain), g.dtype.type(0))
    return straight_through


def _lsq(inside: Any = lambda v, l, h: (v > l) & (v < h), slope: Any = lambda v, code: code - v,
         total: Any = np.sum) -> Callable[..., Any]:
    """lsq of a scale per tensor with one named part exchanged; scales of another shape as they should be."""
    @quiet
    def lsq(x: Any, scale: Any, zero_point: Any, grid: Any) -> Any:
        x_hat, right = rq.lsq(x, scale, zero_point, grid)
        dtype = grid.arithmetic(x.dtype)
        v, z = np.divide(x, np.asarray(scale, dtype), dtype=dtype), np.asarray(zero_point, dtype)
        l, h = grid.qmin - z, grid.qmax - z
        passed, code = inside(v, l, h), np.clip(np.rint(v), l, h)

        def pullback(g: Any) -> Any:
            dscale = total(g * np.where(passed, slope(v, code), code)) if np.ndim(scale) == 0 else right(g)[1]
            return np.where(passed, g, g.dtype.type(0)), dscale
        return x_hat, pullback
    return lsq


def _unrounded(v: Any, zero_point: Any, grid: Any) -> Any:
    return (v >= grid.qmin - zero_point) & (v <= grid.qmax - zero_point)


def _exclusive(v: Any, zero_point: Any, grid: Any) -> Any:
    return (np.rint(v) + zero_point > grid.qmin) & (np.rint(v) + zero_point < grid.qmax)


def _of_values(mask: Callable[..., Any]) -> Callable[..., Any]:
    """A mask that is right on integers."""
    return lambda v, z, grid: (_inside if grid.equal_steps else mask)(v, z, grid)


def _inside(v: Any, zero_point: Any, grid: Any) -> Any:
    code = np.rint(v) + zero_point
    return (code >= grid.qmin) & (code <= grid.qmax)


MUTANTS = (
    Mutant("mask on the unrounded value", "R15", {"straight_through": _through(_unrounded)}),
    Mutant("mask exclusive of the ends", "R15", {"straight_through": _through(_exclusive)}),
    Mutant("gradient everywhere", "R15", {"straight_through": _through(lambda v, z, grid: True)}),
    Mutant("gradient nowhere", "R15", {"straight_through": _through(lambda v, z, grid: False)}),
    Mutant("overflow of values decided before rounding", "R15", {"straight_through": _through(_of_values(_unrounded))}),
    Mutant("rounding to values saturates", "R15", {"straight_through": _through(_of_values(
        lambda v, z, grid: True))}),
    Mutant("gradient doubled", "R15", {"straight_through": _through(_inside, 2.0)}),
    Mutant("x passed for x_hat", "R15", {"straight_through": lambda x, *of: (x, rq.straight_through(x, *of)[1])}),
    Mutant("LSQ masks by the rounded code", "R15", {"lsq": _lsq(
        lambda v, l, h: (np.rint(v) >= l) & (np.rint(v) <= h))}),
    Mutant("a learned step's gradient is the code", "R15", {"lsq": _lsq(slope=lambda v, code: code)}),
    Mutant("a learned step's gradient has the wrong sign", "R15", {"lsq": _lsq(slope=lambda v, code: v - code)}),
    Mutant("a learned step's gradient is averaged", "R15", {"lsq": _lsq(total=np.mean)}))
