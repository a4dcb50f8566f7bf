"""Training: random windows of the text, Adam, a cosine schedule. Float training and QAT descend alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from .. import arguments
from ..arguments import Codes, Reals
from ..mlp.model import Through
from ..mlp.optim import AdamState, adam
from .model import LM, Named, flat, known_codes, named, nats_of, windows
from .network import network

Watch = Callable[[int, float], object]


def train(model: LM, codes: Codes, *, rng: np.random.Generator, steps: int = 1500, batch: int = 16, lr: float = 1e-2,
          watch: Watch | None = None) -> LM:
    """theta <- adam(theta, d cross_entropy / d theta) on random windows of the text, lr falling to 0 along a cosine.

    Args:
        model: where to start; it stays as it was.
        codes: (n,) the training text, more characters than the context.
        rng: draws where windows begin.
        steps, batch, lr: how many steps, windows per step, Adam's first step length.
        watch: called with each step's number, from 1 on, and its loss in bits per character.
    Returns:
        the trained model; the same rng, text and sizes give the same bits on one machine.

    >>> from refquant.lm import Sizes, bits_per_character, init
    >>> rng, codes = np.random.default_rng(0), np.arange(200) % 4
    >>> model = init(rng, "abcd", Sizes(width=8, heads=2, context=4, layers=1))
    >>> bits_per_character(train(model, codes, rng=rng, steps=100), codes) < 0.1
    True

    Raises:
        ValueError: a text not longer than the context, codes that are no symbols, steps, batch or lr out of range.
        TypeError: no model, no generator.
    """
    draw = batches("train", model, codes, rng, batch)

    def loss(theta: Reals) -> tuple[float, Reals]:
        return loss_and_gradient(named(theta, len(model.symbols), model.sizes), *draw(), model.sizes.heads, {})

    theta = descend("train", model.theta, loss, steps, lr, watch)
    return LM(symbols=model.symbols, sizes=model.sizes, theta=theta)


def batches(where: str, model: LM, codes: Codes, rng: np.random.Generator,
            batch: int) -> Callable[[], tuple[Codes, Codes]]:
    """A function that draws `batch` windows of the text, each one context long, and the characters that follow."""
    text, context = known_codes(where, model, codes), model.sizes.context
    windows(text, context)
    arguments.generator(where, rng)
    arguments.whole(where, batch, "batch", 1)

    def draw() -> tuple[Codes, Codes]:
        rows = rng.integers(0, len(text) - context, (batch, 1)) + np.arange(context)
        return text[rows], text[rows + 1]
    return draw


def loss_and_gradient(arrays: Named, rows: Codes, following: Codes, heads: int,
                      quantizers: Mapping[str, Through]) -> tuple[float, Reals]:
    """The mean cross-entropy in nats, and its gradient, flat; raw arrays, unchecked."""
    logits, pullback = network(arrays, rows, heads, quantizers)
    nats, back = nats_of(logits, following)
    return nats, flat(pullback(back()))


@arguments.quiet
def descend(where: str, theta: Reals, loss: Callable[[Reals], tuple[float, Reals]], steps: int, lr: float,
            watch: Watch | None) -> Reals:
    """theta after so many steps of Adam, lr falling to 0 along a cosine; loss gives nats and their gradient.

    >>> descend("here", np.ones(1), lambda theta: (0.0, theta), 2, 0.1, None).round(2)
    array([0.85])
    """
    arguments.whole(where, steps, "steps", 0)
    arguments.real(where, lr, "lr", "from 0", lambda v: 0 <= v < np.inf, "1e-2")
    state = AdamState.zeros(theta)
    for t in range(steps):
        nats, gradient = loss(theta)
        theta, state = adam(theta, gradient, state, lr * (1 + math.cos(math.pi * t / steps)) / 2)
        if watch is not None:
            watch(t + 1, nats / math.log(2))
    return theta
