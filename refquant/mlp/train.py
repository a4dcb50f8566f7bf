"""Float training: minibatches, Adam, a cosine schedule."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._check import Codes, Reals
from ..optim import AdamState, adam
from .model import Net, classes, cross_entropy, flatten, forward_and_pullback, net_of, rows, unchanged, unflatten


def train(net: Net, x: ArrayLike, labels: ArrayLike, *, rng: np.random.Generator, epochs: int = 60,
          batch_size: int = 64, lr: float = 3e-3) -> Net:
    """theta <- adam(theta, d cross_entropy / d theta), over shuffled minibatches, lr falling to 0 along a cosine.

    Args:
        net: where to start; it stays as it was.
        x: (n, sizes[0]) finite reals.
        labels: (n,) integers from 0 to sizes[-1] - 1.
        rng: shuffles the samples.
        epochs, batch_size, lr: passes over the data, samples per step, Adam's first step length.
    Returns:
        the trained network.

    >>> from refquant.mlp import accuracy, forward, init
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 2)); labels = (x[:, 0] > x[:, 1]).astype(int)
    >>> net = train(init(rng, (2, 8, 2)), x, labels, rng=rng, epochs=20, lr=0.02)
    >>> accuracy(forward(net, x), labels) > 0.95
    True

    Raises:
        ValueError: data that do not fit the network, labels out of range, no data.
    """
    x, y = training_data("train", net, x, labels, epochs, batch_size)
    none = [unchanged] * len(net.weights)
    theta = flatten(net)
    state = AdamState.zeros(theta)
    for batch, step in minibatches(len(x), rng=rng, epochs=epochs, batch_size=batch_size, lr=lr):
        logits, pullback = forward_and_pullback(*unflatten(theta, net.sizes), x[batch], none, none)
        _, loss_pullback = cross_entropy(logits, y[batch])
        theta, state = adam(theta, pullback(loss_pullback()), state, step)
    return net_of(theta, net.sizes)


def training_data(where: str, net: Net, x: ArrayLike, labels: ArrayLike, epochs: int,
                  batch_size: int) -> tuple[Reals, Codes]:
    """Samples and classes that fit the network and each other, to be passed over in batches."""
    _check.whole(where, epochs, "epochs", 0)
    _check.whole(where, batch_size, "batch_size", 1)
    x = rows(where, x, net.sizes[0])
    if not len(x):
        raise _check.error(ValueError, where, "training needs data", f"shape {x.shape}", "pass at least one sample")
    return x, classes(where, labels, len(x), net.sizes[-1])


def minibatches(n: int, *, rng: np.random.Generator, epochs: int, batch_size: int,
                lr: float) -> Iterator[tuple[NDArray[np.intp], float]]:
    """(rows, lr * (1 + cos(pi * t/T)) / 2) for every step t of T; each epoch is a fresh permutation of n rows.

    >>> steps = list(minibatches(5, rng=np.random.default_rng(0), epochs=1, batch_size=2, lr=1.0))
    >>> [len(rows) for rows, _ in steps], [round(lr, 2) for _, lr in steps]
    ([2, 2, 1], [1.0, 0.75, 0.25])
    """
    total, t = epochs * -(-n // batch_size), 0
    for _ in range(epochs):
        order = rng.permutation(n)
        for start in range(0, n, batch_size):
            yield order[start:start + batch_size], lr * (1 + float(np.cos(np.pi * t / total))) / 2
            t += 1
