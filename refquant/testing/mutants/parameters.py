"""Mutants of parameters (R8 to R11)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import refquant as rq

from ...arguments import quiet
from .codes import half_away, half_up
from .mutant import Mutant


def _fit(name: str, change: Callable[..., tuple[Any, Any]]) -> dict[str, Callable[..., Any]]:
    """Under this name, parameters from change(lo, hi, grid, right scale, right zero point)."""
    @quiet
    def fit(lo: Any, hi: Any, grid: Any) -> Any:
        params = getattr(rq, name)(lo, hi, grid)
        lo, hi = np.asarray(lo).astype(params.scale.dtype), np.asarray(hi).astype(params.scale.dtype)
        scale, zero_point = change(lo, hi, grid, params.scale, params.zero_point.astype(np.int64))
        return rq.AffineParams(scale=scale, zero_point=np.asarray(zero_point).astype(np.int64), grid=grid)
    return {name: fit}


_affine, _symmetric = partial(_fit, "affine_params"), partial(_fit, "symmetric_params")


def _zero_point(rounding: Any) -> Callable[..., tuple[Any, Any]]:
    """The zero point by another rounding, clipped to the grid."""
    def change(lo: Any, hi: Any, grid: Any, scale: Any, zero_point: Any) -> tuple[Any, Any]:
        return scale, np.clip(rounding(np.minimum(lo, 0), scale, grid), grid.qmin, grid.qmax)
    return change


def _not_widened(lo: Any, hi: Any, grid: Any, scale: Any, zero_point: Any) -> tuple[Any, Any]:
    scale = np.maximum((hi / 2 - lo / 2) / ((grid.qmax - grid.qmin) / 2), np.finfo(scale.dtype).tiny)
    return scale, np.clip(grid.qmin + np.rint(np.clip(-lo / scale, -2**31, 2**31)), grid.qmin, grid.qmax)


def _unhalved(lo: Any, hi: Any, grid: Any, scale: Any, zero_point: Any) -> tuple[Any, Any]:
    width = np.maximum(hi, 0) - np.minimum(lo, 0)
    return np.where(width == 0, 1, np.maximum(width / (grid.qmax - grid.qmin), np.finfo(scale.dtype).tiny)), zero_point


def _float64_inside(lo: Any, hi: Any, grid: Any, scale: Any, zero_point: Any) -> tuple[Any, Any]:
    lo, hi = lo.astype(np.float64), hi.astype(np.float64)
    wide = rq.affine_params(lo, hi, grid)
    return np.maximum(wide.scale.astype(scale.dtype), np.finfo(scale.dtype).tiny), wide.zero_point


def _divisor(extra: float) -> Callable[..., tuple[Any, Any]]:
    def change(lo: Any, hi: Any, grid: Any, scale: Any, zero_point: Any) -> tuple[Any, Any]:
        largest = np.maximum(np.abs(lo), np.abs(hi))
        wrong = np.maximum(largest / (2 ** (grid.bits - 1) - 1 + extra), np.finfo(scale.dtype).tiny)
        return np.where(largest == 0, scale, wrong).astype(scale.dtype), zero_point
    return change


MUTANTS = (
    Mutant("range not widened to 0", "R8", _affine(_not_widened)),

    Mutant("scale x 1.3", "R9", _affine(lambda lo, hi, grid, s, z: (s * s.dtype.type(1.3), z))),
    Mutant("divided by 2**bits", "R9", _affine(lambda lo, hi, grid, s, z: (np.where(
        (lo == 0) & (hi == 0), s, s * s.dtype.type((grid.qmax - grid.qmin) / (grid.qmax - grid.qmin + 1))), z))),
    Mutant("float64 inside", "R9", _affine(_float64_inside)),
    Mutant("zero point's ties up", "R9", _affine(_zero_point(lambda lo, s, grid: grid.qmin + half_up(-lo / s)))),
    Mutant("zero point's ties away", "R9", _affine(_zero_point(lambda lo, s, grid: half_away(grid.qmin - lo / s)))),
    Mutant("qmin added before rounding", "R9", _affine(_zero_point(lambda lo, s, grid: np.rint(grid.qmin - lo / s)))),

    Mutant("divided by 127.5", "R10", _symmetric(_divisor(0.5))),
    Mutant("divided by 128", "R10", _symmetric(_divisor(1.0))),
    Mutant("unsigned zero point one low", "R10", _symmetric(lambda lo, hi, grid, s, z: (s, z - (grid.qmin >= 0)))),
    Mutant("only hi looked at", "R10", {"symmetric_params": lambda lo, hi, grid: rq.symmetric_params(
        np.minimum(hi, 0), np.maximum(hi, 0), grid)}),

    Mutant("width overflows", "R11", _affine(_unhalved)),
    Mutant("scale at least 1e-7", "R11", _affine(lambda lo, hi, grid, s, z: (np.maximum(s, s.dtype.type(1e-7)), z))),
    Mutant("an all-zero range has the smallest scale", "R11", _affine(lambda lo, hi, grid, s, z: (np.where(
        (lo == 0) & (hi == 0), np.finfo(s.dtype).tiny, s), z))),
    Mutant("lo > hi accepted", "R11", {"affine_params": lambda lo, hi, grid: rq.affine_params(
        np.minimum(lo, hi), np.maximum(lo, hi), grid)}),
    Mutant("infinite ends made finite", "R11", {"affine_params": lambda lo, hi, grid: rq.affine_params(
        np.nan_to_num(lo), np.nan_to_num(hi), grid)}))
