"""How the page draws what is not a method of `refquant compare`: other networks, and variants of one method."""

from __future__ import annotations

from typing import Any

from ..compare import methods
from ..plots.style import BLUE, GREY, ORANGE, RED, SKY, WINE, look

STYLES: dict[str, dict[str, Any]] = {
    "ptq-static-percentile-99": look(ORANGE, "v", "static, percentile 99", markerfacecolor="white", linestyle=":"),
    "ptq-static-best": look(GREY, "D", "static, the best of those tested"),
    "qat-lsq-in-float": look(WINE, "*", "learned steps' weights in float", markersize=11, markerfacecolor="white",
                             linestyle="-."),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "weights": look(ORANGE, "v", "weights"),
    "activations": look(BLUE, "s", "activations"),
    "both": look(RED, "o", "both"),
    "labels": {**methods.line_style("qat-lsq"), "label": "by labels"},
    "teacher": look(SKY, "o", "by the float network's probabilities", linestyle="--"),
    "Adam": {**methods.line_style("qat-lsq"), "label": "Adam"},
    "SGD": look(SKY, "o", "SGD", linestyle="--"),
}


def line_style(name: str) -> dict[str, Any]:
    """The colour, marker and label of a network or a variant here, or of a method."""
    return STYLES.get(name) or VARIANTS.get(name) or methods.line_style(name)
