"""Quantizers of others, as they are installed: identify names each rightly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import needs

import refquant as rq
from refquant.testing import identify

pytestmark = pytest.mark.conformance
Quantize = Callable[[Any, rq.AffineParams], Any]


def onnx_reference(grid: rq.IntGrid) -> Quantize:
    onnx = needs("onnx", "conformance")
    evaluator = needs("onnx.reference", "conformance").ReferenceEvaluator
    kind, real = getattr(onnx.TensorProto, grid.dtype.name.upper()), onnx.TensorProto.FLOAT
    inputs = [onnx.helper.make_tensor_value_info(*each) for each in (
        ("x", real, None), ("s", real, []), ("z", kind, []))]
    graph = onnx.helper.make_graph([onnx.helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])], "one", inputs,
                                   [onnx.helper.make_tensor_value_info("y", kind, None)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)
    run = evaluator(model).run
    return lambda x, p: run(None, {"x": x, "s": p.scale, "z": p.zero_point.astype(grid.dtype)})[0]


def onnxruntime_array(grid: rq.IntGrid) -> Quantize:
    f = needs("onnxruntime.quantization.quant_utils", "conformance").quantize_nparray
    kind = getattr(needs("onnx", "conformance").TensorProto, grid.dtype.name.upper())
    return lambda x, p: f(kind, x, np.float32(p.scale), p.zero_point.astype(grid.dtype), grid.qmin, grid.qmax)


def torch_tensor(grid: rq.IntGrid) -> Quantize:
    torch = needs("torch", "conformance")
    kind = torch.qint8 if grid.qmin < 0 else torch.quint8
    return lambda x, p: torch.quantize_per_tensor(torch.from_numpy(x.copy()), float(p.scale), int(p.zero_point),
                                                  kind).int_repr().numpy()


def torch_exported(grid: rq.IntGrid) -> Quantize:
    torch = needs("torch", "conformance")
    f = needs("torch.ao.quantization.fx._decomposed", "conformance").quantize_per_tensor
    return lambda x, p: f(torch.from_numpy(x.copy()), float(p.scale), int(p.zero_point), grid.qmin, grid.qmax,
                          getattr(torch, grid.dtype.name)).numpy()


def torchao_affine(grid: rq.IntGrid) -> Quantize:
    torch = needs("torch", "conformance")
    f = needs("torchao.quantization.quant_primitives", "conformance").quantize_affine
    return lambda x, p: f(torch.from_numpy(x.copy()), tuple(x.shape), *(torch.from_numpy(a.reshape(1).copy()) for a in (
        p.scale, p.zero_point)), getattr(torch, grid.dtype.name), grid.qmin, grid.qmax).numpy()


#: division, zero point, rounding, cast.
INT32 = ("true_division", "after_rounding", "half_even", "through_int32")
OWN = (*INT32[:3], "saturating")
RECIPROCAL = ("reciprocal", *OWN[1:])
FUSED = ("fused_reciprocal", "before_rounding", "half_even", "saturating")


@pytest.mark.parametrize(("make", "grid", "names", "alike"), [
    (onnx_reference, rq.INT8, INT32, "As in: onnx.reference QuantizeLinear."),
    (onnx_reference, rq.UINT8, INT32, "As in: onnx.reference QuantizeLinear."),
    (onnxruntime_array, rq.INT8, OWN, "As in, except for NaN: ONNX Runtime QuantizeLinear."),
    (onnxruntime_array, rq.UINT8, OWN, "This is refquant's own convention, except for NaN."),
    (torch_tensor, rq.UINT8, FUSED, "As in: torch.quantize_per_tensor."),
    (torch_exported, rq.INT8, RECIPROCAL, "As in: torch.export (PT2E) quantize_per_tensor; torchao quantize_affine."),
    (torchao_affine, rq.INT8, RECIPROCAL, "As in: torch.export (PT2E) quantize_per_tensor; torchao quantize_affine."),
    (torchao_affine, rq.INT4, RECIPROCAL, ""),
])
@pytest.mark.filterwarnings("ignore")
def test_identify_names_it(make: Any, grid: rq.IntGrid, names: tuple[str, ...], alike: str) -> None:
    found = identify(make(grid), grid=grid)
    assert tuple(found.named.values()) == tuple((name,) for name in names)
    assert found.arrays == "alike in every length and layout asked" and alike in str(found)
    assert bool(alike) == ("As in" in str(found))
