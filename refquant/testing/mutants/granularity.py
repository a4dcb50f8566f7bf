"""Mutants of granularity (R12)."""

from __future__ import annotations

from typing import Any

import numpy as np

import refquant as rq

from ...clipping.rule import parse
from .mutant import Mutant


def _enlarging(x: Any, params: Any) -> Any:
    return rq.quantize(np.broadcast_to(x, np.broadcast_shapes(np.shape(x), params.scale.shape)), params)


def _wrong_axis(x: Any, params: Any) -> Any:
    turned = params.scale.T if params.scale.ndim > 1 and params.scale.T.shape == params.scale.shape else (
        np.flip(params.scale))
    return rq.quantize(x, rq.AffineParams(scale=turned, zero_point=params.zero_point, grid=params.grid))


def _minmax_of_all(x: Any, axis: Any = None) -> Any:
    x = parse("minmax", x, axis)
    lo, hi = (np.full_like(end, v) for end, v in zip(rq.minmax(x, axis), (x.min(), x.max()), strict=True))
    return (lo, hi) if axis is not None else rq.minmax(x)


def _dynamic_per_tensor(x: Any, grid: Any, axis: Any = None, *, fit: Any = rq.affine_params) -> Any:
    return fit(*_minmax_of_all(x, axis), grid)


def _axis_kept(x: Any, grid: Any, axis: Any = None, *, fit: Any = rq.affine_params) -> Any:
    reduced = () if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    return rq.dynamic_params(x, grid, tuple(i for i in range(x.ndim) if i not in reduced) or None, fit=fit)


def _strided_blocks(x: Any, block_size: int, axis: int = -1) -> Any:
    right, i = rq.split_blocks(x, block_size, axis), axis % np.ndim(x)
    return right.reshape(*right.shape[:i], *right.shape[i:i + 2][::-1], *right.shape[i + 2:]).swapaxes(i, i + 1)


def _padded_in_front(x: Any, block_size: int, axis: int = -1) -> Any:
    return np.flip(rq.split_blocks(np.flip(x, axis), block_size, axis), (axis % x.ndim, axis % x.ndim + 1))


MUTANTS = (
    Mutant("scale taken from the wrong axis", "R12", {"quantize": _wrong_axis}),
    Mutant("data enlarged to the parameters", "R12", {"quantize": _enlarging}),
    Mutant("one range for all channels", "R12", {"minmax": _minmax_of_all, "dynamic_params": _dynamic_per_tensor}),
    Mutant("axis keeps instead of reducing", "R12", {"dynamic_params": _axis_kept}),
    Mutant("blocks take every n-th value", "R12", {"split_blocks": _strided_blocks}),
    Mutant("blocks are cut along the last axis", "R12", {"split_blocks": lambda x, block_size, axis=-1:
           rq.split_blocks(x, min(block_size, x.shape[-1]), -1)}),
    Mutant("the padding stays", "R12", {"join_blocks": lambda blocks, axis=-1, length=None: rq.join_blocks(
        blocks, axis)}),
    Mutant("blocks start with the padding", "R12", {"split_blocks": _padded_in_front}))
