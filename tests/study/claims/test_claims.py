import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.grids import INT4, INT8
from refquant.scales import mx_params
from refquant.study.claims import TEXT, advice, checks, outcome, run, sentences, verdict
from refquant.study.claims import report as report_module
from refquant.study.claims.checks import CHECKS
from refquant.study.claims.claims_rest import HALF
from refquant.study.claims.experiments import EXPERIMENTS, SEEDS
from refquant.study.claims.experiments.after_training import GPTQ, LSQ, MSE, NAIVE, STRONG
from refquant.study.claims.report import Report, effect, report, to_json, to_markdown, to_text
from refquant.study.claims.verdicts import MORE, POINTS, SAME, Outcome, Reading, Rule, beside, effects, note
from refquant.study.compare.tasks import grids
from refquant.study.stats import Estimate, estimate, p_value, q_values, t_quantile

OVERLAP = 540 / 1257
SETTINGS = {"seeds": 3, "epochs": 60, "calibration": 256, "sizes": [64, 10], "training_images": 1257,
            "test_images": 540}


# ---------------------------------------------------------------------------------------------- the verdict

@pytest.mark.parametrize(("mean", "half", "rule", "expected"), [
    (0.6, 0.5, POINTS, "confirmed"), (0.6, 0.6, POINTS, "inconclusive"), (0.5, 0.1, POINTS, "confirmed"),
    (-0.6, 0.5, POINTS, "refuted"), (-0.5, 0.1, POINTS, "refuted"), (0.0, 0.5, POINTS, "null"),
    (0.1, 0.4, POINTS, "null"), (0.1, 0.41, POINTS, "inconclusive"), (0.45, 0.04, POINTS, "small"),
    (0.45, 0.4, POINTS, "small"), (-0.45, 0.4, POINTS, "small"), (9, None, POINTS, "inconclusive"),
    (0.015, 0.01, MORE, "small"), (0.02, 0.01, MORE, "confirmed"), (0.015, 0.02, MORE, "inconclusive"),
    (-0.02, 0.019, MORE, "refuted"), (0.0, 0.01, MORE, "null"), (0.0, 0.0, MORE, "null"),
    (0.0, 0.01, SAME, "confirmed"), (0.005, 0.004, SAME, "confirmed"), (0.0, 0.011, SAME, "inconclusive"),
    (0.03, 0.019, SAME, "refuted"), (-0.03, 0.019, SAME, "refuted"), (-0.02, 0.01, SAME, "inconclusive"),
    (0.0, None, SAME, "inconclusive"), (3.5, 0.25, HALF, "confirmed"), (3.26, 0.25, HALF, "confirmed"),
    (3.2, 0.25, HALF, "inconclusive"), (2.8, 0.25, HALF, "inconclusive"), (2.7, 0.25, HALF, "refuted"),
    (0.0, 0.1, HALF, "refuted"), (-4.0, 0.5, HALF, "refuted"), (9, None, HALF, "inconclusive"),
])
def test_the_decision_rule(mean: float, half: float | None, rule: Rule, expected: str) -> None:
    assert verdict(Estimate(mean, half, 20), rule) == expected


def test_a_detail_has_a_direction_only_with_its_q() -> None:
    for mean, word in ((0.05, "confirmed"), (-0.05, "refuted"), (0.015, "small")):
        e = Estimate(mean, 0.012, 20)
        assert verdict(e, MORE, 0.05) == word and verdict(e, MORE, 0.0501) == "inconclusive"
    assert verdict(Estimate(0.005, 0.004, 20), MORE, 0.06) == "null"
    assert verdict(Estimate(0.05, 0.012, 20), SAME, 0.9) == "refuted", "sameness is no direction"
    assert verdict(Estimate(4.0, 0.5, 20), HALF, 0.9) == "confirmed", "nor is a size"


@pytest.mark.parametrize("rule", [MORE, SAME, HALF])
def test_fewer_than_five_seeds_decide_nothing(rule: Rule) -> None:
    for mean in (5.0, 0.0, -5.0):
        assert verdict(Estimate(mean, 0.001, 4), rule) == "inconclusive" != verdict(Estimate(mean, 0.001, 5), rule)
        assert note("inconclusive", Estimate(mean, 0.001, 4), rule, "dB") == "fewer than 5 seeds decide nothing"


@pytest.mark.parametrize(("word", "mean", "half", "rule", "expected"), [
    ("confirmed", 0.05, 0.03, MORE, "beyond the margin"), ("refuted", -0.05, 0.02, MORE, "beyond the margin"),
    ("confirmed", 0.05, 0.035, MORE, "beyond the margin; may be less than enough"),
    ("confirmed", 0.05, 0.041, MORE, "reaches into the margin; may be less than enough"),
    ("refuted", -1.3, 1.0, POINTS, "reaches into the margin; may be less than enough"),
    ("small", 0.015, 0.004, MORE, "better"),
    ("small", -0.015, 0.01, MORE, "worse; may be enough"), ("null", 0.0, 0.01, MORE, ""),
    ("inconclusive", 0.01, 0.03, MORE, "half of the interval is 0.03 nats"),
    ("inconclusive", 0.0, 0.011, SAME, "the interval is wider than ±0.01 nats"), ("refuted", 0.05, 0.01, SAME, ""),
    ("confirmed", 3.5, 0.25, HALF, ""), ("refuted", 1.08, 0.28, HALF, "better, but not by that much"),
    ("inconclusive", 2.8, 0.25, HALF, "better, perhaps not by that much"), ("refuted", 0.1, 0.2, HALF, ""),
    ("refuted", -1.0, 0.2, HALF, "worse"), ("inconclusive", 1.0, 3.0, HALF, "half of the interval is 3 nats"),
    ("inconclusive", 0.05, 0.03, MORE, "direction, but q > 0.05"),
    ("inconclusive", 0.02, 0.015, SAME, "the interval is wider than ±0.01 nats"),
    ("inconclusive", 1, None, MORE, "fewer than 5 seeds decide nothing"),
])
def test_the_note_says_how_far_the_interval_reaches(word: str, mean: float, half: float | None, rule: Rule,
                                                    expected: str) -> None:
    assert note(word, Estimate(mean, half, 20), rule, "nats") == expected


def test_the_correction_is_nadeau_and_bengios() -> None:
    values = [1.0, 2.0, 4.0, 3.5]
    s, n = np.std(values, ddof=1), 4
    assert estimate(values, OVERLAP).half_width == pytest.approx(t_quantile(3) * s * math.sqrt(1 / n + OVERLAP))
    twenty = estimate([0.0, 1.0] * 10, OVERLAP), estimate([0.0, 1.0] * 10)
    assert twenty[0].half_width / twenty[1].half_width == pytest.approx(3.10, abs=0.005)  # type: ignore[operator]


def test_p_and_q_values() -> None:
    """Student's t of 3 degrees of freedom has P(|T| > 3.182) = 0.05; q by the definition, in another way."""
    assert p_value(Estimate(3.182446, 3.182446, 4)) == pytest.approx(0.05, abs=1e-6)
    assert p_value(Estimate(-1.0, 3.182446, 4)) == pytest.approx(0.391002, abs=1e-5)
    assert p_value(Estimate(1.0, 0.0, 4)) == 0 and p_value(Estimate(0.0, 0.0, 4)) == p_value(Estimate(3, None, 1)) == 1
    rng = np.random.default_rng(0)
    p = rng.random(30) ** 3
    wanted = [min(p[j] * 30 / np.sum(p <= p[j]) for j in range(30) if p[j] >= p[i]) for i in range(30)]
    assert q_values(p.tolist()) == pytest.approx(wanted) and q_values([]) == []


def rows(method: str, values: list[float], **where: Any) -> list[dict[str, Any]]:
    return [{"seed": seed, "method": method, "accuracy": v, "cross_entropy": 1 - v, "logit_sqnr_db": None, **where}
            for seed, v in enumerate(values)]


A_AND_B = Reading("id", "a against b", {"method": "a"}, {"method": "b"}, "accuracy", POINTS)


def test_effects_are_paired_and_signed() -> None:
    records = rows("a", [0.9, 0.8, 0.7]) + rows("b", [0.5, 0.5, 0.5])
    assert effects(A_AND_B, records) == pytest.approx([40, 30, 20])
    assert effects(A_AND_B, records[::-1]) == pytest.approx([20, 30, 40])
    assert effects(A_AND_B._replace(value="cross_entropy"), records) == pytest.approx([0.4, 0.3, 0.2]), "less is better"
    assert effects(A_AND_B, records[1:]) == pytest.approx([30, 20]), "seeds that both have"
    with pytest.raises(ValueError, match="no record"):
        effects(A_AND_B._replace(less={"method": "c"}), records)
    with pytest.raises(ValueError, match="several records"):
        effects(A_AND_B._replace(more={}), records)


def test_a_control_is_taken_off() -> None:
    records = [r for name, values in (("a", [0.9, 0.8]), ("b", [0.5, 0.6]), ("c", [0.7, 0.7]), ("d", [0.6, 0.7]))
               for r in rows(name, values)]
    reading = A_AND_B._replace(control=({"method": "c"}, {"method": "d"}))
    assert effects(reading, records) == pytest.approx([30, 20])
    assert beside(reading, records, "cross_entropy", 0.0).mean == pytest.approx(0.25)  # type: ignore[union-attr]
    assert beside(reading, records, "logit_sqnr_db", 0.0) is beside(reading, records, "accuracy", 0.0) is None
    assert effects(reading, [r for r in records if r["method"] != "d" or r["seed"]]) == pytest.approx([20])


def test_an_outcome_counts_the_seeds_that_agree_with_the_mean() -> None:
    for b, agree in ((0.5, 3), (0.9, 4)):
        found = outcome(A_AND_B, rows("a", [0.91, 0.8, 0.7, 0.4, 0.5]) + rows("b", [b] * 5), 0.0)
        assert (found.agree, found.n) == (agree, 5), "one seed is equal, one is against"


def test_the_sentences_are_complete() -> None:
    readings = [r.id for s in sentences() for r in s.readings]
    assert len(readings) == len(set(readings)) and set(TEXT) <= {s.id for s in sentences()}
    for s in sentences():
        assert s.experiment in {*EXPERIMENTS, "text"} and s.readings and s.text and s.caveat and s.sources
        assert all(url.startswith("https://") for _, url in s.sources)
        assert {r.of or s.experiment for r in s.readings} <= {*EXPERIMENTS, "text"}
        for task in {r.task for r in s.readings}:
            assert sum(s.primary(r) for r in s.readings if r.task == task) == 1
    assert {s.experiment for s in sentences()} | {r.of for s in sentences() for r in s.readings} >= set(EXPERIMENTS)
    assert set(SEEDS) <= set(EXPERIMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.run.__name__)
def test_what_holds_by_definition_holds(check: Any) -> None:
    holds, figures = check.run()
    assert holds and len(figures) > 20


@pytest.mark.slow
@pytest.mark.parametrize(("spoiled", "check"), [
    ({"grids": lambda *_: grids(16, 16)}, checks.smaller),
    ({"all_methods": lambda: {NAIVE: lambda task, *_: task.net}}, checks.efficient),
    ({"operations": lambda: {"float": 1, "static": 2, "dynamic": 1, "calibration": 1}}, checks.dynamic_cost),
    ({"INT8": INT4}, checks.formats), ({"NF4": INT4}, checks.formats), ({"NF4": INT8}, checks.formats),
    ({"mx_rceil_params": mx_params}, checks.formats)])
def test_what_holds_can_fail(spoiled: dict[str, Any], check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in spoiled.items():
        monkeypatch.setattr(checks, name, value)
    assert not check()[0]


# ---------------------------------------------------------------------------------------------- the report

@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.setattr("refquant.study.claims.report.executed", lambda: [(CHECKS[0].says, True, "yes", "1 of 1")])
    sentence = sentences()[0]._replace(experiment="qat", readings=(
        A_AND_B._replace(id="one", says="a | b"), A_AND_B._replace(id="two", says="hidden", more={"method": "c"}),
        A_AND_B._replace(id="three", says="hidden, too", more={"method": "d"}),
        Reading("text", "a on text", {"method": "a"}, {"method": "b"}, "bits_per_character", task="text", of="text")))
    records = {"qat": [r for name, values in (("a", [0.9, 0.8, 0.85]), ("b", [0.5, 0.5, 0.5]), ("c", [0.9, 0.5, 0.4]),
                                              ("d", [0.8, 0.79, 0.81])) for r in rows(name, 2 * values)],
               "text": [{"seed": seed, "method": method, "weight_bits": 4, "activation_bits": 4,
                         "bits_per_character": 2 + 0.1 * (method == "b") + 0.01 * seed}
                        for method in ("a", "b", "float") for seed in range(6)]}
    return report((sentence, sentence._replace(experiment="steps")), records, SETTINGS, {"refquant": "0"})


def test_json_holds_each_claim_in_each_task(small: Report) -> None:
    claims = {c["id"]: c for c in json.loads(to_json(small))["claims"]}
    assert list(claims) == ["one", "two", "three", "text"], "sentences without records are left out"
    first = claims["one"]
    assert first["effect"] == pytest.approx(35) and first["n"] == 6 and first["verdict"] == "confirmed"
    assert first["interval"][0] < first["interval_uncorrected"][0] < 35 < first["interval"][1]
    assert first["records"] == "records/qat.json" and first["metric"] == "accuracy" and first["unit"] == "points"
    assert first["beside"]["cross_entropy"]["effect"] == pytest.approx(0.35)
    assert first["beside"]["logit_sqnr_db"] is None
    assert [(c["task"], c["primary"]) for c in claims.values()] == [
        ("digits", True), ("digits", False), ("digits", False), ("text", True)]
    for family in (("two", "three"), ("one", "text")):
        assert [claims[id]["q"] for id in family] == pytest.approx(q_values([claims[id]["p"] for id in family]))
    assert [c["agree"] for c in claims.values()] == [6, 2, 6, 6]
    assert claims["text"]["effect"] == pytest.approx(0.1) and claims["text"]["unit"] == "bits"
    assert claims["text"]["records"] == "records/text.json" and claims["text"]["verdict"] == "confirmed"


def test_the_q_of_a_primary_reading_decides_nothing_but_is_told(small: Report) -> None:
    assert "By it, no verdicts would change." in to_markdown(small)
    made = {"qat": rows("a", [0.6, 0.6, 0.52, 0.55, 0.6, 0.48]) + rows("b", [0.5] * 6) + rows("c", [0.55, 0.45] * 3)}
    asked = [small.answers[0].sentence._replace(id=name, says=f"It is {name}.", readings=(
        A_AND_B._replace(id=name, more={"method": "c" if name else "a"}),)) for name in ("", *"123456789")]
    found = report(asked, made, {**SETTINGS, "test_images": 0}, {"refquant": "0"})
    _, _, o = found.primary()[0]
    assert o.verdict == "confirmed" and o.p < 0.05 < (o.q or 0)
    assert "By it, these verdicts would change: It is . (digits)." in to_markdown(found)


def test_the_overlap_is_the_tasks_own(small: Report) -> None:
    assert small.overlap("digits") == 540 / 1257 and small.overlap("text") == 1 / 9


def test_tables_show_primary_readings(small: Report) -> None:
    for text in (to_markdown(small), to_text(small)):
        assert small.answers[0].sentence.says in text and "confirmed" in text and "hidden" not in text
        assert "a on text" in text and CHECKS[0].says in text
    assert "3 seeds" in to_markdown(small) and "refquant 0" in to_markdown(small) and "a \\| b" in to_markdown(small)


def test_effects_in_words() -> None:
    points = Outcome(-0.5, (-1.0, -0.0), None, 3, 0.0, None, "", "")
    assert effect(A_AND_B, points) == "-0.50 [-1.00, -0.00] points"
    assert effect(A_AND_B._replace(value="cross_entropy"), points._replace(interval=None)) == "-0.500 nats"


def by_images(losses: dict[str, dict[int, float]], spread: float = 0.0) -> list[dict[str, Any]]:
    return [{"seed": seed, "method": method, "bits": 4, "images": n, "cross_entropy": loss + spread * (-1) ** seed * (
        method == LSQ)} for method, curve in losses.items() for n, loss in curve.items() for seed in range(10)] + [
        {"seed": seed, "method": "float", "bits": 32, "cross_entropy": 0.1} for seed in range(10)]


def test_advice_is_the_cheapest_that_is_near_the_best() -> None:
    records = by_images({NAIVE: {10: 0.5}, MSE: {10: 0.331}, GPTQ: {10: 0.319}, STRONG: {10: 0.31},
                         LSQ: {10: 0.3}}, 0.1)
    cell, = advice.advice("digits", records, OVERLAP)
    assert (cell.method, cell.width, cell.images) == (GPTQ, "W4A4", 10) and cell.loss.mean == pytest.approx(0.219)
    assert cell.cheaper and (cell.cheaper.over, cell.cheaper.verdict) == (MSE, "small")
    assert cell.dearer and (cell.dearer.over, cell.dearer.verdict) == (LSQ, "inconclusive")
    assert cell.cheaper.effect.mean == pytest.approx(0.012) and cell.dearer.effect.mean == pytest.approx(-0.019)
    assert cell.chosen == pytest.approx(0.623, abs=0.04), "half of ten fair coins, or more"
    assert "GPTQ” loses +0.219 ± 0.000 nats. It is chosen in 6" in report_module._advised_cell(cell)
    assert "nats. Against the best cheaper one" in report_module._advised_cell(cell._replace(chosen=0.7))


def crossed(losses: dict[int, float], spread: float = 0.0) -> advice.Crossing:
    """Where QAT, of these losses, crosses GPTQ, whose loss is 0.2."""
    first, _ = advice.crossings("digits", by_images({GPTQ: dict.fromkeys(losses, 0.2), STRONG: losses, LSQ: losses},
                                                    spread), OVERLAP)
    assert (first.first, first.second, first.width) == (GPTQ, LSQ, "W4A4")
    return first


def test_lines_cross_between_two_measured_numbers() -> None:
    at = crossed({10: 0.4, 100: 0.3, 1000: 0.1})
    assert at.at == pytest.approx(math.sqrt(100 * 1000)), "half way, in the logarithm"
    assert at.verdict == "confirmed" and at.last.mean == pytest.approx(0.1)
    assert at.interval == pytest.approx((at.at, at.at)), "seeds that agree leave nothing open"
    assert crossed({10: 0.1, 100: 0.3, 1000: 0.1}).at == pytest.approx(math.sqrt(100 * 1000)), "from there on for good"
    assert crossed({10: 0.1, 100: 0.15}).at == 10


def test_a_crossing_is_told_only_where_all_images_decide() -> None:
    for losses, spread, word, words in (
            ({10: 0.4, 100: 0.3, 1000: 0.1}, 0.02, "confirmed", "about 316 images ("),
            ({10: 0.4, 1000: 0.19}, 0.02, "inconclusive", "not known: with all images it gains +0.010 ± 0.035 nats"),
            ({10: 0.4, 1000: 0.3}, 0.02, "refuted", "nowhere: with all images it gains -0.100 ± 0.035 nats"),
            ({10: 0.4, 1000: 0.21}, 0.0, "small", "nowhere: with all images it gains -0.010"),
            ({10: 0.4, 1000: 0.2}, 0.0, "null", "not known")):
        found = crossed(losses, spread)
        assert (found.verdict, found.at is None, found.interval is None) == (
            word, "about" not in words, "about" not in words)
        assert report_module._crossing(found).startswith(words)
    lo, hi = crossed({10: 0.4, 100: 0.3, 1000: 0.1}, 0.05).interval or ()
    assert lo and hi and 200 < lo < 250 < 400 < hi < 450, "seeds that differ leave a range"


def test_cost_is_that_of_equal_quality_beside_the_cheapest_and_the_best_ptq() -> None:
    def spent(*methods: tuple[str, str, float, float]) -> dict[str, dict[str, advice.Point]]:
        records = [{"seed": seed, "method": method, "effort": effort, "bits": 4, "seconds": seconds + 0.1 * seed,
                    "cross_entropy": entropy} for method, effort, seconds, entropy in methods for seed in (0, 1, 7)]
        return advice.costs(advice.spent({"cost": records})["digits"])

    def point(effort: str, at: float, loss: float, near: bool) -> advice.Point:
        return advice.Point(effort, *(pytest.approx(at + more) for more in (0.1, 0, 0.7)),  # type: ignore[arg-type]
                            pytest.approx(loss), near)  # type: ignore[arg-type]

    weak, ada, qat = (GPTQ, "1", 0.1, 0.2), (STRONG, "30", 0.2, 0.119), (LSQ, "1", 0.9, 0.11)
    assert spent(weak, ada, (STRONG, "100", 0.5, 0.1), qat) == {"W4A4": {
        GPTQ: point("1", 0.1, 0.2, False), STRONG: point("30", 0.2, 0.119, True), LSQ: point("1", 0.9, 0.11, True)}}
    assert spent(weak, (MSE, "1", 0.15, 0.3), (STRONG, "30", 0.2, 0.18), qat) == {"W4A4": {
        GPTQ: point("1", 0.1, 0.2, False), STRONG: point("30", 0.2, 0.18, False), LSQ: point("1", 0.9, 0.11, True)}}


def test_cost_on_text_is_of_the_same_names_and_two_efforts_of_qat() -> None:
    records = [{"seed": seed, "method": method, "weight_bits": w, "activation_bits": 4, "seconds": seconds + seed,
                "bits_per_character": bits} for method, w, seconds, bits in (
        ("gptq-static-mse", 4, 1, 2.5), ("qat-lsq", 4, 9, 2.0), ("qat-lsq-sixth", 4, 2, 2.01), ("qat-ste", 4, 0, 0),
        ("qat-lsq", 3, 9, 2.0)) for seed in range(3)]
    widths = advice.spent({"text": records})["text"]
    assert widths == {"W4A4": {"gptq-static-mse": [("1", 2, 1, 3, 2.5, True)],
                               LSQ: [("1", 10, 9, 11, 2.0, True), ("1/6", 3, 2, 4, 2.01, True)]}}
    assert advice.costs(widths) == {"W4A4": {"gptq-static-mse": ("1", 2, 1, 3, 2.5, False),
                                             LSQ: ("1/6", 3, 2, 4, 2.01, True)}}


# ---------------------------------------------------------------------------------------------- running

ONE = run.settings(seeds=2, epochs=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("claims")
    written = run.measure(path, ["formats", "granularity"], ONE, jobs=1)
    assert [p.name for p in written] == ["formats.json", "granularity.json"]
    return path


@pytest.mark.slow
def test_every_verdict_follows_from_its_records(folder: Path) -> None:
    _, pages = run.publish(folder, ONE)
    assert sorted(p.name for p in pages) == ["claims.html", "claims.json", "claims.md"]
    claims = json.loads((folder / "claims.json").read_text())["claims"]
    readings = {r.id: r for s in sentences() for r in s.readings}
    assert {c["records"] for c in claims} == {"records/formats.json", "records/granularity.json"}
    for claim in claims:
        records = run.unpacked(json.loads((folder / claim["records"]).read_text()))
        found = outcome(readings[claim["id"]], records, OVERLAP, claim["q"])
        assert (found.effect, found.verdict, found.n) == (pytest.approx(claim["effect"]), claim["verdict"], claim["n"])


def test_a_rerun_keeps_what_is_finished(folder: Path) -> None:
    before = {p: p.read_bytes() for p in (folder / "records").iterdir()}
    assert run.measure(folder, ["formats", "granularity"], ONE, jobs=1) == []
    assert {p: p.read_bytes() for p in (folder / "records").iterdir()} == before


def test_a_file_says_once_how_networks_were_made(folder: Path) -> None:
    found = json.loads((folder / "records" / "granularity.json").read_text())
    assert len(found["networks"]) == 9 < len(found["records"]), "three methods at three widths, whatever the seed"
    assert all(set(found["networks"][r["network"]].items()) <= set(whole.items())
               for r, whole in zip(found["records"], run.unpacked(found), strict=True))


@pytest.mark.slow
def test_records_do_not_depend_on_jobs(folder: Path, tmp_path: Path) -> None:
    path, = run.measure(tmp_path, ["granularity"], ONE, jobs=2)
    assert path.read_bytes() == (folder / "records" / "granularity.json").read_bytes()


def test_other_settings_and_versions_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for other, key in ((run.settings(3, 2), "seeds 2"), (run.settings(2, 3), "epochs 2")):
        with refused(ValueError, "refquant claims", "same settings", key, "--out"):
            run.measure(folder, ["dynamic"], other, jobs=1)
    monkeypatch.setattr(run, "__version__", "9.9")
    with refused(ValueError, f"version {rq.__version__}", "9.9"):
        run.measure(folder, ["formats"], ONE, jobs=1)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_records_that_lack_what_a_claim_reads_are_refused(folder: Path, tmp_path: Path) -> None:
    made = (folder / "records" / "granularity.json").read_text()
    (tmp_path / "records").mkdir()
    first = re.search('.*"seed": 1.*\n', made).group()  # type: ignore[union-attr]
    for broken in (made.replace('"cross_entropy"', '"entropy"'), made.replace('"NumPy"', '"numpy"'),
                   re.sub('"NumPy": "[^"]*"', '"NumPy": 3', made), made.replace('"network": 0', '"network": 9'),
                   made.replace(first, ""),
                   made.replace(first, 2 * first),
                   *(re.sub('"accuracy": [0-9.]+', f'"accuracy": {value}', made, count=1)
                     for value in ("NaN", "1e400", "7.5", "true", '"a"')),
                   re.sub('"cross_entropy": [0-9.]+', '"cross_entropy": "a"', made, count=1), "[" * 200_000):
        (tmp_path / "records" / "granularity.json").write_text(broken)
        with refused(ValueError, "as it was written", "granularity.json"):
            run.publish(tmp_path, ONE)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"records": []}', '{"experiment": "sides", "version": "0.1.0", '
                                     '"settings": {}, "records": [1]}', "\xff"])
def test_damaged_records_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "sides.json").write_bytes(content.encode("latin-1"))
    with refused(ValueError, "as it was written", "sides.json", "move it away"):
        run.measure(tmp_path, ["granularity"], ONE, jobs=1)
    (tmp_path / "records" / "sides.json").rename(tmp_path / "records" / "text.json")
    with refused(ValueError, "as it was written", "text.json", "compare --task text"):
        run.publish(tmp_path, ONE)


def test_a_folder_in_a_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records" / "sides.json").mkdir(parents=True)
    with refused(ValueError, "as it was written", "no regular file"):
        run.measure(tmp_path, ["granularity"], ONE, jobs=1)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "records").write_text("")
    with refused(ValueError, "must be a folder"):
        run.measure(tmp_path / "file", ["granularity"], ONE, jobs=1)


def test_missing_seeds_are_refused(folder: Path, tmp_path: Path) -> None:
    made = json.loads((folder / "records" / "granularity.json").read_text())
    made["records"] = [r for r in made["records"] if r["seed"] == 0]
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "granularity.json").write_text(json.dumps(made))
    with refused(ValueError, "granularity.json", "seeds [0]"):
        run.measure(tmp_path, ["granularity"], ONE, jobs=1)


@pytest.mark.slow
def test_a_failing_experiment_loses_no_finished_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("no")

    monkeypatch.setitem(EXPERIMENTS, "granularity", broken)
    with pytest.raises(RuntimeError, match="no"):
        run.measure(tmp_path, ["formats", "granularity"], ONE, jobs=1)
    assert [p.name for p in (tmp_path / "records").iterdir()] == ["formats.json"]
