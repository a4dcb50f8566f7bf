"""Mutants of integers (R13, R14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import refquant as rq

from ...arguments import quiet
from .codes import half_up
from .mutant import Mutant


def _matmul(dtype: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def integer_matmul(a: Any, b: Any) -> Any:
        wide = dtype(a, b)
        return np.matmul(a.astype(wide), b.astype(wide)).astype(np.int64 if wide == np.int64 else np.int32)
    return integer_matmul


def _in_pieces(terms: int) -> Callable[..., Any]:
    """float32 sums of so many products of 8-bit codes, however large."""
    def integer_matmul(a: Any, b: Any) -> Any:
        right = rq.integer_matmul(a, b)
        if max(a.itemsize, b.itemsize) > 1:
            return right
        cuts = range(0, a.shape[1], terms)
        return sum(((a[:, k:k + terms].astype(np.float32) @ b[k:k + terms].astype(np.float32)).astype(right.dtype)
                    for k in cuts), np.zeros_like(right))
    return integer_matmul


def _twice(acc: Any, mantissa: Any, shift: Any, zero_point: Any, grid: Any) -> Any:
    """gemmlowp: round to 31 fraction bits, then again to the integer."""
    left = np.asarray(acc, np.int64) << max(int(shift), 0)
    high = (left * mantissa + (1 << 30)) >> 31
    n = min(max(-int(shift), 0), 62)
    rounded = (high >> n) + ((high & ((1 << n) - 1)) > ((1 << n) >> 1) - 1 + (high < 0)) * (n > 0)
    return np.clip(rounded + zero_point, grid.qmin, grid.qmax).astype(grid.dtype)


def _scaled(rounding: Any, dtype: Any = np.float64) -> Callable[..., Any]:
    @quiet
    def requantize(acc: Any, mantissa: Any, shift: Any, zero_point: Any, grid: Any) -> Any:
        v = np.asarray(acc, dtype) * dtype(mantissa) * dtype(2.0) ** dtype(int(shift) - 31)
        return np.clip(rounding(v) + zero_point, grid.qmin, grid.qmax).astype(grid.dtype)
    return requantize


def _thirty_bits(m: Any) -> Any:
    mantissa, shift = rq.quantize_multiplier(m)
    return mantissa // 2, shift + 1


def _truncated(m: Any) -> Any:
    fraction, exponent = np.frexp(m)
    return np.int64(np.floor(fraction * 2.0**31)), exponent


MUTANTS = (
    Mutant("int32 always", "R13", {"integer_matmul": _matmul(lambda a, b: np.int32)}),
    Mutant("int64 always", "R13", {"integer_matmul": _matmul(lambda a, b: np.int64)}),
    Mutant("accumulated in int16", "R13", {"integer_matmul": _matmul(lambda a, b: np.int16)}),
    Mutant("dtype chosen by value", "R13", {"integer_matmul": _matmul(lambda a, b: (
        np.int32 if np.abs(rq.integer_matmul(a, b)).max(initial=0) < 2**31 else np.int64))}),
    Mutant("float32 sums", "R13", {"integer_matmul": lambda a, b: np.matmul(
        a.astype(np.float32), b.astype(np.float32)).astype(rq.integer_matmul(a, b).dtype)}),
    Mutant("float32 sums of pieces twice too long", "R13", {"integer_matmul": _in_pieces(2048)}),
    Mutant("unsigned codes in pieces for signed ones", "R13", {"integer_matmul": _in_pieces(1024)}),

    Mutant("rounded twice", "R14", {"requantize": _twice}),
    Mutant("product's ties up", "R14", {"requantize": _scaled(half_up)}),
    Mutant("product truncated", "R14", {"requantize": _scaled(np.trunc)}),
    Mutant("product in float32", "R14", {"requantize": _scaled(np.rint, np.float32)}),
    Mutant("multiplier of 30 bits", "R14", {"quantize_multiplier": _thirty_bits}),
    Mutant("multiplier truncated", "R14", {"quantize_multiplier": _truncated}))
