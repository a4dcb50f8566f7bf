"""Figures as SVG text: plain, or following the reader's light or dark mode. The same figure gives the same bytes."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from .style import BLACK, BLUE, GREY, INDIGO, RED, SKY, WINE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: name: colour on light, and on dark. Colours that are not here can be seen on both.
COLORS = {
    "ink": (BLACK, "#ECECEC"), "paper": ("#FFFFFF", "#16181C"), "grey": (GREY, "#A3A3A3"), "blue": (BLUE, "#2F8FD6"),
    "sky": (SKY, "#A6DCFF"), "wine": (WINE, "#D9679F"), "indigo": (INDIGO, "#A9A7F7"), "red": (RED, "#E06A10"),
}
FONTS = "DejaVu Sans,Verdana,Roboto,Helvetica,Arial,sans-serif"


def theme() -> str:
    """CSS: each colour as a variable, on light and on dark."""
    light, dark = ("".join(f"--{name}:{pair[i]};" for name, pair in COLORS.items()) for i in (0, 1))
    return (f":root{{color-scheme:light dark;{light}}}"
            f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}")


def plain(drawn: Figure, mark: str | None = None, fonttype: str = "path") -> str:
    """The figure for slides and papers: letters as paths, so that it needs no font. mark: its maker, in the file."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": fonttype, "svg.hashsalt": "refquant"}):
        drawn.savefig(buffer, format="svg", metadata={"Creator": mark, **dict.fromkeys(("Date", "Format", "Type"))})
    return buffer.getvalue()


def svg(drawn: Figure) -> str:
    """The figure, its text as text, its colours as variables of the theme."""
    text = plain(drawn, fonttype="none")
    body = re.sub(r"^.*?(?=<svg )|<metadata>.*?</metadata>|\n *", "", text, flags=re.DOTALL)
    body = re.sub(r"(\d+(?:\.\d+)?px) 'DejaVu Sans',[^;\"]*", rf"\1 {FONTS}", body)
    for name, (light, _) in COLORS.items():
        body = re.sub(light, f"var(--{name})", body, flags=re.IGNORECASE)
    return body.replace("<defs>", f"<style>{theme()}svg{{fill:var(--ink)}}</style><defs>", 1)
