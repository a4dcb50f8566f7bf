"""What the comparison shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..records import Row
from .style import BLACK, GREY, STYLES, figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def accuracy_against_bits(rows: Sequence[Row]) -> "Figure":
    """Test accuracy of each method, with its 95 % interval, at falling widths."""
    drawn, axes = figure()
    bits = _methods_against_bits(axes, rows, lambda row: row.accuracy)
    for row in (row for row in rows if row.method == "float"):
        mean, half = row.accuracy.mean, row.accuracy.half_width or 0
        axes.axhspan(mean - half, mean + half, color=BLACK, alpha=0.12, linewidth=0)
        axes.axhline(mean, zorder=1, **_line("float"))
    axes.axhline(10, color=GREY, linewidth=1, linestyle=":")
    axes.text(-0.35, 11, "guessing", color=GREY, fontsize=12)
    axes.set(ylabel="test accuracy, %", ylim=(0, 103), title="Fewer bits: what each method keeps")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.15))
    return _bits_axis(drawn, axes, bits, rows)


@styled
def sqnr_against_bits(rows: Sequence[Row]) -> "Figure":
    """Signal-to-quantization-noise ratio of the logits, against the float network's, at falling widths."""
    drawn, axes = figure()
    bits = _methods_against_bits(axes, rows, lambda row: row.sqnr_db)
    axes.axhline(0, color=GREY, linewidth=1, linestyle=":")
    axes.text(-0.35, 0.5, "error as large as the logits", color=GREY, fontsize=12)
    axes.set(ylabel="logit SQNR, dB", title="Fewer bits: how near the logits stay to the float network's")
    axes.legend(loc="upper right", title="QAT trains on: its logits move\neven where its accuracy does not",
                alignment="left")
    return _bits_axis(drawn, axes, bits, rows)


def _methods_against_bits(axes: "Axes", rows: Sequence[Row], value: Any) -> list[int]:
    """One line with error bars per method, side by side so that none hides another; the widths, falling."""
    bits = sorted({row.bits for row in rows if row.bits < 32}, reverse=True)
    methods = [method for method in dict.fromkeys(row.method for row in rows) if method != "float"]
    for i, method in enumerate(methods):
        chosen = [row for row in rows if row.method == method and value(row) is not None]
        x = [bits.index(row.bits) + 0.05 * (i - (len(methods) - 1) / 2) for row in chosen]
        axes.errorbar(x, [value(row).mean for row in chosen], [value(row).half_width or 0 for row in chosen],
                      capsize=4, **_line(method))
    return bits


def _line(method: str) -> dict[str, Any]:
    return STYLES.get(method, {"color": GREY, "label": method})


def _bits_axis(drawn: "Figure", axes: "Axes", bits: Sequence[int], rows: Sequence[Row]) -> "Figure":
    axes.set_xticks(range(len(bits)), [f"W{b}A{b}" for b in bits])
    n = max(row.accuracy.n for row in rows)
    axes.set(xlim=(-0.4, len(bits) - 0.6), xlabel="bits of weights (W) and activations (A)" + (
        f"; bars: 95 % interval over {n} seeds" if n > 1 else "; one seed"))
    return drawn
