"""What the page's tables are made of."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from ..stats import Estimate
from .report import Answer, effect, unit
from .verdicts import Outcome, Reading

UNITS = {"points": "percentage points", "dB": "dB", "factor": "ratio"}


class Compared(NamedTuple):
    """A reading taken apart: where it was tested ("W4A4"), of which comparison ("QAT minus naive PTQ")."""

    where: str
    what: str
    reading: Reading
    outcome: Outcome


def by_comparison(answer: Answer, on_top: bool = False) -> list[list[Compared]]:
    """The readings in groups that compare the same in several places; only those for the table on top, if asked."""
    groups: dict[tuple[str, str], list[Compared]] = {}
    for reading, outcome in answer.outcomes:
        if reading.on_top or not on_top:
            where, colon, what = reading.says.partition(": ")
            found = Compared(where, what, reading, outcome) if colon else Compared("", where, reading, outcome)
            groups.setdefault((found.what, unit(reading)), []).append(found)
    return list(groups.values())


def head(names: Iterable[str]) -> str:
    """The row of column names; roles are written out because narrow screens show tables as blocks."""
    cells = "".join(f'<th scope="col" role="columnheader"{" class=n" * (name == "n")}>{name}</th>' for name in names)
    return f'<thead role="rowgroup"><tr role="row">{cells}</tr></thead>'


def cell(content: str, label: str = "", kind: str = "") -> str:
    """A table's cell; its label is shown where the column's name is not."""
    more = f' data-label="{escape(label)}"' if label and content else ""
    return f'<td role="cell"{f" class={kind}" if kind else ""}{more}>{content}</td>'


def comparison(c: Compared) -> str:
    """What was compared, and in which unit."""
    unit_of = UNITS.get(unit(c.reading)) if c.outcome.n else ""
    unit_of = f"{unit_of}; confirmed if about the same" if unit_of and c.reading.rule.kind == "same" else unit_of
    return escape(c.what) + (f' <span class="quiet">{unit_of}</span>' if unit_of else "")


def verdict(word: str) -> str:
    """The word, with its sign and colour."""
    return f'<span class="verdict {word}">{word}</span>'


def figures(c: Compared) -> str:
    """The effect and its interval, without the unit."""
    mean, bracket, ends = minus(effect(c.reading, c.outcome).removesuffix(unit(c.reading))).strip().partition(" [")
    interval = f" <span>[{ends}</span>" if bracket else ""
    return f'<span class="figures"><b>{mean}</b>{interval}</span>'


def uncorrected(c: Compared) -> str:
    """The interval without the correction."""
    words = effect(c.reading, c.outcome._replace(interval=c.outcome.uncorrected)) if c.outcome.uncorrected else ""
    return minus("".join(words.partition("[")[1:]).removesuffix(unit(c.reading)).strip()) if "[" in words else ""


def plus_minus(e: Estimate | None) -> str:
    """A mean and its interval's half-width."""
    if e is None:
        return ""
    return minus(f"{round(e.mean, 2) + 0.0:+.2f}" + ("" if e.half_width is None else f" ± {e.half_width:.2f}"))


def minus(text: str) -> str:
    """Figures with the minus sign of print."""
    return text.replace("-", "−")
