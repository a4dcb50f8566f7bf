"""The formats that people meet, in one table: which values exist, who shares a scale, and what chooses it.

compare --formats, inspect and the vectors read it; explain --grid and compare --grids read the names of grids.

A name without a number after the slash: all values of a row share a scale, which is float32. "int4/64": 64 values
share one, and the scale is float16, as gguf and most 4-bit files store it, so that a block format costs what it costs
there (int4/64 and NF4/64 4.25 bits a value, as MXFP4). MX: 32 values share a power of two, chosen by floor unless the
name says another rule. NVFP4: 16 values share a scale on E4M3, and all of an array a second one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from .. import arguments
from ..affine import AffineParams, fake_quantize
from ..arguments import Reals
from ..blocks import join_blocks, split_blocks
from ..calibration import dynamic_params
from ..grids import E2M1, E2M3, E3M2, E4M3, E4M3FNUZ, E5M2, E5M2FNUZ, INT4, INT8, NAMES, NF4, FloatGrid, Grid, IntGrid
from ..ranges import Fit, affine_params, symmetric_params
from ..scales import TwoLevel, mx_ceil_params, mx_even_params, mx_params, mx_rceil_params, two_level


class Format(NamedTuple):
    """A grid, the fit that chooses scales on ranges of min-max, and how many values of the last axis share a scale."""

    grid: Grid
    fit: Fit = symmetric_params
    block: int | None = None  # None: all values of a row

    @property
    def scales(self) -> str:
        """The format of the scales.

        >>> [FORMATS[name].scales for name in ("E4M3", "NF4/64", "MXFP4", "NVFP4")]
        ['float32', 'float16', 'E8M0', 'E4M3']
        """
        found = self.fit(-1.0, 1.0, self.grid).scale_grid  # type: ignore[arg-type]
        return "float32" if found is None else "float16" if found == HALF else str(found)

    def over(self, lo: Reals, hi: Reals) -> Format:
        """The format with the second scale, if it has one, that an array of this range gives.

        >>> import numpy as np
        >>> float(FORMATS["NVFP4"].over(np.float64(-6), np.float64(2)).fit.scale * 448)
        1.0
        """
        if not isinstance(self.fit, TwoLevel) or self.fit.scale is not None:
            return self
        first, largest = self.fit.fit(lo, hi, self.grid).scale, self.fit.scale_grid.qmax
        return self._replace(fit=replace(self.fit, scale=first / first.dtype.type(largest)))

    def split(self, x: Reals) -> Reals:
        """x with its last axis cut into blocks, if the format has them.

        >>> import numpy as np
        >>> FORMATS["MXFP4"].split(np.ones((2, 40))).shape, FORMATS["E4M3"].split(np.ones((2, 40))).shape
        ((2, 2, 32), (2, 40))
        """
        return x if self.block is None else split_blocks(x, min(self.block, x.shape[-1]))

    def params(self, x: Reals) -> AffineParams:
        """The parameters of x, split.

        >>> import numpy as np
        >>> FORMATS["MXFP4"].params(np.ones((2, 64))).scale.shape
        (2, 2, 1)
        """
        return dynamic_params(self.split(x), self.grid, axis=-1, fit=self.fit)

    def fake_quantize(self, x: Reals) -> Reals:
        """x_hat, of x's shape.

        >>> import numpy as np
        >>> FORMATS["NVFP4"].fake_quantize(np.float32([[6, 5.1, 0.2]]))
        array([[6., 6., 0.]], dtype=float32)
        """
        x_hat = fake_quantize(self.split(x), self.params(x))
        return x_hat if self.block is None else join_blocks(x_hat, length=x.shape[-1])


HALF = FloatGrid(5, 10, specials=1024)  # the values of float16
NARROW8, NARROW4 = (IntGrid(bits, narrow=True) for bits in (8, 4))
half, half_affine = (two_level(HALF, fit, scale=1.0) for fit in (symmetric_params, affine_params))
FORMATS: dict[str, Format] = {
    "int8": Format(NARROW8), "int8/32": Format(NARROW8, half, 32),
    "int4": Format(NARROW4), "int4/32": Format(NARROW4, half, 32), "int4/64": Format(NARROW4, half, 64),
    "int4 affine/64": Format(INT4, half_affine, 64),
    "E4M3": Format(E4M3), "E5M2": Format(E5M2), "E4M3FNUZ": Format(E4M3FNUZ), "E5M2FNUZ": Format(E5M2FNUZ),
    "E2M3": Format(E2M3), "E3M2": Format(E3M2), "E2M1": Format(E2M1),
    "MXINT8": Format(INT8, mx_params, 32),
    "MXFP8": Format(E4M3, mx_params, 32), "MXFP8 even": Format(E4M3, mx_even_params, 32),
    "MXFP8 RCEIL": Format(E4M3, mx_rceil_params, 32), "MXFP8 ceil": Format(E4M3, mx_ceil_params, 32),
    "MXFP8 E5M2": Format(E5M2, mx_params, 32),
    "MXFP6": Format(E2M3, mx_params, 32), "MXFP6 E3M2": Format(E3M2, mx_params, 32),
    "MXFP4": Format(E2M1, mx_params, 32), "MXFP4 even": Format(E2M1, mx_even_params, 32),
    "MXFP4 RCEIL": Format(E2M1, mx_rceil_params, 32), "MXFP4 ceil": Format(E2M1, mx_ceil_params, 32),
    "NVFP4": Format(E2M1, two_level(E4M3), 16), "NF4/64": Format(NF4, half, 64)}


def grid_named(where: str, name: str) -> Grid:
    """The grid of that name, in any case.

    >>> grid_named("docs", "e4m3"), grid_named("docs", "NF4").bits
    (E4M3, 4)

    Raises:
        ValueError: no grid has this name.
    """
    found = {known.lower(): grid for grid, known in NAMES.items()}
    if name.lower() not in found:
        raise arguments.error(ValueError, where, "a grid must have a known name", repr(name),
                              ", ".join(NAMES.values()) + " have one")
    return found[name.lower()]
