"""What engines make of accumulators and codes: requantization, overflow, meaning. Each beside its formula."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...affine import AffineParams, dequantize
from ...engines import litert, onnxruntime, pytorch
from ...engines.choices import half_away, half_even, half_up
from ...engines.exact import show
from ...engines.requantizers import REQUANTIZERS, Rounded, decimal, fixed, rounded
from ...engines.steps import Choice
from ...grids import INT8, INT32
from ...integer import integer_matmul, quantize_multiplier, requantize
from ..numbers import read
from .cases import Case, Outcome, agreed

f32 = np.float32


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
        return f"acc = {self.acc}, m = a * b / y of the scales {scales}; acc * m = {decimal(self.acc * self.m)}, int8"


# ---------------------------------------------------------------------------------------------- requantization

@arguments.quiet
def ask_sum(s: Sum) -> Case:
    """What each makes of an accumulator."""
    a, b, y = s.scales
    mantissa, shift = (int(v) for v in quantize_multiplier(float(a) * float(b) / float(y)))
    of_codes = litert.quantize_multiplier(float(a * b) / float(y))
    codes = {**_layers(np.array([[s.a]], np.int8), np.array([[s.b]], np.int8), s.scales),
             "LiteRT QUANTIZE of codes, reference": quantize_codes(s.acc, a * b, y)}
    formulas = {
        "ONNX Runtime QLinearMatMul": _in_float32(s, a * b / y), "LiteRT FULLY_CONNECTED, reference": _in_float64(s),
        "LiteRT FULLY_CONNECTED, ruy": fixed(s.acc, *of_codes, half_up),
        "LiteRT FULLY_CONNECTED, XNNPACK": _in_float32(s, a * b / y),
        "LiteRT QUANTIZE of codes, reference": fixed(s.acc, *of_codes, half_away)}
    product = Fraction(s.acc) * mantissa * Fraction(2) ** (shift - 31)
    own = rounded(half_even, product, f"one rounding of {decimal(product)}")
    return Case(str(s), _outcome("requantize", requantize(s.acc, mantissa, shift, 0, INT8), own),
                {name: _outcome(name, code, formulas[name]) for name, code in codes.items()})


def _layers(x: Any, w: Any, scales: Iterable[Any]) -> dict[str, Any]:
    """x @ w.T of int8 codes, brought back to int8, by each engine."""
    a, b, y = scales
    params: Any = [AffineParams(scale=scale, zero_point=0, grid=INT8) for scale in (a, b, y)]
    return {"ONNX Runtime QLinearMatMul": onnxruntime.qlinear_matmul(x, a, 0, w.T, b, 0, y, 0),
            "LiteRT FULLY_CONNECTED, reference": litert.fully_connected_reference(x, w, None, *params),
            "LiteRT FULLY_CONNECTED, ruy": litert.fully_connected_ruy(x, w, None, *params),
            "LiteRT FULLY_CONNECTED, XNNPACK": litert.fully_connected_xnnpack(x, w, None, *params)}


def _outcome(name: str, code: Any, formula: Rounded) -> Outcome:
    return Outcome(str(agreed(name, int(code.item()), *formula)), formula[1])


def quantize_codes(acc: int, x_scale: Any, y_scale: Any) -> Any:
    """LiteRT's QUANTIZE of an int32 code to int8, reference kernel."""
    multiplier = litert.quantize_multiplier(float(x_scale) / float(y_scale))
    return litert.requantize_gemmlowp(acc, *multiplier, 0, INT8)


def _in_float32(s: Sum, m: Any) -> Rounded:
    product = f32(s.acc) * m
    return rounded(half_even, product, f"acc * {show(m)} = {show(product)} in float32")


def _in_float64(s: Sum) -> Rounded:
    a, b, y = map(np.float64, s.scales)
    product = s.acc * (a * b / y)
    return rounded(half_away, product, f"acc * m = {decimal(product)} in float64")


@arguments.quiet
def ask_accumulator(acc: str, m: str) -> Case:
    """What every requantizer makes of one accumulator, from the words of a command line.

    >>> case = ask_accumulator("21", "0.5")
    >>> case.rule.gives, case.engines["TFLM and CMSIS-NN with single rounding; FBGEMM"].gives
    ('10', '11')

    Raises:
        ValueError: text that is no int32, no multiplier from 2**-32 to 1.
    """
    try:
        n = arguments.whole("refquant engines", int(acc, 0), "--acc", -(2**31), 2**31 - 1)
    except ValueError as cause:
        raise arguments.error(ValueError, "refquant engines", "`--acc` must be an integer of 32 bits", repr(acc),
                              "245, say") from cause
    multiplier = float(read("refquant engines", "--m", m, np.dtype(np.float64))[1])
    arguments.real("refquant engines", multiplier, "--m", "from 2**-32 to 1", lambda v: 2.0**-32 <= v <= 1, "0.046875")
    found = {r.engines or r.name: Outcome(*map(str, r.rounded(n, multiplier))) for r in REQUANTIZERS.values()}
    own = found.pop("refquant")
    return Case(f"acc = {n}, m = {show(np.float64(multiplier))}; acc * m = {decimal(n * Fraction(multiplier))}, before "
                "the zero point", own, found)


@arguments.quiet
def ask_multiplier(m: float, given: str) -> Case:
    """m as mantissa * 2**(shift - 31)."""
    exactly = Fraction(math.frexp(m)[0]) * 2**31

    def outcome(f: Any, rounding: Choice[..., Any]) -> Outcome:
        mantissa, shift = (int(v) for v in f(m))
        how = rounding.words(exactly, mantissa).removeprefix(", ") or f"exactly {mantissa}"
        return Outcome(f"mantissa {mantissa}, shift {shift}", how if mantissa else "below 2**-32: counts as 0")

    return Case(f"{given}, as mantissa * 2**(shift - 31)", outcome(quantize_multiplier, half_even),
                {"LiteRT QuantizeMultiplier": outcome(litert.quantize_multiplier, half_up)})


# ---------------------------------------------------------------------------------------------- sums and differences

def ask_overflow() -> list[Case]:
    """Sums beyond int32."""
    k = 280_000
    a, b = np.full((1, k), -128, np.int8), np.full((1, k), -64, np.int8)  # smaller weights no x86 kernel saturates
    right, wrapped = (int(f(a, b.T)[0, 0]) for f in (integer_matmul, onnxruntime.matmul_integer))
    how = f"modulo 2**32: {right} - 2**32 = {wrapped}"
    return [Case(f"the sum of {k:,} products -128 * -64",
                 Outcome(str(right), "in int64, as so many products may not fit int32"),
                 {"ONNX Runtime MatMulInteger": Outcome(str(wrapped), how)}),
            Case("the same sum * 2**-24 as int8", Outcome("127", f"{right / 2**24:.4f} saturates"),
                 {name: Outcome(str(code.item()), f"{how}, * 2**-24 = {wrapped / 2**24:.4f}")
                  for name, code in _layers(a, b, (f32(1), f32(1), f32(2.0**24))).items()})]


@arguments.quiet
def ask_meaning() -> list[Case]:
    """What codes mean."""
    q, step = np.array([2**31 - 1], np.int32), AffineParams(scale=1.0, zero_point=-1, grid=INT32)
    nine, tenth = np.array([9], np.int8), AffineParams(scale=f32(0.1), zero_point=0, grid=INT8)
    wrapped = {"ONNX Runtime DequantizeLinear": onnxruntime.dequantize_linear(q, f32(1), np.int32(-1)),
               "torch dequantize, per tensor": pytorch.dequantize_per_tensor(q, 1.0, -1, INT32)}
    single, double = "9 * float32(0.1)", "float32(9 * float64(0.1)): scales are kept in float64"
    tenths = {
        "torch dequantize, per channel": (pytorch.dequantize_per_channel(nine, [0.1], [0], 0, INT8), double),
        "torch dequantize, per tensor": (pytorch.dequantize_per_tensor(nine, 0.1, 0, INT8), single),
        "ONNX Runtime DequantizeLinear": (onnxruntime.dequantize_linear(nine, f32(0.1), np.int8(0)), single)}
    return [Case("code 2147483647, zero point -1, scale 1, int32",
                 Outcome(show(dequantize(q, step)[0]), "q - zero_point = 2147483648 in int64"),
                 {name: Outcome(show(np.float64(x_hat[0])), "q - zero_point wraps at int32 to -2147483648")
                  for name, x_hat in wrapped.items()}),
            Case("code 9, scale 0.1, zero point 0, int8", Outcome(show(dequantize(nine, tenth)[0]), single),
                 {name: Outcome(show(x_hat[0]), how) for name, (x_hat, how) in tenths.items()})]
