"""What the records say, in words: claims.json, the Markdown table, the terminal's table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..stats import Estimate
from .experiments import Observation
from .verdicts import METRICS, Outcome, Reading, Sentence, beside, outcome

INTERVALS = (
    "An effect is the mean over seeds of a difference within each seed, in percentage points or dB, or of a ratio (×): "
    "above 0, or above × 1, it supports the sentence. Its 95 % interval is corrected for images that the seeds share "
    "(Nadeau and Bengio 2003), except for seconds and counts, which share nothing. One interval in twenty misses by "
    "chance: where much hangs on one, measure it again with other seeds.")
#: What verdict() decides, in words.
MEANINGS = {
    "confirmed": "the interval excludes “no effect”, and the mean effect is larger than the margin.",
    "null": "the interval lies within the margin: if there is a difference, it is too small to matter.",
    "inconclusive": "the interval leaves it open.",
    "refuted": "the opposite is confirmed; or there is an exception to a claim without exceptions.",
}
MARGINS = (
    "The margin is half a point of accuracy, 1 dB, or a factor of 1.1; “much” asks for a factor of 10, and is "
    "refuted by 2 the other way; “about as long” allows 2. A claim of equality is confirmed if the whole interval lies "
    "within the margin, and refuted if it lies outside.")
WORDS = (
    "PTQ is quantization after training, QAT training with quantization. Naive PTQ: ranges from the smallest to the "
    "largest value (min-max), one for all weights of a layer. Least MSE: ranges of least mean square error, those of "
    "weights for each output channel. Strong PTQ: on these, AdaRound and corrected biases. QAT, unless it says "
    "straight-through: learned steps (LSQ), from these. W4A4: weights of 4 bits and activations of 4 bits; all layers, "
    "the first and the last too. SQNR: how many decibels the logits lie above their distance from the float network's.")


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


def report(sentences: Sequence[Sentence], records: Mapping[str, Sequence[Observation]], settings: Mapping[str, Any],
           versions: Mapping[str, str]) -> Report:
    """Every sentence whose experiment has records, with its outcomes."""
    return Report([Answer(s, records[s.experiment], [
        (r, outcome(r, records[s.experiment], settings["test_images"] / settings["training_images"]))
        for r in s.readings]) for s in sentences if s.experiment in records], settings, versions)


def unit(reading: Reading) -> str:
    """The unit of the effect."""
    return "% of seeds" if reading.rule.kind in ("always", "never") else METRICS[reading.value].unit \
        if reading.value in METRICS else ""


def effect(reading: Reading, found: Outcome) -> str:
    """The effect with its corrected interval, in words.

    >>> reading = Reading("id", "QAT minus PTQ", "accuracy", {})
    >>> effect(reading, Outcome(1.99, (0.5, 3.48), None, 20, "confirmed"))
    '+1.99 [+0.50, +3.48] points'
    """
    if found.effect is None:
        return "not measured"
    if unit(reading) == "% of seeds":
        return f"held in {round(found.effect * found.n / 100)} of {found.n} seeds"
    if unit(reading) == "factor":
        ends = "" if found.interval is None else " [{:.3g}, {:.3g}]".format(*found.interval)
        return f"× {found.effect:.3g}{ends}"
    ends = "" if found.interval is None else " [{:+.2f}, {:+.2f}]".format(*found.interval)
    return f"{found.effect:+.2f}{ends} {unit(reading)}"


def to_json(found: Report) -> str:
    """For each claim: id, sentence, reading, metric, effect, interval, n, verdict, what differs, records."""
    overlap = found.settings["test_images"] / found.settings["training_images"]
    claims = [{
        "id": r.id, "sentence": t.sentence.says, "reading": r.says, "metric": r.value, "unit": unit(r),
        "effect": _rounded(o.effect), "interval": _rounded(o.interval),
        "interval_uncorrected": _rounded(o.uncorrected), "n": o.n, "verdict": o.verdict, "rule": r.rule._asdict(),
        "beside": {value: _estimate(beside(r, t.records, value, overlap))
                   for value in ("cross_entropy", "logit_sqnr_db") if r.value == "accuracy"},
        "differ": list(r.differ), "records": f"records/{t.sentence.experiment}.json"}
        for t in found.answers for r, o in t.outcomes if r.rule.kind != "unfair"]
    return json.dumps({"settings": dict(found.settings), "versions": dict(found.versions), "claims": claims}, indent=1,
                      allow_nan=False) + "\n"


def _estimate(e: Estimate | None) -> dict[str, Any] | None:
    ends = None if e is None or e.half_width is None else (e.mean - e.half_width, e.mean + e.half_width)
    return None if e is None else {"effect": _rounded(e.mean), "interval": _rounded(ends)}


def _rounded(x: Any) -> Any:
    """To ten digits: the last ones differ between processors."""
    return float(f"{x:.10g}") if isinstance(x, float) else x and [_rounded(part) for part in x]


def to_markdown(found: Report) -> str:
    """A summary and the verdict table: a row for each sentence, a line for each of its readings that belong on top."""
    rows = ["# Which claims hold", "", summary(found), "",
            "| what people say | verdicts, with what was compared, its effect and 95 % interval |", "|---|---|"]
    for t in found.answers:
        cells = [f"**{o.verdict}** {r.says}: {effect(r, o)}".replace("|", "\\|") for r, o in t.outcomes if r.on_top]
        rows.append(f"| {t.sentence.says} | {'<br>'.join(cells)} |")
    return "\n".join([*rows, "", foot(found), ""])


def summary(found: Report) -> str:
    """How many sentences were measured, and with which verdicts."""
    verdicts = [o.verdict for t in found.answers for r, o in t.outcomes if r.on_top]
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in MEANINGS)
    return (f"{len(found.answers)} sentences that people say about quantization, measured by {len(verdicts)} "
            f"comparisons over {found.settings['seeds']} paired seeds: {counted}. Below the table stands what each "
            "word means, and how it was measured. `refquant claims` runs all of it and writes this page, and "
            "claims.html with a picture for each sentence.")


def foot(found: Report) -> str:
    """How it was measured, in a paragraph."""
    meanings = (f"{verdict}: {meaning}" for verdict, meaning in MEANINGS.items())
    return " ".join([WORDS, seeds(found), INTERVALS, *meanings, MARGINS, made_with(found)])


def seeds(found: Report) -> str:
    """What was trained, on what, and how often."""
    s = found.settings
    return (
        f"{s['seeds']} seeds: each is another split of the digits into {s['training_images']:,} images to train and "
        f"{s['test_images']:,} to test, and another initialisation, shared by all that is compared. The network "
        f"({'-'.join(map(str, s['sizes']))}) is trained for {s['epochs']} epochs in float and, unless a sentence is "
        f"about just that, for {s['epochs'] // 2} more in QAT; activations are calibrated on {s['calibration']} "
        "images.")


def made_with(found: Report) -> str:
    """Versions."""
    return ", ".join(f"{name} {version}" for name, version in found.versions.items()) + "."


def to_text(found: Report) -> str:
    """For a terminal: sentence, then a line for each reading."""
    lines = []
    for t in found.answers:
        lines += ["", t.sentence.says, *(f"  {o.verdict:13} {r.says}: {effect(r, o)}" for r, o in t.outcomes
                                         if r.on_top)]
    return "\n".join(lines[1:])
