"""What is true by definition or by counting: executed once, without seeds, intervals or verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ... import mlp
from ...affine import AffineParams, fake_quantize
from ...calibration import dynamic_params, static_params
from ...gaussian import block_gaussian_mse
from ...grids import E2M1, E4M3, INT4, INT8, NF4, UINT8
from ...metrics import sqnr_db
from ...ranges import symmetric_params
from ...scales import mx_params, mx_rceil_params
from ..compare.methods import all_methods
from ..compare.tasks import Plan, Task, grids
from ..datasets import Data, Split
from .experiments.after_training import GPTQ, MSE, NAIVE, STRONG

SIZES = (64, 32, 32, 10)
HALF = 10 * math.log10(2)  # decibels


class Check(NamedTuple):
    """What is said, what runs (whether it is so, and the figures), and what it answers if it is so."""

    says: str
    run: Callable[[], tuple[bool, str]]
    answer: str = "yes"


def _task() -> Task:
    """An untrained network and invented images, without labels."""
    hidden: Any = None
    rng = np.random.default_rng(0)
    data = Data(rng.random((64, SIZES[0]), np.float32), hidden)
    return Task(Plan((), sizes=SIZES, calibration=64), Split(data, data), mlp.init(rng, SIZES), 0)


def no_training() -> tuple[bool, str]:
    """PTQ of a network without labels, which hence has no loss."""
    task, before = _task(), _task().net
    for method in (NAIVE, MSE, GPTQ, STRONG):
        all_methods()[method](task, *grids(4, 4))
    return task.net == before, ("four methods ran without labels, so without the task's loss, and left the float "
                                "network as it was. (AdaRound takes gradients of a layer's own output.)")


def ranges() -> tuple[bool, str]:
    """Static on an image is dynamic on it; how many ranges the images get; whether one depends on the others."""
    x = _task().data.train.x
    each = [dynamic_params(row, UINT8) for row in x]
    same = sum(static_params([row], UINT8) == found for row, found in zip(x, each, strict=True))
    scales = {float(found.scale) for found in each}
    alone = bool((dynamic_params(x, UINT8, -1).scale.ravel() == [found.scale for found in each]).all())
    batch = dynamic_params(x, UINT8).scale == each[0].scale
    return same == len(x) and alone and not batch, (
        f"a static range that is calibrated on one image is the dynamic range of that image, bit for bit, for {same} "
        f"of {len(x)} images. They have {len(scales)} dynamic ranges and one static range. With a dynamic range for "
        "each tensor, all images of a batch share it, so a prediction can change with the other images")


def rounds_as_deployed() -> tuple[bool, str]:
    """The deployed network against its fake-quantized float arithmetic."""
    task = _task()
    net: Any = all_methods()[MSE](task, *grids(4, 4))
    x = y = task.data.test.x
    for i, layer in enumerate(net.layers):
        assert isinstance(layer.activation, AffineParams)
        y = fake_quantize(np.maximum(y, 0) if i else y, layer.activation) @ layer.reals + task.net.biases[i]
    apart = sqnr_db(y, mlp.forward_quantized(net, x))
    return apart > 40, ("the network that QAT trains and the integers that are deployed give almost the same logits: "
                        "SQNR above 40 dB")


def smaller() -> tuple[bool, str]:
    """Bytes, with a scale a matrix and with one an output."""
    task, found, holds = _task(), list[str](), True
    for name, method in (("a scale for each matrix", NAIVE), ("a scale for each output channel", MSE)):
        times = [task.net.nbytes / all_methods()[method](task, *grids(bits, bits)).nbytes for bits in (8, 4, 2)]
        holds = holds and 1 < times[0] < 4 and times[0] < times[1] < 8 and times[1] < times[2] < 16
        found.append("{}: × {:.2f} at 8 bits, × {:.2f} at 4, × {:.2f} at 2".format(name, *times))
    return holds, (f"{'; '.join(found)}. That is less than 32 divided by the bits, because biases and scales keep "
                   "their width")


def operations() -> dict[str, float]:
    """Per image, as efficient() says (R3 to R6, R8, R9)."""
    products, values = 2 * sum(a * b for a, b in pairwise(SIZES)), sum(SIZES[:-1])
    return {"float": products, "static": products + 5 * values,
            "dynamic": products + 7 * values + 12 * (len(SIZES) - 1), "calibration": 256 * (products + 2 * values)}


def efficient() -> tuple[bool, str]:
    """Bytes and operations at 8 bits."""
    n, task = operations(), _task()
    return all_methods()[NAIVE](task, *grids(8, 8)).nbytes < task.net.nbytes, (
        f"there are {n['static'] / n['float'] - 1:.0%} more operations, but most use fewer bits. A product with its "
        "addition counts as 2 operations. To quantize a value takes 5: divide, round, add, two comparisons. A dynamic "
        "range takes 2 comparisons for each value and 12 operations more. A calibration is one float pass over 256 "
        "images, with 2 comparisons for each value. Others report two to three times the speed on CPUs, and up to ten "
        "times on DSPs (Krishnamoorthi 2018, arXiv:1806.08342)".replace("%", " %"))


def dynamic_cost() -> tuple[bool, str]:
    """A second pass, and where calibration has paid for itself."""
    n = operations()
    even = n["calibration"] / (n["dynamic"] - n["static"])
    return even > 0, (f"dynamic reads each activation twice instead of once, and takes × "
                      f"{n['dynamic'] / n['static']:.3f} operations; static needs a calibration, and after "
                      f"{math.ceil(even):,} images it has cost less")


def formats() -> tuple[bool, str]:
    """Exact, on the normal distribution."""
    def db(*how: Any) -> float:
        return -10 * math.log10(block_gaussian_mse(*how))

    e4m3, int8, nf4, int4 = (db(grid, 64, symmetric_params) for grid in (E4M3, INT8, NF4, INT4))
    (floor8, ceil8), (floor4, ceil4) = ([db(grid, 32, fit) for fit in (mx_params, mx_rceil_params)]
                                        for grid in (E4M3, E2M1))
    return int8 > e4m3 and int4 < nf4 < int4 + HALF and ceil8 > floor8 and ceil4 <= floor4, (
        f"SQNR in blocks of 64: E4M3 {e4m3:.2f} dB, INT8 {int8:.2f}; NF4 {nf4:.2f}, INT4 {int4:.2f} (half the square "
        f"error would be {HALF:.2f} more); MXFP8, floor {floor8:.2f}, RCEIL {ceil8:.2f}; MXFP4, floor {floor4:.2f}, "
        f"RCEIL {ceil4:.2f}")


CHECKS = (
    Check("PTQ converts an existing model without new training.", no_training),
    Check("QAT trains the network as it will be after the conversion to integers.", rounds_as_deployed),
    Check("Static and dynamic differ in the clipping range alone: static fixes one for all inputs, dynamic computes "
          "one for each.", ranges),
    Check("Quantization gives a smaller model.", smaller),
    Check("Quantization makes inference more efficient.", efficient, "fewer bytes: yes; speed: not measured here"),
    Check("Dynamic costs with every input, static once.", dynamic_cost),
    Check("On a bell curve INT8 is more exact than FP8 (E4M3). NF4 is more exact than INT4, but has more than half of "
          "its error. A scale rounded up (RCEIL) is more exact than one rounded down (floor) with 8 bits, not with 4.",
          formats),
)


@cache
def executed() -> tuple[tuple[str, bool, str, str], ...]:
    """What is said, whether it is so, the answer, and the figures, of each check."""
    return tuple((check.says, holds, check.answer if holds else "no", figures)
                 for check in CHECKS for holds, figures in [check.run()])
