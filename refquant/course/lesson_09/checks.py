"""Checks for lesson 09, same model, other engine: each says Right, Not yet or Not answered yet, and why.

Also the 16 conventions that the lesson compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...engines.choices import half_away
from ...grids import INT8
from .engines import ENGINES, FITS, LAYERS, code_of

__all__ = ["BOXES", "CONVENTIONS", "ENGINES", "FITS", "LAYERS", "MOST", "PAIRS", "boxes", "code_of", "decision_points",
           "differing", "probes"]

Array: TypeAlias = NDArray[Any]
Convention: TypeAlias = Callable[[ArrayLike, ArrayLike, ArrayLike], Array]
Probe: TypeAlias = tuple[float, float, int]


# ---------------------------------------------------------------------------------------------- conventions

def _divide(x: Array, scale: Array) -> Array:
    return np.asarray(x / scale)


def _multiply(x: Array, scale: Array) -> Array:
    return np.asarray(x * (np.float32(1) / scale))


def _up(v: Array) -> Array:
    whole = np.floor(v)
    return np.asarray(whole + (v - whole >= 0.5))


DIVISIONS: dict[str, Callable[[Array, Array], Array]] = {"division": _divide, "reciprocal": _multiply}
TIES: dict[str, Callable[[Array], Array]] = {"even": np.rint, "away": half_away, "up": _up, "cut off": np.trunc}
ORDERS = ("after", "before")


def _convention(division: str, ties: str, order: str) -> Convention:
    @arguments.quiet
    def codes(x: ArrayLike, scale: ArrayLike, zero_point: ArrayLike) -> Array:
        z = np.asarray(zero_point, np.float32)
        v = DIVISIONS[division](np.asarray(x, np.float32), np.asarray(scale, np.float32))
        q = TIES[ties](v + z) if order == "before" else TIES[ties](v) + z
        return np.asarray(np.clip(q, INT8.qmin, INT8.qmax).astype(int))
    return codes


#: (division, ties, order) -> convention(x, scale, zero_point) -> INT8 codes of finite float32 numbers.
CONVENTIONS: dict[tuple[str, str, str], Convention] = {
    names: _convention(*names) for names in product(DIVISIONS, TIES, ORDERS)}

#: What exercise 2 asks for. Look after you have tried.
_INSIDE = {"A": ("division", "away", "before"), "B": ("reciprocal", "even", "after"),
           "C": ("reciprocal", "up", "before")}
BOXES: dict[str, Convention] = {name: CONVENTIONS[inside] for name, inside in _INSIDE.items()}


# ---------------------------------------------------------------------------------------------- exercise 1

TIE, ORDER, DIVISION = "where a tie goes", "when the zero point is added", "how it divides"
#: The pairs of exercise 1, and what makes their codes differ.
PAIRS = {("ONNX Runtime", "LiteRT, reference"): TIE, ("ONNX Runtime", "PyTorch, per channel"): ORDER,
         ("ONNX Runtime", "LiteRT, XNNPACK"): DIVISION}


def _given(answers: Any, asked: Iterable[Any]) -> dict[Any, Any]:
    """The answer to each that is asked; None where there is none."""
    return {each: answers.get(each) if isinstance(answers, Mapping) else None for each in asked}


def differing(answers: Mapping[tuple[str, str], Probe | None]) -> str:
    """Exercise 1: whether each pair's (x, scale, zero_point) gives two different codes, for the reason of the pair.

    >>> differing({("ONNX Runtime", "LiteRT, reference"): (-0.75, 0.5, 0)})
    'Not yet: ONNX Runtime | LiteRT, reference: both give -2. -1.5 is a tie, and its even neighbour is also the one \
away from zero.'
    """
    answered = _given(answers, PAIRS)
    if all(answer is None for answer in answered.values()):
        return "Not answered yet: give (x, scale, zero_point) for each pair."
    for pair, answer in answered.items():
        why = "no answer yet" if answer is None else _no_difference(pair, answer)
        if why:
            return f"Not yet: {' | '.join(pair)}: {why}."
    return "Right: three inputs, three reasons: where a tie goes, when the zero point is added, how it divides."


@arguments.quiet
def _no_difference(pair: tuple[str, str], answer: Probe) -> str:
    """What is wrong with an answer; nothing if it is right."""
    try:
        x, scale, zero_point = (float(v) for v in answer)
    except (TypeError, ValueError):
        return f"give three numbers (x, scale, zero_point), not {answer!r}"
    wrong = _no_probe(x, scale, zero_point)
    if wrong:
        return wrong
    if not x < 0 or any(np.float32(scale) == np.float32(shown) for shown in (1, 0.1)):
        return "section 1 shows this input, or one like it. Take a negative x, and a scale that is neither 1 nor 0.1"
    one, other = (code_of(ENGINES[name], x, scale, int(zero_point)) for name in pair)
    if {one, other} & {INT8.qmin, INT8.qmax}:
        return f"the codes are {one} and {other}, at an end of the grid. Stay inside, where nothing saturates"
    x32, scale32 = np.asarray(x, np.float32), np.asarray(scale, np.float32)
    true, quick = (float(divide(x32, scale32)) for divide in DIVISIONS.values())
    if one == other:
        return f"both give {one}. {_ALIKE[PAIRS[pair]](true, quick, int(zero_point))}"
    if PAIRS[pair] == ORDER and CONVENTIONS["division", "even", "before"](x, scale, zero_point) == one:
        return (f"the codes differ, {one} and {other}, but for another reason: x / scale is {_short(true)}, and "
                f"{_short(quick)} by the reciprocal. Find a tie of both, and the right zero point")
    return ""


def _no_tie(v: float) -> str:
    if abs(v - np.trunc(v)) == 0.5:
        return ""
    return f"x / scale is {_short(v)}, no tie; the nearest is {np.floor(v) + 0.5}"


def _short(v: float) -> str:
    return str(np.float32(v))


def _alike_ties(true: float, _quick: float, _zero_point: int) -> str:
    return _no_tie(true) or f"{true} is a tie, and its even neighbour is also the one away from zero"


def _alike_order(true: float, quick: float, zero_point: int) -> str:
    if _no_tie(true):
        return _no_tie(true)
    if zero_point % 2 == 0:
        return f"{true} is a tie, but {zero_point} is even, and an even zero point leaves even integers even"
    return f"{true} is a tie, but by the reciprocal it is {_short(quick)}. Take a scale that is a power of two"


def _alike_division(true: float, quick: float, _zero_point: int) -> str:
    if true == quick:
        return f"Divided or by the reciprocal, x / scale is {_short(true)}. Try other scales"
    return (f"Divided {_short(true)}, by the reciprocal {_short(quick)}: they differ, but lie on one side of a tie. "
            "Try the float32 next to a tie: np.nextafter")


_ALIKE: dict[str, Callable[[float, float, int], str]] = {
    TIE: _alike_ties, ORDER: _alike_order, DIVISION: _alike_division}


# ---------------------------------------------------------------------------------------------- exercise 2

def boxes(answers: Mapping[str, Sequence[str] | None]) -> str:
    """Exercise 2: whether answers[box] = (division, ties, order) for each of the BOXES; if not, a number that shows it.

    >>> boxes({"A": ("division", "even", "before")})
    'Not yet: box A: not even. At x = 0.5, scale = 1.0, zero point 0 the box gives 1, and your convention 0.'
    """
    answered = _given(answers, BOXES)
    if all(answer is None for answer in answered.values()):
        return "Not answered yet: give (division, ties, order) for each box."
    for name, inside in _INSIDE.items():
        given = answered[name]
        if given is None:
            return f"Not yet: box {name}: no answer yet."
        names = tuple(map(str, given)) if isinstance(given, list | tuple) else ()
        if names not in CONVENTIONS:
            return (f"Not yet: box {name}: {given!r} is no convention. Take one of {', '.join(DIVISIONS)}; one of "
                    f"{', '.join(TIES)}; one of {', '.join(ORDERS)}.")
        if names != inside:
            wrong = " and ".join(mine for mine, right in zip(names, inside, strict=True) if mine != right)
            x, scale, zero_point = _witness(names, inside)
            box, yours = (int(CONVENTIONS[each](x, scale, zero_point)) for each in (inside, names))
            return (f"Not yet: box {name}: not {wrong}. At x = {x!s}, scale = {scale!s}, zero point {zero_point} "
                    f"the box gives {box}, and your convention {yours}.")
    return "Right: three boxes, three conventions, and none was opened."


def _witness(one: tuple[str, str, str], other: tuple[str, str, str]) -> tuple[Any, Any, int]:
    """The first decision point at which two conventions give different codes."""
    x, scale, zero_point = decision_points()
    at = int(np.argmax(CONVENTIONS[one](x, scale, zero_point) != CONVENTIONS[other](x, scale, zero_point)))
    return x[at], scale[at], int(zero_point[at])


def decision_points() -> tuple[Array, Array, Array]:
    """x, scale and zero_point, one each a probe: ties, whole steps, and the float32 numbers next to them.

    >>> x, scale, zero_point = decision_points()
    >>> x.size, x[:6], scale[0], zero_point[0]
    (19200, array([0.49999997, 0.5       , 0.50000006, 0.99999994, 1.        ,
           1.0000001 ], dtype=float32), np.float32(1.0), np.int64(0))
    """
    k = np.arange(1, 201, dtype=np.float32) / 2
    steps = np.concatenate([k, -k])
    xs, scales, zeros = [], [], []
    for scale, zero_point in product((1, 0.1, 0.3, 0.0235), (0, 1, -3, 17)):
        at = steps * np.float32(scale)
        xs.append(np.stack([np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))], axis=1))
        scales.append(np.full(3 * at.size, scale, np.float32))
        zeros.append(np.full(3 * at.size, zero_point))
    return np.concatenate(xs).ravel(), np.concatenate(scales), np.concatenate(zeros)


# ---------------------------------------------------------------------------------------------- exercise 3

#: So many probes may a test set of exercise 3 have.
MOST = 6


@arguments.quiet
def probes(answer: Sequence[Probe] | None) -> str:
    """Exercise 3: whether at most MOST probes (x, scale, zero_point) distinguish all 16 conventions.

    >>> print(probes([(0.5, 1.0, 0), (-1.5, 1.0, 0), (0.25, 1.0, 3)]))
    Not yet: 96 of the 120 pairs are distinguished. This pair is not: division, even, after | division, even, before. \
They differ in when the zero point is added: at ties their codes differ, if the zero point is odd.
    """
    if answer is None:
        return "Not answered yet: give a list of (x, scale, zero_point)."
    try:
        given = np.array([[float(v) for v in probe] for probe in answer], float).reshape(-1, 3)
    except (TypeError, ValueError):
        return f"Not yet: a list of probes, each (x, scale, zero_point), is asked for; you give {answer!r}."
    if len(given) > MOST:
        return f"Not yet: {len(given)} probes. At most {MOST}: leave out probes that distinguish no further pair."
    for each in given:
        wrong = _no_probe(*each)
        if wrong:
            return f"Not yet: ({', '.join(f'{v:g}' for v in each)}): {wrong}."
    codes = {names: convention(*given.T) for names, convention in CONVENTIONS.items()}
    alike = [(a, b) for a, b in combinations(CONVENTIONS, 2) if np.array_equal(codes[a], codes[b])]
    if not alike:
        return f"Right: {len(given)} probes distinguish all 16 conventions. A million random ones do not."
    a, b = min(alike, key=lambda pair: sum(one != other for one, other in zip(*pair, strict=True)))
    return (f"Not yet: {120 - len(alike)} of the 120 pairs are distinguished. This pair is not: {', '.join(a)} | "
            f"{', '.join(b)}. They differ in {_hint(a, b)}.")


def _no_probe(x: float, scale: float, zero_point: float) -> str:
    if not np.isfinite(np.float32(x)):
        return "x must be finite; infinities do not distinguish these conventions"
    if not (np.isfinite(np.float32(scale)) and np.float32(scale) >= np.finfo(np.float32).tiny):
        return "a scale is a positive, normal number"
    if not (zero_point.is_integer() and INT8.qmin <= zero_point <= INT8.qmax):
        return "a zero point is one of the codes -128 to 127"
    return ""


def _hint(a: tuple[str, str, str], b: tuple[str, str, str]) -> str:
    """What two conventions differ in, and which probes show it."""
    if a[1] != b[1]:
        return "where a tie goes: take ties of both signs, with an even and with an odd whole part"
    if a[0] != b[0]:
        where = "whole number of steps, where cutting off decides" if a[1] == "cut off" else "tie"
        return f"how they divide: take the float32 next to a {where}, by a scale that is no power of two"
    return f"when the zero point is added: {_ORDER_HINTS[a[1]]}"


_ORDER_HINTS = {
    "even": "at ties their codes differ, if the zero point is odd",
    "away": "at ties their codes differ, if the sum has another sign than x: then away from zero is the other way",
    "up": "at ties their codes are equal, because both go up. But float32 must round the sum: take the float32 below a "
          "tie, and a zero point so large that the sum is rounded to the tie",
    "cut off": "cutting off goes toward zero, and the zero point moves zero. Take a negative x, no whole number of "
               "steps, and a positive zero point beyond it",
}
