"""Checks for lesson 13, a language model: each says Right, Not yet or Not answered yet, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...affine import fake_quantize
from ...calibration import dynamic_params
from ...grids import UINT4
from ...methods import hadamard, smoothquant
from ...metrics import sqnr_db
from ..answers import ask, mistake, unfit

Array: TypeAlias = NDArray[Any]

WEIGHTS, LAYERS, KEPT, CONTEXT, GROUP = 1_000_000_000, 16, 512, 10_000, 64
VALUES = 2 * LAYERS * KEPT * CONTEXT  # keys and values


def megabytes(given: Any) -> str:
    """Exercise 1: how many MB of weights, and how many of keys and values, one token reads.

    >>> megabytes([500, 169])
    'Not yet: weights: the scales are missing: 16 bits for each group of 64.'
    """
    if message := unfit({"my_megabytes": given}):
        return message
    answer = np.asarray(given, np.float64).ravel()
    if answer.shape != (2,):
        return f"Not yet: give two numbers; you give {answer.size}."
    if np.allclose(answer[::-1], [WEIGHTS * (4 + 16 / GROUP) / 8e6, VALUES * (8 + 16 / GROUP) / 8e6], rtol=0.002):
        return "Not yet: the weights come first, then keys and values."
    for name, yours, count, bits in (("weights", answer[0], WEIGHTS, 4), ("keys and values", answer[1], VALUES, 8)):
        right = count * (bits + 16 / GROUP) / 8e6
        if not np.isclose(yours, right, rtol=0.002):
            why = mistake(mistaken_megabytes(count, bits), partial(np.isclose, yours, rtol=0.01),
                          "count the values, times the bits of each with its share of a scale, over 8")
            return f"Not yet: {name}: {why}."
    return ("Right: 531.25 MB of weights and 168.96 MB of keys and values. At 70 GB/s that is 10 ms: at most 100 "
            "tokens a second.")


def mistaken_megabytes(count: int, bits: int) -> dict[str, float]:
    """What each known mistake gives, by what is wrong."""
    right = count * (bits + 16 / GROUP) / 8e6
    of_cache = {
        "that is half: both keys and values are read": right / 2,
        "that is one layer; there are 16": right / LAYERS,
        "that is one token's; those of all 10 000 are read": right / CONTEXT,
    }
    return {
        "the scales are missing: 16 bits for each group of 64": count * bits / 8e6,
        "those are megabits; a byte has 8 bits": 8 * right,
        "a scale takes 16 bits here, not 32": count * (bits + 32 / GROUP) / 8e6,
        "64 values share one scale; each of them has 16/64 of its bits": count * (bits + 16) / 8e6,
        "that is in bytes; a MB is a million of them": 1e6 * right,
        "a MB has 10**6 bytes here, not 2**20": 1e6 * right / 2**20,
        "that is in GB; it was asked in MB": right / 1000,
        **(of_cache if count == VALUES else {}),
    }


def smoothing(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(x, w) gives s with max|x_j / s_j| = max|s_j * w_j| in every channel j.

    >>> smoothing(lambda x, w: np.abs(x).max(axis=0) / np.abs(w).max(axis=1))
    'Not yet: the root is missing: that makes all of the difference go into the weights.'
    """
    for x, w in PROBLEMS:
        answer, message = ask(yours, x.copy(), w.copy(), arrays=1, hints={
            ValueError: "The channels are the columns of x and the rows of w."})
        if message:
            return message
        given, right = np.asarray(answer, np.float64), smoothquant(x, w)
        if given.shape != right.shape:
            return (f"Not yet: give one scale for each of the {len(w)} channels, shape {right.shape}; yours has shape "
                    f"{given.shape}.")
        if not np.allclose(given, right):
            why = mistake(mistaken_scales(x, w), partial(np.allclose, given), "solve a / s = s * b for s, where "
                          "a = max|x_j| and b = max|w_j|")
            return f"Not yet: {why}."
    return "Right: s = sqrt(max|x_j| / max|w_j|). Both sides now reach equally far in each channel."


def mistaken_scales(x: Array, w: Array) -> dict[str, Array]:
    """What each known mistake makes of x (n, n_in) and w (n_in, n_out), by what is wrong."""
    of_x, of_w = np.abs(x).max(axis=0), np.abs(w).max(axis=1)
    return {
        "the root is missing: that makes all of the difference go into the weights": of_x / of_w,
        "it is upside down: x is divided by s, so a large channel of x needs a large s": np.sqrt(of_w / of_x),
        "take the largest absolute value: a channel may reach far on the negative side":
            np.sqrt(np.abs(x.max(axis=0) / w.max(axis=1))),
        "take the largest value, not the mean": np.sqrt(np.abs(x).mean(axis=0) / np.abs(w).mean(axis=1)),
        "that is the root of a product; divide": np.sqrt(of_x * of_w),
        "the weights are missing: they must not become too large": np.sqrt(of_x),
        "one number for all of w is not enough: row j of w reads channel j": np.sqrt(of_x / np.abs(w).max()),
    }


def worse_rotated(given: Any) -> str:
    """Exercise 3: rows of 64 values which 4 bits per row hold better by 6 dB as they are than rotated.

    >>> worse_rotated(np.random.default_rng(0).standard_normal((100, 64))).partition(" Rotation")[0]
    'Not yet: rotated, they are worse by only 0.0 dB.'
    """
    if message := unfit({"my_x": given}):
        return message
    x = np.asarray(given, np.float64)
    if x.ndim != 2 or x.shape[1] != 64 or len(x) < 16:
        return f"Not yet: give at least 16 rows of 64 values; yours has shape {x.shape}."
    if not np.isfinite(x).all() or not x.any(axis=1).all():
        return "Not yet: all values must be finite, and no row all 0."
    loss = lost_by_rotation(x)
    if loss < 6:
        found = f"worse by only {loss:.1f} dB" if loss >= 0 else f"better by {-loss:.1f} dB"
        return (f"Not yet: rotated, they are {found}. Rotation spreads one large value over all channels. Its first "
                "channel is the sum of all: what makes that one large?")
    return (f"Right: rotated, they are worse by {loss:.1f} dB. A mean that channels share becomes one large channel, "
            "as after a ReLU.")


def lost_by_rotation(x: Array) -> float:
    """By how many dB the error of 4 bits, a range for each row, grows if rows are rotated before and back after."""
    plain, turned = (np.minimum(sqnr_db(v, fake_quantize(v, dynamic_params(v, UINT4, axis=-1))), 200)
                     for v in (x, hadamard(x)))
    return float(plain - turned)


def _problems() -> list[tuple[Array, Array]]:
    """Inputs with an outlier channel, far on the negative side, and weights."""
    rng, made = np.random.default_rng(13), []
    for n, n_in, n_out in ((50, 8, 6), (20, 5, 9)):
        x, w = rng.normal(size=(n, n_in)), rng.normal(size=(n_in, n_out))
        x[:, 1] = -20 * np.abs(x[:, 1]) + 1
        made.append((x, w))
    return made


PROBLEMS = _problems()
