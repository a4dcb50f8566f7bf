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


class Check(NamedTuple):
    """What is said, and what runs: whether it is so, and the figures."""

    says: str
    run: Callable[[], tuple[bool, str]]


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
        f"calibrated on one image alone, static is dynamic on that image, bit for bit: {same} of {len(x)}; they have 1 "
        f"static range and {len(scales)} dynamic ones. Per image (row, token) that is so in any batch; per tensor the "
        "range is the batch's, so predictions can change with what is beside")


def rounds_as_deployed() -> tuple[bool, str]:
    """The deployed network against its fake-quantized float arithmetic."""
    task = _task()
    net: Any = all_methods()[MSE](task, *grids(4, 4))
    x = y = task.data.test.x
    for i, layer in enumerate(net.layers):
        assert isinstance(layer.activation, AffineParams)
        y = fake_quantize(np.maximum(y, 0) if i else y, layer.activation) @ layer.reals + task.net.biases[i]
    apart = sqnr_db(y, mlp.forward_quantized(net, x))
    return apart > 40, "the pass that QAT trains and the integers that are deployed agree to more than 40 dB"


def smaller() -> tuple[bool, str]:
    """Bytes."""
    task, sizes = _task(), []
    for bits in (8, 4, 2):
        net = all_methods()[NAIVE](task, *grids(bits, bits))
        sizes.append(f"× {task.net.nbytes / net.nbytes:.2f} at {bits} bits")
    return True, f"{', '.join(sizes)}; less than 32 / bits, for biases and scales keep their width"


def operations() -> dict[str, float]:
    """Per image. A product and its sum are two; quantizing a value five (divide, round, add, two compares: R3 to R6); a
    dynamic range two compares a value and twelve for the range (R8, R9); calibrating the float pass and two compares a
    value of 256 images."""
    products, values = 2 * sum(a * b for a, b in pairwise(SIZES)), sum(SIZES[:-1])
    return {"float": products, "static": products + 5 * values,
            "dynamic": products + 7 * values + 12 * (len(SIZES) - 1), "calibration": 256 * (products + 2 * values)}


def efficient() -> tuple[bool, str]:
    """Bytes and operations at 8 bits."""
    n = operations()
    return True, (f"fewer bytes; operations are not fewer but narrower: × {n['static'] / n['float']:.2f} with the "
                  "quantizing. Two to three times on CPUs and up to ten on DSPs were reported (Krishnamoorthi 2018, "
                  "arXiv:1806.08342); this page measures no such hardware")


def dynamic_cost() -> tuple[bool, str]:
    """A second pass, and where calibration has paid for itself."""
    n = operations()
    even = math.ceil(n["calibration"] / (n["dynamic"] - n["static"]))
    return True, (f"dynamic: two passes over each activation instead of one, × {n['dynamic'] / n['static']:.3f} "
                  f"operations; static: a calibration, which has paid for itself after {even:,} images")


def formats() -> tuple[bool, str]:
    """Exact, on the normal distribution."""
    def db(*how: Any) -> float:
        return -10 * math.log10(block_gaussian_mse(*how))

    scaled = [db(grid, 64, symmetric_params) for grid in (E4M3, INT8, NF4, INT4)]
    floors, ceils = ([db(grid, 32, fit) for grid in (E4M3, E2M1)] for fit in (mx_params, mx_rceil_params))
    return True, (f"on a bell curve, exactly: blocks of 64: E4M3 {scaled[0]:.2f} dB, INT8 {scaled[1]:.2f}; NF4 "
                  f"{scaled[2]:.2f}, INT4 {scaled[3]:.2f}; MXFP8, floor {floors[0]:.2f}, RCEIL {ceils[0]:.2f}; MXFP4, "
                  f"floor {floors[1]:.2f}, RCEIL {ceils[1]:.2f}")


CHECKS = (
    Check("PTQ converts an existing model without new training.", no_training),
    Check("QAT accounts for the conversion.", rounds_as_deployed),
    Check("Static and dynamic differ in the clipping range alone: static fixes one for all inputs, dynamic computes "
          "one for each.", ranges),
    Check("Quantization gives a smaller model.", smaller),
    Check("Quantization makes inference more efficient.", efficient),
    Check("Dynamic costs with every input, static once.", dynamic_cost),
    Check("FP8, NF4 and RCEIL on a bell curve.", formats),
)


@cache
def executed() -> tuple[tuple[str, bool, str], ...]:
    """What is said, whether it is so, and the figures, of each check."""
    return tuple((check.says, *check.run()) for check in CHECKS)
