"""Training: random windows of the text, Adam, a cosine schedule. Float training and quantization-aware training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .. import arguments
from ..affine import AffineParams
from ..arguments import Codes, Reals
from ..mlp.optim import AdamState, adam
from ..mlp.qat import learned
from .model import LM, flat, float_model, named, nats_of, windows
from .network import Quantizers, network
from .quantized import QuantizedLM, on_grids, rotated, rounded

Watch: TypeAlias = Callable[[int, float], object]


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
    float_model("train", model)
    no = model.theta[:0]
    return replace(model, theta=descend("train", model, codes, no, lambda _: ({}, no), rng, steps, batch, lr, watch))


@arguments.quiet
def descend(where: str, model: LM, codes: Codes, ratios: Reals, quantizers: Callable[[Reals], tuple[Quantizers, Reals]],
            rng: np.random.Generator, steps: int, batch: int, lr: float, watch: Watch | None) -> Reals:
    """theta after so many steps of Adam: the model's numbers, then ratios.

    quantizers(ratios) gives what stands between values and their use, and an array that their pullbacks fill with the
    gradient of the ratios.
    """
    windows(where, model, codes)
    arguments.generator(where, rng)
    arguments.whole(where, steps, "steps", 0)
    arguments.whole(where, batch, "batch", 1)
    arguments.real(where, lr, "lr", "from 0", lambda v: 0 <= v < np.inf, "1e-2")
    theta, n, context = np.concatenate([model.theta, ratios]), model.theta.size, model.sizes.context
    text, state = np.asarray(codes), AdamState.zeros(theta)
    for t in range(steps):
        window = text[rng.integers(0, len(text) - context, (batch, 1)) + np.arange(context + 1)]
        through, gradient = quantizers(theta[n:])
        nats, rest = loss_and_gradient(model, theta[:n], window, through)
        now = lr * (1 + math.cos(math.pi * t / steps)) / 2
        theta, state = adam(theta, np.concatenate([rest, gradient]), state, now)
        if watch is not None:
            watch(t + 1, nats / math.log(2))
    return theta


def loss_and_gradient(model: LM, theta: Reals, window: Codes, quantizers: Quantizers) -> tuple[float, Reals]:
    """The mean cross-entropy in nats of windows (n, context + 1), and its gradient by theta; raw."""
    logits, pullback = network(named(theta, model), window[:, :-1], model.sizes.heads, quantizers)
    nats, back = nats_of(logits, window[:, 1:])
    return nats, flat(pullback(back()))


def train_qat(model: LM, codes: Codes, start: QuantizedLM, *, rng: np.random.Generator, steps: int = 300,
              batch: int = 16, lr: float = 2e-3, watch: Watch | None = None) -> QuantizedLM:
    """As train, with everything rounded as in start, on start's ranges; the gradient passes straight through.

    Args:
        model: the float model that start was made of, or another of its sizes; its numbers are the first ones.
        codes, rng, steps, batch, lr, watch: as train.
        start: from ptq. Its static ranges, of weights and inputs, stay as they are; its dynamic ones follow the data.
    Returns:
        the quantized model, with start's parameters.

    >>> from refquant import INT2, UINT8, symmetric_params
    >>> from refquant.lm import Dynamic, Sizes, WeightRule, bits_per_character, init, ptq, train
    >>> rng, text = np.random.default_rng(0), np.arange(200) % 4
    >>> model = train(init(rng, "abcd", Sizes(width=8, heads=2, context=4, layers=1)), text, rng=rng, steps=60)
    >>> start = ptq(model, text, weights=WeightRule(INT2, axis=0), inputs=Dynamic(UINT8, axis=-1))
    >>> trained = train_qat(model, text, start, rng=rng, steps=60, lr=1e-2)
    >>> bits_per_character(trained, text) < bits_per_character(start, text), trained.params == start.params
    (True, True)

    Raises:
        ValueError: as train; a start of other symbols or sizes.
        TypeError: no float model, a start that is no QuantizedLM.
    Source: Bengio et al. 2013 (arXiv:1308.3432); Jacob et al. 2018 (arXiv:1712.05877), section 3.
    """
    return _trained("train_qat", model, codes, start, {}, rng, steps, batch, lr, watch)


def train_lsq(model: LM, codes: Codes, start: QuantizedLM, *, rng: np.random.Generator, steps: int = 300,
              batch: int = 16, lr: float = 2e-3, watch: Watch | None = None) -> QuantizedLM:
    """As train_qat, with learned steps: the scales of start's weights and static inputs are parameters too.

    Each scale is learned as a multiple of start's, which begins at 1, so that Adam's step is relative to it. (The
    published gradient scale would change nothing: Adam divides by the gradient's size.) Zero points stay.

    >>> from refquant import INT2
    >>> from refquant.lm import Sizes, WeightRule, bits_per_character, init, ptq, train
    >>> rng, text = np.random.default_rng(0), np.arange(200) % 4
    >>> model = train(init(rng, "abcd", Sizes(width=8, heads=2, context=4, layers=1)), text, rng=rng, steps=60)
    >>> start = ptq(model, text, weights=WeightRule(INT2, axis=0))
    >>> trained = train_lsq(model, text, start, rng=rng, steps=60, lr=1e-2)
    >>> bits_per_character(trained, text) < bits_per_character(start, text)
    True

    Args, Raises: as train_qat.
    Source: Esser et al. 2020 (arXiv:1902.08153), sections 2.1 to 2.3.
    """
    static = {name: at for name, at in start.params if isinstance(at, AffineParams)}
    return _trained("train_lsq", model, codes, start, static, rng, steps, batch, lr, watch)


def _trained(where: str, model: LM, codes: Codes, start: QuantizedLM, learnt: Mapping[str, AffineParams],
             rng: np.random.Generator, steps: int, batch: int, lr: float, watch: Watch | None) -> QuantizedLM:
    """start's model after training; the scales of `learnt` are learned, as ratios to the first ones."""
    arguments.instance(where, start, QuantizedLM, "`start` must be a QuantizedLM", "ptq makes one")
    float_model(where, model)
    model = rotated(model, start.rotated)
    if (model.symbols, model.sizes) != (start.symbols, start.sizes):
        raise arguments.error(ValueError, where, "`start` must have the model's symbols and sizes",
                              f"{start.sizes} for {model.sizes}", "give ptq this model")
    first = np.concatenate([model.theta[:0], *(at.scale.ravel() for at in learnt.values())]).astype(np.float32)
    ends = np.cumsum([at.scale.size for at in learnt.values()])[:-1]

    def moved(ratios: Reals) -> dict[str, Any]:
        scales = np.split(first * np.maximum(ratios, np.float32(1e-3)), ends)
        return dict(start.params) | {
            name: AffineParams(scale=scale.reshape(at.scale.shape), zero_point=at.zero_point, grid=at.grid)
            for (name, at), scale in zip(learnt.items(), scales)}

    def quantizers(ratios: Reals) -> tuple[Quantizers, Reals]:
        gradient = np.zeros_like(first)
        into = dict(zip(learnt, np.split(gradient, ends)))
        return {name: start.placed(name, learned(at.scale, into[name], at, learnt[name].scale.ravel())
                                   if name in learnt else partial(rounded, at))
                for name, at in moved(ratios).items()}, gradient

    theta = descend(where, model, codes, np.ones_like(first), quantizers, rng, steps, batch, lr, watch)
    return on_grids(start, theta[:model.theta.size], moved(theta[model.theta.size:]))
