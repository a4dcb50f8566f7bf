"""Codes in the bytes of engines: every layout there and back, and against the engines' own loops."""

from typing import Any

import numpy as np
import pytest
from helpers import needs, refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant.engines import gguf, layouts
from refquant.packing import Layout
from refquant.testing import strategies

NAMED = [layouts.ONNX, layouts.GPTQ, layouts.GPTQ_ZEROS, layouts.offset(4),
         *map(layouts.high_first, (2, 4)), *map(layouts.halves, (16, 32, 64))]


@st.composite
def laid_out(draw: st.DrawFn) -> tuple[list[int], rq.IntGrid, Layout]:
    """Codes that fill groups and words, of one of the engines' layouts or of any."""
    grid = draw(strategies.integer_grids())
    size = draw(st.integers(1, 6))
    layout = draw(st.sampled_from(NAMED) | st.builds(Layout, st.permutations(range(size)).map(tuple), st.integers(
        -300, 300), st.sampled_from(["u1", "<i4", "<u2"])))
    full = np.lcm(len(layout.order), 8 * np.dtype(layout.dtype).itemsize)
    count = int(full) * draw(st.integers(0, 2))
    return draw(st.lists(strategies.codes(grid), min_size=count, max_size=count)), grid, layout


@given(laid_out())
def test_there_and_back(case: tuple[list[int], rq.IntGrid, Layout]) -> None:
    q, grid, layout = case
    packed = rq.pack(q, grid, layout)
    assert packed.dtype == np.dtype(layout.dtype) and packed.nbytes == -(-len(q) * grid.bits // 8)
    again = rq.unpack(packed, grid, len(q), layout)
    assert again.dtype == grid.dtype and again.tolist() == q


def test_each_layout_is_the_loop_that_its_engine_has() -> None:
    rng = np.random.default_rng(0)
    q = rng.integers(0, 16, (6, 64))
    assert (rq.pack(q, rq.UINT4, layouts.ONNX).reshape(6, 32) == (q[:, ::2] | q[:, 1::2] << 4)).all()
    assert (rq.pack(q, rq.UINT4, layouts.high_first(4)).reshape(6, 32) == (q[:, ::2] << 4 | q[:, 1::2])).all()
    for size in (16, 32, 64):
        low, high = np.split(q.reshape(-1, size), 2, axis=1)
        assert (rq.pack(q, rq.UINT4, layouts.halves(size)) == (low | high << 4).ravel()).all()
    bits = [f"{code:02b}" for code in q[0] % 4]
    assert [f"{byte:08b}" for byte in rq.pack(q[0] % 4, rq.UINT2, layouts.high_first(2))] == [
        "".join(bits[i:i + 4]) for i in range(0, 64, 4)]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptq_weights_and_zero_points(bits: int) -> None:
    """As GPTQ packs an (inputs, outputs) weight: word by word, of 3 bits 32 codes in three words."""
    rng, grid = np.random.default_rng(bits), rq.IntGrid(bits, signed=False)
    q, zeros = rng.integers(0, 2**bits, (64, 32)), rng.integers(1, 2**bits, (2, 32))

    def columns(codes: Any) -> Any:  # (n, m) -> (n * bits / 32, m)
        whole = [sum(int(code) << (bits * i) for i, code in enumerate(column)) for column in codes.T]
        words = len(codes) * bits // 32
        return np.array([[each >> 32 * i & 0xFFFFFFFF for each in whole] for i in range(words)], np.uint32)

    qweight = rq.pack(q.T, grid, layouts.GPTQ).reshape(32, -1).T
    assert qweight.dtype == np.int32 and (qweight.astype(np.uint32) == columns(q)).all()
    qzeros = rq.pack(zeros, grid, layouts.GPTQ_ZEROS).reshape(2, -1)
    assert (qzeros.astype(np.uint32) == columns(zeros.T - 1).T).all()
    assert (rq.unpack(qzeros.ravel(), grid, 64, layouts.GPTQ_ZEROS) == zeros.ravel()).all()
    assert (rq.pack([0] * 32, grid, layouts.GPTQ_ZEROS) == -1).all(), "0 - 1 wraps: known of AutoGPTQ with zero point 0"


def test_gguf_stores_halves() -> None:
    x = np.random.default_rng(0).normal(size=256).astype(np.float32)
    formats = {"q4_0": (32, 2, 32), "mxfp4": (32, 1, 32), "nvfp4": (64, 4, 16), "q4_k": (256, 16, 64)}
    for name, (values, head, size) in formats.items():
        stored = getattr(gguf, f"quantize_{name}")(x).reshape(256 // values, -1)
        codes = rq.unpack(stored[:, head:].ravel(), rq.UINT4, 256, layouts.halves(size)).reshape(-1, 16)
        x_hat = getattr(gguf, f"dequantize_{name}")(stored.ravel()).reshape(-1, 16)
        for q, values_of in zip(codes, x_hat, strict=True):  # in the order of the values: one value a code
            assert len(set(zip(q.tolist(), values_of.tolist(), strict=True))) == len(set(q.tolist()))


def test_other_numbers_of_codes_are_refused() -> None:
    with refused(ValueError, "pack", "groups of 2 and words of 1 bytes", "3 codes of 4 bits"):
        rq.pack([1, 2, 3], rq.UINT4, layouts.high_first(4))
    with refused(ValueError, "unpack", "words of 4 bytes", "6 codes of 4 bits"):
        rq.unpack(np.zeros(1, np.int32), rq.UINT4, 6, layouts.GPTQ)
    with refused(TypeError, "unpack", "`packed` must be int32", "uint8"):
        rq.unpack(np.zeros(4, np.uint8), rq.UINT4, 8, layouts.GPTQ)
    with refused(TypeError, "pack", "`layout` must be a Layout", "gptq"):
        rq.pack([1], rq.UINT4, "gptq")  # type: ignore[arg-type]
    for order in ((), (0, 0), (1,)):
        with refused(ValueError, "Layout", "each place of a group once"):
            Layout(order)


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore")
def test_torchao_packs_its_floats_so() -> None:
    torch, kernels = needs("torch", "conformance"), needs("torchao.prototype.mx_formats.kernels", "conformance")
    q = np.random.default_rng(0).integers(0, 16, 1024).astype(np.uint8)
    assert (kernels.pack_uint4(torch.from_numpy(q)).numpy() == rq.pack(q, rq.E2M1, layouts.ONNX)).all()


@pytest.mark.quantizers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [4, 8])
def test_compressed_tensors_and_bitsandbytes_pack_so(bits: int) -> None:
    torch = needs("torch", "quantizers")
    grid = rq.IntGrid(bits)
    q = np.random.default_rng(bits).integers(grid.qmin, grid.qmax + 1, (8, 64)).astype(np.int8)
    packed = needs("compressed_tensors.compressors.pack_quantized.helpers", "quantizers").pack_to_int32(
        torch.from_numpy(q), bits)
    assert (rq.pack(q, grid, layouts.offset(bits)).reshape(8, -1) == packed.numpy()).all()
    codes = np.random.default_rng(0).permutation(np.arange(64) % 16)
    quantize_4bit = needs("bitsandbytes.functional", "quantizers").quantize_4bit
    stored = quantize_4bit(torch.tensor(rq.NF4.values[codes]).float(), blocksize=64, quant_type="nf4")[0]
    assert (rq.pack(codes, rq.UINT4, layouts.high_first(4)) == stored.numpy().ravel()).all()
