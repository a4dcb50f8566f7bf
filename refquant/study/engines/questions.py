"""The questions on which engines differ, and for each the inputs that show it. All answers are computed.

An answer is what the engine gives beside what its formula, written out here once more, gives; `cases.agreed` compares
the two, so that what is shown is what happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...engines import pytorch
from ...engines.exact import quotient, show
from ...gradients import lsq, straight_through
from ...grids import INT4, INT8, UINT4, UINT8
from . import floats
from .cases import Case, Outcome, Point, agreed, ask
from .ranges import Range, ask_range, ask_stored_scale, ask_symmetric, ask_zero, ask_zero_block
from .sums import Sum, ask_meaning, ask_multiplier, ask_overflow, ask_sum

f32 = np.float32
INFINITE, NAN = f32(np.inf), f32(np.nan)


class Question(NamedTuple):
    """What engines differ on, and which rules answer it here."""

    name: str
    asks: str
    rules: tuple[str, ...]
    cases: Callable[[], Iterable[Case]]
    formats: tuple[str, ...] = ()  # that it concerns, of those of `--format`


# ---------------------------------------------------------------------------------------------- one number

def points(*given: tuple[Any, ...]) -> Callable[[], list[Case]]:
    """A case for each (x, scale, zero_point, grid), x and scale of one dtype."""
    return lambda: [ask(Point(*each)) for each in given]


def ask_subnormal() -> list[Case]:
    """All except precision=float16, for which so small a number is 0, subnormal or not: see float16."""
    case = ask(Point(f32(2.0**-127 * 1.5), f32(2.0**-126), 0))
    return [case._replace(engines={name: given for name, given in case.engines.items() if "float16" not in name})]


# ---------------------------------------------------------------------------------------------- gradients

@arguments.quiet
def ask_gradient(x: Any, scale: Any) -> Case:
    """Whether the gradient passes, beside the value."""
    p = Point(f32(x), f32(scale), 0)
    one, ones, v, inverse = np.array([p.x]), np.ones(1, f32), p.x / p.scale, p.x * (f32(1) / p.scale)
    x_hat, pullback = straight_through(one, p.scale, 0, p.grid)
    learned, pull = lsq(one, p.scale, 0, p.grid)
    divided, multiplied = (f"{formula} = {quotient(each, p.x, p.scale)}" for formula, each in (
        ("x / scale", v), ("x * (1 / scale)", inverse)))
    per_tensor = pytorch.fake_quantize_per_tensor_affine(one, float(scale), 0, p.grid)
    per_channel = pytorch.fake_quantize_per_channel_affine(one, [scale], [0], 0, p.grid)
    ends = (p.grid.qmin, p.grid.qmax)
    return Case(str(p), _rounded(x_hat, pullback(ones), v, divided, *ends), {
        "torch.fake_quantize_per_tensor_affine": _rounded(*per_tensor, inverse, multiplied, *ends),
        "torch.fake_quantize_per_channel_affine": _rounded(*per_channel, inverse, multiplied, *ends),
        "LSQ, as published (refquant.lsq)": _passes(learned, pull(ones)[0], ends[0] < v < ends[1],
                                                    f"{divided}, not rounded, {{}} between {ends[0]} and {ends[1]}")})


def _rounded(x_hat: Any, gradient: Any, v: Any, how: str, qmin: int, qmax: int) -> Outcome:
    n, kept = np.rint(v), ": these arrays are not checked, so NaN stays" * bool(np.isnan(x_hat[0]))
    return _passes(x_hat, gradient, qmin <= n <= qmax, f"{how}, rounded {show(n)}, {{}} within {qmin} to {qmax}{kept}")


def _passes(x_hat: Any, gradient: Any, inside: Any, how: str) -> Outcome:
    """Whether the gradient passes, which it does where what is looked at lies inside."""
    passes = agreed("a gradient", bool(gradient[0] == 1), bool(inside), how)
    return Outcome(f"gradient {'passes' if passes else 'is 0'}, x_hat = {show(x_hat[0])}",
                   how.format("is" if passes else "is not"))


# ---------------------------------------------------------------------------------------------- the questions

FP4 = ("mxfp4", "nvfp4")

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
    Question("float16", "Is float16 widened to float32, or float32 narrowed to float16?", ("R3",), points(
        (np.float16(0.25), np.float16(0.1), 0, UINT8), (f32(1e-8), f32(1e-8), 0))),
    Question("subnormal", "Do subnormal numbers count as 0?", ("R3",), ask_subnormal),
    Question("divisor", "Symmetric codes: is max |x| over 127, 127.5 or 128 (of 4 bits: 7, 7.5 or 8)?", ("R10",),
             lambda: [ask_symmetric(r) for r in (
        Range(f32(-1.28), f32(0.5), INT8), Range(f32(-0.5), f32(1.28), INT4), Range(f32(-1.5), f32(1.5), UINT4))]),
    Question("zero-in-range", "Is a range widened to contain 0?", ("R8",), lambda: [
        ask_zero(Range(f32(0.5), f32(2.55), UINT8))]),
    Question("all-zero", "Which scale do data get that are all 0?", ("R11",), lambda: [
        ask_range(Range(f32(0), f32(0), UINT8)), ask_symmetric(Range(f32(0), f32(0), INT8)), ask_zero_block()]),
    Question("smallest-scale", "How small may a scale be?", ("R11",), lambda: [
        ask_range(Range(f32(0), hi, UINT8)) for hi in (f32(1e-6), f32(1e-45))]),
    Question("wide-range", "Does the width of a range overflow?", ("R9", "R11"), lambda: [
        ask_range(Range(f32(-3e38), f32(3e38), UINT8))]),
    Question("infinities", "What becomes of infinities and huge numbers?", ("R6",), points(
        (INFINITE, f32(1), 3), (-INFINITE, f32(1), -3), (f32(3e9), f32(1), 0))),
    Question("infinite-range", "Which scale do data get that are infinite?", ("R11",), lambda: [
        ask_range(Range(f32(0), INFINITE, UINT8))]),
    Question("nan", "What becomes of NaN?", ("R7",), lambda: [
        *points((NAN, f32(1), -3))(), ask_range(Range(NAN, NAN, UINT8))]),
    Question("stored-scale", "Is the code read by the scale that chose it?", ("R16",), lambda: [
        ask_stored_scale(f32(12.6499), f32(12.7))]),
    Question("requantize", "Requantization: one rounding or two, and where do ties go?", ("R14",), lambda: [
        ask_sum(Sum(a, b, (f32(m), f32(1), f32(1)))) for a, b, m in (
            (49, 5, 0.046875), (21, 1, 0.5), (-23, 1, 0.5), (79, -16, 0.09375))]),
    Question("float32-product", "Requantization: is the product exact, or rounded to float32?", ("R14",), lambda: [
        ask_sum(Sum(117, 5, (f32(0.052961245), f32(0.024093779), f32(0.11484328))))]),
    Question("multiplier", "How is a multiplier rounded, and how small may it be?", ("R14",), lambda: [
        ask_multiplier((1 + 2**-15) * (1 + 2**-16), "m = (1 + 2**-15) * (1 + 2**-16)"),
        ask_multiplier(2.0**-33, "m = 2**-33")]),
    Question("overflow", "What becomes of sums beyond int32?", ("R13",), ask_overflow),
    Question("dequantize", "What does a code mean?", ("R2",), ask_meaning),
    Question("gradient", "Does the straight-through gradient look at the rounded code, or at x / scale?", ("R15",),
             lambda: [ask_gradient(f32(x), f32(1)) for x in (127.25, -128)]),
    Question("gradient-edge", "Where the code is decided by 1 / scale, what of its gradient?", ("R3", "R15"),
             lambda: [ask_gradient(f32(38.25), f32(0.3))]),
    Question("gradient-nan", "What does training make of NaN?", ("R7",), lambda: [ask_gradient(NAN, f32(1))]),
    Question("offset-first", "Is the lowest real of the range subtracted before x is scaled?", ("R4", "R5"), lambda: [
        floats.ask_offset(0.5, 1, 7), *points((f32(1.7), f32(1), 100, UINT8))()]),
    Question("pairs", "Is the sum of two products kept in 16 bits?", ("R13",), floats.ask_pairs),
    Question("float-ties", "Where does a tie between two float values go?", ("R4",), floats.ask_ties, FP4),
    Question("float-overflow", "Which code does a value beyond the largest float get?", ("R6",),
             floats.ask_overflow, ("mxfp8",)),
    Question("float-nan", "What becomes of NaN, and has zero a sign?", ("R7", "R17"), floats.ask_signs,
             (*FP4, "mxfp8")),
    Question("float64", "Is float64 rounded once?", ("R4",), floats.ask_float64, ("mxfp8",)),
    Question("shared-exponent", "Which power of two does a block share?", ("R18",), floats.ask_exponents,
             ("mxfp4", "mxfp6", "mxfp8")),
    Question("powers", "Where does a tie between two powers of two go?", ("R4",), lambda: [
        floats.ask_powers(f32(1.5)), floats.ask_powers(f32(3))], ("mxfp4", "mxfp6", "mxfp8")),
    Question("small-scales", "How small may the scale of a block be?", ("R18",), floats.ask_small_scales, ("nvfp4",)),
    Question("scale-ties", "Which scale is taken halfway between two, and which scales exist?", ("R18",),
             floats.ask_scale_ties, ("nvfp4",)),
    Question("block-reciprocal", "Is a value divided by its block's scale, or multiplied by the inverse?", ("R3", "R4"),
             floats.ask_block_ties, ("nvfp4",)),
    Question("levels", "Which values do four bits have?", ("R17",), floats.ask_levels, ("nf4", "fp4")),
)
