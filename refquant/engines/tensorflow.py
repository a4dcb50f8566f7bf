"""TensorFlow 2.21 on a CPU: fake_quant_with_min_max_args and _vars."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import Reals, quiet
from .inputs import must

F32 = np.float32


@quiet
def fake_quant(x: ArrayLike, lo: float, hi: float, num_bits: int = 8, narrow_range: bool = False) -> Reals:
    """x_hat = floor((clip(x, low, high) - low) * inverse - zero + 0.5) * scale: the range's lowest real first.

    Args:
        x: (*S) reals without NaN, read as float32.
        lo, hi: the range, in reals, with 0 inside; [low, high] is the range moved so that 0 has a code.
        num_bits: 2 to 16; codes from 0, or from 1 with narrow_range.
    Returns:
        (*S) float32.

    scale = (hi - lo) / (qmax - qmin), and inverse = (qmax - qmin) / (hi - lo), each rounded to float32. Departs from R3
    (a reciprocal of its own), R4 (ties go up, after a sum in float32) and R5 (the offset is subtracted first):

    >>> import refquant as rq
    >>> params = rq.AffineParams(scale=np.float32(1), zero_point=7, grid=rq.UINT8)
    >>> x = np.float32([0.5, 1.5, -0.5, 1e-9])
    >>> fake_quant(x, -7, 248).tolist(), rq.fake_quantize(x, params).tolist()
    ([1.0, 2.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0])

    Raises:
        ValueError: a range without 0, or without width.
    Source: tensorflow/core/kernels/fake_quant_ops_functor.h, Nudge and FakeQuantWithMinMaxArgsFunctor.
    """
    first, width, n = F32(lo), F32(hi) - F32(lo), F32(2**num_bits - 1 - narrow_range)
    must("fake_quant", lo <= 0 <= hi and width, "the range must contain 0 and have a width", f"[{lo}, {hi}]",
         "widen it to 0")
    qmin, scale, inverse = F32(narrow_range), width / n, n / width
    zero_point = np.clip(np.floor(qmin - first / scale + F32(0.5)), qmin, qmin + n)
    low, high = (qmin - zero_point) * scale, (qmin + n - zero_point) * scale
    zero = np.floor(-low * inverse + F32(0.5))
    shifted = np.clip(np.asarray(x, F32), low, high) - low
    return np.asarray(np.floor(shifted * inverse - zero + F32(0.5)) * scale)
