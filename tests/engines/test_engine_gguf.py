"""engines/gguf.py against vectors recorded from gguf-py (tests/conformance/test_gguf.py), without it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

from refquant.engines import gguf

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "gguf.json").read_text(encoding="utf-8"))
#: What ggml's C reference makes of blocks (ggml d99724f of 2026-08-21, gcc -O2 -ffp-contract=off, x86-64): NAME_x and
#: NAME_bytes. A fifth of the blocks lies on quarters; a fifth has its largest value on or beside a power of two, or 1.5
#: or 1.75 times one; the last are zeros, a constant, and tiny.
BLOCKS = np.load(Path(__file__).parents[1] / "golden" / "gguf-blocks.npz")
FORMATS = {"q8_0": 34, "q4_0": 18, "q4_1": 20}
SIZES = {"mxfp4": (32, 17), "nvfp4": (64, 36), "q4_k": (256, 144)}  # values and bytes


def reals(hexes: list[str]) -> Any:
    return np.array([float.fromhex(h) for h in hexes]).astype(np.float32)


def halves(name: str) -> tuple[Any, Any]:
    return getattr(gguf, f"quantize_{name}"), getattr(gguf, f"dequantize_{name}")


def test_the_vectors_are_of_the_pinned_version() -> None:
    assert (GOLDEN["engine"], GOLDEN["version"]) == ("gguf", "0.19.0")


@pytest.mark.parametrize("name", FORMATS)
def test_the_engine_s_own_results(name: str) -> None:
    quantize, dequantize = halves(name)
    cases = [case for case in GOLDEN["cases"] if case["format"] == name]
    assert {key for case in cases for key in case} == {"format", "x", "stored", "x_hat"}
    for case in cases:
        if "x" in case:
            assert quantize(reals(case["x"])).tobytes().hex() == case["stored"], case
        else:
            x_hat = dequantize(np.frombuffer(bytes.fromhex(case["stored"]), np.uint8))
            assert x_hat.dtype == np.float32
            assert [float(v).hex() for v in x_hat] == case["x_hat"], case


@pytest.mark.parametrize("name", FORMATS)
def test_blocks_are_apart_and_shapes_are_kept(name: str) -> None:
    quantize, dequantize = halves(name)
    x = np.random.default_rng(0).normal(size=(3, 2, 96)).astype(np.float32)
    stored = quantize(x)
    assert stored.shape == (3, 2, 3 * FORMATS[name]) and dequantize(stored).shape == x.shape
    alone = np.concatenate([quantize(block) for block in x.reshape(-1, 32)])
    assert (stored.ravel() == alone).all()
    assert (quantize(np.asfortranarray(x)[::-1]) == stored[::-1]).all()
    assert (dequantize(stored[:, ::-1]) == dequantize(stored)[:, ::-1]).all()
    for shape in ((0,), (3, 0), (0, 32)):
        assert dequantize(quantize(np.zeros(shape, np.float32))).shape == shape


@pytest.mark.parametrize("name", FORMATS)
def test_codes_of_dequantized_blocks_with_exact_scales_are_fixed_points(name: str) -> None:
    quantize, dequantize = halves(name)
    rng = np.random.default_rng(1)
    low, high = {"q8_0": (-127, 128), "q4_0": (-8, 8), "q4_1": (0, 16)}[name]
    codes = rng.integers(low, high, (50, 32))
    codes[:, :2] = low, high - 1
    x = (codes * np.exp2(rng.integers(-10, 4, (50, 1)))).astype(np.float32)
    assert (dequantize(quantize(x)) == x).all()


@pytest.mark.parametrize("name", SIZES)
def test_the_bytes_of_the_reference_in_c(name: str) -> None:
    x, expected = BLOCKS[f"{name}_x"], BLOCKS[f"{name}_bytes"]
    assert (x.shape[1], expected.shape[1]) == SIZES[name] and len(x) >= 48
    assert (halves(name)[0](x) == expected).all()
    for shape in ((-1,), (3, -1)):
        assert (halves(name)[0](x.reshape(shape)) == expected.reshape(shape)).all(), "shapes are kept"


@pytest.mark.parametrize("name", SIZES)
def test_blocks_go_there_and_back(name: str) -> None:
    """What dequantizing gives is quantized to itself, and lies as near as the steps are fine."""
    quantize, dequantize = halves(name)
    x = np.random.default_rng(3).normal(size=(2, 3 * SIZES[name][0])).astype(np.float32)
    x_hat = dequantize(quantize(x))
    assert x_hat.shape == x.shape and x_hat.dtype == np.float32
    error = np.abs(x_hat - x).max()
    assert error < (0.2 if name == "q4_k" else 0.5 * np.abs(x).max() / 3)
    assert name == "q4_k" or (dequantize(quantize(x_hat)) == x_hat).all()
    for shape in ((0,), (3, 0)):
        assert dequantize(quantize(np.zeros(shape, np.float32))).shape == shape


@pytest.mark.parametrize("name", SIZES)
def test_other_blocks_are_refused(name: str) -> None:
    (values, size), (quantize, dequantize) = SIZES[name], halves(name)
    with refused(ValueError, f"quantize_{name}", f"blocks of {values} values"):
        quantize(np.zeros(values + 1, np.float32))
    with refused(TypeError, f"quantize_{name}", "`x` must be reals", "int64"):
        quantize(np.zeros(values, np.int64))
    with refused(ValueError, f"dequantize_{name}", f"blocks of {size} bytes"):
        dequantize(np.zeros(size + 1, np.uint8))


def test_a_scale_that_float16_does_not_hold() -> None:
    huge, tiny = np.full(32, 1e10, np.float32), np.full(32, 1e-9, np.float32)
    assert np.isinf(gguf.dequantize_q8_0(gguf.quantize_q8_0(huge))).all()
    assert not gguf.dequantize_q8_0(gguf.quantize_q8_0(tiny)).any()


def test_what_the_engine_rejects_is_refused() -> None:
    for name, size in FORMATS.items():
        quantize, dequantize = halves(name)
        for x in (np.zeros(33, np.float32), np.float32(1)):
            with refused(ValueError, f"quantize_{name}", "blocks of 32 values", np.shape(x)):
                quantize(x)
        with refused(TypeError, f"quantize_{name}", "`x` must be reals", "int64"):
            quantize(np.zeros(32, np.int64))
        with refused(ValueError, f"dequantize_{name}", f"blocks of {size} bytes"):
            dequantize(np.zeros(size + 1, np.uint8))
        with refused(TypeError, f"dequantize_{name}", "`stored` must be uint8", "int8"):
            dequantize(np.zeros(size, np.int8))
