"""What engines make of a range: scale and zero point. Each beside its formula, written out once more."""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...affine import fake_quantize
from ...engines import gguf, onnxruntime, pytorch, torchao
from ...grids import INT4, INT8, UINT8, IntGrid
from ...ranges import affine_params, symmetric_params
from .steps import Case, Told, agreed, name_of, show

f32 = np.float32
TINY = np.finfo(f32).tiny


def _told(scale: Any, zero_point: Any) -> str:
    return f"scale {show(scale)}" + (f", zero point {int(zero_point)}" if np.isfinite(zero_point) else "")


class Range(NamedTuple):
    """The data's smallest and largest value."""

    lo: Any
    hi: Any
    grid: IntGrid

    def __str__(self) -> str:
        of_data = "with a NaN" if np.isnan(self.lo) else f"from {show(self.lo)} to {show(self.hi)}"
        return f"data {of_data}, {name_of(self.grid)}"

    @property
    def block(self) -> Any:
        return np.array([self.lo, self.hi] + 30 * [self.hi], f32)


def _scale(scale: Any, zero_point: Any, formula: Any, how: str) -> Told:
    agreed("a scale", show(f32(scale)), (show(f32(formula)), how))
    return Told(_told(f32(scale), zero_point), how)


@arguments.quiet
def of_symmetric(r: Range) -> Case:
    """What each makes the scale of symmetric codes."""
    top, steps = max(r.hi, -r.lo), f32((r.grid.qmax - r.grid.qmin) / 2)
    middle, ends = (r.grid.qmin + r.grid.qmax + 1) // 2, f"{r.grid.qmin} + {r.grid.qmax}"
    own, largest = symmetric_params(r.lo, r.hi, r.grid), f"max |x| = {show(top)}"
    halves = f"{largest}, / {show(steps)}: half of qmax - qmin"
    down, up = ("", "") if r.grid.signed else (f"; zero point ({ends}) // 2", f"; zero point ({ends} + 1) // 2")
    of_torch, of_torchao = pytorch.symmetric_qparams(r.lo, r.hi, r.grid), _torchao(r, torchao.symmetric)
    agreed("zero points", [int(of_torch[1]), int(of_torchao[1]), int(own.zero_point)],
           ([(r.grid.qmin + r.grid.qmax + r.grid.signed) // 2, middle, middle], ends))
    engines = {"torch observers, symmetric": _at_least(f32(pytorch.EPS), of_torch, top / steps, halves + down),
               "torchao symmetric": _at_least(TINY, of_torchao, top / steps, halves + up)}
    if r.grid.signed:
        low, high = r.lo / f32(r.grid.qmin), r.hi / f32(r.grid.qmax)
        how = f"the larger of {show(r.lo)} / {r.grid.qmin} and {show(r.hi)} / {r.grid.qmax}"
        engines["torchao symmetric_no_clipping_err"] = _at_least(
            TINY, _torchao(r, torchao.symmetric_no_clipping_err), max(low, high), how)
    if r.grid == INT4:
        first = r.lo if -r.lo >= r.hi else r.hi
        stored = gguf.quantize_q4_0(r.block)[:2].view("<f2")[0]
        engines["gguf Q4_0"] = _scale(stored, 0, np.float16(first / f32(-8)),
                                      f"the value of the largest |x|, {show(first)}, / -8, in float16")
    n = min(r.grid.qmax - middle, middle - r.grid.qmin)
    of_rule, how = (top / f32(n), f"{largest}, / {n}{up}") if top else (1, "all is 0: scale 1")
    return Case(str(r), _scale(own.scale, own.zero_point, of_rule, how), engines)


def _at_least(eps: Any, found: tuple[Any, Any], formula: Any, how: str) -> Told:
    """As _scale, where eps is the least scale."""
    least = f"; eps, the least scale, is {show(eps)}" if formula < eps else ""
    return _scale(*found, np.maximum(formula, eps), how + least)


def _zero_point(lo: Any, scale: Any, zero_point: Any, grid: IntGrid) -> str:
    """Where the zero point comes from, if the scale is no ordinary number."""
    v = lo / f32(scale)
    if not np.isnan(v):
        agreed("a zero point", int(zero_point), (int(np.clip(grid.qmin - np.rint(v), grid.qmin, grid.qmax)), ""))
    ends = f"nan: zero point {int(zero_point)} comes out" if np.isnan(v) else f"{show(v)}"
    return "" if 0 < scale < np.inf else f"; lo / scale = {ends}"


def _torchao(r: Range, mapping: Any) -> tuple[Any, Any]:
    return torchao.choose_qparams_affine(np.array([r.lo, r.hi], f32), mapping, (2,), r.grid)


@arguments.quiet
def of_range(r: Range) -> Case:
    """What each makes of [lo, hi]: scale and zero point."""
    lo, hi = min(r.lo, f32(0)), max(r.hi, f32(0))
    n, width = f32(r.grid.qmax - r.grid.qmin), hi - lo
    try:
        params = affine_params(r.lo, r.hi, r.grid)
        why = "all is 0: scale 1" if lo == hi else f"(hi/2 - lo/2) / ({show(n)}/2)"
        half = max((hi / 2 - lo / 2) / (n / 2), TINY) if lo != hi else f32(1)
        why += ", and no less than the smallest normal number" if half == TINY else ""
        own = _scale(params.scale, params.zero_point, half, why)
    except ValueError:
        own = Told("refused", "NaN has no place in a range" if np.isnan(r.lo) else "a range must be finite")
    across = f"(hi - lo) / {show(n)} = {show(width)} / {show(n)} = {show(width / n)}"
    engines = {}
    fits: list[tuple[str, tuple[Any, Any], Any]] = [
        ("torch observers, affine", pytorch.affine_qparams(r.lo, r.hi, r.grid), f32(pytorch.EPS)),
        ("torchao asymmetric", _torchao(r, torchao.asymmetric), TINY)]
    for name, found, eps in fits:
        engines[name] = _at_least(eps, found, width / n, across + _zero_point(lo, *found, r.grid))
    if r.grid == UINT8 and not np.isnan(r.hi):
        _, scale, zero_point = onnxruntime.dynamic_quantize_linear(np.array([r.lo, r.hi], f32))
        engines["ONNX Runtime DynamicQuantizeLinear"] = _scale(
            scale, zero_point, width / n if width else 1,
            across + _zero_point(lo, scale, zero_point, r.grid) if width else "all is 0: scale 1")
    return Case(str(r), own, engines)


@arguments.quiet
def of_zero_block() -> Case:
    """The scale of a block that is all 0."""
    block, zero = np.zeros(32, f32), f32(0)
    formats = {"gguf Q8_0": (gguf.quantize_q8_0, "max |x| / 127", zero / 127),
               "gguf Q4_0": (gguf.quantize_q4_0, "the value of the largest |x| / -8", zero / -8),
               "gguf Q4_1": (gguf.quantize_q4_1, "(max - min) / 15", zero / 15)}
    own = symmetric_params(f32(0), f32(0), INT8)
    return Case("a block of 32 zeros", Told(f"scale {show(own.scale[()])}", "all is 0: scale 1"), {
        name: Told(f"scale {agreed(name, show(f(block)[:2].view('<f2')[0]), (show(formula), how))[0]}",
                   f"{how} = {show(formula)}; 1 / scale is taken as 0")
        for name, (f, how, formula) in formats.items()})


@arguments.quiet
def of_zero(r: Range) -> Case:
    """From where to where the codes reach: 0.0 among them or not."""
    own = affine_params(r.lo, r.hi, r.grid)
    case = of_range(r)
    free = _torchao(r, torchao.asymmetric_dont_preserve_zero)
    n = f32(r.grid.qmax - r.grid.qmin)
    scale = (r.hi - r.lo) / n
    agreed("dont_preserve_zero", float(free[0]), (float(scale), ""))
    stored = gguf.quantize_q4_1(r.block)[:4].view("<f2").astype(f32)
    agreed("Q4_1", stored.tolist(), ([float(np.float16((r.hi - r.lo) / f32(15))), float(np.float16(r.lo))], ""))
    widened = "the range is widened to contain 0"
    wide = {name: Told(_reach(*_pair(r, name), r.grid), widened) for name in case.engines}
    return Case(str(r), Told(_reach(own.scale, own.zero_point, r.grid), widened), {
        **wide,
        "torchao asymmetric_dont_preserve_zero": Told(
            _reach(*free, r.grid), f"(hi - lo) / {show(n)} = {show(scale)}, not widened; the zero point "
            f"{r.grid.qmin - round(float(r.lo / scale))} is no code and clipped to {int(free[1])}"),
        "gguf Q4_1": Told(f"codes reach from {stored[1]:.4g} to {stored[1] + 15 * stored[0]:.4g}",
                          "4-bit codes; min and scale = (max - min) / 15, in float16: x_hat = scale * q + min, so "
                          "0.0 has no code")})


def _pair(r: Range, name: str) -> tuple[Any, Any]:
    if name.startswith("ONNX"):
        return onnxruntime.dynamic_quantize_linear(np.array([r.lo, r.hi], f32))[1:]
    return pytorch.affine_qparams(r.lo, r.hi, r.grid) if name.startswith("torch obs") else _torchao(
        r, torchao.asymmetric)


def _reach(scale: Any, zero_point: Any, grid: IntGrid) -> str:
    ends = [float(scale) * (code - int(zero_point)) for code in (grid.qmin, grid.qmax)]
    return f"codes reach from {ends[0]:.4g} to {ends[1]:.4g}"


@arguments.quiet
def of_stored_scale(x: Any, top: Any) -> Case:
    """The error of one value where the scale is stored in float16."""
    block = np.array([top, x] + 30 * [0], f32)
    stored = gguf.quantize_q8_0(block)
    params = symmetric_params(-top, top, INT8)
    d, code = stored[:2].view("<f2")[0], int(stored.view(np.int8)[3])
    agreed("Q8_0", float(gguf.dequantize_q8_0(stored)[1]), (float(f32(d) * f32(code)), ""))
    return Case(f"x = {show(x)}, where max |x| is {show(top)}, int8",
                Told(_off(x, fake_quantize(f32(x), params), params.scale), f"scale {show(params.scale[()])} both ways"),
                {"gguf Q8_0": Told(_off(x, f32(d) * f32(code), params.scale),
                                   f"code {code} chosen by scale {show(top / f32(127))}, read by {show(f32(d))}: it "
                                   "is stored in float16")})


def _off(x: Any, x_hat: Any, scale: Any) -> str:
    return f"x_hat is off by {abs(float(x) - float(x_hat)) / float(scale):.2f} of the scale"
