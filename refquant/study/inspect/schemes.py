"""The schemes that are tried: symmetric or affine codes, and how the range is chosen; floats and codebooks."""

from __future__ import annotations

from typing import TypeAlias

from ...arguments import Reals
from ...clipping import CLIPPING_RULES, Clip
from ...grids import Grid, IntGrid
from ...ranges import Fit, affine_params, symmetric_params
from ..formats import FORMATS, Format

Key: TypeAlias = tuple[str, str]  # the names of a fit or a format, and of a rule


def clips(bits: int, percent: float, one_sided: bool) -> dict[Key, Clip]:
    """(fit, rule) -> the clipping rule. one_sided: the data begin at 0, so affine codes need not go below."""
    return {(name, rule): entry.on(grid if "fit" in entry.takes else IntGrid(bits), fit, percent=percent,
                                   one_sided=one_sided and name == "affine")
            for name, (fit, grid) in fits(bits).items() for rule, entry in CLIPPING_RULES.items()}


def fits(bits: int) -> dict[str, tuple[Fit, Grid]]:
    """How a range becomes parameters, and on which codes; the simpler one first."""
    return {"symmetric": (symmetric_params, IntGrid(bits, narrow=True)), "affine": (affine_params, IntGrid(bits))}


def formats(bits: int, lo: Reals, hi: Reals) -> dict[str, Format]:
    """The formats of so many bits that are no integers, for data from lo to hi.

    >>> import numpy as np
    >>> list(formats(6, np.float32(-1), np.float32(1)))
    ['E2M3', 'E3M2', 'MXFP6', 'MXFP6 E3M2']
    """
    return {name: f.over(lo, hi) for name, f in FORMATS.items() if f.grid.bits == bits and not f.grid.equal_steps}
