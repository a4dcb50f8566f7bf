"""What engines make of accumulators and codes: requantization, overflow, meaning. Each beside its formula."""
from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...affine import AffineParams, dequantize
from ...engines import litert, onnxruntime, pytorch
from ...grids import INT8, INT32
from ...integer import integer_matmul, quantize_multiplier, requantize
from .steps import Case, Told, agreed, show, told_code

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
        return f"acc = {self.acc}, m = a * b / y of the scales {scales}; acc * m = {_decimal(self.acc * self.m)}, int8"


def _decimal(v: Fraction) -> str:
    return f"{float(v):.10g}"


@arguments.quiet
def of_sum(s: Sum) -> Case:
    """What each makes of an accumulator."""
    a, b, y = s.scales
    x, w = np.array([[s.a]], np.int8), np.array([[s.b]], np.int8)
    x_params, w_params, y_params = (AffineParams(scale=each, zero_point=0, grid=INT8) for each in s.scales)
    single, double = a * b / y, float(a) * float(b) / float(y)
    of_codes = litert.quantize_multiplier(float(a * b) / float(y))
    layer = (x, w, None, x_params, w_params, y_params)
    mantissa, shift = (int(v) for v in quantize_multiplier(double))
    exact = Fraction(s.acc) * mantissa * Fraction(2) ** (shift - 31)
    in_float = _float32(s, single)
    engines = {
        "ONNX Runtime QLinearMatMul": (onnxruntime.qlinear_matmul(x, a, 0, w, b, 0, y, 0), in_float),
        "LiteRT FULLY_CONNECTED, reference": (litert.fully_connected_reference(*layer), _float64(s, double)),
        "LiteRT FULLY_CONNECTED, ruy": (litert.fully_connected_ruy(*layer), _fixed(s, *of_codes, away=False)),
        "LiteRT FULLY_CONNECTED, XNNPACK": (litert.fully_connected_xnnpack(*layer), in_float),
        "LiteRT QUANTIZE of codes, reference": (quantize_codes(s.acc, a * b, y), _fixed(s, *of_codes, away=True))}
    own = requantize(s.acc, mantissa, shift, 0, INT8)
    return Case(str(s), told_code(agreed("requantize", int(own), _once(exact))),
                {name: told_code(agreed(name, int(code.item()), told)) for name, (code, told) in engines.items()})


def quantize_codes(acc: int, x_scale: Any, y_scale: Any) -> Any:
    """LiteRT's QUANTIZE of an int32 code to int8, reference kernel."""
    multiplier = litert.quantize_multiplier(float(x_scale) / float(y_scale))
    return litert.requantize_gemmlowp(acc, *multiplier, 0, INT8)


def _once(exact: Fraction) -> tuple[int, str]:
    return round(exact), f"one rounding of {_decimal(exact)}, {_ending(exact, round(exact), 'to the even ')}"


def _ending(v: Fraction, n: int, how: str) -> str:
    return f"{'a tie: ' + how if abs(v - math.trunc(v)) == Fraction(1, 2) else 'to the nearest '}{n}"


def _float32(s: Sum, m: Any) -> tuple[int, str]:
    product = f32(s.acc) * m
    n = int(np.rint(product))
    return n, f"acc * {show(m)} = {show(product)} in float32, {_ending(Fraction(float(product)), n, 'to the even ')}"


def _float64(s: Sum, m: float) -> tuple[int, str]:
    v = Fraction(float(np.float64(s.acc) * m))
    n = int(math.copysign(math.floor(abs(v) + Fraction(1, 2)), v))
    return n, f"acc * m = {_decimal(v)} in float64, {_ending(v, n, 'away from zero ')}"


def _fixed(s: Sum, mantissa: Any, shift: Any, *, away: bool) -> tuple[int, str]:
    """First to high, then to the code."""
    right = max(-int(shift), 0)
    product = Fraction(s.acc * 2 ** max(int(shift), 0) * int(mantissa), 2**31)
    high = math.floor(product + Fraction(1, 2))
    last = Fraction(high, 2**right)
    n = math.floor(last + Fraction(1, 2)) if not away or last > 0 else -math.floor(-last + Fraction(1, 2))
    first = f"{_decimal(product)}, {_ending(product, high, 'up ')}" if product != high else str(high)
    then = f"; / {2**right} = {_decimal(last)}, {_ending(last, n, 'away from zero ' if away else 'up ')}"
    return n, f"acc * {_decimal(Fraction(int(mantissa), 2**31))} = {first}" + then * (right > 0)


@arguments.quiet
def of_multiplier(m: float, given: str) -> Case:
    """m as mantissa * 2**(shift - 31)."""
    def told(f: Any, how: str, expected: tuple[int, int]) -> Told:
        found = tuple(int(v) for v in f(m))
        return Told("mantissa {}, shift {}".format(*agreed("a multiplier", found, (expected, how))[0]), how)

    fraction, exponent = math.frexp(m)
    v, tiny = Fraction(fraction) * 2**31, exponent < -31
    up = math.floor(v + Fraction(1, 2))
    own = told(quantize_multiplier, _ending(v, round(v), "to the even "), (round(v), exponent))
    return Case(f"{given}, as mantissa * 2**(shift - 31)", own,
                {"LiteRT QuantizeMultiplier": told(
                    litert.quantize_multiplier, "below 2**-32: counts as 0" if tiny else _ending(v, up, "up "),
                    (0, 0) if tiny else (up, exponent))})


# ---------------------------------------------------------------------------------------------- sums and differences

def of_overflow() -> list[Case]:
    """Sums beyond int32."""
    k, scale = 280_000, f32(2.0**-24)
    a, b = np.full((1, k), -128, np.int8), np.full((1, k), -64, np.int8)  # smaller weights no x86 kernel saturates
    exact = k * 128 * 64
    wrapped = exact - 2**32
    how = f"modulo 2**32: {exact} - 2**32 = {wrapped}"
    params = [AffineParams(scale=s, zero_point=0, grid=INT8) for s in (f32(1), f32(1), 1 / scale)]
    right, wrong = exact / 2**24, wrapped / 2**24
    nearest = {name: Told(str(agreed(name, int(f(a, b, None, *params)[0, 0]), (round(wrong), ""))[0]),
                          f"{how}, * 2**-24 = {wrong:.4f}")
               for name, f in (("LiteRT FULLY_CONNECTED, reference", litert.fully_connected_reference),
                               ("LiteRT FULLY_CONNECTED, ruy", litert.fully_connected_ruy),
                               ("LiteRT FULLY_CONNECTED, XNNPACK", litert.fully_connected_xnnpack))}
    code = onnxruntime.qlinear_matmul(a, f32(1), 0, b.T, f32(1), 0, 1 / scale, 0)
    nearest["ONNX Runtime QLinearMatMul"] = Told(str(agreed("QLinearMatMul", int(code[0, 0]), (round(wrong), ""))[0]),
                                                 f"{how}, * 2**-24 = {wrong:.4f}")
    sums = [int(f(a, b.T)[0, 0]) for f in (integer_matmul, onnxruntime.matmul_integer)]
    agreed("the sums", sums, ([exact, wrapped], how))
    own = Told(str(exact), "in int64, as so many products may not fit int32")
    return [Case(f"the sum of {k:,} products -128 * -64", own,
                 {"ONNX Runtime MatMulInteger": Told(str(wrapped), how)}),
            Case("the same sum * 2**-24 as int8", Told("127", f"{right:.4f} saturates"), nearest)]


@arguments.quiet
def of_meaning() -> list[Case]:
    """What codes mean."""
    q, step = np.array([2**31 - 1], np.int32), AffineParams(scale=1.0, zero_point=-1, grid=INT32)
    wraps = {"ONNX Runtime DequantizeLinear": onnxruntime.dequantize_linear(q, f32(1), np.int32(-1)),
             "torch dequantize, per tensor": pytorch.dequantize_per_tensor(q, 1.0, -1, INT32)}
    tenth = AffineParams(scale=f32(0.1), zero_point=0, grid=INT8)
    own = dequantize(np.array([9], np.int8), tenth)
    product = f32(9 * np.float64(0.1))
    per_channel = pytorch.dequantize_per_channel(np.array([9], np.int8), [0.1], [0], 0, INT8)
    per_tensor = pytorch.dequantize_per_tensor(np.array([9], np.int8), 0.1, 0, INT8)
    of_onnx = onnxruntime.dequantize_linear(np.array([9], np.int8), f32(0.1), np.int8(0))
    agreed("DequantizeLinear", of_onnx.tolist(), ([float(f32(9) * f32(0.1))], ""))
    agreed("per channel", per_channel.tolist(), ([float(product)], ""))
    agreed("per tensor", per_tensor.tolist(), ([float(f32(9) * f32(0.1))], ""))
    return [Case("code 2147483647, zero point -1, scale 1, int32",
                 Told(show(dequantize(q, step)[0]), "q - zero_point = 2147483648 in int64"),
                 {name: Told(show(np.float64(agreed(name, float(v[0]), (-(2.0**31), ""))[0])),
                             "q - zero_point wraps at int32 to -2147483648") for name, v in wraps.items()}),
            Case("code 9, scale 0.1, zero point 0, int8", Told(show(own[0]), "9 * float32(0.1)"),
                 {"torch dequantize, per channel": Told(show(per_channel[0]), "float32(9 * float64(0.1)): scales are "
                                                        "kept in float64"),
                  "torch dequantize, per tensor": Told(show(per_tensor[0]), "9 * float32(0.1)"),
                  "ONNX Runtime DequantizeLinear": Told(show(of_onnx[0]), "9 * float32(0.1)")})]
