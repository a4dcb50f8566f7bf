"""What lesson 10 shows: seeds, intervals, and verdicts beside what was predicted."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...study.plots.style import BLACK, BLUE, GREY, RED, VERDICTS, figure, styled
from ...study.stats import Estimate
from ..lesson_04.figures import paired_differences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["Prediction", "by_seed", "predicted", "intervals", "paired_differences", "pairs", "worlds"]


class Prediction(NamedTuple):
    """A claim beside its predicted verdict.

    The unit of effect, interval and band is the smallest effect that matters; band is the half-width of the band in
    which a difference does not matter.
    """

    says: str
    effect: float
    interval: tuple[float, float]
    band: float
    verdict: str
    guess: str


@styled
def by_seed(differences: ArrayLike, margin: float, ylabel: str) -> Figure:
    """A difference for each seed, coloured by its sign, over the band within which it does not matter."""
    values = np.asarray(differences)
    drawn, axes = figure(3.6, 8)
    axes.axhspan(-margin, margin, color=GREY, alpha=0.2, linewidth=0,
                 label=f"the difference is less than {margin:g}: too small to matter")
    axes.axhline(0, color=BLACK, linewidth=1)
    for i, value in enumerate(values):
        axes.plot([i, i], [0, value], color=BLUE if value > 0 else RED if value < 0 else BLACK, marker="o",
                  markevery=[1])
    axes.set(xticks=range(values.size), xlabel="seed", ylabel=ylabel)
    axes.grid(False, axis="x")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower right")
    return drawn


@styled
def pairs(first: ArrayLike, second: ArrayLike, names: tuple[str, str], ylabel: str) -> Figure:
    """The two scores of each seed, joined by a line; beside them their differences, to the same scale."""
    a, b = np.asarray(first), np.asarray(second)
    drawn, (left, right) = figure(4.4, 9, ncols=2, width_ratios=(3, 2))
    for one, two in zip(a, b, strict=True):
        left.plot([0, 1], [one, two], color=BLUE, marker="o", linewidth=1.5)
    left.set(xlim=(-0.3, 1.3), ylabel=ylabel)
    left.set_xticks([0, 1], names)
    left.set_title("a line for each seed", fontsize=14)
    right.plot(np.linspace(-0.35, 0.35, a.size), b - a, color=BLUE, marker="o", linestyle="")
    right.axhline(0, color=BLACK, linewidth=1)
    half = max(float(np.ptp(left.get_ylim())) / 2, 1.1 * float(np.abs(b - a).max()))
    right.set(xlim=(-0.7, 0.7), ylim=(-half, half), ylabel="points")
    right.set_xticks([0], [f"{names[1]} minus {names[0]}"])
    right.set_title("a dot for each seed", fontsize=14)
    for panel in (left, right):
        panel.grid(False, axis="x")
    return drawn


@styled
def worlds(panels: Mapping[str, Sequence[Estimate]], truth: float, xlabel: str) -> Figure:
    """An interval for each world; red intervals miss the truth.

    panels[title]: the estimates.
    """
    drawn, axes = figure(5.2, 11, ncols=len(panels), sharex=True, sharey=True, squeeze=False)
    for panel, (title, estimates) in zip(axes[0], panels.items(), strict=True):
        for i, (mean, half, _) in enumerate(estimates):
            misses = abs(mean - truth) > (half or 0)
            panel.plot([mean - (half or 0), mean + (half or 0)], [i, i], color=RED if misses else GREY,
                       linewidth=2.4 if misses else 1.6)
        panel.axvline(truth, color=BLACK, linewidth=1)
        panel.set(yticks=[], xlabel=xlabel)
        panel.grid(False)
        panel.set_title(title, fontsize=14)
    axes[0, 0].set_ylabel("worlds")
    axes[0, 0].plot([], [], color=GREY, label="holds the truth")
    axes[0, 0].plot([], [], color=RED, label="misses it")
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


@styled
def intervals(estimates: Mapping[str, Estimate], margin: float, verdicts: Mapping[str, str] | None = None) -> Figure:
    """Effects with their intervals over the margin; in the colours of their verdicts, if those are given."""
    drawn, axes = figure(1.4 + 0.42 * len(estimates), 8)
    axes.axvspan(-margin, margin, color=GREY, alpha=0.2, linewidth=0)
    axes.axvline(0, color=BLACK, linewidth=1)
    for i, (name, e) in enumerate(estimates.items()):
        style = {"color": BLACK, "marker": "o"} if verdicts is None else VERDICTS[verdicts[name]]
        axes.errorbar([e.mean], [-i], xerr=[e.half_width or 0.0], capsize=4, markersize=8, **style)
        if verdicts is not None:
            axes.annotate(verdicts[name], (1.01, -i), va="center", color=style["color"], fontweight="bold",
                          xycoords=("axes fraction", "data"))
    axes.set_yticks([-i for i in range(len(estimates))], list(estimates))
    axes.set(ylim=(0.6 - len(estimates), 0.6),
             xlabel=f"effect, points; grey: from minus to plus the margin, ± {margin:g}")
    axes.grid(False)
    return drawn


@styled
def predicted(claims: Sequence[Prediction]) -> Figure:
    """Each claim's effect with its interval, in units of the smallest effect that matters; verdict and prediction."""
    drawn, axes = figure(1.5 + 0.58 * len(claims), 10.5)
    axes.set_xscale("symlog", linthresh=1, linscale=0.8)
    reach = 1.4 * max(2.0, *(abs(x) for c in claims for x in (c.effect, *c.interval)))
    for i, claim in enumerate(claims):
        _claim(axes, claim, -i)
    for x, title in ((1.01, "measured"), (1.2, "predicted")):
        axes.annotate(title, (x, 0.72), va="bottom", fontsize=12, color=GREY, xycoords=axes.get_yaxis_transform())
    ticks = [t for t in (1, 3, 10, 30, 100, 300) if t < reach]
    axes.set_xticks([*(-t for t in ticks[::-1]), 0, *ticks])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set(xlim=(-reach, reach), ylim=(0.4 - len(claims), 0.75), yticks=[],
             xlabel="effect / smallest effect that matters")
    for x, side, words in ((0.0, "left", "← the second is better"), (1.0, "right", "the first is better →")):
        axes.annotate(words, (x, 0), xytext=(0, -36), textcoords="offset points", ha=side, va="top", fontsize=12,
                      xycoords="axes fraction")
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.fill_between([], [], [], color=GREY, alpha=0.25, linewidth=0, label="counts as no difference")
    drawn.legend(loc="outside lower center")
    return drawn


def _claim(axes: Axes, claim: Prediction, y: float) -> None:
    """One row: what is compared, the interval, and at the right the words."""
    style = VERDICTS[claim.verdict]
    axes.fill_between([-claim.band, claim.band], y - 0.22, y + 0.22, color=GREY, alpha=0.25, linewidth=0)
    axes.plot([0, 0], [y - 0.22, y + 0.22], color=BLACK, linewidth=1.2)
    axes.plot(claim.interval, [y, y], color=style["color"], marker="|")
    axes.plot([claim.effect], [y], linestyle="", markersize=9, **style)
    across = axes.get_yaxis_transform()
    axes.annotate(textwrap.shorten(claim.says, 120, placeholder=" ..."), (0, y + 0.24), va="bottom", fontsize=12,
                  xycoords=across)
    axes.annotate(claim.verdict, (1.01, y), va="center", fontsize=13, xycoords=across, color=style["color"],
                  fontweight="bold")
    axes.annotate(claim.guess, (1.2, y), va="center", fontsize=13, xycoords=across)
