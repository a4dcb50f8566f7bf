"""The schemes that are tried: a format, who shares a scale, and how much of the range is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...arguments import Reals
from ...blocks import scale_bits
from ...grids import Grid, IntGrid
from ...ranges import Fit, affine_params, symmetric_params
from ..formats import FORMATS, half, half_affine
from .matrix import Matrix

BLOCKS = (128, 64, 32)  # of integers; other formats have their own
CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2, 0.1)  # shares of the range; only those of integers are tried


class Scheme(NamedTuple):
    """axis None: one scale. block None: a scale for each index of the axis; n: for n values along it."""

    format: str
    grid: Grid
    fit: Fit
    axis: int | None = None
    block: int | None = None
    clip: float = 1.0
    rule: str = "minmax"
    scale_bits: int = 32

    @property
    def name(self) -> str:
        """The short name of tables, which LEGEND explains, without what is done to the range."""
        return f"{self.format}{f'/{self.block}' if self.block else ''}{'' if self.axis is None else f' @{self.axis}'}"

    def __str__(self) -> str:
        return (f"{self.name}{'' if self.clip == 1 else f' x{self.clip:g}'}"
                f"{'' if self.rule == 'minmax' else f' {self.rule}'}")

    @property
    def integer(self) -> bool:
        """Whether it is one of the plain integers, which are recommended unless other formats are asked for."""
        return self.format.startswith("int")

    @property
    def affine(self) -> bool:
        """Whether it has zero points."""
        return self.format.endswith("affine")

    def nbytes(self, shape: tuple[int, ...]) -> int:
        """Codes, scales in their own format, and zero points with as many bits as codes."""
        size, n = math.prod(shape), shape[self.axis] if self.axis is not None else 1
        scales = n if not self.block else size // n * -(-n // self.block)
        bits = size * self.grid.bits, scales * self.scale_bits, scales * self.grid.bits * self.affine
        return sum(-(-n // 8) for n in bits)


#: A part of a name, as a pattern, and what it means.
LEGEND = {r"\bint\d+(?! affine)": "int4: codes from -7 to 7, int8 from -127 to 127, and so on.",
          r"\bint\d+ affine": "affine: all codes, and a zero point.",
          r"@": "@0: a scale for each index of axis 0; without @: one scale.",
          r"/\d+ @": "/32 @1: a scale for 32 values along axis 1.",
          r" x0\.": "x0.8: both ends of each range, min and max, times 0.8."}


def schemes(m: Matrix, bits: int, lo: Reals, hi: Reals) -> Iterator[Scheme]:
    """The schemes of so many bits, the simpler first; integers have scales in float32, in blocks in float16."""
    integers = ((f"int{bits}", IntGrid(bits, narrow=True), symmetric_params, half),
                (f"int{bits} affine", IntGrid(bits), affine_params, half_affine))
    for axis in (None, *m.channels):
        yield from (Scheme(name, grid, fit, axis) for name, grid, fit, _ in integers)
    for size in BLOCKS:
        yield from (Scheme(name, grid, fit, axis, size, scale_bits=16) for axis in m.blocks(size)
                    for name, grid, _, fit in integers)
    one = np.ones((), np.float32)
    for name, f in FORMATS.items():
        if f.grid.bits == bits and not name.startswith("int"):
            axes = (None, *m.channels) if f.block is None else m.blocks(f.block)
            each = scale_bits(f.fit(-one, one, f.grid))
            yield from (Scheme(name.split("/")[0], f.grid, f.over(lo, hi).fit, axis, f.block, scale_bits=each)
                        for axis in axes)


def names(bits: int) -> list[str]:
    """The formats of so many bits.

    >>> names(6)
    ['int6', 'int6 affine', 'E2M3', 'E3M2', 'MXFP6', 'MXFP6 E3M2']
    """
    return list(dict.fromkeys([f"int{bits}", f"int{bits} affine", *(
        name.split("/")[0] for name, f in FORMATS.items() if f.grid.bits == bits and not name.startswith("int"))]))
