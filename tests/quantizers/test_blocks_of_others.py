"""Blocks of engines that the environment of quantizers has: bitsandbytes, compressed-tensors; bit for bit."""

from typing import Any

import numpy as np
import pytest
from helpers import needs

import refquant as rq
from refquant.engines import bitsandbytes as ours
from refquant.engines import layouts, mx

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


@pytest.mark.parametrize("second", [1.0, 26.88, 2.0**7])
def test_compressed_tensors_nvfp4(second: float) -> None:
    torch = needs("torch", "quantizers")
    quantization = needs("compressed_tensors.quantization", "quantizers")
    helpers = needs("compressed_tensors.quantization.utils", "quantizers")
    args = quantization.QuantizationArgs(
        num_bits=4, type="float", strategy="tensor_group", group_size=16, symmetric=True,
        scale_dtype=torch.float8_e4m3fn, zp_dtype=torch.float8_e4m3fn)
    x = blocks(rq.E2M1.values / 6, 16, 3)
    largest = np.abs(x).max(axis=-1)
    x = x[(largest * second > 2.0**-6) & (largest * second < 2000)]
    ends = torch.from_numpy(x.min(axis=-1)), torch.from_numpy(x.max(axis=-1))
    scales, zeros = helpers.calculate_qparams(*ends, args, torch.tensor([second]))
    codes, q = mx.nvfp4_compressed_tensors(x, second)
    assert (rq.E4M3.decode(codes)[:, 0] == scales.float().numpy()).all()
    fake = quantization.fake_quantize(torch.from_numpy(x.reshape(1, -1)), scales.reshape(1, -1), zeros.reshape(1, -1),
                                      args, global_scale=torch.tensor([second]))
    step = rq.E4M3.decode(codes) / np.float32(second)
    assert (fake.numpy().reshape(x.shape) == rq.E2M1.decode(q) * step).all()
