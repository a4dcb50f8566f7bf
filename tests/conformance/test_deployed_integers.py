"""MatMulNBits and the calibration tool of ONNX Runtime, PyTorch's quantized linear layer, TFLM's and CMSIS-NN's
requantizers, against the engines or their own arithmetic in integers."""

from typing import Any

import numpy as np
import pytest
from helpers import needs

import refquant as rq
from refquant.engines import litert, onnxruntime, pytorch
from refquant.engines.requantizers import REQUANTIZERS

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore")]
F32 = np.float32


# ---------------------------------------------------------------------------------------------- MatMulNBits

def nbits(rng: np.random.Generator, bits: int, zero: bool, block: int = 32, n: int = 12, k: int = 160) -> Any:
    """A packed weight (n, k), its scales, and zero points or None."""
    count = k // block
    b = rng.integers(0, 256, (n, count, block * bits // 8), np.uint8)
    zeros = rng.integers(0, 256, (n, -(-count * bits // 8)), np.uint8) if zero else None
    return b, rng.uniform(0.01, 2, (n, count)).astype(F32), zeros


def matmul_nbits(b: Any, scales: Any, zeros: Any, bits: int) -> Any:
    """The engine's product with the identity: the weight."""
    onnx, ort = needs("onnx", "conformance"), needs("onnxruntime", "conformance")
    (n, count, size), helper = b.shape, onnx.helper
    k = count * size * 8 // bits
    held = [helper.make_tensor(name, kind, a.ravel().shape if name != "b" else a.shape, a.tobytes(), raw=True)
            for name, kind, a in (("b", onnx.TensorProto.UINT8, b), ("s", onnx.TensorProto.FLOAT, scales),
                                  *([("z", onnx.TensorProto.UINT8, zeros)] if zeros is not None else []))]
    node = helper.make_node("MatMulNBits", ["a", *(tensor.name for tensor in held)], ["y"], domain="com.microsoft",
                            K=k, N=n, bits=bits, block_size=size * 8 // bits)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("a", 1, [k, k])],
                              [helper.make_tensor_value_info("y", 1, [k, n])], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(
        "com.microsoft", 1)], ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"a": np.eye(k, dtype=F32)})[0].T


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("block", [32, 128])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_matmul_nbits(bits: int, block: int, zero: bool) -> None:
    rng = np.random.default_rng(bits)
    b, scales, zeros = nbits(rng, bits, zero, block, 64, 640)
    assert (onnxruntime.nbits_weight(b, scales, zeros, bits=bits) == matmul_nbits(b, scales, zeros, bits)).all()


def test_percentile_99_cuts_half_a_percent_at_each_end() -> None:
    """The tool's histogram has bins; its ends lie within one of them."""
    calibrate = needs("onnxruntime.quantization.calibrate", "conformance")
    x = np.random.default_rng(0).standard_normal(400_000).astype(F32)
    for percent in (90.0, 99.0, 99.9):
        collector = calibrate.HistogramCollector("percentile", symmetric=False, num_bins=2048, num_quantized_bins=128,
                                                 percentile=percent, scenario="same")
        collector.collect({"x": [x]})
        lo, hi = (float(np.ravel(v)[0]) for v in collector.compute_collection_result()["x"][:2])
        ours = [float(v) for v in onnxruntime.percentile(x, percent)]
        width = 2 * float(np.abs(x).max()) / 2048
        assert abs(lo - ours[0]) <= 1.01 * width and abs(hi - ours[1]) <= 1.01 * width, (percent, lo, hi, ours)
        other = [float(v) for v in rq.percentile(x, percent=percent)]
        assert abs(hi - other[1]) > 3 * width, "refquant's percent is another"


# ---------------------------------------------------------------------------------------------- quantized linear

def beside(v: Any, rng: np.random.Generator) -> Any:
    v = np.asarray(v, F32)
    return (v.view(np.int32) + rng.integers(-2, 3, v.shape).astype(np.int32)).view(F32)


def linear(rng: np.random.Generator, per_channel: bool, bias: bool, n: int) -> dict[str, Any]:
    """A layer of one input, whose outputs lie beside ties, by the scales of channels or by the bias."""
    x_scale, y_scale = F32(rng.uniform(0.01, 0.1)), F32(rng.uniform(0.1, 0.5))
    zero = int(rng.integers(60, 200))
    x, w = rng.integers(1, 128, (1, 1)).astype(np.uint8), rng.integers(1, 64, (n, 1)).astype(np.int8)
    acc, k = x[0].astype(int) * w[:, 0], rng.integers(-zero, 255 - zero, n)
    scale = rng.uniform(0.005, 0.05, n).astype(F32)
    if per_channel and not bias:
        scale = beside((np.abs(k) + 0.5) * y_scale / (acc * x_scale), rng)
    scale = scale if per_channel else scale[:1]
    offset = beside((k + 0.5) * float(y_scale) - acc * (x_scale * scale).astype(float), rng) if bias else None
    return {"x": x, "w": w, "bias": offset, "x_scale": x_scale, "w_scale": scale, "y_scale": y_scale, "y_zero": zero}


def quantized_linear(case: dict[str, Any]) -> Any:
    """torch.ops.quantized.linear, x86."""
    torch = needs("torch", "conformance")
    torch.backends.quantized.engine = "x86"
    x = torch._make_per_tensor_quantized_tensor(torch.from_numpy(case["x"]), float(case["x_scale"]), 0)
    w, scale = torch.from_numpy(case["w"]), case["w_scale"].astype(np.float64)
    if len(scale) > 1:
        w = torch._make_per_channel_quantized_tensor(w, torch.from_numpy(scale), torch.zeros(len(scale)).long(), 0)
    else:
        w = torch._make_per_tensor_quantized_tensor(w, float(scale[0]), 0)
    packed = torch.ops.quantized.linear_prepack(w, None if case["bias"] is None else torch.from_numpy(case["bias"]))
    return torch.ops.quantized.linear(x, packed, float(case["y_scale"]), int(case["y_zero"])).int_repr().numpy()


def ours(case: dict[str, Any]) -> Any:
    x, w, y = (rq.AffineParams(scale=s, zero_point=z, grid=g) for s, z, g in (
        (case["x_scale"], 0, rq.UINT8), (np.reshape(case["w_scale"], (-1, 1)), 0, rq.INT8),
        (case["y_scale"], int(case["y_zero"]), rq.UINT8)))
    return pytorch.quantized_linear(case["x"], case["w"], case["bias"], x, w, y)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_quantized_linear(per_channel: bool, bias: bool) -> None:
    rng = np.random.default_rng(2)
    for _ in range(64):
        case = linear(rng, per_channel, bias, 16_384)
        assert (ours(case) == quantized_linear(case)).all()


def test_quantized_linear_of_many_inputs() -> None:
    rng = np.random.default_rng(3)
    case = linear(rng, True, True, 64)
    case |= {"x": rng.integers(0, 128, (50, 40)).astype(np.uint8), "w": rng.integers(-64, 64, (64, 40)).astype(np.int8)}
    assert (ours(case) == quantized_linear(case)).all()


# ---------------------------------------------------------------------------------------------- requantizers

def c_double(x: int, mantissa: int, shift: int) -> int:
    """TFLM, CMSIS-NN: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT, as their C has it."""
    product = x * (1 << max(shift, 0)) * mantissa
    nudged = product + (1 << 30 if product >= 0 else 1 - (1 << 30))
    high = abs(nudged) >> 31
    high, right = high if nudged >= 0 else -high, max(-shift, 0)
    mask = (1 << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


def c_single(x: int, mantissa: int, shift: int) -> int:
    """TFLITE_SINGLE_ROUNDING, CMSIS_NN_USE_SINGLE_ROUNDING: one shift of 31 - shift bits, half of it added."""
    return (x * mantissa + (1 << (30 - shift))) >> (31 - shift)


@pytest.mark.parametrize(("name", "reference"), [("one rounding, ties up", c_single),
                                                ("two roundings, ties up, then away", c_double)])
def test_the_requantizers_of_tflm_and_cmsis_nn(name: str, reference: Any) -> None:
    """Their C in integers of Python: on ties and at random."""
    rng, compared = np.random.default_rng(4), 0
    rounded = REQUANTIZERS[name].rounded
    for _ in range(150):
        m = float(rng.choice([0.5, 0.75, 3, 0.09375, 0.046875]) * 2.0 ** -int(rng.integers(0, 9)))
        m = m if rng.random() < 0.5 else float(rng.uniform(1e-4, 0.9))
        mantissa, shift = (int(v) for v in litert.quantize_multiplier(m))
        for acc in rng.integers(-(2**20), 2**20, 200).tolist():
            assert rounded(acc, m)[0] == reference(acc, mantissa, shift), (acc, m)
            compared += 1
    assert compared == 30_000
