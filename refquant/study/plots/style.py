"""The visual language: the same quantity in the same colour everywhere, safe for the colour-blind.

Colours are those of Okabe and Ito 2008, and one of Tol 2021. matplotlib is imported when a figure is drawn, not before.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from ..stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
GREY = "#767676"
WINE = "#882255"  # of Tol's muted scheme
INDIGO = "#4B4BC8"  # lighter than his, so that it is not taken for wine


def look(color: str, marker: str, label: str, **more: Any) -> dict[str, Any]:
    """How a line is drawn; more: other options of matplotlib's plot."""
    return {"color": color, "marker": marker, "label": label, **more}


#: Clipping rules, by their names in refquant.clipping.CLIPPING_RULES. A rule without an entry here is grey.
RULE_STYLES: dict[str, dict[str, Any]] = {
    "minmax": look(RED, "o", "min-max"),
    "percentile": look(ORANGE, "v", "percentile 99.9"),
    "mse_optimal": look(PINK, "D", "least MSE", markerfacecolor="white"),
    "lp_optimal": look(PINK, "d", "least |error|³"),
    "entropy": look(GREEN, "X", "entropy"),
    "aciq_gaussian": look(WINE, "<", "ACIQ, Gaussian"),
    "aciq_laplace": look(WINE, ">", "ACIQ, Laplace"),
    "octav": look(BLACK, "p", "OCTAV"),
}
FIT_STYLES: dict[str, dict[str, Any]] = {
    "symmetric": look(ORANGE, "o", "symmetric"),
    "affine": look(BLUE, "s", "affine"),
}
VERDICTS: dict[str, dict[str, Any]] = {
    "confirmed": {"color": BLUE, "marker": "o"}, "small": {"color": SKY, "marker": "o", "markerfacecolor": "white"},
    "null": {"color": GREY, "marker": "s"},
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


def figure(height: float = 4.5, width: float = 8, **subplots: Any) -> tuple[Figure, Any]:
    """An empty figure, in inches, and its axes; by default 16:9. On screen it is 1,020 pixels wide."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), dpi=1020 / width, layout="constrained")
    return drawn, drawn.subplots(**subplots)


def slide(height: float = 6.75, **subplots: Any) -> tuple[Figure, Any]:
    """An empty figure of 16:9 and its axes. At 1080 lines a point is 15 / height pixels: text of 9 points on 9 inches
    is 15 pixels high."""
    return figure(height, height * 16 / 9, **subplots)


def rule_style(rule: str) -> dict[str, Any]:
    """The colour, marker and label of a clipping rule."""
    return RULE_STYLES.get(rule, look(GREY, "o", rule))


def level(axes: Axes, e: Estimate, style: dict[str, Any]) -> None:
    """What has no place on the x axis: a horizontal line, its interval as a band."""
    half = e.half_width or 0
    axes.axhspan(e.mean - half, e.mean + half, color=style["color"], alpha=0.12, linewidth=0)
    axes.axhline(e.mean, zorder=1, **style)


def png(drawn: Figure, dpi: int = 120, mark: str | None = None) -> bytes:
    """The figure as a PNG file's bytes, the same for the same figure; mark: its maker, in the file."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=dpi, metadata={"Software": mark}, pil_kwargs={"optimize": True})
    return buffer.getvalue()
