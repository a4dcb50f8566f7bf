"""deploy takes every sum that int32 holds, and refuses the first that it does not."""

from typing import Any

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


def random_net(sizes: tuple[int, ...], seed: int = 0) -> mlp.Net:
    rng = np.random.default_rng(seed)
    net = mlp.init(rng, sizes)
    return mlp.Net(weights=net.weights, biases=tuple(rng.normal(size=b.shape) for b in net.biases))


@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (3, 4, 4, 2), (2, 3, 3, 3, 3)])
@pytest.mark.parametrize("axis", [None, 0])
def test_the_largest_logit_that_any_codes_give_is_32767(sizes: tuple[int, ...], axis: Any) -> None:
    """Of the last layer, whatever the depth; multipliers are float64 products, all numbers of a layer int32."""
    qnet = mlp.ptq_static(random_net(sizes), [np.random.default_rng(1).normal(size=(20, sizes[0]))], weight_axis=axis)
    net = mlp.deploy(qnet)
    last = qnet.layers[-1]
    assert isinstance(last.activation, rq.AffineParams)
    at, codes = last.activation, last.codes.astype(int)
    scale = at.scale.astype(np.float64) * last.weight.scale.astype(np.float64).reshape(-1)
    steps = np.array([[at.grid.qmin], [at.grid.qmax]]) - int(at.zero_point)
    ends = [np.where(codes > 0, steps[i], steps[1 - i]) for i in (0, 1)]
    sums = np.array([(codes * end).sum(axis=0) + last.bias for end in ends])
    assert net.output == rq.symmetric_params(-(largest := np.float32(np.abs(sums * scale).max())), largest, rq.INT16)
    outputs = [*(layer.activation for layer in qnet.layers[1:]), net.output]
    for layer, integer, to in zip(qnet.layers, net.layers, outputs, strict=True):
        assert isinstance(layer.activation, rq.AffineParams) and isinstance(to, rq.AffineParams)
        m = layer.activation.scale.astype(np.float64) * layer.weight.scale.astype(np.float64).reshape(-1) / to.scale
        for found, wanted in zip((integer.mantissa, integer.shift), rq.quantize_multiplier(m), strict=True):
            np.testing.assert_array_equal(found, wanted.astype(np.int32), strict=True)
        assert integer.bias.dtype == np.int32
        assert (integer.zero_point, integer.grid) == (int(to.zero_point), to.grid)
        assert integer.least == (to.grid.qmin if to is net.output else int(to.zero_point))


@pytest.mark.parametrize(("codes", "bias"), [
    ([[0, 3], [0, -2]], [0, 4]), ([[0, 3], [0, 0]], [9, 4]), ([[0, 3], [0, 2]], [1, 0]), ([[0, 0], [2, 3]], [0, 0]),
    ([[0, 0], [0, 0]], [0, 5]), ([[0, 0], [0, 1]], [0, 0])])
@pytest.mark.parametrize("shape", [(), (1, 2)])
def test_an_output_that_is_always_0_needs_no_multiplier(codes: Any, bias: Any, shape: Any) -> None:
    """Where the other outputs have one, they keep it; a scale that no multiplier holds is refused where it counts."""
    at = rq.AffineParams(scale=np.float32(1), zero_point=3, grid=rq.UINT8)
    idle = not np.any(codes, axis=0)[0] and bias[0] == 0
    scale = np.ones(shape, np.float32)
    if shape:
        scale[0, 0] = 1e30
    weight = rq.AffineParams(scale=scale, zero_point=0, grid=rq.INT8)
    hidden = mlp.QuantizedLayer(codes=np.array(codes), weight=weight, bias=np.int32(bias), activation=at)
    after = mlp.QuantizedLayer(codes=np.eye(2, dtype=int), weight=rq.AffineParams(
        scale=np.float32(1), zero_point=0, grid=rq.INT8), bias=np.int32([0, 0]), activation=at)
    qnet = mlp.QuantizedNet((hidden, after))
    if shape and not idle:
        with refused(ValueError, "quantize_multiplier", "R14"):
            mlp.deploy(qnet)
        return
    layer = mlp.deploy(qnet).layers[0]
    for q in ([[3, 3]], [[5, 9]], [[0, 0]], [[250, 4]]):
        reals = np.clip((np.array(q) - 3) @ np.array(codes) + bias, 0, 252)
        assert (mlp.integer_linear(layer, np.uint8(q)) == reals + 3).all()


def test_inputs_of_9_bits_are_too_wide() -> None:
    qnet = mlp.ptq_static(random_net((3, 2)), [np.eye(3)], activation_grid=rq.IntGrid(9))
    with refused(ValueError, "deploy", "at most 8 bits", "9 bits"):
        mlp.deploy(qnet)


def test_sums_of_weights_that_int32_does_not_hold() -> None:
    """131,076 weights of 16 bits add up to 2**32 and a little: no sum of codes is taken modulo 2**32."""
    codes = np.full((131_076, 1), 32767)
    for sign in (1, -1):
        made = mlp.QuantizedLayer(codes=sign * codes, bias=np.int32([0]), activation=rq.AffineParams(
            scale=np.float32(1), zero_point=0, grid=rq.UINT2), weight=rq.AffineParams(
            scale=np.float32(1), zero_point=0, grid=rq.INT16))
        with refused(ValueError, "deploy", "`accumulators`", sign * 3 * 131_076 * 32767):
            mlp.deploy(mlp.QuantizedNet((made,)))
