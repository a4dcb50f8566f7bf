"""The engines' quantizers as black boxes, and what identify must say of each."""


from refquant.engines.conventions import NAMED, Convention
from refquant.engines.operators import OPERATORS
from refquant.testing import identify

INT32_ENDS = ("with zero point 0: +inf: qmin, code -128, -inf: qmin, code -128; "
              "with zero point -3: +inf: qmax, code 127, -inf: qmax, code 127; "
              "with zero point 1: +inf: qmin, code -128, -inf: qmin, code -128")
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
#: Whose convention says them whole.
ALONE = {
    "onnx.reference QuantizeLinear":
        ("true_division", "after_rounding", "half_even", "through_int32", INT32_ENDS, "qmin, code -128"),
    "torch.export (PT2E) quantize_per_tensor":
        ("reciprocal", "after_rounding", "half_even", "saturating", "saturates", "code 0"),
    **dict.fromkeys(("compressed-tensors quantize", "brevitas IntQuant", "keras quantize_with_zero_point",
                     "ai-edge-quantizer uniform_quantize"),
                    ("true_division", "before_rounding", "half_even", "saturating", "saturates", "code 0")),
    "qwix quantize_with_scale_zero_point":
        ("flushed_reciprocal", "before_rounding", "half_even", "saturating", "saturates", "code 0"),
}


def named_rightly(name: str) -> None:
    found = identify(OPERATORS[name].function)
    *named, infinities, nan = {**EXPECTED, **ALONE}[name]
    assert found.named == dict(zip(NAMED, ((each,) for each in named), strict=True))
    assert (found.infinities, found.nan, found.narrow) == (infinities, nan, False)
    assert found.conventions == (OPERATORS[name].convention._replace(nan=Convention().nan),)
    alike = str(found).splitlines()[-1]
    assert alike.startswith("As in: ") and name in alike.removesuffix(".").removeprefix("As in: ").split("; ")
