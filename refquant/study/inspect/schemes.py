"""The schemes that are tried: symmetric or affine codes, and how the range is chosen."""

from __future__ import annotations

from typing import TypeAlias

from ...clipping import CLIPPING_RULES, Clip
from ...grids import IntGrid
from ...ranges import Fit, affine_params, symmetric_params

Key: TypeAlias = tuple[str, str]  # the names of a fit and of a rule


def clips(bits: int, percent: float, one_sided: bool) -> dict[Key, Clip]:
    """(fit, rule) -> the clipping rule. one_sided: the data begin at 0, so affine codes need not go below."""
    return {(name, rule): entry.on(grid if "fit" in entry.takes else IntGrid(bits), fit, percent=percent,
                                   one_sided=one_sided and name == "affine")
            for name, (fit, grid) in fits(bits).items() for rule, entry in CLIPPING_RULES.items()}


def fits(bits: int) -> dict[str, tuple[Fit, IntGrid]]:
    """How a range becomes parameters, and on which codes; the simpler one first."""
    return {"symmetric": (symmetric_params, IntGrid(bits, narrow=True)), "affine": (affine_params, IntGrid(bits))}
