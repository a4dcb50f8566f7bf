"""Results of the engines themselves (tests/golden/record.py), with no engine installed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant.engines import bitsandbytes, layouts, mx, onnxruntime, pytorch, tensorflow
from refquant.engines.operators import OPERATORS
from refquant.study.engines.encoders import BLOCKS

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "engines.npz"))
CASES: dict[str, dict[str, Any]] = {}
for place, values in GOLDEN.items():
    CASES.setdefault(place.rpartition("/")[0], {})[place.rpartition("/")[2]] = values
GRIDS = {name: getattr(rq, name) for name in ("E4M3", "E5M2", "E4M3FNUZ", "E5M2FNUZ", "E2M3", "E3M2", "E2M1", "INT8",
                                               "UINT8")}
FITS: Any = {"FLOOR": rq.mx_params, "CEIL": rq.mx_ceil_params, "EVEN": rq.mx_even_params,
             "RCEIL": mx.ceil_of_float32_log2}


def named(start: str) -> Any:
    found = [name for name in CASES if name.startswith(start)]
    assert found, start
    return pytest.mark.parametrize("name", found)


def same(a: Any, b: Any) -> None:
    assert np.array_equal(a, b, equal_nan=True) and (np.signbit(a) == np.signbit(b))[~np.isnan(b)].all()


@named("torchao MX")
def test_torchao_mx(name: str) -> None:
    case, (_, _, mode, grid) = CASES[name], name.split()
    scale, q = mx.to_mx(case["x"], GRIDS[grid], FITS[mode], 1.0 if mode == "RCEIL" else 2.0**-126)
    assert (scale == case["scale"]).all() and (q == case["result"]).all()


@named("torchao NVFP4")
def test_torchao_nvfp4(name: str) -> None:
    case, second = CASES[name], name.split()[-1]
    scale, q = mx.nvfp4_torchao(case["x"], None if second == "None" else float(second))
    assert (scale == case["scale"]).all() and (q == case["result"]).all()


@named("cast")
def test_casts(name: str) -> None:
    case, (operator, _, grid) = CASES[name], name.removeprefix("cast ").rpartition("/")
    params = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=GRIDS[grid])
    same(OPERATORS[operator].function(case["x"], params), case["result"])


@named("integers")
def test_integers(name: str) -> None:
    case, (operator, _, grid) = CASES[name], name.removeprefix("integers ").rpartition("/")
    params = rq.AffineParams(scale=case["scale"], zero_point=case["zero_point"], grid=GRIDS[grid])
    assert (OPERATORS[operator].function(case["x"], params) == case["result"]).all()


@named("MatMulNBits")
def test_matmul_nbits(name: str) -> None:
    case, bits = CASES[name], int(name.split()[1])
    weight = onnxruntime.nbits_weight(case["b"], case["scales"], case.get("zeros"), bits=bits)
    assert (weight == case["result"]).all()


@named("quantized_linear")
def test_quantized_linear(name: str) -> None:
    case = CASES[name]
    x, w, y = (rq.AffineParams(scale=s, zero_point=z, grid=g) for s, z, g in (
        (case["x_scale"], 0, rq.UINT8), (case["w_scale"].reshape(-1, 1), 0, rq.INT8),
        (case["y_scale"], case["y_zero"], rq.UINT8)))
    assert (pytorch.quantized_linear(case["x"], case["w"], case.get("bias"), x, w, y) == case["result"]).all()


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_bitsandbytes_4_bits(kind: str) -> None:
    case, levels = CASES[f"bitsandbytes {kind}"], getattr(bitsandbytes, f"{kind.upper()}_LEVELS")
    codes, largest = bitsandbytes.quantize_4bit(case["x"], levels)
    assert (rq.pack(codes, rq.UINT4, layouts.high_first(4)) == case["result"]).all()
    assert (largest.ravel() == case["largest"]).all()


def test_bitsandbytes_8_bits_and_double_quantization() -> None:
    case = CASES["bitsandbytes 8 bits"]
    codes, largest = bitsandbytes.quantize_blockwise(case["x"])
    assert (codes.ravel() == case["result"]).all() and (largest.ravel() == case["largest"]).all()
    case = CASES["bitsandbytes double"]
    codes, scales, _ = bitsandbytes.double_quantize(case["largest"], float(case["offset"]))
    assert (codes.ravel() == case["result"]).all() and (scales.ravel() == case["scales"]).all()


def test_compressed_tensors_nvfp4() -> None:
    case = CASES["compressed-tensors NVFP4"]
    codes, q = mx.nvfp4_compressed_tensors(case["x"], 1.0)
    scale = rq.E4M3.decode(codes)
    assert (scale.ravel() == case["scale"]).all() and (rq.E2M1.decode(q) * scale == case["result"]).all()


def test_powers_of_two() -> None:
    case = CASES["E8M0 ml_dtypes"]
    same(mx.e8m0_ties_up(case["x"]), case["result"])


@named("TensorFlow")
def test_tensorflow(name: str) -> None:
    _, lo, hi, bits, narrow = name.split()
    x_hat = tensorflow.fake_quant(CASES[name]["x"], float(lo), float(hi), int(bits), narrow == "True")
    assert (x_hat == CASES[name]["result"]).all()


def test_every_result_is_looked_at() -> None:
    """A golden file that a test forgets is none."""
    known = ("torchao MX", "torchao NVFP4", "cast", "integers", "MatMulNBits", "quantized_linear", "bitsandbytes",
             "compressed-tensors NVFP4", "E8M0", "TensorFlow")
    assert all(name.startswith(known) for name in CASES)
    assert all(any(name.startswith(each) for name in CASES) for each in known)


@pytest.mark.parametrize("format", BLOCKS)
def test_encoders_are_the_functions(format: str) -> None:
    """What the table shows of a block is what the functions give: scale times the nearest value."""
    blocks, rng = BLOCKS[format], np.random.default_rng(0)
    grid, size = blocks.format.grid, blocks.size
    ties = (grid.values[1:] + grid.values[:-1]) / 2
    for _ in range(8):
        x = (rng.choice(ties, size) * np.exp2(rng.integers(-3, 4))).astype(np.float32)
        for name, encoder in blocks.encoders.items():
            scale, x_hat = encoder.encode(x)
            if encoder.convention is None:
                continue
            steps = [encoder.convention.steps(v, np.float32(scale), 0, encoder.grid or grid) for v in x]
            assert (np.float32([each[-1].value for each in steps]) * np.float32(scale) == x_hat).all(), name


def test_saturating_sums_by_hand() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 256, (4, 7)).astype(np.uint8), rng.integers(-128, 128, (7, 3)).astype(np.int8)
    expected = np.zeros((4, 3), int)
    for i in range(4):
        for j in range(3):
            products = [int(p) * int(q) for p, q in zip(a[i], b[:, j], strict=True)] + [0]
            expected[i, j] = sum(max(min(products[k] + products[k + 1], 32767), -32768) for k in range(0, 8, 2))
    assert (onnxruntime.saturating_matmul(a, b) == expected).all()
    right = rq.integer_matmul(a, b)
    assert (expected != right).any() and onnxruntime.can_saturate(b)
    tame = (b // 2).clip(-64, 63).astype(np.int8)
    assert not onnxruntime.can_saturate(tame)
    assert (onnxruntime.saturating_matmul(a, tame) == rq.integer_matmul(a, tame)).all()
    assert not onnxruntime.can_saturate(b, largest=127), "reduce_range of the activations"


@pytest.mark.parametrize(("pair", "largest"), [((64, 64), 255), ((65, 64), 255), ((-128, 0), 255), ((-64, -64), 255),
                                               ((-65, -64), 255), ((127, 127), 127), ((127, 127), 130)])
def test_can_saturate_is_exact(pair: tuple[int, int], largest: int) -> None:
    b = np.int8(pair).reshape(2, 1)
    ends = [np.uint8([[i, j]]) for i in (0, largest) for j in (0, largest)]
    some = any(onnxruntime.saturating_matmul(a, b)[0, 0] != rq.integer_matmul(a, b)[0, 0] for a in ends)
    assert onnxruntime.can_saturate(b, largest) == some
