"""Blocks and integers of engines that the environment of quantizers has, bit for bit."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import needs

import refquant as rq
from refquant.engines import bitsandbytes as ours
from refquant.engines import layouts, mx
from refquant.engines.operators import OPERATORS

pytestmark = [pytest.mark.quantizers, pytest.mark.filterwarnings("ignore")]
MILLION = 2**20


def beside(x: Any, rng: np.random.Generator, most: int = 3) -> Any:
    """x, half of it some float32 steps away."""
    x = np.asarray(x, np.float32)
    away = np.where(rng.random(x.shape) < 0.5, 0, rng.integers(-most, most + 1, x.shape)).astype(np.int32)
    return np.where(x == 0, x, (x.view(np.int32) + away).view(np.float32))


def blocks(levels: Any, size: int, seed: int) -> Any:
    """Blocks of which half the values lie at or beside middles of levels, the largest at any real; zero blocks too."""
    rng, count = np.random.default_rng(seed), MILLION // size
    values = np.sort(np.asarray(levels, np.float32))
    middles = (values[1:] + values[:-1]) / np.float32(2)
    largest = np.exp2(rng.uniform(-20, 20, (count, 1))).astype(np.float32)
    largest = np.where(rng.random(largest.shape) < 0.3, np.exp2(np.round(np.log2(largest))), largest)
    near = beside(rng.choice(middles, (count, size)) * largest, rng)
    x = np.where(rng.random(near.shape) < 0.5, near, rng.uniform(-1, 1, near.shape) * largest).astype(np.float32)
    x[np.arange(count), rng.integers(0, size, count)] = largest[:, 0] * rng.choice([-1, 1], count)
    x[::100] = 0
    return x


@pytest.mark.parametrize("size", [32, 64, 256])
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_bitsandbytes_4_bits(kind: str, size: int) -> None:
    torch, functional = needs("torch", "quantizers"), needs("bitsandbytes.functional", "quantizers")
    levels = {"nf4": ours.NF4_LEVELS, "fp4": ours.FP4_LEVELS}[kind]
    x = blocks(levels, size, size)
    stored, state = functional.quantize_4bit(torch.from_numpy(x.ravel()), blocksize=size, quant_type=kind)
    codes, largest = ours.quantize_4bit(x, levels)
    assert (rq.pack(codes, rq.UINT4, layouts.high_first(4)) == stored.numpy().ravel()).all()
    assert (largest.ravel() == state.absmax.numpy()).all()
    back = functional.dequantize_4bit(stored, state).numpy().reshape(x.shape)
    assert (levels[codes] * largest == back).all()


def test_bitsandbytes_8_bits_and_double_quantization() -> None:
    torch, functional = needs("torch", "quantizers"), needs("bitsandbytes.functional", "quantizers")
    levels = functional.create_dynamic_map().numpy()
    assert (ours.dynamic_levels() == levels).all()
    x = blocks(levels, 256, 1)
    stored, state = functional.quantize_blockwise(torch.from_numpy(x.ravel()), blocksize=256)
    codes, largest = ours.quantize_blockwise(x)
    assert (codes.ravel() == stored.numpy()).all() and (largest.ravel() == state.absmax.numpy()).all()
    x = np.random.default_rng(2).standard_normal((2**14, 64)).astype(np.float32)
    _, state = functional.quantize_4bit(torch.from_numpy(x.ravel()), blocksize=64, compress_statistics=True)
    codes, scales, offset = ours.double_quantize(ours.quantize_4bit(x)[1].ravel(), float(state.offset))
    assert (codes.ravel() == state.absmax.numpy()).all() and (scales.ravel() == state.state2.absmax.numpy()).all()
    mean = ours.double_quantize(ours.quantize_4bit(x)[1].ravel())[2]
    assert offset == state.offset.numpy() and abs(mean - offset) <= 2 * np.spacing(offset)


def nvfp4(x: Any, second: float) -> tuple[Any, Any]:
    """compressed-tensors' scales of blocks, and x_hat."""
    torch = needs("torch", "quantizers")
    quantization = needs("compressed_tensors.quantization", "quantizers")
    helpers = needs("compressed_tensors.quantization.utils", "quantizers")
    args = quantization.QuantizationArgs(
        num_bits=4, type="float", strategy="tensor_group", group_size=16, symmetric=True,
        scale_dtype=torch.float8_e4m3fn, zp_dtype=torch.float8_e4m3fn)
    ends = torch.from_numpy(x.min(axis=-1)), torch.from_numpy(x.max(axis=-1))
    scales, zeros = helpers.calculate_qparams(*ends, args, torch.tensor([second]))
    x_hat = quantization.fake_quantize(torch.from_numpy(x.reshape(1, -1)), scales.reshape(1, -1), zeros.reshape(1, -1),
                                       args, global_scale=torch.tensor([second]))
    return scales.float().numpy(), x_hat.numpy().reshape(x.shape)


@pytest.mark.parametrize("second", [1.0, 26.88, 2.0**7])
def test_compressed_tensors_nvfp4(second: float) -> None:
    x = blocks(rq.E2M1.values / 6, 16, 3)
    largest = np.abs(x).max(axis=-1)
    x = x[(largest * second > 2.0**-6) & (largest * second < 2000)]
    scales, x_hat = nvfp4(x, second)
    codes, q = mx.nvfp4_compressed_tensors(x, second)
    assert (rq.E4M3.decode(codes)[:, 0] == scales).all()
    assert (x_hat == rq.E2M1.decode(q) * (rq.E4M3.decode(codes) / np.float32(second))).all()


# ---------------------------------------------------------------------------------------------- integers

def integers() -> dict[str, Callable[[Any, rq.AffineParams], Any]]:
    """Name of a record -> the engine's own function."""
    os.environ["KERAS_BACKEND"] = "numpy"
    torch = needs("torch", "quantizers")
    ct, brevitas, keras, edge, types, qwix, faiss, jnp = (needs(name, "quantizers") for name in (
        "compressed_tensors.quantization", "brevitas.core.quant", "keras.src.quantizers.quantizers",
        "ai_edge_quantizer.algorithms.uniform_quantize.uniform_quantize_tensor", "ai_edge_quantizer.qtyping",
        "qwix._src.core.qarray", "faiss", "jax.numpy"))
    of = torch.from_numpy
    args, bits = ct.QuantizationArgs(num_bits=8, symmetric=False), torch.tensor(8.0)
    to_int = brevitas.IntQuant(narrow_range=False, signed=True, input_view_impl=torch.nn.Identity()).to_int
    scalars = faiss.ScalarQuantizer(1, faiss.ScalarQuantizer.QT_8bit_uniform)

    def at(a: Any) -> Any:
        return of(np.array(a).reshape(1))

    def ranged(x: Any, p: rq.AffineParams) -> Any:
        low = np.float32(-int(p.zero_point)) * p.scale
        faiss.copy_array_to_vector(np.float32([low, np.float32(255) * p.scale]), scalars.trained)
        return scalars.compute_codes(np.ascontiguousarray(x.reshape(-1, 1))).ravel()

    return {
        "compressed-tensors quantize": lambda x, p: ct.quantize(of(x), at(p.scale), at(p.zero_point), args,
                                                                dtype=torch.int8).numpy(),
        "brevitas IntQuant": lambda x, p: to_int(at(p.scale), at(p.zero_point), bits, of(x)).numpy(),
        "keras quantize_with_zero_point": lambda x, p: keras.quantize_with_zero_point(
            x, p.scale, p.zero_point, 255),
        "ai-edge-quantizer uniform_quantize": lambda x, p: edge.uniform_quantize(x, types.UniformQuantParams(
            8, None, p.scale.reshape(1), p.zero_point.reshape(1), False)),
        "qwix quantize_with_scale_zero_point": lambda x, p: np.asarray(qwix.quantize_with_scale_zero_point(
            jnp.asarray(x), "int8", jnp.asarray(p.scale.reshape(1)), jnp.asarray(p.zero_point.reshape(1))).qvalue),
        "faiss QT_8bit_uniform": ranged}


@pytest.mark.parametrize("name", ["compressed-tensors quantize", "brevitas IntQuant", "keras quantize_with_zero_point",
                                  "ai-edge-quantizer uniform_quantize", "qwix quantize_with_scale_zero_point",
                                  "faiss QT_8bit_uniform"])
def test_integers(name: str) -> None:
    rng, engine, compared = np.random.default_rng(5), integers()[name], 0
    grid = rq.UINT8 if name.startswith(("faiss", "keras")) else rq.INT8
    while compared < MILLION:
        scale = np.float32(rng.choice([1, 2.0 ** -int(rng.integers(0, 9)), np.exp(rng.uniform(-6, 6))]))
        zero_point = int(rng.integers(grid.qmin, grid.qmax + 1))
        params = rq.AffineParams(scale=scale, zero_point=zero_point, grid=grid)
        x = beside((rng.integers(-600, 600, 2**16) / 2 * scale).astype(np.float32), rng)
        wrong = np.flatnonzero(OPERATORS[name].function(x, params) != engine(x, params))
        assert not wrong.size, (x[wrong[0]], scale, zero_point)
        compared += x.size
