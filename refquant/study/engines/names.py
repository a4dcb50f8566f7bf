"""What table and picture call the engines' operators: short names."""
from __future__ import annotations

SHORT = {
    "ONNX Runtime QuantizeLinear": "ONNX Runtime",
    "ONNX Runtime QuantizeLinear, precision=float16": "ONNX Runtime float16",
    "torch.quantize_per_tensor": "torch tensor",
    "torch.quantize_per_channel": "torch channel",
    "torch.fake_quantize_per_tensor_affine": "torch fake tensor",
    "torch.fake_quantize_per_channel_affine": "torch fake channel",
    "torchao quantize_affine": "torchao",
    "LiteRT QUANTIZE, reference": "LiteRT reference",
    "LiteRT QUANTIZE, XNNPACK": "LiteRT XNNPACK",
    "LiteRT QUANTIZE of codes, reference": "LiteRT requantize",
    "LiteRT FULLY_CONNECTED, reference": "LiteRT dense reference",
    "LiteRT FULLY_CONNECTED, ruy": "LiteRT dense ruy",
    "LiteRT FULLY_CONNECTED, XNNPACK": "LiteRT dense XNNPACK",
    "torch observers, symmetric": "torch observer symmetric",
    "torch observers, affine": "torch observer affine",
    "torch dequantize, per tensor": "torch dequantize tensor",
    "torch dequantize, per channel": "torch dequantize channel",
    "torchao symmetric_no_clipping_err": "torchao no_clipping_err",
    "torchao asymmetric_dont_preserve_zero": "torchao dont_preserve_zero",
    "ONNX Runtime DynamicQuantizeLinear": "ONNX Runtime dynamic",
    "ONNX Runtime DequantizeLinear": "ONNX Runtime dequantize",
    "LSQ, as published (refquant.lsq)": "LSQ",
}


def short(name: str) -> str:
    """A name without a comma, as it stands in lists.

    >>> short("LiteRT QUANTIZE, reference"), short("gguf Q4_0")
    ('LiteRT reference', 'gguf Q4_0')
    """
    return SHORT.get(name, name)
