"""A sentence's section of the page: picture, text, table, caveat, command."""

from __future__ import annotations

import base64
from html import escape

from ..plots.svg import svg
from .cells import Compared, by_comparison, cell, comparison, figures, head, plus_minus, uncorrected, verdict
from .report import Answer, Report
from .verdicts import beside

#: What stands beside accuracy in the table, and in which unit.
BESIDE = {"cross_entropy": "difference of cross-entropy, nats", "logit_sqnr_db": "difference of logit SQNR, dB"}


def section(answer: Answer, found: Report) -> str:
    """All that the page says of one sentence."""
    s, picture = answer.sentence, _picture(answer)
    sources = "; ".join(f'<a href="{escape(url)}">{escape(name)}</a>' for name, url in s.sources)
    return "\n".join([
        f'<section class="claim{"" if picture else " unseen"}" id="{s.id}">', f"<h3>{escape(s.says)}</h3>", picture,
        f'<p class="text">{escape(s.text)}</p>', _table(answer, found),
        f'<div class="caveat"><h4>Does it transfer?</h4><p>{escape(s.caveat)} <span class="sources">({sources})</span>'
        "</p></div>",
        '<div class="command"><h4>To measure it again</h4>'
        f"<pre><code>{' '.join(_whole(escape(word)) for word in command(found, s.experiment).split())}</code></pre>"
        '<p class="quiet up"><a href="#verdicts">Up to the verdicts</a></p></div>', "</section>"])


def command(found: Report, experiments: str) -> str:
    """What to type, to measure with the page's settings."""
    quick = " --quick" if found.settings["epochs"] < 60 else ""
    return f"refquant claims --only {experiments}{quick} --seeds {found.settings['seeds']}"


def _picture(answer: Answer) -> str:
    """The figure, what it shows in words and numbers, what its intervals are; empty if nothing was measured."""
    if all(o.effect is None for _, o in answer.outcomes):
        return ""
    drawn, alt, caption = answer.sentence.draw(answer.records, answer.outcomes)
    width, height = (round(96 * inches) for inches in drawn.get_size_inches())
    data = base64.b64encode(svg(drawn).encode()).decode()
    return (f'<figure><img src="data:image/svg+xml;base64,{data}" width="{width}" height="{height}" '
            f'alt="{escape(f"{answer.sentence.alt}. {alt}")}"><figcaption>{escape(caption)}</figcaption></figure>')


def _table(answer: Answer, found: Report) -> str:
    """All readings, those too that the table on top leaves out."""
    overlap = found.settings["test_images"] / found.settings["training_images"]
    groups = by_comparison(answer)
    extra = {value: {c.reading.id: other for group in groups for c in group
                     if (other := plus_minus(beside(c.reading, answer.records, value, overlap)))}
             for value in BESIDE}
    shown = {value: by_id for value, by_id in extra.items() if by_id}
    columns = ["where", "verdict", "effect [95 % interval]", "interval, uncorrected", "n", *(BESIDE[v] for v in shown)]
    bodies = [f'<tbody role="rowgroup"><tr role="row"><th scope="rowgroup" role="rowheader" colspan="{len(columns)}">'
              f"{comparison(group[0])}</th></tr>\n" + "\n".join(_row(c, shown) for c in group) + "</tbody>"
              for group in groups]
    return (f'<table class="readings" role="table"><caption>All that was compared</caption>\n{head(columns)}\n'
            + "\n".join(bodies) + "\n</table>")


def _row(c: Compared, shown: dict[str, dict[str, str]]) -> str:
    cells = [cell(c.where and f"<b>{escape(c.where)}</b>"), cell(verdict(c.outcome.verdict)), cell(figures(c)),
             cell(_whole(uncorrected(c)), "uncorrected"), cell(str(c.outcome.n), "n =", "n"),
             *(cell(_whole(by_id.get(c.reading.id, "")), BESIDE[value]) for value, by_id in shown.items())]
    return f'<tr role="row">{"".join(cells)}</tr>'


def _whole(text: str) -> str:
    """Text that is not broken into lines."""
    return text and f'<span class="whole">{text}</span>'
