"""What the comparison shows: methods against bits, the quantized after training left, the trained with it right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots.style import GREY, level, slide, styled
from ..records import Row, Width, label
from ..stats import Estimate
from .methods import kind, line_style, partner

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Value = Callable[[Row], Estimate | None]
MANY = 14  # more lines than a small picture has room for


@styled
def accuracy_against_bits(rows: Sequence[Row]) -> Figure:
    """Test accuracy of each method, with its 95 % interval, at falling widths."""
    drawn, panels = _panels(rows, lambda row: row.accuracy, "Fewer bits: how many predictions are still right")
    for axes in panels:
        _mark(axes, 10, "guessing")
    panels[0].set(ylabel="test accuracy, %", ylim=(0, 103))
    return drawn


@styled
def errors_against_bits(rows: Sequence[Row]) -> Figure:
    """Test errors, 100 % minus accuracy, on a log scale: it shows what happens where most predictions are right."""
    def errors(row: Row) -> Estimate:
        return row.accuracy._replace(mean=100 - row.accuracy.mean)

    drawn, panels = _panels(rows, errors, "Fewer bits: how many predictions are wrong")
    panels[0].set(ylabel="test errors, % (log scale)", yscale="log", ylim=(0.5, 120))
    panels[0].set_yticks([0.5, 1, 2, 5, 10, 20, 50, 100], ["0.5", "1", "2", "5", "10", "20", "50", "100"])
    for axes in panels:
        _mark(axes, 90, "guessing")
    return drawn


@styled
def cross_entropy_against_bits(rows: Sequence[Row]) -> Figure:
    """Test cross-entropy of each method, with its 95 % interval, at falling widths; it moves before accuracy does."""
    drawn, panels = _panels(rows, lambda row: row.cross_entropy, "Fewer bits: how wrong the probabilities are")
    panels[0].set(ylabel="test cross-entropy, nats (log scale)", yscale="log")
    panels[0].set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    for axes in panels:
        _mark(axes, np.log(10), "guessing")
    return drawn


@styled
def sqnr_against_bits(rows: Sequence[Row]) -> Figure:
    """Signal-to-quantization-noise ratio of the logits, against the float network's, at falling widths."""
    drawn, panels = _panels(rows, lambda row: row.sqnr_db, "Fewer bits: how near the logits stay to the float ones")
    for axes in panels:
        _mark(axes, 0, "error as large as the logits")
    panels[0].set(ylabel="logit signal to noise (SQNR), dB\n(higher is nearer)")
    if any(kind(row.method) == "QAT" for row in rows):
        panels[-1].annotate("training on moves the logits,\nquantized or not (the grey line)", (0.35, 0.85),
                            xycoords="axes fraction", color=GREY, fontsize=12, in_layout=False)
    return drawn


def _mark(axes: Axes, y: float, meaning: str) -> None:
    """A dotted level with its meaning above it, at 8 bits, where no curve comes near."""
    axes.axhline(y, color=GREY, linewidth=1, linestyle=":")
    axes.annotate(meaning, (0.02, y), (0, 3), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                  color=GREY, fontsize=12, va="bottom", in_layout=False)


def _panels(rows: Sequence[Row], value: Value, title: str) -> tuple[Figure, Any]:
    """PTQ left, QAT right, with the float networks in both; a kind without methods has no panel."""
    names = {"PTQ": "quantized after training (PTQ)",
             "QAT": "trained with quantization (QAT)\npale: PTQ on the same ranges"}
    by_kind = {each: [row for row in rows if kind(row.method) == each] for each in names}
    kinds = [each for each in names if by_kind[each]] or ["PTQ"]
    lines = len({row.method for row in rows})
    drawn, grid = slide(9 if lines > MANY else 6.75, ncols=len(kinds), sharey=True, squeeze=False)
    rows, panels = sorted(rows, key=lambda row: -row.bits), grid[0]
    widths = list(dict.fromkeys(row.width for row in rows if row.bits < 32))
    n = max(row.accuracy.n for row in rows)
    for axes, each in zip(panels, kinds, strict=True):
        pairs = {partner(row.method) for row in by_kind[each]} if each == "QAT" else set()
        _lines(axes, [row for row in rows if row.method in pairs], widths, value, alpha=0.35, linewidth=4, label=None)
        _lines(axes, by_kind[each], widths, value)
        for row in rows:
            if row.bits == 32 and (row.method == "float" or each == "QAT") and (e := value(row)):
                level(axes, e, line_style(row.method))
        axes.set_xticks(range(len(widths)), [label(width) for width in widths])
        axes.set(xlim=(-0.4, len(widths) - 0.6), title=names[each])
    drawn.suptitle(title, fontsize=17)
    spread = f"bars and bands: 95 % interval of the mean over {n} seeds" if n > 1 else "one seed"
    panels[-1].set_xlabel(spread)
    panels[0].set_xlabel("bits of weights (W), activations (A)" + (f"; {spread}" if len(panels) == 1 else ""))
    named = {label: handle for axes in panels
             for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    drawn.legend(list(named.values()), list(named), loc="outside lower center", ncols=4 if lines > MANY else 3,
                 fontsize=12)
    return drawn, panels


def _lines(axes: Axes, rows: Sequence[Row], widths: Sequence[Width], value: Value, **style: Any) -> None:
    """One line with error bars per method, side by side so that no line hides another."""
    methods = list(dict.fromkeys(row.method for row in rows))
    for i, method in enumerate(methods):
        shift = min(0.06, 0.6 / len(methods)) * (i - (len(methods) - 1) / 2)
        points = [(widths.index(row.width) + shift, e) for row in rows if row.method == method
                  if (e := value(row)) is not None]
        axes.errorbar([x for x, _ in points], [e.mean for _, e in points], [e.half_width or 0 for _, e in points],
                      capsize=4, **{**line_style(method), **style})
