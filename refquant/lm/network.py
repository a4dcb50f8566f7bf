"""The network's steps: each takes rows and returns them with its pullback. Raw arrays, unchecked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import TypeAlias

import numpy as np

from ..arguments import Codes, Reals
from ..mlp.model import Pullback, Through, unchanged

Named: TypeAlias = dict[str, Reals]
Quantizers: TypeAlias = Mapping[str, Through]
WEIGHTS = " weights"  # after a matrix's name: the matrix itself, not its input


def network(arrays: Named, codes: Codes, heads: int,
            quantizers: Quantizers) -> tuple[Reals, Callable[[Reals], Named]]:
    """logits (n * t, symbols), and the pullback: their gradient -> the gradient of every array, by its name.

    quantizers["0.qkv"] stands between the matrix of that name and its input, quantizers["0.qkv weights"] before the
    matrix itself, quantizers["0.keys"] and ["0.values"] before what attention keeps; where there is none, nothing does.
    """
    gradients: Named = {}

    def norm(name: str) -> Through:
        return partial(_norm, arrays[name], name, gradients)

    def times(name: str) -> Through:
        return partial(_times, arrays[name], name, gradients, quantizers)

    steps: list[Through] = []
    for i in range(sum(name.endswith("qkv") for name in arrays)):
        attention = partial(_attention, codes.shape[1], heads, i, quantizers)
        attended = norm(f"{i}.qkv gains"), times(f"{i}.qkv"), attention, times(f"{i}.out")
        hidden = norm(f"{i}.up gains"), times(f"{i}.up"), _relu, times(f"{i}.down")
        steps += [partial(_residual, attended), partial(_residual, hidden)]
    x, embedded = _embed(arrays, gradients, codes)
    logits, back = chain([*steps, norm("head gains"), times("head")], x)

    def pullback(g: Reals) -> Named:
        embedded(back(g))
        return {name: gradients[name] for name in arrays}

    return logits, pullback


def chain(steps: Sequence[Through], x: Reals) -> tuple[Reals, Pullback]:
    """One step after the other."""
    backs = []
    for step in steps:
        x, back = step(x)
        backs.append(back)
    return x, lambda g: reduce(lambda g, back: back(g), reversed(backs), g)  # the last one's pullback first


def _residual(steps: Sequence[Through], x: Reals) -> tuple[Reals, Pullback]:
    """x + the chain of steps."""
    y, back = chain(steps, x)
    return x + y, lambda g: g + back(g)


def _embed(arrays: Named, gradients: Named, codes: Codes) -> tuple[Reals, Callable[[Reals], None]]:
    """embedding[codes] + positions; the pullback wants sequences of one whole context."""
    n, t = codes.shape
    x = arrays["embedding"][codes] + arrays["positions"][:t]

    def pullback(g: Reals) -> None:
        one_hot = np.eye(len(arrays["embedding"]), dtype=g.dtype)[codes.ravel()]
        gradients["embedding"] = one_hot.T @ g  # rows of one character are added
        gradients["positions"] = g.reshape(n, t, -1).sum(axis=0)

    return x.reshape(n * t, -1), pullback


def _norm(gains: Reals, name: str, gradients: Named, x: Reals) -> tuple[Reals, Pullback]:
    """gains * x / sqrt(mean(x**2) + 1e-5)."""
    r = 1 / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5)
    u = x * r

    def pullback(g: Reals) -> Reals:
        gradients[name] = np.sum(g * u, axis=0)
        du = g * gains
        return np.asarray(r * (du - u * np.mean(du * u, axis=1, keepdims=True)))

    return u * gains, pullback


def _times(w: Reals, name: str, gradients: Named, quantizers: Quantizers, x: Reals) -> tuple[Reals, Pullback]:
    """x @ w, both as they are quantized."""
    x_hat, back_x = quantizers.get(name, unchanged)(x)
    w_hat, back_w = quantizers.get(name + WEIGHTS, unchanged)(w)

    def pullback(g: Reals) -> Reals:
        gradients[name] = back_w(x_hat.T @ g)
        return back_x(g @ w_hat.T)

    return x_hat @ w_hat, pullback


def _relu(x: Reals) -> tuple[Reals, Pullback]:
    """max(x, 0)."""
    y: Reals = np.maximum(x, 0, out=x)  # a product's result, which nothing else reads
    return y, lambda g: g * (y > 0)


def _attention(t: int, heads: int, layer: int, quantizers: Quantizers, qkv: Reals) -> tuple[Reals, Pullback]:
    """softmax(q @ k.T / sqrt(channels)) @ v for each head, where a character sees itself and those before it."""
    rows, channels = len(qkv), qkv.shape[1] // 3 // heads
    q, k, v = qkv.reshape(rows // t, t, 3, heads, channels).transpose(2, 0, 3, 1, 4)  # each (n, heads, t, channels)
    k, back_k = quantizers.get(f"{layer}.keys", unchanged)(k)
    v, back_v = quantizers.get(f"{layer}.values", unchanged)(v)
    q = q * np.float32(channels**-0.5)
    p = q @ k.mT
    p += np.triu(np.full((t, t), -np.inf, p.dtype), 1)  # what comes after is not seen
    np.exp(p - p.max(axis=-1, keepdims=True), out=p)
    p /= p.sum(axis=-1, keepdims=True)
    y = p @ v

    def pullback(g: Reals) -> Reals:
        g = g.reshape(rows // t, t, heads, channels).transpose(0, 2, 1, 3)
        ds = p * (g @ v.mT - np.sum(g * y, axis=-1, keepdims=True))  # g * y sums to what p * (g @ v.T) does
        parts = np.stack([ds @ k * np.float32(channels**-0.5), back_k(ds.mT @ q), back_v(p.mT @ g)])
        return parts.transpose(1, 3, 0, 2, 4).reshape(rows, -1)

    return y.transpose(0, 2, 1, 3).reshape(rows, -1), pullback
