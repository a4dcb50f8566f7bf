"""What lesson 13 shows: what models write, what cures of outliers give back, what one token reads."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...study.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, RED, WINE, figure, look, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 62
CURES = {
    "static": look(RED, "o", "static"),
    "per token": look(BLUE, "s", "per token"),
    "rotated, per token": look(WINE, "X", "rotated, per token"),
    "E4M3, static": look(ORANGE, "D", "E4M3, static", markersize=13, markerfacecolor="white", zorder=1),
    "smoothed, static": look(GREEN, "^", "smoothed, static"),
}


@styled
def written(texts: Mapping[str, str]) -> Figure:
    """What each model wrote, its lines joined, below the model's name."""
    drawn, axes = figure(0.29 * sum(len(_lines(text)) + 1.5 for text in texts.values()))
    drawn.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.grid(False)
    axes.spines[:].set_visible(False)
    y = 0.0
    for name, text in texts.items():
        lines = _lines(text)
        axes.axhline(y + 0.2, color=GREY, linewidth=1)
        axes.text(0, y, name, color=BLUE, fontweight="bold", fontsize=14, va="top")
        axes.text(0, y - 0.9, "\n".join(lines), family="monospace", fontsize=14, linespacing=1.3, va="top",
                  parse_math=False)
        y -= len(lines) + 1.5
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(y, 0.2))
    return drawn


def _lines(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), COLUMNS)


@styled
def lost_by_outliers(found: Mapping[str, Mapping[int, float]]) -> Figure:
    """Bits per character that 8-bit inputs lose, against what two channels were multiplied by.

    found[cure][factor]
    """
    drawn, axes = figure(4.8)
    for name, by_factor in found.items():
        axes.plot(list(by_factor), list(by_factor.values()), **CURES[name])
    factors = list(next(iter(found.values())))
    axes.set_xscale("log")
    axes.set_xticks(factors, [f"{factor}" for factor in factors])
    axes.minorticks_off()
    axes.set(xlabel="two of 64 channels made so many times larger, the function unchanged",
             ylabel="bits per character lost")
    axes.legend(loc="upper left")
    return drawn


@styled
def read_for_one_token(parts: Mapping[str, tuple[float, float]]) -> Figure:
    """Gigabytes that one token reads: the weights, then the cache.

    parts[name] = (GB of weights, GB of the cache)
    """
    drawn, axes = figure(1.2 + 0.6 * len(parts))
    weights, cache = np.array(list(parts.values())).T
    rows = -np.arange(len(parts))
    axes.barh(rows, weights, color=BLUE, height=0.6, label="weights")
    axes.barh(rows, cache, left=weights, color=ORANGE, height=0.6, label="keys and values")
    for row, total in zip(rows, weights + cache, strict=True):
        axes.annotate(f" {total:.1f} GB", (total, row), va="center", color=BLACK)
    axes.set_yticks(rows, list(parts))
    axes.set(xlabel="GB read for one token, by arithmetic", xlim=(0, 1.15 * float(np.max(weights + cache))))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right")
    axes.spines["left"].set_color(GREY)
    return drawn
