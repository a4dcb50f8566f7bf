import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from refquant import mlp
from refquant.methods import adaround
from refquant.study.claims.experiments import EXPERIMENTS, during_training, observe, static_dynamic
from refquant.study.claims.experiments import after_training as experiments
from refquant.study.claims.experiments.after_training import GPTQ, LSQ, MSE, NAIVE, STRONG
from refquant.study.compare import after_training, methods, tasks
from refquant.study.compare.text.run import Made
from refquant.study.datasets import Data, Split, digits


@pytest.fixture(scope="module")
def task() -> tasks.Task:
    """A small one: 70 images to train on, 50 to test on, two epochs."""
    x, labels = digits()
    data = Split(Data(x[:70], labels[:70]), Data(x[70:120], labels[70:120]))
    return tasks.prepare(tasks.Plan(methods=(), data=data, sizes=(64, 8, 10), calibration=64, epochs=2), 0)[0]


@pytest.fixture(scope="module", autouse=True)
def quick_methods() -> Iterator[None]:
    """AdaRound is tested where it is defined; here it only has to be asked."""
    with pytest.MonkeyPatch.context() as patch:
        few = partial(after_training.reconstructed, rounding=partial(adaround, iterations=3))
        patch.setitem(methods.METHODS, STRONG, methods.METHODS[STRONG]._replace(make=few))
        yield


@pytest.fixture(scope="module")
def records(task: tasks.Task) -> dict[str, list[Any]]:
    return {name: experiment(task) for name, experiment in EXPERIMENTS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_returns_flat_records_in_jsons_types(name: str, records: dict[str, list[Any]]) -> None:
    assert EXPERIMENTS[name].__doc__ and records[name]
    for r in records[name]:
        assert r["seed"] == 0 and r["method"]
        assert {type(v) for v in r.values()} <= {str, int, float, bool, type(None)}
        assert 0 <= r.get("accuracy", 0) <= 1
    assert json.loads(json.dumps(records[name], allow_nan=False)) == records[name]
    where = [tuple((k, v) for k, v in r.items() if isinstance(v, str | int)) for r in records[name]]
    assert len(set(where)) == len(where), "each record says where it was measured"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - {"cost"}))
def test_an_experiment_is_a_pure_function(name: str, task: tasks.Task, records: dict[str, list[Any]]) -> None:
    assert EXPERIMENTS[name](task) == records[name]


@pytest.mark.slow
def test_cost_has_a_point_for_each_effort(records: dict[str, list[Any]]) -> None:
    found = [(r["method"], r["effort"], r["training_steps"]) for r in records["cost"] if r["bits"] == 2]
    assert found == [(NAIVE, "1", 0), (MSE, "1", 0), (GPTQ, "1", 0),
                     *((STRONG, str(n), 0) for n in (30, 100, 300, 1000)),
                     *((LSQ, share, 2) for share in ("1/30", "1/10", "1/3", "1"))]
    assert all(r["seconds"] > 0 for r in records["cost"])


def test_seconds_are_the_least_of_three_rounds_the_second_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    clock = iter([0, 5, 0, 1, 0, 2, 0, 9, 0, 3, 0, 4])
    monkeypatch.setattr(experiments.time, "process_time", lambda: next(clock))
    found = experiments._timed([lambda: made.append("a"), lambda: made.append("b")])  # type: ignore[arg-type, func-returns-value]
    assert made == ["a", "b", "b", "a", "a", "b"] and [seconds for _, seconds in found] == [3, 1]


@pytest.mark.slow
def test_learned_steps_are_those_of_compare(task: tasks.Task) -> None:
    deployed, moved = during_training.learned(task, 3)
    assert deployed == observe.made(task, LSQ, 3, 3) and moved.sizes == task.net.sizes


@pytest.mark.slow
def test_every_schedule_and_data_size_takes_its_steps(records: dict[str, list[Any]]) -> None:
    assert sorted({r["images"] for r in records["data-size"] if "images" in r}) == [10, 30, 70]
    steps = {r["training_steps"] for r in records["data-size"] if r["method"] == LSQ}
    assert steps == {2}, "from each number of images as many"
    assert sorted({r["qat_percent"] for r in records["schedule"]}) == [0, 33, 67, 100]
    assert {r["float_epochs"] + r["training_steps"] // 2 for r in records["schedule"]} == {3}


@pytest.mark.slow
def test_labels_are_those_that_the_float_network_never_saw(task: tasks.Task, monkeypatch: pytest.MonkeyPatch,
                                                           records: dict[str, list[Any]]) -> None:
    seen: list[Any] = []
    train = during_training.float_net
    monkeypatch.setattr(during_training, "float_net", lambda plan, data, seed: seen.append(data) or train(
        plan, data, seed))
    taught: list[Any] = []
    watch = during_training.with_training
    monkeypatch.setattr(during_training, "with_training", lambda here, data, n: taught.append(data) or watch(
        here, data, n))
    during_training.labels(task)
    assert (seen[0].x == task.data.train.x[:35]).all() and all(
        (data.x == task.data.train.x[35:35 + len(data.x)]).all() for data in taught)
    assert {r["taught_by"] for r in records["labels"]} == {"labels", "teacher"}


@pytest.mark.slow
def test_other_sizes_are_other_networks(records: dict[str, list[Any]]) -> None:
    sizes = {r["hidden"]: r["model_bytes"] for r in records["sizes"] if r["method"] == "float"}
    assert sizes == {"64-64": 4 * (64 * 64 + 64 * 64 + 64 * 10 + 138), "128-64": 4 * (64 * 128 + 128 * 64 + 640 + 202)}


@pytest.mark.slow
def test_formats_are_as_by_hand(task: tasks.Task, records: dict[str, list[Any]]) -> None:
    found = {r["format"]: r["weight_sqnr_db"] for r in records["formats"] if r["method"] == "weights"}
    error = sum(np.sum((w - np.clip(np.rint(w / (s := np.abs(w).max() / 127)), -127, 127) * s) ** 2)
                for w in task.net.weights)
    assert found["INT8"] == pytest.approx(10 * np.log10(sum(np.sum(w**2) for w in task.net.weights) / error), abs=0.01)
    assert found["INT8"] > found["E4M3"] > found["NF4"] and found["MXFP8, RCEIL"] > found["MXFP4, RCEIL"]


@pytest.mark.slow
def test_imbalance_keeps_the_function(task: tasks.Task) -> None:
    x = task.data.test.x
    uneven = static_dynamic._imbalanced(task.net, 100)
    np.testing.assert_allclose(mlp.forward(uneven, x), mlp.forward(task.net, x), rtol=1e-4, atol=1e-4)
    assert np.abs(uneven.weights[0]).max() > 10 * np.abs(task.net.weights[0]).max()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_record_says_how_its_network_was_made(name: str, records: dict[str, list[Any]]) -> None:
    for r in records[name]:
        made = Made.__annotations__ if name.startswith("text") else observe.MADE
        assert {key for key in made if key in r} == (set() if r["method"] == "weights" else set(made))
        if "bits" in r and r["weight_grid"] not in ("float32", "E4M3"):
            assert str(r["bits"]) in r["weight_grid"] + r["activation_grid"]
        if r["method"].startswith("qat-"):
            assert r["training_steps"] > 0 and r.get("taught_by") != "none"


@pytest.mark.slow
def test_a_record_says_what_its_network_is(task: tasks.Task, records: dict[str, list[Any]]) -> None:
    for r in records["qat"]:
        if r["bits"] == 2 and r["method"] in methods.METHODS:
            layer = observe.made(task, r["method"], 2, 2).layers[0]  # type: ignore[union-attr]
            assert (repr(layer.weight.grid), repr(layer.activation.grid)) == (r["weight_grid"], r["activation_grid"])
            assert (layer.weight.scale.size == 1) == (r["weight_granularity"] == "tensor")


@pytest.mark.slow
def test_text_is_seen_in_windows_in_capital_letters_and_from_scratch(records: dict[str, list[Any]]) -> None:
    seen = {(r["data"], r["calibration_characters"]) for r in records["text-data"] if r["method"] == "static-mse"}
    assert seen == {("1 window", 64), ("8 windows", 512), ("all", 133_631)}
    lost = {name: b["bits_per_character"] - a["bits_per_character"] for name in ("float-longer", "qat-lsq",
            "gptq-static-mse") for a, b in [[r for r in records["text-data"] if r["method"] == name]]}
    assert min(lost["float-longer"], lost["qat-lsq"]) > 0.5 > 10 * abs(lost["gptq-static-mse"]), "training forgets"
    steps = [(r["start"], r["float_training_steps"], r["training_steps"]) for r in records["text-scratch"]]
    assert steps == [("in float", 50, 10), ("from scratch", 0, 60)] * 2
