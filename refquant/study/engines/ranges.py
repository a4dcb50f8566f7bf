"""What engines make of a range: scale and zero point. The tests compute each scale again from the words beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...affine import fake_quantize
from ...engines import gguf, onnxruntime, pytorch, torchao
from ...engines.exact import show
from ...grids import INT4, INT8, UINT8, Grid
from ...ranges import affine_params, symmetric_params
from .cases import Case, Outcome, name_of

f32 = np.float32
TINY, EPS = np.finfo(f32).tiny, f32(pytorch.EPS)
ALL_ZERO = "all is 0: scale 1"


class Range(NamedTuple):
    """The data's smallest and largest value."""

    lo: Any
    hi: Any
    grid: Grid

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


def _outcome(scale: Any, zero_point: Any, how: str, least: Any = None) -> Outcome:
    """A scale and a zero point, unless it is NaN; and whether it is the least scale."""
    how += f"; eps, the least scale, is {show(least)}" if scale == least else ""
    return Outcome(f"scale {show(f32(scale))}" + f", zero point {zero_point:.0f}" * bool(np.isfinite(zero_point)), how)


def _torchao(mapping: Any, r: Range) -> tuple[Any, Any]:
    return torchao.choose_qparams_affine(r.ends, mapping, (2,), r.grid)


# ---------------------------------------------------------------------------------------------- symmetric

@arguments.quiet
def ask_symmetric(r: Range) -> Case:
    """The scale that each engine chooses for symmetric codes."""
    qmin, qmax, own = r.grid.qmin, r.grid.qmax, symmetric_params(*r)
    top, ends = max(r.hi, -r.lo), f"; zero point ({qmin} + {qmax}"
    down, up = ("", "") if r.grid.qmin < 0 else (f"{ends}) // 2", f"{ends} + 1) // 2")
    largest = f"max |x| = {show(top)}, / "
    halves = f"{largest}{show((qmax - qmin) / 2)}: half of qmax - qmin"
    engines = {"torch observers, symmetric": _outcome(*pytorch.symmetric_qparams(*r), halves + down, EPS),
               "torchao symmetric": _outcome(*_torchao(torchao.symmetric, r), halves + up, TINY)}
    if r.grid.qmin < 0:
        engines["torchao symmetric_no_clipping_err"] = _outcome(
            *_torchao(torchao.symmetric_no_clipping_err, r),
            f"the larger of {show(r.lo)} / {qmin} and {show(r.hi)} / {qmax}", TINY)
    if r.grid == INT4:
        first = show(r.lo if -r.lo >= r.hi else r.hi)
        engines["gguf Q4_0"] = _outcome(_scale(gguf.quantize_q4_0(r.block)), 0,
                                        f"the value of the largest |x|, {first}, / -8, in float16")
    how = f"{largest}{2 ** (r.grid.bits - 1) - 1}{up}" if top else ALL_ZERO
    return Case(str(r), _outcome(own.scale, own.zero_point, how), engines)


def _scale(stored: Any) -> Any:
    """The scale of a block."""
    return stored[:2].view("<f2")[0]


# ---------------------------------------------------------------------------------------------- affine

def _fits(r: Range) -> dict[str, tuple[tuple[Any, Any], Any]]:
    """What each engine finds that takes this range, and its least scale."""
    fits: dict[str, Any] = {"torch observers, affine": (pytorch.affine_qparams(*r), EPS),
                            "torchao asymmetric": (_torchao(torchao.asymmetric, r), TINY)}
    if r.grid == UINT8 and not np.isnan(r.hi):
        fits["ONNX Runtime DynamicQuantizeLinear"] = onnxruntime.dynamic_quantize_linear(r.ends)[1:], None
    return fits


@arguments.quiet
def ask_range(r: Range) -> Case:
    """What each makes of [lo, hi]: scale and zero point."""
    lo, hi, n = min(r.lo, f32(0)), max(r.hi, f32(0)), f32(r.grid.qmax - r.grid.qmin)
    across = f"(hi - lo) / {show(n)} = {show(hi - lo)} / {show(n)} = {show((hi - lo) / n)}"
    return Case(str(r), _own(r), {
        name: _outcome(*found, ALL_ZERO if hi == lo and least is None else across + _zero_point(lo, *found), least)
        for name, (found, least) in _fits(r).items()})


def _own(r: Range) -> Outcome:
    """What the rule makes of [lo, hi]."""
    try:
        params = affine_params(*r)
    except ValueError:
        return Outcome("refused", "NaN has no place in a range" if np.isnan(r.lo) else "a range must be finite")
    how = f"(hi/2 - lo/2) / ({r.grid.qmax - r.grid.qmin}/2)"
    how += ", and no less than the smallest normal number" * bool(params.scale == TINY)
    return _outcome(params.scale, params.zero_point, how if r.lo or r.hi else ALL_ZERO)


def _zero_point(lo: Any, scale: Any, zero_point: Any) -> str:
    """Where the zero point comes from, if the scale is no ordinary number."""
    v = lo / f32(scale)
    ends = f"nan: zero point {int(zero_point)} comes out" if np.isnan(v) else show(v)
    return "" if 0 < scale < np.inf else f"; lo / scale = {ends}"


# ---------------------------------------------------------------------------------------------- zeros

@arguments.quiet
def ask_zero_block() -> Case:
    """The scale of a block that is all 0."""
    block, own = np.zeros(32, f32), symmetric_params(f32(0), f32(0), INT8)
    formats = {"gguf Q8_0": (gguf.quantize_q8_0, "max |x| / 127"),
               "gguf Q4_0": (gguf.quantize_q4_0, "the value of the largest |x| / -8"),
               "gguf Q4_1": (gguf.quantize_q4_1, "(max - min) / 15")}
    scales = {name: _scale(quantize(block)) for name, (quantize, _) in formats.items()}
    return Case("a block of 32 zeros", _outcome(own.scale, np.nan, ALL_ZERO), {
        name: _outcome(scales[name], np.nan, f"{how} = {show(scales[name])}; 1 / scale is taken as 0")
        for name, (_, how) in formats.items()})


@arguments.quiet
def ask_zero(r: Range) -> Case:
    """From where to where the codes reach: 0.0 among them or not."""
    own, free = affine_params(*r), _torchao(torchao.asymmetric_dont_preserve_zero, r)
    n, widened = f32(r.grid.qmax - r.grid.qmin), "the range is widened to contain 0"
    scale, low = gguf.quantize_q4_1(r.block)[:4].view("<f2").astype(f32)
    return Case(str(r), Outcome(_reach(own.scale, own.zero_point, r.grid), widened), {
        **{name: Outcome(_reach(*found, r.grid), widened) for name, (found, _) in _fits(r).items()},
        "torchao asymmetric_dont_preserve_zero": Outcome(
            _reach(*free, r.grid), f"(hi - lo) / {show(n)} = {show((r.hi - r.lo) / n)}, not widened; the zero point "
            f"{r.grid.qmin - round(float(r.lo / free[0]))} is no code and clipped to {int(free[1])}"),
        "gguf Q4_1": Outcome(f"codes reach from {low:.4g} to {low + 15 * scale:.4g}",
                             "4-bit codes; min and scale = (max - min) / 15, in float16: x_hat = scale * q + min, so "
                             "0.0 has no code")})


def _reach(scale: Any, zero_point: Any, grid: Grid) -> str:
    ends = [float(scale) * (code - int(zero_point)) for code in (grid.qmin, grid.qmax)]
    return f"codes reach from {ends[0]:.4g} to {ends[1]:.4g}"


@arguments.quiet
def ask_stored_scale(x: Any, top: Any) -> Case:
    """The error of one value where the scale is stored in float16."""
    stored, params = gguf.quantize_q8_0(np.array([top, x] + 30 * [0], f32)), symmetric_params(-top, top, INT8)
    how = (f"code {stored.view(np.int8)[3]} chosen by scale {show(top / f32(127))}, read by "
           f"{show(f32(_scale(stored)))}: it is stored in float16")
    off, found = "x_hat is off by {:.2f} of the scale", (fake_quantize(f32(x), params), gguf.dequantize_q8_0(stored)[1])
    own, theirs = (off.format(abs(float(x) - float(x_hat)) / float(params.scale)) for x_hat in found)
    return Case(f"x = {show(x)}, where max |x| is {show(top)}, int8",
                Outcome(own, f"scale {show(params.scale[()])} both ways"), {"gguf Q8_0": Outcome(theirs, how)})
