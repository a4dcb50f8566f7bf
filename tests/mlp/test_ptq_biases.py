"""Biases in steps of scale_x * scale_w: where int32 cannot hold one, the step of its own weights grows."""

import numpy as np
import pytest

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
