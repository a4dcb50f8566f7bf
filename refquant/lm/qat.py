"""Quantization-aware training: from the ranges of a quantized model, which stay, or whose steps are learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import arguments
from ..affine import AffineParams
from ..arguments import Codes, Reals
from ..gradients import lsq
from ..mlp.model import Pullback, Through
from .model import LM, named
from .quantized import QuantizedLM, quantized, rotated, rounded
from .training import Watch, batches, descend, loss_and_gradient


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
    learned = {name: at for name, at in start.params if isinstance(at, AffineParams)}
    return _trained("train_lsq", model, codes, start, learned, rng, steps, batch, lr, watch)


def _trained(where: str, model: LM, codes: Codes, start: QuantizedLM, learned: dict[str, AffineParams],
             rng: np.random.Generator, steps: int, batch: int, lr: float, watch: Watch | None) -> QuantizedLM:
    """theta holds the model's numbers, then, for each scale that is learned, its ratio to the first."""
    arguments.instance(where, start, QuantizedLM, "`start` must be a QuantizedLM", "ptq makes one")
    weights, draw = rotated(where, model, start.rotated).theta, batches(where, model, codes, rng, batch)
    if (model.symbols, model.sizes) != (start.symbols, start.sizes):
        raise arguments.error(ValueError, where, "`start` must have the model's symbols and sizes",
                              f"{start.sizes} for {model.sizes}", "give ptq this model")
    first, n = [at.scale.ravel() for at in learned.values()], weights.size
    sizes, firsts = np.cumsum([0, *map(len, first)]), np.concatenate([weights[:0], *first])

    def scales(theta: Reals) -> Iterator[tuple[str, Reals]]:
        now = firsts * np.maximum(theta[n:], np.float32(1e-3))
        for (name, at), i, j in zip(learned.items(), sizes, sizes[1:]):
            yield name, now[i:j].reshape(at.scale.shape)

    def loss(theta: Reals) -> tuple[float, Reals]:
        gradient = np.zeros_like(firsts)
        quantizers = {name: rounded(at) for name, at in start.params}
        quantizers |= {name: _learned(scale, gradient[i:j], learned[name])
                       for (name, scale), i, j in zip(scales(theta), sizes, sizes[1:])}
        placed = {name: start.placed(name, step) for name, step in quantizers.items()}
        arrays = named(theta[:n], len(model.symbols), model.sizes)
        nats, rest = loss_and_gradient(arrays, *draw(), model.sizes.heads, placed)
        return nats, np.concatenate([rest, firsts * gradient])

    theta = descend(where, np.concatenate([weights, np.ones_like(firsts)]), loss, steps, lr, watch)
    params = dict(start.params)
    for name, scale in scales(theta):
        params[name] = AffineParams(scale=scale, zero_point=learned[name].zero_point, grid=learned[name].grid)
    return quantized(start, theta[:n], params)


def _learned(scale: Reals, dscale: Reals, at: AffineParams) -> Through:
    """Fake quantization by a learned scale, whose gradient the pullback leaves in dscale."""
    def through(v: Reals) -> tuple[Reals, Pullback]:
        v_hat, both = lsq(v, scale, at.zero_point, at.grid)

        def pullback(g: Reals) -> Reals:
            dv, ds = both(g)
            dscale[:] = ds.ravel()
            return dv
        return v_hat, pullback
    return through
