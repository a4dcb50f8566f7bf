"""Outliers in pictures: what is left of a layer's product and of its inputs, the larger two channels are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..plots.style import BLUE, GREY, INDIGO, ORANGE, RED, SKY, WINE, look, slide, styled
from ..stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: (cure, range) -> how its line is drawn: static in warm colours, per row in cold ones; the dash says the cure.
LINES: dict[tuple[str, str], dict[str, Any]] = {
    ("none", "static"): look(RED, "o", "static"),
    ("none", "per row"): look(BLUE, "s", "per row"),
    ("SmoothQuant", "static"): look(ORANGE, "o", "SmoothQuant, static", linestyle="--"),
    ("SmoothQuant", "per row"): look(SKY, "s", "SmoothQuant, per row", linestyle="--"),
    ("rotation", "static"): look(WINE, "o", "rotation, static", linestyle="-."),
    ("rotation", "per row"): look(INDIGO, "s", "rotation, per row", linestyle="-."),
}


@styled
def sqnr_against_size(found: Mapping[str, Mapping[tuple[str, int, str, str, int], Estimate]], bits: int) -> Figure:
    """A row of panels for each kind of inputs, a column for each measure in decibels; one line for each cure and
    range."""
    measures = {title: means for title, means in found.items() if title.endswith("dB")}
    kinds = list(dict.fromkeys(inputs for means in measures.values() for inputs, *_ in means))
    drawn, panels = slide(9, nrows=len(kinds), ncols=len(measures), sharex=True, sharey=True)
    for column, (title, means) in zip(panels.T, measures.items(), strict=True):
        column[0].set_title(title.removesuffix(", dB"), fontsize=15)
        sizes = list(dict.fromkeys(at[-1] for at in means))
        column[-1].set(xlabel="c: outliers are c times as large", xscale="log")
        column[-1].set_xticks(sizes, [f"{size:,}" for size in sizes])
        column[-1].set_xticks([], minor=True)
        for axes, inputs in zip(column, kinds, strict=True):
            axes.axhline(0, color=GREY, linewidth=1)
            for (cure, when), style in LINES.items():
                line = {at[-1]: e for at, e in means.items() if at[:-1] == (inputs, bits, cure, when)}
                axes.errorbar(list(line), [e.mean for e in line.values()], [e.half_width or 0 for e in line.values()],
                              **style)
    for axes, inputs in zip(panels[:, 0], kinds, strict=True):
        axes.set_ylabel(f"{inputs}\nSQNR, dB")
    drawn.suptitle(f"Two outlier channels, x and w in {bits} bits: signal to error (0 dB: equal)", fontsize=18)
    drawn.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=14)
    return drawn
