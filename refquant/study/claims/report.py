"""What the records say, in words: claims.json, the Markdown table, the terminal's table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..stats import Estimate, q_values
from .advice import COLUMNS, Cell, Crossing, Gain, Point, advice, costs, crossings, name, spent
from .checks import executed
from .experiments import SEEDS, Observation
from .verdicts import FALSE_DISCOVERIES, METRICS, MORE, Outcome, Reading, Sentence, beside, ends, outcome

INTERVALS = (
    "An effect is the mean over seeds of a difference within each seed: above 0, the first of the two is better. "
    "Quality is cross-entropy on the test images (nats; on text bits per character), with accuracy beside it; where "
    "a sentence is about accuracy or decibels, points or dB. The 95 % interval is mean ± t s √(1/n + overlap), t of "
    "n − 1 degrees of freedom, s the standard deviation; overlap is test samples by training samples, for seeds "
    "share images (Nadeau and Bengio 2003).")
#: What verdict() decides, in words.
MEANINGS = {
    "confirmed": "the interval excludes 0 in the sentence's favour, and the mean is at least what is enough to matter.",
    "small": "the interval excludes 0, but the mean is less than what is enough: better, or worse, by less than "
             "matters.",
    "null": "the interval includes 0 and lies within the margin: the same, for all that matters.",
    "inconclusive": "anything else: the data do not decide. The number after it is the smallest effect that these "
                    "data could have told: half of the interval.",
    "refuted": "the interval excludes 0 the other way, and the mean is at least what is enough.",
}
MARGINS = (
    "The margin is 0.01 nats or bits, and 0.02 are enough to matter; 0.5 points and 1 dB are margin and enough. Half"
    " the error is 3.01 dB. A claim that two are the same is confirmed if the whole interval lies within the margin,"
    " refuted if it lies wholly outside, else inconclusive. After the interval stands whether all of it is larger "
    "than the margin (beyond the margin) or a part is smaller (reaches into the margin). Each sentence has one "
    "primary reading a task, named in advance: at 4 bits, with the first rival that its text names. All others are "
    f"details. A detail is called better or worse only if its q is at most {FALSE_DISCOVERIES}. This q is the "
    "two-sided p of no effect, corrected for the number of details (Benjamini and Hochberg). Primary readings are "
    "not corrected for their number: where nothing differs, one in twenty has a direction by chance.")
WORDS = (
    "PTQ is quantization after training, QAT training with quantization. Min-max PTQ: ranges from the smallest to "
    "the largest value, one for all weights of a layer. Least MSE: ranges of least mean square error, those of "
    "weights for each output channel. Strong PTQ: on these, AdaRound and corrected biases. QAT, unless it says "
    "straight-through: learned steps (LSQ), from these. W4A4: weights of 4 bits and activations of 4 bits; all "
    "layers, the first and the last too. SQNR: how many decibels the logits lie above their error, which is "
    "their difference from the float network's logits.")
BESIDE = ("accuracy", "cross_entropy", "logit_sqnr_db")


class Answer(NamedTuple):
    """What an experiment found about a sentence: the records, and the outcome of each reading."""

    sentence: Sentence
    records: Sequence[Observation]
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

    def advice(self) -> list[Cell]:
        """What to do, in each task."""
        return [cell for column in self.columns() for cell in advice(*column)]

    def crossings(self) -> list[Crossing]:
        """Where lines cross, in each task."""
        return [found for task, records, _ in self.columns() for found in crossings(task, records)]

    def costs(self) -> dict[str, dict[str, dict[str, Point]]]:
        """What equal quality costs, in each task."""
        return {task: costs(widths) for task, widths in spent(self.records).items()}


def report(sentences: Sequence[Sentence], records: Mapping[str, Sequence[Observation]], settings: Mapping[str, Any],
           versions: Mapping[str, str]) -> Report:
    """Every sentence whose experiment has records, with its outcomes; details share their false discoveries."""
    found = Report([], settings, versions, records)
    asked = [(s, r) for s in sentences for r in s.readings
             if s.experiment in records and (r.of or s.experiment) in records]

    def of(s: Sentence, r: Reading, q: float | None = None) -> Outcome:
        return outcome(r, records[r.of or s.experiment], found.overlap(r.task), q)

    details = [(s, r) for s, r in asked if not s.primary(r)]
    q = {r.id: value for (_, r), value in zip(details, q_values([of(*at).p for at in details]), strict=True)}
    for sentence in (s for s in sentences if s.experiment in records):
        found.answers.append(Answer(sentence, records[sentence.experiment], [
            (r, of(s, r, q.get(r.id))) for s, r in asked if s is sentence]))
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


def to_json(found: Report) -> str:
    """For each claim: id, task, sentence, reading, metric, effect, interval, n, verdict, what differs, records."""
    claims = [{
        "id": r.id, "task": r.task, "sentence": t.sentence.says, "primary": t.sentence.primary(r), "reading": r.says,
        "metric": r.value, "unit": METRICS[r.value].unit, "effect": _rounded(o.effect),
        "interval": _rounded(o.interval), "interval_uncorrected": _rounded(o.uncorrected), "n": o.n,
        "p": _rounded(o.p), "q": _rounded(o.q), "verdict": o.verdict, "note": o.note, "rule": r.rule._asdict(),
        "beside": {value: _estimate(beside(r, found.of(t, r), value, found.overlap(r.task))) for value in BESIDE
                   if value != r.value},
        "differ": list(r.differ), "records": f"records/{r.of or t.sentence.experiment}.json"}
        for t in found.answers for r, o in t.outcomes]
    checks = [{"says": says, "holds": holds, "figures": figures} for says, holds, figures in executed()]
    return json.dumps({
        "settings": dict(found.settings), "versions": dict(found.versions), "checks": checks,
        "advice": [{**c._asdict(), "loss": _estimate(c.loss), "cheaper": _gain(c.cheaper), "dearer": _gain(c.dearer)}
                   for c in found.advice()],
        "crossings": [c._asdict() for c in found.crossings()],
        "costs": {task: {width: {m: {"effort": p.effort, "seconds": p.at, COLUMNS[task].value: p.loss}
                                 for m, p in by.items()} for width, by in widths.items()}
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
        rows += [f"## {title}", "", _row(head), "|---" * len(head) + "|", *map(_row, lines), ""]
    head = "sentence", "task", "verdict", "primary reading, effect and 95 % interval"
    rows += ["## What people say", "", _row(head), "|---" * len(head) + "|"]
    rows += [_row((t.sentence.says, r.task, f"**{o.verdict}**", f"{r.says}: {effect(r, o)}; {o.note}".rstrip("; ")))
             for t in found.answers for r, o in t.outcomes if t.sentence.primary(r)]
    return "\n".join([*rows, "", foot(found), ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def tables(found: Report) -> dict[str, list[tuple[str, ...]]]:
    """Title -> the names of the columns, then the rows: what to do, crossing points, cost, checks."""
    cross = [(c.task, c.width, f"{name(c.first)}, then {name(c.second)}", (
        f"at about {c.at:,.0f} images (means; measured at {c.between[0]:,} and {c.between[1]:,})" if c.at and c.between
        else f"nowhere: {name(c.leads)} leads with all images")) for c in found.crossings()]
    cost = [(task, width, f"{name(m)}{'' if p.effort == '1' else f', effort {p.effort}'}", f"{p.at:.3g}",
             f"{p.loss:.3f} {COLUMNS[task].unit}") for task, widths in found.costs().items()
            for width, by in widths.items() for m, p in sorted(by.items(), key=lambda each: each[1].at)]
    known: dict[str, list[tuple[str, ...]]] = {
        "What should I do?": _advised(found),
        "Where the lines cross": [("task", "bits", "pair", "where the second becomes better"), *cross],
        "What equal quality costs": [("task", "bits", "cheapest ways within 0.02 of best", "seconds", "loss"), *cost],
        "So by definition or by counting": [("what is said", "is it so?", "executed once"), *(
            (says, "yes" if holds else "no", figures) for says, holds, figures in executed())]}
    return {title: rows for title, rows in known.items() if len(rows) > 1}


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
    gains = [f"over {name(gain.over)}, {price}, {_beyond(gain.effect)} ({gain.verdict})" for price, gain in
             (("cheaper", c.cheaper), ("dearer", c.dearer)) if gain]
    return f"{name(c.method)}: loses {_beyond(c.loss)} {unit}; gains {'; '.join(gains)}"


def _beyond(e: Estimate) -> str:
    return f"{round(e.mean, 3) + 0.0:+.3f}{'' if e.half_width is None else f' ± {e.half_width:.3f}'}"


def summary(found: Report) -> str:
    """How many sentences were measured, and with which verdicts."""
    verdicts = [o.verdict for t in found.answers for r, o in t.outcomes if t.sentence.primary(r)]
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in MEANINGS)
    details = sum(len(t.outcomes) for t in found.answers) - len(verdicts)
    return (
        f"People say many things about quantization. Here {len(found.answers)} sentences were tested. For each "
        f"sentence and task one primary reading, chosen in advance, decides, over paired seeds: {counted}. {details} "
        "further readings stand in claims.html and claims.json. Below the tables stands what each word means, and "
        "how it was measured. `refquant claims` runs all of it and writes this page, and claims.html with a picture "
        "for each sentence.")


def foot(found: Report) -> str:
    """How it was measured, as a list."""
    meanings = [f"{verdict}: {meaning}" for verdict, meaning in MEANINGS.items()]
    return "\n".join(f"- {part}" for part in [ADVICE, WORDS, seeds(found), INTERVALS, *meanings, MARGINS,
                                              made_with(found)])


ADVICE = (
    "What should I do: of the methods from the cheapest to the dearest (min-max, least MSE, GPTQ; on digits "
    "AdaRound, on text GPTQ with a range for each token, computed as it comes; QAT), the cheapest whose mean loss is"
    f" within {MORE.enough} nats of the least, on the same data; QAT has their labels. Then comes by how much it is "
    "worse than float, and by how much it is better than the best of the cheaper ones and the best of the dearer "
    "ones (below 0: the other one is better), with the verdict on each. Crossing points are of means, interpolated "
    "in the logarithm of the images. Cost is processor time in seconds: the least of three alternated rounds and of "
    "all seeds. It has no interval, because a clock's noise is no random sample. Each method is shown at its "
    "cheapest effort whose mean loss is within 0.02 nats of the best of all; on text, within 0.02 bits per "
    "character, made once a seed. That answers whether PTQ is faster than QAT, and by how much.")


def seeds(found: Report) -> str:
    """What was trained, on what, and how often."""
    s = found.settings
    fewer = ", ".join(f"{name}: {n}" for name, n in SEEDS.items() if n < s["seeds"] and "text" not in name)
    return (
        f"{s['seeds']} seeds{f' ({fewer})' if fewer else ''}: each is another split of the digits into "
        f"{s['training_images']:,} images to train and {s['test_images']:,} to test, and another initialisation, "
        f"shared by all that is compared. The network ({'-'.join(map(str, s['sizes']))}) is trained for "
        f"{s['epochs']} epochs in float and, unless a sentence is about just that, for {s['epochs'] // 2} more in "
        f"QAT; activations are calibrated on {s['calibration']} images.{_text(found)}")


def _text(found: Report) -> str:
    """The same of the text column, where it has records."""
    if "text" not in found.records:
        return " On text: not measured here, for `refquant compare --task text` has not laid its text.json in records/."
    n = len({r["seed"] for r in found.records["text"]})
    others = ", ".join(f"{name}: {min(SEEDS[name], found.settings['seeds'])}" for name in SEEDS if "text" in name)
    return (f" On text: {n} seeds ({others}), each holds out another tenth of Alice's Adventures in Wonderland; a "
            "small language model predicts the next character; QAT takes a fifth as many steps as float training.")


def made_with(found: Report) -> str:
    """Versions."""
    return ", ".join(f"{name} {version}" for name, version in found.versions.items()) + "."


def to_text(found: Report) -> str:
    """For a terminal: what to do, then each sentence with its primary readings."""
    lines = []
    for title, (_, *rows) in tables(found).items():
        lines += ["", title, *(f"  {'; '.join(row)}" for row in rows)]
    for t in found.answers:
        lines += ["", t.sentence.says, *(f"  {o.verdict:13} {r.says}: {effect(r, o)}" for r, o in t.outcomes
                                         if t.sentence.primary(r))]
    return "\n".join(lines[1:])
