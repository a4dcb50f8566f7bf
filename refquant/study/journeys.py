"""One number's way to its code in several engines, side by side, and the rule that parts them.

A way is four choices: how to divide (R3), when to add the zero point (R5), where ties go (R4), what becomes of numbers
beyond the codes (R6). The codes are those of refquant.engines; the steps before them are these choices', computed.
"""

from collections.abc import Callable, Sequence
from itertools import combinations, zip_longest
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import _check
from ..affine import AffineParams
from ..engines import litert, onnxruntime, pytorch, torchao
from ..grids import IntGrid
from .explain import Scalar, explain

Choice: TypeAlias = Callable[..., Any]

TINY = np.finfo(np.float32).tiny


# ------------------------------------------------------------------ choices: the docstring's first line is their label

def divided(x: Scalar, scale: Scalar) -> Scalar:
    """x / scale"""
    return x / scale


def by_reciprocal(x: Scalar, scale: Scalar) -> Scalar:
    """x * (1 / scale)"""
    return x * (1 / scale)


def by_reciprocal_unrounded(x: Scalar, scale: Scalar) -> Scalar:
    """x * (1 / scale), exactly"""
    return np.float64(x) * np.float64(1 / scale)  # 24 + 24 bits


def by_reciprocal_without_subnormals(x: Scalar, scale: Scalar) -> Scalar:
    """x * (1 / scale)"""
    small, inverse = (v if abs(v) >= TINY else v * 0 for v in (x, 1 / scale))
    return small * inverse


def after(v: Scalar, zero_point: int, way: "Way", of_nan: float) -> list[tuple[str, Any]]:
    """the zero point after rounding"""
    n = way.rounding(v)
    return [(_label(way.rounding), n), (_label(way.convert), way.convert(n, zero_point, of_nan))]


def before(v: Scalar, zero_point: int, way: "Way", of_nan: float) -> list[tuple[str, Any]]:
    """the zero point before rounding"""
    total = np.float32(pytorch.fused_multiply_add(v, 1, zero_point))  # v may hold 48 bits; the sum is rounded once
    return [("+ zero point", total), (_label(way.rounding), way.convert(way.rounding(total), 0, of_nan))]


def half_even(v: Scalar) -> Scalar:
    """round, ties to even"""
    return np.float64(np.rint(v))


def half_away(v: Scalar) -> Scalar:
    """round, ties away from 0"""
    return np.float64(np.copysign(np.floor(abs(np.float64(v)) + 0.5), v))


def saturated(n: Scalar, zero_point: int, of_nan: float) -> float:
    """+ zero point"""
    return of_nan if np.isnan(n) else float(n) + zero_point


def through_int32(n: Scalar, zero_point: int, _: float) -> float:
    """int32, + zero point"""
    whole = int(n) if abs(n) < 2**31 else -(2**31)
    return (whole + zero_point + 2**31) % 2**32 - 2**31


def through_int64(n: Scalar, zero_point: int, _: float) -> float:
    """+ zero point, int64"""
    return float(n) + zero_point if abs(n) < 2.0**63 else -(2.0**63)


def lowest(grid: IntGrid) -> int:
    """qmin"""
    return grid.qmin


def highest(grid: IntGrid) -> int:
    """qmax"""
    return grid.qmax


def zero(_: IntGrid) -> int:
    """0"""
    return 0


#: What each departing choice is called in a sentence, with its rule.
SAID = {
    by_reciprocal: "it multiplies by 1 / scale, rounded (R3)",
    by_reciprocal_unrounded: "it multiplies by 1 / scale, rounded (R3)",
    by_reciprocal_without_subnormals: "it multiplies by 1 / scale, rounded, subnormal numbers being 0 (R3)",
    before: "it adds the zero point before it rounds (R5)",
    half_away: "it rounds ties away from 0 (R4)",
    through_int32: "it casts to int32 before it clips, and what does not fit becomes -2**31 (R6)",
    through_int64: "it casts to int64 before it clips, and what does not fit becomes -2**63 (R6)",
}


class Way(NamedTuple):
    """An engine's function to codes, its four choices, and the code that it makes of 0 * infinity."""

    name: str
    codes: Callable[[Any, AffineParams], Any]
    divide: Choice = divided
    add: Choice = after
    rounding: Choice = half_even
    convert: Choice = saturated
    of_nan: Callable[[IntGrid], int] = lowest

    def steps(self, x: Scalar, params: AffineParams) -> list[tuple[str, Any]]:
        """The labelled numbers on the way, up to the clip."""
        v = self.divide(x, params.scale[()])
        return [(_label(self.divide), v), *self.add(v, int(params.zero_point), self, self.of_nan(params.grid))]

    def why(self, x: Scalar, params: AffineParams, right: int) -> str:
        """Which of its choices must be the rule's for the rule's code: the fewest, found by trying."""
        kinds = [kind for kind in ("divide", "add", "rounding", "convert") if getattr(self, kind) is not _RULE[kind]]
        for count in range(1, len(kinds) + 1):
            restored = [kept for kept in combinations(kinds, count)
                        if Way(**{**self._asdict(), **{k: _RULE[k] for k in kept}})._code(x, params) == right]
            if restored:
                named = dict.fromkeys(kind for kept in restored for kind in kept)
                return ", and ".join(SAID[getattr(self, kind)] for kind in named)
        raise AssertionError(f"{self.name}: no choice explains the code")

    def _code(self, x: Scalar, params: AffineParams) -> float:
        return float(min(max(self.steps(x, params)[-1][1], params.grid.qmin), params.grid.qmax))


_RULE: dict[str, Choice] = {"divide": divided, "add": after, "rounding": half_even, "convert": saturated}


def _label(choice: Choice) -> str:
    return choice.__doc__ or ""


def _typed(zero_point: Any, grid: IntGrid) -> Any:
    return np.asarray(zero_point).astype(grid.dtype)


def _of_fake(x_hat: Any, params: AffineParams) -> Any:
    """The code that a fake-quantized value stands for."""
    steps = np.rint(x_hat.astype(np.float64) / params.scale) + params.zero_point
    return np.clip(steps, params.grid.qmin, params.grid.qmax)


#: Name -> the engine's ways; refquant's is the rule.
ENGINES: dict[str, tuple[Way, ...]] = {
    "onnxruntime": (
        Way("ONNX Runtime", lambda x, p: onnxruntime.quantize_linear(
            x, p.scale, _typed(p.zero_point, p.grid), grid=p.grid)),),
    "pytorch": (
        Way("PyTorch, per tensor", lambda x, p: pytorch.quantize_per_tensor(
            x, float(p.scale), int(p.zero_point), p.grid),
            by_reciprocal_unrounded, before, of_nan=highest),
        Way("PyTorch, per channel", lambda x, p: pytorch.quantize_per_channel(x, [p.scale], [p.zero_point], 0, p.grid),
            by_reciprocal, before, of_nan=zero),
        Way("PyTorch, fake per tensor", lambda x, p: _of_fake(pytorch.fake_quantize_per_tensor_affine(
            x, float(p.scale), int(p.zero_point), p.grid)[0], p), by_reciprocal),
        Way("PyTorch, fake per channel", lambda x, p: _of_fake(pytorch.fake_quantize_per_channel_affine(
            x, [p.scale], [p.zero_point], 0, p.grid)[0], p), by_reciprocal, convert=through_int64)),
    "torchao": (
        Way("torchao", lambda x, p: torchao.quantize_affine(x, (1,), p.scale, p.zero_point, p.grid), by_reciprocal,
            of_nan=zero),),
    "litert": (
        Way("LiteRT, reference", litert.quantize_reference, rounding=half_away, convert=through_int32),
        Way("LiteRT, XNNPACK", litert.quantize_xnnpack, by_reciprocal_without_subnormals,
            of_nan=highest)),
}


# ---------------------------------------------------------------------------------------------- side by side

@_check.quiet
def side_by_side(x: str | float | Scalar, params: AffineParams, engines: Sequence[str]) -> str:
    """x's way to its code by the rules and in each engine, as columns, and why a code differs.

    Args:
        x: as explain takes it, rounded to float32, in which the engines compute.
        params: one scale in reals per step and one zero point; the scale is cast to float32.
        engines: names from ENGINES.

    >>> from refquant import INT8
    >>> print(side_by_side(2.5, AffineParams(scale=1.0, zero_point=1, grid=INT8), ["litert"]))
    x = 2.5, scale = 1.0, zero point 1, int8 from -128 to 127
    <BLANKLINE>
    refquant                    LiteRT, reference               LiteRT, XNNPACK
    x / scale            2.5    x / scale                2.5    x * (1 / scale)      2.5
    round, ties to even    2    round, ties away from 0    3    round, ties to even    2
    + zero point           3    int32, + zero point        4    + zero point           3
    clip                   3    clip                       4    clip                   3
    x_hat                  2    x_hat                      3    x_hat                  2
    <BLANKLINE>
    LiteRT, reference gives 4, not 3: it rounds ties away from 0 (R4).
    LiteRT, XNNPACK gives 3 too.

    Raises:
        ValueError: as explain; parameters that none of the engines takes; no engine, an unknown one.
        TypeError: as explain.
    """
    _check.instance("side_by_side", params, AffineParams, "`params` must be AffineParams", "affine_params makes them")
    if params.grid.bits > 16:
        raise _check.error(ValueError, "side_by_side", "`params` must have at most 16 bits: beyond, engines compute in "
                           "dtypes of their own", params.grid, "explain shows refquant's way alone")
    ways = [way for name in dict.fromkeys(engines) for way in _known(name)]
    if not ways:
        raise _check.error(ValueError, "side_by_side", "`engines` must name one at least", engines, ", ".join(ENGINES))
    params = AffineParams(scale=np.asarray(params.scale, np.float32), zero_point=params.zero_point, grid=params.grid)
    journey = explain(x, params, np.float32)
    value, right = journey.x, journey.code
    columns, said, refusals = [_column(Way("refquant", lambda *_: right), value, params, right)], [], []
    for way in ways:
        try:
            code = int(way.codes(np.asarray([value], np.float32), params)[0])
        except (ValueError, TypeError) as complaint:
            refusals.append(complaint)
            said.append(f"{way.name} does not take this: {complaint}")
            continue
        columns.append(_column(way, value, params, code))
        said.append(f"{way.name} gives {code} too." if code == right else
                    f"{way.name} gives {code}, not {right}: {way.why(value, params, right)}.")
    if len(refusals) == len(ways):
        raise refusals[0]
    grid = params.grid
    return "\n".join([f"x = {value!s}, scale = {params.scale[()]!s}, zero point {params.zero_point}, {grid.dtype} from "
                      f"{grid.qmin} to {grid.qmax}", "", *_rows(columns), *said])


def _known(name: str) -> tuple[Way, ...]:
    if name not in ENGINES:
        raise _check.error(ValueError, "side_by_side", "`engines` must hold known names", repr(name),
                           ", ".join(ENGINES))
    return ENGINES[name]


def _column(way: Way, x: Scalar, params: AffineParams, code: int) -> list[tuple[str, str]]:
    back = np.float32(code - int(params.zero_point)) * params.scale[()]
    shown = [*way.steps(x, params), ("clip", code), ("x_hat", back)]
    return [(way.name, ""), *((label, _shortest(v)) for label, v in shown)]


def _shortest(v: Any) -> str:
    """The shortest text that is this number; no point where it is whole."""
    return str(int(v)) if np.isfinite(v) and v == int(v) and abs(v) < 1e16 else str(v)


def _rows(columns: list[list[tuple[str, str]]], most: int = 3) -> list[str]:
    """Columns as text: the rule's first, and beside it as many others as fit, block by block."""
    lines = []
    for start in range(1, len(columns), most - 1):
        block = [columns[0], *columns[start:start + most - 1]]
        widths = [(max(len(label) for label, _ in column), max(len(value) for _, value in column)) for column in block]
        lines += ["    ".join(f"{label:<{left}}  {value:>{right}}" for (label, value), (left, right) in zip(
            row, widths, strict=True)).rstrip() for row in zip_longest(*block, fillvalue=("", ""))] + [""]
    return lines
