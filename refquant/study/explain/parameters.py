"""Parameters from the words of a command line."""
from __future__ import annotations

import numpy as np

from ... import arguments
from ...affine import AffineParams
from ...grids import IntGrid
from .numbers import float_dtype, read


def parameters(where: str, scale: str, zero_point: str, bits: str, signed: bool, narrow: bool,
               dtype: str) -> AffineParams:
    """Parameters from the words of a command line; the scale in the dtype of the arithmetic (R3).

    >>> parameters("docs", "0.1", "3", "4", True, False, "float16")
    AffineParams(scale=array(0.1, dtype=float32), zero_point=array(3, dtype=int16), grid=INT4)

    Raises:
        ValueError, TypeError: whatever AffineParams and IntGrid refuse, and text that is no number.
    """
    grid = IntGrid(_whole(where, "--bits", bits), signed=signed, narrow=narrow)
    arithmetic = grid.arithmetic(float_dtype(where, dtype))
    step = read(where, "--scale", scale, arithmetic)[1]
    if not 0 < step < np.inf:
        raise arguments.error(ValueError, where, f"`--scale` must be positive and finite in {arithmetic} (R11)",
                              repr(scale), "--scale 0.1, say")
    return AffineParams(scale=step, zero_point=_whole(where, "--zero-point", zero_point), grid=grid)


def _whole(where: str, name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as cause:
        raise arguments.error(ValueError, where, f"`{name}` must be a whole number", repr(text),
                              f"{name} 3, say") from cause
