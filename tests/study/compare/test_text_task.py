"""`refquant compare --task text`."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from refquant import lm
from refquant.study.cli import main
from refquant.study.compare.text.methods import METHODS, Shared, Width, model
from refquant.study.compare.text.run import Plan, Record, compare, made_of, run_seed
from refquant.study.compare.text.table import PAIRS, SAMES, beats, bits, difference, grouped, same, table
from refquant.study.stats import Estimate

PLAN = Plan(10 * lm.alice()[10_000:10_700], steps=3, qat_steps=12)


def records(shift: float) -> list[Record]:
    """Records of three seeds whose bits differ from method to method."""
    return [Record(method=name, weight_bits=w.weights, activation_bits=w.inputs, cache_bits=w.cache,
                   outliers=w.outliers, seed=seed, seconds=1.0, model_bytes=10,
                   bits_per_character=2 + i * shift + seed / 100, **made_of(method, PLAN))
            for i, (name, method) in enumerate(METHODS.items()) for w in method.widths for seed in range(3)]


def test_every_pair_is_measured_and_differs_in_what_it_says() -> None:
    found = grouped(records(0.01))
    for _, first, second in (*PAIRS, *SAMES):
        ways = [{key: found[at][0][key] for key in ("weight_rule", "weight_granularity", "activation_rule",
                                                    "activation_range", "rounding", "scales", "rotated", "training",
                                                    "float_training_steps")}
                for at in (first, second)]
        differing = {key for key in ways[0] if ways[0][key] != ways[1][key]}
        trained = {key for key in differing if key in ("training", "rounding", "float_training_steps")}
        assert len(differing) == 1 or differing == trained or (first, second) in [pair[1:] for pair in SAMES], differing


def test_qat_starts_from_the_ranges_of_the_ptq_that_it_is_compared_with() -> None:
    split = lm.split(PLAN.text, 0, context=8)
    start = lm.init(np.random.default_rng(0), split.symbols, lm.Sizes(width=8, heads=2, context=8, layers=1))
    shared = Shared(split, start, start, qat_steps=1, seed=0)
    at = Width(2, 8)
    ptq, gptq, qat = (model(METHODS[name], at, shared) for name in ("output-mse-static-mse", "gptq-static-mse",
                                                                    "qat-ste"))
    assert isinstance(ptq, lm.QuantizedLM) and isinstance(gptq, lm.QuantizedLM) and isinstance(qat, lm.QuantizedLM)
    assert dict(ptq.params)["head weights"] == dict(qat.params)["head weights"] == dict(gptq.params)["head weights"]
    assert dict(ptq.params)["0.down"] == dict(qat.params)["0.down"]


def test_differences_are_paired_within_a_seed() -> None:
    found = grouped(records(0.01))
    e = difference(found, ("output", Width(3)), ("tensor", Width(3)))
    assert e.mean == pytest.approx(0.01) and e.half_width == pytest.approx(0, abs=1e-12)
    assert bits(found, ("float", Width())) == [2.0, 2.01, 2.02]


def test_a_table_names_every_method_and_answers_every_pair() -> None:
    text = table(records(0.001), {"gzip": 2.88})
    assert all(f"\n{name} " in text for name in METHODS) and "gzip 2.88" in " ".join(text.split())
    assert len(re.findall("(?m)  (no|no, worse|yes|open)$", text)) == len(PAIRS) + len(SAMES)


@pytest.mark.parametrize(("mean", "said"), [(-0.2, "yes"), (0.2, "no, worse"), (0.05, "open")])
def test_one_seed_tells_nothing_and_three_may(mean: float, said: str) -> None:
    assert beats(Estimate(mean, 0.1, 3)) == said
    assert beats(Estimate(mean, None, 1)) == same(Estimate(mean, None, 1)) == "open"


@pytest.mark.parametrize(("words", "complaint"), [
    ("--task text --bits 4", "--bits"), ("--text alice.txt", "--task text"), ("--generate 5", "--task text"),
    ("--task text --text missing.txt", "readable"), ("--task text --generate 0", "--generate"),
    ("--task text --formats", "--formats")])
def test_bad_options_leave_no_folder(words: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *words.split()]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"too short", b"\xff\xfe not UTF-8 \x80", "".join(
    map(chr, range(200, 2000))).encode()])
def test_a_text_that_cannot_serve_is_refused(content: bytes, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    assert main(["compare", "--task", "text", "--text", str(file), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_finished_seeds_are_kept_and_others_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refquant.study.compare.text.run.METHODS", {
        name: METHODS[name] for name in ("float", "float-longer", "output", "qat-ste")})
    first = compare(PLAN, 1, 1, tmp_path)
    again = compare(PLAN, 1, 1, tmp_path)
    assert again == first  # seconds too: nothing was measured again
    kept = tmp_path / "text_seed_0.json"
    kept.write_text(kept.read_text()[:-20])
    assert compare(PLAN, 1, 1, tmp_path)[0]["records"][0]["seconds"] != first[0]["records"][0]["seconds"]
    other = compare(PLAN._replace(generate=7), 1, 1, tmp_path)[0]
    assert {len(sample) for sample in other["samples"].values()} == {7}


@pytest.mark.slow
def test_a_run_writes_records_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refquant.study.compare.text.methods.CALIBRATION", 128)
    monkeypatch.setattr("refquant.study.compare.text.command.runs", lambda *_: (1, 1, 1))
    text, out = tmp_path / "text.txt", tmp_path / "out"
    text.write_text(PLAN.text)
    assert main(["compare", "--task", "text", "--text", str(text), "--generate", "2", "--out", str(out)]) == 0
    assert "\ntensor-static W2A8:\n" in capsys.readouterr().out
    with (out / "text.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(json.loads((out / "text.json").read_text())) == sum(len(m.widths) for m in METHODS.values())
    assert {path.name for path in out.glob("*.png")} == {
        "text_bits.png", "text_channels.png", "text_outliers.png", "text_training.png"}
    again = run_seed(Plan(PLAN.text, 25, 5, 2), 0)
    kept = json.loads((out / "text_seed_0.json").read_text())
    assert [{**r, "seconds": 0} for r in again["records"]] == [{**r, "seconds": 0} for r in kept["records"]]
    assert (again["samples"], again["curves"], again["channels"]) == (
        kept["samples"], kept["curves"], kept["channels"])
