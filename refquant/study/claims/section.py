"""A sentence's section of the page: picture, text, table, caveat, command."""

from __future__ import annotations

import base64
from collections.abc import Collection
from html import escape
from typing import Any

from ..plots.svg import svg
from .cells import body, cell, figures, plus_minus, table, uncorrected, verdict, whole
from .figures import Picture, effects
from .report import BESIDE, Answer, Report
from .verdicts import Outcome, Reading, beside
from .words import READ

#: The records of `refquant compare --task text`, which are laid beside those of the experiments.
TEXT = "text"
#: What stands beside an effect in the table: the column's name, and its digits.
COLUMNS = {"accuracy": ("accuracy, points", 2), "cross_entropy": ("cross-entropy, nats", 3),
           "logit_sqnr_db": ("logit SQNR, dB", 2)}


def section(answer: Answer, found: Report) -> str:
    """All that the page says of one sentence."""
    s = answer.sentence
    names = dict.fromkeys(r.of or s.experiment for r, _ in answer.outcomes)
    sources = "; ".join(f'<a href="{escape(url)}">{escape(name)}</a>' for name, url in s.sources)
    return "\n".join([
        f'<section class="claim" id="{s.id}">', f"<h3>{escape(s.says)}</h3>",
        picture(effects(answer.outcomes, s.says)), f'<p class="text">{escape(s.text)}</p>',
        _table(answer, found),
        f'<div class="caveat"><h4>Does it transfer?</h4><p>{escape(s.caveat)} <span class="sources">({sources})</span>'
        "</p></div>",
        '<div class="command"><h4>To measure it again</h4>'
        f"<pre><code>{' '.join(whole(escape(word)) for word in command(found, names).split())}</code></pre>"
        '<p class="quiet up"><a href="#verdicts">Up to the verdicts</a></p></div>', "</section>"])


def command(found: Report, experiments: Collection[str]) -> str:
    """What to type, to measure with the page's settings."""
    seeds, quick = found.settings["seeds"], " --quick" * (found.settings["epochs"] < 60)
    names = [name for name in experiments if name != TEXT]
    text = (f"refquant compare --task text{quick} --seeds {min(seeds, 10)} --out text && "
            "mkdir -p claims/records && cp text/text.json claims/records/")
    return " && ".join([text] * (TEXT in experiments) + [
        f"refquant claims --only {' '.join(names)}{quick} --seeds {seeds}"] * (names != []))


def picture(drawn: Picture) -> str:
    """The figure, what it shows in words and numbers, what its intervals are."""
    width, height = (round(96 * inches) for inches in drawn.drawn.get_size_inches())
    data = base64.b64encode(svg(drawn.drawn).encode()).decode()
    return (f'<figure><img src="data:image/svg+xml;base64,{data}" width="{width}" height="{height}" '
            f'alt="{escape(drawn.alt)}"><figcaption>{escape(drawn.caption)}</figcaption></figure>')


def _table(answer: Answer, found: Report) -> str:
    """All readings: the primary ones, then the details."""
    shown = [value for value in BESIDE if any(_beside(found, answer, r, value) for r, _ in answer.outcomes)]
    head = [READ[0], "verdict", READ[1], "uncorrected", "seeds of that sign", "q",
            *(COLUMNS[value][0] for value in shown)]
    ordered = sorted(answer.outcomes, key=lambda at: not answer.sentence.primary(at[0]))
    rows = (_row(found, answer, r, o, shown) for r, o in ordered)
    return table("readings", "All that was compared", head, [body(rows)])


def _row(found: Report, answer: Answer, r: Reading, o: Outcome, shown: list[str]) -> list[str]:
    where, colon, what = r.says.partition(": ")
    says = f"<b>{escape(where)}</b>: {escape(what)}" if colon else escape(where)
    task = f"{r.task}, " if len({r.task for r, _ in answer.outcomes}) > 1 else ""
    q = f"{o.q:.2g}{', primary' * answer.sentence.primary(r)}"
    return [cell(task + says), cell(verdict(o.verdict, o.note)), cell(figures(r, o)),
            cell(uncorrected(r, o), "uncorrected"), cell(f"{o.agree} of {o.n}", "seeds of that sign"), cell(q, "q"),
            *(cell(_beside(found, answer, r, value), COLUMNS[value][0]) for value in shown)]


def _beside(found: Report, answer: Answer, r: Reading, value: str) -> Any:
    return plus_minus(beside(r, found.of(answer, r), value, found.overlap(r.task)), COLUMNS[value][1])
