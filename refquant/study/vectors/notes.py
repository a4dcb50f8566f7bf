"""What each flag says, and the rule that it concerns."""

from __future__ import annotations

from collections.abc import Mapping

# in the order in which a test lists them; each file's `notes` and the README's table are cut from this one
NOTES = {
    "nan": "NaN is an input. It is refused: an error, never a code.",
    "refused": "The input breaks a rule; an implementation reports an error. One that cannot may skip the test.",
    "reciprocal": "Multiplying by 1 / scale instead of dividing by scale gives another code.",
    "wide_division": "Dividing exactly, or in a much wider format, gives another code: the quotient is first rounded "
                     "to the dtype of the arithmetic.",
    "scale_cast": "The scale is wider than the data: it is rounded to the dtype of the arithmetic before dividing. "
                  "Dividing in the wider dtype gives another code.",
    "float16": "Arithmetic in float16 gives another result: float16 is widened to float32.",
    "straight_through": "x lies beyond the range but rounds to a code of the grid: the gradient passes (1). A mask on "
                        "x / scale before rounding gives 0.",
    "odd_zero_point": "A tie where an odd integer is added after rounding: adding it first gives the code beside.",
    "int32_cast": "Before the clip the number does not fit int32: a cast before the clip gives garbage.",
    "infinity": "x is infinite: it saturates, without a warning.",
    "overflow": "Finite inputs, but a quotient, a result, or the difference hi - lo, overflows to infinity.",
    "saturation": "The rounded code lies off the grid: it is clipped, never wrapped.",
    "tie": "What is rounded lies exactly half-way between two integers: it goes to the even one. Half away from zero, "
           "half up and half down fail somewhere.",
    "ulp": "No tie, but one unit in the last place of the input (of an integer: 1) to a side is a tie or beyond it.",
    "subnormal": "An input, a scale, a quotient or a result is subnormal: hardware that flushes it to zero may fail.",
    "signed_zero": "x is -0.0, which is 0.",
    "zero": "The number 0: its code is the zero point, and comes back as 0 exactly. A range of zeros has scale 1.",
    "grid_end": "The result is the lowest or the highest code, unclipped.",
    "subtraction_wraps": "q - zero_point does not fit the codes' own type.",
    "distributed": "scale * q - scale * zero_point gives another number: subtract first.",
    "rounded": "scale * (q - zero_point) is not exact: it is rounded to the dtype, ties to even.",
    "degenerate_range": "lo = hi, or a range so narrow that the scale is held at the smallest normal number, or one "
                        "whose width hi - lo overflows.",
    "one_sided": "The range does not contain 0: it is widened to contain it.",
    "half_width": "Dividing by (qmax - qmin) / 2 gives another scale: divide by the shorter side of the zero point.",
    "rounded_scale": "Computed from the exact range, the zero point would be another: the scale is first rounded to "
                     "its dtype (and kept normal), then divides.",
    "accumulator_bound": "The accumulator is an end of int32; or K is the largest for which the dtypes bound every "
                         "sum below 2**31, or one beside.",
    "int32_wrap": "The sum does not fit int32: 32-bit accumulators wrap or saturate.",
    "by_dtype": "The sum would fit int32, but the dtypes do not bound it: int64, whatever the values.",
    "pair_sum": "Two products side by side do not fit int16: instructions that add pairs in 16 bits saturate.",
    "float32_sum": "The sum is above 2**24 and no float32: accumulating in float32 is inexact.",
    "empty": "K = 0: sums of nothing are 0.",
    "mixed": "Several sums, or codes of several values: the order of rows and columns shows.",
    "carry": "The mantissa rounds up to 2**31: it becomes 2**30, and shift grows by one.",
    "power_of_two": "m is a power of two: the mantissa is 2**30.",
    "double_rounding": "Rounding twice, to a 32-bit high product and then by the shift, as gemmlowp does, gives "
                       "another code.",
    "float32_multiplier": "acc times the real multiplier in float32, rounded, gives another code.",
    "shift_bound": "An extreme shift: 30, or so far to the right that little or nothing remains.",
    "through_float32": "Rounding the float64 quotient to float32 first gives another code: it is rounded once.",
    "half_way": "x / scale lies exactly half-way between two values: the one with the even code, of a codebook the "
                "lower.",
    "subnormal_value": "The value is subnormal on the grid.",
    "zero_sign": "The value is 0, and x or the code is negative: -0 where the grid has it, otherwise 0.",
    "float32_log": "The logarithm of max|x|, rounded to float32, is an integer above it: its floor is one too large.",
    "scale_bound": "The scale is held at 2**-127 or 2**127, the ends of E8M0.",
    "clipping_scale": "max|x| / scale rounds beyond the largest value: it saturates.",
    "zero_block": "A block of zeros does not count for the second scale.",
    "ordinary": "Nothing special: what everyone gets right.",
}

_FORMULA = {"nan": "R7", "reciprocal": "R3", "wide_division": "R3", "scale_cast": "R3", "float16": "R3",
            "straight_through": "R15", "odd_zero_point": "R5", "int32_cast": "R6", "infinity": "R6", "overflow": "R6",
            "saturation": "R6", "tie": "R4", "ulp": "R4", "subnormal": "R3", "zero": "R8"}
_RULES: dict[str, tuple[Mapping[str, str], str]] = {  # of the first flag that has one; otherwise the last
    "quantize": (_FORMULA, "R2"), "fake_quantize": (_FORMULA, "R2"),
    "dequantize": ({"float16": "R3", "overflow": "R11", "zero": "R8"}, "R2"),
    "affine_params": ({"overflow": "R11", "degenerate_range": "R11", "subnormal": "R11", "one_sided": "R8"}, "R9"),
    "symmetric_params": ({"overflow": "R11", "degenerate_range": "R11", "subnormal": "R11"}, "R10"),
    "quantize_values": ({**_FORMULA, "through_float32": "R4", "half_way": "R4", "zero_sign": "R17"}, "R2"),
    "dequantize_values": ({}, "R17"), "mx_params": ({"scale_bound": "R11", "zero": "R11"}, "R18"),
    "two_level": ({}, "R18"), "integer_matmul": ({}, "R13"), "quantize_multiplier": ({}, "R14"),
    "requantize": ({}, "R14"),
}


def rule_of(algorithm: str, flags: list[str]) -> str:
    """The rule concerned: that of the first flag which names one.

    >>> rule_of("quantize", ["saturation", "tie"]), rule_of("requantize", ["tie"])
    ('R6', 'R14')
    """
    rules, otherwise = _RULES[algorithm]
    return next((rules[flag] for flag in flags if flag in rules), otherwise)
