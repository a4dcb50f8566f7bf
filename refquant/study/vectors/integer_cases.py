"""Inputs for integer_matmul, quantize_multiplier and requantize: sums at the bound of int32, ties, double rounding."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from ... import integer
from ...arguments import Codes
from ...grids import INT2, INT4, INT8, INT16, INT32, UINT4, UINT8, UINT16, Grid
from . import flags
from .case import DOUBLE, FULL, HALF, NARROW8, SINGLE, UINT32, Case, fields, hex_float, refused, zero_points


def integer_matmul_cases() -> Iterator[Case]:
    """acc = a @ b; a and b hold their codes row by row, repeated from the start as often as needed."""
    for a_dtype, b_dtype in product(("int8", "uint8", "int16", "uint16"), repeat=2):
        (a_min, a_max), (b_min, b_max) = ((int(np.iinfo(t).min), int(np.iinfo(t).max)) for t in (a_dtype, b_dtype))
        limit = (2**31 - 1) // (max(-a_min, a_max) * max(-b_min, b_max))
        fills = ((a_min or 1, b_min or 1), (a_max, b_max), (a_min or 1, b_max), (a_max, b_min or 1))
        bounds = [(1, k, 1, [a], [b]) for k in (limit - 1, limit, limit + 1) for a, b in fills if k > 0]
        small = [(1, 0, 1, [], []), (2, 0, 3, [], []), (1, 2, 1, [a_max], [b_max]), (1, 2, 1, [a_max], [b_min or 1]),
                 (1, limit + 1, 1, [1], [1]), (1, 1041, 1, [a_max], [b_max - 2]), (1, 1000, 1, [a_max], [b_max]),
                 (2, 3, 2, [a_min, a_max, 1, 2, a_max - 1, 3], [b_max, b_min, 5, b_max, 7, b_min]),
                 (1, 9, 2, [a_min, a_max, 3], [b_max, b_min, 1, 2, 11])]
        for m, k, n, a, b in (*bounds, *small):
            result = integer.integer_matmul(_repeated(a, a_dtype, m, k), _repeated(b, b_dtype, k, n))
            acc = [int(v) for v in result.ravel()]
            yield Case({"a_dtype": a_dtype, "b_dtype": b_dtype}, {"m": m, "k": k, "n": n, "a": a, "b": b},
                       {"acc": acc, "acc_dtype": result.dtype.name}, flags.of_matmul(a, b, k, acc, limit),
                       f"int32 while K <= {limit}")


def quantize_multiplier_cases() -> Iterator[Case]:
    """m = mantissa * 2**(shift - 31), mantissa in [2**30, 2**31), rounded to the nearest, ties to even."""
    near = [(n + part) * 2.0**-31 for n in (2**30, 2**30 + 1, 3 * 2**29, 1234567891, 2**31 - 2, 2**31 - 1)
            for part in (-0.25, 0.0, 0.25, 0.5, 0.75)]
    values = [v * 2.0**e for v in near for e in (-40, -7, 0, 29)]
    ties = [(n + 0.5) * 2.0**-31 for n in (2**30, 2**30 + 1, 1234567890, 1234567891, 2**31 - 2, 2**31 - 1)]
    values += [np.nextafter(v * 2.0**e, end) for v in ties for e in (-7, 0, 30) for end in (0, np.inf)]
    values += [0.75, 0.5, 1.0, 0.046875, 1e-3, 3.0, *FULL, 2.0**29, 2.0**-1022, 2.0**-1074, 3 * 2.0**-1074]
    singles = [0.75, 0.046875, *FULL, 1 - 2.0**-24, 2.0**30 - 64, 2.0**-126, 2.0**-149, 3 * 2.0**-149]
    halves = [0.75, *FULL, 65504.0, 2.0**-14, 2.0**-24]
    for dtype, numbers in ((DOUBLE, values), (SINGLE, singles), (HALF, halves)):
        for m in (dtype.type(v) for v in numbers):
            given, group = {"m": hex_float(m)}, {"dtype": dtype.name}
            if np.rint(np.ldexp(np.float64(m), 1)) >= 2**31:
                yield refused(group, given, "R14", "rounds to 2**30: its shift would be 31")
                continue
            mantissa, shift = (int(v) for v in integer.quantize_multiplier(m))
            yield Case(group, given, {"mantissa": mantissa, "shift": shift}, flags.of_multiplier(np.float64(m)),
                       f"about {float(m):.6g}")
        for bad, comment in ((0.0, "zero"), (-1.0, "negative"), (np.inf, "infinite"), (np.nan, "NaN")):
            yield refused({"dtype": dtype.name}, {"m": hex_float(bad)}, "R7" if comment == "NaN" else "R14", comment)


def requantize_cases() -> Iterator[Case]:
    """q = clip(round(acc * mantissa * 2**(shift - 31)) + zero_point, qmin, qmax), one rounding of the exact product."""
    for grid in (INT8, UINT8, NARROW8, INT4, UINT4, INT2, INT16, UINT16, INT32, UINT32):
        for acc, mantissa, shift, zero_point, comment in _requantizations(grid):
            q = int(integer.requantize(acc, mantissa, shift, zero_point, grid))
            yield Case({"grid": fields(grid)}, _fixed(acc, mantissa, shift, zero_point), {"q": q},
                       flags.of_requantize(acc, mantissa, shift, zero_point, grid), comment)
    for acc, mantissa, shift, zero_point, comment in (
            (1, 2**30 - 1, 0, 0, "mantissa below 2**30"), (1, 2**31, 0, 0, "mantissa of 2**31"),
            (1, 2**30, 31, 0, "shift above 30"), (2**31, 2**30, 0, 0, "beyond int32"),
            (-2**31 - 1, 2**30, 0, 0, "beyond int32"), (1, 2**30, 0, 128, "zero point off the grid")):
        yield refused({"grid": fields(INT8)}, _fixed(acc, mantissa, shift, zero_point), "R14", comment)


def _fixed(acc: int, mantissa: int, shift: int, zero_point: int) -> dict[str, Any]:
    return {"acc": acc, "mantissa": mantissa, "shift": shift, "zero_point": zero_point}


def _repeated(codes: list[int], dtype: str, rows: int, columns: int) -> Codes:
    """A matrix of the codes, row by row, from the start again as often as needed."""
    return np.array(codes, dtype)[np.arange(rows * columns) % max(len(codes), 1)].reshape(rows, columns)


def _requantizations(grid: Grid) -> Iterator[tuple[int, int, int, int, str]]:
    """Ties of short multipliers and one beside, cases of double rounding, ends of int32, extreme shifts."""
    middle, odd, qmin, _ = zero_points(grid)
    for m, zero_point in ((0.5, odd), (0.046875, middle), (2.0**-8, qmin), (0.75, odd)):
        mantissa, shift = (int(v) for v in integer.quantize_multiplier(m))
        half = 2**(30 - shift) // (mantissa & -mantissa)  # odd multiples of it are ties: mantissa = odd * 2**t
        for multiple in (1, 3, -1, -5, 21):
            for beside in (0, -1, 1):
                acc = multiple * half + beside
                yield acc, mantissa, shift, zero_point, f"({multiple} * {half} + {beside}) * {m}"
    for acc, m in ((21, 0.5), (-23, 0.5), (245, 0.046875), (-1264, 0.09375), (-926, 0.1875), (100, 1 / 3), (-77, 0.1),
                   (5 * 2**23 + 1, 2.0**-24), (-5 * 2**23 - 1, 2.0**-24), (9 * 2**23 - 1, 2.0**-24), (2**24 + 1, 0.5)):
        mantissa, shift = (int(v) for v in integer.quantize_multiplier(m))
        yield acc, mantissa, shift, middle, f"{acc} * {m:.6g}"
    yield 0, 2**31 - 1, 30, odd, "zero"
    shifts = (30, 1, 0, -20) if grid in (INT8, UINT8, INT16, INT32) else (0, -30 + grid.bits)
    for acc, mantissa, shift in product((-2**31, 2**31 - 1, 1, -1), (2**30, 2**31 - 1), shifts):
        yield acc, mantissa, shift, odd, "an end of int32" if abs(acc) > 1 else "one"
    right = (-31, -32, -33, -64, -2**31) if grid in (INT8, INT32) else (-31,)
    for acc, mantissa, shift in product((-2**31, 2**31 - 1), (2**30, 2**31 - 1), right):
        yield acc, mantissa, shift, middle, "little or nothing remains"
