"""Results of engines, small, for the plain tests: `python tests/golden/record.py` adds those that are installed to
tests/golden/engines.npz.

NAME/INPUT and NAME/result hold arrays; NAME says which engine ran. The versions are those that pyproject.toml pins;
TensorFlow's is 2.21.0."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import refquant as rq

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "numpy", "CI": "1"}  # CI: what is missing raises
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "conformance")]
PATH = Path(__file__).with_name("engines.npz")
Results = dict[str, dict[str, Any]]
rng = np.random.default_rng(0)


def beside(x: Any) -> Any:
    """x, half of it one float32 up or down."""
    x = np.asarray(x, np.float32)
    moved = np.nextafter(x, rng.choice(np.float32([-np.inf, np.inf]), x.shape))
    return np.where((rng.random(x.shape) < 0.5) | (x == 0), x, moved)


def blocks(size: int, values: Any, count: int = 60) -> Any:
    """Blocks of values and ties, times a scale of each."""
    ties = np.concatenate([values, (values[1:] + values[:-1]) / 2]).astype(np.float32)
    x = beside(rng.choice(ties, (count, size)) * np.exp2(rng.integers(-8, 9, (count, 1))).astype(np.float32))
    x[::3] = rng.standard_normal(x[::3].shape) * np.exp2(rng.uniform(-6, 6, (len(x[::3]), 1)))
    return x


def points(grid: rq.Grid) -> Any:
    """Values and ties of a grid, and what lies beyond."""
    values = grid.values
    ties = (values[1:] + values[:-1]) / 2
    far = values[-1] + (values[-1] - values[-2]) * np.arange(0.25, 2.25, 0.25)
    return beside(np.concatenate([rng.choice(values, 60), rng.choice(ties, 120), far, -far, [np.inf, -np.inf, 0.0]]))


def torchao() -> Results:
    import test_mx
    import torch

    found = {}
    for name in ("E4M3", "E2M1"):
        for mode in test_mx.FITS:
            x = blocks(32, test_mx.GRIDS[name].values)
            scale, q = test_mx.to_mx(x, name, mode)
            found[f"torchao MX {mode} {name}"] = {"x": x, "scale": scale, "result": q}
    from torchao.prototype.mx_formats.kernels import unpack_uint4
    from torchao.prototype.mx_formats.nvfp4_tensor import nvfp4_quantize
    for second in (None, 0.0457589):
        x = blocks(16, rq.E2M1.values)
        scale, q = nvfp4_quantize(torch.from_numpy(x), 16, None if second is None else torch.tensor(second))
        found[f"torchao NVFP4 {second}"] = {"x": x, "scale": scale.view(torch.uint8).numpy().reshape(-1, 1),
                                            "result": unpack_uint4(q.view(torch.uint8)).numpy().reshape(x.shape)}
    return found


def casts() -> Results:
    import ml_dtypes
    import test_float_casts as cast
    import torch

    found: Results = {}
    for name, grid in cast.GRIDS.items():
        x = points(grid)
        kind = "FP6 and FP4" if grid.bits < 8 else name if name == "E5M2" else "E4M3 and FNUZ"
        found[f"cast ml_dtypes astype, {kind}/{name}"] = {"x": x, "result": x.astype(getattr(
            ml_dtypes, cast.ML[name])).astype(np.float32)}
        if name in cast.FP8:
            kind = name if name in ("E4M3", "E5M2") else "FNUZ"
            found[f"cast torch.Tensor.to, {kind}/{name}"] = {"x": x, "result": torch.from_numpy(x).to(getattr(
                torch, cast.ML[name])).float().numpy()}
            found[f"cast ONNX Runtime QuantizeLinear, float8/{name}"] = {
                "x": x, "result": cast.onnxruntime_values(name, "QuantizeLinear", 1, x, np.float32(1))}
        if name in ("E4M3", "E5M2"):
            found[f"cast ONNX Runtime QuantizeLinear, {name}, saturate=0/{name}"] = {
                "x": x, "result": cast.onnxruntime_values(name, "QuantizeLinear", 0, x, np.float32(1))}
        if name in ("E4M3", "E4M3FNUZ", "E5M2FNUZ"):
            found[f"cast onnx.reference Cast, saturate=0/{name}"] = {
                "x": x, "result": cast.reference_values(name, "Cast", 0, x, np.float32(1))}
    x = np.abs(points(rq.E5M2))
    found["E8M0 ml_dtypes"] = {"x": x, "result": x.astype(ml_dtypes.float8_e8m0fnu).astype(np.float32)}
    return found


def layers() -> Results:
    import test_deployed_integers

    found: Results = {}
    for bits in (2, 4, 8):
        for zero in (False, True):
            b, scales, zeros = test_deployed_integers.nbits(rng, bits, zero)
            found[f"MatMulNBits {bits} {zero}"] = {
                "b": b, "scales": scales, **({} if zeros is None else {"zeros": zeros}),
                "result": test_deployed_integers.matmul_nbits(b, scales, zeros, bits)}
    for per in (False, True):
        for bias in (False, True):
            case = test_deployed_integers.linear(rng, per, bias, 200)
            found[f"quantized_linear {per} {bias}"] = {
                **{k: np.asarray(v) for k, v in case.items() if v is not None},
                "result": test_deployed_integers.quantized_linear(case)}
    return found


def quantizers() -> Results:
    import bitsandbytes.functional as bnb
    import test_blocks_of_others as others
    import torch

    from refquant.engines import bitsandbytes as ours

    found: Results = {}
    for kind, levels in (("nf4", ours.NF4_LEVELS), ("fp4", ours.FP4_LEVELS)):
        x = others.blocks(levels, 64, 1)[:60]
        stored, state = bnb.quantize_4bit(torch.from_numpy(x.ravel()), blocksize=64, quant_type=kind)
        found[f"bitsandbytes {kind}"] = {"x": x, "largest": state.absmax.numpy(), "result": stored.numpy().ravel()}
    x = others.blocks(ours.dynamic_levels(), 256, 2)[:8]
    stored, state = bnb.quantize_blockwise(torch.from_numpy(x.ravel()), blocksize=256)
    found["bitsandbytes 8 bits"] = {"x": x, "largest": state.absmax.numpy(), "result": stored.numpy()}
    x = rng.standard_normal((512, 64)).astype(np.float32)
    state = bnb.quantize_4bit(torch.from_numpy(x.ravel()), blocksize=64, compress_statistics=True)[1]
    found["bitsandbytes double"] = {"largest": np.abs(x).max(axis=-1), "offset": state.offset.numpy(),
                                    "scales": state.state2.absmax.numpy(), "result": state.absmax.numpy()}
    x = blocks(16, rq.E2M1.values)
    x = x[(np.abs(x).max(axis=-1) > 0.5) & (np.abs(x).max(axis=-1) < 2000)]
    scales, x_hat = others.nvfp4(x, 1.0)
    found["compressed-tensors NVFP4"] = {"x": x, "scale": scales, "result": x_hat}
    for name, f in others.integers().items():
        grid = rq.UINT8 if name.startswith(("faiss", "keras")) else rq.INT8
        scale, zero_point = np.float32(0.3), 3 if grid.qmin < 0 else 100
        x = beside((np.arange(-300, 300) / 2 * scale).astype(np.float32))
        params = rq.AffineParams(scale=scale, zero_point=zero_point, grid=grid)
        found[f"integers {name}/{grid!r}"] = {"x": x, "scale": scale, "zero_point": np.asarray(zero_point),
                                              "result": f(x, params)}
    return found


def tensorflow() -> Results:
    import tensorflow as tf

    found: Results = {}
    for lo, hi, bits, narrow in ((-7, 248, 8, False), (-1, 1, 8, False), (-0.3, 2.55, 8, True), (0, 6, 4, False)):
        scale = (hi - lo) / (2**bits - 1 - narrow)
        x = beside((np.arange(-4, 2 ** (bits + 1) + 4) / 2 * scale + lo).astype(np.float32))
        found[f"TensorFlow {lo} {hi} {bits} {narrow}"] = {
            "x": x, "result": tf.quantization.fake_quant_with_min_max_args(x, lo, hi, bits, narrow).numpy()}
    return found


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1] / "quantizers"))
    every: dict[str, Any] = dict(np.load(PATH)) if PATH.exists() else {}
    recorders: tuple[Callable[[], Results], ...] = (torchao, casts, layers, quantizers, tensorflow)
    for recorder in recorders:
        try:
            results = recorder()
        except ImportError as missing:
            print(f"{recorder.__name__}: {missing}")
            continue
        every |= {f"{name}/{key}": value for name, case in results.items() for key, value in case.items()}
        print(f"{recorder.__name__}: {len(results)}")
    np.savez_compressed(PATH, **every)
    print(f"{PATH.name}: {PATH.stat().st_size:,} bytes")
