import csv
import json
import sys
from pathlib import Path

import pytest

from refquant.study import compare, jobs
from refquant.study.compare import methods, run, tasks
from refquant.study.records import Record, summarize

KEYS = ["method", "weight_bits", "activation_bits", "seed", "accuracy", "cross_entropy", "logit_sqnr_db", "seconds",
        "model_bytes", "changed_by_batch_mates", "weight_grid", "weight_rule", "weight_granularity",
        "activation_grid", "activation_rule", "activation_range", "rounding", "biases", "scales", "training",
        "training_steps", "training_images", "calibration_images"]


PLAN = compare.Plan(methods=("ptq-static-minmax", "qat-ste-minmax", "ptq-dynamic-row"), bits=(8, 2))


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return compare.compare(PLAN, seeds=2, jobs=1)


def timeless(records: list[Record]) -> list[dict[str, object]]:
    return [{k: v for k, v in r.items() if k != "seconds"} for r in records]


def test_records_are_complete(records: list[Record]) -> None:
    assert all(list(r) == KEYS for r in records)
    runs = [(r["method"], r["weight_bits"], r["seed"]) for r in records]
    assert runs == [("float", 32, 0), ("float", 32, 1)] + [
        (m, b, s) for m in ("ptq-static-minmax", "qat-ste-minmax", "ptq-dynamic-row") for b in (8, 2) for s in (0, 1)]
    for r in records:
        assert 0 <= r["accuracy"] <= 1 and r["cross_entropy"] > 0 and r["seconds"] > 0 and r["model_bytes"] > 0
        assert r["weight_bits"] == r["activation_bits"]
        assert (r["logit_sqnr_db"] is None) == (r["method"] == "float")


def test_the_expected_pattern(records: list[Record]) -> None:
    mean = {(row.method, row.bits): row.accuracy.mean for row in summarize(records)}
    base = mean["float", 32]
    assert base > 94
    assert all(abs(mean[method, 8] - base) < 1.5 for method in PLAN.methods), "nothing lost at 8 bits"
    assert mean["ptq-static-minmax", 2] < 50 > mean["ptq-dynamic-row", 2], "PTQ collapses at 2"
    assert mean["qat-ste-minmax", 2] > mean["ptq-static-minmax", 2] + 20, "QAT recovers part"


@pytest.mark.slow
def test_records_do_not_depend_on_jobs(records: list[Record]) -> None:
    assert timeless(compare.compare(PLAN, seeds=2, jobs=2)) == timeless(records)


def test_one_seed_shows_no_interval(records: list[Record]) -> None:
    text = compare.table([r for r in records if r["seed"] == 0])
    assert "±" not in text.split("\n\n")[0] and "1 seed." in text


@pytest.mark.slow
def test_files(records: list[Record], tmp_path: Path) -> None:
    paths = compare.save(records, PLAN._replace(epochs=8), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths) == [
        "accuracy.png", "comparison.csv", "comparison.json", "cross_entropy.png", "errors.png", "layer_sqnr.png",
        "logit_sqnr.png",
        "misread.png", "ranges.png", "training.png", "weights.png"]

    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    assert json.loads((tmp_path / "comparison.json").read_text(), parse_constant=no_constant) == records
    with (tmp_path / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [KEYS] * len(records)
    assert [float(row["accuracy"]) for row in rows] == [r["accuracy"] for r in records]
    for path in paths[2:]:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_infinite_sqnr_is_null() -> None:
    task, base = compare.prepare(PLAN._replace(epochs=1), 0)
    x = compare.logits(base.network, task.data.test.x)
    assert run._record(base, x, x, task)["logit_sqnr_db"] is None


@pytest.mark.slow
def test_all_methods_run_and_are_described() -> None:
    plan = compare.Plan(methods=tuple(methods.all_methods()), bits=(8,), epochs=2)
    records = compare.compare(plan, seeds=1, jobs=1)
    assert [r["method"] for r in records] == list(plan.methods)
    assert [r["weight_bits"] for r in records] == [32, 32] + [8] * 23
    longer = records[1]
    assert longer["logit_sqnr_db"] is not None and longer["model_bytes"] == records[0]["model_bytes"]
    assert all(methods.about().values())


def test_groups_are_made_of_the_entries() -> None:
    groups = methods.groups()
    assert groups["default"] == (
        "float", "float-longer", "ptq-static-minmax", "qat-ste-minmax", "ptq-static-mse", "qat-ste-mse", "qat-lsq",
        "ptq-static-percentile-99.9", "ptq-dynamic-tensor", "ptq-dynamic-row")
    assert groups["pairs"] == groups["default"][2:7]
    assert groups["rules"] == (
        "ptq-static-minmax", "ptq-static-percentile-99.9", "ptq-static-mse-tensor", "ptq-static-l3",
        "ptq-static-entropy", "ptq-static-aciq-gaussian", "ptq-static-aciq-laplace", "ptq-static-octav")
    assert groups["all"] == (*groups["default"], *groups["rules"][2:], *groups["qat"][3:], "ptq-static-channel",
                             "ptq-static-block-16", *groups["strong"][1:])


PAIRS = {"qat-ste-minmax": "ptq-static-minmax", "qat-ste-mse": "ptq-static-mse", "qat-lsq": "ptq-static-mse"}


def test_the_two_sides_of_a_pair_differ_in_training_alone() -> None:
    assert {name: methods.partner(name) for name in PAIRS} == PAIRS
    assert not any(methods.partner(name) for name in set(methods.groups()["qat"]) - set(PAIRS)), "no other side"
    plan = compare.Plan(methods=(*PAIRS, *PAIRS.values()), bits=(4,), epochs=2)
    made = {r["method"]: r for r in compare.run_seed(plan, 0)}
    measured = set(KEYS[4:10])
    for qat, ptq in PAIRS.items():
        differ = {key for key in KEYS if made[qat][key] != made[ptq][key]} - measured  # type: ignore[literal-required]
        assert differ == {"method", "training", "training_steps", "training_images"}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_without_a_step_of_training_qat_is_its_partner(name: str) -> None:
    task, _ = compare.prepare(compare.Plan(methods=(), epochs=4), 0)
    grids = tasks.grids(3, 3)
    all_of = methods.all_methods()
    assert all_of[name].make(task, *grids, epochs=0) == all_of[PAIRS[name]](task, *grids)
    assert all_of[name].make(task, *grids, epochs=1) != all_of[PAIRS[name]](task, *grids)
    trained = all_of["qat-ste-mse"].make(task, *grids, epochs=1)
    again = all_of["qat-ste-mse-recalibrated"].make(task, *grids, epochs=1)
    for one, other in zip(trained.layers, again.layers, strict=True):  # type: ignore[union-attr]
        assert one.weight == other.weight and (one.codes == other.codes).all()
    assert trained != again, "calibrated again after training"


def test_one_job_imports_no_multiprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "multiprocessing", None)  # importing it would raise
    assert jobs.run(abs, [-1, -2], jobs=1, label="abs") == [1, 2]


def test_a_failing_task_fails_the_run() -> None:
    with pytest.raises(TypeError):
        jobs.run(abs, ["x"], jobs=2, label="abs")  # type: ignore[list-item]
