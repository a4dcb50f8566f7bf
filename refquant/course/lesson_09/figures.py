"""What lesson 09 shows: one number in several engines, how often they differ, and where a prediction changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...study.plots.style import BLACK, GREY, RED, figure, styled

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
