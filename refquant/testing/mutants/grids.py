"""Mutants of float grids and codebooks (R4, R16, R17); on integers all of them are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import refquant as rq

from ...arguments import quiet
from .mutant import Mutant, on_values


def _rounded(rounding: Callable[[Any, Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """quantize and fake_quantize with another rounding(x / scale, grid)."""
    def values(x: Any, params: Any) -> tuple[Any, Any]:
        grid, x = params.grid, np.asarray(x)
        scale = params.scale.astype(grid.arithmetic(x.dtype))
        v = np.asarray(rounding(np.divide(x, scale, dtype=scale.dtype), grid), scale.dtype)
        return np.clip(v, grid.qmin, grid.qmax), scale

    @quiet
    def fake_quantize(x: Any, params: Any) -> Any:
        v, scale = values(x, params)
        return np.asarray((v + v.dtype.type(params.grid.zero)) * scale).astype(rq.fake_quantize(x, params).dtype)

    quantize = quiet(lambda x, params: params.grid.encode(values(x, params)[0]))
    return on_values(rq.quantize, quantize), on_values(rq.fake_quantize, fake_quantize)


def _neighbours(v: Any, grid: Any) -> tuple[Any, Any]:
    """The value below v and the one above, or v's own, 0 with v's sign where the grid has both."""
    values = grid.values.astype(v.dtype)
    signed = np.signbit(grid.zero)
    places = np.searchsorted(values, v, side="right") - 1, np.searchsorted(values, v, side="left")
    below, above = (values[np.clip(place, 0, len(values) - 1)] for place in places)
    return tuple(np.where((value == 0) & signed, np.copysign(value, v), value) for value in (below, above))


def _ties(choose: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The nearest value; ties go to the lower one where choose(below, above) says so."""
    def rounding(v: Any, grid: Any) -> Any:
        below, above = _neighbours(v, grid)
        tie = (v - below == above - v) & (below < above)
        return np.where(tie, np.where(choose(below, above), below, above), grid.round(v))
    return rounding


def _cut_off(v: Any, grid: Any) -> Any:
    below, above = _neighbours(v, grid)
    return np.where(np.abs(below) < np.abs(above), below, above)


def _flushed(v: Any, grid: Any) -> Any:
    """Subnormal values become 0; codebooks have none."""
    rounded = grid.round(v)
    return np.where(np.abs(rounded) < 2.0 ** getattr(grid, "emin", -np.inf), rounded * 0, rounded)


def _any_code(q: Any, params: Any) -> Any:
    table = np.nan_to_num(params.grid.table)
    return (table[np.asarray(q) % len(table)] * params.scale).astype(params.scale.dtype)


MUTANTS = (
    Mutant("ties of values away from zero", "R4", {"quantize": _rounded(_ties(lambda a, b: abs(a) > abs(b)))[0]}),
    Mutant("ties of values toward zero", "R4", {"quantize": _rounded(_ties(lambda a, b: abs(a) < abs(b)))[0]}),
    Mutant("cut off to a value", "R4", {"quantize": _rounded(_cut_off)[0]}),
    Mutant("float64 through float32", "R4", {"quantize": _rounded(lambda v, grid: grid.round(
        v.astype(np.float32)))[0]}),
    Mutant("value of a code cut off", "R16", {"fake_quantize": _rounded(_cut_off)[1]}),
    Mutant("subnormals flushed", "R17", {"quantize": _rounded(_flushed)[0]}),
    Mutant("the code of -0 is that of 0", "R17", {"quantize": lambda x, params: rq.quantize(
        np.where(np.asarray(x) == 0, np.abs(x), x), params)}),
    Mutant("the sign of zero lost", "R17", {"fake_quantize": lambda x, params: rq.fake_quantize(x, params)
                                            + np.float16(0)}),
    Mutant("codes of NaN accepted", "R17", {"dequantize": on_values(rq.dequantize, _any_code)}))
