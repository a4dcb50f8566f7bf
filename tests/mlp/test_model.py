from typing import Any

import numpy as np
import pytest
from helpers import refused

from refquant import mlp
from refquant.mlp import model


def small(rng: np.random.Generator, sizes: tuple[int, ...] = (3, 4, 4, 2)) -> mlp.Net:
    net = mlp.init(rng, sizes)
    return mlp.Net(weights=net.weights, biases=tuple(rng.normal(size=b.shape) for b in net.biases))


def test_forward_is_the_written_formula() -> None:
    rng = np.random.default_rng(0)
    net, x = small(rng), rng.normal(size=(5, 3)).astype(np.float32)
    hidden = np.maximum(np.maximum(x @ net.weights[0] + net.biases[0], 0) @ net.weights[1] + net.biases[1], 0)
    np.testing.assert_array_equal(mlp.forward(net, x), hidden @ net.weights[2] + net.biases[2])
    assert mlp.forward(net, np.zeros((0, 3))).shape == (0, 2)


def test_the_pullback_is_the_derivative() -> None:
    rng = np.random.default_rng(1)
    net, x, labels = small(rng), rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    theta, none = model.flatten(net).astype(np.float64), [model.unchanged] * 3

    def loss(theta: Any) -> Any:
        logits, pullback = model.value_and_pullback(*model.unflatten(theta, net.sizes), x, none, none)
        value, back = mlp.cross_entropy(logits, labels)
        return value, pullback(back())

    gradient = loss(theta)[1]
    for direction in rng.normal(size=(5, theta.size)):
        h = 1e-6
        numerical = (loss(theta + h * direction)[0] - loss(theta - h * direction)[0]) / (2 * h)
        assert gradient @ direction == pytest.approx(numerical, rel=1e-6, abs=1e-8)


def test_a_network_is_a_read_only_value() -> None:
    net = mlp.init(np.random.default_rng(0), (2, 2))
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][0, 0] = 1
    assert all(a.dtype == np.float32 for a in (*net.weights, *net.biases))


@pytest.mark.parametrize(("weights", "biases"), [((), ()), ((np.zeros((2, 3)),), (np.zeros(2),)),
                                                 ((np.zeros((2, 3)), np.zeros((2, 1))), (np.zeros(3), np.zeros(1))),
                                                 ((np.zeros(3),), (np.zeros(3),))])
def test_layers_chain(weights: Any, biases: Any) -> None:
    with refused(ValueError, "Net", "chain", "shapes"):
        mlp.Net(weights=weights, biases=biases)


@pytest.mark.parametrize("sizes", [(), (3,)])
def test_sizes_name_input_and_output(sizes: Any) -> None:
    with refused(ValueError, "init", "`sizes`", sizes):
        mlp.init(np.random.default_rng(0), sizes)


@pytest.mark.parametrize(("sizes", "kind"), [((3, 0), ValueError), ((3, -1), ValueError), ((3, 2.0), TypeError)])
def test_sizes_are_positive_integers(sizes: Any, kind: Any) -> None:
    with refused(kind, "init", "`sizes`", sizes[1]):
        mlp.init(np.random.default_rng(0), sizes)


@pytest.mark.parametrize("x", [np.zeros((5, 4)), np.zeros(3), np.zeros((1, 2, 3))])
def test_x_has_the_networks_width(x: Any) -> None:
    with refused(ValueError, "forward", "(n, 3)", x.shape):
        mlp.forward(small(np.random.default_rng(0)), x)


def test_x_is_finite() -> None:
    with refused(ValueError, "forward", "inf", "index (0, 1)"):
        mlp.forward(small(np.random.default_rng(0)), [[0.0, np.inf, 0.0]])


@pytest.mark.parametrize("f", [mlp.cross_entropy, mlp.accuracy])
def test_labels_fit_the_logits(f: Any) -> None:
    logits = np.zeros((3, 2))
    for labels, parts in (([0, 1, 2], ["`labels`", "0 to 1", "2", "index (2,)"]), ([0, -1, 1], ["-1"]),
                          ([0, 1], ["(2,)", "3 samples"]), ([[0], [1], [1]], ["(3, 1)"])):
        with refused(ValueError, f.__name__, *parts):
            f(logits, labels)
    with refused(TypeError, f.__name__, "`labels`", "float64"):
        f(logits, [0.0, 1.0, 1.0])
    for bad in (np.zeros((0, 2)), np.zeros(3), np.zeros((3, 0))):
        with refused(ValueError, f.__name__, "`logits`", bad.shape):
            f(bad, [0, 0, 0])


def test_cross_entropy_of_large_logits_does_not_overflow() -> None:
    value, pullback = mlp.cross_entropy(np.float32([[1e30, 0], [0, -1e30]]), [0, 0])
    assert value == 0
    assert np.isfinite(pullback()).all()
