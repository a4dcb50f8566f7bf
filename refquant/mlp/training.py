"""Float training: minibatches, Adam, a cosine schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import arguments
from ..arguments import Reals
from .model import Net, a_net, flatten, loss_gradient, net_of, rows, targets, unchanged, unflatten
from .optim import AdamState, adam

Rows: TypeAlias = NDArray[np.intp]
Trained = TypeVar("Trained")


@dataclass(frozen=True)
class Problem(Generic[Trained]):
    """What training solves: where theta starts, its gradient on some rows of the data, the network that it means."""

    start: Reals
    gradient: Callable[[Reals, Rows], Reals]
    network: Callable[[Reals], Trained]


@arguments.quiet
def train(net: Net, x: ArrayLike, labels: ArrayLike, *, rng: np.random.Generator, epochs: int = 60,
          batch_size: int = 64, lr: float = 3e-3, each_epoch: Callable[[Net], object] | None = None) -> Net:
    """theta <- adam(theta, d cross_entropy / d theta), over shuffled minibatches, lr falling to 0 along a cosine.

    Args:
        net: where to start; it stays as it was.
        x: (n, sizes[0]) finite reals.
        labels: (n,) integers from 0 to sizes[-1] - 1, or (n, sizes[-1]) probabilities, a teacher's say.
        rng: shuffles the samples.
        epochs, batch_size, lr: passes over the data, samples per step, Adam's first step length.
        each_epoch: called with the network after each pass, to watch.
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
    x, p = training_data("train", net, x, labels, rng, epochs, batch_size, lr)
    none = [unchanged] * len(net.weights)

    def gradient(theta: Reals, batch: Rows) -> Reals:
        return loss_gradient(*unflatten(theta, net.sizes), x[batch], p[batch], none, none)

    problem = Problem(flatten(net), gradient, lambda theta: net_of(theta, net.sizes))
    return fit(problem, len(x), each_epoch, rng=rng, epochs=epochs, batch_size=batch_size, lr=lr)


def fit(problem: Problem[Trained], n: int, each_epoch: Callable[[Trained], object] | None, **schedule: Any) -> Trained:
    """The network that descends on n samples, shown after each epoch."""
    network = problem.network(problem.start)
    for theta in descend(problem.start, problem.gradient, n, **schedule):
        network = problem.network(theta)
        if each_epoch is not None:
            each_epoch(network)
    return network


def descend(theta: Reals, gradient: Callable[[Reals, Rows], Reals], n: int, *, rng: np.random.Generator, epochs: int,
            batch_size: int, lr: float) -> Iterator[Reals]:
    """theta after each epoch of Adam on minibatches of n samples.

    >>> epochs = descend(np.ones(1), lambda theta, rows: theta, 2, rng=np.random.default_rng(0), epochs=2,
    ...                  batch_size=1, lr=0.1)
    >>> [float(theta[0].round(3)) for theta in epochs]
    [0.815, 0.751]
    """
    state = AdamState.zeros(theta)
    for batch, step, last in minibatches(n, rng=rng, epochs=epochs, batch_size=batch_size, lr=lr):
        theta, state = adam(theta, gradient(theta, batch), state, step)
        if last:
            yield theta


def training_data(where: str, net: Net, x: ArrayLike, labels: ArrayLike, rng: np.random.Generator, epochs: int,
                  batch_size: int, lr: float) -> tuple[Reals, Reals]:
    """Samples and the probabilities of their classes, which fit the network and each other."""
    a_net(where, net)
    arguments.generator(where, rng)
    if not (isinstance(lr, int | float | np.number) and 0 <= lr < np.inf):
        raise arguments.error(ValueError, where, "`lr` must be a finite number from 0", repr(lr), "3e-3 is usual")
    arguments.whole(where, epochs, "epochs", 0)
    arguments.whole(where, batch_size, "batch_size", 1)
    x = rows(where, x, net.sizes[0])
    if not len(x):
        raise arguments.error(ValueError, where, "training needs data", f"shape {x.shape}", "pass at least one sample")
    return x, targets(where, labels, len(x), net.sizes[-1])


def minibatches(n: int, *, rng: np.random.Generator, epochs: int, batch_size: int,
                lr: float) -> Iterator[tuple[Rows, float, bool]]:
    """(rows, lr * (1 + cos(pi * t/T)) / 2, whether the epoch ends) for step t of T; each epoch permutes n rows anew.

    >>> steps = list(minibatches(5, rng=np.random.default_rng(0), epochs=1, batch_size=2, lr=1.0))
    >>> [(len(rows), round(lr, 2), last) for rows, lr, last in steps]
    [(2, 1.0, False), (2, 0.75, False), (1, 0.25, True)]
    """
    starts = range(0, n, batch_size)
    for epoch in range(epochs):
        order = rng.permutation(n)
        for t, start in enumerate(starts, epoch * len(starts)):
            step = lr * (1 + float(np.cos(np.pi * t / (epochs * len(starts))))) / 2
            yield order[start:start + batch_size], step, start + batch_size >= n
