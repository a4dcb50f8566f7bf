"""The questions on which engines differ, and for each the inputs that show it. All answers are computed.

An answer is what the engine gives beside what its formula, written out here once more, gives; `engine_steps.agreed`
compares the two, so that what is told is what happens.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...engines import pytorch
from ...gradients import lsq, straight_through
from ...grids import INT4, INT8, UINT4, UINT8, IntGrid
from .quantizers import BLOCKS, QUANTIZERS, answer, rule
from .ranges import Range, of_range, of_stored_scale, of_symmetric, of_zero, of_zero_block
from .steps import Case, Point, Told, agreed, show, told_code
from .steps import quotient as of_quotient
from .sums import Sum, of_meaning, of_multiplier, of_overflow, of_sum

f32 = np.float32
INFINITE, NAN = f32(np.inf), f32(np.nan)


class Question(NamedTuple):
    """What engines differ on, and which rules answer it here."""

    name: str
    asks: str
    rules: tuple[str, ...]
    cases: Callable[[], Iterable[Case]]


# ---------------------------------------------------------------------------------------------- one number

@arguments.quiet
def of_point(p: Point) -> Case:
    """What every quantizer makes of one number.

    >>> case = of_point(Point(f32(2.5), f32(1), 0))
    >>> case.rule.gives, sorted({told.gives for told in case.departing.values()})
    ('2', ['3'])
    """
    found = {name: answer(name, p) for name in (*QUANTIZERS, *BLOCKS)}
    return Case(str(p), told_code(rule(p)), {name: told_code(told) for name, told in found.items() if told is not None})


def points(*given: tuple[Any, ...]) -> Callable[[], list[Case]]:
    """A case for each (x, scale, zero_point, grid), x and scale of one dtype."""
    return lambda: [of_point(Point(*each)) for each in given]


def of_subnormal() -> list[Case]:
    """All but precision=float16, for which so small a number is 0, subnormal or not: see float16."""
    case, = points((f32(2.0**-127 * 1.5), f32(2.0**-126), 0))()
    return [case._replace(engines={name: told for name, told in case.engines.items() if "float16" not in name})]


# ---------------------------------------------------------------------------------------------- gradients

@arguments.quiet
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
                           f"x * (1 / scale) = {of_quotient(inverse, p.x, p.scale)}, rounded")
               for name, found in (("torch.fake_quantize_per_tensor_affine", per_tensor),
                                   ("torch.fake_quantize_per_channel_affine", per_channel))}
    engines["LSQ, as published (refquant.lsq)"] = _between(of_lsq[0], pull(np.ones(1, f32))[0][0], quotient, p)
    return Case(str(p), _mask(x_hat[0], pullback(np.ones(1, f32))[0] == 1, np.rint(quotient) + zero_point, grid,
                              f"x / scale = {of_quotient(quotient, p.x, p.scale)}, rounded"), engines)


def _mask(x_hat: Any, passes: Any, code: Any, grid: IntGrid, how: str) -> Told:
    inside = grid.qmin <= code <= grid.qmax
    agreed("a mask", bool(passes), (bool(inside), how))
    where = f"{'is' if inside else 'is not'} within {grid.qmin} to {grid.qmax}"
    where += ": these arrays are not checked, so NaN stays" if np.isnan(x_hat) else ""
    return Told(f"gradient {'passes' if passes else 'is 0'}, x_hat = {show(x_hat)}", f"{how} {show(code)}, {where}")


def _between(x_hat: Any, passes: Any, v: Any, p: Point) -> Told:
    low, high = p.grid.qmin - p.zero_point, p.grid.qmax - p.zero_point
    inside = low < v < high
    agreed("lsq", bool(passes == 1), (bool(inside), ""))
    return Told(f"gradient {'passes' if inside else 'is 0'}, x_hat = {show(x_hat)}",
                f"x / scale = {of_quotient(v, p.x, p.scale)}, not rounded, "
                f"{'is' if inside else 'is not'} between {low} and {high}")


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
    Question("float16", "Is float16 widened to float32, or float32 narrowed to float16?", ("R3",), points(
        (np.float16(0.25), np.float16(0.1), 0, UINT8), (f32(1e-8), f32(1e-8), 0))),
    Question("subnormal", "Do subnormal numbers count as 0?", ("R3",), of_subnormal),
    Question("divisor", "Symmetric codes: is max |x| over 127, 127.5 or 128 (of 4 bits: 7, 7.5 or 8)?", ("R10",),
             lambda: [of_symmetric(r) for r in (
        Range(f32(-1.28), f32(0.5), INT8), Range(f32(-0.5), f32(1.28), INT4), Range(f32(-1.5), f32(1.5), UINT4))]),
    Question("zero-in-range", "Is a range widened to contain 0?", ("R8",), lambda: [
        of_zero(Range(f32(0.5), f32(2.55), UINT8))]),
    Question("all-zero", "Which scale do data get that are all 0?", ("R11",), lambda: [
        of_range(Range(f32(0), f32(0), UINT8)), of_symmetric(Range(f32(0), f32(0), INT8)), of_zero_block()]),
    Question("smallest-scale", "How small may a scale be?", ("R11",), lambda: [
        of_range(Range(f32(0), hi, UINT8)) for hi in (f32(1e-6), f32(1e-45))]),
    Question("wide-range", "Does the width of a range overflow?", ("R9", "R11"), lambda: [
        of_range(Range(f32(-3e38), f32(3e38), UINT8))]),
    Question("infinities", "What becomes of infinities and huge numbers?", ("R6",), points(
        (INFINITE, f32(1), 3), (-INFINITE, f32(1), -3), (f32(3e9), f32(1), 0))),
    Question("infinite-range", "Which scale do data get that are infinite?", ("R11",), lambda: [
        of_range(Range(f32(0), INFINITE, UINT8))]),
    Question("nan", "What becomes of NaN?", ("R7",), lambda: [
        *points((NAN, f32(1), -3))(), of_range(Range(NAN, NAN, UINT8))]),
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
             lambda: [of_gradient(f32(x), f32(1)) for x in (127.25, -128)]),
    Question("gradient-edge", "Where the code is decided by 1 / scale, what of its gradient?", ("R3", "R15"),
             lambda: [of_gradient(f32(38.25), f32(0.3))]),
    Question("gradient-nan", "What does training make of NaN?", ("R7",), lambda: [of_gradient(NAN, f32(1))]),
)
