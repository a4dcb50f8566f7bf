"""Quantizers whose packages are not in the extra: their codes were recorded once, in tests/golden/quantizers.json.

`python -m quantizers.tables PACKAGE`, in tests/, records those of a package anew, where it is installed: it runs the
lines, asks the function at points() and writes the codes beside those of the others. The lines are the call, and the
file holds the version. What identify says of the rows stands here, too.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from quantizers.pasted import EARLY, FIRST, Quantizer, of
from recorded import decoded, encoded

import refquant as rq

GOLDEN = Path(__file__).parents[1] / "golden" / "quantizers.json"
UINT8 = rq.UINT8
#: Scale and zero point. Of these scales both ends of the range are exact, but not of those that are FULL; each number
#: of the last two is 2**-126 times one of the two before.
SHORT = [("0x1p+0", 0), ("0x1p+0", 128), ("0x1p+0", 3), ("0x1p+0", 255), ("0x1.cp+2", 3), ("0x1.88p+5", 200),
         ("0x1.999ap-4", 128), ("0x1.ffcp+0", 129), ("0x1.5556p-2", 0), ("0x1.a31p-1", 3), ("0x1.4p+2", 255),
         ("0x1.fffep+0", 201), ("0x1.4f8cp-17", 128), ("0x1.76p+7", 131)]
FULL = [("0x1.99999ap-4", 0), ("0x1.ffc004p+0", 3), ("0x1.a30fecp-1", 128), ("0x1.fffffcp+0", 200)]
TINY = [("0x1.4p+0", 0), ("0x1.4p+0", 128), ("0x1.4p-126", 0), ("0x1.4p-126", 128)]

RECORDED = [
    of("qonnx", "int_quant", "np.round(clip(x / scale + zero point))", EARLY, """
       from qonnx.custom_op.general.intquant import int_quant
       def mine(x, p):
           x_hat = int_quant(x, p.scale, p.zero_point.astype(np.float32), np.float32(8), False, False, "ROUND")
           return np.rint(x_hat / p.scale + p.zero_point)
       """, "zero_point=before_rounding"),
    of("nncf", "do_integer_quantization, of weights", "clip(round(x / scale + zero point))", EARLY, """
       from nncf import CompressWeightsMode; from nncf.tensor import Tensor
       from nncf.quantization.algorithms.weight_compression.config import WeightCompressionConfig
       from nncf.quantization.algorithms.weight_compression.weight_lowering import do_integer_quantization as f
       how = WeightCompressionConfig(CompressWeightsMode.INT8_ASYM, group_size=-1)
       def mine(x, p): return f(Tensor(x), how, -1, Tensor(p.scale), Tensor(p.zero_point)).tensor.data
       """, "zero_point=before_rounding"),
    of("aimet-torch", "quantization.affine.quantize", "clamp(round(x / scale) - offset)", "right", """
       import torch; from aimet_torch.quantization.affine import quantize
       def mine(x, p):
           x, scale, offset = (torch.tensor(each, dtype=torch.float32) for each in (x, p.scale, -p.zero_point))
           return quantize(x, scale, offset, qmin=0, qmax=255).numpy()
       """, "refquant's own"),
    of("mlx", "quantize", "clip(rint((x - lo) / scale)), where -lo is larger than hi",
       "lo is subtracted first; it has a scale of its own, of 1e-7 at least, so that nothing lies beyond the codes", """
       import mlx.core as mx
       def mine(x, lo, hi):
           rows = np.full((x.size, 64), lo, np.float32)
           rows[:, 1], rows[:, 2] = hi, x
           return np.array(mx.quantize(mx.array(rows), 64, 8)[0]).view(np.uint8)[:, 2]
       """, "zero_point=offset_first"),
    of("tensorflow-cpu", "fake_quant_with_min_max_vars", "floor((clip(x) - lo) / scale - zero point + 0.5f)",
       "lo is subtracted first, then the zero point, then a half is added: no named convention, three roundings",
       """
       import tensorflow as tf
       def mine(x, lo, hi):
           x_hat = tf.quantization.fake_quant_with_min_max_vars(x, lo, hi, num_bits=8).numpy()
           return np.rint((x_hat - lo) / ((hi - lo) / np.float32(255)))
       """, "Nearest is zero_point=offset_first, rounding=half_added; its codes differ from yours for"),
    of("openvino", "FakeQuantize, on a processor, with constant ranges", "round(x * (255 / (hi - lo)) + shift)",
       "the reciprocal, and a zero point that float32 rounded, before rounding: no named convention", """
       import openvino as ov; from openvino import opset13 as ops
       def mine(x, lo, hi):
           p, ends = ops.parameter(x.shape, np.float32), np.float32([lo, hi, 0, 255])
           model = ov.Model([ops.fake_quantize(p, *(ops.constant(end) for end in ends), 256)], [p])
           return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]
       """, "Nearest is division=reciprocal, zero_point=before_rounding; its codes differ from yours for"),
]


def points() -> list[tuple[Any, Any, int]]:
    """(x, scale, zero point): ties, quarters, one ulp beside, plain values, beyond the codes, infinities and NaN."""
    rng, found = np.random.default_rng(0), []
    for i, (hex_scale, z) in enumerate([*SHORT, *FULL, *TINY[:2]]):
        scale = np.float32(float.fromhex(hex_scale))
        steps = np.concatenate([rng.integers(-z, 255 - z, 5) + 0.5, [0.5 - z, 1.5 - z, 0.25, 0]])
        small = np.spacing(np.abs(steps + z).astype(np.float32)) / 2  # a tie of the sum in float32
        on = (np.concatenate([steps, steps + small, steps - small]) * scale).astype(np.float32)
        beside = [np.nextafter(on[:7], np.float32(end)) for end in (-np.inf, np.inf)]
        beyond = np.array([255.5, 256, 300, 3e9, 1e19]) * scale
        x = [on, *beside, rng.uniform(-z, 255 - z, 9) * scale, beyond - z * scale, -beyond,
             [np.inf, -np.inf, np.nan][:3 * (i < 4)], np.array([0.3, 0.7]) * scale]
        found.append((np.concatenate(x).astype(np.float32), scale, z))
    tiny = np.float32(2.0**-126)
    return found + [(x * tiny, scale * tiny, z) for x, scale, z in found[-2:]]


def takes(quantizer: Quantizer, scale: Any, z: int, x: Any) -> Any:
    """Which numbers it can be asked: by range, if both ends are exact; mlx, in the range, with codes from the left."""
    steps = x / np.float64(scale) + z
    short = (float(scale).hex(), z) not in [(float.fromhex(s).hex(), z) for s, z in FULL]
    if quantizer.package == "mlx":
        return (steps >= 0) & (steps <= 255) & (z >= 128) & short & (scale > 1e-7)
    return np.full(x.shape, short or "lo, hi" not in quantizer.lines)


def asked(quantizer: Quantizer) -> list[Any]:
    """What the quantizer's lines give at points(): codes, -1 where there is none."""
    names: dict[str, Any] = {}
    exec(compile(f"{FIRST}\n{quantizer.lines}", quantizer.name, "exec"), names)
    mine = names["mine"]
    mine = names["by_range"](mine) if "lo, hi" in quantizer.lines else mine
    found: list[Any] = []
    for x, scale, z in points():
        q, these = np.full(x.shape, -1.0), takes(quantizer, scale, z, x)
        if these.any():
            q[these] = np.asarray(mine(x[these], rq.AffineParams(scale=scale, zero_point=z, grid=UINT8)), np.float64)
        found += np.where(np.isnan(q), -1, q).astype(int).tolist()
    return found


def record(quantizer: Quantizer) -> None:
    """The quantizer's codes into the file, where points must be those of the others."""
    every = [[float(scale).hex(), z, encoded(x)["values"]] for x, scale, z in points()]
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"points": every, "codes": {}}
    assert stored["points"] == every, "other points: record all packages anew"
    stored["codes"][quantizer.package] = {"version": version(quantizer.package), "codes": asked(quantizer)}
    codes = ",\n".join(f"{json.dumps(name)}: {json.dumps(each, separators=(',', ':'))}" for name, each in sorted(
        stored["codes"].items()))
    text = f'{{"points": {json.dumps(every)},\n"codes": {{{codes}}}}}\n'
    GOLDEN.write_text(text, encoding="utf-8")


def rows(package: str) -> tuple[str, Any]:
    """The version, and rows (x, scale, zero_point, code) of a package."""
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))
    columns = [(x, float.fromhex(scale), z) for scale, z, values in stored["points"] for x in decoded(
        {"dtype": "float32", "shape": [-1], "values": values}).tolist()]
    table = np.column_stack([np.array(columns), stored["codes"][package]["codes"]])
    return stored["codes"][package]["version"], table[table[:, 3] >= 0]


if __name__ == "__main__":
    for quantizer in RECORDED:
        if quantizer.package in sys.argv[1:]:
            record(quantizer)
