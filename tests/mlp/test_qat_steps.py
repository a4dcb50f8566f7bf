"""train_qat and train_lsq step by step: with lr=0 only ranges move, so every number can be said beforehand."""

import inspect
from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant import mlp

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
