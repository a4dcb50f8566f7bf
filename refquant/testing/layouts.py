"""The same numbers in arrays of other lengths and layouts, and how such an array is written."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engines.exact import hexadecimal

#: Lengths at which kernels change: one number, a part of a vector, one more than a vector, many, one less, thousands.
LENGTHS = (1, 3, 17, 64, 127, 5000)


def layouts(x: Any) -> list[Any]:
    """Empty, one number without axes, of all LENGTHS, every second one, in Fortran order, the last row first.

    >>> [a.shape for a in layouts(np.float32([0.5, 1.5]))]
    [(0,), (), (1,), (3,), (17,), (64,), (127,), (5000,), (64,), (5, 7), (5, 7)]
    """
    return [x[:0], np.array(x[0]), *(np.resize(x, n) for n in LENGTHS), np.repeat(np.resize(x, 64), 2)[::2],
            np.asfortranarray(np.resize(x, (5, 7))), np.resize(x, (5, 7))[::-1]]


def written(a: Any) -> str:
    """The expression that makes the array, exactly; short where a few numbers come again and again.

    >>> written(np.float32(0.5)), written(np.resize(np.float32([0.5, 1.5]), 5000))[:24]
    ("np.float32(float.fromhex('0x1p-1'))", 'np.resize(np.array([floa')
    """
    if a.ndim and a.strides[0] < 0:
        return f"{written(a[::-1])}[::-1]"
    if not a.ndim:
        return f"np.{a.dtype}({_text(a.tolist())})"
    parts = (a.ravel()[:k] for k in range(1, 9))
    part = next((part for part in parts if a.size > 8 and (np.resize(part, a.shape) == a).all()), None)
    text = f"np.array({_text((a if part is None else part).tolist())}, np.{a.dtype})"
    text = text if part is None else f"np.resize({text}, {a.shape})"
    return text if a.flags.c_contiguous else f"np.asfortranarray({text})" if a.flags.f_contiguous else (
        f"np.repeat({text}, 2, -1)[..., ::2]")


def _text(v: Any) -> str:
    if isinstance(v, list):
        return f"[{', '.join(map(_text, v))}]"
    return f"float.fromhex('{hexadecimal(v)}')" if isinstance(v, float) else str(v)
