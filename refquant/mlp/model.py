"""The float network: x -> relu(x @ W + b) -> ... -> logits, with its gradient by value and pullback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals

Pullback: TypeAlias = Callable[[Reals], Reals]
Through: TypeAlias = Callable[[Reals], tuple[Reals, Pullback]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Net(arguments.Value):
    """Layers x @ W + b with ReLU between them, as a value: read-only float32 arrays.

    Args:
        weights: one (n_in, n_out) array per layer.
        biases: one (n_out,) array per layer.

    >>> net = init(np.random.default_rng(0), (64, 32, 10))
    >>> net.sizes, net.nbytes
    ((64, 32, 10), 9640)

    Raises:
        ValueError: no layers, or shapes that do not chain.
    """

    weights: tuple[Reals, ...]
    biases: tuple[Reals, ...]

    def __post_init__(self) -> None:
        weights, biases = ([arguments.frozen(arguments.float32("Net", a, name)) for a in getattr(self, name)]
                           for name in ("weights", "biases"))
        shapes = [a.shape for a in weights], [b.shape for b in biases]
        chained = bool(weights) and all(a.ndim == 2 for a in weights) and all(
            a.shape[1] == b.shape[0] for a, b in pairwise(weights))
        if not chained or [a.shape[1:] for a in weights] != shapes[1]:
            raise arguments.error(ValueError, "Net", "`weights` (n_in, n_out) and `biases` (n_out,) must chain",
                                  f"shapes {shapes[0]} and {shapes[1]}",
                                  "make a network with init(rng, sizes); PyTorch's weights need .T")
        object.__setattr__(self, "weights", tuple(weights))
        object.__setattr__(self, "biases", tuple(biases))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Width of the input, of each hidden layer, and of the logits."""
        return (self.weights[0].shape[0], *(w.shape[1] for w in self.weights))

    @property
    def nbytes(self) -> int:
        """Payload in bytes: four for each weight and bias."""
        return sum(a.nbytes for a in (*self.weights, *self.biases))


def init(rng: np.random.Generator, sizes: Sequence[int]) -> Net:
    """W ~ Normal(0, 2/n_in), b = 0.

    Args:
        rng: where the randomness comes from.
        sizes: width of the input, of each hidden layer, and of the logits.

    >>> init(np.random.default_rng(0), (2, 3)).weights[0].shape
    (2, 3)

    Raises:
        ValueError: fewer than two sizes, or a size below 1.
    Source: He et al. 2015 (arXiv:1502.01852), section 2.2.
    """
    arguments.generator("init", rng)
    if not isinstance(sizes, Sequence) or len(sizes) < 2:
        raise arguments.error(ValueError, "init", "`sizes` must name at least input and output", repr(sizes),
                              "pass (64, 32, 10), say")
    n = [arguments.whole("init", size, "sizes", 1) for size in sizes]
    return Net(weights=tuple(rng.normal(0, np.sqrt(2 / i), (i, o)) for i, o in pairwise(n)),
               biases=tuple(np.zeros(o) for o in n[1:]))


def forward(net: Net, x: ArrayLike) -> Reals:
    """logits = relu(... relu(x @ W1 + b1) ...) @ Wn + bn.

    Args:
        x: (n, sizes[0]) reals.
    Returns:
        (n, sizes[-1]) float32.

    >>> net = Net(weights=(np.eye(2), np.ones((2, 1))), biases=(np.zeros(2), np.zeros(1)))
    >>> forward(net, [[1.0, -5.0]])
    array([[1.]], dtype=float32)

    Raises:
        ValueError: x of another width, NaN or infinities in it.
    """
    return layer_inputs(net, x)[-1]


@arguments.quiet
def layer_inputs(net: Net, x: ArrayLike) -> list[Reals]:
    """The input of every layer, then the logits: what calibration looks at.

    >>> [a.shape for a in layer_inputs(init(np.random.default_rng(0), (4, 3, 2)), np.zeros((5, 4)))]
    [(5, 4), (5, 3), (5, 2)]
    """
    inputs = [rows("forward", x, a_net("forward", net).sizes[0])]
    for w, b in zip(net.weights[:-1], net.biases[:-1]):
        inputs.append(np.maximum(inputs[-1] @ w + b, 0))
    return [*inputs, inputs[-1] @ net.weights[-1] + net.biases[-1]]


def a_net(where: str, net: object) -> Net:
    """net, which must be a Net."""
    return arguments.instance(where, net, Net, "`net` must be a Net", "make one with mlp.init or mlp.Net(weights=, "
                              "biases=); forward_quantized takes quantized networks")


def rows(where: str, x: ArrayLike, width: int) -> Reals:
    """x as (n, width) finite float32."""
    x = arguments.float32(where, x, "x")
    wide(where, x, "x", width)
    return x


def wide(where: str, a: Reals | Codes, name: str, width: int) -> None:
    """One row per sample, as wide as the network's input."""
    if a.ndim != 2 or a.shape[1] != width:
        raise arguments.error(ValueError, where, f"`{name}` must be of shape (n, {width}), the network's input",
                              f"shape {a.shape}", "flatten each sample to a row, or make a network of that size")


def targets(where: str, labels: ArrayLike, n: int, count: int) -> Reals:
    """labels as (n, count) probabilities: given as such, or 1 for each sample's class."""
    if arguments.array(where, labels, "labels").ndim != 2:
        return np.eye(count, dtype=np.float32)[classes(where, labels, n, count)]
    p = arguments.float32(where, labels, "labels")
    if p.shape != (n, count) or (p < 0).any() or (np.abs(p.sum(axis=1) - 1) > 1e-3).any():
        raise arguments.error(ValueError, where, f"`labels` must be {n} classes, or ({n}, {count}) probabilities whose "
                              "rows sum to 1", f"shape {p.shape} with sums {p.sum(axis=1)[:3]}",
                              "apply softmax to logits")
    return p


def classes(where: str, labels: ArrayLike, n: int, count: int) -> Codes:
    """labels as (n,) integers from 0 to count - 1."""
    y = arguments.integers(where, labels, "labels")
    if y.shape != (n,):
        raise arguments.error(ValueError, where, "`labels` must hold one class per sample", f"shape {y.shape} for {n} "
                              "samples", "pass x and labels of the same length")
    return arguments.within(where, y, 0, count - 1, "labels", "one code per logit", "number the classes from 0")


@arguments.quiet
def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> tuple[float, Callable[[], Reals]]:
    """mean(log(sum(exp(logits))) - logits[label]), in nats; pullback: (softmax - onehot) / n.

    Args:
        logits: (n, classes) reals.
        labels: (n,) integers from 0 to classes - 1.

    >>> value, pullback = cross_entropy(np.zeros((1, 2)), [1])
    >>> round(value, 4), pullback()
    (0.6931, array([[ 0.5, -0.5]]))

    Raises:
        ValueError: no samples, or labels that do not fit the logits.
    """
    logits = _logits("cross_entropy", logits)
    y = classes("cross_entropy", labels, *logits.shape)
    return cross_entropy_formula(logits, np.eye(logits.shape[1], dtype=logits.dtype)[y])


def cross_entropy_formula(logits: Reals, p: Reals) -> tuple[float, Callable[[], Reals]]:
    """mean(log(sum(exp(logits))) - sum(p * logits)) for rows p of probabilities; raw arrays, unchecked."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    said = np.where(p > 0, p * shifted, 0).sum(axis=1)
    return float(np.mean(np.log(sums[:, 0]) - said)), lambda: (exps / sums - p) / len(p)


@arguments.quiet
def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The share of samples whose largest logit is the label's, from 0 to 1; the first of equal logits counts.

    Args:
        logits: (n, classes) reals, from forward or forward_quantized; or codes of one scale, from forward_integer.
        labels: (n,) integers from 0 to classes - 1.

    >>> accuracy(np.array([[0.1, 0.9], [0.5, 0.5]]), [1, 1])
    0.5

    Raises:
        ValueError: no samples, or labels that do not fit the logits.
    """
    logits = _logits("accuracy", arguments.number("accuracy", logits, "logits"))
    y = classes("accuracy", labels, *logits.shape)
    return float(np.mean(np.argmax(logits, axis=1) == y))


def _logits(where: str, logits: ArrayLike) -> Reals:
    logits = arguments.reals(where, logits, "logits")
    if logits.ndim != 2 or 0 in logits.shape:
        raise arguments.error(ValueError, where, "`logits` must be of shape (n, classes) and hold data",
                              f"shape {logits.shape}", "pass what forward returns")
    return logits


def loss_gradient(weights: Sequence[Reals], biases: Sequence[Reals], x: Reals, p: Reals, through_x: Sequence[Through],
                  through_w: Sequence[Through]) -> Reals:
    """The gradient of the cross-entropy between rows p and the logits, flat; as value_and_pullback."""
    logits, pullback = value_and_pullback(weights, biases, x, through_x, through_w)
    return pullback(cross_entropy_formula(logits, p)[1]())


def unchanged(x: Reals) -> tuple[Reals, Pullback]:
    """Value and pullback of no quantization."""
    return x, lambda g: g


def value_and_pullback(weights: Sequence[Reals], biases: Sequence[Reals], x: Reals, through_x: Sequence[Through],
                         through_w: Sequence[Through]) -> tuple[Reals, Pullback]:
    """logits, and the pullback: gradient of the logits -> one flat gradient of all weights and biases.

    Raw arrays, unchecked. through_x[i] and through_w[i] stand between layer i and its input and weights: `unchanged`
    in float training, a fake-quantizer in QAT. The flat gradient's order is that of flatten.
    """
    backs: list[Callable[[Reals], tuple[Reals, ...]]] = []
    for i, (w, b) in enumerate(zip(weights, biases)):
        x, back = _layer(x, w, b, through_x[i], through_w[i], relu=i > 0)
        backs.append(back)

    def pullback(g: Reals) -> Reals:
        parts: list[Reals] = []
        for back in reversed(backs):
            g, dw, db = back(g)
            parts = [dw.ravel(), db, *parts]
        return np.concatenate(parts)

    return x, pullback


def _layer(x: Reals, w: Reals, b: Reals, through_x: Through, through_w: Through,
           relu: bool) -> tuple[Reals, Callable[[Reals], tuple[Reals, ...]]]:
    a = np.maximum(x, 0) if relu else x
    a_hat, back_x = through_x(a)
    w_hat, back_w = through_w(w)

    def pullback(g: Reals) -> tuple[Reals, ...]:
        dx = back_x(g @ w_hat.T)
        return dx * (x > 0) if relu else dx, back_w(a_hat.T @ g), g.sum(axis=0)

    return a_hat @ w_hat + b, pullback


def flatten(net: Net) -> Reals:
    """All weights and biases in one vector: W1, b1, W2, b2, ..."""
    return np.concatenate([a.ravel() for pair in zip(net.weights, net.biases) for a in pair])


def unflatten(theta: Reals, sizes: Sequence[int]) -> tuple[list[Reals], list[Reals]]:
    """The inverse of flatten, as views.

    >>> net = init(np.random.default_rng(0), (3, 2))
    >>> [bool((a == b[0]).all()) for a, b in zip(unflatten(flatten(net), net.sizes), (net.weights, net.biases))]
    [True, True]
    """
    weights, biases, start = [], [], 0
    for i, o in pairwise(sizes):
        weights.append(theta[start:start + i * o].reshape(i, o))
        biases.append(theta[start + i * o:start + (i + 1) * o])
        start += (i + 1) * o
    return weights, biases


def net_of(theta: Reals, sizes: Sequence[int]) -> Net:
    """The network that flatten turned into theta."""
    weights, biases = unflatten(theta, sizes)
    return Net(weights=tuple(weights), biases=tuple(biases))

