from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp


def data(n: int = 60) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    return x, (x[:, 0] > x[:, 1]).astype(int)


@pytest.mark.parametrize("train", [mlp.train, mlp.train_qat])
def test_training_is_deterministic_and_leaves_its_input(train: Any) -> None:
    x, labels = data()
    net = mlp.init(np.random.default_rng(1), (2, 4, 2))
    before = [a.tobytes() for a in (*net.weights, *net.biases, x, labels)]
    twice = [train(net, x, labels, rng=np.random.default_rng(2), epochs=3) for _ in range(2)]
    assert before == [a.tobytes() for a in (*net.weights, *net.biases, x, labels)]
    run = mlp.forward if train is mlp.train else mlp.forward_quantized
    np.testing.assert_array_equal(run(twice[0], x), run(twice[1], x))


def test_no_epochs_change_nothing() -> None:
    x, labels = data()
    net = mlp.init(np.random.default_rng(1), (2, 4, 2))
    same = mlp.train(net, x, labels, rng=np.random.default_rng(2), epochs=0)
    np.testing.assert_array_equal(mlp.forward(same, x), mlp.forward(net, x))
    qnet = mlp.train_qat(net, x, labels, rng=np.random.default_rng(2), epochs=0, batch_size=len(x))
    np.testing.assert_array_equal(mlp.forward_quantized(qnet, x), mlp.forward_quantized(mlp.ptq_static(net, [x]), x))


@pytest.mark.parametrize("train", [mlp.train, mlp.train_qat])
def test_data_fit_the_network_and_each_other(train: Any) -> None:
    x, labels = data()
    net, rng = mlp.init(np.random.default_rng(1), (2, 4, 2)), np.random.default_rng(0)
    for bad_x, bad_labels, parts in ((x[:, :1], labels, ["(n, 2)", "(60, 1)"]), (x, labels + 1, ["0 to 1", "2"]),
                                     (x, labels[:5], ["(5,)", "60 samples"]), (x[:0], labels[:0], ["needs data"])):
        with refused(ValueError, train.__name__, *parts):
            train(net, bad_x, bad_labels, rng=rng)
    for option, value in (("epochs", -1), ("batch_size", 0)):
        with refused(ValueError, f"`{option}`", value):
            train(net, x, labels, rng=rng, **{option: value})


def test_randomness_is_a_generator() -> None:
    net, rng = mlp.init(np.random.default_rng(0), (2, 2)), 7
    for f in (mlp.train, mlp.train_qat, mlp.train_lsq):
        with refused(TypeError, f.__name__, "`rng`", "7", "default_rng(7)"):
            f(net, *data(), rng=rng)  # type: ignore[arg-type]
    with refused(TypeError, "init", "`rng`", "7"):
        mlp.init(rng, (2, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize("momentum", [-0.1, 1.5, np.nan])
def test_momentum(momentum: float) -> None:
    with refused(ValueError, "train_qat", "`momentum`", momentum):
        mlp.train_qat(mlp.init(np.random.default_rng(1), (2, 2)), *data(), rng=np.random.default_rng(0),
                      momentum=momentum)


@pytest.mark.parametrize("weight_axis", [None, 0])
def test_qat_trains_the_network_it_returns(weight_axis: Any) -> None:
    """With the range fixed (momentum 1) and no step left, the training pass and the quantized network agree."""
    from refquant.mlp import model, qat
    from refquant.mlp.ptq import WeightRule

    x, _ = data()
    net, weights, inputs = mlp.init(np.random.default_rng(3), (2, 5, 2)), rq.IntGrid(4, narrow=True), rq.UINT4
    ranges, rule = qat.moving_ranges(net, x, inputs, rq.affine_params, momentum=1.0), WeightRule(weights, weight_axis)
    logits, _ = model.value_and_pullback(net.weights, net.biases, x, ranges.through, [qat._own_range(rule)] * 2)
    qnet = mlp.quantize_net(net, ranges.params(), [rule.params(w) for w in net.weights])
    np.testing.assert_allclose(logits, mlp.forward_quantized(qnet, x), atol=1e-5)


def test_learned_steps_start_as_published() -> None:
    x, labels = data()
    net, bits = mlp.init(np.random.default_rng(3), (2, 5, 2)), rq.IntGrid(3, narrow=True)
    positive = np.abs(x)
    qnet = mlp.train_lsq(net, positive, labels, rng=np.random.default_rng(0), epochs=0, weight_grid=bits,
                         activation_grid=rq.UINT4, batch_size=len(x))
    for layer, w in zip(qnet.layers, net.weights, strict=True):
        assert layer.weight.scale == pytest.approx(2 * np.abs(w).mean() / 3**0.5, rel=1e-6)
    assert isinstance(qnet.layers[0].activation, rq.AffineParams)
    assert qnet.layers[0].activation.scale == pytest.approx(2 * positive.mean() / 15**0.5, rel=1e-6)
    assert qnet.layers[0].activation.zero_point == 0


def test_every_epoch_is_shown() -> None:
    x, labels = data()
    net, rng = mlp.init(np.random.default_rng(3), (2, 5, 2)), np.random.default_rng(0)
    for train, run in ((mlp.train, mlp.forward), (mlp.train_qat, mlp.forward_quantized),
                       (mlp.train_lsq, mlp.forward_quantized)):
        seen: list[Any] = []
        last = train(net, x, labels, rng=rng, epochs=3, each_epoch=seen.append)  # type: ignore[operator]
        assert len(seen) == 3
        np.testing.assert_array_equal(run(seen[-1], x), run(last, x))  # type: ignore[operator]


@pytest.mark.parametrize("lr", [-1e-3, np.inf, np.nan, "fast", None])
def test_the_step_is_finite_and_not_negative(lr: Any) -> None:
    with refused(ValueError, "train", "`lr`", repr(lr)):
        mlp.train(mlp.init(np.random.default_rng(1), (2, 2)), *data(), rng=np.random.default_rng(0), lr=lr)


@pytest.mark.parametrize("train", [mlp.train, mlp.train_qat, mlp.train_lsq])
def test_labels_may_be_probabilities(train: Any) -> None:
    x, labels = data()
    net = mlp.init(np.random.default_rng(3), (2, 5, 2))
    hard, one_hot, soft = (train(net, x, y, rng=np.random.default_rng(0), epochs=2)
                           for y in (labels, np.eye(2)[labels], np.full((60, 2), 0.5)))
    run = mlp.forward if train is mlp.train else mlp.forward_quantized
    np.testing.assert_array_equal(run(hard, x), run(one_hot, x))
    assert (run(hard, x) != run(soft, x)).any()


def test_soft_labels_pull_towards_themselves() -> None:
    x, _ = data()
    teacher = mlp.init(np.random.default_rng(1), (2, 4, 2))
    p = np.exp(mlp.forward(teacher, x))
    p /= p.sum(axis=1, keepdims=True)
    pupil = mlp.train(mlp.init(np.random.default_rng(2), (2, 16, 2)), x, p, rng=np.random.default_rng(0), epochs=300,
                      lr=0.03)
    q = np.exp(mlp.forward(pupil, x))
    assert np.abs(q / q.sum(axis=1, keepdims=True) - p).mean() < 0.02


@pytest.mark.parametrize("bad", [np.full((60, 2), 0.6), np.full((60, 3), 1 / 3), np.full((59, 2), 0.5),
                                 np.tile([1.5, -0.5], (60, 1))])
def test_probabilities_fit_and_sum_to_1(bad: Any) -> None:
    x, _ = data()
    with refused(ValueError, "train", "(60, 2) probabilities", bad.shape):
        mlp.train(mlp.init(np.random.default_rng(1), (2, 2)), x, bad, rng=np.random.default_rng(0))
