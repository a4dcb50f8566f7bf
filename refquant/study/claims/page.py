"""claims.html: one page that loads nothing; the same records give the same bytes."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise

from ..plots.svg import theme
from .cells import Compared, by_comparison, cell, comparison, figures, head, verdict
from .claims_ptq import PTQ
from .claims_qat import QAT
from .claims_ranges import RANGES
from .claims_rest import REST
from .report import INTERVALS, MARGINS, MEANINGS, WORDS, Report, Told, made_with, seeds
from .section import command, section

GROUPS = {"Quantization after training (PTQ)": PTQ, "Training with quantization (QAT)": QAT,
          "Static and dynamic ranges": RANGES, "Weights and activations, scales, optimisers": REST}
FULL = {"seeds": 20, "epochs": 60}


def to_html(found: Report) -> str:
    """The verdicts on top, then a section for each sentence."""
    groups = {name: [t for t in found.told if t.sentence.id in {s.id for s in sentences}]
              for name, sentences in GROUPS.items()}
    return "\n".join([
        "<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>What people say of quantization, tested</title>", f"<style>{theme()}\n{_stylesheet()}</style>",
        "</head>", "<body>", *_header(found), "<main>", '<section id="verdicts">', "<h2>The verdicts</h2>",
        *_meanings(), *(_verdicts(name, told) for name, told in groups.items() if told), "</section>", *_how(found),
        *(line for name, told in groups.items() if told for line in (
            f"<h2>{escape(name)}</h2>", *(section(t, found) for t in told))),
        "</main>", "</body>", "</html>", ""])


def _stylesheet() -> str:
    return (files(__package__) / "claims.css").read_text(encoding="utf-8")


def _header(found: Report) -> Iterable[str]:
    sizes = found.settings["sizes"]
    parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    side = math.isqrt(sizes[0])
    yield "<header>"
    yield "<h1>What people say of quantization, tested</h1>"
    yield (f'<p class="lead">{len(found.told)} things that are said of quantizing neural networks, put to '
           "experiments that anyone can repeat: what holds, what does not, and on what it depends.</p>")
    yield (f"<p>All of it was measured on a toy: a network of {parameters:,} parameters that reads digits of {side} × "
           f"{side} pixels. That something happens, and why, may carry over; how much does not. Nothing here can be "
           "concluded of large language models and their outliers, of depthwise convolutions or batch normalization, "
           "of speed on hardware, or of how much of a training budget QAT should get. Each section says under “Does "
           "it transfer?” what others found, and where.</p>")
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
    told = {t.sentence.id for t in found.told}
    missing = [s for sentences in GROUPS.values() for s in sentences if s.id not in told]
    if missing:
        names = " ".join(dict.fromkeys(s.experiment for s in missing))
        said = "".join(f"<li>{escape(s.says)}</li>" for s in missing)
        yield (f'<div class="note"><strong>Not tested yet:</strong><ul>{said}</ul>'
               f"<code>{escape(command(found, names))}</code></div>")


def _meanings() -> Iterable[str]:
    yield '<dl class="meanings">'
    for word, meaning in MEANINGS.items():
        yield f"<dt>{verdict(word)}</dt><dd>{escape(meaning)}</dd>"
    yield "</dl>"


def _verdicts(name: str, told: Sequence[Told]) -> str:
    """A group's table: a sentence, what was compared, and a box for each place where it was."""
    return (f'<table class="verdicts" role="table"><caption>{escape(name)}</caption>\n'
            + head(("what people say", "what was compared", "verdict, effect [95 % interval]", "n")) + "\n"
            + "\n".join(map(_rows, told)) + "\n</table>")


def _rows(told: Told) -> str:
    groups = by_comparison(told, on_top=True)
    sentence = (f'<th scope="rowgroup" role="rowheader" rowspan="{len(groups)}"><a href="#{told.sentence.id}">'
                f"{escape(told.sentence.says)}</a></th>")
    return '<tbody role="rowgroup">' + "\n".join(
        f'<tr role="row">{"" if i else sentence}{cell(comparison(group[0]))}'
        + cell(f'<ul class="outcomes">{"".join(map(_box, group))}</ul>')
        + cell("–".join(map(str, sorted({c.outcome.n for c in group}))), "n =", "n") + "</tr>"
        for i, group in enumerate(groups)) + "</tbody>"


def _box(c: Compared) -> str:
    where = f'<span class="where">{escape(c.where)}</span>' if c.where else ""
    return f'<li class="{c.outcome.verdict}">{where}{verdict(c.outcome.verdict)}{figures(c)}</li>'


def _how(found: Report) -> Iterable[str]:
    yield '<section id="how">'
    yield "<h2>How it was measured</h2>"
    yield f"<p>{escape(seeds(found))}</p>"
    yield (f"<p>{escape(INTERVALS)} The uncorrected intervals, of the tables and pictures below, say what other seeds "
           f"on the same images would give. {escape(MARGINS)}</p>")
    yield (f"<p>{escape(WORDS)} In the tables below, lower cross-entropy is better; training on moves the logits, so "
           "that QAT's SQNR is no measure of harm; ± is half the corrected interval. Every number follows from the "
           'files in <a href="records/"><code>records/</code></a>, which lie beside this page. '
           "Each section has the command that measures it again; a folder that holds the records already keeps them, "
           f"so name another with <code>--out</code>. Made with {escape(made_with(found))}</p>")
    yield "</section>"
