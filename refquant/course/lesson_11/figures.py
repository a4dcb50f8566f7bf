"""What lesson 11 shows: which reals small floats can hold, and the error that they leave at each size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...affine import AffineParams, fake_quantize
from ...grids import Grid
from ...study.plots.style import BLACK, BLUE, ORANGE, WINE, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = {"INT4": BLUE, "INT8": BLUE, "E2M1": ORANGE, "E4M3": ORANGE, "NF4": WINE}  # integers, floats, a codebook


@styled
def values_on_lines(grids: Mapping[str, Grid]) -> Figure:
    """The values of each grid, its largest at the right end: a tick for each value that has a code."""
    drawn, axes = figure(0.7 + 0.9 * len(grids), nrows=len(grids), sharex=True, squeeze=False)
    for line, (name, grid) in zip(axes[:, 0], grids.items(), strict=True):
        codes = getattr(grid, "values", np.arange(grid.qmin, grid.qmax + 1))
        line.vlines(codes / grid.qmax, 0, 1, color=COLORS.get(name, BLACK), linewidth=3 if len(codes) < 20 else 1)
        line.set(yticks=[], xlim=(-1.03, 1.03))
        line.set_title(f"{name}: {len(np.unique(codes))} values", fontsize=14, loc="left")
        line.grid(False)
        line.spines["left"].set_visible(False)
    axes[-1, 0].set_xlabel("value, as a part of the largest")
    return drawn


@styled
def error_by_size(x: ArrayLike, params: Mapping[str, AffineParams]) -> Figure:
    """The error of each x as a part of x itself, by the size of x; both axes are logarithmic."""
    drawn, axes = figure(4.6)
    values = np.asarray(x, np.float64)
    for name, each in params.items():
        error = np.abs(fake_quantize(values, each) - values) / values
        top = np.maximum.reduceat(error, np.arange(0, values.size, max(values.size // 160, 1)))
        axes.plot(values[::max(values.size // 160, 1)][:top.size], 100 * top,
                  color=COLORS.get(name, BLACK), label=name)
    axes.set(xscale="log", yscale="log", xlabel="x (at the right end of the axis both grids end)",
             ylabel="largest error, % of x")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.legend(loc="lower left")
    return drawn
