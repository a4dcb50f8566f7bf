"""The float network where it is smallest: one unit, a pre-activation of 0, a class that is impossible."""

from typing import Any

import numpy as np
import pytest
from helpers import refused

from refquant import mlp
from refquant.mlp import model


def test_he_init() -> None:
    """W ~ Normal(0, 2 / n_in), layer after layer from one generator; b = 0."""
    net, rng = mlp.init(np.random.default_rng(0), (1, 3, 1)), np.random.default_rng(0)
    for w, b, shape in zip(net.weights, net.biases, ((1, 3), (3, 1)), strict=True):
        np.testing.assert_array_equal(w, rng.normal(0, np.sqrt(2 / shape[0]), shape).astype(np.float32))
        assert b.shape == shape[1:] and not b.any()


def test_every_layer_has_two_axes() -> None:
    with refused(ValueError, "Net", "chain", "(3,)"):
        mlp.Net(weights=(np.zeros((2, 3)), np.zeros(3)), biases=(np.zeros(3), np.float32(0)))


def test_a_class_that_is_impossible_costs_nothing_where_nobody_claims_it() -> None:
    value, pullback = mlp.cross_entropy([[0.0, -np.inf]], [0])
    assert value == 0 and not pullback().any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_keep_the_dtype_of_the_logits(dtype: Any) -> None:
    assert mlp.cross_entropy(np.ones((2, 3), dtype), [0, 2])[1]().dtype == dtype


def test_one_row_that_is_no_probability() -> None:
    x, good = np.zeros((3, 2)), np.full((3, 2), 0.5)
    net = mlp.init(np.random.default_rng(0), (2, 2))
    for row in ([0.6, 0.6], [1.5, -0.5], [0.5, 0.4975]):
        bad = good.copy()
        bad[1] = row
        with refused(ValueError, "train", "rows sum to 1"):
            mlp.train(net, x, bad, rng=np.random.default_rng(0))
    mlp.train(net, x, np.float32([[0.5, 0.4995]] * 3), rng=np.random.default_rng(0), epochs=1)


def test_no_gradient_passes_a_unit_that_is_exactly_0() -> None:
    """The derivative of max(x, 0) at 0 is 0, and so is what reaches the first layer."""
    weights, biases = [np.zeros((2, 1)), np.array([[1.0, 2.0]])], [np.zeros(1), np.zeros(2)]
    none = [model.unchanged] * 2
    gradient = model.loss_gradient(weights, biases, np.ones((1, 2)), np.eye(2)[:1], none, none)
    assert not gradient[:3].any() and gradient[5:].tolist() == [-0.5, 0.5]


def test_epochs_end_where_the_data_do() -> None:
    """Also where the last minibatch is full."""
    from refquant.mlp import training

    for n, size in ((4, 2), (5, 2), (2, 2), (1, 3)):
        steps = list(training.minibatches(n, rng=np.random.default_rng(0), epochs=2, batch_size=size, lr=1.0))
        each = -(-n // size)
        assert [last for *_, last in steps] == ([False] * (each - 1) + [True]) * 2
        assert sorted(np.concatenate([rows for rows, *_ in steps[:each]])) == list(range(n))
        np.testing.assert_allclose([lr for _, lr, _ in steps],
                                   [(1 + np.cos(np.pi * t / (2 * each))) / 2 for t in range(2 * each)])
