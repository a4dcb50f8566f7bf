"""A message names the first value that is wrong, and no other."""

from helpers import refused

import refquant as rq

PARAMS = rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT4)


def test_the_ends_are_inside() -> None:
    with refused(ValueError, "dequantize", "got 8 at index (2,) of shape (4,)"):
        rq.dequantize([-8, 7, 8, -9], PARAMS)
    with refused(ValueError, "dequantize", "got -9 at index (2,) of shape (4,)"):
        rq.dequantize([7, -8, -9, 8], PARAMS)
