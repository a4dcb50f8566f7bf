"""What lesson 08 shows: sums, multipliers, roundings, codes and bytes of an integer-only network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...grids import Grid
from ...packing import pack
from ...study.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def two_roundings(acc: ArrayLike, once: ArrayLike, twice: ArrayLike, shares: Mapping[int, float]) -> Figure:
    """Left: code minus exact value, rounded once and twice; at a tie neither errs. Right: how often they differ."""
    drawn, (left, right) = figure(5.2, 10.4, ncols=2, width_ratios=(1.15, 1))
    a, e1, e2 = (np.asarray(values, float) for values in (acc, once, twice))
    tie = np.abs(e1) == 0.5
    off = (e1 != e2) & ~tie
    other = (e1 != e2) & tie
    left.axhspan(-0.5, 0.5, color=GREY, alpha=0.15, linewidth=0)
    left.plot(a, e1, color=BLUE, marker="o", markersize=5, linestyle="", label="rounded once")
    left.plot(a[off], e2[off], color=RED, marker="X", markersize=10, linestyle="", label="rounded twice: an error")
    left.plot(a[other], e2[other], color=BLACK, marker="D", markersize=8, markerfacecolor="white", linestyle="",
              label="rounded twice: a true tie")
    left.set(xlabel="accumulator", ylabel="code minus exact value, steps", ylim=(-0.62, 0.62))
    right.plot([-s for s in shares], [100 * share for share in shares.values()], color=RED, marker="X", markersize=9,
               linestyle="", label="counted")
    right.plot([-s for s in shares], [100 * 2.0 ** (s - 1) for s in shares], color=BLACK, linestyle="--",
               label="law: 2^(shift - 1)")
    right.set(yscale="log", xlabel="-shift", ylabel="codes that differ, %", xticks=range(0, 13, 2))
    right.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    for panel in (left, right):
        panel.legend(loc="lower center", fontsize=13, bbox_to_anchor=(0.5, 1.0))
    return drawn


@styled
def packed_bits(codes: ArrayLike, grid: Grid) -> Figure:
    """The bytes that pack makes, one row each, bit 7 to bit 0 as they are written; a colour for each code."""
    values = np.ravel(codes)
    packed = pack(values, grid)
    drawn, axes = figure(0.95 * packed.size + 1.2, 8.4)
    colors = (SKY, ORANGE, GREEN, PINK)
    for k in range(8 * packed.size):
        row, column, code = k // 8, 7 - k % 8, k // grid.bits
        axes.add_patch(_square(column, row, colors[code % len(colors)] if code < values.size else "white"))
        axes.text(column + 0.5, row + 0.38, str(int(packed[row]) >> (k % 8) & 1), ha="center", va="center", fontsize=20)
    for row, code in sorted({(k // 8, k // grid.bits) for k in range(grid.bits * values.size)}):
        columns = [7 - k % 8 for k in range(8 * row, 8 * row + 8) if k // grid.bits == code]
        axes.text(sum(columns) // len(columns) + 0.5, row + 0.93, f"code {values[code]}", ha="center", va="bottom",
                  fontsize=14)
    axes.set(xlim=(-0.02, 8.02), ylim=(packed.size + 0.02, -0.02), xticks=np.arange(8) + 0.5,
             yticks=np.arange(packed.size) + 0.5)
    axes.set_xticklabels([f"bit {7 - i}" for i in range(8)])
    axes.set_yticklabels([f"byte {i} = {byte}" for i, byte in enumerate(packed)])
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return drawn


def _square(x: float, y: float, color: str) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, facecolor=color, edgecolor="black", alpha=0.75)
