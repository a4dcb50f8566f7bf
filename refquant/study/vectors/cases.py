"""The vectors' inputs: chosen, not drawn. Ties and one ulp beside them, the grid's ends and beyond, ranges that
degenerate, sums at the bound of int32.

Cases are only ever added at the end of a function: their numbers are stable.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ... import affine, integer, ranges
from ...affine import AffineParams
from ...arguments import Codes, Reals, quiet
from ...gradients import straight_through
from ...grids import INT2, INT4, INT8, INT16, INT32, UINT2, UINT4, UINT8, UINT16, IntGrid
from . import flags as flags_of

Scalar: TypeAlias = np.floating[Any]
Float: TypeAlias = np.dtype[np.floating[Any]]
Quantization: TypeAlias = tuple[IntGrid, Scalar, Scalar, int, str]  # grid, x, scale, zero_point, comment
HALF, SINGLE, DOUBLE = (np.dtype(name) for name in ("float16", "float32", "float64"))
NARROW8, NARROW4, NARROW2, NARROW16 = (IntGrid(bits, narrow=True) for bits in (8, 4, 2, 16))
UINT32, WIDE17, THREE = IntGrid(32, signed=False), IntGrid(17), IntGrid(3)
FULL = (0.1, 1 / 3, 0.0235, float.fromhex("0x1.921fb54442d18p-4"))  # mantissas of all bits in every dtype
FORMATS = (  # grid, dtype of x, dtype of scale
    *((grid, SINGLE, SINGLE) for grid in (INT8, UINT8, NARROW8, INT4, UINT4, NARROW4, INT2, UINT2, NARROW2, THREE,
                                          INT16, UINT16, NARROW16, WIDE17, INT32, UINT32)),
    *((grid, DOUBLE, DOUBLE) for grid in (INT8, UINT8, INT4, INT16, INT32, UINT32)),
    *((grid, HALF, HALF) for grid in (INT8, UINT8, INT4, INT16, INT32)),
    *((grid, HALF, SINGLE) for grid in (INT8, UINT8)),
    *((grid, SINGLE, DOUBLE) for grid in (INT8, UINT4, INT16)), (INT8, DOUBLE, SINGLE), (UINT8, SINGLE, HALF),
)


class Case(NamedTuple):
    """One test: what it shares with others, what goes in, what must come out (None: it is refused), and why."""

    group: dict[str, Any]
    given: dict[str, Any]
    expected: dict[str, Any] | None
    rule: str
    flags: list[str]
    comment: str


def hex_float(x: Any) -> str:
    """C99's hexadecimal notation, exact and as short as it goes; what strtod and Python's float.fromhex read.

    >>> hex_float(np.float32(0.1)), hex_float(-0.0), hex_float(np.inf), hex_float(5e-324)
    ('0x1.99999ap-4', '-0x0p+0', 'inf', '0x0.0000000000001p-1022')
    """
    mantissa, p, exponent = float(x).hex().partition("p")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + p + exponent


@quiet
def once(cases: Iterable[Case]) -> list[Case]:
    """Each case, unless the same input came before."""
    chosen: dict[str, Case] = {}
    for case in cases:
        chosen.setdefault(json.dumps([case.group, case.given]), case)
    return list(chosen.values())


def quantize_cases() -> Iterator[Case]:
    """q = clip(round(x / scale) + zero_point, qmin, qmax)."""
    for grid, x, scale, zero_point, comment in (*_decision_points(), *_telling(most=3), *_extremes()):
        q = int(affine.quantize(x, AffineParams(scale=scale, zero_point=zero_point, grid=grid)))
        flags = flags_of.of_quantize(x, scale, zero_point, grid)
        yield Case(_reals(grid, x, scale), _inputs(x, scale, zero_point), {"q": q}, flags_of.rule_of("quantize", flags),
                   flags, comment)
    yield from _refused_quantizations()


def fake_quantize_cases() -> Iterator[Case]:
    """x_hat = scale * (quantize(x) - zero_point), and the gradient that straight-through gives x."""
    chosen = [q for q in _decision_points() if q[0] in (INT8, UINT8, NARROW4, INT2, INT16, INT32)]
    for grid, x, scale, zero_point, comment in (*chosen, *_telling(most=3)[::2], *_extremes()):
        params = AffineParams(scale=scale, zero_point=zero_point, grid=grid)
        q, x_hat = int(affine.quantize(x, params)), _scalar(affine.fake_quantize(x, params))
        gradient = int(straight_through(np.asarray(x), scale, zero_point, grid)[1](np.ones((), x.dtype)))
        flags = flags_of.of_fake_quantize(x, scale, zero_point, grid, x_hat, gradient)
        yield Case({**_reals(grid, x, scale), "x_hat_dtype": x_hat.dtype.name}, _inputs(x, scale, zero_point),
                   {"q": q, "x_hat": hex_float(x_hat), "gradient": gradient},
                   flags_of.rule_of("fake_quantize", flags), flags, comment)
    for case in _refused_quantizations():
        widened = "float64" if case.group["grid"]["bits"] > 16 else case.group["dtype"]
        yield case._replace(group={**case.group, "x_hat_dtype": widened})


def dequantize_cases() -> Iterator[Case]:
    """x_hat = scale * (q - zero_point)."""
    formats = {(grid, scale_dtype): None for grid, _, scale_dtype in FORMATS}
    for grid, dtype in formats:
        largest, tiny = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
        for scale, zero_point in (*zip((1.0, *FULL[:3]), _zero_points(grid), strict=True),
                                  (float(largest) / 2, 0), (3 * float(tiny), _zero_points(grid)[1])):
            step, middle = dtype.type(scale), (grid.qmin + grid.qmax + 1) // 2
            for q in dict.fromkeys((grid.qmin, zero_point, middle - 1, middle + 1, grid.qmax)):
                params = AffineParams(scale=step, zero_point=zero_point, grid=grid)
                x_hat = _scalar(affine.dequantize(q, params))
                flags = flags_of.of_dequantize(q, step, zero_point, grid, x_hat)
                yield Case(_codes(grid, step), {"q": q, "scale": hex_float(step), "zero_point": zero_point},
                           {"x_hat": hex_float(x_hat)}, flags_of.rule_of("dequantize", flags), flags,
                           f"{q - zero_point} steps")
        for q, comment in ((grid.qmin - 1, "one below the lowest code"), (grid.qmax + 1, "one above the highest code")):
            yield Case(_codes(grid, dtype.type(1)), {"q": q, "scale": "0x1p+0", "zero_point": 0}, None, "R2",
                       ["refused"], comment)


def affine_params_cases() -> Iterator[Case]:
    """scale = (hi/2 - lo/2) / ((qmax - qmin)/2), zero_point = qmin + round(clip(-lo/scale, 0, qmax - qmin))."""
    for grid, dtype in _RANGES:
        for lo, hi, comment in (*_common_ranges(dtype), *_ranges_at_ties(grid, dtype)):
            params = ranges.affine_params(lo, hi, grid)
            scale, zero_point = _scalar(params.scale), int(params.zero_point)
            yield _range("affine_params", lo, hi, params, flags_of.of_affine(lo, hi, grid, scale, zero_point), comment)
        yield from _refused_ranges(grid, dtype)


def symmetric_params_cases() -> Iterator[Case]:
    """scale = max(|lo|, |hi|) / min(qmax - zero_point, zero_point - qmin), zero_point = 0 on a signed grid."""
    for grid, dtype in _RANGES:
        for lo, hi, comment in _common_ranges(dtype):
            params = ranges.symmetric_params(lo, hi, grid)
            scale, zero_point = _scalar(params.scale), int(params.zero_point)
            yield _range("symmetric_params", lo, hi, params, flags_of.of_symmetric(lo, hi, grid, scale, zero_point),
                         comment)
        yield from _refused_ranges(grid, dtype)


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
            flags = flags_of.of_matmul(a, b, k, acc, limit)
            yield Case({"a_dtype": a_dtype, "b_dtype": b_dtype}, {"m": m, "k": k, "n": n, "a": a, "b": b},
                       {"acc": acc, "acc_dtype": result.dtype.name}, flags_of.rule_of("integer_matmul", flags), flags,
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
                yield Case(group, given, None, "R14", ["refused"], "rounds to 2**30: its shift would be 31")
                continue
            mantissa, shift = (int(v) for v in integer.quantize_multiplier(m))
            flags = flags_of.of_multiplier(np.float64(m))
            yield Case(group, given, {"mantissa": mantissa, "shift": shift}, "R14", flags, f"about {float(m):.6g}")
        for bad, comment in ((0.0, "zero"), (-1.0, "negative"), (np.inf, "infinite"), (np.nan, "NaN")):
            yield Case({"dtype": dtype.name}, {"m": hex_float(bad)}, None, "R7" if comment == "NaN" else "R14",
                       ["nan" if comment == "NaN" else "refused"], comment)


def requantize_cases() -> Iterator[Case]:
    """q = clip(round(acc * mantissa * 2**(shift - 31)) + zero_point, qmin, qmax), one rounding of the exact product."""
    for grid in (INT8, UINT8, NARROW8, INT4, UINT4, INT2, INT16, UINT16, INT32, UINT32):
        for acc, mantissa, shift, zero_point, comment in _requantizations(grid):
            q = int(integer.requantize(acc, mantissa, shift, zero_point, grid))
            flags = flags_of.of_requantize(acc, mantissa, shift, zero_point, grid)
            yield Case({"grid": _grid(grid)}, _fixed(acc, mantissa, shift, zero_point), {"q": q}, "R14", flags, comment)
    for acc, mantissa, shift, zero_point, comment in (
            (1, 2**30 - 1, 0, 0, "mantissa below 2**30"), (1, 2**31, 0, 0, "mantissa of 2**31"),
            (1, 2**30, 31, 0, "shift above 30"), (2**31, 2**30, 0, 0, "beyond int32"),
            (-2**31 - 1, 2**30, 0, 0, "beyond int32"), (1, 2**30, 0, 128, "zero point off the grid")):
        yield Case({"grid": _grid(INT8)}, _fixed(acc, mantissa, shift, zero_point), None, "R14", ["refused"], comment)


_RANGES = (*((grid, SINGLE) for grid in (INT8, UINT8, NARROW8, INT4, UINT4, INT2, UINT2, NARROW2, INT16, UINT16)),
           (INT32, SINGLE),
           *((grid, DOUBLE) for grid in (INT8, UINT8, INT16, INT32)), (INT8, HALF), (UINT8, HALF), (INT32, HALF))


def _grid(grid: IntGrid) -> dict[str, Any]:
    return {"bits": grid.bits, "signed": grid.signed, "narrow": grid.narrow, "qmin": grid.qmin, "qmax": grid.qmax}


def _reals(grid: IntGrid, x: Scalar, scale: Scalar) -> dict[str, Any]:
    return {"grid": _grid(grid), "dtype": x.dtype.name, "scale_dtype": scale.dtype.name,
            "arithmetic": grid.arithmetic(x.dtype).name}


def _codes(grid: IntGrid, scale: Scalar) -> dict[str, Any]:
    kept = "float64" if grid.bits > 16 else scale.dtype.name
    return {"grid": _grid(grid), "scale_dtype": scale.dtype.name, "x_hat_dtype": kept,
            "arithmetic": grid.arithmetic(scale.dtype).name}


def _inputs(x: Scalar, scale: Scalar, zero_point: int) -> dict[str, Any]:
    return {"x": hex_float(x), "scale": hex_float(scale), "zero_point": zero_point}


def _fixed(acc: int, mantissa: int, shift: int, zero_point: int) -> dict[str, Any]:
    return {"acc": acc, "mantissa": mantissa, "shift": shift, "zero_point": zero_point}


def _repeated(codes: list[int], dtype: str, rows: int, columns: int) -> Codes:
    """A matrix of the codes, row by row, from the start again as often as needed."""
    return np.array(codes, dtype)[np.arange(rows * columns) % max(len(codes), 1)].reshape(rows, columns)


def _scalar(x: Reals) -> Any:
    """The number in an array of one, in its dtype."""
    return x[()]


def _zero_points(grid: IntGrid) -> tuple[int, int, int, int]:
    """The middle, an odd one, and the ends."""
    middle = (grid.qmin + grid.qmax + 1) // 2
    return middle, middle + 1 if middle % 2 == 0 else middle, grid.qmin, grid.qmax


def _half_way(grid: IntGrid, code: int, scale: Scalar, zero_point: int, dtype: Float) -> Iterator[Quantization]:
    """The float nearest to the tie between `code` and the next, and one ulp to either side."""
    x = dtype.type(float(Fraction(2 * (code - zero_point) + 1, 2) * Fraction(float(scale))))
    for end, says in ((0, ""), (-np.inf, ", one ulp less"), (np.inf, ", one ulp more")):
        beside = np.nextafter(x, dtype.type(end)) if end else x
        if np.isfinite(beside):
            yield grid, beside, scale, zero_point, f"half-way between {code} and {code + 1}{says}"


def _decision_points() -> Iterator[Quantization]:
    """Ties at the ends and in the middle, values beyond, for every format; more of them for 8 bits in float32."""
    for grid, dtype, scale_dtype in FORMATS:
        middle, odd, qmin, qmax = _zero_points(grid)
        usual = dtype == scale_dtype == SINGLE and grid in (INT8, UINT8)
        pairs = ((1.0, odd), (0.1, middle), (2.0**-7, qmin), (FULL[3], qmax))[:4 if usual else 2]
        for scale, zero_point in ((scale_dtype.type(s), z) for s, z in pairs):
            inner = (qmin, zero_point - 1, zero_point + 1, qmax - 1) if usual else ()
            for code in dict.fromkeys((qmin - 1, zero_point, qmax, *inner)):
                yield from _half_way(grid, code, scale, zero_point, dtype)
        largest = float(np.finfo(dtype).max)
        for x, comment in ((np.inf, "infinite"), (-np.inf, "infinite"), (largest, "the largest float"), (0.0, "zero"),
                           (float(qmax - odd), "the highest code"), (float(qmin - odd), "the lowest code")):
            if abs(x) <= largest or np.isinf(x):
                yield grid, dtype.type(x), scale_dtype.type(1), odd, comment


@cache
@quiet
def _telling(most: int) -> list[Quantization]:
    """Of the ties of a grid and one ulp beside them, those which arithmetic other than R3's gets wrong."""
    told: list[Quantization] = []
    for grid, dtype, scale_dtype in FORMATS:
        if grid not in (INT8, UINT8) and dtype == scale_dtype:
            continue
        flags = ["reciprocal", "wide_division"] + ["scale_cast"] * (scale_dtype > dtype) + ["float16"] * (dtype == HALF)
        for scale in map(scale_dtype.type, FULL):
            left, low = dict.fromkeys(flags, most), max(grid.qmin, -128)
            for code in (low + 37 * i % 128 for i in range(40)):
                for case in _half_way(grid, min(code, grid.qmax), scale, _zero_points(grid)[1], dtype):
                    found = [flag for flag in flags_of.of_quantize(*case[1:4], grid) if left.get(flag)]
                    left.update((flag, left[flag] - 1) for flag in found)
                    told += [case] * bool(found)
                if not any(left.values()):
                    break
    return told


def _extremes() -> Iterator[Quantization]:
    """Zeros, subnormals, the largest numbers, and quotients that overflow or vanish."""
    for grid, dtype in ((INT8, SINGLE), (UINT8, SINGLE), (INT8, DOUBLE), (INT8, HALF), (INT32, SINGLE),
                        (INT32, DOUBLE)):
        info = np.finfo(dtype)
        big, tiny, least = float(info.max), float(info.tiny), float(info.smallest_subnormal)
        for x, scale, comment in (
                (-0.0, 1.0, "negative zero"), (-big, 1.0, "the lowest float"), (3e9, 1.0, "beyond int32"),
                (-3e9, 1.0, "beyond int32"), (1e20, 1.0, "beyond int64"), (-1e20, 1.0, "beyond int64"),
                (tiny, 1.0, "the smallest normal number"), (least, 1.0, "the smallest number"),
                (-least, 1.0, "the smallest number"), (tiny, tiny, "one smallest normal step"),
                (3 * least, 2 * least, "one and a half subnormal steps"), (5 * least, 2 * least, "two and a half"),
                (least, 2 * least, "half a subnormal step"), (-7 * least, 2 * least, "minus three and a half"),
                (tiny, 1024.0, "a subnormal quotient"), (big, tiny, "an overflowing quotient"),
                (-big, tiny, "an overflowing quotient"), (1.0, least, "divided by the smallest number"),
                (big, big / 4, "four large steps"), (big, big, "one largest step"), (-big, big / 2, "minus two steps"),
                (big * 0.75, big / 2, "one and a half large steps"), (0.5, 1.0, "half"), (1.5, 1.0, "one and a half"),
                (2.5, 1.0, "two and a half"), (-0.5, 1.0, "minus a half"), (-2.5, 1.0, "minus two and a half")):
            if abs(x) <= big:
                for zero_point in (_zero_points(grid)[0], *[1] * ((grid, dtype) == (INT8, SINGLE))):
                    yield grid, dtype.type(x), dtype.type(scale), zero_point, comment


def _refused_quantizations() -> Iterator[Case]:
    for dtype in (SINGLE, DOUBLE, HALF):
        nan, one = dtype.type(np.nan), dtype.type(1)
        yield Case(_reals(INT8, nan, one), _inputs(nan, one, 0), None, "R7", ["nan"], "NaN has no code")
    x = SINGLE.type(1)
    for scale, zero_point, rule, comment in (
            (DOUBLE.type(1e-50), 0, "R3", "a scale that float32 rounds to 0"),
            (DOUBLE.type(1e50), 0, "R3", "a scale that float32 rounds to infinity"),
            (SINGLE.type(0), 0, "R11", "a scale of 0"), (SINGLE.type(-1), 0, "R11", "a negative scale"),
            (SINGLE.type(np.inf), 0, "R11", "an infinite scale"), (SINGLE.type(np.nan), 0, "R7", "a scale of NaN"),
            (SINGLE.type(1), 128, "R2", "a zero point off the grid"),
            (SINGLE.type(1), -129, "R2", "a zero point off the grid")):
        yield Case(_reals(INT8, x, scale), _inputs(x, scale, zero_point), None, rule,
                   ["nan" if np.isnan(scale) else "refused"], comment)


def _range(algorithm: str, lo: Scalar, hi: Scalar, params: AffineParams, flags: list[str], comment: str) -> Case:
    group = {"grid": _grid(params.grid), "dtype": lo.dtype.name, "scale_dtype": params.scale.dtype.name}
    return Case(group, {"lo": hex_float(lo), "hi": hex_float(hi)},
                {"scale": hex_float(params.scale), "zero_point": int(params.zero_point)},
                flags_of.rule_of(algorithm, flags), flags, comment)


def _common_ranges(dtype: Float) -> Iterator[tuple[Scalar, Scalar, str]]:
    """Ordinary ranges, those on one side of 0, and those that degenerate."""
    info = np.finfo(dtype)
    big, tiny, least = float(info.max), float(info.tiny), float(info.smallest_subnormal)
    for lo, hi, comment in (
            (-1.0, 1.0, "symmetric"), (0.0, 1.0, "from 0"), (-1.0, 0.0, "to 0"), (-1.0, 2.0, "ordinary"),
            (-0.1, 0.2, "ordinary"), (-1 / 3, 2 / 3, "ordinary"), (-FULL[3], FULL[2], "ordinary"),
            (-1.27, 0.3, "ordinary"), (-1e-4, 1.0, "almost from 0"), (-1.0, 1e-4, "almost to 0"),
            (0.5, 2.0, "above 0"), (-3.0, -1.0, "below 0"), (2.5, 2.5, "one point above 0"),
            (-2.5, -2.5, "one point below 0"), (0.0, 0.0, "all zero"), (-0.0, -0.0, "all zero"),
            (0.0, least, "the smallest number"), (-least, 0.0, "the smallest number"),
            (-3 * least, 5 * least, "subnormal"), (least, least, "one subnormal point"), (0.0, tiny, "smallest normal"),
            (-tiny, tiny, "smallest normal"), (-tiny, 200 * tiny, "barely normal"), (0.0, 255 * tiny, "barely normal"),
            (0.0, big, "to the largest float"), (-big, 0.0, "from the lowest float"), (-big, big, "the widest range"),
            (-big / 2, big, "wider than the largest float"), (-big, big / 3, "wider than the largest float"),
            (big, big, "one point, the largest"), (-big, -big, "one point, the lowest")):
        yield dtype.type(lo), dtype.type(hi), comment


def _ranges_at_ties(grid: IntGrid, dtype: Float) -> Iterator[tuple[Scalar, Scalar, str]]:
    """Ranges whose zero point is a tie, and lo one ulp to either side."""
    width = grid.qmax - grid.qmin
    for scale in (1.0, 2.0**-7):
        for below in dict.fromkeys((0, 1, min(width, 200) // 2, min(width, 200) - 1)):
            if (width - below) * scale < np.finfo(dtype).max:
                lo, hi = dtype.type(-(below + 0.5) * scale), dtype.type((width - below - 0.5) * scale)
                yield lo, hi, f"-lo / scale = {below} and a half"
                yield np.nextafter(lo, dtype.type(-np.inf)), hi, f"-lo / scale = {below} and a half, lo one ulp less"
                yield np.nextafter(lo, dtype.type(0)), hi, f"-lo / scale = {below} and a half, lo one ulp more"


def _refused_ranges(grid: IntGrid, dtype: Float) -> Iterator[Case]:
    group = {"grid": _grid(grid), "dtype": dtype.name, "scale_dtype": grid.arithmetic(dtype).name}
    for lo, hi, comment in ((1.0, -1.0, "lo above hi"), (-np.inf, 1.0, "infinite"), (0.0, np.inf, "infinite"),
                            (np.nan, 1.0, "NaN"), (0.0, np.nan, "NaN")):
        refused = "nan" if comment == "NaN" else "refused"
        yield Case(group, {"lo": hex_float(lo), "hi": hex_float(hi)}, None, "R7" if refused == "nan" else "R11",
                   [refused], comment)


def _requantizations(grid: IntGrid) -> Iterator[tuple[int, int, int, int, str]]:
    """Ties of short multipliers and one beside, cases of double rounding, ends of int32, extreme shifts."""
    middle, odd, qmin, _ = _zero_points(grid)
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
