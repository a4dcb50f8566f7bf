"""On what engines differ for floats and blocks, and sums that saturate, with the inputs that show it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ... import arguments
from ...affine import AffineParams, fake_quantize, quantize
from ...engines import mx, onnxruntime, tensorflow
from ...engines.exact import show
from ...grids import E2M1, E4M3, E4M3FNUZ, E5M2, E8M0, UINT8
from ...integer import integer_matmul
from .cases import Case, Outcome, Point, ask
from .encoders import ask_block

f32 = np.float32
array = partial(np.array, dtype=f32)
BELOW = np.nextafter(f32(32), f32(0))


def points(grid: Any, *given: Any) -> list[Case]:
    """A case for each x, with scale 1."""
    return [ask(Point(x, type(x)(1), 0, grid)) for x in given]


def ask_ties() -> list[Case]:
    """Ties of E2M1, up and down from the even code."""
    return points(E2M1, f32(0.75), f32(2.5), f32(-5))


def ask_overflow() -> list[Case]:
    """What lies beyond the largest value."""
    return [*points(E4M3, f32(470), f32(480), f32(np.inf)), *points(E5M2, f32(61440)), *points(E4M3FNUZ, f32(1e9))]


def ask_signs() -> list[Case]:
    """NaN, and what rounds to -0."""
    return [*points(E4M3, f32(np.nan)), *points(E2M1, f32(np.nan), f32(-0.1))]


def ask_float64() -> list[Case]:
    """A float64 just above a tie, which is a tie in float32."""
    return points(E4M3, np.float64(1.0625 + 2**-40))


def ask_exponents() -> list[Case]:
    """Shared exponents: the rules of MX, and logarithms in float32."""
    return [ask_block(array([7, 2.4, -1]), "mxfp4"), ask_block(array([BELOW, 3]), "mxfp4"),
            ask_block(array([14336.002, 100]), "mxfp8")]


def ask_small_scales() -> list[Case]:
    """A block whose scale lies below E4M3's normal values."""
    return [ask_block(array([0.05, 0.03, 0.01]), "nvfp4")]


def ask_scale_ties() -> list[Case]:
    """Scales on ties, and in the largest binade."""
    return [ask_block(array([102, 30]), "nvfp4"), ask_block(array([1800, 600]), "nvfp4")]


def ask_block_ties() -> list[Case]:
    """A value on a tie under a scale whose inverse is rounded."""
    return [ask_block(array([90, 37.5]), "nvfp4")]


def ask_levels() -> list[Case]:
    """What the codes of four bits mean."""
    return [ask_block(array([1, 0.5, -0.3]), "nf4"), ask_block(array([6, 0.5, 1.5]), "fp4")]


@arguments.quiet
def ask_powers(x: Any) -> Case:
    """The power of two that a real becomes: E8M0."""
    own = quantize(x, AffineParams(scale=f32(1), zero_point=0, grid=E8M0))
    up = mx.e8m0_ties_up(x)
    return Case(f"x = {show(x)}, scale = 1, E8M0", Outcome(show(E8M0.decode(own)[()]), "a tie: to the lower"), {
        name: Outcome(show(up[()]), "a tie: up") for name in ("ml_dtypes E8M0", "torch E8M0")})


@arguments.quiet
def ask_offset(x: Any, scale: Any, zero_point: int) -> Case:
    """Whether the range's lowest real is subtracted first, in fake quantization."""
    params = AffineParams(scale=f32(scale), zero_point=zero_point, grid=UINT8)
    lo, hi = (f32(code - zero_point) * f32(scale) for code in (0, 255))
    theirs = tensorflow.fake_quant(np.array([x]), float(lo), float(hi))[0]
    v, low = f32(x) / f32(scale), (f32(x) - lo) * (f32(255) / (hi - lo))
    return Case(f"x = {show(f32(x))}, from {show(lo)} to {show(hi)}, uint8: x_hat",
                Outcome(show(fake_quantize(f32(x), params)[()]), f"x / scale = {show(v)}, rounded, ties to even"), {
        "TensorFlow fake_quant": Outcome(show(theirs), f"(x - lo) * (255 / (hi - lo)) = {show(low)}; - {zero_point} + "
                                         "0.5, rounded down")})


def ask_pairs() -> list[Case]:
    """Two products of uint8 and int8 in 16 bits; the second pair stands in pytorch/pytorch#44939."""
    return [_pair((255, 255), (127, 127)), _pair((211, 171), (71, 107))]


def _pair(x: tuple[int, int], w: tuple[int, int]) -> Case:
    a, b = np.array([x], np.uint8), np.array([w], np.int8).T
    right, saturated = (int(f(a, b)[0, 0]) for f in (integer_matmul, onnxruntime.saturating_matmul))
    return Case(f"{x[0]} * {w[0]} + {x[1]} * {w[1]}, uint8 times int8", Outcome(str(right), "in int32"), {
        "ONNX Runtime and FBGEMM without VNNI": Outcome(str(saturated), f"{right} saturates at int16")})
