"""The questions on which engines differ, and for each the inputs that show it. All answers are computed.

An answer is what the engine gives beside what its formula, written out here once more, gives; `engine_steps.agreed`
compares the two, so that what is told is what happens.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from ..affine import AffineParams, dequantize, fake_quantize
from ..engines import gguf, litert, onnxruntime, pytorch, torchao
from ..gradients import lsq, straight_through
from ..grids import INT4, INT8, INT32, UINT4, UINT8, IntGrid
from ..integer import integer_matmul, quantize_multiplier, requantize
from ..ranges import affine_params, symmetric_params
from .engine_steps import BLOCKS, QUANTIZERS, Point, agreed, answer, name_of, rule, show

f32 = np.float32
NINE, INFINITE, NAN, SMALL = np.array([9], np.int8), f32(np.inf), f32(np.nan), f32(1e-6)


class Told(NamedTuple):
    """What one gives, and how it comes about."""

    gives: str
    how: str


class Case(NamedTuple):
    """One input, what the rule says, what each engine that has such an operator gives."""

    given: str
    rule: Told
    engines: Mapping[str, Told]

    @property
    def departing(self) -> dict[str, Told]:
        """The engines that give something else."""
        return {name: told for name, told in self.engines.items() if told.gives != self.rule.gives}


class Question(NamedTuple):
    """What engines differ on, and which rules answer it here."""

    name: str
    asks: str
    rules: tuple[str, ...]
    cases: Callable[[], Iterable[Case]]


# ---------------------------------------------------------------------------------------------- one number

@_check.quiet
def of_point(p: Point) -> Case:
    """What every quantizer makes of one number.

    >>> case = of_point(Point(f32(2.5), f32(1), 0))
    >>> case.rule.gives, sorted({told.gives for told in case.departing.values()})
    ('2', ['3'])
    """
    found = {name: answer(name, p) for name in (*QUANTIZERS, *BLOCKS)}
    return Case(str(p), _code(rule(p)), {name: _code(told) for name, told in found.items() if told is not None})


def _code(told: tuple[int | None, str]) -> Told:
    return Told("refused" if told[0] is None else str(told[0]), told[1])


def points(*given: tuple[Any, ...]) -> Callable[[], list[Case]]:
    """A case for each (x, scale, zero_point, grid), x and scale of one dtype."""
    return lambda: [of_point(Point(*each)) for each in given]


# ---------------------------------------------------------------------------------------------- a range

def _told(scale: Any, zero_point: Any) -> str:
    return f"scale {show(scale)}" + (f", zero point {int(zero_point)}" if np.isfinite(zero_point) else "")


class Range(NamedTuple):
    """The data's smallest and largest value."""

    lo: Any
    hi: Any
    grid: IntGrid

    def __str__(self) -> str:
        of_data = "with a NaN" if np.isnan(self.lo) else f"from {show(self.lo)} to {show(self.hi)}"
        return f"data {of_data}, {name_of(self.grid)}"

    @property
    def block(self) -> Any:
        return np.array([self.lo, self.hi] + 30 * [self.hi], f32)


def _scale(scale: Any, zero_point: Any, formula: Any, how: str) -> Told:
    agreed("a scale", show(f32(scale)), (show(f32(formula)), how))
    return Told(_told(f32(scale), zero_point), how)


@_check.quiet
def of_symmetric(r: Range) -> Case:
    """What each makes the scale of symmetric codes."""
    top, steps = max(-r.lo, r.hi), f32((r.grid.qmax - r.grid.qmin) / 2)
    middle = (r.grid.qmin + r.grid.qmax + 1) // 2
    own, largest = symmetric_params(r.lo, r.hi, r.grid), f"max |x| = {show(top)}"
    halves = f"{largest}, / {show(steps)}: half of qmax - qmin"
    engines = {"torch observers, symmetric": _scale(*pytorch.symmetric_qparams(r.lo, r.hi, r.grid), top / steps,
                                                    halves),
               "torchao symmetric": _scale(*_torchao(r, torchao.symmetric), top / steps, halves)}
    if r.grid.signed:
        low, high = r.lo / f32(r.grid.qmin), r.hi / f32(r.grid.qmax)
        how = f"the larger of {show(r.lo)} / {r.grid.qmin} and {show(r.hi)} / {r.grid.qmax}"
        engines["torchao symmetric_no_clipping_err"] = _scale(*_torchao(r, torchao.symmetric_no_clipping_err),
                                                              max(low, high), how)
    if r.grid == INT4:
        first = r.lo if -r.lo >= r.hi else r.hi
        stored = gguf.quantize_q4_0(r.block)[:2].view("<f2")[0]
        engines["gguf Q4_0"] = _scale(stored, 0, np.float16(first / f32(-8)),
                                      f"the value of the largest |x|, {show(first)}, / -8, in float16")
    n = min(r.grid.qmax - middle, middle - r.grid.qmin)
    return Case(str(r), _scale(own.scale, own.zero_point, top / f32(n), f"{largest}, / {n}"), engines)


def _torchao(r: Range, mapping: Any) -> tuple[Any, Any]:
    return torchao.choose_qparams_affine(np.array([r.lo, r.hi], f32), mapping, (2,), r.grid)


@_check.quiet
def of_range(r: Range) -> Case:
    """What each makes of [lo, hi]: scale and zero point."""
    lo, hi = min(r.lo, f32(0)), max(r.hi, f32(0))
    n, width = f32(r.grid.qmax - r.grid.qmin), hi - lo
    try:
        params = affine_params(r.lo, r.hi, r.grid)
        why = "all is 0: scale 1" if lo == hi else f"(hi/2 - lo/2) / ({show(n)}/2)"
        tiny = np.finfo(f32).tiny
        half = max((hi / 2 - lo / 2) / (n / 2), tiny) if lo != hi else f32(1)
        why += ", and no less than the smallest normal number" if half == tiny else ""
        own = _scale(params.scale, params.zero_point, half, why)
    except ValueError:
        own = Told("refused", "NaN has no place in a range" if np.isnan(r.lo) else "a range must be finite")
    across = f"(hi - lo) / {show(n)} = {show(width)} / {show(n)} = {show(width / n)}"
    engines = {}
    fits: list[tuple[str, tuple[Any, Any], Any]] = [
        ("torch observers, affine", pytorch.affine_qparams(r.lo, r.hi, r.grid), f32(pytorch.EPS)),
        ("torchao asymmetric", _torchao(r, torchao.asymmetric), np.finfo(f32).tiny)]
    for name, found, eps in fits:
        least = f"; eps, the least scale, is {show(eps)}" if width / n < eps else ""
        engines[name] = _scale(*found, np.maximum(width / n, eps), across + least)
    if r.grid == UINT8 and not np.isnan(r.hi):
        _, scale, zero_point = onnxruntime.dynamic_quantize_linear(np.array([r.lo, r.hi], f32))
        engines["ONNX Runtime DynamicQuantizeLinear"] = _scale(
            scale, zero_point, width / n if width else 1, across if width else "all is 0: scale 1")
    return Case(str(r), own, engines)


@_check.quiet
def of_zero_block() -> Case:
    """The scale of a block that is all 0."""
    block, formats = np.zeros(32, f32), {"gguf Q8_0": gguf.quantize_q8_0, "gguf Q4_0": gguf.quantize_q4_0,
                                         "gguf Q4_1": gguf.quantize_q4_1}
    own = symmetric_params(f32(0), f32(0), INT8)
    return Case("a block of 32 zeros", Told(f"scale {show(own.scale[()])}", "all is 0: scale 1"), {
        name: Told(f"scale {show(f(block)[:2].view('<f2')[0])}", "max |x| over the steps; 1 / scale is taken as 0")
        for name, f in formats.items()})


@_check.quiet
def of_zero(r: Range) -> Case:
    """From where to where the codes reach: 0.0 among them or not."""
    own = affine_params(r.lo, r.hi, r.grid)
    case = of_range(r)
    free = _torchao(r, torchao.asymmetric_dont_preserve_zero)
    n = f32(r.grid.qmax - r.grid.qmin)
    scale = (r.hi - r.lo) / n
    agreed("dont_preserve_zero", float(free[0]), (float(scale), ""))
    stored = gguf.quantize_q4_1(r.block)[:4].view("<f2").astype(f32)
    agreed("Q4_1", stored.tolist(), ([float(np.float16((r.hi - r.lo) / f32(15))), float(np.float16(r.lo))], ""))
    widened = "the range is widened to contain 0"
    wide = {name: Told(_reach(*_pair(r, name), r.grid), widened) for name in case.engines}
    return Case(str(r), Told(_reach(own.scale, own.zero_point, r.grid), widened), {
        **wide,
        "torchao asymmetric_dont_preserve_zero": Told(
            _reach(*free, r.grid), f"(hi - lo) / {show(n)} = {show(scale)}, not widened; the zero point "
            f"{r.grid.qmin - round(float(r.lo / scale))} is no code and clipped to {int(free[1])}"),
        "gguf Q4_1": Told(f"codes reach from {stored[1]:.4g} to {stored[1] + 15 * stored[0]:.4g}",
                          "min and (max - min) / 15, in float16: x_hat = d * q + min, and 0.0 has no code")})


def _pair(r: Range, name: str) -> tuple[Any, Any]:
    if name.startswith("ONNX"):
        return onnxruntime.dynamic_quantize_linear(np.array([r.lo, r.hi], f32))[1:]
    return pytorch.affine_qparams(r.lo, r.hi, r.grid) if name.startswith("torch obs") else _torchao(
        r, torchao.asymmetric)


def _reach(scale: Any, zero_point: Any, grid: IntGrid) -> str:
    ends = [float(scale) * (code - int(zero_point)) for code in (grid.qmin, grid.qmax)]
    return f"codes reach from {ends[0]:.4g} to {ends[1]:.4g}"


@_check.quiet
def of_stored_scale(x: Any, top: Any) -> Case:
    """The error of one value where the scale is stored in float16."""
    block = np.array([top, x] + 30 * [0], f32)
    stored = gguf.quantize_q8_0(block)
    params = symmetric_params(-top, top, INT8)
    d, code = stored[:2].view("<f2")[0], int(stored.view(np.int8)[3])
    agreed("Q8_0", float(gguf.dequantize_q8_0(stored)[1]), (float(f32(d) * f32(code)), ""))
    return Case(f"x = {show(x)}, where max |x| is {show(top)}, int8",
                Told(_off(x, fake_quantize(f32(x), params), params.scale), f"scale {show(params.scale[()])} both ways"),
                {"gguf Q8_0": Told(_off(x, f32(d) * f32(code), params.scale),
                                   f"code {code} chosen by scale {show(top / f32(127))}, read by {show(f32(d))}: it "
                                   "is stored in float16")})


def _off(x: Any, x_hat: Any, scale: Any) -> str:
    return f"{abs(float(x) - float(x_hat)) / float(scale):.2f} steps off"


# ---------------------------------------------------------------------------------------------- requantization

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
        return f"acc = {self.acc}, scales of a, b, y = {scales}: acc * m = {_decimal(self.acc * self.m)}, int8"


def _decimal(v: Fraction) -> str:
    return f"{float(v):.10g}"


@_check.quiet
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
    return Case(str(s), _code(agreed("requantize", int(own), _once(exact))),
                {name: _code(agreed(name, int(code.item()), told)) for name, (code, told) in engines.items()})


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
    return n, (f"acc * {_decimal(Fraction(int(mantissa), 2**31))} = {first}; / {2**right} = {_decimal(last)}, "
               f"{_ending(last, n, 'away from zero ' if away else 'up ')}")


@_check.quiet
def of_multiplier(m: float, given: str) -> Case:
    """m as mantissa * 2**(shift - 31)."""
    def told(f: Any, how: str, expected: tuple[int, int]) -> Told:
        found = tuple(int(v) for v in f(m))
        return Told("mantissa {}, shift {}".format(*agreed("a multiplier", found, (found and expected, how))[0]), how)

    fraction, exponent = math.frexp(m)
    v, tiny = Fraction(fraction) * 2**31, exponent < -31
    up = math.floor(v + Fraction(1, 2))
    return Case(given, told(quantize_multiplier, _ending(v, round(v), "to the even "), (round(v), exponent)),
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
    sums = [int(f(a, b.T)[0, 0]) for f in (integer_matmul, onnxruntime.matmul_integer)]
    agreed("the sums", sums, ([exact, wrapped], how))
    return [Case(f"the sum of {k:,} products -128 * -64", Told(str(exact), "int64, as int32 would not do for this K"),
                 {"ONNX Runtime MatMulInteger": Told(str(wrapped), how)}),
            Case("the same sum * 2**-24 as int8", Told("127", f"{right:.4f} saturates"), nearest)]


@_check.quiet
def of_meaning() -> list[Case]:
    """What codes mean."""
    q, step = np.array([2**31 - 1], np.int32), AffineParams(scale=1.0, zero_point=-1, grid=INT32)
    wraps = {"ONNX Runtime DequantizeLinear": onnxruntime.dequantize_linear(q, f32(1), np.int32(-1)),
             "torch dequantize, per tensor": pytorch.dequantize_per_tensor(q, 1.0, -1, INT32)}
    tenth = AffineParams(scale=f32(0.1), zero_point=0, grid=INT8)
    own = dequantize(NINE, tenth)
    product = f32(9 * np.float64(0.1))
    per_channel = pytorch.dequantize_per_channel(NINE, [0.1], [0], 0, INT8)
    per_tensor = pytorch.dequantize_per_tensor(NINE, 0.1, 0, INT8)
    agreed("per channel", per_channel.tolist(), ([float(product)], ""))
    agreed("per tensor", per_tensor.tolist(), ([float(f32(9) * f32(0.1))], ""))
    return [Case("code 2147483647, zero point -1, scale 1, int32",
                 Told(show(dequantize(q, step)[0]), "q - zero_point = 2147483648 in int64"),
                 {name: Told(show(np.float64(agreed(name, float(v[0]), (-(2.0**31), ""))[0])),
                             "q - zero_point wraps at int32 to -2147483648") for name, v in wraps.items()}),
            Case("code 9, scale 0.1, zero point 0, int8", Told(show(own[0]), "9 * float32(0.1)"),
                 {"torch dequantize, per channel": Told(show(per_channel[0]), "float32(9 * float64(0.1)): scales are "
                                                        "kept in float64"),
                  "torch dequantize, per tensor": Told(show(per_tensor[0]), "9 * float32(0.1)")})]


# ---------------------------------------------------------------------------------------------- gradients

@_check.quiet
def of_gradient(x: Any, scale: Any, zero_point: int = 0) -> Case:
    """Whether the gradient passes, beside the value."""
    p = Point(f32(x), f32(scale), zero_point)
    one, grid = np.array([p.x]), p.grid
    x_hat, pullback = straight_through(one, p.scale, zero_point, grid)
    of_lsq, pull = lsq(one, p.scale, zero_point, grid)
    quotient, inverse = p.x / p.scale, p.x * (f32(1) / p.scale)
    per_tensor = pytorch.fake_quantize_per_tensor_affine(one, float(scale), zero_point, grid)
    per_channel = pytorch.fake_quantize_per_channel_affine(one, [scale], [zero_point], 0, grid)
    engines = {name: _mask(found[0][0], found[1][0], np.rint(inverse) + zero_point, grid,
                           f"x * (1 / scale) = {show(inverse)}, rounded")
               for name, found in (("torch.fake_quantize_per_tensor_affine", per_tensor),
                                   ("torch.fake_quantize_per_channel_affine", per_channel))}
    engines["LSQ, as published (refquant.lsq)"] = _between(of_lsq[0], pull(np.ones(1, f32))[0][0], quotient, p)
    return Case(str(p), _mask(x_hat[0], pullback(np.ones(1, f32))[0] == 1, np.rint(quotient) + zero_point, grid,
                              f"x / scale = {show(quotient)}, rounded"), engines)


def _mask(x_hat: Any, passes: Any, code: Any, grid: IntGrid, how: str) -> Told:
    inside = grid.qmin <= code <= grid.qmax
    agreed("a mask", bool(passes), (bool(inside), how))
    where = f"{'is' if inside else 'is not'} within {grid.qmin} to {grid.qmax}"
    return Told(f"gradient {'passes' if passes else 'is 0'}, x_hat = {show(x_hat)}", f"{how} {show(code)}, {where}")


def _between(x_hat: Any, passes: Any, v: Any, p: Point) -> Told:
    low, high = p.grid.qmin - p.zero_point, p.grid.qmax - p.zero_point
    inside = low < v < high
    agreed("lsq", bool(passes == 1), (bool(inside), ""))
    return Told(f"gradient {'passes' if inside else 'is 0'}, x_hat = {show(x_hat)}",
                f"x / scale = {show(v)}, not rounded, {'is' if inside else 'is not'} between {low} and {high}")


# ---------------------------------------------------------------------------------------------- the questions

QUESTIONS = (
    Question("ties", "Where does a tie go?", ("R4",), points(
        (f32(2.5), f32(1), 0), (f32(-2.5), f32(1), 0))),
    Question("half-added", "Is 0.5 added in float32, to round?", ("R4",), points((f32(0.49999997), f32(1), 0))),
    Question("zero-point", "Is the zero point added after rounding, or before?", ("R5",), points(
        (f32(1.5), f32(1), 1))),
    Question("reciprocal", "Is x divided by the scale, or multiplied by 1 / scale?", ("R3",), points(
        (f32(1.65), f32(0.3), 0))),
    Question("fma", "Is x * (1 / scale) + zero point rounded once, in a fused multiply-add?", ("R3", "R5"), points(
        (f32(-10.95), f32(0.1), 100))),
    Question("float16", "Is float16 widened to float32?", ("R3",), points(
        (np.float16(0.25), np.float16(0.1), 0, UINT8))),
    Question("subnormal", "Do subnormal numbers count as 0?", ("R3",), points(
        (f32(2.0**-127 * 1.5), f32(2.0**-126), 0))),
    Question("divisor", "Symmetric int8: 127, 127.5 or 128?", ("R10",), lambda: [of_symmetric(r) for r in (
        Range(f32(-1.28), f32(0.5), INT8), Range(f32(-0.5), f32(1.28), INT4), Range(f32(-1.5), f32(1.5), UINT4))]),
    Question("zero-in-range", "Is a range widened to contain 0?", ("R8",), lambda: [
        of_zero(Range(f32(0.5), f32(2.55), UINT8))]),
    Question("all-zero", "Which scale do data get that are all 0?", ("R11",), lambda: [
        of_range(Range(f32(0), f32(0), UINT8)), of_zero_block()]),
    Question("smallest-scale", "How small may a scale be?", ("R11",), lambda: [
        of_range(Range(f32(0), hi, UINT8)) for hi in (SMALL, f32(1e-45))]),
    Question("wide-range", "Does the width of a range overflow?", ("R9", "R11"), lambda: [
        of_range(Range(f32(-3e38), f32(3e38), UINT8))]),
    Question("infinities", "What becomes of infinities and huge numbers?", ("R6",), points(
        (INFINITE, f32(1), 0), (-INFINITE, f32(1), -1), (f32(3e9), f32(1), 0), (f32(1e20), f32(1), -1))),
    Question("infinite-range", "Which scale do data get that are infinite?", ("R11",), lambda: [
        of_range(Range(f32(0), INFINITE, UINT8))]),
    Question("nan", "What becomes of NaN?", ("R7",), lambda: [
        *points((NAN, f32(1), 3), (NAN, f32(1), -3))(), of_range(Range(NAN, NAN, UINT8))]),
    Question("stored-scale", "Is the code read by the scale that chose it?", ("R16",), lambda: [
        of_stored_scale(f32(12.6499), f32(12.7))]),
    Question("requantize", "Requantization: one rounding or two, and where do ties go?", ("R14",), lambda: [
        of_sum(Sum(a, b, (f32(m), f32(1), f32(1)))) for a, b, m in (
            (49, 5, 0.046875), (21, 1, 0.5), (-23, 1, 0.5), (79, -16, 0.09375))]),
    Question("float32-product", "Requantization: is the product exact, or rounded to float32?", ("R14",), lambda: [
        of_sum(Sum(117, 5, (f32(0.052961245), f32(0.024093779), f32(0.11484328))))]),
    Question("multiplier", "How is a multiplier rounded, and how small may it be?", ("R14",), lambda: [
        of_multiplier((1 + 2**-15) * (1 + 2**-16), "m = (1 + 2**-15) * (1 + 2**-16)"),
        of_multiplier(2.0**-33, "m = 2**-33")]),
    Question("overflow", "What becomes of sums beyond int32?", ("R13",), of_overflow),
    Question("dequantize", "What does a code mean?", ("R2",), of_meaning),
    Question("gradient", "Does the straight-through gradient look at the rounded code, or at x / scale?", ("R15",),
             lambda: [of_gradient(f32(127.25), f32(1))]),
    Question("gradient-edge", "Where the code is decided by 1 / scale, what of its gradient?", ("R3", "R15"),
             lambda: [of_gradient(f32(38.25), f32(0.3))]),
    Question("gradient-nan", "What does training make of NaN?", ("R7",), lambda: [of_gradient(NAN, f32(1))]),
)
