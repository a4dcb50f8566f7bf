"""One number's way to its code in several engines, side by side, and the rule that parts them.

A way is four choices: how to divide (R3), when to add the zero point (R5), where ties go (R4), what becomes of numbers
beyond the codes (R6). The codes are those of refquant.engines; the steps before them are these choices', computed.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from ... import arguments
from ...affine import AffineParams
from ...engines.pytorch import fused_multiply_add
from ..engines.quantizers import QUANTIZERS
from ..engines.steps import Point, Scalar, Way, away, show, steps
from .trace import explain

Choice: TypeAlias = Callable[..., Any]
Rows: TypeAlias = list[tuple[str, Any]]

#: Name -> the engine's operators.
ENGINES = {
    "onnxruntime": ("ONNX Runtime QuantizeLinear",),
    "pytorch": ("torch.quantize_per_tensor", "torch.quantize_per_channel", "torch.fake_quantize_per_tensor_affine",
                "torch.fake_quantize_per_channel_affine"),
    "torchao": ("torchao quantize_affine",),
    "litert": ("LiteRT QUANTIZE, reference", "LiteRT QUANTIZE, XNNPACK"),
}


# ---------------------------------------------------------------------------------------------- the choices

def divided(x: Scalar, scale: Scalar) -> Any:
    """x / scale"""
    return x / scale


def by_reciprocal(x: Scalar, scale: Scalar) -> Any:
    """x * (1 / scale)"""
    return x * (1 / scale)


def unrounded(x: Scalar, scale: Scalar) -> Any:
    """x * (1 / scale), exactly"""
    return np.float64(x) * np.float64(1 / scale)  # 24 + 24 bits


def flushed(x: Scalar, scale: Scalar) -> Any:
    """x * (1 / scale), flushed"""
    small, inverse = (v if abs(v) >= np.finfo(np.float32).tiny else v * 0 for v in (x, 1 / scale))
    return small * inverse


DIVISIONS: dict[str, Choice] = {"true": divided, "reciprocal": by_reciprocal, "fused": unrounded, "flushed": flushed}
#: Each choice that is not the rule's: the fields of Way that make it the rule's again, and what it is called.
RESTORED: dict[str, dict[str, Any]] = {
    "it multiplies by 1 / scale, rounded (R3)": {"division": "true"},
    "it adds the zero point before it rounds (R5)": {"before": False},
    "it rounds ties away from 0 (R4)": {"away": False},
    "it casts to an integer before it clips, and what does not fit becomes the lowest (R6)": {"cast": 0,
                                                                                              "wraps": False},
}


@arguments.quiet
def rows(way: Way, p: Point) -> Rows:
    """The labelled numbers on the way, up to the clip: what engine_steps.steps tells in words."""
    divide = DIVISIONS[way.division]
    v = divide(p.x, p.scale)
    return [(divide.__doc__ or "", v), *(_before if way.before else _after)(way, v, p)]


def _before(way: Way, v: Scalar, p: Point) -> Rows:
    total = np.float32(fused_multiply_add(v, 1, p.zero_point))  # v may hold 48 bits; the sum is rounded once
    return [("+ zero point", total), _rounded(way, total)]


def _after(way: Way, v: Scalar, p: Point) -> Rows:
    n = _rounded(way, v)
    total = n[1] + p.zero_point
    if not way.cast:
        return [n, ("+ zero point", total)]
    if not way.wraps:
        return [n, (f"+ zero point, int{way.cast}", _held(total, way.cast))]
    low = 2 ** (way.cast - 1)
    return [n, (f"int{way.cast}, + zero point", (_held(n[1], way.cast) + p.zero_point + low) % (2 * low) - low)]


def _rounded(way: Way, v: Scalar) -> tuple[str, float]:
    return ("round, ties away from 0", away(v)) if way.away else ("round, ties to even", float(np.rint(v)))


def _held(n: float, bits: int) -> int:
    """As x86 casts: what an integer of so many bits does not hold, and NaN, becomes the lowest."""
    return int(n) if abs(n) < 2 ** (bits - 1) else -(2 ** (bits - 1))


def why(way: Way, p: Point, right: int) -> str:
    """Which choices must be the rule's for the rule's code: the fewest, found by trying.

    >>> why(Way("reciprocal", before=True), Point(np.float32(2.5), np.float32(1), 1), 3)
    'it adds the zero point before it rounds (R5)'
    """
    own = [said for said, fields in RESTORED.items() if way._replace(**fields) != way]
    for count in range(1, len(own) + 1):
        found = [kept for kept in combinations(own, count) if steps(_with(way, kept), p)[0] == right]
        if found:
            return ", and ".join(dict.fromkeys(said for kept in found for said in kept))
    raise RuntimeError(f"no choice of {way} explains the code of {p}")


def _with(way: Way, kept: Sequence[str]) -> Way:
    for said in kept:
        way = way._replace(**RESTORED[said])
    return way


# ---------------------------------------------------------------------------------------------- side by side

@arguments.quiet
def side_by_side(x: str | float | Scalar, params: AffineParams, engines: Sequence[str]) -> str:
    """x's way to its code by the rules and in each engine, as columns, and why a code differs.

    Args:
        x: as explain takes it, rounded to float32, in which the engines compute.
        params: one scale in reals per step and one zero point; the scale is cast to float32.
        engines: names from ENGINES.

    >>> from refquant import INT8
    >>> print(side_by_side(2.5, AffineParams(scale=1.0, zero_point=1, grid=INT8), ["litert"]))
    x = 2.5, scale = 1, zero point 1, int8 from -128 to 127
    <BLANKLINE>
    refquant                    LiteRT QUANTIZE, reference      LiteRT QUANTIZE, XNNPACK
    x / scale            2.5    x / scale                2.5    x * (1 / scale), flushed  2.5
    round, ties to even    2    round, ties away from 0    3    round, ties to even         2
    + zero point           3    int32, + zero point        4    + zero point                3
    clip                   3    clip                       4    clip                        3
    x_hat                  2    x_hat                      3    x_hat                       2
    <BLANKLINE>
    LiteRT QUANTIZE, reference gives 4, not 3: it rounds ties away from 0 (R4).
    LiteRT QUANTIZE, XNNPACK gives 3 too.

    Raises:
        ValueError: as explain; parameters that none of the engines takes; no engine, an unknown one.
        TypeError: as explain.
    """
    arguments.instance("side_by_side", params, AffineParams, "`params` must be AffineParams",
                       "affine_params makes them")
    if params.grid.bits > 16:
        raise arguments.error(ValueError, "side_by_side",
                              "`params` must have at most 16 bits: beyond, engines compute in dtypes of their own",
                              params.grid, "explain shows refquant's way alone")
    names = [operator for name in dict.fromkeys(engines) for operator in _known(name)]
    if not names:
        raise arguments.error(ValueError, "side_by_side", "`engines` must name one at least", engines,
                              ", ".join(ENGINES))
    params = AffineParams(scale=np.asarray(params.scale, np.float32), zero_point=params.zero_point, grid=params.grid)
    journey = explain(x, params, np.float32)
    p, right = Point(np.float32(journey.x), np.float32(params.scale), int(params.zero_point), params.grid), journey.code
    columns, said, refusals = [_column("refquant", Way(), p, right)], [], []
    for name in names:
        try:
            code = QUANTIZERS[name].code(p)
        except (ValueError, TypeError) as complaint:
            refusals.append(complaint)
            said.append(f"{name} does not take this: {complaint}")
            continue
        columns.append(_column(name, QUANTIZERS[name].way, p, code))
        differs = f", not {right}: {why(QUANTIZERS[name].way, p, right)}" if code != right else " too"
        said.append(f"{name} gives {code}{differs}.")
    if len(refusals) == len(names):
        raise refusals[0]
    return "\n".join([f"{p} from {p.grid.qmin} to {p.grid.qmax}", "", *_beside(columns), *said])


def _known(name: str) -> tuple[str, ...]:
    if name not in ENGINES:
        raise arguments.error(ValueError, "side_by_side", "`engines` must hold known names", repr(name),
                              ", ".join(ENGINES))
    return ENGINES[name]


def _column(name: str, way: Way, p: Point, code: int) -> list[str]:
    back = np.float32(code - p.zero_point) * p.scale
    shown = [(label, show(v)) for label, v in (*rows(way, p), ("clip", code), ("x_hat", back))]
    left, right = (max(map(len, texts)) for texts in zip(*shown, strict=True))
    left = max(left, len(name) - right - 2)
    return [name, *(f"{label:<{left}}  {value:>{right}}" for label, value in shown)]


def _beside(columns: list[list[str]], most: int = 3) -> list[str]:
    """Columns as text: the rule's first, and beside it as many others as fit, block by block."""
    lines = []
    for start in range(1, len(columns), most - 1):
        block = [columns[0], *columns[start:start + most - 1]]
        widths = [max(map(len, column)) for column in block]
        lines += ["    ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
                  for line in zip(*block, strict=True)] + [""]
    return lines
