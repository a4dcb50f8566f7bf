"""Biases in steps of scale_x * scale_w: where int32 cannot hold one, the step of its own weights grows."""

from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp

X = np.float32([[0.0, 0.5], [0.25, 255 / 256]])
STEP = 1 / 256  # of the input, so that the numbers below are exact


def layer(w: object, b: object, axis: int | None) -> mlp.QuantizedLayer:
    net = mlp.Net(weights=(np.float32(w),), biases=(np.float32(b),))
    return mlp.ptq_static(net, [X], weight_axis=axis).layers[0]


def test_a_huge_bias_widens_the_step_of_its_own_channel() -> None:
    w = [[1.0, -2.0, 0.5], [0.25, 1.5, 1.0]]
    plain, wide = layer(w, [0.5, 0.5, 0.5], 0), layer(w, [0.5, -3 * 2.0**30, 0.5], 0)
    kept = [0, 2]
    assert (plain.weight.scale[:, kept] == wide.weight.scale[:, kept]).all()
    assert (plain.codes[:, kept] == wide.codes[:, kept]).all() and (plain.bias[kept] == wide.bias[kept]).all()
    assert wide.weight.scale[0, 1] == 3 / STEP and wide.bias[1] == -(2**30)


def test_a_huge_bias_widens_the_one_step_of_a_tensor() -> None:
    wide = layer([[1.0, -2.0], [0.25, 1.5]], [0.5, -3 * 2.0**30], None)
    assert wide.weight.scale == 3 / STEP and wide.bias.tolist() == [0, -(2**30)]


@pytest.mark.parametrize(("axis", "w"), [(None, [[0.0], [0.0]]), (0, [[0.0, 1.0], [0.0, 1.0]])])
def test_where_all_weights_are_0_the_bias_has_the_finest_step(axis: int | None, w: list[list[float]]) -> None:
    """30 bits of the bias are kept; where it is 0 too, the step is 1, as for every range of zeros (R11)."""
    some, none = (layer(w, [b, 0.5][:len(w[0])], axis) for b in (0.75, 0.0))
    assert some.weight.scale.ravel()[0] == 0.75 / STEP / 2**30 and some.bias[0] == 2**30
    assert none.weight.scale.ravel()[0] == 1 and none.bias[0] == 0
    assert (some.weight.scale.ravel()[1:] == np.float32(1 / 127)).all() and not some.codes[:, 0].any()


@pytest.mark.parametrize("axis", [None, 0])
def test_one_weight_that_is_not_0_keeps_its_step(axis: int | None) -> None:
    assert layer([[0.0], [1.0]], [0.5], axis).weight.scale.ravel()[0] == np.float32(1 / 127)


def test_the_step_of_a_bias_is_a_product_in_float64() -> None:
    """In float32 the step would be off by some 1e-8, and a bias of 2**29 steps by several."""
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(2, 50)).astype(np.float32), rng.uniform(size=(9, 2)).astype(np.float32)
    net = mlp.Net(weights=(w,), biases=(np.abs(w).max(axis=0) * np.float32(1e4),))
    made = mlp.ptq_static(net, [x], weight_axis=0).layers[0]
    assert isinstance(made.activation, rq.AffineParams)
    steps = made.activation.scale.astype(np.float64) * made.weight.scale[0].astype(np.float64)
    np.testing.assert_array_equal(made.bias, np.rint(net.biases[0] / steps))
    assert (made.bias != np.rint(net.biases[0] / (made.activation.scale * made.weight.scale[0]))).any()


@pytest.mark.parametrize(("outputs", "axis", "shape"), [
    (1, None, ()), (1, 0, (1, 1)), (2, None, ()), (2, 0, (1, 2)), (5, 0, (1, 5))])
def test_steps_keep_their_shape(outputs: int, axis: int | None, shape: tuple[int, ...]) -> None:
    """Also where a bias widens one: of two outputs, one."""
    w = np.linspace(-1, 2, 2 * outputs).reshape(2, outputs)
    plain, wide = (layer(w, [b] + [0.5] * (outputs - 1), axis) for b in (0.5, 2.0**33))
    assert plain.weight.scale.shape == wide.weight.scale.shape == shape
    assert wide.weight.scale.ravel()[0] == 8 / STEP
    if axis == 0:
        assert (plain.weight.scale[0, 1:] == wide.weight.scale[0, 1:]).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_least_step_is_found_in_float64(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, b = rng.uniform(size=(3, 1)).astype(np.float32), rng.uniform(1e12, 1e13, 1).astype(np.float32)
    made = mlp.ptq_static(mlp.Net(weights=(np.ones((1, 1)),), biases=(b,)), [x]).layers[0]
    assert isinstance(made.activation, rq.AffineParams)
    assert made.weight.scale == np.float32(np.float64(b[0]) / np.float64(made.activation.scale) / 2**30)


def test_no_step_is_below_the_smallest_normal_number() -> None:
    assert layer([[0.0], [0.0]], [1e-38], None).weight.scale == np.finfo(np.float32).tiny


def test_one_bias_of_several_that_no_step_holds() -> None:
    with refused(ValueError, "quantize_net", "must fit into int32"):
        net = mlp.Net(weights=(np.ones((1, 2)),), biases=([0.5, 3e38],))
        mlp.ptq_static(net, [np.float32([[1e-35]])], weight_axis=0)


def test_as_many_parameters_as_layers() -> None:
    net = mlp.init(np.random.default_rng(0), (2, 3, 2))
    weights = [rq.symmetric_params(-1.0, 1.0, rq.INT8)] * 3
    for inputs, of_weights in (([mlp.Dynamic(rq.UINT8)], weights[:2]), ([mlp.Dynamic(rq.UINT8)] * 2, weights),
                               ([mlp.Dynamic(rq.UINT8)] * 3, weights)):
        with pytest.raises(ValueError, match="zip"):
            mlp.quantize_net(net, inputs, of_weights)


def test_blocks_take_any_clip_and_fit() -> None:
    net = mlp.Net(weights=(np.arange(12.0).reshape(4, 3) - 5,), biases=(np.zeros(3),))

    def half(w: Any, axis: Any) -> Any:
        lo, hi = rq.minmax(w, axis)
        return lo / 2, hi / 2

    def doubled(lo: Any, hi: Any, grid: Any) -> rq.AffineParams:
        return rq.symmetric_params(2 * lo, 2 * hi, grid)

    plain, clipped, fitted = (mlp.ptq_static(net, [np.eye(4)], weight_block=2, **options).layers[0].weight.scale
                              for options in ({}, {"weight_clip": half}, {"weight_fit": doubled}))
    assert plain.shape == (2, 1, 3) and (clipped == plain / 2).all() and (fitted == plain * 2).all()


def test_a_bias_of_more_input_steps_than_float32_counts() -> None:
    """1e10 in steps of 1e-30 is 1e40; the weights' step, 1e40 / 2**30, is a float32 again."""
    net = mlp.Net(weights=(np.eye(1),), biases=(np.array([1e10]),))
    layer = mlp.ptq_static(net, [np.array([[255e-30]])]).layers[0]
    assert float(layer.weight.scale) == pytest.approx(1e40 / 2**30, rel=1e-6)
    assert layer.bias[0] == pytest.approx(2**30, rel=1e-6)
