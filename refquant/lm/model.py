"""The float model: a decoder-only transformer over characters, with its gradient by value and pullback.

    x = embedding[codes] + positions
    x = x + attention(norm(x) @ qkv) @ out        for each layer,
    x = x + relu(norm(x) @ up) @ down             both
    logits = norm(x) @ head

No biases. norm is RMSNorm with gains. Characters are rows: x is (n * t, width) for n sequences of t characters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from ..mlp.model import Through, cross_entropy_formula
from .network import network
from .text import decode, encode

Named: TypeAlias = Mapping[str, Reals]
MATRICES = ("qkv", "out", "up", "down", "head")


class Sizes(NamedTuple):
    """Width of the rows, heads of attention, characters of context, layers.

    >>> Sizes()
    Sizes(width=64, heads=4, context=64, layers=2)
    """

    width: int = 64
    heads: int = 4
    context: int = 64
    layers: int = 2


SIZES = Sizes()


def shapes(symbols: int, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The arrays of a model by name, in the order in which theta holds them.

    >>> sum(map(math.prod, shapes(72, Sizes()).values()))
    111936
    """
    d = sizes.width
    layer = {"attention_gains": (d,), "qkv": (d, 3 * d), "out": (d, d),
             "relu_gains": (d,), "up": (d, 4 * d), "down": (4 * d, d)}
    layers = {f"{i}.{name}": shape for i in range(sizes.layers) for name, shape in layer.items()}
    return {"embedding": (symbols, d), "positions": (sizes.context, d), **layers, "gains": (d,), "head": (d, symbols)}


@dataclass(frozen=True, kw_only=True, eq=False)
class LM(arguments.Value):
    """A model as a value: its symbols, its sizes, and all its numbers in one read-only float32 array.

    Args:
        symbols: the characters that it knows, each once.
        sizes: as Sizes.
        theta: (n,) all arrays flat, one after the other, in the order of shapes.

    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> model.arrays["0.qkv"].shape, model.nbytes
    ((4, 12), 1008)

    Raises:
        ValueError: sizes below 1, heads that do not divide the width, symbols that repeat, a theta of another length.
        TypeError: sizes that are no integers, no string.
    """

    symbols: str
    sizes: Sizes
    theta: Reals

    def __post_init__(self) -> None:
        known_symbols("LM", self.symbols)
        sizes = known_sizes("LM", self.sizes)
        theta, n = arguments.float32("LM", self.theta, "theta"), _count(self.symbols, sizes)
        if theta.shape != (n,):
            raise arguments.error(ValueError, "LM", f"`theta` must be of shape ({n},) for {len(self.symbols)} symbols "
                                  f"and {sizes}", f"shape {theta.shape}", "init(rng, symbols, sizes) makes a model")
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "theta", arguments.frozen(theta))

    @property
    def arrays(self) -> Named:
        """The arrays by name, as views of theta."""
        return named(self.theta, len(self.symbols), self.sizes)

    @property
    def matrices(self) -> tuple[str, ...]:
        """The names of the matrices that rows are multiplied by, in order."""
        return tuple(filter(is_matrix, self.arrays))

    @property
    def quantizers(self) -> Mapping[str, Through]:
        """What stands between values and their use: nothing in a float model."""
        return {}

    @property
    def nbytes(self) -> int:
        """Payload in bytes: four for each number."""
        return self.theta.nbytes


def known_symbols(where: str, symbols: str) -> str:
    """Characters, each once."""
    arguments.instance(where, symbols, str, "`symbols` must be a string", "split(text, seed) finds those of a text")
    if not symbols or len(set(symbols)) < len(symbols):
        raise arguments.error(ValueError, where, "`symbols` must be characters, each once", arguments.shown(symbols),
                              "''.join(sorted(set(text))) lists them")
    return symbols


def known_sizes(where: str, sizes: Sizes) -> Sizes:
    """Sizes from 1, whose heads divide the width."""
    given = arguments.instance(where, sizes, Sizes, "`sizes` must be Sizes", "Sizes(width=64, heads=4), say")
    sizes = Sizes(*(arguments.whole(where, n, name, 1) for name, n in given._asdict().items()))
    if sizes.width % sizes.heads:
        raise arguments.error(ValueError, where, "`heads` must divide `width`", f"{sizes.heads} heads and width "
                              f"{sizes.width}", "each head has width / heads channels: 4 and 64, say")
    return sizes


def is_matrix(name: str) -> bool:
    """Whether rows are multiplied by the array of this name."""
    return name.endswith(MATRICES)


def _count(symbols: str, sizes: Sizes) -> int:
    return sum(map(math.prod, shapes(len(symbols), sizes).values()))


def named(theta: Reals, symbols: int, sizes: Sizes) -> Named:
    """theta's arrays by name, as views.

    >>> sizes = Sizes(width=1, heads=1, context=1, layers=1)
    >>> {name: int(a.flat[0]) for name, a in named(np.arange(18), 1, sizes).items() if a.ndim == 1}
    {'0.attention_gains': 2, '0.relu_gains': 7, 'gains': 16}
    """
    views, start = {}, 0
    for name, shape in shapes(symbols, sizes).items():
        end = start + math.prod(shape)
        views[name] = theta[start:end].reshape(shape)
        start = end
    return views


def flat(arrays: Named) -> Reals:
    """The inverse of named."""
    return np.concatenate([a.ravel() for a in arrays.values()])


def init(rng: np.random.Generator, symbols: str, sizes: Sizes = SIZES) -> LM:
    """Matrices ~ Normal(0, 1 / (4 * n_in)), embedding ~ Normal(0, 1), gains 1, positions sines of 2 to 2 * context.

    All of them are learned. Positions that begin as noise are learned too, but in three times as many steps.

    >>> model = init(np.random.default_rng(0), "ab")
    >>> model.arrays["embedding"].shape, model.arrays["positions"][0, :4]
    ((2, 64), array([0., 1., 0., 1.], dtype=float32))

    Raises: as LM.
    Source: sines as in Vaswani et al. 2017 (arXiv:1706.03762), section 3.5, with another base.
    """
    arguments.generator("init", rng)
    sizes, size = known_sizes("init", sizes), len(known_symbols("init", symbols))
    arrays: dict[str, Reals] = {name: np.ones(shape) if len(shape) == 1 else
                                rng.normal(0, 0.5 * shape[0] ** -0.5 if is_matrix(name) else 1, shape)
                                for name, shape in shapes(size, sizes).items()}
    arrays["positions"] = _sines(sizes.context, sizes.width)
    return LM(symbols=symbols, sizes=sizes, theta=flat(arrays))


def _sines(context: int, width: int) -> Reals:
    """sin and cos of the place, with periods from 2 * pi to almost 2 * pi * context: (context, width)."""
    pair, odd = np.divmod(np.arange(width), 2)
    return np.sin(np.arange(context)[:, None] / context ** (2 * pair / width) + odd * np.pi / 2)


@arguments.quiet
def forward(model: LM, codes: ArrayLike) -> Reals:
    """The logits of the next character after each one.

    Args:
        model: a float model or a quantized one.
        codes: (n, t) integers, the places of characters among the symbols; t from 1 to the context.
    Returns:
        (n, t, symbols) float32; those of character i depend on characters 0 to i alone.

    >>> forward(init(np.random.default_rng(0), "ab"), [[0, 1, 1]]).shape
    (1, 3, 2)

    Raises:
        ValueError: codes that are no symbols, sequences longer than the context or empty.
        TypeError: no model, codes that are no integers.
    """
    codes = sequences("forward", model, codes)
    return network(model.arrays, codes, model.sizes.heads, model.quantizers)[0].reshape(*codes.shape, -1)


def sequences(where: str, model: LM, codes: ArrayLike) -> Codes:
    """codes as (n, t) of the model's symbols."""
    codes, context = known_codes(where, model, codes), model.sizes.context
    if codes.ndim != 2 or not codes.size or codes.shape[1] > context:
        raise arguments.error(ValueError, where, f"`codes` must be of shape (n, t), t from 1 to the context {context}",
                              f"shape {codes.shape}", "windows(codes, context) cuts a text to such rows")
    return codes


def known_codes(where: str, model: LM, codes: ArrayLike) -> Codes:
    """codes, every one of them of a symbol of the model."""
    a_model(where, model)
    return arguments.within(where, codes, 0, len(model.symbols) - 1, "codes", "one for each symbol",
                            "encode(text, model.symbols) makes them")


def a_model(where: str, model: object) -> None:
    """A float model or a quantized one."""
    arguments.instance(where, model, LM, "`model` must be a model", "lm.init, lm.train and lm.ptq make some")


def float_model(where: str, model: object) -> None:
    """A float model."""
    a_model(where, model)
    if type(model) is not LM:
        raise arguments.error(TypeError, where, "`model` must be a float model", f"a {type(model).__name__}",
                              "give the model that train made")


def windows(codes: Codes, context: int) -> tuple[Codes, Codes]:
    """A text cut to rows (n, context), and the character after each one, of the same shape; the rest is left out.

    >>> windows(np.arange(6), 2)
    (array([[0, 1],
           [2, 3]]), array([[1, 2],
           [3, 4]]))

    Raises:
        ValueError: fewer than context + 1 characters.
    """
    if np.ndim(codes) != 1 or len(codes) <= context:
        raise arguments.error(ValueError, "windows", f"`codes` must be of shape (n,), n at least {context + 1}, one "
                              "more than the context", f"shape {np.shape(codes)}", "give a longer text")
    end = len(codes) - (len(codes) - 1) % context
    return codes[:end - 1].reshape(-1, context), codes[1:end].reshape(-1, context)


@arguments.quiet
def bits_per_character(model: LM, codes: Codes, batch: int = 16) -> float:
    """-mean(log2(probability of each next character)): a text is read in rows of one context, a batch of them at once.

    Args:
        model: a float model or a quantized one.
        codes: (n,), more of them than the context; each row's first character is told, not predicted.
        batch: rows that are computed together; they change ranges per batch, and nothing else.

    A model that knows nothing needs log2(symbols):

    >>> model = init(np.random.default_rng(0), "abcdefgh", Sizes(width=4, heads=1, context=3, layers=1))
    >>> model = LM(symbols=model.symbols, sizes=model.sizes, theta=np.zeros_like(model.theta))
    >>> round(bits_per_character(model, np.arange(7)), 5)
    3.0

    Raises: as forward and windows.
    """
    a_model("bits_per_character", model)
    rows, following = windows(codes, model.sizes.context)
    nats = sum(nats_of(forward(model, rows[i:i + batch]), following[i:i + batch])[0] * rows[i:i + batch].size
               for i in range(0, len(rows), batch))
    return nats / rows.size / math.log(2)


def nats_of(logits: Reals, following: Codes) -> tuple[float, Callable[[], Reals]]:
    """The mean cross-entropy of logits (..., symbols) and the characters that follow, and its pullback; unchecked."""
    symbols = logits.shape[-1]
    return cross_entropy_formula(logits.reshape(-1, symbols), np.eye(symbols, dtype=logits.dtype)[following.ravel()])


def generate(model: LM, n: int, rng: np.random.Generator, prompt: str = "\n") -> str:
    """The prompt and n more characters, each drawn from the probabilities that the model gives it.

    >>> rng = np.random.default_rng(0)
    >>> generate(init(rng, "ab"), 5, rng, "a")
    'aabbaa'

    Raises:
        ValueError: a prompt that is empty, or has characters unseen in training.
    """
    a_model("generate", model)
    arguments.generator("generate", rng)
    codes = encode(arguments.instance("generate", prompt, str, "`prompt` must be a string", "'Alice', say"),
                   model.symbols).tolist()
    for _ in range(arguments.whole("generate", n, "n", 0)):
        logits = forward(model, [codes[-model.sizes.context:]])[0, -1].astype(np.float64)
        p = np.exp(logits - logits.max())
        codes.append(int(rng.choice(len(p), p=p / p.sum())))
    return decode(codes, model.symbols)
