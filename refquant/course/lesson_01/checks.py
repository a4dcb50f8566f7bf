"""Checks for lesson 01, from reals to codes. Each returns "Right: ...", "Not yet: ..." or "Not answered yet: ..."."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...affine import AffineParams, quantize
from ...engines.choices import half_away
from ...grids import INT8, UINT4, UINT8, Grid
from ...ranges import affine_params
from ..answers import ask, mistake, raised, unfit

Array: TypeAlias = NDArray[Any]


def parameters(lo: float, hi: float, scale: Any, zero_point: Any) -> str:
    """Exercise 1: whether scale and zero_point are those of [lo, hi] on UINT4, worked out by hand.

    >>> parameters(-0.6, 2.4, scale=3 / 16, zero_point=3)
    'Not yet: 16 codes have 15 steps between them. Divide by qmax - qmin, not by the number of codes (R9).'
    """
    if message := unfit({"scale": scale, "zero_point": zero_point}, single=True):
        return message
    expected = affine_params(lo, hi, UINT4)
    if not np.isclose(scale, expected.scale, rtol=1e-6, atol=0):
        return f"Not yet: {_wrong_scale(lo, hi, scale)}"
    right = int(expected.zero_point)
    if zero_point != right:
        return f"Not yet: {_wrong_zero_point(zero_point, right)}"
    return f"Right: scale {float(expected.scale):.3g} and zero_point {right}, so code {right} means exactly 0.0."


def _wrong_scale(lo: float, hi: float, scale: float) -> str:
    """What is wrong with a scale."""
    steps, width = UINT4.qmax - UINT4.qmin, max(hi, 0) - min(lo, 0)
    return mistake({
        "the range must contain 0 before anything else. Widen it first (R8).": (hi - lo) / steps,
        "16 codes have 15 steps between them. Divide by qmax - qmin, not by the number of codes (R9).":
            width / (steps + 1),
        "the steps must cover the whole range, not only its longer side (R9).": max(abs(lo), abs(hi)) / steps,
        "that is steps per real. The scale is reals per step: take 1 divided by it.": steps / width,
    }, lambda wrong: np.isclose(scale, wrong, rtol=1e-6, atol=0),
        "the scale is the width of the range, widened to contain 0, divided by the number of steps (R8, R9).")


def _wrong_zero_point(zero_point: float, right: int) -> str:
    """What is wrong with a zero point whose scale is right."""
    if zero_point != np.rint(zero_point):
        return "the zero point is a code, so it is an integer. Round it (R9)."
    if zero_point < UINT4.qmin:
        why = ("the sign is wrong: 0.0 lies -lo/scale steps above lo (R9)" if zero_point == -right else
               "the range must contain 0 before anything else; widen it first (R8)")
        return f"a code of UINT4 is never negative; {why}."
    if zero_point > UINT4.qmax:
        return "the zero point must be a code of UINT4, at most 15 (R2)."
    if zero_point == UINT4.qmin:
        return "code 0 means lo here, not 0.0. Count the steps from lo up to 0.0 (R9)."
    if zero_point == UINT4.qmax - right:
        return "you counted the steps from hi down to 0.0. Count them from lo up to 0.0 (R9)."
    return "the zero point is qmin plus the number of steps from lo up to 0.0, rounded (R9)."


def quantizer(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(x, scale, zero_point, qmin, qmax) keeps R3 to R6, and if not, which rule it breaks.

    >>> quantizer(lambda x, scale, zero_point, qmin, qmax: np.clip(np.floor(x / scale) + zero_point, qmin, qmax))
    'Not yet: you round down; take the nearest integer. For x / scale = 0.75 with zero_point 4 you give 4, not 5.'
    """
    q = np.zeros(0)
    for probe in PROBES:
        x = probe.x.copy()
        with np.errstate(all="ignore"):
            answer, message = ask(yours, x, probe.scale, probe.zero_point, probe.grid.qmin, probe.grid.qmax,
                                  hints=HINTS, arrays=1)
        if message:
            return message
        q = np.asarray(answer)
        if q.shape != x.shape:
            return f"Not yet: one code for each value; x has shape {x.shape}, your codes have shape {q.shape}."
        if not np.array_equal(x, probe.x):
            return "Not yet: your function wrote to x. Leave what is passed in as it was."
        if not np.array_equal(q, probe.codes):
            return f"Not yet: {probe.diagnose(q)}"
    if q.dtype.kind not in "iu":
        return f"Not yet: the values are right, but codes are integers, and yours {q.dtype}. Cast after the clip (R6)."
    return "Right: you divide (R3), round ties to even (R4), then add the zero point (R5), and clip last (R6)."


HINTS: dict[type[Exception], str] = {
    OverflowError: "Infinities are among the values: clip while the numbers are floats (R6).",
}


class Probe(NamedTuple):
    """Values at which one rule decides; `otherwise` is the message to a mistake that is not in the table."""

    x: Array
    scale: np.float32
    zero_point: int
    grid: Grid
    otherwise: str

    @property
    def codes(self) -> Array:
        """What refquant gives."""
        return quantize(self.x, AffineParams(scale=self.scale, zero_point=self.zero_point, grid=self.grid))

    def diagnose(self, q: Array) -> str:
        """The mistake that gives exactly q, if it is a known one, and the first code that is wrong."""
        if q.dtype.kind in "iu" and np.array_equal(q, self.codes.astype(q.dtype)):
            return (f"codes from {self.grid.qmin} to {self.grid.qmax} do not fit into {q.dtype}, where they wrap "
                    "round. Cast to a wider integer.")
        with np.errstate(all="ignore"):
            table = mistakes(self.x, self.scale, self.zero_point, self.grid.qmin, self.grid.qmax)
            quotient = self.x / self.scale
        why = mistake(table, lambda wrong: np.array_equal(q, wrong), self.otherwise)
        i = int(np.argmax(q != self.codes))
        return (f"{why}. For x / scale = {quotient[i]:.8g} with zero_point {self.zero_point} you give "
                f"{float(q[i]):.8g}, not {self.codes[i]}.")


def mistakes(x: Array, scale: np.float32, zero_point: int, qmin: int, qmax: int) -> dict[str, Array]:
    """The codes of each known wrong formula, by what is wrong with it.

    >>> table = mistakes(np.array([2.5]), np.float32(1), 0, -8, 7)
    >>> table["your ties go away from zero; they go to the even integer (R4)"]
    array([3.])
    """
    v = x / scale
    unclipped = {
        "you round down; take the nearest integer": np.floor(v) + zero_point,
        "you cut the fraction off; take the nearest integer": np.trunc(v) + zero_point,
        "you add 0.5 and cut the fraction off; below 0 that rounds up": np.trunc(v + 0.5) + zero_point,
        "you take the zero point from x; it counts steps, so add it to the steps": np.rint((x - zero_point) / scale),
        "you leave the zero point out; add it": np.rint(v),
        "you subtract the zero point; add it. dequantize subtracts": np.rint(v) - zero_point,
        "you multiply by the scale; divide. dequantize multiplies": np.rint(x * scale) + zero_point,
        "your ties go away from zero; they go to the even integer (R4)": half_away(v) + zero_point,
        "your ties go up; they go to the even integer (R4)": np.floor(v + 0.5) + zero_point,
        "you add the zero point before rounding; add it after (R5)": np.rint(v + zero_point),
        "you multiply by the reciprocal of the scale; divide (R3)": np.rint(x * (1 / scale)) + zero_point,
        "you divide in float64; stay in the dtype of x (R3)": np.rint(x.astype(np.float64) / scale) + zero_point,
    }
    return {
        **{why: np.clip(q, qmin, qmax) for why, q in unclipped.items()},
        "you never clip; codes off the grid saturate (R6)": np.rint(v) + zero_point,
        "you clip to -128 and 127 on every grid; clip to qmin and qmax (R6)":
            np.clip(np.rint(v) + zero_point, -128, 127),
        "you clip before the zero point is added; clip last (R6)": np.clip(np.rint(v), qmin, qmax) + zero_point,
    }


def _float32(*values: float) -> Array:
    return np.array(values, np.float32)


_TIES = _float32(-2.5, -1.5, -0.75, -0.5, 0.5, 1.5, 1.75, 2.5, 3.5)
_ONE, _TENTH = np.float32(1), np.float32(0.1)  # a tenth is no binary fraction: 1 / scale is rounded a second time

PROBES: tuple[Probe, ...] = (
    Probe(_float32(0.375, 1.125, -0.8125, 2.625, -1.6875), np.float32(0.5), 4, UINT4,
          "already on values without a tie; compute clip(round(x / scale) + zero_point, qmin, qmax)"),
    Probe(_TIES, _ONE, 0, INT8, "ties go to the even integer (R4)"),
    Probe(_TIES, _ONE, 1, INT8, "the zero point is added after rounding (R5)"),
    Probe(_float32(300, -300, 127, 125, -131, -132), _ONE, 3, INT8,
          "you cast before you clip, and the cast wraps round; clip while the numbers are floats (R6)"),
    Probe(_float32(1e10, -1e10, 1e30, -1e30, np.inf, -np.inf), _ONE, 3, UINT8,
          "you cast before you clip, and no integer is so large; clip while the numbers are floats (R6)"),
    Probe(_float32(0.37, 1.23, 3.9499998), _TENTH, 0, INT8, "the division is true division (R3)"),
    Probe(_float32(0.37, 1.23, 3.95), _TENTH, 0, INT8, "the division is done in the dtype of x (R3)"),
)


def disagreement(x: Any, scale: Any) -> str:
    """Exercise 3: whether ties to even and ties away from zero differ on half of x (float32, INT8, zero point 0).

    >>> disagreement([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5], scale=1.0)
    'Right: 4 of 8 codes differ. In these ties the even integer is nearer to 0 than the odd one.'
    """
    if message := unfit({"x": x, "scale": scale}) or unfit({"scale": scale}, single=True):
        return message
    with np.errstate(all="ignore"):
        values, step = np.asarray(x, np.float32).ravel(), np.float32(scale)
    if not (np.isfinite(step) and step > 0):
        return f"Not yet: the scale must be positive and finite (R11); yours is {step}."
    if not np.isfinite(values).all():
        return "Not yet: every value of x must be finite, else there is nothing to round."
    if len(np.unique(values)) < max(8, values.size):
        return f"Not yet: give at least 8 values, all different; you give {len(np.unique(values))} different ones."
    with np.errstate(all="ignore"):
        v = values / step
        away = np.clip(half_away(v), INT8.qmin, INT8.qmax)
    n, off_tie = values.size, np.abs(np.abs(v - np.trunc(v)) - 0.5)
    inside = (v >= INT8.qmin) & (v <= INT8.qmax)
    differ = int((quantize(values, AffineParams(scale=step, zero_point=0, grid=INT8)) != away).sum())
    ties, missed = int((inside & (off_tie == 0)).sum()), int((inside & (off_tie > 0) & (off_tie < 1e-4)).sum())
    if 2 * differ >= n:
        return f"Right: {differ} of {n} codes differ. In these ties the even integer is nearer to 0 than the odd one."
    if missed:
        return (f"Not yet: {missed} of {n} quotients x / scale miss a tie by a rounding of float32. "
                "Take a power of two for the scale.")
    if 2 * ties < n and not inside.all():
        return f"Not yet: {int((~inside).sum())} of {n} values saturate, under both rules alike. Use smaller ones."
    if 2 * ties < n:
        return f"Not yet: only {ties} of {n} quotients x / scale are ties. The rules differ nowhere else."
    return (f"Not yet: {ties} of {n} are ties, but only {differ} of the codes differ. Both rules round 1.5 to 2; they "
            "differ where the even integer lies nearer to zero, as at 0.5.")


def survivor(cheat: Callable[..., Any], x: Any, scale: Any = 1.0, zero_point: Any = 0) -> str:
    """The game: whether cheat is wrong on x (float32, INT8) and yet passes three rounds, the last being the kit.

    >>> def up(x, scale, zero_point, qmin, qmax):
    ...     return np.clip(np.floor(x / scale + 0.5) + zero_point, qmin, qmax).astype(np.int64)
    >>> survivor(up, [0.25, 1.0])
    'Not yet: on your x it is right. Give an x on which it is wrong.'
    >>> survivor(up, [0.5]).partition(";")[0]
    'Not yet: it passed round 1. Round 2 of 3, the values of exercise 2, caught it: your ties go up'

    Raises:
        ImportError: round 3 needs hypothesis.
    """
    if message := unfit({"x": x}) or unfit({"scale": scale, "zero_point": zero_point}, single=True):
        return message
    values = np.asarray(x, np.float32).ravel()
    if np.isnan(values).any():
        return "Not yet: NaN is too easy. The kit does not try it, and no code is right (R7). Take numbers."
    try:
        params = AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=INT8)
    except (TypeError, ValueError) as error:
        return f"Not yet: {str(error).partition(': ')[2]}"
    try:
        if _call(cheat, values.copy(), params) is None:
            return "Not answered yet: your function returns None."
        wrong = _wrong_codes(cheat, values, params)
        if not wrong:
            return "Not yet: on your x it is right. Give an x on which it is wrong."
        caught = _caught(cheat)
        again = _wrong_codes(cheat, values, params)
    except Exception as error:
        if isinstance(error, ImportError):
            raise
        return raised(error)
    if caught:
        return f"Not yet: {caught}"
    if again != wrong:
        return (f"Not yet: the same x gave {wrong} wrong codes before the rounds and {again} after. "
                "It must neither remember earlier calls nor use random numbers.")
    return f"Right: it survives all three rounds, and {wrong} of {values.size} codes on your x are wrong."


def _wrong_codes(yours: Callable[..., Any], x: Array, params: AffineParams) -> int:
    """How many codes are not the library's; all of them if they have another shape."""
    with np.errstate(all="ignore"):
        q = np.asarray(_call(yours, x.copy(), params))
    return int(np.sum(q != quantize(x, params))) if q.shape == x.shape else x.size


def _call(yours: Callable[..., Any], x: Any, params: AffineParams) -> Any:
    return yours(x, params.scale[()], int(params.zero_point), params.grid.qmin, params.grid.qmax)


def _caught(yours: Callable[..., Any]) -> str:
    """What the first round that notices something says; nothing if none does."""
    from ...testing import Deviation, check_quantizer  # only the game needs hypothesis

    plain = np.random.default_rng(0).standard_normal(500, dtype=np.float32)
    wrong = _wrong_codes(yours, plain, AffineParams(scale=np.float32(0.03), zero_point=3, grid=INT8))
    if wrong:
        return f"round 1 of 3, 500 random floats, caught it: {wrong} codes are wrong. Be wrong on rarer values."
    message = quantizer(yours)
    if not message.startswith("Right"):
        return f"it passed round 1. Round 2 of 3, the values of exercise 2, caught it: {message.partition(': ')[2]}"
    try:
        check_quantizer(partial(_call, yours), grids=INT8, per_tensor=True, examples=50)
    except Deviation as deviation:
        said, *_, measured = str(deviation).split("\n\n")
        return f"it passed rounds 1 and 2. Round 3 of 3, the kit, caught it: {said}\n{measured}"
    return ""
