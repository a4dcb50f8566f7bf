"""deploy takes every sum that int32 holds, and refuses the first that it does not."""

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp

LEAST, MOST = -(2**31), 2**31 - 1


def net(bias: int, zero_point: int, code: int = 1) -> mlp.QuantizedNet:
    """One input from 0 to 255, one weight: sums from bias - code * zero_point to bias + code * (255 - zero_point)."""
    at = rq.AffineParams(scale=np.float32(1), zero_point=zero_point, grid=rq.UINT8)
    weight = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT8)
    return mlp.QuantizedNet((mlp.QuantizedLayer(codes=np.int8([[code]]), weight=weight, bias=np.int32([bias]),
                                                activation=at),))


@pytest.mark.parametrize(("bias", "zero_point", "code", "q", "acc"), [
    (LEAST + 255, 255, 1, 0, LEAST), (MOST - 255, 0, 1, 255, MOST), (LEAST + 200, 55, -1, 255, LEAST),
    (MOST - 100, 100, -1, 0, MOST)])
def test_the_largest_sums_that_int32_holds(bias: int, zero_point: int, code: int, q: int, acc: int) -> None:
    deployed = mlp.deploy(net(bias, zero_point, code))
    codes = mlp.forward_codes(deployed, [[q]])
    assert codes == (32767 if acc > 0 else -32767)
    step = 1 if acc > 0 else -1
    with refused(ValueError, "deploy", "`accumulators`", acc + step):
        mlp.deploy(net(bias + step, zero_point, code))
