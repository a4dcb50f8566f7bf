"""What the comparison shows: methods against bits, the quantized after training left, the trained with it right."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots.style import GREY, figure, level, styled
from ..records import Row
from ..stats import Estimate
from .methods import kind, line_style, partner

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Value = Callable[[Row], Estimate | None]
MANY = 7  # more lines than a legend inside a panel has room for


@styled
def accuracy_against_bits(rows: Sequence[Row]) -> Figure:
    """Test accuracy of each method, with its 95 % interval, at falling widths."""
    drawn, panels = _panels(rows, lambda row: row.accuracy, "Fewer bits: how many predictions are still right")
    for axes in panels:
        axes.axhline(10, color=GREY, linewidth=1, linestyle=":")
        axes.text(-0.35, 11, "guessing", color=GREY, fontsize=12, in_layout=False)
        _legend(axes, loc="lower left", bbox_to_anchor=(0, 0.13))
    panels[0].set(ylabel="test accuracy, %", ylim=(0, 103))
    return drawn


@styled
def cross_entropy_against_bits(rows: Sequence[Row]) -> Figure:
    """Test cross-entropy of each method, with its 95 % interval, at falling widths; it moves before accuracy does."""
    drawn, panels = _panels(rows, lambda row: row.cross_entropy, "Fewer bits: how wrong the probabilities are")
    panels[0].set(ylabel="test cross-entropy, nats (log scale)", yscale="log")
    panels[0].set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    for axes in panels:
        axes.axhline(np.log(10), color=GREY, linewidth=1, linestyle=":")
        axes.text(axes.get_xlim()[1], np.log(10), "guessing", color=GREY, fontsize=12, ha="right", va="bottom",
                  in_layout=False)
        _legend(axes, loc="upper left")
    return drawn


@styled
def sqnr_against_bits(rows: Sequence[Row]) -> Figure:
    """Signal-to-quantization-noise ratio of the logits, against the float network's, at falling widths."""
    drawn, panels = _panels(rows, lambda row: row.sqnr_db, "Fewer bits: how near the logits stay to the float ones")
    for axes in panels:
        axes.axhline(0, color=GREY, linewidth=1, linestyle=":")
        axes.text(-0.35, 0.5, "error as large as the logits", color=GREY, fontsize=12, in_layout=False)
        _legend(axes, loc="upper right")
    panels[0].set(ylabel="logit signal to noise (SQNR), dB\n(higher is nearer)")
    if any(kind(row.method) == "QAT" for row in rows):
        panels[-1].annotate("training on moves the logits,\nquantized or not (the grey line)", (0.03, 0.5),
                            xycoords="axes fraction",
                            color=GREY, fontsize=12, in_layout=False)
    return drawn


def _legend(axes: Axes, **options: Any) -> None:
    """A legend where anything has a name; below the panel if it is long."""
    names = len(axes.get_legend_handles_labels()[0])
    if names > MANY:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2, fontsize=12)
    elif names:
        axes.legend(**options)


def _panels(rows: Sequence[Row], value: Value, title: str) -> tuple[Figure, Any]:
    """PTQ left, QAT right, with the float networks in both; a kind without methods has no panel."""
    names = {"PTQ": "quantized after training (PTQ)",
             "QAT": "trained with quantization (QAT)\npale: PTQ on the same ranges"}
    by_kind = {each: [row for row in rows if kind(row.method) == each] for each in names}
    kinds = [each for each in names if by_kind[each]] or ["PTQ"]
    floats = len({row.method for row in rows if row.bits == 32})
    lines = floats + max(len({row.method for row in by_kind[each]}) for each in kinds)
    drawn, grid = figure(5.2 + 0.17 * lines * (lines > MANY), max(9, 2 + 5 * len(kinds)), ncols=len(kinds),
                         sharey=True, squeeze=False)
    bits, panels = sorted({row.bits for row in rows if row.bits < 32}, reverse=True), grid[0]
    n = max(row.accuracy.n for row in rows)
    for axes, each in zip(panels, kinds, strict=True):
        pairs = {partner(row.method) for row in by_kind[each]} if each == "QAT" else set()
        _lines(axes, [row for row in rows if row.method in pairs], bits, value, alpha=0.35, linewidth=4, label=None)
        _lines(axes, by_kind[each], bits, value)
        for row in rows:
            if row.bits == 32 and (row.method == "float" or each == "QAT") and (e := value(row)):
                level(axes, e, line_style(row.method))
        axes.set_xticks(range(len(bits)), [f"W{b}A{b}" for b in bits])
        axes.set(xlim=(-0.4, len(bits) - 0.6), title=names[each])
    drawn.suptitle(title, fontsize=17)
    spread = f"bars and bands: 95 % interval of the mean over {n} seeds" if n > 1 else "one seed"
    drawn.supxlabel(f"bits of weights (W) and activations (A); {spread}", fontsize=13)
    return drawn, panels


def _lines(axes: Axes, rows: Sequence[Row], bits: Sequence[int], value: Value, **style: Any) -> None:
    """One line with error bars per method, side by side so that no line hides another."""
    methods = list(dict.fromkeys(row.method for row in rows))
    for i, method in enumerate(methods):
        shift = min(0.06, 0.6 / len(methods)) * (i - (len(methods) - 1) / 2)
        points = [(bits.index(row.bits) + shift, e) for row in rows if row.method == method
                  if (e := value(row)) is not None]
        axes.errorbar([x for x, _ in points], [e.mean for _, e in points], [e.half_width or 0 for _, e in points],
                      capsize=4, **{**line_style(method), **style})
