"""The engines' quantizers as black boxes, and what identify must say of each."""

from typing import Any

import numpy as np

from refquant.engines import litert, onnxruntime, pytorch, torchao
from refquant.engines.conventions import ENGINES, NAMED
from refquant.testing import identify


def per_channel(f: Any) -> Any:
    return lambda x, p: f(x.reshape(1, -1), p.scale.reshape(1), p.zero_point.reshape(1), 0, p.grid)


def faked(f: Any) -> Any:
    """The codes that a fake-quantized array means."""
    return lambda x, p: np.rint(f(x, p)[0].ravel() / p.scale.astype(np.float64)) + p.zero_point


def linear(**options: Any) -> Any:
    return lambda x, p: onnxruntime.quantize_linear(x, p.scale, p.zero_point.astype(p.grid.dtype), **options)


#: Looked up when called: tests/conformance/test_engines_table.py puts the installed engines in their place.
QUANTIZERS: dict[str, Any] = {
    "ONNX Runtime QuantizeLinear": linear(),
    "ONNX Runtime QuantizeLinear, precision=float16": linear(precision=np.float16),
    "torch.quantize_per_tensor":
        lambda x, p: pytorch.quantize_per_tensor(x, float(p.scale), int(p.zero_point), p.grid),
    "torch.quantize_per_channel": lambda x, p: per_channel(lambda *a: pytorch.quantize_per_channel(*a))(x, p).ravel(),
    "torch.fake_quantize_per_tensor_affine": faked(
        lambda x, p: pytorch.fake_quantize_per_tensor_affine(x, float(p.scale), int(p.zero_point), p.grid)),
    "torch.fake_quantize_per_channel_affine": faked(per_channel(
        lambda *a: pytorch.fake_quantize_per_channel_affine(*a))),
    "torchao quantize_affine":
        lambda x, p: torchao.quantize_affine(x, x.shape, p.scale.reshape(1), p.zero_point.reshape(1), p.grid),
    "LiteRT QUANTIZE, reference": lambda x, p: litert.quantize_reference(x, p),
    "LiteRT QUANTIZE, XNNPACK": lambda x, p: litert.quantize_xnnpack(x, p),
}
INT32_ENDS = ("+inf: qmin, code -128, -inf: qmin, code -128; "
              "with zero point -3: +inf: qmax, code 127, -inf: qmax, code 127")
#: division, zero point, rounding, cast, infinities, NaN: as the docstrings of refquant.engines tell them.
EXPECTED = {
    "ONNX Runtime QuantizeLinear":
        ("true_division", "after_rounding", "half_even", "saturating", "saturates", "qmin, code -128"),
    "ONNX Runtime QuantizeLinear, precision=float16":
        ("in_float16", "after_rounding", "half_even", "saturating", "saturates", "qmin, code -128"),
    "torch.quantize_per_tensor":
        ("fused_reciprocal", "before_rounding", "half_even", "saturating", "saturates", "qmax, code 127"),
    "torch.quantize_per_channel":
        ("reciprocal", "before_rounding", "half_even", "saturating", "saturates", "code 0"),
    "torch.fake_quantize_per_tensor_affine":
        ("reciprocal", "after_rounding", "half_even", "saturating", "saturates", "qmin, code -128"),
    "torch.fake_quantize_per_channel_affine":
        ("reciprocal", "after_rounding", "half_even", "sum_through_int64", "+inf: qmin, code -128, -inf: qmin, "
         "code -128", "qmin, code -128"),
    "torchao quantize_affine":
        ("reciprocal", "after_rounding", "half_even", "saturating", "saturates", "code 0"),
    "LiteRT QUANTIZE, reference":
        ("true_division", "after_rounding", "half_away", "through_int32", INT32_ENDS, "qmin, code -128"),
    "LiteRT QUANTIZE, XNNPACK":
        ("flushed_reciprocal", "after_rounding", "half_even", "saturating", "saturates", "qmax, code 127"),
}


def named_rightly(name: str) -> None:
    found = identify(QUANTIZERS[name])
    *named, infinities, nan = EXPECTED[name]
    assert found.named == dict(zip(NAMED, ((each,) for each in named), strict=True))
    assert (found.infinities, found.nan, found.narrow) == (infinities, nan, False)
    assert found.conventions == (ENGINES[name],)
    alike = str(found).splitlines()[-1]
    assert alike.startswith("As in: ") and name in alike.removesuffix(".").removeprefix("As in: ").split("; ")
