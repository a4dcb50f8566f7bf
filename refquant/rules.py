"""The specification on one screen. Laws, messages, deviations and lessons cite these numbers."""

from __future__ import annotations

RULES: dict[str, str] = {
    "R1": "Codes: integers of 2 to 32 bits; narrow drops the lowest signed code; unsigned and narrow is an error. "
          "Floats of 3 to 16 bits; codebooks of 2 to 256 values.",
    "R2": "Meaning: a code means scale * (decode(q) - zero_point). dequantize refuses codes off the grid and returns "
          "the scale's dtype; fake_quantize returns x's; beyond 16 bits both return float64.",
    "R3": "Division: arithmetic in x's dtype by true division, never by a reciprocal; the scale is cast to x's dtype; "
          "float16 is widened to float32, and the result rounded back; grids beyond 16 bits compute in float64 "
          "throughout. IEEE gradual underflow is assumed.",
    "R4": "Rounding: the nearest value; of two equally near, the one with the even code, of a codebook the lower. On "
          "integers, ties go to the even integer.",
    "R5": "The zero point is added after rounding; only grids of equal steps have one.",
    "R6": "Saturation: clip in floating point before the cast, on every grid; infinities and overflowing quotients "
          "saturate, without a warning.",
    "R7": "NaN is refused, with the place of the first; integer and complex input is refused with a hint; scalars and "
          "lists of floats are taken.",
    "R8": "Zero: affine ranges are widened to contain 0, so 0.0 is exact on every grid that has the value 0.",
    "R9": "Affine: scale = (hi/2 - lo/2) / ((qmax - qmin)/2), zero_point = qmin + round(clip(-lo/scale, 0, "
          "qmax - qmin)).",
    "R10": "Symmetric: zero_point = 0, or (qmin + qmax + 1)//2 when unsigned; scale = max(|lo|, |hi|) / "
           "min(qmax - zero_point, zero_point - qmin): int8 divides by 127.",
    "R11": "Degenerate ranges: every finite lo <= hi works; an all-zero range has scale 1, otherwise scale is at least "
           "the smallest normal number, at most the largest. lo > hi, NaN and infinite ends are refused. Nothing "
           "overflows on the way; x_hat itself may, within one step of the largest float. On E8M0 a scale lies from "
           "2**-127 to 2**127.",
    "R12": "Granularity: parameters broadcast TO x's shape, else an error; the result is that of each slice alone. "
           "axis names the axes reduced over.",
    "R13": "Products of codes are exact: int32 if K * max|a| * max|b| < 2**31 by dtype, never by value, else int64; "
           "K = 0 gives zeros.",
    "R14": "Requantize: m = mantissa * 2**(shift - 31), mantissa in [2**30, 2**31), shift <= 30; one rounding of the "
           "exact product, ties to even; any int32 accumulator.",
    "R15": "Straight-through: the gradient passes where the rounded code was not clipped.",
    "R16": "Error: |x - x_hat| <= scale * (gap/2 + (qmax - qmin) * eps) for every x between the values of qmin and "
           "qmax, gap the distance of the two values around x / scale, 1 on integers; on grids with a zero point or "
           "values on both sides of 0; x_hat by fake_quantize, eps of x's dtype, scale and scale * (qmax - qmin) "
           "normal numbers of it, x_hat no overflow (R11).",
    "R17": "Values: a float code is sign, exponent, mantissa, with subnormals and, if not FNUZ, with -0; infinities "
           "and NaN are no values, and their codes are refused. A codebook's code is the place of its value.",
    "R18": "Scales on a grid: a code is chosen by the scale as stored. MX: scale = 2**(floor(log2 max|x|) - floor(log2 "
           "m)), exact, m the divisor of R10. Two levels: a second scale times a value of the scale grid, never below "
           "its smallest positive one; blocks of zeros do not count for the second scale.",
}
