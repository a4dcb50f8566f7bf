"""Checks for lesson 13, a language model: each says Right, Not yet or Not answered yet, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...arguments import Codes
from ...lm import LM, QuantizedLM, bits_per_character
from ...methods import smoothquant
from ..answers import ask, mistake

Array: TypeAlias = NDArray[Any]


def machine(weights: float, bits: float, rate: float, given: float | None) -> str:
    """Exercise 1: tokens per second, at most, of a machine that reads all weights for each token.

    >>> machine(7e9, 4.125, 100e9, 3.61)
    'Not yet: those are gigabytes per token or so. Divide the bytes per second by the bytes per token.'
    """
    if given is None:
        return "Not answered yet: set the tokens per second."
    right = rate / (weights * bits / 8)
    if np.isclose(given, right, rtol=0.02):
        return f"Right: {weights * bits / 8e9:.2f} GB are read for a token, so {right:.1f} tokens a second at most."
    why = mistake({
        "bits are no bytes: divide by 8": right / 8, "you divided by 8 twice": right * 8,
        "that is seconds per token. Turn it upside down": 1 / right,
        "a weight has its share of a scale, too: 4.125 bits, not 4": rate / (weights * np.floor(bits) / 8),
        "that is the float16 model": rate / (weights * 2),
        "those are gigabytes per token or so. Divide the bytes per second by the bytes per token":
            weights * bits / 8e9,
    }, partial(np.isclose, given, rtol=0.01), "bytes per token are weights times bits / 8; divide the rate by them")
    return f"Not yet: {why}."


def smoothing(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(x, w, alpha) gives s, by which columns of x are divided and rows of w multiplied.

    >>> smoothing(lambda x, w, alpha: np.ones(x.shape[1]))
    'Not yet: the largest column of x is still 8.9 times the smallest one; alpha moves a part of it into w.'
    """
    rng = np.random.default_rng(13)
    for alpha in (0.5, 0.8, 0.0, 1.0):
        x, w = rng.normal(size=(50, 6)) * np.geomspace(1, 10, 6), rng.normal(size=(6, 4)) * np.array([[1.0], [2]] * 3)
        answer, message = ask(yours, x.copy(), w.copy(), alpha)
        if message:
            return message
        given, right = np.asarray(answer, np.float64), np.asarray(smoothquant(x, w, alpha), np.float64)
        if given.shape != right.shape:
            return f"Not yet: give one number for each column of x, of shape {right.shape}; yours has {given.shape}."
        if not np.allclose(given, right, rtol=1e-5):
            spread = np.abs(x / given).max(axis=0)
            why = mistake(_wrong_factors(x, w, alpha), partial(np.allclose, given),
                          f"the largest column of x is still {spread.max() / spread.min():.1f} times the smallest one; "
                          "alpha moves a part of it into w")
            return f"Not yet: {why}."
    return "Right: x / s and s[:, None] * w have the same product, and share the outliers."


def _wrong_factors(x: Array, w: Array, alpha: float) -> dict[str, Array]:
    """What each known mistake gives."""
    a, rows, columns = np.abs(x).max(axis=0), np.abs(w).max(axis=1), np.abs(w).max(axis=0)
    return {
        "that is 1 / s: x is divided by s": rows ** (1 - alpha) / a**alpha,
        "alpha and 1 - alpha are swapped": a ** (1 - alpha) / rows**alpha,
        "take the largest |x|, not x: signs count for nothing": x.max(axis=0) ** alpha / rows ** (1 - alpha),
        "the weights' part is missing: divide by max|w| of the row ** (1 - alpha)": a**alpha,
        "the weights' part belongs below: divide by it": a**alpha * rows ** (1 - alpha),
        "row k of w belongs to column k of x; you took w's columns": np.resize(
            a**alpha / np.resize(columns, a.shape) ** (1 - alpha), a.shape),
    }


def budget(model: LM, held: Codes, yours: QuantizedLM | None, nbytes: int = 80_000, loss: float = 0.2) -> str:
    """Exercise 3: a quantized model of at most nbytes bytes that costs at most loss bits per character more.

    The exercise in the notebook shows right and wrong answers on a trained model.
    """
    if yours is None:
        return "Not answered yet: set small."
    if not isinstance(yours, QuantizedLM):
        return "Not yet: give a quantized model, from lm.ptq."
    if yours.nbytes > nbytes:
        return f"Not yet: {yours.nbytes} bytes, more than {nbytes}. Fewer bits, or fewer scales."
    more = bits_per_character(yours, held) - bits_per_character(model, held)
    if more > loss:
        return (f"Not yet: {yours.nbytes} bytes, but {more:.2f} bits per character more, not {loss}. The same bytes "
                "can hold better codes: who shares a scale, and how is rounded?")
    return f"Right: {yours.nbytes} bytes instead of {model.nbytes}, and {more:.2f} bits per character more."
