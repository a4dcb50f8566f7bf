"""Formats in pictures: bits against error, the values of each grid on a line, the step at each size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...grids import Grid
from ..formats import FORMATS, Format
from ..plots.style import BLACK, BLUE, GREEN, RED, WINE, slide, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

def kind(f: Format) -> tuple[str, str, str]:
    """Colour, marker and label of the format's kind."""
    if f.scales == "E8M0":
        return GREEN, "D", "MX: 32 values, a power of two"
    if f.grid.equal_steps:
        return BLUE, "o", "integers"
    return (RED, "s", "floats, one scale a row") if f.block is None else (WINE, "*", "NVFP4, NF4: 16 or 64 values")


@styled
def sqnr_against_bits(sqnr: Mapping[str, Mapping[str, float]], bits: Mapping[str, float]) -> Figure:
    """One panel for each kind of data; every format with its name beside it."""
    drawn, panels = slide(9, nrows=2, ncols=2, sharex=True, sharey=True)
    lo, hi = (f(v for each in sqnr.values() for v in each.values()) for f in (min, max))
    for axes, (data, found) in zip(panels.ravel(), sqnr.items(), strict=True):
        axes.set(xlim=(3.85, 9.9), ylim=(lo - 6, hi + 3), xlabel="bits per value, scales included",
                 ylabel="SQNR, dB (higher is better)")
        axes.label_outer()
        axes.set_title(data, loc="left", fontweight="bold")
        for name, y in found.items():
            color, marker, label = kind(FORMATS[name])
            axes.plot(bits[name], y, color=color, marker=marker, linestyle="", label=label, markersize=9)
        for least in (4, 6, 8):
            _names(axes, {name: (bits[name], y) for name, y in found.items() if least <= bits[name] < least + 2},
                   least + 0.74, (hi - lo + 9) / 19)
    drawn.suptitle("What a format keeps of the signal, for the bits that it takes", fontsize=18)
    named = {label: handle for handle, label in zip(*panels[0, 0].get_legend_handles_labels(), strict=True)}
    drawn.legend(list(named.values()), list(named), loc="outside lower center", ncols=4, fontsize=14)
    return drawn


def _names(axes: Axes, points: Mapping[str, tuple[float, float]], at: float, gap: float) -> None:
    """Names in a column at x = at, `gap` dB apart, a thin line from each to its point."""
    names = sorted(points, key=lambda name: points[name][1])
    for name, y in zip(names, spread([points[name][1] for name in names], gap), strict=True):
        color = kind(FORMATS[name])[0]
        axes.annotate(name, points[name], (at, y), fontsize=13, color=color, va="center", in_layout=False,
                      arrowprops={"arrowstyle": "-", "color": color, "alpha": 0.5, "shrinkB": 0, "relpos": (0, 0.5)})


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Ascending places moved as little as it takes to lie `gap` apart: groups that overlap are centred on their mean.

    >>> spread([0.0, 0.0, 5.0], 1.0)
    [-0.5, 0.5, 5.0]
    """
    n, free = len(places), np.array(places) - gap * np.arange(len(places))
    return [gap * k + max(min(float(free[i:j].mean()) for j in range(k + 1, n + 1)) for i in range(k + 1))
            for k in range(n)]


def shapes() -> dict[str, Grid]:
    """Name -> grid of the table, of the fewest bits first; names of integers in words."""
    grids = {f.grid: f"int{f.grid.bits}" if f.grid.equal_steps else str(f.grid) for f in FORMATS.values()}
    return {name: grid for grid, name in sorted(grids.items(), key=lambda pair: pair[0].bits)}


@styled
def values_of_grids() -> Figure:
    """Each grid's values over its largest, a tick each."""
    found = shapes()
    drawn, axes = slide(9)
    for i, grid in enumerate(found.values()):
        v = grid.values / grid.qmax
        axes.vlines(v, -i - 0.36, -i + 0.36, color=color(grid), linewidth=max(0.8, 10 / v.size**0.5))
        axes.annotate(f"{grid.bits} bits: {v.size} values,\nlargest {grid.qmax:g}", (1.03, -i), va="center",
                      annotation_clip=False)
    axes.set_yticks([-i for i in range(len(found))], list(found), fontsize=15)
    axes.set(xlim=(-1.16, 1.02), xlabel="value, as a share of the largest")
    axes.set_title("Integers lie evenly; floats lie close together near 0 and far apart at the ends", fontsize=18)
    axes.grid(False)
    return drawn


@styled
def steps_of_grids() -> Figure:
    """The distance of the two values around x, over the largest value."""
    drawn, axes = slide(9)
    left, ends = 1e-6, dict[str, dict[str, tuple[float, str]]]()
    for name, grid in shapes().items():
        v = grid.values[grid.values >= 0] / grid.qmax
        step = np.diff(v)
        axes.stairs(step, np.maximum(v, left / 10), baseline=None, color=color(grid), linewidth=2.5)
        first = float(step[np.searchsorted(v, left) - 1])
        ends.setdefault(f"{first:.0e}", {})[name] = first, color(grid)  # those that begin together share a label
    for named in ends.values():
        (y, hue), *others = named.values()
        axes.annotate(" and ".join(named), (left, y), (8, 3), textcoords="offset points", fontsize=15, va="bottom",
                      color=hue if all(other == hue for _, other in others) else BLACK)
    axes.set(xscale="log", yscale="log", xlim=(left, 1.05), ylim=(left / 20, 1), xlabel="x, as a share of the largest "
             "value", ylabel="step between the values around x,\nas a share of the largest value")
    axes.set_title("Integers: one step. Floats: the step follows x, down to the smallest exponent", fontsize=18)
    return drawn


def color(grid: Grid) -> str:
    """Integers blue, NF4 wine; floats by their bits of mantissa, which say how far their step lies below x."""
    return BLUE if grid.equal_steps else {"M1": BLACK, "M2": RED, "M3": GREEN}.get(str(grid)[2:4], WINE)
