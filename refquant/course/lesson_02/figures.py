"""What lesson 02 shows: symmetric and affine codes under the data, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...affine import dequantize
from ...clipping import minmax
from ...grids import Grid
from ...ranges import affine_params, symmetric_params
from ...study.plots.style import FIT_STYLES, SKY, figure, styled
from ..lesson_01.figures import number_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["codes_under_histograms", "number_lines"]


FITS = {"symmetric": symmetric_params, "affine": affine_params}


@styled
def codes_under_histograms(tensors: Mapping[str, ArrayLike], grid: Grid) -> Figure:
    """The histogram of each tensor, and below it where the codes of its symmetric and its affine fit stand."""
    drawn, axes = figure(0.6 + 2.1 * len(tensors), nrows=len(tensors), squeeze=False)
    for line, (name, x) in zip(axes[:, 0], tensors.items(), strict=True):
        counts, edges = np.histogram(x, bins=80)
        # two bars may leave the picture: the spike that a ReLU makes at 0 would flatten all others
        line.bar(edges[:-1], counts / np.sort(counts)[-3], np.diff(edges), align="edge", color=SKY)
        lo, hi = minmax(x)
        ends = [lo, hi]
        for height, (label, fit) in zip((-0.3, -0.75), FITS.items(), strict=True):
            codes = dequantize(np.arange(grid.qmin, grid.qmax + 1), fit(lo, hi, grid))
            ends += [codes.min(), codes.max()]
            line.vlines(codes, height - 0.15, height + 0.15, color=FIT_STYLES[label]["color"], linewidth=2)
            line.annotate(label, (1.01, height), xycoords=("axes fraction", "data"), va="center",
                          color=FIT_STYLES[label]["color"])
        line.set(ylim=(-1, 1.15), yticks=[], xlim=(min(ends) - 0.15, max(ends) + 0.15))
        line.set_title(name, fontsize=13, loc="left")
        line.grid(False)
        line.spines["left"].set_visible(False)
    axes[-1, 0].set_xlabel("reals. Bars: how often. Ticks: those that have a code")
    return drawn
