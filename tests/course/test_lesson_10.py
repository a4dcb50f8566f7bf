"""Lesson 10: the faults of studies, the predictions, and the pictures. Exercises 1 and 2 have files of their own."""

from typing import Any

import pytest
from messages import says

from refquant.course.lesson_10 import figures, predictions
from refquant.course.lesson_10.checks import STUDIES, faults
from refquant.course.lesson_10.studies import FAULTS, Study
from refquant.study.claims import Rule, measured, sentences, verdict
from refquant.study.plots.style import png
from refquant.study.stats import Estimate

# ---------------------------------------------------------------------------------------------- exercise 3

ANSWERS: dict[str, str | None] = {"A": "no control", "B": "unpaired", "C": "not corrected", "D": "margin afterwards",
                                  "E": "absence of evidence", "F": "none", "G": "two things differ"}
MENDED = STUDIES["H"]._replace(second="strong PTQ W2A2", first_seeds=range(20), second_seeds=range(20),
                               second_epochs=90, corrected=True)


def test_each_study_has_the_fault_that_is_asked_for() -> None:
    has = {name: [fault for fault in FAULTS if FAULTS[fault].has(study)] for name, study in STUDIES.items()}
    assert {name: (found or ["none"]) for name, found in has.items() if name != "H"} == {
        name: [answer] for name, answer in ANSWERS.items()}
    assert has["H"] == ["one seed", "no control", "weak rival"]
    assert {fault for found in has.values() for fault in found} == set(FAULTS)


def test_apart_from_their_faults_the_conclusions_follow_from_the_rule() -> None:
    for name in "ABCDFG":
        s = STUDIES[name]
        lo, hi = s.interval
        rule = Rule("more", s.margin_reported, s.margin_reported)
        assert verdict(Estimate((lo + hi) / 2, (hi - lo) / 2, 20), rule) == s.concluded
    planned = STUDIES["D"].margin_planned
    assert verdict(Estimate(0.4, 0.35, 20), Rule("more", planned, planned)) == "small"


@pytest.mark.parametrize("name", list("ABCDEFG"))
@pytest.mark.parametrize("answer", [*FAULTS, "none"])
def test_wrong_fault(name: str, answer: str) -> None:
    message = faults({**ANSWERS, name: answer}, None)
    if answer == ANSWERS[name]:
        assert message == "Not answered yet: the faults are named; now mend H."
    else:
        assert message.startswith(f"Not yet: {name}: ") and message.endswith((".", "?"))
        assert (f"{answer!r} is not it: " in message) == (answer != "none")


@pytest.mark.parametrize(("answers", "mended", "said"), [
    (dict.fromkeys("ABCDEFG"), None, "Not answered yet: name the fault of each study, and mend H"),
    ({"A": "no control"}, None, "Not answered yet: what is wrong with B, C, D, E, F, G?"),
    (dict.fromkeys("ABCDEFG"), MENDED, "Not answered yet: what is wrong with A, B"),
    ({**ANSWERS, "B": "bad"}, None, "B: 'bad' is not on the list: one seed, unpaired, no control"),
    ({**ANSWERS, "C": "none"}, None, "C: something is wrong with it. Which images do the seeds share?"),
    ({**ANSWERS, "F": "weak rival"}, None, "F: 'weak rival' is not it: the best static A4 was not chosen to lose"),
    ({**ANSWERS, "D": "one seed"}, None, "D: 'one seed' is not it: each side has 20 seeds."),
    (ANSWERS, MENDED, "Right: one fault each, F is sound"),
    (ANSWERS, MENDED._replace(first_seeds=range(50), second_seeds=list(range(50))), "Right: "),
    (ANSWERS, MENDED._replace(first_epochs=60, second_epochs=60),
     "Right: one fault each, F is sound, and H compares like with like. Over 20 seeds and 90 epochs refquant found "),
    (ANSWERS, "strong PTQ", "mend H by checks.STUDIES"),
    (ANSWERS, STUDIES["F"], "H: keep its claim, its result and QAT W2A2"),
    (ANSWERS, MENDED._replace(second=None), "H: second must be the name of a rival; yours is None"),
    (ANSWERS, MENDED._replace(first_seeds=20), "H: first_seeds must be a list or a range of seeds; yours is 20"),
    (ANSWERS, MENDED._replace(interval=(1, 2)), "H: keep its claim, its result"),
    (ANSWERS, STUDIES["H"], "H still has a fault: one seed. How many seeds has each side?"),
    (ANSWERS, MENDED._replace(second_seeds=range(20, 40)), "H still has a fault: unpaired"),
    (ANSWERS, MENDED._replace(second_epochs=60), "H still has a fault: no control"),
    (ANSWERS, MENDED._replace(second_ranges="min-max"), "H still has a fault: two things differ. Have both"),
    (ANSWERS, MENDED._replace(second="naive PTQ W2A2"), "H still has a fault: weak rival"),
    (ANSWERS, MENDED._replace(corrected=False), "H still has a fault: not corrected"),
    (ANSWERS, MENDED._replace(margin_reported=0.1), "H still has a fault: margin afterwards"),
    (ANSWERS, MENDED._replace(concluded="null"), "H still has a fault: absence of evidence"),
    (ANSWERS, MENDED._replace(second="float32"), "the rival must be some PTQ W2A2"),
    (ANSWERS, MENDED._replace(second="strong PTQ W4A4"), "the rival must be some PTQ W2A2"),
])
def test_faults(answers: Any, mended: Any, said: str) -> None:
    message = faults(answers, mended)
    assert says(message, said)


def test_a_study_prints_in_words() -> None:
    text = str(STUDIES["H"])
    assert "seed 7" in text and "[no interval]" in text and "not corrected" in text
    assert "seeds 0 to 19" in str(Study("It is.", "a", "b")) and "[+0.60, +1.80]" in str(Study("It is.", "a", "b"))


# ---------------------------------------------------------------------------------------------- predictions

EVERYBODY = dict.fromkeys(predictions.CHOSEN, "confirmed")


def test_the_claims_to_predict_are_among_the_sentences_and_were_measured() -> None:
    assert len(EVERYBODY) == len(predictions.CHOSEN) >= 8
    assert set(EVERYBODY) <= {r.id for s in sentences() for r in s.readings} & {claim["id"] for claim in measured()}
    for id in EVERYBODY:
        assert predictions.find(id)[1].rule.kind in ("more", "size", "same") and id in predictions.claims()


def test_what_would_confirm_a_claim_is_asked_with_its_unit() -> None:
    asked = {id: predictions.question(predictions.find(id)[1]) for id in (*EVERYBODY, "ptq-few-images.8.A4")}
    assert asked["ptq-degrades.min-max.8"] == "at least 0.02 nats?"
    assert asked["ptq-few-images.8.A4"] == "the same within 0.01 nats?"
    assert asked["nf4-halves.weights"] == "at least 3.01 dB?"
    assert all(line.endswith("?") for line in predictions.claims().splitlines() if line.startswith("   "))


def test_predictions_are_scored() -> None:
    found = predictions.results()
    truth = {id: found[id]["verdict"] for id in EVERYBODY}
    assert all(line.startswith("✓ ") for line in predictions.score(truth).splitlines())
    id = next(id for id, word in truth.items() if word == "confirmed")
    assert predictions.score({id: "refuted"}).startswith("✗ confirmed")
    assert predictions.score({id: ...}) == predictions.score({id: None}) != predictions.score({id: " Refuted"})
    assert predictions.score({id: ...}).startswith("· confirmed")
    assert predictions.score({id: ["null"]}).startswith("Not yet: ['null'] is no verdict")
    assert predictions.score({"ptq": "null"}) == "Not yet: there is no claim 'ptq'."
    assert predictions.score({id: "sure"}).startswith("Not yet: 'sure' is no verdict")
    assert predictions.rows({id: ...})[0].guess == "·"


def test_rows_count_in_what_is_enough() -> None:
    found, drawn = predictions.results(), dict(zip(EVERYBODY, predictions.rows(EVERYBODY), strict=True))
    for id, row in drawn.items():
        effect, rule = found[id]["effect"], predictions.find(id)[1].rule
        enough = rule.same if rule.kind == "same" else rule.enough
        assert row.effect == pytest.approx(effect / enough)
        assert row.interval[0] <= row.effect <= row.interval[1]
        assert row.band == pytest.approx(rule.same / enough)
        assert row.guess[2:] == "confirmed" and ("(the same?)" in row.says) == (rule.kind == "same")


# ---------------------------------------------------------------------------------------------- pictures

@pytest.mark.slow
def test_pictures_are_drawn() -> None:
    e = {"a": Estimate(1.0, 0.5, 9), "b": Estimate(0.0, None, 1)}
    drawn = [figures.by_seed([1.0, 0.0, -1.0], 0.5, "points"), figures.pairs([1, 2], [2, 2], ("a", "b"), "points"),
             figures.worlds({"one": list(e.values()), "two": []}, 0.0, "points"), figures.intervals(e, 0.5),
             figures.intervals(e, 0.5, {"a": "confirmed", "b": "inconclusive"}),
             figures.predicted(predictions.rows(EVERYBODY))]
    for picture in drawn:
        assert png(picture, 20).startswith(b"\x89PNG")
