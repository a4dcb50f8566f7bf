"""Each formula with one thing wrong. A kit that does not notice is worthless: every mutant must break a law that cites
its rule."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

import refquant as rq
from refquant.arguments import quiet
from refquant.clipping.rule import parse

from .laws import Law


class Mutant(NamedTuple):
    """What is wrong, the rule it breaks, and the functions that stand in for the right ones."""

    name: str
    rule: str
    wrong: dict[str, Callable[..., Any]]

    def subject(self) -> SimpleNamespace:
        """refquant with the wrong functions in it."""
        return SimpleNamespace(**{**vars(rq), **self.wrong})

    def laws(self, laws: Iterable[Law]) -> list[Law]:
        """Those that cite the rule; first those that call a wrong function by name."""
        cite = [law for law in laws if self.rule in law.rules]
        return sorted(cite, key=lambda law: not set(self.wrong) & set(law.check.__code__.co_names))


# ---------------------------------------------------------------------------------------------- variants of the formula

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
    """quantize with one named part exchanged."""
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
    return quantize


def _cast_first(q: Any, grid: Any) -> Any:
    return np.clip(np.asarray(q).astype(np.int32), grid.qmin, grid.qmax)


def _noisy(x: Any, params: Any) -> Any:
    return np.clip(np.rint(np.divide(x, params.scale, dtype=params.grid.arithmetic(np.asarray(x).dtype)))
                   + params.zero_point, params.grid.qmin, params.grid.qmax).astype(params.grid.dtype)


@quiet
def _in_scales_dtype(x: Any, params: Any) -> Any:
    return rq.dequantize(rq.quantize(x, params), params)


@quiet
def _fake(offset: float = 0.0, rounding: Any = np.rint) -> Callable[..., Any]:
    codes = _quantize(rounding)

    @quiet
    def fake_quantize(x: Any, params: Any) -> Any:
        right = rq.fake_quantize(x, params)
        scale, zero_point = _params(params, right.dtype)
        return np.asarray((codes(x, params) - zero_point + offset) * scale).astype(right.dtype)
    return fake_quantize


@quiet
def _dequantize(value: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    def dequantize(q: Any, params: Any) -> Any:
        rq.dequantize(q, params)
        with np.errstate(all="ignore"):
            return np.asarray(value(np.asarray(q), params.zero_point, params.scale)).astype(params.scale.dtype)
    return dequantize


@quiet
def _off_the_grid(q: Any, params: Any) -> Any:
    q = np.asarray(q)
    return np.asarray((q.astype(np.int64) - params.zero_point) * params.scale).astype(params.scale.dtype)


def _to_float64(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: f(*args).astype(np.float64)


def _accepting(f: Callable[..., Any], mend: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda x, *args, **options: f(mend(x), *args, **options)


def _integers_to_floats(x: Any) -> Any:
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def _nan_unplaced(x: Any, params: Any) -> Any:
    if np.isnan(np.asarray(x, np.float64)).any():
        raise ValueError("NaN (R7)")
    return rq.quantize(x, params)


def _enlarging(x: Any, params: Any) -> Any:
    x = np.asarray(x)
    return rq.quantize(np.broadcast_to(x, np.broadcast_shapes(x.shape, params.scale.shape)), params)


def _wrong_axis(x: Any, params: Any) -> Any:
    turned = params.scale.T if params.scale.ndim > 1 and params.scale.T.shape == params.scale.shape else (
        np.flip(params.scale))
    return rq.quantize(x, rq.AffineParams(scale=turned, zero_point=params.zero_point, grid=params.grid))


# ---------------------------------------------------------------------------------------------- variants of ranges

def _fit(right: Callable[..., Any], change: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    """Parameters from change(lo, hi, grid, right scale, right zero point)."""
    @quiet
    def fit(lo: Any, hi: Any, grid: Any) -> Any:
        params = right(lo, hi, grid)
        lo, hi = np.asarray(lo).astype(params.scale.dtype), np.asarray(hi).astype(params.scale.dtype)
        scale, zero_point = change(lo, hi, grid, params.scale, params.zero_point.astype(np.int64))
        return rq.AffineParams(scale=scale, zero_point=np.asarray(zero_point).astype(np.int64), grid=grid)
    return fit


def _affine(change: Callable[..., tuple[Any, Any]]) -> dict[str, Callable[..., Any]]:
    return {"affine_params": _fit(rq.affine_params, change)}


def _symmetric(change: Callable[..., tuple[Any, Any]]) -> dict[str, Callable[..., Any]]:
    return {"symmetric_params": _fit(rq.symmetric_params, change)}


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


def _any_order(lo: Any, hi: Any, grid: Any) -> Any:
    return rq.affine_params(np.minimum(lo, hi), np.maximum(lo, hi), grid)


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


def _last_axis_blocks(x: Any, block_size: int, axis: int = -1) -> Any:
    return rq.split_blocks(x, min(block_size, x.shape[-1]), -1)


def _padded_in_front(x: Any, block_size: int, axis: int = -1) -> Any:
    return np.flip(rq.split_blocks(np.flip(x, axis), block_size, axis), (axis % x.ndim, axis % x.ndim + 1))


# ---------------------------------------------------------------------------------------------- variants of the rest

class _HighestDropped(rq.IntGrid):
    @property
    def qmin(self) -> int:
        return -(2 ** (self.bits - 1)) if self.signed else 0

    @property
    def qmax(self) -> int:
        return int(2 ** (self.bits - self.signed) - 1 - self.narrow)


class _OneTooMany(rq.IntGrid):
    @property
    def qmax(self) -> int:
        return int(2 ** (self.bits - self.signed))


def _any_bits(bits: int, signed: bool = True, narrow: bool = False) -> Any:
    return rq.IntGrid(min(max(bits, 2), 32), signed=signed, narrow=narrow)


def _unsigned_narrow(bits: int, signed: bool = True, narrow: bool = False) -> Any:
    return rq.IntGrid(bits, signed=signed, narrow=narrow and signed)


def _matmul(dtype: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def integer_matmul(a: Any, b: Any) -> Any:
        wide = dtype(a, b)
        return np.matmul(a.astype(wide), b.astype(wide)).astype(np.int64 if wide == np.int64 else np.int32)
    return integer_matmul


def _by_value(a: Any, b: Any) -> Any:
    exact = rq.integer_matmul(a, b)
    return np.int32 if np.abs(exact).max(initial=0) < 2**31 else np.int64


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


def _float32_matmul(a: Any, b: Any) -> Any:
    return np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(rq.integer_matmul(a, b).dtype)


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


def _x_itself(x: Any, scale: Any, zero_point: Any, grid: Any) -> Any:
    return x, rq.straight_through(x, scale, zero_point, grid)[1]


def _unrounded(v: Any, zero_point: Any, grid: Any) -> Any:
    return (v >= grid.qmin - zero_point) & (v <= grid.qmax - zero_point)


def _exclusive(v: Any, zero_point: Any, grid: Any) -> Any:
    return (np.rint(v) + zero_point > grid.qmin) & (np.rint(v) + zero_point < grid.qmax)


def _everywhere(v: Any, zero_point: Any, grid: Any) -> Any:
    return np.ones(v.shape, bool)


def _reciprocal(x: Any, scale: Any) -> Any:
    return x * (x.dtype.type(1) / scale)


MUTANTS: list[Mutant] = [
    Mutant("narrow drops the highest code", "R1", {"IntGrid": _HighestDropped}),
    Mutant("one code too many", "R1", {"IntGrid": _OneTooMany}),
    Mutant("any number of bits", "R1", {"IntGrid": _any_bits}),
    Mutant("unsigned and narrow accepted", "R1", {"IntGrid": _unsigned_narrow}),

    Mutant("zero point added in dequantize", "R2", {"dequantize": _dequantize(lambda q, z, s: (q + 1.0 * z) * s)}),
    Mutant("zero point forgotten", "R2", {"dequantize": _dequantize(lambda q, z, s: q * s)}),
    Mutant("code - zero_point wraps", "R2", {"dequantize": _dequantize(lambda q, z, s: (
        q.astype(z.dtype) - z).astype(np.int8) * s)}),
    Mutant("codes off the grid accepted", "R2", {"dequantize": _off_the_grid}),
    Mutant("dequantize returns float64", "R2", {"dequantize": _to_float64(rq.dequantize)}),
    Mutant("fake_quantize returns float64", "R2", {"fake_quantize": _to_float64(rq.fake_quantize)}),
    Mutant("fake_quantize returns the scale's dtype", "R2", {"fake_quantize": _in_scales_dtype}),

    Mutant("multiplied by the reciprocal", "R3", {"quantize": _quantize(divide=_reciprocal)}),
    Mutant("divided in float64", "R3", {"quantize": _quantize(widen=lambda dtype: np.float64)}),
    Mutant("float16 divided in float16", "R3", {"quantize": _quantize(widen=lambda dtype: dtype)}),
    Mutant("32 bits in float32", "R3", {"quantize": _quantize(widen=lambda dtype: np.result_type(dtype, np.float32))}),

    Mutant("ties away from zero", "R4", {"quantize": _quantize(half_away)}),
    Mutant("ties up", "R4", {"quantize": _quantize(half_up)}),
    Mutant("ties down", "R4", {"quantize": _quantize(lambda v: -half_up(-v))}),
    Mutant("truncated", "R4", {"quantize": _quantize(np.trunc)}),
    Mutant("floored", "R4", {"quantize": _quantize(np.floor)}),

    Mutant("zero point before rounding", "R5", {"quantize": _quantize(before=True)}),

    Mutant("cast before clip", "R6", {"quantize": _quantize(saturate=_cast_first)}),
    Mutant("no clip: codes wrap", "R6", {"quantize": _quantize(saturate=lambda q, grid: np.where(
        np.isfinite(q), q, 0).astype(np.int64))}),
    Mutant("infinity becomes 0", "R6", {"quantize": _quantize(saturate=lambda q, grid: np.clip(
        np.where(np.isfinite(q), q, 0), grid.qmin, grid.qmax))}),
    Mutant("clipped one short", "R6", {"quantize": _quantize(saturate=lambda q, grid: np.clip(
        q, grid.qmin + 1, grid.qmax))}),
    Mutant("an overflowing quotient warns", "R6", {"quantize": _noisy}),

    Mutant("NaN taken for 0", "R7", {name: _accepting(getattr(rq, name), np.nan_to_num) for name in (
        "quantize", "fake_quantize", "minmax", "dynamic_params")}),
    Mutant("NaN refused without its place", "R7", {"quantize": _nan_unplaced}),
    Mutant("integers taken for reals", "R7", {"quantize": _accepting(rq.quantize, _integers_to_floats)}),

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
    Mutant("unsigned zero point one low", "R10", _symmetric(lambda lo, hi, grid, s, z: (s, z - (not grid.signed)))),
    Mutant("only hi looked at", "R10", {"symmetric_params": lambda lo, hi, grid: rq.symmetric_params(
        np.minimum(hi, 0), np.maximum(hi, 0), grid)}),

    Mutant("width overflows", "R11", _affine(_unhalved)),
    Mutant("scale at least 1e-7", "R11", _affine(lambda lo, hi, grid, s, z: (np.maximum(s, s.dtype.type(1e-7)), z))),
    Mutant("an all-zero range has the smallest scale", "R11", _affine(lambda lo, hi, grid, s, z: (np.where(
        (lo == 0) & (hi == 0), np.finfo(s.dtype).tiny, s), z))),
    Mutant("lo > hi accepted", "R11", {"affine_params": _any_order}),
    Mutant("infinite ends made finite", "R11", {"affine_params": lambda lo, hi, grid: rq.affine_params(
        np.nan_to_num(lo), np.nan_to_num(hi), grid)}),

    Mutant("scale taken from the wrong axis", "R12", {"quantize": _wrong_axis}),
    Mutant("data enlarged to the parameters", "R12", {"quantize": _enlarging}),
    Mutant("one range for all channels", "R12", {"minmax": _minmax_of_all, "dynamic_params": _dynamic_per_tensor}),
    Mutant("axis keeps instead of reducing", "R12", {"dynamic_params": _axis_kept}),

    Mutant("blocks take every n-th value", "R12", {"split_blocks": _strided_blocks}),
    Mutant("blocks are cut along the last axis", "R12", {"split_blocks": _last_axis_blocks}),
    Mutant("the padding stays", "R12", {"join_blocks": lambda blocks, axis=-1, length=None: rq.join_blocks(
        blocks, axis)}),
    Mutant("blocks start with the padding", "R12", {"split_blocks": _padded_in_front}),

    Mutant("int32 always", "R13", {"integer_matmul": _matmul(lambda a, b: np.int32)}),
    Mutant("int64 always", "R13", {"integer_matmul": _matmul(lambda a, b: np.int64)}),
    Mutant("accumulated in int16", "R13", {"integer_matmul": _matmul(lambda a, b: np.int16)}),
    Mutant("dtype chosen by value", "R13", {"integer_matmul": _matmul(_by_value)}),
    Mutant("float32 sums", "R13", {"integer_matmul": _float32_matmul}),
    Mutant("float32 sums of pieces twice too long", "R13", {"integer_matmul": _in_pieces(2048)}),
    Mutant("unsigned codes in pieces for signed ones", "R13", {"integer_matmul": _in_pieces(1024)}),

    Mutant("rounded twice", "R14", {"requantize": _twice}),
    Mutant("product's ties up", "R14", {"requantize": _scaled(half_up)}),
    Mutant("product truncated", "R14", {"requantize": _scaled(np.trunc)}),
    Mutant("product in float32", "R14", {"requantize": _scaled(np.rint, np.float32)}),
    Mutant("multiplier of 30 bits", "R14", {"quantize_multiplier": _thirty_bits}),
    Mutant("multiplier truncated", "R14", {"quantize_multiplier": _truncated}),

    Mutant("mask on the unrounded value", "R15", {"straight_through": _through(_unrounded)}),
    Mutant("mask exclusive of the ends", "R15", {"straight_through": _through(_exclusive)}),
    Mutant("gradient everywhere", "R15", {"straight_through": _through(_everywhere)}),
    Mutant("gradient nowhere", "R15", {"straight_through": _through(lambda v, z, grid: False)}),
    Mutant("gradient doubled", "R15", {"straight_through": _through(
        lambda v, z, grid: (np.rint(v) + z >= grid.qmin) & (np.rint(v) + z <= grid.qmax), 2.0)}),
    Mutant("x passed for x_hat", "R15", {"straight_through": _x_itself}),

    Mutant("LSQ masks by the rounded code", "R15", {"lsq": _lsq(
        lambda v, l, h: (np.rint(v) >= l) & (np.rint(v) <= h))}),
    Mutant("a learned step's gradient is the code", "R15", {"lsq": _lsq(slope=lambda v, code: code)}),
    Mutant("a learned step's gradient has the wrong sign", "R15", {"lsq": _lsq(slope=lambda v, code: v - code)}),
    Mutant("a learned step's gradient is averaged", "R15", {"lsq": _lsq(total=np.mean)}),

    Mutant("value of a floored code", "R16", {"fake_quantize": _fake(rounding=np.floor)}),
    Mutant("half a step off", "R16", {"fake_quantize": _fake(offset=0.5)}),
]
