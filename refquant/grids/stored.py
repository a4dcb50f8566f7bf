"""Grids as plain numbers, for files, and back."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arguments
from .codebook import Codebook
from .floats import FloatGrid
from .grid import Grid
from .integers import IntGrid


def numbers(grid: Grid | None) -> NDArray[Any]:
    """The arguments of the grid's constructor: whole numbers, or a codebook's values as float32; nothing for None.

    >>> from refquant import E4M3, INT8
    >>> numbers(INT8).tolist(), numbers(E4M3).tolist(), numbers(None).size
    ([8, 1, 0], [4, 3, 1, 0], 0)
    """
    if grid is None or isinstance(grid, IntGrid | FloatGrid):
        return np.array([] if grid is None else astuple(grid), np.int64)
    return arguments.instance("save", grid, Codebook, "a grid must be an IntGrid, a FloatGrid or a Codebook",
                              "pickle keeps grids of your own").table


def grid_of(where: str, stored: NDArray[Any]) -> Grid | None:
    """The grid with these numbers: numbers undone.

    >>> from refquant import NF4
    >>> grid_of("here", numbers(NF4)), grid_of("here", np.array([3, 1, 1]))
    (NF4, IntGrid(3, narrow=True))
    """
    if stored.dtype.kind == "f":
        return Codebook(stored)
    if stored.shape == (3,):
        bits, *flags = stored.tolist()
        return IntGrid(bits, *(bool(arguments.whole(where, flag, "flag", 0, 1)) for flag in flags))
    if stored.shape == (4,):
        exponent, mantissa, specials, fnuz = stored.tolist()
        return FloatGrid(exponent, mantissa, specials, bool(arguments.whole(where, fnuz, "flag", 0, 1)))
    if stored.shape != (0,):
        raise ValueError(f"{where} of shape {stored.shape}")
    return None
