"""Every figure, in one visual language: the same quantity in the same colour everywhere, safe for the colour-blind.

Colours are those of Okabe and Ito 2008. matplotlib is imported when a figure is drawn, not before.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from ..affine import AffineParams, dequantize, fake_quantize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .compare import Row

P = ParamSpec("P")

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
GREY = "#767676"

STYLES: dict[str, dict[str, Any]] = {
    "float": {"color": BLACK, "marker": "", "linestyle": "--", "label": "float32, not quantized"},
    "ptq-static-minmax": {"color": RED, "marker": "o", "label": "PTQ, static min-max"},
    "ptq-dynamic-row": {"color": BLUE, "marker": "s", "label": "PTQ, dynamic per row"},
    "qat-ste": {"color": GREEN, "marker": "^", "label": "QAT, straight-through"},
}


def styled(draw: Callable[P, "Figure"]) -> Callable[P, "Figure"]:
    """Draw in type large enough to be projected, on a quiet grid."""
    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> "Figure":
        from matplotlib import rc_context

        with rc_context({"font.size": 13, "axes.titlesize": 15, "axes.spines.top": False, "axes.spines.right": False,
                         "axes.grid": True, "grid.alpha": 0.3, "lines.linewidth": 2, "lines.markersize": 7,
                         "legend.frameon": False}):
            return draw(*args, **kwargs)
    return drawn


def figure(height: float = 4.8, **subplots: Any) -> tuple["Figure", Any]:
    """An empty figure, 8 inches wide, and its axes."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(8, height), layout="constrained")
    return drawn, drawn.subplots(**subplots)


def png(drawn: "Figure", dpi: int = 120) -> bytes:
    """The figure as a PNG file's bytes, the same for the same figure."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


@styled
def accuracy_against_bits(rows: Sequence["Row"]) -> "Figure":
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
def sqnr_against_bits(rows: Sequence["Row"]) -> "Figure":
    """Signal-to-quantization-noise ratio of the logits, against the float network's, at falling widths."""
    drawn, axes = figure()
    bits = _methods_against_bits(axes, rows, lambda row: row.sqnr_db)
    axes.axhline(0, color=GREY, linewidth=1, linestyle=":")
    axes.text(-0.35, 0.5, "error as large as the logits", color=GREY, fontsize=12)
    axes.set(ylabel="logit SQNR, dB", title="Fewer bits: how near the logits stay to the float network's")
    axes.legend(loc="upper right", title="QAT trains on: its logits move\neven where its accuracy does not",
                alignment="left")
    return _bits_axis(drawn, axes, bits, rows)


def _methods_against_bits(axes: "Axes", rows: Sequence["Row"], value: Any) -> list[int]:
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


def _bits_axis(drawn: "Figure", axes: "Axes", bits: Sequence[int], rows: Sequence["Row"]) -> "Figure":
    axes.set_xticks(range(len(bits)), [f"W{b}A{b}" for b in bits])
    n = max(row.accuracy.n for row in rows)
    axes.set(xlim=(-0.4, len(bits) - 0.6), xlabel="bits of weights (W) and activations (A)" + (
        f"; bars: 95 % interval over {n} seeds" if n > 1 else "; one seed"))
    return drawn


@styled
def staircase(params: AffineParams, lo: float, hi: float) -> "Figure":
    """x_hat against x with its codes, and below it the error x_hat - x, from lo to hi; params per tensor."""
    drawn, (above, below) = figure(6.4, nrows=2, sharex=True, height_ratios=(2, 1))
    x = np.linspace(lo, hi, 4001)
    x_hat = fake_quantize(x, params)
    above.plot(x, x, color=GREY, linestyle=":", label="x itself")
    above.plot(x, x_hat, color=BLUE, label="x_hat = scale * (q - zero_point)")
    codes = range(params.grid.qmin, params.grid.qmax + 1)
    for q in codes if len(codes) <= 16 else ():
        value = float(dequantize(q, params))
        above.annotate(str(q), (value, value), textcoords="offset points", xytext=(-9, 7), fontsize=11, color=BLUE)
    above.set(ylabel="x_hat, in reals", title=f"{len(codes)} codes: the staircase and its error")
    above.legend(loc="upper left")
    half = float(params.scale) / 2
    below.axhspan(-half, half, color=GREY, alpha=0.25, linewidth=0, label="half a step")
    below.plot(x, x_hat - x, color=RED)
    below.set(xlabel="x, in reals", ylabel="x_hat - x")
    below.legend(loc="upper right")
    return drawn


@styled
def number_lines(x: ArrayLike, lines: Mapping[str, AffineParams]) -> "Figure":
    """One number line per params: a tick for every real that has a code, the values x above, and where each goes."""
    drawn, axes = figure(0.6 + 1.7 * len(lines), nrows=len(lines), sharex=True, squeeze=False)
    reals = np.ravel(x)
    for line, (name, params) in zip(axes[:, 0], lines.items(), strict=True):
        codes = np.arange(params.grid.qmin, params.grid.qmax + 1)
        values, few = dequantize(codes, params), codes.size <= 16
        line.vlines(values, -0.25, 0.25, color=BLUE, linewidth=2 if few else 0.5)
        for q, value in zip(codes, values, strict=True) if few else ():
            line.annotate(str(q), (value, -0.25), textcoords="offset points", xytext=(0, -14), ha="center",
                          fontsize=12, color=BLUE)
        for value, value_hat in zip(reals, fake_quantize(reals, params), strict=True):
            line.plot([value, value_hat], [0.85, 0.25], color=RED, linewidth=1.2)
        line.plot(reals, np.full(reals.shape, 0.9), color=BLACK, marker="o", markersize=5, linestyle="")
        line.axhline(0, color=BLUE, linewidth=1)
        line.set(ylim=(-1.05 if few else -0.4, 1.15), yticks=[])
        line.set_title(name, fontsize=13, loc="left")
        line.grid(False)
        line.spines["left"].set_visible(False)
    axes[-1, 0].set_xlabel("reals. Ticks: those that have a code. Dots: x, and where each one goes")
    return drawn


@styled
def error_histogram(x: ArrayLike, params: AffineParams) -> "Figure":
    """How often each error (x_hat - x) / scale occurs over the values x, beside the flat density on half a step."""
    drawn, axes = figure(3.6)
    reals = np.asarray(x)
    errors = (fake_quantize(reals, params) - reals) / params.scale
    axes.hist(errors.ravel(), bins=40, density=True, color=SKY, edgecolor="white", linewidth=0.5, label="measured")
    axes.plot([-0.5, -0.5, 0.5, 0.5], [0, 1, 1, 0], color=RED, linestyle="--", label="flat from -1/2 to 1/2")
    axes.set(xlabel="error (x_hat - x) / scale, in steps", ylabel="density", ylim=(0, 1.45),
             title="How often each error occurs")
    axes.legend(loc="upper center", ncols=2)
    return drawn
