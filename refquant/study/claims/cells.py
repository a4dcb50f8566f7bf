"""What the page's tables are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..stats import Estimate
from .report import effect
from .verdicts import METRICS, Outcome, Reading


def table(kind: str, caption: str, head: Sequence[str], bodies: Iterable[str]) -> str:
    """A table with its caption and the names of its columns; roles are written out because narrow screens show tables
    as blocks."""
    cells = "".join(f'<th scope="col" role="columnheader"{" class=n" * (name == "n")}>{name}</th>' for name in head)
    return (f'<table class="{kind}" role="table"><caption>{escape(caption)}</caption>\n<thead role="rowgroup">'
            f'<tr role="row">{cells}</tr></thead>\n' + "\n".join(bodies) + "\n</table>")


def body(rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells that belong together."""
    inner = "\n".join(f'<tr role="row">{"".join(row)}</tr>' for row in rows)
    return f'<tbody role="rowgroup">{inner}</tbody>'


def cell(content: str, label: str = "", kind: str = "") -> str:
    """A table's cell; its label is shown where the column's name is not."""
    more = f' data-label="{escape(label)}"' if label and content else ""
    return f'<td role="cell"{f" class={kind}" if kind else ""}{more}>{content}</td>'


def verdict(word: str, note: str = "") -> str:
    """The word, with its sign and colour, and its note."""
    more = f' <span class="quiet">{escape(note)}</span>' if note else ""
    return f'<span class="verdict {word}">{word}</span>{more}'


def figures(r: Reading, o: Outcome) -> str:
    """The effect and its interval, with the unit."""
    mean, bracket, rest = minus(effect(r, o)).partition(" [")
    ends, _, unit = rest.partition("]")
    interval = f" <span>[{ends}]</span>" if bracket else ""
    return f'<span class="figures"><b>{mean}</b>{interval}{unit}</span>'


def uncorrected(r: Reading, o: Outcome) -> str:
    """The interval without the correction."""
    words = effect(r, o._replace(interval=o.uncorrected))
    return whole(minus("".join(words.partition("[")[1:]).removesuffix(METRICS[r.value].unit).strip())) * ("[" in words)


def plus_minus(e: Estimate | None, digits: int) -> str:
    """A mean and its interval's half-width."""
    if e is None:
        return ""
    half = "" if e.half_width is None else f" ± {e.half_width:.{digits}f}"
    return whole(minus(f"{round(e.mean, digits) + 0.0:+.{digits}f}{half}"))


def minus(text: str) -> str:
    """Figures with the minus sign of print."""
    return text.replace("-", "−")


def whole(text: str) -> str:
    """Text that is not broken into lines."""
    return text and f'<span class="whole">{text}</span>'
