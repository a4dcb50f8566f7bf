"""The float model: a decoder-only transformer over characters, with its gradient by value and pullback.

    x = embedding[codes] + positions
    x = x + attention(norm(x) @ qkv) @ out        for each layer,
    x = x + relu(norm(x) @ up) @ down             both
    logits = norm(x) @ head

No biases. norm is RMSNorm with gains. Characters are rows: x is (n * t, width) for n sequences of t characters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from ..files import write
from ..mlp.model import cross_entropy_formula
from .network import Named, Quantizers, network
from .text import decode, encode

MATRICES = ("qkv", "out", "up", "down", "head")  # how the names of the arrays end that rows are multiplied by


class Sizes(NamedTuple):
    """Width of the rows, heads of attention, which divide it, characters of context, layers.

    >>> Sizes()
    Sizes(width=64, heads=4, context=64, layers=2)
    """

    width: int = 64
    heads: int = 4
    context: int = 64
    layers: int = 2


def shapes(symbols: str, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The arrays of a model by name, in the order in which theta holds them.

    >>> sum(map(math.prod, shapes("ab", Sizes()).values()))
    102976

    Raises:
        ValueError: a size below 1, heads that do not divide the width, no symbols, symbols that repeat.
        TypeError: no Sizes, a size that is no integer, no string.
    """
    arguments.instance("LM", symbols, str, "`symbols` must be a string", "split(text, seed) finds those of a text")
    if not symbols or len(set(symbols)) < len(symbols):
        raise arguments.error(ValueError, "LM", "`symbols` must be characters, each once", arguments.shown(symbols),
                              "''.join(sorted(set(text))) lists them")
    arguments.instance("LM", sizes, Sizes, "`sizes` must be Sizes", "Sizes(width=64, heads=4), say")
    for name, n in sizes._asdict().items():
        arguments.whole("LM", n, name, 1)
    if sizes.width % sizes.heads:
        raise arguments.error(ValueError, "LM", "`heads` must divide `width`", f"{sizes.heads} heads, width "
                              f"{sizes.width}", "each head has width / heads channels: 4 and 64, say")
    d = sizes.width
    layer = {"qkv gains": (d,), "qkv": (d, 3 * d), "out": (d, d),
             "up gains": (d,), "up": (d, 4 * d), "down": (4 * d, d)}
    layers = {f"{i}.{name}": shape for i in range(sizes.layers) for name, shape in layer.items()}
    return {"embedding": (len(symbols), d), "positions": (sizes.context, d), **layers,
            "head gains": (d,), "head": (d, len(symbols))}


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
        ValueError, TypeError: as shapes; a theta of another length, or not finite.
    """

    symbols: str
    sizes: Sizes
    theta: Reals

    def __post_init__(self) -> None:
        theta = arguments.float32("LM", self.theta, "theta")
        n = sum(map(math.prod, shapes(self.symbols, self.sizes).values()))
        if theta.shape != (n,):
            raise arguments.error(ValueError, "LM", f"`theta` must be of shape ({n},) for {len(self.symbols)} symbols, "
                                  f"{self.sizes}", f"shape {theta.shape}", "init and load make models")
        object.__setattr__(self, "theta", arguments.frozen(theta))

    @property
    def arrays(self) -> Named:
        """The arrays by name, as views of theta."""
        return named(self.theta, self)

    @property
    def matrices(self) -> tuple[str, ...]:
        """The names of the matrices that rows are multiplied by, in order."""
        return tuple(name for name in self.arrays if name.endswith(MATRICES))

    @property
    def quantizers(self) -> Quantizers:
        """What stands between values and their use: nothing in a float model."""
        return {}

    @property
    def nbytes(self) -> int:
        """Payload in bytes: four for each number."""
        return self.theta.nbytes


def named(theta: Reals, model: LM) -> Named:
    """theta, laid out as the model's, by name: views.

    >>> model = init(np.random.default_rng(0), "a", Sizes(width=1, heads=1, context=1, layers=1))
    >>> {name: int(a[0]) for name, a in named(np.arange(18), model).items() if a.ndim == 1}
    {'0.qkv gains': 2, '0.up gains': 7, 'head gains': 16}
    """
    views, start = {}, 0
    for name, shape in shapes(model.symbols, model.sizes).items():
        views[name] = theta[start:start + math.prod(shape)].reshape(shape)
        start += views[name].size
    return views


def flat(arrays: Named) -> Reals:
    """The inverse of named."""
    return np.concatenate([a.ravel() for a in arrays.values()])


def init(rng: np.random.Generator, symbols: str, sizes: Sizes = Sizes()) -> LM:  # noqa: B008
    """Matrices ~ Normal(0, 1 / (4 * n_in)), embedding ~ Normal(0, 1), gains 1, positions sines of the place.

    All of them are learned. The sines have periods from 2 * pi to 2 * pi * context; positions that begin as noise are
    learned, too, but in far more steps.

    >>> model = init(np.random.default_rng(0), "ab")
    >>> model.arrays["embedding"].shape, model.arrays["positions"][0, :4]
    ((2, 64), array([0., 1., 0., 1.], dtype=float32))

    Raises: as LM.
    Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.5; there the sines stay, and the longest is 20,000 * pi.
    """
    arguments.generator("init", rng)
    arrays: Named = {name: np.ones(shape) if len(shape) == 1 else
                     rng.normal(0, 0.5 * shape[0] ** -0.5 if name.endswith(MATRICES) else 1, shape)
                     for name, shape in shapes(symbols, sizes).items()}
    pair, odd = np.divmod(np.arange(sizes.width), 2)  # sin, cos, sin, cos, ...
    periods = sizes.context ** (2 * pair / sizes.width)
    arrays["positions"] = np.sin(np.arange(sizes.context)[:, None] / periods + odd * np.pi / 2)
    return LM(symbols=symbols, sizes=sizes, theta=flat(arrays))


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
    codes, context = known_codes("forward", model, codes), model.sizes.context
    if codes.ndim != 2 or not codes.size or codes.shape[1] > context:
        raise arguments.error(ValueError, "forward", f"`codes` must be of shape (n, t), t from 1 to {context}, the "
                              "context", f"shape {codes.shape}", "encode(text, model.symbols)[None], say")
    return network(model.arrays, codes, model.sizes.heads, model.quantizers)[0].reshape(*codes.shape, -1)


def known_codes(where: str, model: LM, codes: ArrayLike) -> Codes:
    """codes, every one of them of a symbol of the model."""
    arguments.instance(where, model, LM, "`model` must be a model", "lm.init, lm.train and lm.ptq make some")
    return arguments.within(where, codes, 0, len(model.symbols) - 1, "codes", "one a symbol", "encode makes them")


def float_model(where: str, model: object) -> None:
    """A float model."""
    if type(model) is not LM:
        raise arguments.error(TypeError, where, "`model` must be a float model", f"{model!r:.60}", "init makes one")


def windows(where: str, model: LM, codes: ArrayLike) -> tuple[Codes, Codes]:
    """A text cut to rows (n, context), and the character after each one, of the same shape; the rest is left out.

    >>> model = init(np.random.default_rng(0), "abcdef", Sizes(width=1, heads=1, context=2, layers=1))
    >>> windows("here", model, np.arange(6))
    (array([[0, 1],
           [2, 3]]), array([[1, 2],
           [3, 4]]))

    Raises:
        ValueError: fewer than context + 1 characters, codes that are no symbols.
    """
    text, context = known_codes(where, model, codes), model.sizes.context
    if text.ndim != 1 or len(text) <= context:
        raise arguments.error(ValueError, where, f"`codes` must be of shape (n,), n at least {context + 1}, one more "
                              "than the context", f"shape {text.shape}", "give a longer text")
    end = len(text) - (len(text) - 1) % context
    return text[:end - 1].reshape(-1, context), text[1:end].reshape(-1, context)


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
    rows, following = windows("bits_per_character", model, codes)
    some = [slice(i, i + batch) for i in range(0, len(rows), arguments.whole("bits_per_character", batch, "batch", 1))]
    nats = sum(len(rows[i]) * nats_of(forward(model, rows[i]), following[i])[0] for i in some) / len(rows)
    return nats / math.log(2)


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
    known_codes("generate", model, [])
    arguments.generator("generate", rng)
    codes = encode(prompt, model.symbols).tolist()
    for _ in range(arguments.whole("generate", n, "n", 0)):
        logits = forward(model, [codes[-model.sizes.context:]])[0, -1].astype(np.float64)
        p = np.exp(logits - logits.max())
        codes.append(int(rng.choice(len(p), p=p / p.sum())))
    return decode(codes, model.symbols)


def save(path: str | Path, model: LM) -> None:
    """Write a float model, whole or not at all: a line of JSON, [symbols, *sizes], then theta as little-endian float32.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "model", init(np.random.default_rng(0), "ab", Sizes(4, 2, 8, 1)))
    ...     (Path(folder) / "model").read_bytes().partition(b"\\n")[0]
    b'["ab", 4, 2, 8, 1]'

    Raises:
        TypeError: no float model.
        OSError: a file that cannot be written.
    """
    float_model("save", model)
    write(Path(path), json.dumps([model.symbols, *model.sizes]).encode() + b"\n" + model.theta.astype("<f4").tobytes())


def load(path: str | Path) -> LM:
    """The model that save wrote.

    >>> import tempfile
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "model", model)
    ...     load(Path(folder) / "model") == model
    True

    Raises:
        ValueError: no such file, a damaged or foreign one, a theta that does not fit the symbols and sizes.
    """
    try:
        head, _, theta = Path(path).read_bytes().partition(b"\n")
        symbols, *sizes = json.loads(head)
        return LM(symbols=symbols, sizes=Sizes(*sizes), theta=np.frombuffer(theta, "<f4"))
    except (OSError, ValueError, TypeError) as cause:
        raise arguments.error(ValueError, "load", "the file must hold a model that lm.save wrote",
                              f"{str(path)!r} ({str(cause).split('. Hint:')[0]})", "train one, and save it") from cause
