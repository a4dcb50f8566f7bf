"""PyTorch 2.13 on x86: the classic quantized tensors, fake quantization, and the observers that choose a range.

                                        product, then zero point               NaN        +inf     codes
    quantize_per_tensor      8 bits     fused, one rounding; before rounding   qmax       qmax     saturate
    quantize_per_tensor      32 bits    two roundings; before rounding         qmin       qmax     saturate
    quantize_per_channel     8 bits     two roundings; before rounding         0          qmax     saturate
    quantize_per_channel     32 bits    two roundings; before rounding         qmin       qmax     saturate
    fake_quantize_per_tensor            after rounding                         qmin       qmax     saturate
    fake_quantize_per_channel           after rounding                         qmin       qmin     through int64

All multiply by the reciprocal, rounded to float32, instead of dividing. So PyTorch's quantized and fake-quantized
tensors disagree on ties when the zero point is odd, and its tensors and channels beside ties. No kernel depends on an
element's position or on the vector width: bodies and tails agree under AVX-512, AVX2 and neither.

Quantized tensors are deprecated (pytorch/pytorch#184982), and other versions and processors add the zero point
elsewhere; this is the wheel of version 2.13.0. Fake quantization and the observers stay.
"""

from __future__ import annotations

from .fake import fake_quantize_per_channel_affine, fake_quantize_per_tensor_affine
from .observers import (
    EPS,
    affine_qparams,
    min_max_observer,
    moving_average_min_max_observer,
    moving_average_per_channel_min_max_observer,
    per_channel_min_max_observer,
    reduce_range,
    symmetric_qparams,
)
from .tensors import (
    dequantize_per_channel,
    dequantize_per_tensor,
    fused_multiply_add,
    quantize_per_channel,
    quantize_per_tensor,
)

__all__ = [
    "quantize_per_tensor", "quantize_per_channel", "dequantize_per_tensor", "dequantize_per_channel",
    "fused_multiply_add", "fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine",
    "EPS", "affine_qparams", "symmetric_qparams", "reduce_range",
    "min_max_observer", "per_channel_min_max_observer", "moving_average_min_max_observer",
    "moving_average_per_channel_min_max_observer",
]
