"""Mutants of grids, codes and reals (R1 to R7, R16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import refquant as rq

from ...arguments import quiet
from .mutant import Mutant, on_integers


def half_away(v: Any) -> Any:
    """Ties away from zero, as C's round()."""
    return np.trunc(v) + np.trunc(2 * (v - np.trunc(v)))


def half_up(v: Any) -> Any:
    """Ties upward."""
    return np.floor(v) + (v - np.floor(v) >= 0.5)


def _params(params: Any, dtype: Any) -> tuple[Any, Any]:
    return params.scale.astype(dtype), params.zero_point.astype(dtype)


def _quantize(rounding: Any = np.rint, divide: Any = np.divide, before: bool = False, widen: Any = None,
              saturate: Any = None) -> Callable[..., Any]:
    """quantize with one named part exchanged on integers; other grids as they should be."""
    @quiet
    def quantize(x: Any, params: Any) -> Any:
        rq.quantize(x, params)  # refuses what must be refused
        grid = params.grid
        x = np.asarray(x)
        x = x.astype(widen(x.dtype) if widen else grid.arithmetic(x.dtype))
        scale, zero_point = _params(params, x.dtype)
        v = divide(x, scale)
        q = rounding(v + zero_point) if before else rounding(v) + zero_point
        if saturate:
            return np.asarray(saturate(q, grid)).astype(grid.dtype)
        return np.asarray(np.clip(q, grid.qmin, grid.qmax)).astype(grid.dtype)
    return on_integers(rq.quantize, quantize)


def _noisy(x: Any, params: Any) -> Any:
    return np.clip(np.rint(np.divide(x, params.scale, dtype=params.grid.arithmetic(np.asarray(x).dtype)))
                   + params.zero_point, params.grid.qmin, params.grid.qmax).astype(params.grid.dtype)


def _fake(offset: float = 0.0, rounding: Any = np.rint) -> Callable[..., Any]:
    codes = _quantize(rounding)

    @quiet
    def fake_quantize(x: Any, params: Any) -> Any:
        right = rq.fake_quantize(x, params)
        scale, zero_point = _params(params, right.dtype)
        return np.asarray((codes(x, params) - zero_point + offset) * scale).astype(right.dtype)
    return on_integers(rq.fake_quantize, fake_quantize)


def _dequantize(value: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    @quiet
    def dequantize(q: Any, params: Any) -> Any:
        rq.dequantize(q, params)
        return np.asarray(value(np.asarray(q), params.zero_point, params.scale)).astype(params.scale.dtype)
    return on_integers(rq.dequantize, dequantize)


@quiet
def _off_the_grid(q: Any, params: Any) -> Any:
    return np.asarray((np.asarray(q).astype(np.int64) - params.zero_point) * params.scale).astype(params.scale.dtype)


def _to_float64(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: f(*args).astype(np.float64)


class _HighestDropped(rq.IntGrid):
    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self).update(qmin=self.qmin - self.narrow, qmax=self.qmax - self.narrow)


class _OneTooMany(rq.IntGrid):
    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self).update(qmax=self.qmax + 1)


def _accepting(f: Callable[..., Any], mend: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda x, *args, **options: f(mend(x), *args, **options)


def _integers_to_floats(x: Any) -> Any:
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def _nan_unplaced(x: Any, params: Any) -> Any:
    if np.isnan(np.asarray(x, np.float64)).any():
        raise ValueError("NaN (R7)")
    return rq.quantize(x, params)


MUTANTS = (
    Mutant("narrow drops the highest code", "R1", {"IntGrid": _HighestDropped}),
    Mutant("one code too many", "R1", {"IntGrid": _OneTooMany}),
    Mutant("any number of bits", "R1", {"IntGrid": lambda bits, **kind: rq.IntGrid(min(max(bits, 2), 32), **kind)}),
    Mutant("unsigned and narrow accepted", "R1", {"IntGrid": lambda bits, signed=True, narrow=False: rq.IntGrid(
        bits, signed=signed, narrow=narrow and signed)}),

    Mutant("zero point added in dequantize", "R2", {"dequantize": _dequantize(lambda q, z, s: (q + 1.0 * z) * s)}),
    Mutant("zero point forgotten", "R2", {"dequantize": _dequantize(lambda q, z, s: q * s)}),
    Mutant("code - zero_point wraps", "R2", {"dequantize": _dequantize(lambda q, z, s: (
        q.astype(z.dtype) - z).astype(np.int8) * s)}),
    Mutant("codes off the grid accepted", "R2", {"dequantize": on_integers(rq.dequantize, _off_the_grid)}),
    Mutant("dequantize returns float64", "R2", {"dequantize": _to_float64(rq.dequantize)}),
    Mutant("fake_quantize returns float64", "R2", {"fake_quantize": _to_float64(rq.fake_quantize)}),
    Mutant("fake_quantize returns the scale's dtype", "R2", {"fake_quantize": lambda x, params: rq.dequantize(
        rq.quantize(x, params), params)}),

    Mutant("multiplied by the reciprocal", "R3", {"quantize": _quantize(divide=lambda x, scale: x * (1 / scale))}),
    Mutant("divided in float64", "R3", {"quantize": _quantize(widen=lambda dtype: np.float64)}),
    Mutant("float16 divided in float16", "R3", {"quantize": _quantize(widen=lambda dtype: dtype)}),
    Mutant("32 bits in float32", "R3", {"quantize": _quantize(widen=lambda dtype: np.result_type(dtype, np.float32))}),

    Mutant("ties away from zero", "R4", {"quantize": _quantize(half_away)}),
    Mutant("ties up", "R4", {"quantize": _quantize(half_up)}),
    Mutant("ties down", "R4", {"quantize": _quantize(lambda v: -half_up(-v))}),
    Mutant("truncated", "R4", {"quantize": _quantize(np.trunc)}),
    Mutant("floored", "R4", {"quantize": _quantize(np.floor)}),

    Mutant("zero point before rounding", "R5", {"quantize": _quantize(before=True)}),

    Mutant("cast before clip", "R6", {"quantize": _quantize(saturate=lambda q, grid: np.clip(
        np.asarray(q).astype(np.int32), grid.qmin, grid.qmax))}),
    Mutant("no clip: codes wrap", "R6", {"quantize": _quantize(saturate=lambda q, grid: np.where(
        np.isfinite(q), q, 0).astype(np.int64))}),
    Mutant("infinity becomes 0", "R6", {"quantize": _quantize(saturate=lambda q, grid: np.clip(
        np.where(np.isfinite(q), q, 0), grid.qmin, grid.qmax))}),
    Mutant("clipped one short", "R6", {"quantize": _quantize(saturate=lambda q, grid: np.clip(
        q, grid.qmin + 1, grid.qmax))}),
    Mutant("an overflowing quotient warns", "R6", {"quantize": on_integers(rq.quantize, _noisy)}),

    Mutant("NaN taken for 0", "R7", {name: _accepting(getattr(rq, name), np.nan_to_num) for name in (
        "quantize", "fake_quantize", "minmax", "dynamic_params")}),
    Mutant("NaN refused without its place", "R7", {"quantize": _nan_unplaced}),
    Mutant("integers taken for reals", "R7", {"quantize": _accepting(rq.quantize, _integers_to_floats)}),

    Mutant("value of a floored code", "R16", {"fake_quantize": _fake(rounding=np.floor)}),
    Mutant("half a step off", "R16", {"fake_quantize": _fake(offset=0.5)}))
