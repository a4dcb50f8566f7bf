"""Who shares a scale: an array cut into slices, per tensor, per channel or per block."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...arguments import Reals
from . import passes
from .passes import native
from .tensors import Index, cuts


class Slices(NamedTuple):
    """An array cut into slices with a scale each: x[0], x[1], ..., or blocks along its last axis."""

    x: Reals
    block: int | None = None

    @property
    def size(self) -> int:
        """Values per slice; the last block of a row may be shorter."""
        return self.block or math.prod(self.x.shape[1:])

    @property
    def scales(self) -> int:
        """How many slices there are, and so scales."""
        return math.prod(self.x.shape[:-1]) * -(-self.x.shape[-1] // self.block) if self.block else len(self.x)

    def alone(self) -> Iterator[Reals]:
        """Each slice."""
        if self.block is None:
            yield from self.x
            return
        for row in np.ndindex(self.x.shape[:-1]):
            for i in range(0, self.x.shape[-1], self.block):
                yield self.x[row][i:i + self.block]

    def groups(self) -> list[Index]:
        """Indices of pieces that hold whole slices."""
        if self.block is None:
            rows = max(1, passes.PIECE // self.size)
            return [(slice(i, i + rows),) for i in range(0, len(self.x), rows)]
        return list(cuts(self.x.shape, passes.PIECE, self.block))

    def rows(self, at: Index) -> list[Reals]:
        """The piece's slices as rows of a matrix, and shorter ones as those of another."""
        piece = native(self.x[at])
        if self.block is None:
            return [piece.reshape(len(piece), -1)]
        whole = piece.shape[-1] // self.block * self.block
        return [part.reshape(-1, width) for part, width in (
            (piece[..., :whole], self.block), (piece[..., whole:], piece.shape[-1] - whole)) if part.size]


def slices(x: Reals, channel_axis: int | None, block: int | None) -> dict[str, Slices]:
    """The granularities that x has, the simpler first."""
    found = {"tensor": Slices(x[None])}
    if channel_axis is not None:
        found["channel"] = Slices(np.moveaxis(x, channel_axis, 0))
    if block is not None:
        found["block"] = Slices(x, block)
    return found
