"""Which values exist, and which code each has: integers, small floats, codebooks. grid.py says what a grid is.

A format is one line here. quantize and all that stands on it ask the grid, so nothing else needs to know.
"""

from __future__ import annotations

from .codebook import Codebook
from .floats import FloatGrid
from .grid import NAMES, Grid, known, stepped, two_sided
from .integers import IntGrid

INT2, INT4, INT8, INT16, INT32 = (IntGrid(bits) for bits in (2, 4, 8, 16, 32))
UINT2, UINT4, UINT8, UINT16 = (IntGrid(bits, signed=False) for bits in (2, 4, 8, 16))
E4M3 = FloatGrid(4, 3, specials=1)
E5M2 = FloatGrid(5, 2, specials=4)
E4M3FNUZ = FloatGrid(4, 3, fnuz=True)
E5M2FNUZ = FloatGrid(5, 2, fnuz=True)
E2M3 = FloatGrid(2, 3)
E3M2 = FloatGrid(3, 2)
E2M1 = FloatGrid(2, 1)
NF4 = Codebook([  # the quantiles of a Gaussian, as published (QLoRA, arXiv:2305.14314, appendix E)
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0])
E8M0 = Codebook([2.0**k for k in range(-127, 128)])  # for scales alone
NAMES |= {grid: name for name, grid in list(globals().items()) if isinstance(grid, Grid)}

__all__ = ["Grid", "IntGrid", "FloatGrid", "Codebook", "NAMES", "known", "stepped", "two_sided", *NAMES.values()]
