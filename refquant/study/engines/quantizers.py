"""Every quantizer that takes a number, a scale and a zero point, and its way; the blocks of gguf, which take no zero
point, brought to the same question.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import arguments
from ...affine import AffineParams, quantize
from ...engines import gguf, litert, onnxruntime, pytorch, torchao
from ...grids import INT8, INT16, UINT8, IntGrid
from .steps import Answer, Point, Way, agreed, quotient, show, steps


def rule(p: Point) -> Answer:
    """What refquant says."""
    try:
        code: int | None = int(quantize(np.asarray(p.x), _params(p)))
    except ValueError:
        code = None
    return agreed("refquant", code, steps(Way(), p))


def _params(p: Point) -> AffineParams:
    return AffineParams(scale=p.scale, zero_point=p.zero_point, grid=p.grid)


def _onnxruntime(p: Point) -> int:
    return int(onnxruntime.quantize_linear(p.x, p.scale, p.grid.dtype.type(p.zero_point), grid=p.grid))


def _onnxruntime_float16(p: Point) -> int:
    zero = p.grid.dtype.type(p.zero_point)
    return int(onnxruntime.quantize_linear(p.x, p.scale, zero, precision=np.float16))


def _per_tensor(p: Point) -> int:
    return int(pytorch.quantize_per_tensor(p.x, float(p.scale), p.zero_point, p.grid))


def _per_channel(p: Point) -> int:
    return int(pytorch.quantize_per_channel(p.x.reshape(1), [p.scale], [p.zero_point], 0, p.grid)[0])


def _fake_per_tensor(p: Point) -> int:
    return _code(pytorch.fake_quantize_per_tensor_affine(p.x, float(p.scale), p.zero_point, p.grid)[0], p)


def _fake_per_channel(p: Point) -> int:
    fake = pytorch.fake_quantize_per_channel_affine(p.x.reshape(1), [p.scale], [p.zero_point], 0, p.grid)
    return _code(fake[0][0], p)


def _code(x_hat: Any, p: Point) -> int:
    """The code that a fake-quantized real means."""
    if np.isinf(x_hat):
        raise arguments.error(ValueError, "fake quantization", "`x_hat` must be finite, to mean a code", x_hat,
                              "take a smaller scale")
    return round(float(x_hat) / float(p.scale)) + p.zero_point


def _torchao(p: Point) -> int:
    return int(torchao.quantize_affine(p.x.reshape(1), (1,), p.scale.reshape(1), [p.zero_point], p.grid)[0])


def _litert_reference(p: Point) -> int:
    return int(litert.quantize_reference(p.x, _params(p)))


def _litert_xnnpack(p: Point) -> int:
    return int(litert.quantize_xnnpack(p.x, _params(p)))


class Engine(NamedTuple):
    """An operator that takes a number, a scale and a zero point: its code, its way, the grids and dtypes it has."""

    code: Callable[[Point], int]
    way: Way
    grids: tuple[IntGrid, ...] = (INT8, UINT8)
    half: Way | None = None  # its way with float16 data


RECIPROCAL = Way("reciprocal")
QUANTIZERS: dict[str, Engine] = {
    "ONNX Runtime QuantizeLinear": Engine(_onnxruntime, Way(nan="qmin"), (INT8, UINT8, INT16), Way(nan="qmin")),
    "ONNX Runtime QuantizeLinear, precision=float16": Engine(_onnxruntime_float16, Way("half", nan="qmin"),
                                                             (INT8, UINT8), Way("half", nan="qmin")),
    "torch.quantize_per_tensor": Engine(_per_tensor, Way("fused", before=True, nan="qmax")),
    "torch.quantize_per_channel": Engine(_per_channel, Way("reciprocal", before=True, nan="0")),
    "torch.fake_quantize_per_tensor_affine": Engine(_fake_per_tensor, RECIPROCAL._replace(nan="qmin"),
                                                    (INT8, UINT8, INT16), Way("wide", nan="qmin")),
    "torch.fake_quantize_per_channel_affine": Engine(_fake_per_channel, RECIPROCAL._replace(cast=64, nan="cast"),
                                                     (INT8, UINT8, INT16), Way("wide", cast=64, nan="cast")),
    "torchao quantize_affine": Engine(_torchao, RECIPROCAL._replace(nan="0"), (INT8, UINT8, INT16),
                                      RECIPROCAL._replace(nan="0")),
    "LiteRT QUANTIZE, reference": Engine(_litert_reference, Way(away=True, cast=32, wraps=True, nan="cast"),
                                         (INT8, UINT8, INT16)),
    "LiteRT QUANTIZE, XNNPACK": Engine(_litert_xnnpack, Way("flushed", nan="qmax")),
}


def answer(name: str, p: Point) -> Answer | None:
    """What an engine makes of a number; None if it has no such operator."""
    if name in BLOCKS:
        return BLOCKS[name](p)
    engine = QUANTIZERS[name]
    way = engine.way if p.x.dtype == np.float32 else engine.half
    if way is None or p.grid not in engine.grids or p.x.dtype == np.float64 or (
            name == "LiteRT QUANTIZE, XNNPACK" and p.scale < np.finfo(np.float32).tiny):
        return None
    try:
        return agreed(name, engine.code(p), steps(way, p))
    except ValueError:  # a value of no code
        return None


# ---------------------------------------------------------------------------------------------- blocks, which have no z

def block_q8_0(p: Point) -> Any:
    """A block whose largest value gives this very scale, x in second place; None if there is none."""
    return _block(p, np.float32(127) * p.scale, np.float32(0), np.float32(127), 127.0, -127.0)


def block_q4_0(p: Point) -> Any:
    """Likewise: -8 steps are the largest magnitude."""
    return _block(p, np.float32(-8) * p.scale, np.float32(0), np.float32(-8), 7.5, -7.5)


def block_q4_1(p: Point) -> Any:
    """Likewise: from 0 to 15 steps, or from -8 to 7."""
    low, high = (-8, 7) if p.x < 0 else (0, 15)
    top, bottom = np.float32(high) * p.scale, np.float32(low) * p.scale
    block = _block(p, top, bottom, np.float32(high), high, low)
    return None if block is None or (top - bottom) / np.float32(15) != p.scale else block


def _block(p: Point, first: Any, last: Any, steps_of_first: Any, most: float, least: float) -> Any:
    plain = p.x.dtype == np.float32 and p.zero_point == 0 and p.grid == INT8
    plain = plain and bool(p.scale >= 2.0**-126)  # below, 1 / scale may overflow
    if not plain or not (least * p.scale <= p.x <= most * p.scale) or first / steps_of_first != p.scale:
        return None
    return np.array([first, p.x, last] + 29 * [0], np.float32)


def _q8_0(p: Point) -> Answer | None:
    block = block_q8_0(p)
    if block is None:
        return None
    code: int | None = int(gguf.quantize_q8_0(block).view(np.int8)[3])
    return agreed("Q8_0", code, steps(Way("reciprocal", away=True), p))


def _q4_0(p: Point) -> Answer | None:
    block = block_q4_0(p)
    if block is None:
        return None
    v = p.x * (np.float32(1) / p.scale)
    total = v + np.float32(8.5)
    told = f"x * (1 / scale) = {quotient(v, p.x, p.scale)}, + 8.5 = {show(total)} in float32, {_cut(total)}, - 8 = "
    code = min(int(total), 15) - 8
    return agreed("Q4_0", int(gguf.quantize_q4_0(block)[3] & 15) - 8, (code, f"{told}{code}"))


def _cut(total: Any) -> str:
    return f"truncated: {int(total)}" + (", at most 15" if total >= 16 else "")


def _q4_1(p: Point) -> Answer | None:
    block = block_q4_1(p)
    if block is None:
        return None
    low = round(float(block.min() / p.scale))
    v = (p.x - block.min()) * (np.float32(1) / p.scale)
    total = v + np.float32(0.5)
    code = min(int(total), 15) + low
    above = f"(x - min) * (1 / scale), min = {low} steps," if low else "x * (1 / scale)"
    told = f"{above} = {quotient(v, p.x - block.min(), p.scale)}, + 0.5 = {show(total)} in float32, {_cut(total)}"
    return agreed("Q4_1", int(gguf.quantize_q4_1(block)[5] & 15) + low,
                  (code, told + (f", - {-low} = {code}" if low else "")))


BLOCKS: dict[str, Callable[[Point], Answer | None]] = {"gguf Q8_0": _q8_0, "gguf Q4_0": _q4_0, "gguf Q4_1": _q4_1}
