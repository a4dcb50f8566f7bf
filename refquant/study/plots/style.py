"""The visual language: the same quantity in the same colour everywhere, safe for the colour-blind.

Colours are those of Okabe and Ito 2008, and one of Tol 2021. matplotlib is imported when a figure is drawn, not before.
"""
from __future__ import annotations

import io
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
GREY = "#767676"
WINE = "#882255"  # of Tol's muted scheme
INDIGO = "#4B4BC8"  # lighter than his, so that it is not taken for wine

STYLES: dict[str, dict[str, Any]] = {
    "float": {"color": BLACK, "marker": "", "linestyle": "--", "label": "float32"},
    "float-longer": {"color": GREY, "marker": "", "linestyle": "-.", "label": "float32, trained longer"},
    "ptq-static-minmax": {"color": RED, "marker": "o", "label": "static, min-max"},
    "ptq-static-percentile-99.9": {"color": ORANGE, "marker": "v", "label": "static, percentile 99.9"},
    "ptq-static-mse": {"color": PINK, "marker": "D", "label": "static, least MSE, per channel"},
    "ptq-dynamic-tensor": {"color": SKY, "marker": "P", "label": "dynamic, per batch"},
    "ptq-dynamic-row": {"color": BLUE, "marker": "s", "label": "dynamic, per image"},
    "ptq-static-mse-tensor": {"color": PINK, "marker": "D", "markerfacecolor": "white", "linestyle": "-",
                              "label": "static, least MSE, per tensor"},
    "ptq-static-l3": {"color": PINK, "marker": "d", "linestyle": ":", "label": "static, least |error|³"},
    "ptq-static-entropy": {"color": GREEN, "marker": "X", "label": "static, entropy"},
    "ptq-static-aciq-gaussian": {"color": WINE, "marker": "<", "label": "static, ACIQ, Gaussian"},
    "ptq-static-aciq-laplace": {"color": WINE, "marker": ">", "linestyle": ":", "label": "static, ACIQ, Laplace"},
    "ptq-static-octav": {"color": BLACK, "marker": "p", "label": "static, OCTAV"},
    "ptq-static-channel": {"color": RED, "marker": "o", "markerfacecolor": "white", "linestyle": "--",
                           "label": "static, min-max, per channel"},
    "ptq-static-block-16": {"color": RED, "marker": "h", "linestyle": ":", "label": "static, min-max, blocks of 16"},
    "qat-ste": {"color": GREEN, "marker": "^", "label": "straight-through, fine-tuned"},
    "qat-ste-scratch": {"color": GREEN, "marker": "^", "linestyle": ":", "markerfacecolor": "white",
                        "label": "straight-through, from scratch"},
    "qat-lsq": {"color": WINE, "marker": "*", "markersize": 11, "label": "learned steps (LSQ)"},
    "ptq-static-cle": {"color": RED, "marker": "<", "linestyle": "-.", "label": "static, min-max, equalized (CLE)"},
    "ptq-static-bias-correction": {"color": ORANGE, "marker": "8", "linestyle": "-.",
                                   "label": "static, biases corrected"},
    "ptq-static-adaround": {"color": INDIGO, "marker": "s", "label": "static, AdaRound"},
    "ptq-static-percentile-99": {"color": ORANGE, "marker": "v", "markerfacecolor": "white", "linestyle": ":",
                                 "label": "static, percentile 99"},
    "ptq-static-best": {"color": GREY, "marker": "D", "label": "static, the best of those tested"},
    "longer-ptq-static-minmax": {"color": RED, "marker": "o", "markerfacecolor": "white", "linestyle": "-.",
                                 "label": "static, min-max, after longer training"},
    "longer-ptq-static-adaround": {"color": INDIGO, "marker": "s", "markerfacecolor": "white", "linestyle": "-.",
                                   "label": "static, AdaRound, after longer training"},
    "qat-ste-in-float": {"color": GREEN, "marker": "^", "markerfacecolor": "white", "linestyle": "-.",
                         "label": "straight-through's weights in float"},
    "qat-lsq-in-float": {"color": WINE, "marker": "*", "markersize": 11, "markerfacecolor": "white", "linestyle": "-.",
                         "label": "learned steps' weights in float"},
}
#: What the same method differs by.
VARIANTS: dict[str, dict[str, Any]] = {
    "weights": {"color": ORANGE, "marker": "v", "label": "weights"},
    "activations": {"color": BLUE, "marker": "s", "label": "activations"},
    "both": {"color": RED, "marker": "o", "label": "both"},
    "labels": {**STYLES["qat-lsq"], "label": "by labels"},
    "teacher": {"color": SKY, "marker": "o", "linestyle": "--", "label": "by the float network's opinions"},
    "Adam": {**STYLES["qat-lsq"], "label": "Adam"},
    "SGD": {"color": SKY, "marker": "o", "linestyle": "--", "label": "SGD"},
}
VERDICTS: dict[str, dict[str, Any]] = {
    "confirmed": {"color": BLUE, "marker": "o"}, "null": {"color": GREY, "marker": "s"},
    "inconclusive": {"color": GREY, "marker": "D", "markerfacecolor": "white"},
    "refuted": {"color": RED, "marker": "v"},
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in type large enough to be projected, on a quiet grid."""
    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        from matplotlib import rc_context

        with rc_context({"font.size": 13, "axes.titlesize": 15, "axes.spines.top": False, "axes.spines.right": False,
                         "axes.grid": True, "grid.alpha": 0.3, "lines.linewidth": 2, "lines.markersize": 7,
                         "legend.frameon": False}):
            return draw(*args, **kwargs)
    return drawn


def figure(height: float = 4.8, width: float = 8, **subplots: Any) -> tuple[Figure, Any]:
    """An empty figure, in inches, and its axes."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    return drawn, drawn.subplots(**subplots)


def line_style(method: str) -> dict[str, Any]:
    """The colour, marker and name of a method, or of a variant."""
    return STYLES.get(method) or VARIANTS.get(method, {"color": GREY, "label": method})


def png(drawn: Figure, dpi: int = 120) -> bytes:
    """The figure as a PNG file's bytes, the same for the same figure."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return buffer.getvalue()
