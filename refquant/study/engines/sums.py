"""What engines make of accumulators and codes: requantization, overflow, meaning. Each beside its formula."""
from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ... import arguments
from ...affine import AffineParams, dequantize
from ...engines import litert, onnxruntime, pytorch
from ...engines.choices import half_away, half_even, half_up
from ...engines.exact import exact, show
from ...engines.steps import Choice
from ...grids import INT8, INT32
from ...integer import integer_matmul, quantize_multiplier, requantize
from .cases import Case, Outcome, agreed

f32 = np.float32
Rounded: TypeAlias = tuple[int, str]  # an integer, and how it came about
ONNX, TORCH = "ONNX Runtime DequantizeLinear", "torch dequantize, per tensor"


class Sum(NamedTuple):
    """An accumulator a * b of int8 codes, and the scales that bring it back to int8."""

    a: int
    b: int
    scales: tuple[Any, Any, Any]

    @property
    def acc(self) -> int:
        return self.a * self.b

    @property
    def m(self) -> Fraction:
        """scale_a * scale_b / scale_y, exactly."""
        a, b, y = (Fraction(float(s)) for s in self.scales)
        return a * b / y

    def __str__(self) -> str:
        scales = ", ".join(show(s) for s in self.scales)
        return f"acc = {self.acc}, m = a * b / y of the scales {scales}; acc * m = {_decimal(self.acc * self.m)}, int8"


def _decimal(v: Any) -> str:
    return f"{float(v):.10g}"


# ---------------------------------------------------------------------------------------------- requantization

@arguments.quiet
def ask_sum(s: Sum) -> Case:
    """What each makes of an accumulator."""
    a, b, y = s.scales
    x, w = np.array([[s.a]], np.int8), np.array([[s.b]], np.int8)
    layer: tuple[Any, ...] = (x, w, None, *(AffineParams(scale=each, zero_point=0, grid=INT8) for each in s.scales))
    mantissa, shift = (int(v) for v in quantize_multiplier(float(a) * float(b) / float(y)))
    of_codes = litert.quantize_multiplier(float(a * b) / float(y))
    in_float = _in_float32(s, a * b / y)
    engines = {
        "ONNX Runtime QLinearMatMul": (onnxruntime.qlinear_matmul(x, a, 0, w, b, 0, y, 0), in_float),
        "LiteRT FULLY_CONNECTED, reference": (litert.fully_connected_reference(*layer), _in_float64(s)),
        "LiteRT FULLY_CONNECTED, ruy": (litert.fully_connected_ruy(*layer), _fixed(s, *of_codes, half_up)),
        "LiteRT FULLY_CONNECTED, XNNPACK": (litert.fully_connected_xnnpack(*layer), in_float),
        "LiteRT QUANTIZE of codes, reference": (quantize_codes(s.acc, a * b, y), _fixed(s, *of_codes, half_away))}
    product = Fraction(s.acc) * mantissa * Fraction(2) ** (shift - 31)
    own = _rounded(half_even, product, f"one rounding of {_decimal(product)}")
    return Case(str(s), _outcome("requantize", requantize(s.acc, mantissa, shift, 0, INT8), own),
                {name: _outcome(name, code, formula) for name, (code, formula) in engines.items()})


def _outcome(name: str, code: Any, formula: Rounded) -> Outcome:
    return Outcome(str(agreed(name, int(code.item()), *formula)), formula[1])


def quantize_codes(acc: int, x_scale: Any, y_scale: Any) -> Any:
    """LiteRT's QUANTIZE of an int32 code to int8, reference kernel."""
    multiplier = litert.quantize_multiplier(float(x_scale) / float(y_scale))
    return litert.requantize_gemmlowp(acc, *multiplier, 0, INT8)


def _rounded(rounding: Choice[..., Any], v: Any, said: str) -> Rounded:
    """v as an integer, and what is said of v and of the rounding."""
    n = rounding(exact(v))
    return n, said + rounding.words(exact(v), n)


def _in_float32(s: Sum, m: Any) -> Rounded:
    product = f32(s.acc) * m
    return _rounded(half_even, product, f"acc * {show(m)} = {show(product)} in float32")


def _in_float64(s: Sum) -> Rounded:
    a, b, y = map(np.float64, s.scales)
    product = s.acc * (a * b / y)
    return _rounded(half_away, product, f"acc * m = {_decimal(product)} in float64")


def _fixed(s: Sum, mantissa: Any, shift: Any, rounding: Choice[..., Any]) -> Rounded:
    """First to high, ties up, then to the code."""
    right = max(-int(shift), 0)
    product = Fraction(s.acc * 2 ** max(int(shift), 0) * int(mantissa), 2**31)
    high, first = _rounded(half_up, product, f"acc * {_decimal(Fraction(int(mantissa), 2**31))} = {_decimal(product)}")
    last = Fraction(high, 2**right)
    return _rounded(rounding, last, f"{first}; / {2**right} = {_decimal(last)}") if right else (high, first)


@arguments.quiet
def ask_multiplier(m: float, given: str) -> Case:
    """m as mantissa * 2**(shift - 31)."""
    fraction, exponent = math.frexp(m)
    mantissa, tiny = Fraction(fraction) * 2**31, exponent < -31

    def outcome(f: Any, rounding: Choice[..., Any], low: bool = False) -> Outcome:
        n, how = _rounded(rounding, mantissa, "")
        how = "below 2**-32: counts as 0" if low else how.removeprefix(", ") or f"exactly {n}"
        found = agreed("a multiplier", tuple(int(v) for v in f(m)), (0, 0) if low else (n, exponent), how)
        return Outcome("mantissa {}, shift {}".format(*found), how)

    return Case(f"{given}, as mantissa * 2**(shift - 31)", outcome(quantize_multiplier, half_even),
                {"LiteRT QuantizeMultiplier": outcome(litert.quantize_multiplier, half_up, tiny)})


# ---------------------------------------------------------------------------------------------- sums and differences

def ask_overflow() -> list[Case]:
    """Sums beyond int32."""
    k, y_scale = 280_000, f32(2.0**24)
    a, b = np.full((1, k), -128, np.int8), np.full((1, k), -64, np.int8)  # smaller weights no x86 kernel saturates
    right = k * 128 * 64
    wrapped = right - 2**32
    how = f"modulo 2**32: {right} - 2**32 = {wrapped}"
    agreed("the sums", [int(f(a, b.T)[0, 0]) for f in (integer_matmul, onnxruntime.matmul_integer)], [right, wrapped])
    one, y = (AffineParams(scale=s, zero_point=0, grid=INT8) for s in (f32(1), y_scale))
    layer: tuple[Any, ...] = (a, b, None, one, one, y)
    codes = {"LiteRT FULLY_CONNECTED, reference": litert.fully_connected_reference(*layer),
             "LiteRT FULLY_CONNECTED, ruy": litert.fully_connected_ruy(*layer),
             "LiteRT FULLY_CONNECTED, XNNPACK": litert.fully_connected_xnnpack(*layer),
             "ONNX Runtime QLinearMatMul": onnxruntime.qlinear_matmul(a, f32(1), 0, b.T, f32(1), 0, y_scale, 0)}
    formula = round(wrapped / 2**24), f"{how}, * 2**-24 = {wrapped / 2**24:.4f}"
    return [Case(f"the sum of {k:,} products -128 * -64",
                 Outcome(str(right), "in int64, as so many products may not fit int32"),
                 {"ONNX Runtime MatMulInteger": Outcome(str(wrapped), how)}),
            Case("the same sum * 2**-24 as int8", Outcome("127", f"{right / 2**24:.4f} saturates"),
                 {name: _outcome(name, code, formula) for name, code in codes.items()})]


@arguments.quiet
def ask_meaning() -> list[Case]:
    """What codes mean."""
    q, nine = np.array([2**31 - 1], np.int32), np.array([9], np.int8)
    step, tenth = (AffineParams(scale=s, zero_point=z, grid=grid) for s, z, grid in ((1.0, -1, INT32),
                                                                                   (f32(0.1), 0, INT8)))
    wraps, once = "q - zero_point wraps at int32 to -2147483648", "9 * float32(0.1)"
    product, single = f32(9 * np.float64(0.1)), f32(9) * f32(0.1)
    return [Case("code 2147483647, zero point -1, scale 1, int32",
                 Outcome(show(dequantize(q, step)[0]), "q - zero_point = 2147483648 in int64"), {
                     name: _meaning(x_hat.astype(np.float64), -(2.0**31), wraps) for name, x_hat in (
                         (ONNX, onnxruntime.dequantize_linear(q, f32(1), np.int32(-1))),
                         (TORCH, pytorch.dequantize_per_tensor(q, 1.0, -1, INT32)))}),
            Case("code 9, scale 0.1, zero point 0, int8", Outcome(show(dequantize(nine, tenth)[0]), once), {
                "torch dequantize, per channel": _meaning(
                    pytorch.dequantize_per_channel(nine, [0.1], [0], 0, INT8), product,
                    "float32(9 * float64(0.1)): scales are kept in float64"),
                TORCH: _meaning(pytorch.dequantize_per_tensor(nine, 0.1, 0, INT8), single, once),
                ONNX: _meaning(onnxruntime.dequantize_linear(nine, f32(0.1), np.int8(0)), single, once)})]


def _meaning(x_hat: Any, formula: Any, how: str) -> Outcome:
    agreed("a meaning", float(x_hat[0]), float(formula), how)
    return Outcome(show(x_hat[0]), how)
