"""What joins a table at run time, without a change to any file, is found wherever the table is used."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase

from refquant import INT4, affine_params, fake_quantize, mse_optimal, sqnr_db
from refquant.clipping import CLIPPING_RULES, ClippingRule, minmax
from refquant.clipping.statistics import mean_and_deviation
from refquant.study import claims
from refquant.study.claims import run as claims_run
from refquant.study.claims.experiments import EXPERIMENTS
from refquant.study.claims.verdicts import Reading, Sentence
from refquant.study.cli import main
from refquant.study.compare import METHODS, Plan, output, run_seed
from refquant.study.compare import command as compare_command
from refquant.study.compare.figures import accuracy_against_bits
from refquant.study.compare.methods import Method, groups, line_style
from refquant.study.datasets import Data, Split, digits
from refquant.study.inspect.report import inspect_arrays
from refquant.study.inspect.table import details
from refquant.study.plots.style import figure, rule_style
from refquant.study.records import summarize
from refquant.testing import LAWS, holds

X, LABELS = digits()
SMALL = Split(Data(X[:70], LABELS[:70]), Data(X[70:120], LABELS[70:120]))
PLAN = Plan(methods=(), bits=(4,), data=SMALL, sizes=(64, 8, 10), calibration=64, epochs=2)


def one_deviation(x: Any, axis: Any = None, *, counts: Any = None) -> Any:
    """[mean - deviation, mean + deviation]."""
    middle, side = mean_and_deviation(x, axis, counts)
    return (middle - side).astype(x.dtype), (middle + side).astype(x.dtype)


def widest(x: Any, axis: Any = None, *, counts: Any = None) -> Any:
    """Wrong: the widest of these ranges for every slice."""
    lo, hi = one_deviation(x, axis, counts=counts)
    return np.full_like(lo, lo.min()), np.full_like(hi, hi.max())


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words]) == 0
    return capsys.readouterr().out


def planned(*methods: str) -> Plan:
    """What `refquant compare --methods ...` would do."""
    asked = SimpleNamespace(methods=list(methods) or None, bits=["4"], data=None, sizes=None, calibration="64",
                            net=None, grids=None)
    return compare_command.plan_of(asked, epochs=2)


# ---------------------------------------------------------------------------------------------- a clipping rule

@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(CLIPPING_RULES, "one_deviation", ClippingRule(one_deviation))
    return "one_deviation"


def test_a_rule_is_a_method_of_compare(rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "ptq-static-one-deviation"
    assert f"{name}  " in listed(capsys, "compare", "--list-methods")
    assert planned("rules").methods[-1] == name and planned(name).methods == (name,)
    records = run_seed(PLAN._replace(methods=(name, "ptq-static-minmax")), seed=0)
    assert [r["method"] for r in records] == ["float", "ptq-static-minmax", name]
    assert records[1]["accuracy"] != records[2]["accuracy"], "the rule decides the ranges"
    drawn = accuracy_against_bits(summarize(records))
    assert line_style(name)["label"] == "static, one_deviation" in str(drawn.axes[0].get_legend_handles_labels()[1])
    assert rule_style(rule)["label"] == rule


def test_a_rule_is_tried_by_inspect(rule: str) -> None:
    x = np.linspace(-1, 3, 64, dtype=np.float32)
    [record] = inspect_arrays({"w": x}, bits=[4], rules=[rule]).records
    found = {m.scheme.name: m.sqnr_db for m in record.schemes if m.scheme.rule == rule}
    params = affine_params(*one_deviation(x), INT4)
    assert found.keys() == {"int4", "int4 affine"}
    assert found["int4 affine"] == pytest.approx(sqnr_db(x, fake_quantize(x, params)))
    assert f"int4 affine {rule}" in details(record)


def test_the_laws_try_a_rule(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    law = LAWS["clipping_rules_look_at_each_slice_alone"]
    for name in set(CLIPPING_RULES) - {rule}:
        monkeypatch.delitem(CLIPPING_RULES, name)  # the others are tested elsewhere
    holds(law, max_examples=25)
    monkeypatch.setitem(CLIPPING_RULES, rule, ClippingRule(widest))
    with pytest.raises(AssertionError, match="R12"):
        holds(law, max_examples=25, phases=[Phase.generate])


def test_a_rule_may_take_options() -> None:
    from refquant import INT4, UINT4, affine_params, symmetric_params

    taken = ClippingRule(partial(mse_optimal), ("grid", "fit")).on(INT4, symmetric_params, one_sided=True)
    assert taken.keywords == {"grid": INT4, "fit": symmetric_params}
    assert ClippingRule(minmax).on(INT4) is minmax
    percentile = CLIPPING_RULES["percentile"].on(UINT4, affine_params, one_sided=True, percent=90.0)
    assert percentile.keywords == {"one_sided": True, "percent": 90.0}


# ---------------------------------------------------------------------------------------------- a method

def ptq_static_blind(task: Any, weights: Any, activations: Any) -> Any:
    """PTQ, static: calibrated on one image alone."""
    return METHODS["ptq-static-minmax"](task._replace(plan=task.plan._replace(calibration=1)), weights, activations)


def test_a_method_is_listed_run_and_drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(METHODS, "ptq-blind", Method(ptq_static_blind, ("default", "few"), {
        "color": "#123456", "marker": "x", "label": "static, one image"}))
    said = listed(capsys, "compare", "--list-methods")
    assert "PTQ, static: calibrated on one image alone." in said and "few           ptq-blind\n" in said
    assert groups()["few"] == ("ptq-blind",) == planned("few").methods
    assert planned().methods[-1] == "ptq-blind", "it is a default one"
    records = run_seed(PLAN._replace(methods=("ptq-blind",)), seed=0)
    assert [r["method"] for r in records] == ["float", "ptq-blind"]
    panel = accuracy_against_bits(summarize(records)).axes[0]
    assert panel.get_title() == "quantized after training (PTQ)"
    assert any(line.get_color() == "#123456" for line in panel.get_lines())


def test_an_unknown_method_is_still_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--methods", "ptq-blind"]) == 2
    assert "must take known names; got 'ptq-blind'" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------- a figure of compare

def test_a_figure_is_drawn_and_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(output.FIGURES):
        monkeypatch.delitem(output.FIGURES, name)
    monkeypatch.setitem(output.FIGURES, "mine.png", lambda seen: figure()[0] if seen.rows and seen.runs else None)
    monkeypatch.setitem(output.FIGURES, "none.png", lambda _: None)
    paths = output.save(run_seed(PLAN, seed=0), PLAN, tmp_path)
    assert [path.name for path in paths] == ["comparison.csv", "comparison.json", "mine.png"]
    assert (tmp_path / "mine.png").read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------------------------------------- a claim

def half_of_the_images(task: Any) -> list[dict[str, Any]]:
    """How many images there are."""
    return [{"seed": task.seed, "method": method, "accuracy": accuracy + task.seed / 10}
            for method, accuracy in (("house", 0.6), ("float", 0.1))]


@pytest.mark.slow
def test_a_claim_is_measured_and_on_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    sentence = Sentence(
        "house-quick", "Our house is quick.", "house", (
            Reading("house-quick.all", "everywhere: our house against float", {"method": "house"}, {"method": "float"},
                    "accuracy"),),
        "Measured at home.", "No.", (("our house", "https://example.org"),))
    monkeypatch.setitem(claims.CLAIMS, "Our house", (sentence,))
    monkeypatch.setitem(EXPERIMENTS, "house", half_of_the_images)
    assert "house: How many images there are.\n    house-quick" in listed(capsys, "claims", "--list")
    said = listed(capsys, "claims", "--only", "house-quick", "--seeds", "5", "--quick", "--jobs", "1", "--out",
                  str(tmp_path))
    assert "confirmed     everywhere: our house against float: the first is better, +50.00 [+50.00, +50.00] p" in said
    page = (tmp_path / "claims.html").read_text(encoding="utf-8")
    assert "<h2>Our house</h2>" in page and '<section class="claim" id="house-quick">' in page
    assert [c["id"] for c in json.loads((tmp_path / "claims.json").read_text())["claims"]] == ["house-quick.all"]
    assert "Our house is quick." in (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert claims_run.published(tmp_path).answers[0].sentence == sentence
