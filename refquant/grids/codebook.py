"""Any values: `Codebook(values)`, whose codes are their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Codes, Reals
from .grid import NAMES, TabledGrid, by_pieces


@dataclass(frozen=True)
class Codebook(TabledGrid):
    """The code of a value is its place among them, from 0 on.

    Args:
        values: (n,) ascending finite reals, 2 to 256 of them; kept as float32, whatever the data's dtype.

    The nearest value, ties to the lower (R4). A value 0 makes 0 exact (R8); without it, 0 becomes the nearest value.

    >>> from refquant import E8M0, NF4, AffineParams, quantize
    >>> Codebook([-1, 0, 0.5, 4]).bits, NF4.bits, E8M0.bits, NF4.qmax
    (2, 4, 8, 1.0)
    >>> quantize([-9.0, 0.25, 0.26], AffineParams(scale=1.0, zero_point=0, grid=Codebook([-1, 0, 0.5, 4])))
    array([0, 1, 2], dtype=uint8)

    Raises:
        ValueError: values that do not ascend, repeat or are not finite in float32, fewer than 2 or more than 256.
        TypeError: no reals.
    Source: NF4: QLoRA (arXiv:2305.14314), appendix E; E8M0: OCP MX v1.0, section 5.4.1. ml_dtypes and torch round ties
    between powers of two up.
    """

    kept: tuple[float, ...]

    def __init__(self, values: ArrayLike) -> None:
        wide = arguments.number("Codebook", values, "values")
        with np.errstate(over="ignore"):
            v = wide.astype(np.float32) + np.float32(0)
        if v.ndim != 1 or not 2 <= v.size <= 256 or not np.isfinite(v).all() or not (v[1:] > v[:-1]).all():
            raise arguments.error(ValueError, "Codebook", "`values` must be 2 to 256 finite float32 reals that ascend",
                                  f"{arguments.shown(wide.tolist())} of shape {v.shape}",
                                  "np.unique(values) sorts them and leaves out what repeats; 256 have 8 bits")
        vars(self).update(kept=tuple(v.tolist()), bits=(v.size - 1).bit_length(), qmin=float(v[0]), qmax=float(v[-1]),
                          table=arguments.frozen(v))

    def __repr__(self) -> str:
        """The short name where there is one, otherwise the call that makes it."""
        return NAMES.get(self) or f"Codebook({arguments.shown(list(self.kept))})"

    def round(self, v: Reals, out: Reals | None = None) -> Reals:
        """The nearest value, ties to the lower (R4); infinity beyond the ends by half a gap: there clipping begins.

        >>> Codebook([0, 1, 4]).round(np.array([0.5, 5.5, 5.6]))
        array([ 0.,  4., inf])
        """
        points, values = _decisions(self.kept, np.asarray(v).dtype)
        return by_pieces(lambda piece, filled: values.take(np.searchsorted(points, piece), out=filled, mode="clip"),
                         np.asarray(v), np.empty_like(v) if out is None else out)

    def encode(self, v: Reals) -> Codes:
        """The places of the values nearest to any reals.

        >>> Codebook([0, 1, 4]).encode(np.array([4.0, 0.0, 2.6, 99]))
        array([2, 0, 2, 2], dtype=uint8)
        """
        points = _decisions(self.kept, np.asarray(v).dtype)[0][1:-1]
        return by_pieces(lambda piece, codes: np.copyto(codes, np.searchsorted(points, piece), casting="unsafe"),
                         np.asarray(v), np.empty(np.shape(v), self.dtype))


@cache
def _decisions(values: tuple[float, ...], dtype: np.dtype[np.floating[Any]]) -> tuple[Reals, Reals]:
    """(points, values) in dtype: up to points[0] a real becomes values[0], -inf; up to points[1] values[1]; and so on.

    A point is the largest number of dtype that is not above the exact middle: the middle itself, rounded, would send
    its neighbour to the wrong side.
    """
    exact = [Fraction(v) for v in values]
    exact = [2 * exact[0] - exact[1], *exact, 2 * exact[-1] - exact[-2]]
    middles = [(a + b) / 2 for a, b in pairwise(exact)]
    return np.array(list(_not_above(middles, dtype)), dtype), np.array([-np.inf, *values, np.inf], dtype)


def _not_above(reals: list[Fraction], dtype: np.dtype[np.floating[Any]]) -> Iterator[Any]:
    largest = Fraction(float(np.finfo(dtype).max))
    for real in reals:
        near = dtype.type(float(max(-largest, min(real, largest))))
        yield near if Fraction(float(near)) <= real else np.nextafter(near, dtype.type(-np.inf))
