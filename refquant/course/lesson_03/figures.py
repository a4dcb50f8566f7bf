"""What lesson 03 shows: the two errors of a range, where rules end it, and what becomes of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...study.plots import style
from ...study.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, WINE, figure, styled
from ...study.stats import Estimate

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
        panel.set(xlabel="SQNR, dB")
        panel.set_title(title, fontsize=13)
    axes[0, 0].set_yticks([-i for i in range(len(tensors))], tensors)
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=12)
    return drawn


@styled
def noise_model(steps: ArrayLike, ratio: ArrayLike, correlation: ArrayLike) -> Figure:
    """The measured error over step**2 / 12, and its correlation with x, against the step in standard deviations."""
    drawn, axes = figure(3.5, 7)
    axes.axhline(1, color=GREY, linestyle=":", linewidth=1)
    axes.axhline(0, color=GREY, linestyle=":", linewidth=1)
    axes.plot(steps, ratio, color=BLACK, marker="o", label="mean square error / (step**2 / 12): model says 1")
    axes.plot(steps, correlation, color=RED, marker="s", linestyle="--",
              label="correlation of error and x: model says 0")
    axes.set(xlabel="step, in standard deviations", ylim=(-0.75, 1.55))
    axes.legend(loc="upper left")
    return drawn


@styled
def decibels_by_bits(curves: Mapping[str, Mapping[int, float]], law: Mapping[int, float]) -> Figure:
    """SQNR against the number of bits, beside the law: a colour for each rule, a marker for each density.

    curves["density, rule"][bits] and law[bits] in dB.
    """
    drawn, axes = figure(4.6, 7)
    axes.plot(list(law), list(law.values()), color=GREY, linewidth=6, alpha=0.4)
    axes.annotate("20 log10(codes)", (list(law)[2], list(law.values())[2]), textcoords="offset points", xytext=(-8, 10),
                  ha="right", color=GREY)
    markers: dict[str, str] = {}
    for name, curve in curves.items():
        density, rule = name.split(", ")
        style = {"marker": markers.setdefault(density, "^os"[len(markers) % 3]), "label": name}
        axes.plot(list(curve), list(curve.values()), **{**rule_style(rule), **style},
                  linestyle="--" if rule == "min-max" else "-")
    axes.set(xticks=list(law), xlabel="bits", ylabel="SQNR, dB")
    axes.legend(loc="lower right")
    return drawn


@styled
def modelled_and_true(panels: Mapping[int, tuple[ArrayLike, ArrayLike, ArrayLike]]) -> Figure:
    """The modelled and the true error against the clip, and the minimum of each.

    panels[bits] = clips, modelled errors, true errors.
    """
    drawn, axes = figure(3.8, 9, ncols=len(panels), sharey=True, squeeze=False)
    for panel, (bits, (clips, modelled, true)) in zip(axes[0], panels.items(), strict=True):
        c = np.asarray(clips)
        for y, color, line, marker, label in ((np.asarray(modelled), WINE, "--", "<", "ACIQ's model"),
                                              (np.asarray(true), BLACK, "-", "o", "the quantizer itself")):
            panel.plot(c, y, color=color, linestyle=line, label=label)
            panel.plot(c[np.argmin(y)], y.min(), color=color, marker=marker, markersize=10)
        panel.set(xlabel="clip a, in standard deviations", yscale="log")
        panel.set_title(f"{bits} bits", fontsize=13)
    axes[0, 0].set_ylabel("mean square error")
    axes[0, -1].legend(loc="upper right")
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


@styled
def accuracy_against_sqnr(panels: Mapping[str, Mapping[str, tuple[float, Estimate]]]) -> Figure:
    """Accuracy against SQNR, for each rule: points of accuracy minus float32, with their intervals.

    panels[title][rule] = the SQNR in dB of what the rule quantizes, the points.
    """
    drawn, axes = figure(4.2, 9, ncols=len(panels), sharey=True, squeeze=False)
    for panel, (title, points) in zip(axes[0], panels.items(), strict=True):
        for i, (rule, (db, e)) in enumerate(points.items()):
            style = {**rule_style(rule), "markersize": 14 - 8 * i / len(points)}  # what lies below sticks out
            panel.errorbar([db], [e.mean], yerr=[e.half_width or 0.0], capsize=4, linestyle="", **style)
        panel.axhline(0, color=GREY, linewidth=1)
        panel.set(xlabel="SQNR of hidden\nactivations, dB")
        panel.set_title(title, fontsize=13)
        panel.margins(x=0.12)
    axes[0, 0].set_ylabel("points of accuracy,\nminus float32")
    handles, names = axes[0, 0].get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside lower center", ncols=3, fontsize=12)
    return drawn
