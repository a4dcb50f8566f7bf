"""A quantizer asked from outside: many numbers in a call, one alone, the same ones in other arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..affine import AffineParams
from ..arguments import error, first
from ..engines.exact import hexadecimal
from ..grids import Grid
from .check import Quantize, silent
from .layouts import LENGTHS, layouts, written
from .points import LENGTH, Points

ALIKE = "alike in every length and layout asked"


class Box(NamedTuple):
    """A quantizer of which only the codes are seen, and the grid that it is asked for."""

    quantize: Quantize
    grid: Grid
    says: tuple[str, str] = ("This is", "As in")

    def codes(self, x: Any, scale: Any, zero_point: Any) -> Any:
        """The codes of an array, as int64; x is not kept.

        >>> from refquant import INT8, quantize
        >>> Box(quantize, INT8).codes(np.float32([2.5]), np.float32(1), 1)
        array([3])

        Raises:
            TypeError: a quantizer that returns no integers.
            ValueError: one that returns another shape.
        """
        q = silent(self.quantize, x, AffineParams(scale=scale, zero_point=zero_point, grid=self.grid))
        if q.dtype.kind not in "iu":
            raise error(TypeError, "identify", "`quantize` must return integers", f"an array of {q.dtype}",
                        "return q.astype(params.grid.dtype)")
        if q.shape != x.shape:
            raise error(ValueError, "identify", "`quantize` must return x's shape", f"{q.shape} for {x.shape}",
                        "return q.reshape(x.shape)")
        return q.astype(np.int64)

    def calls(self, points: Points) -> Any:
        """The codes of all points, those of each LENGTH in one call.

        Raises:
            ValueError: a finite number or a zero point that is refused.
        """
        parts = [points.at(slice(i, i + LENGTH)) for i in range(0, len(points.x), LENGTH)]
        try:
            return np.concatenate([self.codes(p.x.copy(), p.scale[0], p.zero_point[0]) for p in parts])
        except Exception as refusal:
            raise error(ValueError, "identify", "`quantize` must take finite numbers and every zero point of the grid",
                        f"{type(refusal).__name__}: {refusal}", "symmetric=True asks with zero point 0 alone"
                        ) from refusal

    def outcome(self, x: Any, scale: Any, zero_point: int, copies: int = 1) -> int | None:
        """The code of one number, alone or the last of so many copies; None where it is refused."""
        try:
            return int(self.codes(np.full(copies, x, np.float32), np.float32(scale), zero_point)[-1])
        except Exception:
            return None

    def outcomes(self, points: Points, copies: int = 1) -> list[int | None]:
        """The code of each number, alone, or the last of so many copies in one array of all; None where refused."""
        if copies > 1 and len({*zip(points.scale, points.zero_point, strict=True)}) == 1:
            with suppress(Exception):
                return list(self.codes(np.repeat(points.x, copies), points.scale[0], points.zero_point[0])[
                    copies - 1::copies].tolist())
        return [self.outcome(x, s, int(z), copies) for x, s, z in zip(*points, strict=True)]

    def arrays(self, points: Points, codes: Any, chosen: Iterable[int]) -> str:
        """Whether the codes are the same in other arrays, and a second time: ALIKE, or where they are not."""
        again = points.at(slice(0, 5 * LENGTH))
        if (self.calls(again) != codes[:5 * LENGTH]).any():
            return "the same call gives other codes the second time"
        refusal = ""
        for x, q, i in _others(points.x, codes, sorted(chosen)):
            asked = call(written(x), points.scale[i], points.zero_point[i])
            try:
                got = self.codes(x, points.scale[i], points.zero_point[i])
            except Exception as failure:
                refusal = refusal or f", except where it fails: {type(failure).__name__}: {failure}\n    {asked}"
                continue
            if (got != q).any():
                at = first(got != q)
                where = f" at index {at}" * (x.size > 1)
                return f"code {got[at]}{where}, {q[at]} in an array of {LENGTH}\n    {asked}"
        return ALIKE + refusal


def call(x: str, scale: Any, zero_point: Any) -> str:
    """What was asked, to be pasted.

    >>> call("x", np.float32(1), 3)
    "x=x, scale=float.fromhex('0x1p+0'), zero_point=3"
    """
    return f"x={x}, scale=float.fromhex('{hexadecimal(scale)}'), zero_point={zero_point}"


def _others(x: Any, codes: Any, chosen: Sequence[int]) -> Iterator[tuple[Any, Any, int]]:
    """Copies of each number that was chosen, then those of each call together: an array, its codes, a place of them."""
    for i in chosen:
        for n in LENGTHS[:-1]:
            yield np.full(n, x[i]), np.full(n, codes[i]), i
    for start in range(0, len(x), LENGTH):
        together = [i for i in chosen if start <= i < start + LENGTH][:8]
        if together:
            for array, q in zip(layouts(x[together]), layouts(codes[together]), strict=True):
                yield array, q, together[0]
