"""What the records say, in words: claims.json, the Markdown table, the terminal's table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..stats import Estimate, q_values
from .advice import COLUMNS, Cell, Crossing, Gain, Point, advice, costs, crossings, name, spent
from .checks import executed
from .experiments import Observation
from .verdicts import METRICS, Outcome, Reading, Sentence, beside, ends, outcome
from .words import COST, CROSS, DO, MEANINGS, READ, SO, above, how, paragraphs

BESIDE = ("accuracy", "cross_entropy", "logit_sqnr_db")


class Answer(NamedTuple):
    """What was found about a sentence: the outcome of each reading."""

    sentence: Sentence
    outcomes: list[tuple[Reading, Outcome]]


class Report(NamedTuple):
    """All that a run says: with which settings and versions, of which splits."""

    answers: list[Answer]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    records: Mapping[str, Sequence[Observation]]

    def overlap(self, task: str) -> float:
        """Test samples per training sample of each split."""
        fixed = COLUMNS[task].overlap
        return self.settings["test_images"] / self.settings["training_images"] if fixed is None else fixed

    def of(self, answer: Answer, reading: Reading) -> Sequence[Observation]:
        """The records that a reading reads."""
        return self.records[reading.of or answer.sentence.experiment]

    def columns(self) -> Iterator[tuple[str, Sequence[Observation], float]]:
        """Each task that has records of all its methods."""
        for task, column in COLUMNS.items():
            if column.experiment in self.records:
                yield task, self.records[column.experiment], self.overlap(task)

    def primary(self) -> list[tuple[Sentence, Reading, Outcome]]:
        """What decides of each sentence and task."""
        return [(t.sentence, r, o) for t in self.answers for r, o in t.outcomes if t.sentence.primary(r)]

    def advice(self) -> list[Cell]:
        """What to do, in each task."""
        return [cell for column in self.columns() for cell in advice(*column)]

    def crossings(self) -> list[Crossing]:
        """Where lines cross, in each task."""
        return [found for column in self.columns() for found in crossings(*column)]

    def costs(self) -> dict[str, dict[str, dict[str, Point]]]:
        """What equal quality costs, in each task."""
        return {task: costs(widths) for task, widths in spent(self.records).items()}


def report(sentences: Sequence[Sentence], records: Mapping[str, Sequence[Observation]], settings: Mapping[str, Any],
           versions: Mapping[str, str]) -> Report:
    """Every sentence whose experiment has records, with its outcomes. Primary readings share their false discoveries,
    and details theirs; only those of details decide."""
    found, q = Report([], settings, versions, records), dict[str, float]()
    asked = [(s, r) for s in sentences for r in s.readings
             if s.experiment in records and (r.of or s.experiment) in records]

    def of(s: Sentence, r: Reading) -> Outcome:
        return outcome(r, records[r.of or s.experiment], found.overlap(r.task), None if s.primary(r) else q.get(r.id))

    for primary in (True, False):
        family = [(s, r) for s, r in asked if s.primary(r) == primary]
        values = q_values([of(*at).p for at in family])
        q |= {r.id: value for (_, r), value in zip(family, values, strict=True)}
    for sentence in (s for s in sentences if s.experiment in records):
        found.answers.append(Answer(sentence, [(r, of(s, r)._replace(q=q[r.id])) for s, r in asked if s is sentence]))
    return found


def effect(reading: Reading, found: Outcome) -> str:
    """The effect with its corrected interval, in words.

    >>> effect(Reading("id", "QAT against PTQ", {}, {}), Outcome(0.1, (0.05, 0.15), None, 20, 0.0, None, "", ""))
    '+0.100 [+0.050, +0.150] nats'
    """
    metric = METRICS[reading.value]
    form = "{:+.3f}" if metric.scale == -1 else "{:+.2f}"
    bracket = "" if found.interval is None else " [" + ", ".join(map(form.format, found.interval)) + "]"
    return f"{form.format(found.effect + 0.0)}{bracket} {metric.unit}"


def better(reading: Reading, found: Outcome) -> str:
    """The effect in words; the figures alone, where a reading is no comparison of two.

    >>> better(Reading("id", "QAT against PTQ", {}, {}), Outcome(-0.1, None, None, 20, 0.0, None, "", ""))
    'the first is worse, -0.100 nats'
    """
    if " against " not in reading.says:
        return effect(reading, found)
    return f"the first is {'worse' if found.effect < 0 else 'better'}, {effect(reading, found)}"


def to_json(found: Report) -> str:
    """For each claim: id, task, sentence, reading, metric, effect, interval, n, how many seeds have the effect's sign,
    verdict, what differs, records."""
    claims = [{
        "id": r.id, "task": r.task, "sentence": t.sentence.says, "primary": t.sentence.primary(r), "reading": r.says,
        "metric": r.value, "unit": METRICS[r.value].unit, "effect": _rounded(o.effect),
        "interval": _rounded(o.interval), "interval_uncorrected": _rounded(o.uncorrected), "n": o.n,
        "agree": o.agree,
        "p": _rounded(o.p), "q": _rounded(o.q), "verdict": o.verdict, "note": o.note, "rule": r.rule._asdict(),
        "beside": {value: _estimate(beside(r, found.of(t, r), value, found.overlap(r.task))) for value in BESIDE
                   if value != r.value},
        "differ": list(r.differ), "records": f"records/{r.of or t.sentence.experiment}.json"}
        for t in found.answers for r, o in t.outcomes]
    checks = [dict(zip(("says", "holds", "answer", "figures"), check, strict=True)) for check in executed()]
    return json.dumps({
        "settings": dict(found.settings), "versions": dict(found.versions), "checks": checks,
        "advice": [{**c._asdict(), "loss": _estimate(c.loss), "cheaper": _gain(c.cheaper), "dearer": _gain(c.dearer)}
                   for c in found.advice()],
        "crossings": [{**c._asdict(), "last": _estimate(c.last), "at": _rounded(c.at), "interval": _rounded(c.interval)}
                      for c in found.crossings()],
        "costs": {task: {width: {m: {**p._asdict(), "unit": COLUMNS[task].unit} for m, p in by.items()}
                         for width, by in widths.items()}
                  for task, widths in found.costs().items()},
        "claims": claims}, indent=1, allow_nan=False) + "\n"


def _estimate(e: Estimate | None) -> dict[str, Any] | None:
    return None if e is None else {"effect": _rounded(e.mean), "interval": _rounded(ends(e))}


def _gain(gain: Gain | None) -> dict[str, Any] | None:
    return gain and {"over": gain.over, **(_estimate(gain.effect) or {}), "verdict": gain.verdict}


def _rounded(x: Any) -> Any:
    """To ten digits: the last ones differ between processors."""
    return float(f"{x:.10g}") if isinstance(x, float) else x and [_rounded(part) for part in x]


def to_markdown(found: Report) -> str:
    """What to do, then a row for each sentence, then what is so by definition."""
    rows = ["# Which claims hold", "", summary(found), ""]
    for title, (head, *lines) in tables(found).items():
        words = [above()[title], ""] if title in above() else []
        rows += [f"## {title}", "", *words, _row(head), "|---" * len(head) + "|", *map(_row, lines), ""]
    head = "sentence", "task", "verdict", f"primary reading, {READ[0]}; 95 % interval"
    rows += ["## What people say", "", paragraphs()[0], "", _row(head), "|---" * len(head) + "|"]
    rows += [_row((s.says, r.task, f"**{o.verdict}**", f"{r.says}: {better(r, o)}; {o.note}".rstrip("; ")))
             for s, r, o in found.primary()]
    parts = [*how(found), *(f"{verdict}: {meaning}" for verdict, meaning in MEANINGS.items())]
    return "\n".join([*rows, "", *(f"- {part}" for part in parts), ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def tables(found: Report) -> dict[str, list[tuple[str, ...]]]:
    """Title -> the names of the columns, then the rows: what to do, crossing points, cost, checks."""
    cost = [(task, width, f"{name(m)}{'' if p.effort == '1' else f' (effort {p.effort})'}",
             f"{p.at:.3g} [{p.least:.3g}, {p.most:.3g}]", f"{p.loss:.3f} {COLUMNS[task].unit}",
             "yes" if p.near else "no") for task, widths in found.costs().items()
            for width, by in widths.items() for m, p in by.items()]
    known: dict[str, list[tuple[str, ...]]] = {
        DO: _advised(found), CROSS: _crossed(found.crossings()),
        COST: [("task", "bits", "method", "seconds: median [least, largest] of the seeds", "loss",
                "within 0.02 of the best?"), *cost],
        SO: [("what is said", "is it so?", "what was run once to check it"), *(
            (says, answer, figures) for says, _, answer, figures in executed())]}
    return {title: rows for title, rows in known.items() if len(rows) > 1}


def _crossed(found: Sequence[Crossing]) -> list[tuple[str, ...]]:
    """A row for each task and width, a column for each pair."""
    cells = {((c.task, c.width), (c.first, c.second)): _crossing(c) for c in found}
    rows, pairs = (list(dict.fromkeys(at[i] for at in cells)) for i in (0, 1))
    return [("task", "bits", *(f"“{name(second)}” is better than “{name(first)}” from" for first, second in pairs)),
            *((*row, *(cells.get((row, pair), "not measured") for pair in pairs)) for row in rows)]


def _crossing(c: Crossing) -> str:
    last = f"with all images it gains {_beyond(c.last)} {COLUMNS[c.task].unit}"
    if c.at is None or c.interval is None:
        return f"{'not known' if c.verdict in ('null', 'inconclusive') else 'nowhere'}: {last}"
    lo, hi = ("none" if end is None else f"{end:,.0f}" for end in c.interval)
    return f"about {c.at:,.0f} images ({lo} to {hi})"


def _advised(found: Report) -> list[tuple[str, ...]]:
    """A row for each task and width, a column for each amount of data that all widths have."""
    every = found.settings["training_images"]
    cells = {(c.task, c.width, "all" if c.images == every else c.images): c for c in found.advice()}
    rows = list(dict.fromkeys(at[:2] for at in cells))
    data = sorted({n for task, _, n in cells if all((*row, n) in cells for row in rows if row[0] == task)},
                  key=lambda n: (isinstance(n, str), n))
    heads = (f"{n} images" if n != "all" else f"all {every:,} images, or the training text" for n in data)
    return [("task", "bits", *heads), *(
        (*row, *(_advised_cell(cells[at]) if (at := (*row, n)) in cells else "not measured" for n in data))
        for row in rows)]


def _advised_cell(c: Cell) -> str:
    unit = COLUMNS[c.task].unit
    gains = [f"Against the best {price} one (“{name(gain.over)}”): {_beyond(gain.effect)}, {gain.verdict}."
             for price, gain in (("cheaper", c.cheaper), ("more expensive", c.dearer)) if gain]
    share = f" It is chosen in {c.chosen:.0%} of the draws.".replace("%", " %") * (c.chosen < 0.7)
    return f"“{name(c.method)}” loses {_beyond(c.loss)} {unit}.{share} {' '.join(gains)}"


def _beyond(e: Estimate) -> str:
    return f"{round(e.mean, 3) + 0.0:+.3f}{'' if e.half_width is None else f' ± {e.half_width:.3f}'}"


def summary(found: Report) -> str:
    """How many sentences were measured, and with which verdicts."""
    verdicts = [o.verdict for *_, o in found.primary()]
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in MEANINGS)
    details = sum(len(t.outcomes) for t in found.answers) - len(verdicts)
    return (
        f"People say many things about quantization. Here {len(found.answers)} sentences were tested, each on one or "
        f"two tasks: {len(verdicts)} tests. One measurement, the primary reading, decides each test: {counted}. "
        f"{details} further readings stand in claims.html and claims.json. The end of the page says what each word "
        "means and how it was measured. "
        "`refquant claims` runs all of it and writes this page, and claims.html with a picture for each sentence.")


def to_text(found: Report) -> str:
    """For a terminal: what to do, then each sentence with its primary readings."""
    lines = []
    for title, (_, *rows) in tables(found).items():
        lines += ["", title, *(f"  {'; '.join(row)}" for row in rows)]
    for s, r, o in found.primary():
        lines += [] if s.says in lines else ["", s.says]
        lines.append(f"  {o.verdict:13} {r.says}: {better(r, o)}")
    return "\n".join(lines[1:])
