import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from refquant import mlp
from refquant.methods import adaround
from refquant.study.claims.experiments import EXPERIMENTS, during_training, observe, static_dynamic
from refquant.study.claims.experiments.after_training import MSE, NAIVE, STRONG
from refquant.study.claims.experiments.during_training import LSQ, STE, STE_MSE
from refquant.study.compare import after_training, methods, tasks
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
        few = partial(after_training._corrected, rounding=partial(adaround, iterations=3))
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
@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - {"cost", "inference"}))
def test_an_experiment_is_a_pure_function(name: str, task: tasks.Task, records: dict[str, list[Any]]) -> None:
    assert EXPERIMENTS[name](task) == records[name]


@pytest.mark.slow
def test_conversion_counts_gradients_and_hashes_the_network(records: dict[str, list[Any]]) -> None:
    converted = [r for r in records["conversion"] if r["method"] != "float"]
    assert len(converted) == 21 and all(r["network_unchanged"] and r["loss_gradients"] == 0 for r in converted)
    assert {r["method"]: r["gradient_steps"] > 0 for r in converted} == {NAIVE: False, MSE: False, STRONG: True}


@pytest.mark.slow
def test_cost_counts_the_steps_of_training(records: dict[str, list[Any]]) -> None:
    steps = {r["method"]: r["gradient_steps"] for r in records["cost"]}
    assert steps["float"] == 2 * 2 and steps[LSQ] == steps[STE] == steps[STE_MSE] == 2 and steps[NAIVE] == 0
    assert all(r["seconds"] > 0 and (r["labels"] == 0) == r["method"].startswith("ptq") for r in records["cost"])


@pytest.mark.slow
def test_counted_ends_with_the_block() -> None:
    with observe.counted(observe.grids) as calls, pytest.raises(ValueError, match="bits"):
        observe.grids(8, 1)
    observe.grids(8, 8)
    assert calls == {"grids": 1}


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [None, 3])
def test_learned_steps_are_those_of_compare(epochs: int | None, task: tasks.Task) -> None:
    deployed, moved = during_training.learned(task, 3, epochs=epochs)
    assert deployed == observe.made(task, LSQ, 3, 3, **{} if epochs is None else {"epochs": epochs})
    assert moved.sizes == task.net.sizes
    assert deployed != during_training.learned(task, 3, epochs=epochs, by_sgd=True)[0]


@pytest.mark.slow
def test_every_schedule_and_data_size_takes_its_steps(task: tasks.Task, records: dict[str, list[Any]]) -> None:
    assert sorted({r["images"] for r in records["data-size"]}) == [10, 30, 70]
    assert sorted({r["qat_percent"] for r in records["schedule"]}) == [0, 10, 33, 67, 100]
    calls: dict[str, int]
    with observe.counted(mlp.model.value_and_pullback) as calls:
        EXPERIMENTS["data-size"](task)
    assert calls == {"value_and_pullback": 3 * 2 * 2}, "from each number of images, at both widths, as many steps"


@pytest.mark.slow
def test_imbalance_keeps_the_function(task: tasks.Task) -> None:
    x = task.data.test.x
    uneven = static_dynamic._imbalanced(task.net, 100)
    np.testing.assert_allclose(mlp.forward(uneven, x), mlp.forward(task.net, x), rtol=1e-4, atol=1e-4)
    assert np.abs(uneven.weights[0]).max() > 10 * np.abs(task.net.weights[0]).max()


@pytest.mark.slow
def test_definitions(records: dict[str, list[Any]]) -> None:
    ranges = {r["method"]: r["ranges"] for r in records["definitions"]}
    assert ranges["ptq-static-minmax"] == ranges["ptq-dynamic-tensor"] == 1 < ranges["ptq-dynamic-row"]
    assert all(r["static_on_the_image_is_dynamic"] for r in records["definitions"])


@pytest.mark.slow
def test_the_best_static_is_the_best_of_those_tested(records: dict[str, list[Any]]) -> None:
    for place in {r["place"] for r in records["shifts"]}:
        found = [r for r in records["shifts"] if r["place"] == place and r["bits"] == 4]
        best, = (r for r in found if r["method"] == static_dynamic.BEST)
        others = [r["accuracy"] for r in found if r["method"] not in (static_dynamic.BEST, static_dynamic.PER_IMAGE)]
        assert best["accuracy"] == max(others)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_record_says_how_its_network_was_made(name: str, records: dict[str, list[Any]]) -> None:
    for r in records[name]:
        assert {key for key in observe.MADE if key in r} == (set() if name == "definitions" else set(observe.MADE))
        if "bits" in r and r["weight_grid"] != "float32":
            assert str(r["bits"]) in r["weight_grid"] + r["activation_grid"]
        if r["method"].startswith("qat-"):
            assert r["training_steps"] > 0 and r["taught_by"] != "none" != r["optimizer"]


@pytest.mark.slow
def test_a_record_says_what_its_network_is(task: tasks.Task, records: dict[str, list[Any]]) -> None:
    for r in records["qat"]:
        if r["bits"] == 2 and r["method"] in methods.METHODS:
            layer = observe.made(task, r["method"], 2, 2).layers[0]  # type: ignore[union-attr]
            assert (repr(layer.weight.grid), repr(layer.activation.grid)) == (r["weight_grid"], r["activation_grid"])
            assert (layer.weight.scale.size == 1) == (r["weight_granularity"] == "tensor")
