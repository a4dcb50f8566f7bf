"""What engines make of a range: scale and zero point. Each beside its formula, written out once more."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...affine import fake_quantize
from ...engines import gguf, onnxruntime, pytorch, torchao
from ...engines.exact import show
from ...grids import INT4, INT8, UINT8, IntGrid
from ...ranges import affine_params, symmetric_params
from .cases import Case, Outcome, agreed, name_of

f32 = np.float32
TINY = np.finfo(f32).tiny
ALL_ZERO = "all is 0: scale 1"


class Range(NamedTuple):
    """The data's smallest and largest value."""

    lo: Any
    hi: Any
    grid: IntGrid

    @property
    def ends(self) -> Any:
        """Data with these ends."""
        return np.array([self.lo, self.hi], f32)

    @property
    def block(self) -> Any:
        """A block with these ends."""
        return np.array([self.lo, self.hi] + 30 * [self.hi], f32)

    def __str__(self) -> str:
        ends = "with a NaN" if np.isnan(self.lo) else f"from {show(self.lo)} to {show(self.hi)}"
        return f"data {ends}, {name_of(self.grid)}"


def _outcome(found: tuple[Any, Any], formula: Any, how: str) -> Outcome:
    """The scale, which must be that of the formula, and the zero point, unless it is NaN."""
    scale, zero_point = agreed("a scale", show(f32(found[0])), show(f32(formula)), how), found[1]
    return Outcome(f"scale {scale}" + (f", zero point {int(zero_point)}" if np.isfinite(zero_point) else ""), how)


def _at_least(eps: Any, found: tuple[Any, Any], formula: Any, how: str) -> Outcome:
    """As _outcome, where eps is the least scale."""
    least = f"; eps, the least scale, is {show(eps)}" if formula < eps else ""
    return _outcome(found, np.maximum(formula, eps), how + least)


def _torchao(mapping: Any) -> Callable[[Range], tuple[Any, Any]]:
    return lambda r: torchao.choose_qparams_affine(r.ends, mapping, (2,), r.grid)


# ---------------------------------------------------------------------------------------------- symmetric

@arguments.quiet
def ask_symmetric(r: Range) -> Case:
    """The scale that each engine chooses for symmetric codes."""
    top, steps = max(r.hi, -r.lo), f32((r.grid.qmax - r.grid.qmin) / 2)
    middle, ends = (r.grid.qmin + r.grid.qmax + 1) // 2, f"{r.grid.qmin} + {r.grid.qmax}"
    own, largest = symmetric_params(r.lo, r.hi, r.grid), f"max |x| = {show(top)}"
    halves = f"{largest}, / {show(steps)}: half of qmax - qmin"
    down, up = ("", "") if r.grid.signed else (f"; zero point ({ends}) // 2", f"; zero point ({ends} + 1) // 2")
    of_torch, of_torchao = pytorch.symmetric_qparams(r.lo, r.hi, r.grid), _torchao(torchao.symmetric)(r)
    agreed("zero points", [int(of_torch[1]), int(of_torchao[1]), int(own.zero_point)],
           [(r.grid.qmin + r.grid.qmax + r.grid.signed) // 2, middle, middle])
    engines = {"torch observers, symmetric": _at_least(f32(pytorch.EPS), of_torch, top / steps, halves + down),
               "torchao symmetric": _at_least(TINY, of_torchao, top / steps, halves + up)}
    if r.grid.signed:
        engines["torchao symmetric_no_clipping_err"] = _at_least(
            TINY, _torchao(torchao.symmetric_no_clipping_err)(r),
            max(r.lo / f32(r.grid.qmin), r.hi / f32(r.grid.qmax)),
            f"the larger of {show(r.lo)} / {r.grid.qmin} and {show(r.hi)} / {r.grid.qmax}")
    if r.grid == INT4:
        first, stored = r.lo if -r.lo >= r.hi else r.hi, gguf.quantize_q4_0(r.block)[:2].view("<f2")[0]
        engines["gguf Q4_0"] = _outcome((stored, 0), np.float16(first / f32(-8)),
                                        f"the value of the largest |x|, {show(first)}, / -8, in float16")
    n = min(r.grid.qmax - middle, middle - r.grid.qmin)
    of_rule, how = (top / f32(n), f"{largest}, / {n}{up}") if top else (1, ALL_ZERO)
    return Case(str(r), _outcome((own.scale, own.zero_point), of_rule, how), engines)


# ---------------------------------------------------------------------------------------------- affine

def _dynamic(r: Range) -> tuple[Any, Any]:
    return onnxruntime.dynamic_quantize_linear(r.ends)[1:]


#: Name -> its (scale, zero point) of a range, and its least scale; 0 where a range of zeros gets scale 1 instead.
FITS: dict[str, tuple[Callable[[Range], tuple[Any, Any]], Any]] = {
    "torch observers, affine": (lambda r: pytorch.affine_qparams(r.lo, r.hi, r.grid), f32(pytorch.EPS)),
    "torchao asymmetric": (_torchao(torchao.asymmetric), TINY),
    "ONNX Runtime DynamicQuantizeLinear": (_dynamic, f32(0)),
}


def _fits(r: Range) -> dict[str, tuple[tuple[Any, Any], Any]]:
    """What each of FITS that takes this range finds, and its least scale."""
    return {name: (fit(r), eps) for name, (fit, eps) in FITS.items()
            if fit is not _dynamic or (r.grid == UINT8 and not np.isnan(r.hi))}


@arguments.quiet
def ask_range(r: Range) -> Case:
    """What each makes of [lo, hi]: scale and zero point."""
    lo, hi = min(r.lo, f32(0)), max(r.hi, f32(0))
    n, width = f32(r.grid.qmax - r.grid.qmin), hi - lo
    across = f"(hi - lo) / {show(n)} = {show(width)} / {show(n)} = {show(width / n)}"
    return Case(str(r), _own(r, lo, hi), {
        name: _at_least(eps, found, width / n, across + _zero_point(lo, *found, r.grid)) if width or eps else
        _outcome(found, 1, ALL_ZERO) for name, (found, eps) in _fits(r).items()})


def _own(r: Range, lo: Any, hi: Any) -> Outcome:
    """What the rule makes of [lo, hi]."""
    try:
        params = affine_params(r.lo, r.hi, r.grid)
    except ValueError:
        return Outcome("refused", "NaN has no place in a range" if np.isnan(r.lo) else "a range must be finite")
    if lo == hi:
        return _outcome((params.scale, params.zero_point), 1, ALL_ZERO)
    n = f32(r.grid.qmax - r.grid.qmin)
    half = max((hi / 2 - lo / 2) / (n / 2), TINY)
    why = f"(hi/2 - lo/2) / ({show(n)}/2)" + ", and no less than the smallest normal number" * bool(half == TINY)
    return _outcome((params.scale, params.zero_point), half, why)


def _zero_point(lo: Any, scale: Any, zero_point: Any, grid: IntGrid) -> str:
    """Where the zero point comes from, if the scale is no ordinary number."""
    v = lo / f32(scale)
    if not np.isnan(v):
        agreed("a zero point", int(zero_point), int(np.clip(grid.qmin - np.rint(v), grid.qmin, grid.qmax)))
    ends = f"nan: zero point {int(zero_point)} comes out" if np.isnan(v) else f"{show(v)}"
    return "" if 0 < scale < np.inf else f"; lo / scale = {ends}"


# ---------------------------------------------------------------------------------------------- zeros

@arguments.quiet
def ask_zero_block() -> Case:
    """The scale of a block that is all 0."""
    block, zero = np.zeros(32, f32), f32(0)
    formats = {"gguf Q8_0": (gguf.quantize_q8_0, "max |x| / 127", zero / 127),
               "gguf Q4_0": (gguf.quantize_q4_0, "the value of the largest |x| / -8", zero / -8),
               "gguf Q4_1": (gguf.quantize_q4_1, "(max - min) / 15", zero / 15)}
    own = symmetric_params(zero, zero, INT8)
    return Case("a block of 32 zeros", Outcome(f"scale {show(own.scale[()])}", ALL_ZERO), {
        name: _outcome((f(block)[:2].view("<f2")[0], np.nan), formula,
                       f"{how} = {show(formula)}; 1 / scale is taken as 0")
        for name, (f, how, formula) in formats.items()})


@arguments.quiet
def ask_zero(r: Range) -> Case:
    """From where to where the codes reach: 0.0 among them or not."""
    own, free = affine_params(r.lo, r.hi, r.grid), _torchao(torchao.asymmetric_dont_preserve_zero)(r)
    n, width, widened = f32(r.grid.qmax - r.grid.qmin), r.hi - r.lo, "the range is widened to contain 0"
    scale, stored = width / n, gguf.quantize_q4_1(r.block)[:4].view("<f2").astype(f32)
    agreed("dont_preserve_zero", float(free[0]), float(scale))
    agreed("Q4_1", stored.tolist(), [float(np.float16(width / f32(15))), float(np.float16(r.lo))])
    return Case(str(r), Outcome(_reach(own.scale, own.zero_point, r.grid), widened), {
        **{name: Outcome(_reach(*found, r.grid), widened) for name, (found, _) in _fits(r).items()},
        "torchao asymmetric_dont_preserve_zero": Outcome(
            _reach(*free, r.grid), f"(hi - lo) / {show(n)} = {show(scale)}, not widened; the zero point "
            f"{r.grid.qmin - round(float(r.lo / scale))} is no code and clipped to {int(free[1])}"),
        "gguf Q4_1": Outcome(f"codes reach from {stored[1]:.4g} to {stored[1] + 15 * stored[0]:.4g}",
                             "4-bit codes; min and scale = (max - min) / 15, in float16: x_hat = scale * q + min, so "
                             "0.0 has no code")})


def _reach(scale: Any, zero_point: Any, grid: IntGrid) -> str:
    ends = [float(scale) * (code - int(zero_point)) for code in (grid.qmin, grid.qmax)]
    return f"codes reach from {ends[0]:.4g} to {ends[1]:.4g}"


@arguments.quiet
def ask_stored_scale(x: Any, top: Any) -> Case:
    """The error of one value where the scale is stored in float16."""
    block = np.array([top, x] + 30 * [0], f32)
    stored, params = gguf.quantize_q8_0(block), symmetric_params(-top, top, INT8)
    d, code = stored[:2].view("<f2")[0], int(stored.view(np.int8)[3])
    x_hat = agreed("Q8_0", float(gguf.dequantize_q8_0(stored)[1]), float(f32(d) * f32(code)))
    return Case(f"x = {show(x)}, where max |x| is {show(top)}, int8",
                Outcome(_off(x, fake_quantize(f32(x), params), params.scale),
                        f"scale {show(params.scale[()])} both ways"),
                {"gguf Q8_0": Outcome(_off(x, x_hat, params.scale), f"code {code} chosen by scale "
                                      f"{show(top / f32(127))}, read by {show(f32(d))}: it is stored in float16")})


def _off(x: Any, x_hat: Any, scale: Any) -> str:
    return f"x_hat is off by {abs(float(x) - float(x_hat)) / float(scale):.2f} of the scale"
