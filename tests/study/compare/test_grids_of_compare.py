"""`refquant compare --grids`: weights and activations on a named grid."""

import json
from pathlib import Path
from typing import Any

import pytest

import refquant as rq
from refquant import mlp
from refquant.study.cli import main
from refquant.study.compare import Plan, prepare, run_seed
from refquant.study.compare.methods import all_methods, networks
from refquant.study.datasets import Data, Split, digits
from refquant.study.records import Record, label, summarize

GRIDS = (rq.E4M3, rq.E5M2, rq.NF4)
PLAN = Plan(methods=("ptq-static-minmax", "qat-lsq", "ptq-static-octav"), bits=(4,), grids=GRIDS, epochs=2)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return run_seed(PLAN, seed=0)


def test_a_record_says_its_grid(records: list[Record]) -> None:
    made = [(r["method"], r["weight_grid"], r["activation_grid"], r["weight_bits"]) for r in records[1:5]]
    assert made == [("ptq-static-minmax", "E4M3", "E4M3", 8), ("ptq-static-minmax", "E5M2", "E5M2", 8),
                    ("ptq-static-minmax", "IntGrid(4, narrow=True)", "UINT4", 4),
                    ("ptq-static-minmax", "NF4", "NF4", 4)]


def test_two_grids_of_one_width_are_two_rows(records: list[Record]) -> None:
    rows = {(row.method, label(row.width)): row.sqnr_db for row in summarize(records)}
    assert [name for method, name in rows if method == "qat-lsq"] == ["E4M3", "E5M2", "W4A4", "NF4"]
    better, worse = (rows["ptq-static-minmax", name] for name in ("E4M3", "E5M2"))
    assert better is not None and worse is not None and better.mean > worse.mean + 3, "a mantissa bit is 6 dB"


def test_what_needs_equal_steps_is_left_out(records: list[Record]) -> None:
    assert [r["weight_bits"] for r in records if r["method"] == "ptq-static-octav"] == [4]
    assert {name for name, method in all_methods().items() if method.stepped} == {
        "ptq-static-entropy", "ptq-static-aciq-gaussian", "ptq-static-aciq-laplace", "ptq-static-octav",
        "ptq-static-adaround"}


@pytest.mark.slow
def test_every_other_method_runs_on_a_float_grid_and_on_a_codebook() -> None:
    names = tuple(name for name, method in all_methods().items() if not method.stepped)
    x, labels = digits()
    small = Split(Data(x[:70], labels[:70]), Data(x[70:120], labels[70:120]))
    task, _ = prepare(Plan(names, (), small, (64, 4, 10), calibration=64, epochs=2, grids=(rq.E2M1, rq.NF4)), 0)
    runs = [run for run in networks(task) if run.grids]
    assert [run.width for run in runs] == ["E2M1", "NF4"] * (len(names) - 2)
    for run in runs:
        assert isinstance(run.network, mlp.QuantizedNet)
        for layer in run.network.layers:
            assert layer.weight.grid == layer.activation.grid == run.grids[0]


@pytest.mark.parametrize(("words", "said"), [
    (["E9M9"], "a grid must have a known name; got 'E9M9'. Hint: INT2, "), ([","], "got ''"), (["E8M0"], "got E8M0"),
    (["E4M3,"], "got ''"), (["UINT8"], "both sides of 0, for weights have signs; got UINT8"), (["INT32"], "16 bits")])
def test_a_bad_grid_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--grids", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_the_command_takes_names_in_any_case(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refquant.study.compare.output.FIGURES", {})
    words: Any = ["--quick", "--seeds", "1", "--jobs", "1", "--methods", "ptq-static-minmax,ptq-static-octav"]
    assert main(["compare", *words, "--grids", "e4m3,e2m1", "NF4", "--save", str(tmp_path / "nets"), "--out",
                 str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "ptq-static-octav left out on floats and codebooks: equal steps are needed." in err
    assert [r["weight_grid"] for r in json.loads((tmp_path / "comparison.json").read_text())] == [
        "float32", "E4M3", "E2M1", "NF4"]
    assert all(f"\nptq-static-minmax  {name} " in out for name in ("E4M3", "E2M1", "NF4"))
    assert {path.name for path in (tmp_path / "nets").iterdir()} == {
        f"ptq-static-minmax-{name}.npz" for name in ("E4M3", "E2M1", "NF4")}
