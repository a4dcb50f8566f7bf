"""Mutants of scales on a grid (R18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import refquant as rq

from ...arguments import quiet
from .mutant import Mutant


def _mx(right: Any, change: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """Parameters whose exponents are change(exponent, max|x|, grid), as far as E8M0 reaches."""
    @quiet
    def fit(lo: Any, hi: Any, grid: Any) -> Any:
        params = right(lo, hi, grid)
        largest = np.maximum(np.abs(lo), np.abs(hi)).astype(params.scale.dtype)
        exponent = np.frexp(params.scale)[1] - 1
        wrong = np.where(largest > 0, np.clip(change(exponent, largest, grid), -127, 127), exponent)
        return rq.AffineParams(scale=np.ldexp(np.ones_like(params.scale), wrong.astype(int)), grid=grid,
                               zero_point=params.zero_point, scale_grid=params.scale_grid)
    return fit


def _float32_log2(exponent: Any, largest: Any, grid: Any) -> Any:
    emax = np.frexp(float(rq.ranges.middle(grid)[1]))[1] - 1
    return np.floor(np.log2(largest.astype(np.float32))) - emax


def _two_level(change: Callable[..., Any]) -> Callable[..., Any]:
    """A fit that returns change(right parameters, fit, lo, hi, grid, scale grid)."""
    def two_level(scale_grid: Any, fit: Any = rq.symmetric_params, axis: Any = None, scale: Any = None) -> Any:
        right = rq.two_level(scale_grid, fit, axis, scale)
        return quiet(lambda lo, hi, grid: change(right, fit, lo, hi, grid, scale_grid))
    return two_level


def _not_on_the_grid(right: Any, fit: Any, lo: Any, hi: Any, grid: Any, scale_grid: Any) -> Any:
    params = fit(lo, hi, grid)
    return rq.AffineParams(scale=params.scale, zero_point=params.zero_point, grid=grid, scale_grid=scale_grid)


def _zeros_count(right: Any, fit: Any, lo: Any, hi: Any, grid: Any, scale_grid: Any) -> Any:
    empty = (lo == 0) & (hi == 0)
    return right(np.where(empty, -1, lo).astype(lo.dtype), hi, grid)


MUTANTS = (
    Mutant("shared exponent by float32 log2", "R18", {"mx_params": _mx(rq.mx_params, _float32_log2)}),
    Mutant("an MX scale one too large", "R18", {"mx_params": _mx(rq.mx_params, lambda e, m, grid: e + 1)}),
    Mutant("RCEIL rounds down", "R18", {"mx_rceil_params": rq.mx_params}),
    Mutant("even never rounds up", "R18", {"mx_even_params": rq.mx_params}),
    Mutant("scales not on their grid", "R18", {"two_level": _two_level(_not_on_the_grid)}),
    Mutant("blocks of zeros count", "R18", {"two_level": _two_level(_zeros_count)}),
    Mutant("one second scale for all rows", "R18", {"two_level": lambda scale_grid, fit, axis=None, scale=None:
                                                    rq.two_level(scale_grid, fit, None, scale)}))
