"""claims.html: one page that loads nothing; the same records give the same bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from itertools import pairwise

from ..plots.svg import theme
from . import CLAIMS, sentences
from .advice import points, spent
from .cells import body, cell, figures, table, verdict
from .figures import curves
from .report import Answer, Report, tables
from .section import TEXT, command, picture, section
from .words import COST, CROSS, MEANINGS, READ, above, how, paragraphs

FULL = {"seeds": 20, "epochs": 60}
QUALITY = {"digits": "cross-entropy, nats", "text": "bits per character"}
#: Title of a table -> what is drawn below it: along which axis, with which caption.
CURVES = {
    CROSS: ("images", "Means over seeds, of networks from the same images."),
    COST: ("seconds", "Means over seeds; seconds of the processor, the median. Along a "
                                 "line the effort grows: iterations of AdaRound, steps of QAT."),
}


def to_html(found: Report) -> str:
    """What to do and the verdicts on top, then a section for each sentence."""
    answers = {answer.sentence.id: answer for answer in found.answers}
    groups = {heading: [answers[s.id] for s in group if s.id in answers] for heading, group in CLAIMS.items()}
    return "\n".join([
        "<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>What people say of quantization, tested</title>", f"<style>{theme()}\n{_stylesheet()}</style>",
        "</head>", "<body>", *_header(found), "<main>", *_answers(found),
        '<section id="verdicts">', "<h2>The verdicts</h2>", *_meanings(), f"<p>{escape(paragraphs()[0])}</p>", *(
            _verdicts(heading, group) for heading, group in groups.items() if group), "</section>",
        *_how(found), *(line for heading, group in groups.items() if group for line in (
            f"<h2>{escape(heading)}</h2>", *(section(answer, found) for answer in group))),
        "</main>", "</body>", "</html>", ""])


def _stylesheet() -> str:
    return (files(__package__) / "claims.css").read_text(encoding="utf-8")


def _header(found: Report) -> Iterable[str]:
    sizes = found.settings["sizes"]
    parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    side = math.isqrt(sizes[0])
    yield "<header>"
    yield "<h1>What people say of quantization, tested</h1>"
    yield (f'<p class="lead">{len(found.answers)} things that are said of quantizing neural networks, put to '
           "experiments that anyone can repeat: what holds, what does not, and on what it depends.</p>")
    yield (f"<p>All of it was measured on toys: a network of {parameters:,} parameters for digits of {side} × {side} "
           "pixels, and a small language model of the characters of one book. That something happens, and why, may "
           "carry over; how much does not. Nothing here can be concluded of large language models and their outliers, "
           "of depthwise convolutions or batch normalization, of speed on hardware, or of how much of a training "
           "budget QAT should get. Each section says under “Does it transfer?” what others found, and where.</p>")
    yield from _notes(found)
    yield "</header>"


def _notes(found: Report) -> Iterable[str]:
    """A first look says that it is one; what was left out is named."""
    s = found.settings
    less = [f"{s[key]} {key[:-1] if s[key] == 1 else key} instead of {full}" for key, full in FULL.items()
            if s[key] < full]
    if less:
        yield (f'<p class="note"><strong>A first look, not a measurement:</strong> {" and ".join(less)}. Verdicts will '
               "change. In full: <code>refquant claims</code></p>")
    answered = {answer.sentence.id for answer in found.answers}
    missing = [s for s in sentences() if s.id not in answered]
    if missing:
        names = dict.fromkeys(s.experiment for s in missing if s.experiment != TEXT)
        listed = "".join(f"<li>{escape(s.says)}</li>" for s in missing)
        yield (f'<div class="note"><strong>Not tested yet:</strong><ul>{listed}</ul>'
               f"<code>{escape(command(found, names))}</code></div>" if names else "</div>")
    if TEXT not in found.records:
        yield (f'<p class="note"><strong>Most readings on text are missing.</strong> They come from: '
               f"<code>{escape(command(found, [TEXT]))}</code></p>")


def _meanings() -> Iterable[str]:
    yield '<dl class="meanings">'
    for word, meaning in MEANINGS.items():
        yield f"<dt>{verdict(word)}</dt><dd>{escape(meaning)}</dd>"
    yield "</dl>"


def _answers(found: Report) -> Iterable[str]:
    """What to do, where lines cross, what equal quality costs, and what is so by definition: a table each."""
    yield '<section id="answers">'
    for title, (head, *rows) in tables(found).items():
        yield f"<h2>{title}</h2>"
        yield from (f"<p>{escape(words)}</p>" for at, words in above().items() if at == title)
        yield table("answers", title, head, [body(
            [cell(re.sub("^“(.*?)”", r"<b>\1</b>", escape(text)), label) for text, label in zip(row, head, strict=True)]
            for row in rows)])
        if title in CURVES:
            along, caption = CURVES[title]
            by_task = spent(found.records) if along == "seconds" else {
                "digits": points(found.records["data-size"], along, along)}
            yield picture(curves({f"{task}, {width}: {QUALITY[task]}": methods for task, widths in by_task.items()
                                  for width, methods in widths.items()}, title, along, caption))
    yield "</section>"


def _verdicts(heading: str, answers: Iterable[Answer]) -> str:
    """A group's table: a row for each sentence and task, with its primary reading."""
    rows = [[f'<th scope="row" role="rowheader"><a href="#{t.sentence.id}">{escape(t.sentence.says)}</a></th>',
             cell(r.task, "task"), cell(verdict(o.verdict, o.note)), cell(escape(r.says), READ[0]),
             cell(figures(r, o), READ[1]), cell(str(o.n), "n", "n")]
            for t in answers for r, o in t.outcomes if t.sentence.primary(r)]
    head = "what people say", "task", "verdict", *READ, "n"
    return table("verdicts", heading, head, (body([row]) for row in rows))


def _how(found: Report) -> Iterable[str]:
    yield '<section id="how">'
    yield "<h2>How it was measured</h2>"
    yield from (f"<p>{escape(part)}</p>" for part in how(found))
    yield ("<p>In the tables below, uncorrected intervals take the seeds as if they shared no images; ± is half the "
           "corrected interval; training on moves the logits, so that QAT's SQNR is no measure of harm. Every number "
           'follows from the files in <a href="records/"><code>records/</code></a>, which lie beside this page. A '
           "folder that holds records keeps them: name another with <code class='whole'>--out</code>.</p>")
    yield "</section>"
