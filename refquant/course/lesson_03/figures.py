"""What lesson 03 shows: the two errors of a range, where rules end it, and what becomes of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...study.plots import style
from ...study.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: By the rule's label; the same styles as in `refquant compare`.
RULE_STYLES: dict[str, dict[str, Any]] = {
    **{look["label"]: look for look in style.RULE_STYLES.values()},
    "percentile 99": {"color": ORANGE, "marker": ">", "markerfacecolor": "white"},
    "percentile 95": {"color": ORANGE, "marker": "s", "markerfacecolor": "white"},
}


def rule_style(rule: str) -> dict[str, Any]:
    """The rule's colour, marker and name."""
    return {"color": GREY, "marker": "o", **RULE_STYLES.get(rule, {}), "label": rule}


@styled
def two_errors(clips: ArrayLike, granular: ArrayLike, overload: ArrayLike) -> Figure:
    """Both parts of the mean square error, and their sum with its minimum, against the clip; relative to mean(x**2)."""
    drawn, axes = figure(4.0, 7)
    c, inside, outside = (np.asarray(a, np.float64) for a in (clips, granular, overload))
    total = inside + outside
    axes.plot(c, inside, color=BLUE, linestyle="--", label="granular: all values, rounding")
    axes.plot(c, np.where(outside > 0, outside, np.nan), color=GREEN, linestyle="-.",
              label="overload: few values, clipping")
    axes.plot(c, total, color=BLACK, label="total")
    best = int(np.argmin(total))
    axes.plot(c[best], total[best], color=BLACK, marker="o", markersize=10)
    axes.annotate(f"least at {c[best]:.2f}", (c[best], total[best]), textcoords="offset points", xytext=(0, 16),
                  ha="center")
    axes.set(yscale="log", ylim=(total.min() / 30, total.max() * 1.5), xlabel="clip c, in standard deviations",
             ylabel="mean square error")
    axes.legend(loc="upper right")
    return drawn


@styled
def best_clips(clips: ArrayLike, totals: Mapping[int, ArrayLike]) -> Figure:
    """The mean square error against the clip, one curve for each number of bits, and the minima joined."""
    drawn, axes = figure(4.8, 7)
    c = np.asarray(clips, np.float64)
    least = []
    for bits, total in totals.items():
        y = np.asarray(total, np.float64)
        axes.plot(c, y, color=BLACK, linewidth=1.5)
        axes.annotate(f"{bits} bits", (c[-1], y[-1]), textcoords="offset points", xytext=(6, 0), va="center")
        least.append((c[np.argmin(y)], y.min()))
    axes.plot(*np.transpose(least), color=PINK, marker="D", linestyle=":", label="least")
    axes.set(yscale="log", xlabel="clip c, in standard deviations", ylabel="mean square error")
    axes.legend(loc="lower left")
    return drawn


@styled
def ranges_over_histogram(x: ArrayLike, ranges: Mapping[str, tuple[ArrayLike, ArrayLike]], unit: str = "reals",
                          bins: int = 120) -> Figure:
    """The histogram of x, counts on a logarithmic scale, and below it the range of each rule."""
    drawn, (above, below) = figure(2.6 + 0.36 * len(ranges), 7.5, nrows=2, sharex=True,
                                   height_ratios=(3, 0.75 * len(ranges)))
    above.hist(np.ravel(x), bins=bins, color=SKY, log=True)
    above.set_ylabel("values per bin")
    for i, (rule, (lo, hi)) in enumerate(ranges.items()):
        color = rule_style(rule)["color"]
        below.plot([float(np.ravel(lo)[0]), float(np.ravel(hi)[0])], [-i, -i], color=color, marker="|", markersize=14,
                   linewidth=4, solid_capstyle="butt")
    below.set_yticks([-i for i in range(len(ranges))], list(ranges))
    below.set_ylim(-len(ranges) + 0.4, 0.6)
    below.set_xlabel(unit)
    return drawn


@styled
def sqnr_of_rules(panels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """SQNR of each tensor under each rule: a line for each tensor, a mark for each rule.

    panels[title][tensor][rule] in dB.
    """
    tensors = list(next(iter(panels.values())))
    drawn, axes = figure(2.1 + 0.5 * len(tensors), 9, ncols=len(panels), sharey=True, squeeze=False)
    for panel, (title, values) in zip(axes[0], panels.items(), strict=True):
        rules = list(next(iter(values.values())))
        for k, rule in enumerate(rules):
            at = [-i + 0.26 - 0.52 * k / max(len(rules) - 1, 1) for i in range(len(tensors))]
            panel.plot([values[tensor][rule] for tensor in tensors], at, linestyle="", **rule_style(rule))
        panel.set(xlabel="SQNR, dB", ylim=(0.6 - len(tensors), 0.45))
        panel.set_title(title, fontsize=13)
    axes[0, 0].set_yticks([-i for i in range(len(tensors))], tensors)
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=12)
    return drawn


@styled
def image_rows(rows: Mapping[str, ArrayLike]) -> Figure:
    """Images of 8 x 8 pixels side by side, in rows.

    rows[name]: (n, 64) pixels from 0 to 1.
    """
    count = len(np.asarray(next(iter(rows.values()))))
    drawn, axes = figure(0.95 * len(rows), 8.5, nrows=len(rows), ncols=count, squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for panel, image in zip(line, np.asarray(images), strict=True):
            panel.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
            panel.grid(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=13)
    return drawn
