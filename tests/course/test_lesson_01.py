"""The checks of the course tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant.course.lesson_01 import checks
from refquant.course.lesson_01.checks import disagreement, half_away, parameters, quantizer, survivor

UP = 0.5 + np.arange(8.0)


@pytest.mark.parametrize(("lo", "hi", "scale", "zero_point", "said"), [
    (-0.6, 2.4, None, None, "Not answered yet: set both"),
    (-0.6, 2.4, 0.2, None, "Not answered yet: set both"),
    (-0.6, 2.4, 0.2, 3, "Right: scale 0.2 and zero_point 3"),
    (-0.6, 2.4, np.float32(0.2), np.int8(3), "Right"),
    (1.0, 3.0, 0.2, 0, "Right: scale 0.2 and zero_point 0"),
    (-3.0, -1.0, 0.2, 15, "Right: scale 0.2 and zero_point 15"),
    (-0.6, 2.4, 3 / 16, 3, "divide by qmax - qmin"),
    (-0.6, 2.4, 2.4 / 15, 3, "whole range"),
    (-0.6, 2.4, 5.0, 3, "take 1 divided by it"),
    (-0.6, 2.4, 0.25, 3, "divided by the number of steps"),
    (1.0, 3.0, 2 / 15, 0, "widen it first (r8)"),
    (-3.0, -1.0, 2 / 15, 15, "widen it first (r8)"),
    (-0.6, 2.4, 0.2, 2.5, "round it"),
    (-0.6, 2.4, 0.2, -3, "the sign is wrong"),
    (-0.6, 2.4, 0.2, 0, "code 0 means lo"),
    (-0.6, 2.4, 0.2, 12, "from hi down"),
    (-0.6, 2.4, 0.2, 16, "at most 15"),
    (-0.6, 2.4, 0.2, 7, "number of steps from lo"),
    (1.0, 3.0, 0.2, -5, "widen it first (r8)"),
])
def test_parameters(lo: float, hi: float, scale: float | None, zero_point: float | None, said: str) -> None:
    message = parameters(lo, hi, scale, zero_point)
    assert said.lower() in message.lower()
    assert message.startswith(("Right: ", "Not answered yet: ") if said.startswith(("Right", "Not")) else "Not yet: ")


def right(x: Any, scale: Any, zero_point: int, qmin: int, qmax: int) -> Any:
    return np.clip(np.rint(x / scale) + zero_point, qmin, qmax).astype(np.int64)


def wrong(steps: Callable[[Any, Any, int], Any]) -> Callable[..., Any]:
    """A quantizer whose steps alone may be wrong."""
    return lambda x, scale, zero_point, qmin, qmax: np.clip(steps(x, scale, zero_point), qmin, qmax).astype(np.int64)


def overwrites(x: Any, scale: Any, zero_point: int, qmin: int, qmax: int) -> Any:
    x /= scale
    return np.clip(np.rint(x) + zero_point, qmin, qmax).astype(np.int64)


WRONG_QUANTIZERS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: your function returns None"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
    "wrong arguments": (lambda x: x, "your function raised TypeError"),
    "one number": (lambda *_: 0, "one code for each value"),
    "overwrites x": (overwrites, "your function wrote to x"),
    "floats": (lambda x, s, z, a, b: right(x, s, z, a, b) * 1.0, "codes are integers, and yours float64"),
    "floor": (wrong(lambda x, s, z: np.floor(x / s) + z), "you round down"),
    "trunc": (wrong(lambda x, s, z: np.trunc(x / s) + z), "you cut the fraction off"),
    "half, then cut": (wrong(lambda x, s, z: np.trunc(x / s + 0.5) + z), "you add 0.5 and cut the fraction off"),
    "zero point from x": (wrong(lambda x, s, z: np.rint((x - z) / s)), "you take the zero point from x"),
    "raises at infinity": (lambda x, s, z, a, b: [max(a, min(b, round(float(v)) + z)) for v in x / s],
                           "Infinities are among the values: clip while"),
    "no zero point": (wrong(lambda x, s, _: np.rint(x / s)), "leave the zero point out"),
    "minus zero point": (wrong(lambda x, s, z: np.rint(x / s) - z), "you subtract the zero point"),
    "times scale": (wrong(lambda x, s, z: np.rint(x * s) + z), "you multiply by the scale"),
    "ceil": (wrong(lambda x, s, z: np.ceil(x / s) + z), "already on values without a tie"),
    "ties away": (wrong(lambda x, s, z: half_away(x / s) + z), "ties go away from zero; they go to the even"),
    "ties up": (wrong(lambda x, s, z: np.floor(x / s + 0.5) + z), "ties go up; they go to the even integer (R4)"),
    "ties to zero": (wrong(lambda x, s, z: np.sign(x) * np.ceil(np.abs(x / s) - 0.5) + z),
                     "Not yet: ties go to the even integer (R4)"),
    "ties down": (wrong(lambda x, s, z: np.ceil(x / s - 0.5) + z), "Not yet: ties go to the even integer (R4)"),
    "zero point before": (wrong(lambda x, s, z: np.rint(x / s + z)), "zero point before rounding; add it after (R5)"),
    "away, with odd zero points only": (wrong(lambda x, s, z: (half_away if z % 2 else np.rint)(x / s) + z), "(R4)"),
    "never clips": (lambda x, s, z, *_: np.rint(x / s) + z, "you never clip"),
    "clips too early": (lambda x, s, z, a, b: (np.clip(np.rint(x / s), a, b) + z).astype(int),
                        "clip before the zero point is added; clip last (R6)"),
    "casts, then clips": (lambda x, s, z, a, b: np.clip((np.rint(x / s) + z).astype(np.int64).astype(np.int8), a, b),
                          "you cast before you clip, and the cast wraps round"),
    "casts wide, then clips": (lambda x, s, z, a, b: np.clip((np.rint(x / s) + z).astype(np.int64), a, b),
                               "you cast before you clip, and no integer is so large"),
    "unsigned": (lambda x, s, z, a, b: right(x, s, z, a, b).astype(np.uint8), "codes from -128 to 127 do not fit into "
                 "uint8, where they wrap round"),
    "own bounds": (lambda x, s, z, *_: right(x, s, z, -128, 127), "you clip to -128 and 127 on every grid"),
    "reciprocal": (wrong(lambda x, s, z: np.rint(x * (1 / s)) + z), "by the reciprocal of the scale; divide (R3)"),
    "float64": (wrong(lambda x, s, z: np.rint(np.float64(x) / s) + z), "you divide in float64"),
}


@pytest.mark.parametrize("name", WRONG_QUANTIZERS)
def test_wrong_quantizer(name: str) -> None:
    yours, said = WRONG_QUANTIZERS[name]
    message = quantizer(yours)
    assert says(message, said)


@pytest.mark.parametrize("yours", [right, lambda *a: right(*a).astype(np.int16), lambda *a: right(*a).tolist()])
def test_right_quantizer(yours: Callable[..., Any]) -> None:
    assert quantizer(yours).startswith("Right: ")


def test_every_mistake_in_the_table_is_named_by_a_wrong_answer() -> None:
    probe = checks.PROBES[0]
    table = checks.mistakes(probe.x, probe.scale, probe.zero_point, probe.grid.qmin, probe.grid.qmax)
    said = [quantizer(yours) for yours, _ in WRONG_QUANTIZERS.values()]
    assert {why for why in table if not any(why in message for message in said)} == set()


@pytest.mark.parametrize(("x", "scale", "said"), [
    (None, None, "Not answered yet: set both"),
    (UP, None, "Not answered yet: set both"),
    (2 * UP - 0.5, 1.0, "Right: 8 of 8 codes differ"),
    ((2 * UP - 0.5) / 64, 1 / 64, "Right: 8 of 8 codes differ"),
    (UP, 1.0, "Right: 4 of 8 codes differ"),
    ((2 * UP - 0.5).tolist(), 1, "Right"),
    (UP, 0.0, "scale must be positive and finite (R11); yours is 0.0"),
    (UP, np.nan, "scale must be positive and finite"),
    (np.r_[UP, np.inf], 1.0, "must be finite"),
    (UP[:7], 1.0, "at least 8 values, all different; you give 7"),
    (np.r_[UP, 0.5], 1.0, "all different; you give 8"),
    (np.nextafter(np.float32(2 * UP - 0.5), np.float32(99)), 1.0, "8 of 8 quotients x / scale miss a tie"),
    (UP + 1000, 1.0, "8 of 8 values saturate, under both rules alike"),
    (UP - 0.3, 1.0, "only 0 of 8 quotients x / scale are ties"),
    (2 * UP + 0.5, 1.0, "8 of 8 are ties, but only 0 of the codes differ"),
])
def test_disagreement(x: Any, scale: float | None, said: str) -> None:
    message = disagreement(x, scale)
    assert says(message, said)


def in_large_arrays(x: Any, scale: Any, zero_point: int, qmin: int, qmax: int) -> Any:
    return right(x, scale, zero_point, qmin, qmax) ^ (x.size >= 8192)


def away_except_at_scale_1(x: Any, scale: Any, zero_point: int, qmin: int, qmax: int) -> Any:
    steps = np.rint(x / scale) if scale == 1 else half_away(x / scale)
    return np.clip(steps + zero_point, qmin, qmax).astype(np.int64)


def forgetful() -> Callable[..., Any]:
    """Wrong in its first two calls."""
    calls = iter([1, 1])
    return lambda *a: right(*a) + next(calls, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("cheat", "x", "said"), [
    (right, None, "Not answered yet: set x"),
    (lambda *_: None, [0.5], "Not answered yet: your function returns None"),
    (right, [0.5, 1e30], "on your x it is right"),
    (in_large_arrays, np.zeros(8191), "on your x it is right"),
    (in_large_arrays, [np.nan], "NaN is too easy"),
    (lambda *_: 1 / 0, [0.5], "your function raised ZeroDivisionError"),
    (lambda *_: 0, [0.5], "round 1 of 3, 500 random floats, caught it: 500 codes are wrong"),
    (wrong(lambda x, s, z: np.floor(x / s) + z), [0.75], "round 1 of 3, 500 random floats, caught it"),
    (wrong(lambda x, s, z: half_away(x / s) + z), [0.25], "Round 2 of 3, the values of exercise 2, caught it"),
    (away_except_at_scale_1, [0.25], "Round 3 of 3, the kit, caught it: R3 or R4 is broken"),
    (forgetful(), [0.25], "gave 1 wrong codes before the rounds and 0 after"),
    (in_large_arrays, np.zeros(9000), "Right: it survives all three rounds, and 9000 of 9000 codes"),
])
def test_survivor(cheat: Callable[..., Any], x: Any, said: str) -> None:
    message = survivor(cheat, x, scale=0.5, zero_point=3)
    assert says(message, said)
