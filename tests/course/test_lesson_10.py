"""The checks of lesson 10 tell every kind of wrong answer from every other, and pass the right one."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from refquant.course.lesson_10 import checks, figures, predictions
from refquant.course.lesson_10.checks import FAULTS, STUDIES, Study, decided, faults, paired
from refquant.study.claims import Rule, measured, sentences, verdict
from refquant.study.plots.style import png
from refquant.study.stats import Estimate, estimate, t_quantile


def starts_rightly(message: str, said: str) -> bool:
    return message.startswith(said[:5] if said.startswith(("Right", "Not ")) else "Not yet: ")


# ---------------------------------------------------------------------------------------------- exercise 1

def shared(first: Any, second: Any) -> list[int]:
    return [seed for seed in first if seed in second]


def differences(first: Any, second: Any) -> Any:
    return 100 * np.array([first[seed] - second[seed] for seed in shared(first, second)])


def half(d: Any, overlap: float, ddof: int = 1) -> float:
    return float(t_quantile(len(d) - 1) * d.std(ddof=ddof) * math.sqrt(1 / len(d) + overlap))


def right(first: Any, second: Any, overlap: float) -> Any:
    d = differences(first, second)
    return d.mean(), half(d, overlap)


def with_mean(effect: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda first, second, overlap: (effect(first, second), right(first, second, overlap)[1])


def with_half(width: Callable[[Any, float], Any]) -> Callable[..., Any]:
    def yours(first: Any, second: Any, overlap: float) -> Any:
        d = differences(first, second)
        return d.mean(), width(d, overlap)
    return yours


def by_place(first: Any, second: Any, overlap: float) -> Any:
    d = 100 * np.array([a - b for a, b in zip(first.values(), second.values(), strict=False)])
    return d.mean(), half(d, overlap)


def place_effect(first: Any, second: Any) -> Any:
    return by_place(first, second, 0.0)[0]


def unpaired_half(first: Any, second: Any, overlap: float) -> Any:
    a, b = (100 * np.array([side[seed] for seed in shared(first, second)]) for side in (first, second))
    d = a - b
    return d.mean(), t_quantile(len(d) - 1) * math.sqrt((a.var(ddof=1) + b.var(ddof=1)) * (1 / len(d) + overlap))


WRONG_EFFECTS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: your function returns None"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
    "missing": (lambda a, b, _: (np.mean([a[s] - b[s] for s in a]), 0), "the effect is 0.02 points; it should be 1.75"),
    "key": (lambda a, b, o: (100 * np.mean([a[s] - b[s] for s in a]), right(a, b, o)[1]), "KeyError: 3. Some seeds"),
    "one": (lambda *a: right(*a)[0], "return two numbers"),
    "array": (lambda a, b, _: (differences(a, b), 1.0), "return two numbers"),
    "sign": (with_mean(lambda a, b: -differences(a, b).mean()), "You subtracted the first from the second"),
    "share": (with_mean(lambda a, b: differences(a, b).mean() / 100), "That is a share; points are hundredths"),
    "zero": (with_mean(lambda a, b: 100 * np.mean([a.get(s, 0) - b.get(s, 0) for s in {*a, *b}])),
             "A seed that only one side has is no pair"),
    "means": (with_mean(lambda a, b: 100 * (np.mean([*a.values()]) - np.mean([*b.values()]))),
              "difference of two means over different seeds"),
    "place": (with_mean(place_effect), "different orders; pair by seed, not by place"),
    "size": (with_mean(lambda a, b: np.abs(differences(a, b)).mean()), "You took the sizes"),
    "median": (with_mean(lambda a, b: np.median(differences(a, b))), "That is the median"),
    "relative": (with_mean(lambda a, b: np.mean([100 * (a[s] / b[s] - 1) for s in shared(a, b)])), "That is relative"),
    "other": (with_mean(lambda *_: 7.0), "Subtract within each seed"),
    "plain": (with_half(lambda d, _: half(d, 0.0)), "add the overlap to 1/n"),
    "ddof": (with_half(lambda d, o: half(d, o, ddof=0)), "s divides by n - 1"),
    "df": (with_half(lambda d, o: half(d, o) * t_quantile(len(d)) / t_quantile(len(d) - 1)), "n - 1 degrees of fr"),
    "no t": (with_half(lambda d, o: half(d, o) / t_quantile(len(d) - 1)), "t is missing"),
    "1.96": (with_half(lambda d, o: 1.96 * half(d, o) / t_quantile(len(d) - 1)), "1.96 is t for endlessly many"),
    "no root": (with_half(lambda d, o: half(d, o) * math.sqrt(1 / len(d) + o)), "The root is missing"),
    "outside": (with_half(lambda d, o: half(d, 0.0) * (1 + o * math.sqrt(len(d)))), "The overlap belongs under the ro"),
    "squared": (with_half(lambda d, o: half(d, o) * d.std(ddof=1)), "That is s squared"),
    "half share": (with_half(lambda d, o: half(d, o) / 100), "That is a share; points are hundredths"),
    "whole": (with_half(lambda d, o: 2 * half(d, o)), "That is the whole width"),
    "unpaired": (unpaired_half, "That is the spread of unpaired scores"),
    "half by place": (by_place, "the half-width is"),
    "other half": (with_half(lambda *_: 7.0), "It is t s sqrt(1/n + overlap)"),
}


@pytest.mark.parametrize("name", WRONG_EFFECTS)
def test_wrong_effect(name: str) -> None:
    yours, said = WRONG_EFFECTS[name]
    message = paired(yours)
    assert said in message
    assert starts_rightly(message, said)


@pytest.mark.parametrize("yours", [
    right, lambda *a: list(right(*a)), lambda *a: tuple(np.float64(part) for part in right(*a)),
    lambda a, b, o: estimate(differences(a, b).tolist(), o)[:2]])
def test_right_effect(yours: Callable[..., Any]) -> None:
    assert paired(yours).startswith("Right: ")


def test_every_mistaken_effect_is_named_by_a_wrong_answer() -> None:
    said = [paired(yours) for yours, _ in WRONG_EFFECTS.values()]
    _, *tables = checks.mistaken_effects(*checks.PROBES[0])
    assert {why for table in tables for why in table if not any(why in message for message in said)} == set()


def test_the_right_effect_is_none_of_the_mistakes_in_some_probe() -> None:
    survived: dict[str, bool] = {}
    for probe in checks.PROBES:
        right, means, halves = checks.mistaken_effects(*probe)
        for target, mistakes in ((right.mean, means), (right.half_width or 0.0, halves)):
            for why, wrong in mistakes.items():
                survived[why] = survived.get(why, True) and math.isclose(target, wrong, rel_tol=1e-3)
    assert [why for why in survived if survived[why]] == []


def test_answers_may_change_what_they_are_given() -> None:
    def greedy(first: Any, second: Any, overlap: float) -> Any:
        answer = right(first, second, overlap)
        first.clear()
        return answer

    assert paired(greedy).startswith("Right: ") and paired(right).startswith("Right: ")


# ---------------------------------------------------------------------------------------------- exercise 2

def ruled(mean: float, half: float | None, kind: str, margin: float) -> str:
    return verdict(Estimate(mean, half, 20), Rule(kind, margin, margin))


class Case(NamedTuple):
    """What the rule is asked, with the ends of the interval."""

    mean: float
    lo: float
    hi: float
    margin: float


def spoiled(kind: str, where: Callable[[Case], bool], word: str) -> Callable[..., str]:
    """The right rule, with another word where that holds of a claim of that kind."""
    def yours(mean: float, half: float | None, asked: str, margin: float) -> str:
        if half is not None and asked == kind and where(Case(mean, mean - half, mean + half, margin)):
            return word
        return ruled(mean, half, asked, margin)
    return yours


def significant(mean: float, half: float | None, *_: Any) -> str:
    if half is None or mean - half <= 0 <= mean + half:
        return "null"
    return "confirmed" if mean > 0 else "refuted"


WRONG_RULES: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: effect 2, interval [1, 3]"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError"),
    "one seed raises": (lambda m, h, *a: ruled(m, h, *a) if h > -1 else "", "no interval (one seed), kind 'more', mar"),
    "no word": (lambda *_: "yes", "'yes' is no verdict. Return confirmed, null, inconclusive or refuted"),
    "sign": (lambda m, *_: "confirmed" if m > 0 else "refuted", "It leaves the sign open: inconclusive"),
    "absence": (significant, "effect 2, interval [-1, 5], kind 'more', margin 0.5: null? It leaves the sign open"),
    "one seed": (lambda m, h, *a: ruled(m, h or 0.0, *a), "One seed shows no spread, so nothing follows: incon"),
    "significance first": (spoiled("more", lambda c: c.lo > 0 and c.hi <= c.margin, "confirmed"),
                           "lies within the margin, its ends included: the difference is too small to matter: null"),
    "no margin": (spoiled("more", lambda c: c.lo > 0 and c.hi > c.margin, "confirmed"),
                  "effect is not larger than the margin: inconclusive"),
    "no margin below": (spoiled("more", lambda c: c.hi < 0 and c.lo < -c.margin, "refuted"),
                        "effect -0.5, interval [-0.625, -0.375], kind 'more', margin 0.5: refuted? The interval ex"),
    "open band": (spoiled("more", lambda c: c.margin in (-c.lo, c.hi), "inconclusive"),
                  "lies within the margin, its ends included"),
    "from 0": (spoiled("more", lambda c: c.lo == 0 and c.mean > c.margin, "confirmed"),
               "effect 2, interval [0, 4], kind 'more', margin 0.5: confirmed? It leaves the sign open: inconclusive"),
    "to 0": (spoiled("more", lambda c: c.hi == 0 and c.mean < -c.margin, "refuted"), "effect -2, interval [-4, 0]"),
    "fixed margin": (lambda m, h, k, _: ruled(m, h, k, 0.5), "effect 0.75, interval [0.5, 1], kind 'more', margin 1: "),
    "same as more": (lambda m, h, _, g: ruled(m, h, "more", g), "effect 0, interval [-0.25, 0.25], kind 'same', mar"),
    "same, too bold": (spoiled("same", lambda c: c.hi > c.margin or c.lo < -c.margin, "refuted"),
                       "Part of the interval lies outside the margin, or only touches it from there: inconclusive"),
    "same, upwards": (spoiled("same", lambda c: c.hi < -c.margin, "inconclusive"),
                      "effect -2, interval [-3, -1], kind 'same', margin 0.5: inconclusive? The whole interval"),
    "same, touching": (spoiled("same", lambda c: c.margin in (c.lo, -c.hi), "refuted"),
                       "effect 1, interval [0.5, 1.5], kind 'same', margin 0.5: refuted? Part of the interval lies"),
    "same, open band": (spoiled("same", lambda c: c.margin in (-c.lo, c.hi), "inconclusive"),
                        "kind 'same', margin 0.5: inconclusive? The interval lies within the margin, its ends includ"),
    "same, effect alone": (spoiled("same", lambda c: abs(c.mean) <= c.margin, "confirmed"),
                           "effect 0, interval [-1, 1], kind 'same', margin 0.5: confirmed? Part of the interval"),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_wrong_rule(name: str) -> None:
    yours, said = WRONG_RULES[name]
    message = decided(yours)
    assert said in message
    assert starts_rightly(message, said)


def test_right_rule() -> None:
    def by_hand(mean: float, half: float | None, kind: str, margin: float) -> str:
        lo, hi = (-math.inf, math.inf) if half is None else (mean - half, mean + half)
        if -margin <= lo and hi <= margin:
            return "null" if kind == "more" else "confirmed"
        if kind == "same":
            return "refuted" if lo > margin or hi < -margin else "inconclusive"
        return ("confirmed" if lo > 0 and mean > margin else "refuted" if hi < 0 and mean < -margin else
                "inconclusive")

    assert decided(ruled).startswith("Right: ") and decided(by_hand).startswith("Right: ")
    assert decided(lambda *a: np.str_(ruled(*a))).startswith("Right: ")


# ---------------------------------------------------------------------------------------------- exercise 3

ANSWERS: dict[str, str | None] = {"A": "no control", "B": "unpaired", "C": "not corrected", "D": "margin afterwards",
                                  "E": "absence of evidence", "F": "none"}
MENDED = STUDIES["G"]._replace(second="strong PTQ W2A2", first_seeds=range(20), second_seeds=range(20),
                               second_epochs=90, corrected=True)


def test_each_study_has_the_fault_that_is_asked_for() -> None:
    has = {name: [fault for fault in FAULTS if FAULTS[fault].has(study)] for name, study in STUDIES.items()}
    assert {name: (found or ["none"]) for name, found in has.items() if name != "G"} == {
        name: [answer] for name, answer in ANSWERS.items()}
    assert has["G"] == ["one seed", "no control", "weak rival"]
    assert {fault for found in has.values() for fault in found} == set(FAULTS)


def test_conclusions_but_for_their_faults_follow_from_the_rule() -> None:
    for name in "ABCDF":
        s = STUDIES[name]
        lo, hi = s.interval
        rule = Rule("more", s.margin_reported, s.margin_reported)
        assert verdict(Estimate((lo + hi) / 2, (hi - lo) / 2, 20), rule) == s.concluded
    planned = STUDIES["D"].margin_planned
    assert verdict(Estimate(0.4, 0.35, 20), Rule("more", planned, planned)) == "inconclusive"


@pytest.mark.parametrize("name", list("ABCDEF"))
@pytest.mark.parametrize("answer", [*FAULTS, "none"])
def test_wrong_fault(name: str, answer: str) -> None:
    message = faults({**ANSWERS, name: answer}, None)
    if answer == ANSWERS[name]:
        assert message == "Not answered yet: the faults are named; now mend G."
    else:
        assert message.startswith(f"Not yet: {name}: ") and message.endswith((".", "?"))
        assert (f"{answer!r} is not it: " in message) == (answer != "none")


@pytest.mark.parametrize(("answers", "mended", "said"), [
    (dict.fromkeys("ABCDEF"), None, "Not answered yet: name the fault of each study, and mend G"),
    ({"A": "no control"}, None, "Not answered yet: what is wrong with B, C, D, E, F?"),
    (dict.fromkeys("ABCDEF"), MENDED, "Not answered yet: what is wrong with A, B"),
    ({**ANSWERS, "B": "bad"}, None, "B: 'bad' is not on the list: one seed, unpaired, no control"),
    ({**ANSWERS, "C": "none"}, None, "C: something is wrong with it. Which images do the seeds share?"),
    ({**ANSWERS, "F": "weak rival"}, None, "F: 'weak rival' is not it: the best static A4 is no rival chosen to"),
    ({**ANSWERS, "D": "one seed"}, None, "D: 'one seed' is not it: each side has 20 seeds."),
    (ANSWERS, MENDED, "Right: one fault each, F is sound"),
    (ANSWERS, MENDED._replace(first_seeds=range(50), second_seeds=list(range(50))), "Right: "),
    (ANSWERS, MENDED._replace(first_epochs=60, second_epochs=60),
     "Right: one fault each, F is sound, and G compares like with like. Over 20 seeds and 90 epochs refquant found "),
    (ANSWERS, "strong PTQ", "mend G by check.STUDIES"),
    (ANSWERS, STUDIES["F"], "G: keep its claim, and QAT W2A2"),
    (ANSWERS, STUDIES["G"], "G still has a fault: one seed. How many seeds has each side?"),
    (ANSWERS, MENDED._replace(second_seeds=range(20, 40)), "G still has a fault: unpaired"),
    (ANSWERS, MENDED._replace(second_epochs=60), "G still has a fault: no control"),
    (ANSWERS, MENDED._replace(second="naive PTQ W2A2"), "G still has a fault: weak rival"),
    (ANSWERS, MENDED._replace(corrected=False), "G still has a fault: not corrected"),
    (ANSWERS, MENDED._replace(margin_reported=0.1), "G still has a fault: margin afterwards"),
    (ANSWERS, MENDED._replace(concluded="null"), "G still has a fault: absence of evidence"),
    (ANSWERS, MENDED._replace(second="float32"), "the rival must be some PTQ W2A2"),
    (ANSWERS, MENDED._replace(second="strong PTQ W4A4"), "the rival must be some PTQ W2A2"),
])
def test_faults(answers: Any, mended: Any, said: str) -> None:
    message = faults(answers, mended)
    assert said in message
    assert starts_rightly(message, said)


def test_studies_are_told_in_words() -> None:
    told = str(STUDIES["G"])
    assert "seed 7" in told and "[no interval]" in told and "not corrected" in told
    assert "seeds 0 to 19" in str(Study("It is.", "a", "b")) and "[+0.60, +1.80]" in str(Study("It is.", "a", "b"))


# ---------------------------------------------------------------------------------------------- predictions

EVERYBODY = {id: "confirmed" for ids in predictions.GROUPS.values() for id in ids}


def test_the_claims_to_predict_are_among_the_sentences_and_were_measured() -> None:
    ids = [id for ids in predictions.GROUPS.values() for id in ids]
    assert len(ids) == len(set(ids)) >= 19
    assert set(ids) <= {r.id for s in sentences() for r in s.readings} & {
        claim["id"] for claim in measured() if claim["effect"] is not None}
    for id in ids:
        _, reading = predictions.looked_up(id)
        assert reading.rule.kind in ("more", "same")
        assert id in "".join(map(predictions.claims, predictions.GROUPS))


def test_what_would_confirm_a_claim_is_asked_with_its_unit() -> None:
    asked = {id: predictions.asked(predictions.looked_up(id)[1]) for id in EVERYBODY}
    assert asked["ptq-degrades.naive.8"] == "more than 0.5 points?"
    assert asked["ptq-few-images.minmax.A3"] == "the same within 0.5 points?"
    assert asked["ptq-fast.strong"] == "more than × 10?"
    lines = [line for group in predictions.GROUPS for line in predictions.claims(group).splitlines()]
    assert all(line.endswith("?") for line in lines if line.startswith("   "))


def test_predictions_are_scored() -> None:
    found = predictions.found_of()
    truth = {id: found[id]["verdict"] for id in EVERYBODY}
    assert predictions.total(truth).startswith(f"{len(truth)} claims: {len(truth)} as predicted, 0 left open")
    assert predictions.surprises(truth) == "The data contradict none of these predictions."
    assert all(line.startswith("✓ ") for line in predictions.score(truth).splitlines())
    id = next(id for id, word in truth.items() if word == "confirmed")
    assert predictions.total({id: "refuted"}).splitlines() == [
        "1 claims: 0 as predicted, 0 left open by the data, 1 contradicted",
        "   of 1 predicted to be refuted: 1 confirmed"]
    assert predictions.surprises({id: "refuted"}).splitlines()[0].endswith(": confirmed")
    assert predictions.score({id: "refuted"}).startswith("✗ confirmed")
    assert predictions.score({"ptq": "null"}) == "Not yet: 'ptq' is none of the claims."
    assert predictions.score({"static-often.survey": "inconclusive"}) == (
        "Not yet: 'static-often.survey' is none of the claims.")
    assert predictions.score({id: "sure"}).startswith("Not yet: 'sure' is no verdict")


def test_rows_count_in_what_is_enough() -> None:
    found, drawn = predictions.found_of(), dict(zip(EVERYBODY, predictions.rows(EVERYBODY), strict=True))
    for id, row in drawn.items():
        effect, rule = found[id]["effect"], predictions.looked_up(id)[1].rule
        is_ratio = found[id]["unit"] == "factor"
        enough = rule.same if rule.kind == "same" else rule.enough
        assert row.effect == pytest.approx(math.log(effect, enough) if is_ratio else effect / enough)
        assert row.interval[0] <= row.effect <= row.interval[1]
        assert row.band == pytest.approx(math.log(rule.same, enough) if is_ratio else rule.same / enough)
        assert row.guess[2:] == "confirmed" and ("(the same?)" in row.says) == (rule.kind == "same")


# ---------------------------------------------------------------------------------------------- pictures

def test_pictures_are_drawn() -> None:
    e = {"a": Estimate(1.0, 0.5, 9), "b": Estimate(0.0, None, 1)}
    drawn = [figures.by_seed([1.0, 0.0, -1.0], 0.5, "points"), figures.pairs([1, 2], [2, 2], ("a", "b"), "points"),
             figures.worlds({"one": list(e.values()), "two": []}, 0.0, "points"), figures.intervals(e, 0.5),
             figures.intervals(e, 0.5, {"a": "confirmed", "b": "inconclusive"}),
             figures.half_widths([5, 10], {"a": [2, 1], "b": [3, 2]}, 1.0),
             figures.foretold(predictions.rows(EVERYBODY))]
    for picture in drawn:
        assert png(picture, 20).startswith(b"\x89PNG")
