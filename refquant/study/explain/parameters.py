"""Parameters from the words of a command line."""
from __future__ import annotations

import numpy as np

from ... import arguments
from ...affine import AffineParams
from ...grids import IntGrid
from ..options import number
from .numbers import float_dtype, read


def parameters(command: str, scale: str, zero_point: str, bits: str, signed: bool, narrow: bool,
               dtype: str) -> AffineParams:
    """Parameters from the words of a command line; the scale in the dtype of the arithmetic (R3).

    >>> parameters("explain", "0.1", "3", "4", True, False, "float16")
    AffineParams(scale=array(0.1, dtype=float32), zero_point=array(3, dtype=int16), grid=INT4)

    Raises:
        ValueError, TypeError: whatever AffineParams and IntGrid refuse, and text that is no number.
    """
    where = f"refquant {command}"
    grid = IntGrid(number(command, "--bits", bits, 2, 32, 8), signed=signed, narrow=narrow)
    arithmetic = grid.arithmetic(float_dtype(where, dtype))
    step = read(where, "--scale", scale, arithmetic)[1]
    if not 0 < step < np.inf:
        raise arguments.error(ValueError, where, f"`--scale` must be positive and finite in {arithmetic} (R11)",
                              repr(scale), "--scale 0.1, say")
    return AffineParams(scale=step, zero_point=number(command, "--zero-point", zero_point, grid.qmin, grid.qmax, 3),
                        grid=grid)
