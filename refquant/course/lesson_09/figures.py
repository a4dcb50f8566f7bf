"""What lesson 09 shows: one number in several engines, how often they differ, and where a prediction changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...study.plots.style import BLACK, BLUE, GREY, ORANGE, RED, SKY, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def code_table(columns: Sequence[str], rows: Mapping[str, Sequence[object]]) -> Figure:
    """What each row gives for each column; values that differ from the first row are coloured."""
    first = next(iter(rows.values()))
    drawn, axes = figure(0.42 * len(rows) + 0.85, 1.25 * len(columns) + 3)
    for i, (name, cells) in enumerate(rows.items()):
        for j, cell in enumerate(cells):
            other = cell != first[j]
            axes.text(j, i, str(cell), ha="center", va="center", color="white" if other else BLACK,
                      fontweight="bold" if other else "normal",
                      bbox={"boxstyle": "round,pad=0.25", "facecolor": RED if other else "white", "edgecolor": "none"})
        axes.text(-0.65, i, name, ha="right", va="center")
    axes.axhline(0.5, color=GREY, linewidth=1)
    axes.set(xlim=(-0.6, len(columns) - 0.4), ylim=(len(rows) - 0.5, -0.5), xticks=range(len(columns)), yticks=[])
    axes.set_xticklabels(columns)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=12)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return drawn


@styled
def how_often(counts: Mapping[str, Mapping[str, tuple[int, int]]]) -> Figure:
    """The share of codes that differ, for each kind of data, on a log scale.

    counts[data][engine] = (codes that differ, all codes).
    """
    drawn, axes = figure(0.9 * len(counts) + 1.2, 9.5)
    for i, each in enumerate(counts.values()):
        for k, ((what, (differ, made)), color) in enumerate(zip(each.items(), (ORANGE, BLUE), strict=False)):
            y = i + 0.36 * (k - 0.5)
            axes.barh(y, differ / made, height=0.33, color=color, label=what if i == 0 else None)
            text = f"{differ / made:.0%}" if differ > made / 100 else f"{differ:,} of {made:,}"
            axes.text(max(differ / made, 2e-7) * 1.15, y, text, va="center", fontsize=12)
    axes.set(xscale="log", xlim=(2e-7, 8), ylim=(len(counts) - 0.5, -0.5), yticks=range(len(counts)),
             xlabel="share of codes that are not ONNX Runtime's")
    axes.set_yticklabels(list(counts))
    axes.set_xticks([1e-6, 1e-4, 1e-2, 1], ["1e-6", "1e-4", "0.01", "1"])
    axes.grid(False, axis="y")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=12)
    return drawn


@styled
def by_layer(differ: Mapping[str, Mapping[str, float]]) -> Figure:
    """The share of codes, and of predictions, that are not R14's.

    differ[arithmetic][stage], in parts of 1.
    """
    drawn, axes = figure(4.2, 9)
    colors, marks = (SKY, GREY, RED, ORANGE), "osXv"
    stages = list(next(iter(differ.values())))
    for i, (name, shares) in enumerate(differ.items()):
        axes.plot(np.arange(len(stages)) + 0.12 * (i - (len(differ) - 1) / 2), 100 * np.array(list(shares.values())),
                  color=colors[i], marker=marks[i], markersize=10, linestyle="", label=name)
    axes.set(xticks=range(len(stages)), xlim=(-0.5, len(stages) - 0.5), ylabel="not as R14, %", ylim=(-0.06, None))
    axes.set_xticklabels(stages)
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=12)
    return drawn


@styled
def where_it_turns(image: ArrayLike, along: ArrayLike, leads: Mapping[str, ArrayLike], differ: ArrayLike,
                   digits: tuple[int, int]) -> Figure:
    """Left: an image for which two arithmetics give different predictions. Right: on the way from one digit to another,
    by how many codes the first digit's logit leads, and where the predictions differ."""
    drawn, (left, right) = figure(4.3, 10.5, ncols=2, width_ratios=(1, 2.2))
    left.imshow(np.reshape(image, (8, 8)), cmap="gray_r", vmin=0, vmax=1)
    left.set(xticks=[], yticks=[])
    left.grid(False)
    left.spines[["top", "right"]].set_visible(True)
    left.set_title(f"{digits[0]} or {digits[1]}?")
    t = np.asarray(along)
    for (name, lead), color, line in zip(leads.items(), (BLUE, RED), ("-", "--"), strict=True):
        right.step(t, np.asarray(lead), where="mid", color=color, linestyle=line, label=name)
    right.axhline(0, color=BLACK, linewidth=1)
    lo, hi = right.get_ylim()
    right.fill_between(t, lo, hi, where=np.asarray(differ, bool), step="mid", color=ORANGE, alpha=0.4, linewidth=0,
                       label="different predictions")
    right.set(ylim=(lo, hi), xlim=(t[0], t[-1]), xlabel=f"share of the second image, from {t[0]:.4f} to {t[-1]:.4f}",
              ylabel=f"logit of {digits[0]} minus that of {digits[1]}, codes")
    right.set_xticks([])
    right.yaxis.get_major_locator().set_params(integer=True)
    drawn.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=12)
    return drawn


@styled
def distinguished(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], most: int) -> Figure:
    """How many groups of conventions a number of probes distinguishes.

    curves[kind of probe] = (numbers of probes, numbers of groups).
    """
    drawn, axes = figure(4.4, 8.6)
    for (name, (probes, groups)), color, marker in zip(curves.items(), (RED, BLUE), "Xo", strict=False):
        axes.plot(probes, groups, color=color, marker=marker, label=name)
    axes.axhline(most, color=GREY, linestyle="--")
    axes.set(xscale="log", ylim=(0, most + 1.5), yticks=range(0, most + 1, 4), xlabel="probes",
             ylabel="groups distinguished")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=12)
    return drawn
