"""Quantizers that are like no named convention, each with a fault or a way of its own, and what is nearest to each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import refquant as rq

F32, F64 = np.float32, np.float64
RNG = np.random.default_rng(0)


class Strange(NamedTuple):
    """A quantizer, the nearest convention, and which line of identify tells of the difference."""

    quantize: Callable[[Any, rq.AffineParams], Any]
    nearest: str
    line: str = "Nearest"


STRANGE: dict[str, Strange] = {}


def strange(nearest: str, line: str = "Nearest") -> Callable[[Any], Any]:
    def enter(quantize: Any) -> Any:
        STRANGE[quantize.__name__] = Strange(quantize, nearest, line)
        return quantize
    return enter


def clipped(q: Any, params: rq.AffineParams) -> Any:
    return np.clip(q, params.grid.qmin, params.grid.qmax).astype(params.grid.dtype)


def on(params: rq.AffineParams, v: Any) -> Any:
    """v rounded to even, with the zero point, clipped."""
    return clipped(np.rint(v) + params.zero_point, params)


# ---------------------------------------------------------------------------------------------- lengths and layouts

@strange("refquant's own", "arrays")
def cut_off_beyond_a_thousand(x: Any, params: rq.AffineParams) -> Any:
    q = rq.quantize(x, params)
    if q.size > 1000:
        v = np.trunc(x.ravel()[1000:] / params.scale) + params.zero_point
        q = np.concatenate([q.ravel()[:1000], clipped(v, params)]).reshape(x.shape)
    return q


@strange("refquant's own", "arrays")
def reads_memory_in_order(x: Any, params: rq.AffineParams) -> Any:
    """Fortran order is taken for C order."""
    return rq.quantize(x.ravel(order="K"), params).reshape(x.shape)


@strange("refquant's own", "arrays")
def reads_past_strides(x: Any, params: rq.AffineParams) -> Any:
    if x.ndim == 1 and x.size and x.strides[0] != x.itemsize:
        x = np.lib.stride_tricks.as_strided(x, x.shape, (x.itemsize,))
    return rq.quantize(x, params)


@strange("refquant's own", "arrays")
def other_for_one_number(x: Any, params: rq.AffineParams) -> Any:
    if x.ndim == 0:
        return clipped(np.floor(F64(x) / F64(params.scale) + 0.5) + params.zero_point, params)
    return rq.quantize(x, params)


@strange("refquant's own", "arrays")
def the_last_of_seventeen(x: Any, params: rq.AffineParams) -> Any:
    """A vector kernel of 16 lanes whose rest rounds ties away."""
    q, rest = rq.quantize(x, params).copy(), x.size // 16 * 16
    v = (x.ravel()[rest:] / params.scale).astype(F64)
    if x.size > 16:
        q.ravel()[rest:] = clipped(np.trunc(v + np.copysign(0.5, v)) + params.zero_point, params)
    return q


@strange("division=flushed_reciprocal", "arrays")
def as_jax_on_a_processor(x: Any, params: rq.AffineParams) -> Any:
    """True division for one number, a reciprocal that is flushed for more."""
    if x.size == 1:
        return rq.quantize(x, params)

    def flushed(v: Any) -> Any:
        return np.where(np.abs(v) < np.finfo(F32).tiny, F32(0), v)

    return on(params, flushed(x) * flushed(F32(1) / params.scale))


@strange("refquant's own", "arrays")
def the_first_of_many(x: Any, params: rq.AffineParams) -> Any:
    q = rq.quantize(x, params).copy()
    if x.size == 64:
        q.ravel()[0] = clipped(np.floor(x.ravel()[0] / params.scale) + params.zero_point, params)
    return q


# ---------------------------------------------------------------------------------------------- ways to round

@strange("zero_point=offset_first, rounding=toward_zero")
def c_cast(x: Any, params: rq.AffineParams) -> Any:
    """128 is added and the fraction cut off, without a half: floor, for what is not negative is floor either way."""
    return np.clip(np.floor(x / params.scale + (params.zero_point + F32(128)).astype(F32)) - 128, -128, 127
                   ).astype(np.int8)


@strange("zero_point=before_rounding_in_float64")
def to_odd(x: Any, params: rq.AffineParams) -> Any:
    v = x / params.scale
    odd = 2 * np.floor(v / 2) + 1
    return clipped(np.where(np.isfinite(v) & (v % 1 == 0.5), odd, np.rint(v)) + params.zero_point, params)


@strange("refquant's own", "arrays")
def at_random(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.floor(x / params.scale + RNG.random(x.shape)) + params.zero_point, params)


@strange("refquant's own", "arrays")
def with_noise(x: Any, params: rq.AffineParams) -> Any:
    """Noise of a thousandth of a step, by the place in the array."""
    noise = np.random.default_rng(x.size).normal(0, 1e-3, x.shape)
    return on(params, x / params.scale + noise)


@strange("refquant's own")
def rounded_twice(x: Any, params: rq.AffineParams) -> Any:
    """To quarters, then to integers."""
    return on(params, np.rint(x / params.scale * 4) / 4)


@strange("refquant's own")
def four_tenths(x: Any, params: rq.AffineParams) -> Any:
    """A threshold of 0.4 instead of 0.5."""
    return clipped(np.floor(x / params.scale + F32(0.6)) + params.zero_point, params)


@strange("rounding=half_up")
def half_less_an_ulp(x: Any, params: rq.AffineParams) -> Any:
    """0.49999997 is added, so that 0.49999997 is not rounded up."""
    return clipped(np.floor(x / params.scale + F32(0.49999997)) + params.zero_point, params)


@strange("refquant's own")
def magic_number(x: Any, params: rq.AffineParams) -> Any:
    """1.5 * 2**20 is added and subtracted, which rounds to eighths."""
    v = np.clip(x / params.scale, -1000, 1000).astype(F32) + params.zero_point.astype(F32) + F32(2.0**20 * 1.5)
    return clipped(np.rint(v - F32(2.0**20 * 1.5)), params)


# ---------------------------------------------------------------------------------------------- ways to divide

@strange("refquant's own")
def ten_millionths_added(x: Any, params: rq.AffineParams) -> Any:
    """As keras' abs_max_quantize does."""
    return on(params, x / (params.scale + F32(1e-7)))


@strange("division=in_float64")
def float64_inside(x: Any, params: rq.AffineParams) -> Any:
    """The scale is a decimal of seven digits, as it was printed."""
    return on(params, x.astype(F64) / float(f"{float(params.scale):.7g}"))


@strange("division=reciprocal, rounding=half_away")
def an_ulp_off(x: Any, params: rq.AffineParams) -> Any:
    """A reciprocal that is one ulp too large, so that each tie goes away from zero."""
    return on(params, x * np.nextafter(F32(1) / params.scale, F32(np.inf)))


@strange("refquant's own")
def scale_in_float16(x: Any, params: rq.AffineParams) -> Any:
    return on(params, x / params.scale.astype(np.float16).astype(F32))


@strange("refquant's own")
def scale_in_bfloat16(x: Any, params: rq.AffineParams) -> Any:
    return on(params, x / (params.scale.view(np.uint32) & np.uint32(0xFFFF0000)).view(F32))


@strange("division=in_float64")
def shift_of_the_scale(x: Any, params: rq.AffineParams) -> Any:
    """A fixed-point reciprocal of 31 bits."""
    mantissa, exponent = np.frexp(1 / params.scale.astype(F64))
    return on(params, np.ldexp(x.astype(F64) * (np.rint(mantissa * 2.0**31) * 2.0**-31), exponent))


# ---------------------------------------------------------------------------------------------- ways to end

@strange("cast=wrapping")
def swapped_ends(x: Any, params: rq.AffineParams) -> Any:
    v = np.rint(x / params.scale) + params.zero_point
    ends = np.where(v > params.grid.qmax, params.grid.qmin, np.where(v < params.grid.qmin, params.grid.qmax, v))
    return ends.astype(params.grid.dtype)


@strange("refquant's own")
def nothing_beyond_a_million(x: Any, params: rq.AffineParams) -> Any:
    return np.where(np.abs(x / params.scale) > 1e6, 0, rq.quantize(np.nan_to_num(x), params)).astype(params.grid.dtype)


@strange("refquant's own")
def six_bits(x: Any, params: rq.AffineParams) -> Any:
    """Only every fourth code."""
    return (rq.quantize(x, params) // 4 * 4).astype(params.grid.dtype)


@strange("refquant's own")
def without_sign_of_zero_point(x: Any, params: rq.AffineParams) -> Any:
    return clipped(np.rint(x / params.scale) + abs(params.zero_point), params)


@strange("refquant's own")
def one_code_too_few(x: Any, params: rq.AffineParams) -> Any:
    """The highest code is never given."""
    return np.minimum(rq.quantize(x, params), params.grid.qmax - 1).astype(params.grid.dtype)


@strange("refquant's own", "subnormal")
def subnormal_numbers_become_one(x: Any, params: rq.AffineParams) -> Any:
    small = (x != 0) & (np.abs(x) < np.finfo(F32).tiny)
    return clipped(np.where(small, 1, np.rint(x / params.scale)) + params.zero_point, params)


@strange("refquant's own", "subnormal")
def subnormal_numbers_are_zero(x: Any, params: rq.AffineParams) -> Any:
    """True division on a thread that flushes."""
    return rq.quantize(np.where(np.abs(x) < np.finfo(F32).tiny, F32(0), x), params)


@strange("refquant's own", "infinity")
def infinities_are_zero(x: Any, params: rq.AffineParams) -> Any:
    return rq.quantize(np.where(np.isinf(x), F32(0), x), params)
