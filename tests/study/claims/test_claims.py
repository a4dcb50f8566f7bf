import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.study.claims import outcome, run, sentences, verdict
from refquant.study.claims.experiments import EXPERIMENTS
from refquant.study.claims.report import Report, effect, report, to_json, to_markdown, to_text
from refquant.study.claims.verdicts import ALWAYS, MORE, NEVER, SAME, UNFAIR, Outcome, Reading, Rule, beside, effects
from refquant.study.stats import Estimate, estimate, t_quantile

OVERLAP = 540 / 1257
SETTINGS = {"seeds": 3, "epochs": 60, "calibration": 256, "sizes": [64, 10], "training_images": 1257,
            "test_images": 540}


# ---------------------------------------------------------------------------------------------- the verdict

@pytest.mark.parametrize(("mean", "half", "rule", "expected"), [
    (0.6, 0.5, MORE, "confirmed"), (0.6, 0.7, MORE, "inconclusive"), (0.5, 0.1, MORE, "inconclusive"),
    (-0.6, 0.5, MORE, "refuted"), (-0.6, 0.7, MORE, "inconclusive"), (0.0, 0.5, MORE, "null"),
    (0.1, 0.4, MORE, "null"), (0.1, 0.41, MORE, "inconclusive"), (0.45, 0.04, MORE, "null"),
    (9, None, MORE, "inconclusive"),
    (-0.33, 0.05, Rule("more", 1, 0.3), "refuted"), (-0.29, 0.05, Rule("more", 1, 0.3), "inconclusive"),
    (0.9, 0.05, Rule("more", 1, 0.3), "inconclusive"), (0.0, 0.5, SAME, "confirmed"),
    (0.0, 0.6, SAME, "inconclusive"), (1.2, 0.6, SAME, "refuted"),
    (-1.2, 0.6, SAME, "refuted"), (-1.0, 0.5, SAME, "inconclusive"),
    (100.0, 0.0, ALWAYS, "confirmed"), (95.0, 3.0, ALWAYS, "refuted"), (0.0, 0.0, NEVER, "refuted"),
    (100.0, None, NEVER, "confirmed"), (9.0, 0.1, UNFAIR, "unfair"), (9.0, None, UNFAIR, "unfair"),
])
def test_the_decision_rule(mean: float, half: float | None, rule: Rule, expected: str) -> None:
    assert verdict(Estimate(mean, half, 20), rule) == expected


@pytest.mark.parametrize("rule", [MORE, SAME, ALWAYS])
def test_without_data_nothing_is_decided(rule: Rule) -> None:
    assert verdict(Estimate(0.0, None, 0), rule) == "inconclusive"


def test_the_correction_is_nadeau_and_bengios() -> None:
    values = [1.0, 2.0, 4.0, 3.5]
    s, n = np.std(values, ddof=1), 4
    assert estimate(values, OVERLAP).half_width == pytest.approx(t_quantile(3) * s * math.sqrt(1 / n + OVERLAP))
    twenty = estimate([0.0, 1.0] * 10, OVERLAP), estimate([0.0, 1.0] * 10)
    assert twenty[0].half_width / twenty[1].half_width == pytest.approx(3.10, abs=0.005)  # type: ignore[operator]


def rows(method: str, values: list[float], **where: Any) -> list[dict[str, Any]]:
    return [{"seed": seed, "method": method, "accuracy": v, "cross_entropy": 1 - v, "logit_sqnr_db": None, "seconds": v,
             **where} for seed, v in enumerate(values)]


def test_effects_are_paired_and_signed() -> None:
    records = rows("a", [0.9, 0.8, 0.7]) + rows("b", [0.5, 0.5, 0.5])
    a_minus_b = Reading("id", "a minus b", "accuracy", {"method": "a"}, {"method": "b"})
    assert effects(a_minus_b, records) == pytest.approx([40, 30, 20])
    assert effects(a_minus_b, records[::-1]) == pytest.approx([20, 30, 40])
    assert effects(a_minus_b._replace(less=None), records) == pytest.approx([90, 80, 70])
    ratio = a_minus_b._replace(value="seconds")
    assert effects(ratio, records) == pytest.approx([math.log10(v / 0.5) for v in (0.9, 0.8, 0.7)])
    found = outcome(ratio._replace(rule=Rule("more", 1.1, 1.1)), records, 0.0)
    assert found.effect == pytest.approx((0.9 * 0.8 * 0.7) ** (1 / 3) / 0.5) and found.verdict == "confirmed"
    assert found.interval[0] < found.effect < found.interval[1]  # type: ignore[index, operator]
    assert effects(a_minus_b._replace(less={"method": "c"}), records) == [], "nothing to compare with"
    with pytest.raises(ValueError, match="several records"):
        effects(a_minus_b._replace(more={}), records)


def test_a_control_is_taken_off() -> None:
    records = [r for name, values in (("a", [0.9, 0.8]), ("b", [0.5, 0.6]), ("c", [0.7, 0.7]), ("d", [0.6, 0.7]))
               for r in rows(name, values)]
    a, b, c, d = ({"method": name} for name in "abcd")
    reading = Reading("id", "a minus b, beyond c minus d", "accuracy", a, b, control=(c, d))
    assert effects(reading, records) == pytest.approx([30, 20])
    assert beside(reading, records, "cross_entropy", 0.0).mean == pytest.approx(-0.25)  # type: ignore[union-attr]
    assert beside(reading, records, "logit_sqnr_db", 0.0) is None
    assert effects(reading, [r for r in records if r["method"] != "d" or r["seed"]]) == pytest.approx([20])


def test_an_unfair_comparison_is_no_claim(small: Report) -> None:
    reading = Reading("three", "an example", "accuracy", {"method": "a"}, {"method": "b"}, UNFAIR, False)
    answer = small.answers[0]
    shown = small._replace(answers=[answer._replace(outcomes=[*answer.outcomes, (
        reading, outcome(reading, answer.records, OVERLAP))])])
    assert shown.answers[0].outcomes[-1][1].effect == pytest.approx(35)
    assert to_json(shown) == to_json(small) and to_markdown(shown) == to_markdown(small)


def test_a_rule_without_exception_takes_every_record_of_a_seed() -> None:
    records = rows("a", [1, 1], flag=3) + rows("b", [1, 1], flag=0) + rows("c", [1, 1])
    always = Reading("id", "", "flag", {}, rule=ALWAYS)
    assert effects(always, records) == [0.0, 0.0]
    assert effects(always._replace(more={"method": "a"}), records) == [100.0, 100.0]
    assert effects(always._replace(more={"method": "b"}, rule=NEVER), records) == [100.0, 100.0]
    one_seed = outcome(always._replace(more={"method": "a", "seed": 0}), records, 0.0)
    assert one_seed.verdict == "confirmed", "a rule needs no spread"


# ---------------------------------------------------------------------------------------------- the sentences

def test_sentences_have_what_the_page_needs() -> None:
    ids = [s.id for s in sentences()] + [r.id for s in sentences() for r in s.readings]
    assert len(set(ids)) == len(ids)
    for s in sentences():
        assert s.experiment in EXPERIMENTS and s.readings and s.text and s.caveat and s.sources and s.alt
        assert any(r.on_top for r in s.readings)
        assert all(url.startswith("https://") for _, url in s.sources)
    assert {s.experiment for s in sentences()} == set(EXPERIMENTS)


def words(found: Outcome, **reading: Any) -> str:
    return effect(Reading("id", "says", **{"value": "accuracy", "more": {}, **reading}), found)


def test_effects_in_words() -> None:
    assert words(Outcome(-0.5, (-1.0, 0.0), None, 3, "")) == "-0.50 [-1.00, +0.00] points"
    assert words(Outcome(0.25, None, None, 1, "")) == "+0.25 points"
    assert words(Outcome(3.73, (3.7, 3.8), None, 3, ""), value="model_bytes") == "× 3.73 [3.7, 3.8]"
    assert words(Outcome(95.0, None, None, 20, ""), value="x", rule=ALWAYS) == "held in 19 of 20 seeds"
    assert words(Outcome(None, None, None, 0, "")) == "not measured"


@pytest.fixture
def small() -> Report:
    sentence = sentences()[0]._replace(experiment="qat", readings=(
        Reading("one", "a | b", "accuracy", {"method": "a"}, {"method": "b"}),
        Reading("two", "hidden", "accuracy", {"method": "b"}, {"method": "a"}, on_top=False)))
    records = {"qat": rows("a", [0.9, 0.8, 0.85]) + rows("b", [0.5, 0.5, 0.5])}
    return report((sentence, sentence._replace(experiment="steps")), records, SETTINGS, {"refquant": "0"})


def test_json_holds_each_claim(small: Report) -> None:
    claims = json.loads(to_json(small))["claims"]
    assert [c["id"] for c in claims] == ["one", "two"], "sentences without records are left out"
    first = claims[0]
    assert first["effect"] == pytest.approx(35) and first["n"] == 3 and first["verdict"] == "confirmed"
    assert first["interval"][0] < first["interval_uncorrected"][0] < 35 < first["interval"][1]
    assert first["records"] == "records/qat.json" and first["metric"] == "accuracy" and first["unit"] == "points"
    assert first["beside"]["cross_entropy"]["effect"] == pytest.approx(-0.35)
    assert first["beside"]["logit_sqnr_db"] is None


def test_tables_show_what_belongs_on_top(small: Report) -> None:
    for text in (to_markdown(small), to_text(small)):
        assert small.answers[0].sentence.says in text and "confirmed" in text and "hidden" not in text
    assert "3 seeds" in to_markdown(small) and "refquant 0" in to_markdown(small)


# ---------------------------------------------------------------------------------------------- running

ONE = run.settings(seeds=2, epochs=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("claims")
    written = run.measure(path, ["definitions", "granularity"], ONE, jobs=1)
    assert [p.name for p in written] == ["definitions.json", "granularity.json"]
    return path


@pytest.mark.slow
def test_every_verdict_follows_from_its_records(folder: Path) -> None:
    _, pages = run.publish(folder, ONE)
    assert sorted(p.name for p in pages) == ["claims.html", "claims.json", "claims.md"]
    claims = json.loads((folder / "claims.json").read_text())["claims"]
    readings = {r.id: r for s in sentences() for r in s.readings}
    assert {c["records"] for c in claims} == {"records/definitions.json", "records/granularity.json"}
    for claim in claims:
        records = json.loads((folder / claim["records"]).read_text())["records"]
        found = outcome(readings[claim["id"]], records, OVERLAP)
        assert (found.effect, found.verdict, found.n) == (pytest.approx(claim["effect"]), claim["verdict"], claim["n"])


def test_a_rerun_keeps_what_is_finished(folder: Path) -> None:
    before = {p: p.read_bytes() for p in (folder / "records").iterdir()}
    assert run.measure(folder, ["definitions", "granularity"], ONE, jobs=1) == []
    assert {p: p.read_bytes() for p in (folder / "records").iterdir()} == before


def test_a_file_says_once_how_networks_were_made(folder: Path) -> None:
    found = json.loads((folder / "records" / "granularity.json").read_text())
    assert len(found["networks"]) == 9 < len(found["records"]), "three methods at three widths, whatever the seed"
    assert all(set(found["networks"][r["network"]].items()) <= set(whole.items())
               for r, whole in zip(found["records"], run.unpacked(found), strict=True))
    assert json.loads((folder / "records" / "definitions.json").read_text())["networks"] == []


@pytest.mark.slow
def test_records_do_not_depend_on_jobs(folder: Path, tmp_path: Path) -> None:
    path, = run.measure(tmp_path, ["granularity"], ONE, jobs=2)
    assert path.read_bytes() == (folder / "records" / "granularity.json").read_bytes()


def test_other_settings_and_versions_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for other, key in ((run.settings(3, 2), "seeds 2"), (run.settings(2, 3), "epochs 2")):
        with refused(ValueError, "refquant claims", "same settings", key, "--out"):
            run.measure(folder, ["sides"], other, jobs=1)
    monkeypatch.setattr(run, "__version__", "9.9")
    with refused(ValueError, f"version {rq.__version__}", "9.9"):
        run.measure(folder, ["definitions"], ONE, jobs=1)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_records_that_lack_what_a_claim_reads_are_refused(folder: Path, tmp_path: Path) -> None:
    made = (folder / "records" / "granularity.json").read_text()
    (tmp_path / "records").mkdir()
    first = re.search('.*"seed": 1.*\n', made).group()  # type: ignore[union-attr]
    for broken in (made.replace('"accuracy"', '"accurate"'), made.replace('"NumPy"', '"numpy"'),
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
        run.measure(tmp_path, ["definitions"], ONE, jobs=1)


def test_a_folder_in_a_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records" / "sides.json").mkdir(parents=True)
    with refused(ValueError, "as it was written", "no regular file"):
        run.measure(tmp_path, ["definitions"], ONE, jobs=1)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "records").write_text("")
    with refused(ValueError, "must be a folder"):
        run.measure(tmp_path / "file", ["definitions"], ONE, jobs=1)


def test_missing_seeds_are_refused(folder: Path, tmp_path: Path) -> None:
    made = json.loads((folder / "records" / "granularity.json").read_text())
    made["records"] = [r for r in made["records"] if r["seed"] == 0]
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "granularity.json").write_text(json.dumps(made))
    with refused(ValueError, "granularity.json", "seeds [0]"):
        run.measure(tmp_path, ["definitions"], ONE, jobs=1)


@pytest.mark.slow
def test_a_failing_experiment_loses_no_finished_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("no")

    monkeypatch.setitem(EXPERIMENTS, "granularity", broken)
    with pytest.raises(RuntimeError, match="no"):
        run.measure(tmp_path, ["definitions", "granularity"], ONE, jobs=1)
    assert [p.name for p in (tmp_path / "records").iterdir()] == ["definitions.json"]
