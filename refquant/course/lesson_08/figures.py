"""What lesson 08 shows: sums, multipliers, roundings, codes and bytes of an integer-only network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...arguments import Codes
from ...grids import Grid
from ...packing import pack
from ...study.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def signed_bits(n: ArrayLike) -> Codes:
    """How many bits two's complement needs for each integer, the sign among them.

    >>> signed_bits([0, 127, 128, -128, -129])
    array([1, 8, 9, 8, 9])
    """
    values = np.asarray(n, np.int64)
    return np.array([int(v).bit_length() + 1 for v in np.where(values < 0, -values - 1, values).flat]).reshape(
        values.shape)


@styled
def sums_in_bits(layers: Mapping[str, ArrayLike], bounds: Sequence[Mapping[str, int]]) -> Figure:
    """How many bits the sums of each layer needed, and how many each bound needs; int16 and int32 are marked.

    layers[name]: sums; bounds: of each layer, by name.
    """
    drawn, panels = figure(1.55 * len(layers) + 1.3, 9, nrows=len(layers), sharex=True, squeeze=False)
    marks = {0: (ORANGE, "v"), 1: (RED, "D")}
    for panel, (name, sums), bound in zip(panels[:, 0], layers.items(), bounds, strict=True):
        bits = signed_bits(np.ravel(sums))
        share = 100 * np.bincount(bits, minlength=34) / bits.size
        panel.bar(np.arange(share.size), share, width=0.85, color=SKY, label="sums on the test images")
        for i, (which, most) in enumerate(bound.items()):
            panel.plot([int(signed_bits(most))], [8], color=marks[i][0], marker=marks[i][1], markersize=11,
                       linestyle="", label=which)
        for width in (16, 32):
            panel.axvline(width + 0.5, color=BLACK, linestyle="--")
        panel.set(ylabel="share, %", xlim=(0.4, 33.4), ylim=(0, 45), yticks=(0, 20, 40), xticks=range(2, 34, 2))
        panel.annotate(name, (0.012, 0.8), xycoords="axes fraction", fontsize=13)
    for width, text in ((16, "int16 ends "), (32, "int32 ends ")):
        panels[0, 0].annotate(text, (width + 0.3, 38), ha="right", fontsize=12)
    panels[-1, 0].set_xlabel("bits that the sum needs, sign included")
    drawn.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=12)
    return drawn


@styled
def changed_by_mantissa(shares: Mapping[str, Mapping[int, float]], law: Mapping[str, Mapping[int, float]]) -> Figure:
    """The share of codes that change with a shorter mantissa, counted and by the law.

    shares[codes][bits of the mantissa], in parts of 1; 0 is not drawn.
    """
    drawn, axes = figure(4.8, 8.6)
    for (name, curve), color, marker in zip(shares.items(), (BLUE, RED), "os", strict=False):
        shown = {bits: share for bits, share in curve.items() if share > 0}
        axes.plot(list(shown), list(shown.values()), color=color, marker=marker, linestyle="", label=f"{name}, counted")
        axes.plot(list(law[name]), list(law[name].values()), color=color, linestyle="--", linewidth=1.5,
                  label=f"{name}, qmax / 2 · 2^-bits")
    axes.set(yscale="log", ylim=(1e-7, 2), xticks=range(4, 32, 2), xlabel="bits of the mantissa",
             ylabel="share of codes that change")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=12)
    return drawn


@styled
def two_roundings(acc: ArrayLike, once: ArrayLike, twice: ArrayLike, shares: Mapping[int, float]) -> Figure:
    """Left: code minus exact value, in steps, rounded once and twice. Right: how often the two differ, by shift."""
    drawn, (left, right) = figure(4.9, 10.4, ncols=2, width_ratios=(1.15, 1))
    a, e1, e2 = (np.asarray(values, float) for values in (acc, once, twice))
    differ = e1 != e2
    left.axhspan(-0.5, 0.5, color=GREY, alpha=0.15, linewidth=0)
    left.plot(a, e1, color=BLUE, marker="o", markersize=5, linestyle="", label="rounded once")
    left.plot(a[differ], e2[differ], color=RED, marker="X", markersize=10, linestyle="",
              label="rounded twice, where it differs")
    left.set(xlabel="accumulator", ylabel="code minus exact value, steps", ylim=(-0.62, 0.62))
    right.plot([-s for s in shares], [100 * share for share in shares.values()], color=RED, marker="X", markersize=9,
               linestyle="", label="counted")
    right.plot([-s for s in shares], [100 * 2.0 ** (s - 1) for s in shares], color=BLACK, linestyle="--",
               label="2^(shift - 1)")
    right.set(yscale="log", xlabel="-shift", ylabel="codes that differ, %", xticks=range(0, 13, 2))
    right.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    for panel in (left, right):
        panel.legend(loc="upper center" if panel is right else "lower left", fontsize=11, ncols=2,
                     bbox_to_anchor=(0.5, 1.14) if panel is right else (0, 1.0))
    return drawn


@styled
def integer_path(codes: Mapping[str, ArrayLike]) -> Figure:
    """One input on its way through the network: the codes of each stage, the last stage as bars.

    codes[stage]: a multiple of 8 codes, except for the last.
    """
    drawn, panels = figure(3.9, 11.5, ncols=len(codes), squeeze=False, width_ratios=[1.6, *[1] * (len(codes) - 2), 1.3])
    *stages, last = codes.items()
    for panel, (name, stage) in zip(panels[0], stages, strict=False):
        grid = np.reshape(stage, (8, -1))
        most = int(np.max(grid))
        panel.imshow(grid, cmap="gray_r", vmin=0, vmax=most)
        for (row, column), q in np.ndenumerate(grid):
            panel.text(column, row, str(q), ha="center", va="center", fontsize=9,
                       color="white" if q > most / 2 else "black")
        panel.set(xticks=[], yticks=[])
        panel.grid(False)
        for spine in panel.spines.values():
            spine.set_visible(False)
        panel.set_title(name, fontsize=12)
    values = np.ravel(last[1])
    panel = panels[0, -1]
    panel.barh(np.arange(values.size), values, color=np.where(values == values.max(), RED, GREY))
    panel.set(yticks=range(values.size), ylabel="digit", xlabel="code")
    panel.invert_yaxis()
    panel.tick_params(labelsize=10)
    panel.locator_params(axis="x", nbins=4)
    panel.set_title(last[0], fontsize=12)
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
        used = code < values.size
        axes.add_patch(_square(column, row, colors[code % len(colors)] if used else "white"))
        axes.text(column + 0.5, row + 0.42, str(int(packed[row]) >> (k % 8) & 1), ha="center", va="center", fontsize=17)
        if used:
            axes.text(column + 0.95, row + 0.96, f"code {code}: {values[code]}", ha="right", va="bottom", fontsize=9)
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
