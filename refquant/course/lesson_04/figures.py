"""What lesson 04 shows: who shares a scale, what that brings, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...study.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, figure, styled
from ...study.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRANULARITY_STYLES: dict[str, dict[str, Any]] = {
    "tensor": {"color": RED, "marker": "o", "label": "per tensor"},
    "row": {"color": BLUE, "marker": "s", "label": "per row"},
    "channel": {"color": PINK, "marker": "D", "label": "per channel"},
    "block": {"color": GREEN, "marker": "^", "label": "per block"},
}
BITS_COLORS = dict(zip(range(2, 9), (BLACK, RED, BLUE, GREEN, ORANGE, PINK, SKY), strict=True))


@styled
def shared_scales(x: ArrayLike, scales: Mapping[str, ArrayLike]) -> Figure:
    """The values of a matrix, once per granularity; the colour of a cell is the scale (of x's shape) that it has.

    A white line separates neighbours that do not share a scale.
    """
    from matplotlib.colors import LogNorm

    drawn, axes = figure(1.7 * -(-len(scales) // 2), 9, nrows=-(-len(scales) // 2), ncols=2, squeeze=False)
    values = np.asarray(x)
    steps = {name: np.broadcast_to(np.asarray(scale), values.shape) for name, scale in scales.items()}
    lowest, highest = (float(f([f(step) for step in steps.values()])) for f in (np.min, np.max))
    for panel, (name, step) in zip(axes.flat, steps.items(), strict=False):
        cells = panel.pcolormesh(step, cmap="cividis", norm=LogNorm(lowest, highest))
        for (i, j), value in np.ndenumerate(values):
            panel.annotate(f"{value:.3g}", (j + 0.5, i + 0.5), ha="center", va="center", fontsize=13,
                           color="white" if step[i, j] ** 2 < lowest * highest else BLACK)
        for i, j in np.argwhere(np.diff(step, axis=1) != 0):
            panel.plot([j + 1, j + 1], [i, i + 1], color="white", linewidth=5)
        for i, j in np.argwhere(np.diff(step, axis=0) != 0):
            panel.plot([j, j + 1], [i + 1, i + 1], color="white", linewidth=5)
        panel.set(xticks=[], yticks=[], ylim=(len(values), 0))
        panel.set_title(name, fontsize=13, loc="left")
        for spine in panel.spines.values():
            spine.set_visible(False)
    bar = drawn.colorbar(cells, ax=axes, label="scale, reals per step")
    ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100) if lowest <= t <= highest]
    bar.set_ticks(ticks, labels=[str(t) for t in ticks])
    bar.minorticks_off()
    return drawn


@styled
def price_of_scales(panels: Mapping[str, Mapping[int, Mapping[str, tuple[float, float]]]]) -> Figure:
    """SQNR against bits per value: a curve for each number of bits, from large groups to small ones.

    panels[data][bits][group] = (bits per value, SQNR in dB). The first group and the last two are named.
    """
    drawn, axes = figure(4.8, 10, ncols=len(panels), sharey=True, squeeze=False)
    for panel, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for bits, points in curves.items():
            cost, db = zip(*points.values(), strict=True)
            first, *_, before, last = points
            panel.plot(cost, db, color=BITS_COLORS[bits], marker="o", markersize=6, label=f"{bits} bits")
            for group, where, side in ((first, (9, -7), "left"), (before, (6, -15), "left"), (last, (-2, 7), "right")):
                panel.annotate(group, points[group], xytext=where, textcoords="offset points", ha=side, fontsize=12,
                               color=BLACK)
        panel.set(xlabel="bits per value, scales counted", title=name, xlim=(min(curves) - 0.7, max(curves) + 1.1))
    axes[0, 0].set_ylabel("SQNR, dB")
    axes[0, 0].legend(loc="upper left", title="numbers: block size")
    return drawn


@styled
def sqnr_against_outliers(panels: Mapping[str, Mapping[str, Mapping[int, float]]]) -> Figure:
    """SQNR of each granularity against the size of the outliers, for all values and for the inliers.

    panels[which values][granularity][factor of the outliers] in dB.
    """
    drawn, axes = figure(4, 9.5, ncols=len(panels), sharey=True, squeeze=False)
    for panel, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for granularity, by_factor in curves.items():
            panel.plot(list(by_factor), list(by_factor.values()), **GRANULARITY_STYLES[granularity])
        factors = list(next(iter(curves.values())))
        panel.set_xscale("log")
        panel.set_xticks(factors, [f"{c}" for c in factors])
        panel.minorticks_off()
        panel.axhline(0, color=GREY, linewidth=1)
        panel.set(xlabel="how much larger one column is", title=name)
    axes[0, 0].set_ylabel("SQNR, dB")
    axes[0, 0].legend(loc="upper left")
    return drawn


@styled
def paired_differences(groups: Mapping[str, Mapping[str, Estimate]], shared: bool = False, digits: int = 1) -> Figure:
    """Differences in points of accuracy: means with their 95 % intervals.

    groups[panel][difference]. shared: all panels have one axis, so that the lengths of bars can be compared across
    panels. digits: of the numbers beside the bars, after the point.
    """
    lines = [len(group) for group in groups.values()]
    drawn, axes = figure(1.3 + 0.5 * sum(lines), 8, nrows=len(groups), squeeze=False, sharex=shared,
                         height_ratios=lines)
    for panel, (name, differences) in zip(axes[:, 0], groups.items(), strict=True):
        for i, e in enumerate(differences.values()):
            half = e.half_width or 0.0
            panel.errorbar([e.mean], [-i], xerr=[half], color=BLUE, marker="o", capsize=4)
            mean = f"{e.mean:+.{digits}f}" if round(e.mean, digits) else f"{0:.{digits}f}"  # as its point, no sign
            panel.annotate(f"{mean} ± {half:.{digits}f}", (1.01, -i), va="center", fontsize=12,
                           xycoords=("axes fraction", "data"))
        panel.axvline(0, color=GREY, linewidth=1)
        panel.set_yticks([-i for i in range(len(differences))], list(differences))
        panel.set_ylim(-len(differences) + 0.4, 0.6)
        panel.set_title(name, fontsize=13, loc="left")
    axes[-1, 0].set_xlabel("points of test accuracy, first minus second; bars: paired 95 % interval")
    return drawn
