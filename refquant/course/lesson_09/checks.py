"""Checks for lesson 09, same model, other engine: each says Right, Not yet or Not answered yet, and why.

Also what the lesson compares: engines, layers and conventions, each called in one way.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...affine import AffineParams, quantize
from ...engines import litert, onnxruntime, pytorch, torchao
from ...engines.choices import half_away
from ...engines.operators import OPERATORS
from ...grids import INT8, UINT8, IntGrid
from ...integer import integer_matmul, quantize_multiplier, requantize
from ...ranges import affine_params, symmetric_params

Array: TypeAlias = NDArray[Any]
Engine: TypeAlias = Callable[[Array, AffineParams], Array]
Fit: TypeAlias = Callable[[float, float], AffineParams]
Convention: TypeAlias = Callable[[ArrayLike, ArrayLike, ArrayLike], Array]
Probe: TypeAlias = tuple[float, float, int]


# ---------------------------------------------------------------------------------------------- what is compared

#: engine(x, params) -> codes: one scale and one zero point for all of x, float32 to INT8.
ENGINES: dict[str, Engine] = {"refquant": quantize, **{name: OPERATORS[operator].function for name, operator in {
    "ONNX Runtime": "ONNX Runtime QuantizeLinear",
    "LiteRT, reference": "LiteRT QUANTIZE, reference",
    "LiteRT, XNNPACK": "LiteRT QUANTIZE, XNNPACK",
    "torchao": "torchao quantize_affine",
    "PyTorch, per channel": "torch.quantize_per_channel",
    "PyTorch, per tensor": "torch.quantize_per_tensor",
}.items()}}


def code_of(engine: Engine, x: float, scale: float, zero_point: int) -> int | str:
    """The INT8 code of one float32 number, or "refused".

    >>> [code_of(ENGINES[name], 2.5, 1.0, 0) for name in ("ONNX Runtime", "LiteRT, reference")]
    [2, 3]
    """
    params = AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=INT8)
    try:
        return int(engine(np.array([x], np.float32), params)[0])
    except ValueError:
        return "refused"


def _by_refquant(real: Any) -> tuple[Fit, Fit]:
    return (lambda lo, hi: affine_params(real(lo), real(hi), UINT8),
            lambda lo, hi: symmetric_params(real(lo), real(hi), INT8))


def _by_onnxruntime(lo: float, hi: float) -> AffineParams:
    _, scale, zero_point = onnxruntime.dynamic_quantize_linear(np.array([lo, hi], np.float32))
    return AffineParams(scale=scale, zero_point=zero_point, grid=UINT8)


def _by_pytorch(fit: Any, grid: IntGrid) -> Fit:
    def params(lo: float, hi: float) -> AffineParams:
        scale, zero_point = fit(lo, hi, grid)
        return AffineParams(scale=scale, zero_point=zero_point, grid=grid)
    return params


def _by_torchao(mapping: Any, grid: IntGrid) -> Fit:
    def params(lo: float, hi: float) -> AffineParams:
        scale, zero_point = torchao.choose_qparams_affine(np.array([lo, hi], np.float32), mapping, (2,), grid)
        return AffineParams(scale=scale.reshape(()), zero_point=zero_point.reshape(()), grid=grid)
    return params


#: (affine(lo, hi) -> params on UINT8, symmetric(lo, hi) -> params on INT8, if there is such).
FITS: dict[str, tuple[Fit, Fit | None]] = {
    "refquant, float32": _by_refquant(np.float32),
    "refquant, float64": _by_refquant(np.float64),
    "ONNX Runtime": (_by_onnxruntime, None),
    "PyTorch": (_by_pytorch(pytorch.affine_qparams, UINT8), _by_pytorch(pytorch.symmetric_qparams, INT8)),
    "torchao": (_by_torchao(torchao.asymmetric, UINT8), _by_torchao(torchao.symmetric, INT8)),
}


def _accumulate(x: Array, w: Array, bias: Array, x_params: AffineParams, w_params: AffineParams,
                y_params: AffineParams) -> tuple[Array, Any]:
    """acc, and the real multiplier."""
    acc = integer_matmul(x, w.T).astype(np.int64) - x_params.zero_point * w.sum(axis=1, dtype=np.int64) + bias
    return acc, float(x_params.scale) * float(w_params.scale) / float(y_params.scale)


def _r14(*layer: Any) -> Array:
    acc, m = _accumulate(*layer)
    return requantize(acc, *quantize_multiplier(m), layer[-1].zero_point, INT8)


def _gemmlowp(*layer: Any) -> Array:
    acc, m = _accumulate(*layer)
    return litert.requantize_gemmlowp(acc, *litert.quantize_multiplier(m), layer[-1].zero_point, INT8)


#: layer(x, w, bias, x_params, w_params, y_params) -> codes: INT8 all through, w (units, depth), one scale each.
LAYERS: dict[str, Callable[..., Array]] = {
    "refquant (R14)": _r14,
    "LiteRT, reference": litert.fully_connected_reference,
    "LiteRT, XNNPACK": litert.fully_connected_xnnpack,
    "LiteRT, ruy": litert.fully_connected_ruy,
    "gemmlowp": _gemmlowp,
}


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
#: The pairs of exercise 1, and what makes them part.
PAIRS = {("ONNX Runtime", "LiteRT, reference"): TIE, ("ONNX Runtime", "PyTorch, per channel"): ORDER,
         ("ONNX Runtime", "LiteRT, XNNPACK"): DIVISION}


def parting(answers: Mapping[tuple[str, str], Probe | None]) -> str:
    """Exercise 1: whether each pair's (x, scale, zero_point) has two codes, for the reason that is asked for.

    >>> parting({("ONNX Runtime", "LiteRT, reference"): (-0.75, 0.5, 0)})
    'Not yet: ONNX Runtime | LiteRT, reference: both give -2. -1.5 is a tie, and its even neighbour is also the one \
away from zero.'
    """
    answered = {pair: answers.get(pair) for pair in PAIRS}
    if all(answer is None for answer in answered.values()):
        return "Not answered yet: give (x, scale, zero_point) for each pair."
    for pair, answer in answered.items():
        why = "no answer yet" if answer is None else _not_parted(pair, answer)
        if why:
            return f"Not yet: {' | '.join(pair)}: {why}."
    return "Right: three inputs, three reasons: where a tie goes, when the zero point is added, how it divides."


@arguments.quiet
def _not_parted(pair: tuple[str, str], answer: Probe) -> str:
    """What is wrong with an answer; nothing if it is right."""
    try:
        x, scale, zero_point = (float(v) for v in answer)
    except (TypeError, ValueError):
        return f"give three numbers (x, scale, zero_point), not {answer!r}"
    wrong = _no_probe(x, scale, zero_point)
    if wrong:
        return wrong
    if not x < 0 or any(np.float32(scale) == np.float32(shown) for shown in (1, 0.1)):
        return "section 1 has shown that one, or its like. Take a negative x, and a scale that is neither 1 nor 0.1"
    one, other = (code_of(ENGINES[name], x, scale, int(zero_point)) for name in pair)
    if {one, other} & {INT8.qmin, INT8.qmax}:
        return f"the codes are {one} and {other}, at an end of the grid. Stay inside, where nothing saturates"
    x32, scale32 = np.asarray(x, np.float32), np.asarray(scale, np.float32)
    true, quick = (float(divide(x32, scale32)) for divide in DIVISIONS.values())
    if one == other:
        return f"both give {one}. {_ALIKE[PAIRS[pair]](true, quick, int(zero_point))}"
    if PAIRS[pair] == ORDER and CONVENTIONS["division", "even", "before"](x, scale, zero_point) == one:
        return (f"the codes differ, {one} and {other}, but by another switch: x / scale is {_short(true)}, and "
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
    """Exercise 2: whether answers[box] = (division, ties, order) for each of the BOXES; else a number that tells.

    >>> boxes({"A": ("division", "even", "before")})
    'Not yet: box A: not even. At x = 0.5, scale = 1.0, zero point 0 the box gives 1, and your convention 0.'
    """
    if all(answers.get(name) is None for name in BOXES):
        return "Not answered yet: give (division, ties, order) for each box."
    for name, inside in _INSIDE.items():
        given = answers.get(name)
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
    """The first decision point that tells two conventions apart."""
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
    """Exercise 3: whether at most MOST probes (x, scale, zero_point) tell all 16 conventions apart.

    >>> print(probes([(0.5, 1.0, 0), (-1.5, 1.0, 0), (0.25, 1.0, 3)]))
    Not yet: 96 of the 120 pairs are told apart. These two are not: division, even, after | division, even, before. \
They differ in when the zero point is added: ties part them, if the zero point is odd.
    """
    if answer is None:
        return "Not answered yet: give a list of (x, scale, zero_point)."
    try:
        given = np.array([[float(v) for v in probe] for probe in answer], float).reshape(-1, 3)
    except (TypeError, ValueError):
        return f"Not yet: a list of probes, each (x, scale, zero_point), is asked for; you give {answer!r}."
    if len(given) > MOST:
        return f"Not yet: {len(given)} probes. At most {MOST}: leave out those that part nothing the others do not."
    for each in given:
        wrong = _no_probe(*each)
        if wrong:
            return f"Not yet: ({', '.join(f'{v:g}' for v in each)}): {wrong}."
    codes = {names: convention(*given.T) for names, convention in CONVENTIONS.items()}
    alike = [(a, b) for a, b in combinations(CONVENTIONS, 2) if np.array_equal(codes[a], codes[b])]
    if not alike:
        return f"Right: {len(given)} probes tell all 16 conventions apart. A million random ones do not."
    a, b = min(alike, key=lambda pair: sum(one != other for one, other in zip(*pair, strict=True)))
    return (f"Not yet: {120 - len(alike)} of the 120 pairs are told apart. These two are not: {', '.join(a)} | "
            f"{', '.join(b)}. They differ in {_hint(a, b)}.")


def _no_probe(x: float, scale: float, zero_point: float) -> str:
    if not np.isfinite(np.float32(x)):
        return "x must be finite; infinities part other conventions than these"
    if not (np.isfinite(np.float32(scale)) and np.float32(scale) >= np.finfo(np.float32).tiny):
        return "a scale is a positive, normal number"
    if not (zero_point.is_integer() and INT8.qmin <= zero_point <= INT8.qmax):
        return "a zero point is one of the codes -128 to 127"
    return ""


def _hint(a: tuple[str, str, str], b: tuple[str, str, str]) -> str:
    """What two conventions differ in, and what parts them."""
    if a[1] != b[1]:
        return "where a tie goes: take ties of both signs, with an even and with an odd whole part"
    if a[0] != b[0]:
        where = "whole number of steps, where cutting off decides" if a[1] == "cut off" else "tie"
        return f"how they divide: take the float32 next to a {where}, by a scale that is no power of two"
    return f"when the zero point is added: {_ORDER_HINTS[a[1]]}"


_ORDER_HINTS = {
    "even": "ties part them, if the zero point is odd",
    "away": "ties part them, if the sum has the other sign than x: then away from zero is the other way",
    "up": "ties do not part them, for both go up. But float32 must round the sum: take the float32 below a tie, and a "
          "zero point large enough to swallow the difference",
    "cut off": "cutting off goes toward zero, and once it is added zero lies elsewhere. Take a negative x, no whole "
               "number of steps, and a positive zero point beyond it",
}
