"""Quantized layers at their limits: shapes, bits, sums beyond int32, and products that are float64 before they are
float32."""

from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp

RNG = np.random.default_rng(5)
HALF = np.float32(0.5)


def step(scale: Any, grid: rq.IntGrid = rq.INT8, zero_point: Any = 0) -> rq.AffineParams:
    return rq.AffineParams(scale=scale, zero_point=zero_point, grid=grid)


def layer(codes: Any, bias: Any, weight: Any = None, activation: Any = None, **other: Any) -> mlp.QuantizedLayer:
    return mlp.QuantizedLayer(codes=codes, bias=bias, weight=weight or step(HALF), **other,
                              activation=activation or step(HALF, rq.UINT8))


@pytest.mark.parametrize("shape", [(), (1, 1), (1, 3)])
def test_scales_that_fit(shape: tuple[int, ...]) -> None:
    made = layer(np.ones((2, 3), int), np.int32([1, 2, 3]), step(np.full(shape, HALF)))
    assert made.weight.scale.shape == shape
    assert mlp.linear(made, np.float32([[1, 1]])).tolist() == [[1.25, 1.5, 1.75]]


@pytest.mark.parametrize(("codes", "bias", "shape"), [
    ((2, 3, 4), (3, 4), ()), ((3,), (), ()), ((2, 3), (4,), ()), ((2, 3), (3,), (2, 1)), ((2, 3), (3,), (2, 3)),
    ((2, 3), (3,), (3,)), ((2, 3), (3,), (1, 2))])
def test_shapes_that_do_not(codes: Any, bias: Any, shape: Any) -> None:
    with refused(ValueError, "QuantizedLayer", "must fit", f"{codes}, {bias} and {shape}"):
        layer(np.ones(codes, int), np.zeros(bias, np.int32), step(np.full(shape, HALF)))


@pytest.mark.parametrize(("n", "size", "blocks"), [(1, 1, 1), (5, 1, 5), (5, 2, 3), (5, 5, 1), (4, 2, 2)])
def test_block_sizes(n: int, size: int, blocks: int) -> None:
    weight = step(np.full((blocks, 1, 3), HALF))
    made = layer(np.ones((n, 3), int), np.zeros(3, np.float32), weight, block_size=size)
    assert (made.reals == 0.5).all() and made.reals.shape == (n, 3)
    for other in (n + 1, 0):
        with refused(ValueError, "QuantizedLayer", "`block_size`", f"got {other}"):
            layer(np.ones((n, 3), int), np.zeros(3, np.float32), weight, block_size=other)
    with refused(ValueError, "QuantizedLayer", "must fit"):
        layer(np.ones((n, 3), int), np.zeros(3, np.float32), step(np.full((blocks + 1, 1, 3), HALF)), block_size=size)


def test_one_zero_point_of_weights_that_is_not_0() -> None:
    for points in ([[0, 1]], [[1, 1]]):
        with refused(ValueError, "QuantizedLayer", "must be symmetric"):
            layer(np.ones((1, 2), int), np.int32([0, 0]), step(np.full((1, 2), HALF), zero_point=points))
    with refused(ValueError, "QuantizedLayer", "`activation` per tensor"):
        layer(np.ones((1, 2), int), np.int32([0, 0]), activation=step(np.full((1, 1), HALF)))


@pytest.mark.parametrize(("weight", "activation", "fits"), [(16, 16, True), (17, 8, False), (8, 17, False)])
def test_at_most_16_bits(weight: int, activation: int, fits: bool) -> None:
    def make() -> mlp.QuantizedLayer:
        return layer([[1]], np.int32([0]), step(HALF, rq.IntGrid(weight)), step(HALF, rq.IntGrid(activation)))

    if fits:
        make()
    else:
        with refused(ValueError, "QuantizedLayer", "at most 16 bits", f"{weight} for weights and {activation}"):
            make()


def test_payload_in_bytes() -> None:
    for bits, activation, wanted in ((3, 8, 3 + 8 + 8 + 5), (4, 9, 3 + 8 + 8 + 6), (9, 16, 7 + 8 + 8 + 6),
                                     (8, 4, 6 + 8 + 8 + 5)):
        made = layer(np.ones((3, 2), int), np.int32([0, 0]), step(np.full((1, 2), HALF), rq.IntGrid(bits)),
                     step(HALF, rq.IntGrid(activation)))
        assert made.nbytes == wanted, (bits, activation)
    made = layer(np.ones((3, 2), int), np.zeros(2, np.float32), step(HALF, rq.INT4), mlp.Dynamic(rq.UINT8))
    assert made.nbytes == 3 + 4 + 8


def test_layers_chain_one_by_one() -> None:
    wide, narrow = (layer(np.ones((n, 2), int), np.int32([0, 0])) for n in (2, 3))
    mlp.QuantizedNet((wide, wide, wide))
    for layers in ((wide, wide, narrow), (wide, narrow, wide)):
        with refused(ValueError, "QuantizedNet", "must chain", "(3, 2)"):
            mlp.QuantizedNet(layers)


def test_sums_are_not_cut_at_int32() -> None:
    """A bias of 2**31 - 1 steps and one product more; and 70,000 weights of 16 bits."""
    most = 2**31 - 1
    one = step(np.float32(1), rq.UINT8)
    made = layer([[127]], np.int32([most]), step(np.float32(1)), one)
    assert mlp.linear(made, np.float32([[255]])) == np.float32(most + 127 * 255)
    ones = np.full((70_000, 1), 32767)
    made = layer(ones, np.int32([5]), step(np.float32(1), rq.INT16), step(np.float32(1), rq.UINT8, 2))
    assert mlp.linear(made, np.zeros((1, 70_000), np.float32)) == 5
    assert mlp.linear(made, np.full((1, 70_000), 2, np.float32)) == np.float32(2 * 70_000 * 32767 + 5)


@pytest.mark.parametrize("axis", [None, 0])
def test_scales_are_multiplied_in_float64(axis: Any) -> None:
    """y = float32((sums + bias) * (float64(scale_x) * float64(scale_w))), to the last bit."""
    net = mlp.Net(weights=(RNG.normal(size=(6, 40)),), biases=(RNG.normal(size=40),))
    x = RNG.normal(size=(25, 6)).astype(np.float32)
    for qnet in (mlp.ptq_static(net, [x], weight_axis=axis), mlp.ptq_dynamic(net, weight_axis=axis)):
        made = qnet.layers[0]
        at = made.activation if isinstance(made.activation, rq.AffineParams) else made.activation.params(x)
        sums = (rq.quantize(x, at).astype(int) - at.zero_point.astype(int)) @ made.codes.astype(int)
        scale = at.scale.astype(np.float64) * made.weight.scale.astype(np.float64)
        y = (sums + made.bias) * scale if made.summed_in_codes else sums * scale + made.bias
        np.testing.assert_array_equal(mlp.forward_quantized(qnet, x), y.astype(np.float32), strict=True)
        real = made.bias * scale.reshape(-1) if made.summed_in_codes else made.bias
        np.testing.assert_array_equal(made.real_bias, real, strict=True)


def test_a_bias_in_blocks_is_real_already() -> None:
    net = mlp.init(RNG, (4, 3))
    made = mlp.ptq_static(net, [np.eye(4)], weight_block=2).layers[0]
    assert made.real_bias is made.bias and made.bias.dtype == np.float32 and not made.summed_in_codes


def test_rules_of_a_dynamic_range_are_named() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        mlp.Dynamic(rq.UINT8, -1, rq.minmax)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional argument"):
        mlp.Dynamic(rq.UINT8, -1, rq.minmax, rq.affine_params)  # type: ignore[misc]


def test_blocks_add_their_bias() -> None:
    one = layer(np.ones((3, 2), int), np.float32([1, -2]), step(np.full((2, 1, 2), HALF)), block_size=2)
    assert mlp.linear(one, np.float32([[1, 2, 4]])).tolist() == [[4.5, 1.5]]


@pytest.mark.parametrize("bias", [np.inf, np.nan, -np.inf])
def test_real_biases_are_finite(bias: float) -> None:
    with refused(ValueError, "QuantizedLayer", "`bias` must", "index (1,)"):
        layer(np.ones((3, 2), int), np.float32([0, bias]), activation=mlp.Dynamic(rq.UINT8))


def test_a_fit_of_one_s_own_is_asked_at_once_for_a_range_as_it_will_be() -> None:
    """One that does not widen to 0 is taken; one that wants rows is taken per row alone."""
    def raw(lo: Any, hi: Any, grid: Any) -> rq.AffineParams:
        return rq.AffineParams(scale=(hi - lo) / (grid.qmax - grid.qmin), zero_point=0, grid=grid)

    assert mlp.Dynamic(rq.UINT8, fit=raw).fit is raw and mlp.Dynamic(rq.UINT8, -1, fit=raw).fit is raw
    rows = rq.two_level(rq.E4M3, axis=-2)
    assert mlp.Dynamic(rq.E2M1, -1, fit=rows).fit == rows
    with refused(ValueError, "`axis`"):
        mlp.Dynamic(rq.E2M1, fit=rows)
