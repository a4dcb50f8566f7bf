"""Inputs for scales on a grid: powers of two (MX), and values of a grid times a second scale."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from ... import scales
from ...arguments import quiet
from ...grids import E2M1, E2M3, E3M2, E4M3, E5M2, E8M0, INT4, INT8
from . import flags
from .case import DOUBLE, HALF, SINGLE, Case, Float, Scalar, hex_float, named, refused

MX = {fit.__name__: fit for fit in (scales.mx_params, scales.mx_ceil_params, scales.mx_even_params,
                                    scales.mx_rceil_params)}
BLOCKS = ((6.0, 3.0, 0.75, 5.9, 1e-3, 100.0), (1e-6, 0.0, 2.0, 0.3, 0.0, 1.0), (1.0, 1e-7, 0.5, 1.5, 1.0, 3.0),
          (0.0,) * 6, (448.0, 432.0, 416.0, 17.0, 19.0, 464.0), (6e4, 1.0, 0.0, 3e-5, 0.0, 0.0))


@quiet
def mx_params_cases() -> Iterator[Case]:
    """scale = 2**k of the range [-largest, largest], by each of the four fits."""
    grids = *((grid, SINGLE) for grid in (E4M3, E5M2, E2M3, E3M2, E2M1, INT8)), (E4M3, DOUBLE), (E2M1, HALF)
    for (name, fit), (grid, dtype) in product(MX.items(), grids):
        group = {"fit": name, "grid": named(grid), "dtype": dtype.name, "scale_dtype": grid.arithmetic(dtype).name}
        for largest in _largest(grid.qmax, dtype):
            scale = fit(-largest, largest, grid).scale[()]
            yield Case(group, {"lo": hex_float(-largest), "hi": hex_float(largest)}, {"scale": hex_float(scale)},
                       flags.of_mx(largest, scale, grid), f"max|x| = {float(largest):.6g}")
        for lo, hi in ((1.0, -1.0), (0.0, np.inf), (0.0, np.nan)):
            yield refused(group, {"lo": hex_float(lo), "hi": hex_float(hi)}, "R7" if np.isnan(hi) else "R11",
                          "no range of finite numbers")


def _largest(qmax: float, dtype: Float) -> Iterator[Scalar]:
    """Powers of two, qmax, what rounds to the next power, one ulp to either side; 0, the ends of the dtype and E8M0."""
    for v in (1.0, 32.0, 0.15625 * qmax, qmax, 1.75 * 2.0**6, 1.9375 * 2.0**-3):
        yield from (np.nextafter(dtype.type(v), dtype.type(end)) for end in (0, v, np.inf))
    info = np.finfo(dtype)
    yield from (dtype.type(v) for v in (0, info.smallest_subnormal, info.tiny, info.max) if v <= info.max)


@quiet
def two_level_cases() -> Iterator[Case]:
    """scale = second * the value of scale_grid nearest to (largest / steps) / second, of two rows of three blocks."""
    for (grid, scale_grid), dtype, numbers, (shared, second) in product(
            ((E2M1, E4M3), (E2M1, E5M2), (INT4, E4M3), (E4M3, E8M0)), (SINGLE, DOUBLE, HALF), BLOCKS,
            (("given", {"second": "0x1p+0"}), ("given", {"second": "0x1p-4"}), ("all", {}), ("row", {}))):
        if scale_grid == E8M0 and second != {"second": "0x1p+0"}:  # its scales are its values
            continue
        largest, known = np.array(numbers, dtype).reshape(2, 3), float.fromhex(second["second"]) if second else None
        fit = scales.two_level(scale_grid, axis=-1 if shared == "row" else None, scale=known)
        found = fit(-largest, largest, grid).scale
        yield Case({"grid": named(grid), "scale_grid": named(scale_grid), "dtype": dtype.name,
                    "scale_dtype": found.dtype.name, "shared": shared, **second},
                   {"largest": [[hex_float(v) for v in row] for row in largest]},
                   {"scales": [[hex_float(v) for v in row] for row in found]},
                   ["zero_block"] if (largest == 0).any() else ["ordinary"], f"blocks of {numbers}")
