"""The checks of lesson 06 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import IntGrid, mlp
from refquant.course.lesson_06 import checks
from refquant.course.lesson_06.checks import calibration, layer, size
from refquant.study.compare.tasks import Plan, Task, prepare


@pytest.mark.parametrize(("in_float", "quantized", "said"), [
    (None, None, "Not answered yet: set both"),
    (4840, None, "Not answered yet: set both"),
    (4840, 714, "Right: 4840 and 714 bytes, 6.78 times fewer, not 8 times"),
    (1210, 714, "how many numbers there are"),
    (4736, 714, "the weights alone. Biases are float32"),
    (360, 714, "those are the units"),
    (5000, 714, "nothing else is stored"),
    (4840, 592, "the weight codes alone"),
    (4840, 610, "the biases are missing"),
    (4840, 623, "the biases are not in 4 bits"),
    (4840, 636, "the biases are not in 8 bits"),
    (4840, 696, "the scales and the zero points are missing"),
    (4840, 712, "the zero points of the inputs are missing"),
    (4840, 706, "each layer has two scales"),
    (4840, 810, "that is per channel"),
    (4840, 1306, "the weights take a byte each"),
    (4840, 716, "weights are symmetric"),
    (4840, 720, "it takes one byte, not four"),
    (4840, 605, "add up per layer"),
])
def test_size(in_float: int | None, quantized: int | None, said: str) -> None:
    message = size((64, 16, 10), 4, in_float, quantized)
    assert says(message, said)


@pytest.mark.parametrize(("sizes", "bits"), [((64, 16, 10), 4), ((64, 32, 32, 10), 3), ((5, 3, 2), 2), ((7, 3), 8)])
def test_the_payload_is_that_of_a_quantized_network(sizes: tuple[int, ...], bits: int) -> None:
    rng = np.random.default_rng(0)
    net = mlp.init(rng, sizes)
    qnet = mlp.ptq_static(net, [rng.random((8, sizes[0]))], weight_grid=IntGrid(bits, narrow=True))
    assert sum(checks.payload(sizes, bits).values()) == qnet.nbytes
    assert size(sizes, bits, net.nbytes, qnet.nbytes).startswith("Right: ")


def right(q_x: Any, z_x: int, scale_x: float, q_w: Any, scale_w: float, b: Any) -> Any:
    acc = (q_x.astype(np.int32) - z_x) @ q_w.astype(np.int32)
    return (acc + np.rint(b / (scale_x * scale_w))) * (scale_x * scale_w)


def corrected(q_x: Any, z_x: int, scale_x: float, q_w: Any, scale_w: float, b: Any) -> Any:
    acc = q_x.astype(int) @ q_w.astype(int) - z_x * q_w.sum(axis=0, dtype=int)
    return np.float32(scale_x * scale_w) * (acc + np.rint(b / (scale_x * scale_w)).astype(np.int32))


def overwrites(q_x: Any, *others: Any) -> Any:
    y = right(q_x, *others)
    q_x[:] = 0
    return y


def known(why: str) -> Callable[..., Any]:
    """The layer that makes one mistake of the table."""
    return lambda *probe: checks.mistakes(*probe)[why]


WRONG_LAYERS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: your function returns None"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
    "too narrow": (lambda q_x, z_x, *_: q_x - z_x * 100, "Eight bits are too narrow"),
    "writes": (overwrites, "wrote to what it was passed"),
    "transposed": (lambda *a: right(*a)[0], "(n, n_out) reals, shape (2, 2); yours has shape (2,)"),
    "narrow subtraction": (lambda q_x, z_x, sx, q_w, sw, b: sx * sw * (
        (q_x - np.uint8(z_x)) @ q_w.astype(int) + np.rint(b / (sx * sw))), "wraps round in uint8"),
    "another": (lambda *a: right(*a) + 1, "go step by step"),
}


@pytest.mark.parametrize("name", WRONG_LAYERS)
def test_wrong_layer(name: str) -> None:
    yours, said = WRONG_LAYERS[name]
    message = layer(yours)
    assert says(message, said)


@pytest.mark.parametrize("why", checks.mistakes(*checks.PROBES[0]))
def test_every_mistake_of_the_table_is_named(why: str) -> None:
    assert layer(known(why)).startswith(f"Not yet: {why}. For output [")


@pytest.mark.parametrize("yours", [right, corrected, lambda *a: right(*a).tolist()])
def test_right_layer(yours: Callable[..., Any]) -> None:
    assert layer(yours).startswith("Right: ")


def test_the_right_layer_is_that_of_a_quantized_net() -> None:
    rng = np.random.default_rng(0)
    net = mlp.init(rng, (6, 4))
    made = mlp.ptq_static(net, [rng.normal(size=(20, 6))]).layers[0]
    at: Any = made.activation
    q_x = rng.integers(0, 256, (5, 6)).astype(np.uint8)
    got = checks.expected(q_x, int(at.zero_point), float(at.scale), made.codes, float(made.weight.scale),
                             net.biases[0])
    x = (at.scale * (q_x.astype(np.float32) - at.zero_point)).astype(np.float32)
    assert np.array_equal(got, mlp.linear(made, x))


@pytest.fixture(scope="module")
def task() -> Task:
    return prepare(Plan(methods=(), epochs=20), seed=0)[0]


def test_calibration_refuses_what_is_no_image(task: Task) -> None:
    assert calibration(task, None) == "Not answered yet: set images."
    for shape in ((64,), (0, 64), (65, 64), (1, 63)):
        assert "1 to 64 images of 64 pixels" in calibration(task, np.zeros(shape))
    for pixel in (-0.1, 1.5, np.nan, np.inf):
        assert "a pixel is a number from 0 to 1" in calibration(task, np.full((1, 64), pixel))


def test_calibration(task: Task) -> None:
    x = task.data.train.x
    assert calibration(task, np.full((1, 64), 0.001)).startswith("Right: ")
    assert calibration(task, np.zeros((1, 64)).tolist()).startswith("Right: ")
    assert calibration(task, x[:64] * 0.01).startswith("Right: ")
    assert "the range is that of the test images" not in calibration(task, x[:1] * 0.5)
    assert "Your largest pixel, 0.5, is the end" in calibration(task, x[:1] / x[:1].max() / 2)
    assert "range is that of the test images. Make the range wrong" in calibration(task, x[:64])
