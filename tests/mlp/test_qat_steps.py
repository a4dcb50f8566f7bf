"""train_qat and train_lsq step by step: with lr=0 only ranges move, so every number can be said beforehand."""

import inspect
from functools import partial
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp
from refquant.mlp import qat

GRID, ROWS = rq.UINT8, 80


def data(n: int = ROWS) -> tuple[Any, Any]:
    """Samples that grow: the first 64 do not show the range of all."""
    x = (np.random.default_rng(0).normal(size=(n, 2)) * np.linspace(0.1, 3, n)[:, None]).astype(np.float32)
    return x, (x[:, 0] > x[:, 1]).astype(int)


def net() -> mlp.Net:
    return mlp.init(np.random.default_rng(1), (2, 4, 2))


def first_input(qnet: mlp.QuantizedNet) -> rq.AffineParams:
    activation = qnet.layers[0].activation
    assert isinstance(activation, rq.AffineParams)
    return activation


@pytest.mark.parametrize("momentum", [0, 0.25, 0.75, 1, np.float32(0.5)])
def test_the_range_moves_with_every_batch(momentum: float) -> None:
    x, labels = data(6)
    qnet = mlp.train_qat(net(), x, labels, rng=np.random.default_rng(5), epochs=2, batch_size=2, lr=0,
                         momentum=momentum)
    lo, hi, order = x[:2].min(), x[:2].max(), np.random.default_rng(5)
    keep, take = np.float32(momentum), np.float32(1 - momentum)
    for _ in range(2):
        for rows in order.permutation(6).reshape(3, 2):
            lo, hi = keep * lo + take * x[rows].min(), keep * hi + take * x[rows].max()
    assert first_input(qnet) == rq.affine_params(lo, hi, GRID)


def test_zero_points_are_those_of_the_first_batch_and_stay() -> None:
    x, labels = data()
    x[0] = -0.5, 1.5  # neither end is 0, so the zero point is inside
    for batch_size in (1, 3, 64):
        qnet = mlp.train_lsq(net(), x, labels, rng=np.random.default_rng(5), epochs=2, batch_size=batch_size, lr=0)
        seen = x[:batch_size]
        assert first_input(qnet).zero_point == rq.affine_params(seen.min(), seen.max(), GRID).zero_point
        step = np.float32(2 * np.abs(seen).mean().astype(np.float64) / GRID.qmax**0.5)
        assert first_input(qnet).scale == step


@pytest.mark.parametrize(("train", "epochs"), [(mlp.train, 60), (mlp.train_qat, 30), (mlp.train_lsq, 30)])
def test_what_is_not_said_is_as_documented(train: Any, epochs: int) -> None:
    """One word less and one word more give the same bits: 64 samples a step, lr 3e-3, and so many passes."""
    x, labels = data()
    said: dict[str, Any] = {"epochs": epochs, "batch_size": 64, "lr": 3e-3}
    said |= {"momentum": 0.95} if train is mlp.train_qat else {}
    silent, spoken = (train(net(), x, labels, rng=np.random.default_rng(2), **words) for words in ({}, said))
    assert silent == spoken
    assert set(said) <= set(inspect.signature(train).parameters)
    for word, other in {"epochs": epochs + 1, "batch_size": 65, "lr": 4e-3, "momentum": 0.9}.items():
        if word in said:
            assert train(net(), x, labels, rng=np.random.default_rng(2), **{word: other}) != silent


# ---------------------------------------------------------------------------------------------- learned steps, inside

FLOATS = {"weights": rq.E2M1, "inputs": rq.E4M3, "fit": rq.symmetric_params}


def problem(axis: Any = None, weights: Any = rq.INT4, inputs: Any = rq.UINT4,
            fit: Any = rq.affine_params) -> tuple[Any, Any, Any, Any]:
    x, labels = data(12)
    p = np.eye(2, dtype=np.float32)[labels]
    first = qat.first_steps(net(), x, qat.WeightRule(weights, axis), inputs, fit)
    return qat.learned_steps_problem(net(), x, p, first), first, x, p


@pytest.mark.parametrize("grids", [{}, FLOATS], ids=["integers", "floats"])
@pytest.mark.parametrize("axis", [None, 0])
def test_a_step_learns_by_its_own_gradient_and_gain(axis: Any, grids: Any) -> None:
    """d loss / d scale by lsq alone, layer by layer, times 1 / sqrt(N * qmax): N weights share it, or N features."""
    learned, first, x, p = problem(axis, **grids)
    count = sum(a.size for a in (*net().weights, *net().biases))
    gradient = learned.gradient(learned.start, np.arange(len(x)))
    assert learned.start.dtype == gradient.dtype == np.float32 and len(gradient) == len(learned.start)
    (w1, w2), (b1, b2) = net().weights, net().biases
    s = [at.scale.astype(np.float32) for at in first]
    grids = [at.grid for at in first]
    w1_hat, of_w1 = rq.lsq(w1, s[0], first[0].zero_point, grids[0])
    w2_hat, of_w2 = rq.lsq(w2, s[1], first[1].zero_point, grids[1])
    x_hat, of_x = rq.lsq(x, s[2], first[2].zero_point, grids[2])
    pre = x_hat @ w1_hat + b1
    h_hat, of_h = rq.lsq(np.maximum(pre, 0), s[3], first[3].zero_point, grids[3])
    logits = h_hat @ w2_hat + b2
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    g = (exps / exps.sum(axis=1, keepdims=True) - p) / len(x)
    dh, ds_h = of_h(g @ w2_hat.T)
    _, ds_w2 = of_w2(h_hat.T @ g)
    dpre = dh * (pre > 0)
    _, ds_x = of_x(dpre @ w1_hat.T)
    _, ds_w1 = of_w1(x_hat.T @ dpre)
    shares = [w1.size / s[0].size, w2.size / s[1].size, 2, 4]
    wanted = [np.ravel(ds) / np.sqrt(share * grid.qmax)
              for ds, share, grid in zip((ds_w1, ds_w2, ds_x, ds_h), shares, grids, strict=True)]
    np.testing.assert_allclose(gradient[count:], np.concatenate(wanted), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("axis", [None, 0])
def test_no_step_falls_below_a_thousandth_of_its_first(axis: Any) -> None:
    learned, first, *_ = problem(axis)
    theta = learned.start.copy()
    theta[sum(a.size for a in (*net().weights, *net().biases)):] = -1
    layers = learned.network(theta).layers
    for layer, weight, at in zip(layers, first[:2], first[2:], strict=True):
        assert layer.weight == rq.AffineParams(scale=weight.scale / np.float32(1000), zero_point=0, grid=rq.INT4)
        assert layer.activation.scale == at.scale / np.float32(1000)


@pytest.mark.parametrize(("axis", "shape"), [(None, ()), (0, (1, 5)), (1, (4, 1))])
def test_the_first_step_is_2_mean_abs_over_root_qmax(axis: Any, shape: tuple[int, ...]) -> None:
    """In float64, then float32, to the last bit; 1 where all is 0."""
    for seed in range(20):
        v = np.random.default_rng(seed).normal(size=(4, 5)).astype(np.float32)
        step = qat.first_step(v, rq.INT8, axis, rq.affine_params)
        mean = np.abs(v).mean(axis=axis, keepdims=axis is not None).astype(np.float64)
        np.testing.assert_array_equal(step.scale, np.float32(2 * mean / 127**0.5), strict=True)
        assert step.scale.shape == shape and step.scale.dtype == np.float32
        assert (step.zero_point == rq.dynamic_params(v, rq.INT8, axis).zero_point).all()
    zero = qat.first_step(np.zeros((4, 5), np.float32), rq.INT8, axis, rq.affine_params)
    assert (zero.scale == 1).all() and zero.scale.dtype == np.float32


def test_a_fit_of_weights_gives_their_zero_points() -> None:
    def refusing(lo: Any, _hi: Any, grid: Any) -> rq.AffineParams:
        raise ValueError(f"no fit for {lo.shape} on {grid}")

    x, labels = data(6)
    for train in (mlp.train_qat, mlp.train_lsq):
        with pytest.raises(ValueError, match="no fit for"):
            train(net(), x, labels, rng=np.random.default_rng(0), epochs=1, weight_fit=refusing)


# ---------------------------------------------------------------------------------------------- weights and inputs, QAT

@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("clip", [rq.minmax, partial(rq.percentile, percent=80.0)])
def test_weights_are_trained_on_the_range_that_they_get(axis: Any, clip: Any) -> None:
    """Each pass through the weights is fake_quantize with the parameters of the network that comes out."""
    rule = qat.WeightRule(rq.INT4, axis, clip)
    for w in (*net().weights, np.float32([[1, 9, 2], [3, -4, 0.5], [0.1, 0.2, 0.3]])):
        np.testing.assert_array_equal(qat._own_range(rule)(w)[0], rq.fake_quantize(w, rule.params(w)), strict=True)


def test_each_layer_has_its_fixed_parameters() -> None:
    x, labels = data(6)
    good, other = (rq.affine_params(np.float32(-1), np.float32(1), grid) for grid in (rq.UINT8, rq.UINT4))
    qnet = mlp.train_qat(net(), x, labels, rng=np.random.default_rng(0), epochs=1, activation=[good, good])
    assert [layer.activation for layer in qnet.layers] == [good, good]
    for bad in ([good], [good] * 3, [good, other], [other, good], [good, 0.5], [0.5, good], good, iter([good, good])):
        with refused(ValueError, "train_qat", "`activation` must hold AffineParams"):
            mlp.train_qat(net(), x, labels, rng=np.random.default_rng(0), epochs=1, activation=bad)  # type: ignore[arg-type]
