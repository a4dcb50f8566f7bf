"""How the page draws what is not a method of `refquant compare`: other networks, and variants of one method."""
from __future__ import annotations

from typing import Any

from ..compare import methods
from ..plots.style import BLUE, GREEN, GREY, INDIGO, ORANGE, RED, SKY, WINE

STYLES: dict[str, dict[str, Any]] = {
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
VARIANTS: dict[str, dict[str, Any]] = {
    "weights": {"color": ORANGE, "marker": "v", "label": "weights"},
    "activations": {"color": BLUE, "marker": "s", "label": "activations"},
    "both": {"color": RED, "marker": "o", "label": "both"},
    "labels": {**methods.line_style("qat-lsq"), "label": "by labels"},
    "teacher": {"color": SKY, "marker": "o", "linestyle": "--", "label": "by the float network's probabilities"},
    "Adam": {**methods.line_style("qat-lsq"), "label": "Adam"},
    "SGD": {"color": SKY, "marker": "o", "linestyle": "--", "label": "SGD"},
}


def line_style(name: str) -> dict[str, Any]:
    """The colour, marker and label of a network or a variant here, or of a method."""
    return STYLES.get(name) or VARIANTS.get(name) or methods.line_style(name)
