"""Lesson 08, exercise 1: a product of codes whose zero points are corrected outside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..answers import ask, mistake

Array: TypeAlias = NDArray[Any]

HINTS: dict[type[Exception], str] = {
    OverflowError: "NumPy sums unsigned codes in an unsigned dtype, and no negative zero point fits into it: sum with "
                   "dtype=int.",
    ValueError: "If shapes do not fit: row sums have the shape (m, 1), beside (m, n) products, so sum axis 1 with "
                "keepdims=True.",
}


def product(yours: Callable[..., Any]) -> str:
    """Exercise 1: whether yours(q_x, z_x, q_w, z_w) is sum((q_x - z_x) * (q_w - z_w)) over the inner axis, exactly.

    >>> product(lambda q_x, z_x, q_w, z_w: q_x.astype(int) @ q_w)
    'Not yet: both corrections are missing: you multiply the codes as if the zero points were 0.'
    """
    for q_x, z_x, q_w, z_w in PRODUCTS:
        answer, message = ask(yours, q_x.copy(), z_x, q_w.copy(), z_w, hints=HINTS, arrays=1)
        if message:
            return message
        given, right = np.asarray(answer), (q_x.astype(int) - z_x) @ (q_w.astype(int) - z_w)
        if given.shape != right.shape:
            return f"Not yet: (m, k) codes times (k, n) codes are {right.shape}; yours has shape {given.shape}."
        if not np.array_equal(given, right):
            why = mistake(wrong_products(q_x, z_x, q_w, z_w), partial(np.array_equal, given),
                          f"{np.sum(given != right)} of {right.size} sums are wrong. Expand (q_x - z_x)(q_w - z_w) and "
                          "sum each of the four terms over k")
            return f"Not yet: {why}."
        if not np.issubdtype(given.dtype, np.integer):
            return f"Not yet: the numbers are right, but their dtype is {given.dtype}. Integers only."
    return "Right: both zero points are corrected, exactly, and nothing wraps."


def wrong_products(q_x: Array, z_x: int, q_w: Array, z_w: int) -> dict[str, Array]:
    """What each known mistake gives, by what is wrong.

    >>> len(wrong_products(np.uint8([[200]]), 100, np.int8([[5]]), 1))
    17
    """
    return _wrong_terms(q_x, z_x, q_w, z_w) | _wrong_widths(q_x, z_x, q_w, z_w)


def _wrong_terms(q_x: Array, z_x: int, q_w: Array, z_w: int) -> dict[str, Array]:
    """The sums with a correction that is missing, has the wrong sign, or the wrong place."""
    a, b, k = q_x.astype(int), q_w.astype(int), q_x.shape[1]
    acc, rows, columns, constant = a @ b, a.sum(axis=1, keepdims=True), b.sum(axis=0), k * z_x * z_w
    right = acc - z_w * rows - z_x * columns + constant
    return {
        "both corrections are missing: you multiply the codes as if the zero points were 0": acc,
        "the zero point of q_w is not corrected: subtract z_w * (row sums of q_x), and mind k * z_x * z_w":
            acc - z_x * columns,
        "the zero point of q_x is not corrected: subtract z_x * (column sums of q_w), and mind k * z_x * z_w":
            acc - z_w * rows,
        "k * z_x * z_w is missing: both corrections have subtracted it, so it is added once": right - constant,
        "z_x * z_w comes once for each of the k products": right - constant + z_x * z_w,
        "k * z_x * z_w has the wrong sign: minus times minus": right - 2 * constant,
        "the corrections have the wrong sign: they are subtracted": acc + z_w * rows + z_x * columns + constant,
        "z_w * (row sums of q_x) has the wrong sign: it is subtracted": right + 2 * z_w * rows,
        "z_x * (column sums of q_w) has the wrong sign: it is subtracted": right + 2 * z_x * columns,
        "the zero points have changed places: z_x goes with the column sums of q_w, z_w with the row sums of q_x":
            acc - z_x * rows - z_w * columns + constant,
        "you sum all of the array: row sums go along axis 1 (keepdims), column sums along axis 0":
            acc - z_w * a.sum() - z_x * b.sum() + constant,
    }


def _wrong_widths(q_x: Array, z_x: int, q_w: Array, z_w: int) -> dict[str, Array]:
    """The sums where something wraps."""
    right = (q_x.astype(int) - z_x) @ (q_w.astype(int) - z_w)
    corrections = right - q_x.astype(int) @ q_w.astype(int)
    with np.errstate(all="ignore"):
        small = q_x.astype(np.int8) @ q_w
    moved_x, moved_w = q_x - q_x.dtype.type(z_x), q_w - q_w.dtype.type(z_w)
    return {
        "the sums wrap at 8 bits: NumPy's product of 8-bit codes stays in 8 bits. Widen first, or use "
        "rq.integer_matmul": small.astype(int) + corrections,
        "the sums wrap at 16 bits: NumPy's product of uint8 and int8 is int16. Widen first, or use rq.integer_matmul":
            (q_x @ q_w).astype(int) + corrections,
        "the sums wrap at 8 bits at the end. An accumulator needs more": right.astype(np.int8).astype(int),
        "the sums wrap at 16 bits. An accumulator needs more: section 2": right.astype(np.int16).astype(int),
        "you subtract the zero points in 8 bits, where the difference wraps. Widen first, or correct outside":
            moved_x.astype(int) @ moved_w.astype(int),
        "you subtract the zero points in 8 bits and sum in 16 bits, and both wrap. Widen first, or correct outside":
            moved_x @ moved_w,
    }


def _codes(seed: int, m: int, k: int, n: int, z_x: int, z_w: int) -> tuple[Array, int, Array, int]:
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (m, k)).astype(np.uint8), z_x, rng.integers(-128, 128, (k, n)).astype(np.int8), z_w)


PRODUCTS = (_codes(0, 2, 5, 3, 100, -7), _codes(1, 4, 40, 4, 255, 100), _codes(2, 3, 4, 5, 0, 3))
