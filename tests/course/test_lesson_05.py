"""The checks of lesson 05 tell every kind of wrong answer from every other, and pass the right one."""

from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import INT4, UINT4, IntGrid, dynamic_params, mlp, quantize, static_params
from refquant.course.lesson_05 import checks, shifts
from refquant.course.lesson_05.checks import brightened, codes, second_row, stories, with_hot_pixels
from refquant.observers import histogram_observer
from refquant.study.compare.tasks import Plan, Task, prepare

BATCHES, X = ([-1.0, 0.5], [0.2, 2.0]), [-0.45, 0.55, 1.8, 3.4]
STATIC, DYNAMIC = [3, 8, 14, 15], [0, 4, 9, 15]


@pytest.mark.parametrize(("static", "dynamic", "saturated", "said"), [
    (None, None, None, "Not answered yet: set static_codes, dynamic_codes and saturated"),
    (STATIC, DYNAMIC, None, "Not answered yet"),
    (STATIC, DYNAMIC, [3.4], "Right: the static range saturates 3.4."),
    (np.uint8(STATIC), np.array(DYNAMIC), (3.4,), "Right"),
    (STATIC, DYNAMIC, 3.4, "Right"),
    (STATIC[:3], DYNAMIC, [3.4], "static: one code for each of the 4 values; you give 3"),
    (STATIC, 15, [3.4], "dynamic: one code for each of the 4 values; you give 1"),
    (DYNAMIC, STATIC, [3.4], "static: those are the codes of the other range"),
    (STATIC, STATIC, [3.4], "dynamic: those are the codes of the other range"),
    ([3, 8, 14, 22], DYNAMIC, [3.4], "static: 22 is no code: the grid ends at 0 and 15"),
    ([-2, 3, 9, 17], DYNAMIC, [3.4], "static: the zero point is missing, and nothing is clipped"),
    ([-5, 0, 6, 7], DYNAMIC, [3.4], "static: -5 is no code"),
    ([3, 8, 13, 15], DYNAMIC, [3.4], "static: the code of 1.8 is not 13. First the range"),
    (STATIC, [0, 4, 8, 15], [3.4], "dynamic: the code of 1.8 is not 8"),
    ([2.75, 7.75, 14, 15], DYNAMIC, [3.4], "static: 2.75 is no code: round to whole steps"),
    (STATIC, [0, None, 9, 15], [3.4], "dynamic_codes: write numbers"),
    (STATIC, DYNAMIC, [], "saturated: some values lie outside"),
    (STATIC, DYNAMIC, [15], "saturated: give values of x, not codes"),
    (STATIC, DYNAMIC, [1.8, 3.4], "saturated: these are not the right values"),
])
def test_codes(static: Any, dynamic: Any, saturated: Any, said: str) -> None:
    message = codes(BATCHES, X, UINT4, static, dynamic, saturated)
    assert says(message, said)


def test_a_code_at_the_end_is_not_saturation() -> None:
    x = [-1.0, 2.0, 3.0]
    static, dynamic = (quantize(x, p) for p in (static_params(BATCHES, UINT4), dynamic_params(x, UINT4)))
    assert "a code at the end is not yet saturation" in codes(BATCHES, x, UINT4, static, dynamic, x)
    assert "saturates 3." in codes(BATCHES, x, UINT4, static, dynamic, [3.0])
    inside = quantize([1.0], static_params(BATCHES, UINT4)), quantize([1.0], dynamic_params([1.0], UINT4))
    assert "Right: the static range saturates nothing." in codes(BATCHES, [1.0], UINT4, *inside, [])


@pytest.mark.parametrize("which", ["static", "dynamic"])
@pytest.mark.parametrize("grid", [UINT4, INT4])
def test_every_mistake_is_named(which: str, grid: IntGrid) -> None:
    batches, x = [np.array(batch) for batch in BATCHES], np.array(X)
    right = {"static": quantize(x, static_params(BATCHES, grid)), "dynamic": quantize(x, dynamic_params(x, grid))}
    said = []
    for why, wrong in checks.mistakes(batches, x, grid, which).items():
        message = codes(BATCHES, X, grid, **{**right, which: wrong}, saturated=[3.4])
        if not np.array_equal(wrong, right[which]):
            assert message == f"Not yet: {which}: {why}"
            said.append(message)
    assert len(set(said)) == len(said) >= 6


SAMPLE, WORSE, BETTER = [0.2, 0.5, 0.7, 0.9], [0.0, 0.0, 0.0, 0.97], [0.0, 0.0, 0.0, 1.5]


@pytest.mark.parametrize(("worse", "better", "rows_too", "said"), [
    (None, None, None, "Not answered yet: set worse, better and rows_too"),
    (WORSE, BETTER, None, "Not answered yet"),
    (WORSE, BETTER, False, "Right: per batch, one row changes"),
    ([-0.08, 0, 0, 0], [1.5, 1, 0, 0], False, "Right"),
    (np.float32([0.99, 0, 0, 0]), np.array(BETTER), np.False_, "Right"),
    ([0.97], BETTER, False, "worse: give 4 finite values"),
    (WORSE, [1.5, np.inf, 0, 0], False, "better: give 4 finite values"),
    ([0.1, 0.3, 0.5, 0.9], BETTER, False, "worse: it lies within the sample's own range"),
    (WORSE, [0.0, 0.1, 0.2, 0.3], False, "better: it lies within the sample's own range"),
    ([0, 0, 0, 1.5], BETTER, False, "worse: it reaches more than 10 %"),
    ([-0.2, 0, 0, 0], BETTER, False, "worse: it reaches more than 10 %"),
    ([0, 0, 0, 0.91], BETTER, False, "worse: the step grows too little"),
    (WORSE, [0, 0, 0, 4.0], False, "beside this row. Of which step is every value"),
    (WORSE, WORSE, False, "beside this row"),
    (WORSE, BETTER, True, "rows_too: with axis=-1 each row has its own range"),
])
def test_second_row(worse: Any, better: Any, rows_too: Any, said: str) -> None:
    message = second_row(SAMPLE, UINT4, worse, better, rows_too)
    assert says(message, said)


@pytest.fixture(scope="module")
def task() -> Task:
    return prepare(Plan(methods=(), epochs=30), seed=0)[0]


def percentile_99(x: Any, axis: Any = None, counts: Any = None) -> Any:
    from refquant import percentile

    return percentile(x, 99.0, axis, counts=counts)


def test_stories(task: Task) -> None:
    net, x, labels = task.net, *task.data.test
    rng, ordinary = np.random.default_rng(0), np.concatenate(task.calibration)
    uneven, broken = brightened(ordinary, rng), with_hot_pixels(ordinary, rng)
    believing, static4 = (mlp.ptq_static(net, [images], activation_grid=UINT4) for images in (broken, uneven))
    dynamic, dynamic4 = mlp.ptq_dynamic(net), mlp.ptq_dynamic(net, activation_grid=UINT4)
    coarse = IntGrid(2, narrow=True)
    right: dict[str, Any] = {
        "microcontroller": mlp.ptq_static(net, [ordinary]),
        "brightness": dynamic4,
        "sensor": mlp.ptq_static(net, [broken], observer=histogram_observer(percentile_99)),
    }
    assert stories(net, x, labels, **right).startswith("Right: ")
    assert stories(net, x, labels, **{**right, "sensor": right["microcontroller"]}).startswith("Right: ")
    for story, network, said in (
            ("brightness", None, "Not answered yet: set microcontroller"),
            ("sensor", net, "sensor: give a quantized network"),
            ("microcontroller", dynamic, "its biases are float32"),
            ("microcontroller", mlp.ptq_static(net, [ordinary / 50]), "look at the calibration data"),
            ("brightness", dynamic, "4 bits for activations at most"),
            ("brightness", static4, "One range for all must be"),
            ("brightness", mlp.ptq_dynamic(net, activation_grid=UINT4, axis=None), "Give each row its own"),
            ("brightness", mlp.ptq_dynamic(net, activation_grid=UINT4, weight_grid=coarse), "the bits of the weights"),
            ("sensor", dynamic, "A dynamic range reaches to the hot pixel"),
            ("sensor", believing, "your observer kept them"),
            ("sensor", mlp.ptq_static(net, [ordinary], weight_grid=coarse), "change the bits, or clip less"),
    ):
        message = stories(net, x, labels, **{**right, story: network})
        assert says(message, said)


def test_what_the_stories_measure() -> None:
    x = np.random.default_rng(0).random((200, 64), np.float32)
    before = x.copy()
    hit = with_hot_pixels(x, np.random.default_rng(1), share=0.1)
    assert ((hit == checks.HOT).sum(axis=1) == (hit != x).sum(axis=1)).all()
    assert (hit == checks.HOT).sum() == 20
    uneven = brightened(x, np.random.default_rng(1))
    assert np.ptp(uneven / x, axis=1).max() < 1e-4 and np.ptp((uneven / x)[:, 0]) > 3
    assert np.array_equal(x, before)


def test_batch_mates_change_predictions_per_batch_and_never_per_row() -> None:
    rng = np.random.default_rng(0)
    net, x = mlp.init(rng, (4, 16, 3)), rng.random((200, 4), np.float32) * rng.lognormal(size=(200, 1))
    three = {"activation_grid": IntGrid(3, signed=False)}
    assert checks.batch_mates(mlp.ptq_dynamic(net, axis=None, **three), x.astype(np.float32)) > 0
    assert checks.batch_mates(mlp.ptq_dynamic(net, axis=-1, **three), x.astype(np.float32)) == 0


def test_shifts_predict_as_float_does_and_each_image_alone() -> None:
    rng = np.random.default_rng(1)
    x = (rng.integers(0, 17, (300, 64)) / 16).astype(np.float32)
    net = mlp.init(rng, (64, 32, 32, 10))
    net = mlp.Net(weights=net.weights, biases=tuple(rng.normal(size=b.size).astype(np.float32) for b in net.biases))
    got = shifts.predictions(net, x)
    assert np.mean(got == mlp.forward(net, x).argmax(axis=1)) > 0.97
    assert np.array_equal(got[:1], shifts.predictions(net, x[:1]))
    assert np.array_equal(shifts.bit_length(np.arange(5)), [0, 1, 2, 2, 3])
