"""Experiments on post-training quantization: each a pure function of a task, which returns records."""

from __future__ import annotations

import hashlib
import time
from itertools import pairwise
from typing import Any

import numpy as np

from ....arguments import Reals
from ....methods.adam import adam_step
from ....mlp import Net, model
from ...compare.network import Network, logits
from ...compare.tasks import Task, float_net, grids, stream
from ...datasets import Data
from .observe import Observation, counted, first, made, observed, origin, tested, with_training

NAIVE, MSE, STRONG = "ptq-static-minmax", "ptq-static-mse", "ptq-static-adaround"


def conversion(task: Task) -> list[Observation]:
    """PTQ at 8 to 2 bits: accuracy, bytes, whether the float network changed, and the gradients that were called."""
    records = [tested(task, "float", task.net, None, bits=32)]
    for method in (NAIVE, MSE, STRONG):
        for bits in (8, 7, 6, 5, 4, 3, 2):
            before = _fingerprint(task.net)
            with counted(model.value_and_pullback, adam_step) as calls:
                network = made(task, method, bits, bits)
            records.append(tested(
                task, method, network, None, bits=bits, network_unchanged=_fingerprint(task.net) == before,
                loss_gradients=calls["value_and_pullback"], gradient_steps=calls["adam_step"]))
    return records


def _fingerprint(net: Net) -> str:
    return hashlib.sha256(b"".join(a.tobytes() for a in (*net.weights, *net.biases))).hexdigest()


def calibration(task: Task) -> list[Observation]:
    """W8, activations at 8, 4 and 3 bits: static ranges from 1, 2, 4, ... images, from all, and from noise."""
    train = task.data.train
    sizes = [2**k for k in range(int(np.log2(len(train.x))) + 1)] + [len(train.x)]
    data = {n: with_training(task, first(train, n)) for n in sizes}
    data[0] = with_training(task, _noise(train, task.seed))
    return [observed(calibrated, method, (8, bits), bits=bits, images=n)
            for n, calibrated in data.items() for method in (NAIVE, MSE) for bits in (8, 4, 3)]


def _noise(train: Data, seed: int) -> Data:
    """256 images of Gaussian noise, of the pixels' mean and deviation, cut to 0..1."""
    drawn = stream(seed, "noise").normal(train.x.mean(), train.x.std(), (256, train.x.shape[1]))
    return Data(np.clip(drawn, 0, 1).astype(np.float32), np.zeros(256, np.int64))


def cost(task: Task) -> list[Observation]:
    """W4A4: what each way to a quantized network takes: seconds, gradient steps, images with labels."""
    records = []
    for method in ("float", NAIVE, "ptq-static-percentile-99.9", MSE, "ptq-static-cle", "ptq-static-bias-correction",
                   STRONG, "qat-ste-minmax", "qat-ste-mse", "qat-lsq"):
        seconds, calls = _timed(task, method)
        records.append({**origin(task, method, None if method == "float" else grids(4, 4)), "seconds": seconds,
                        "gradient_steps": calls, "labels": _labels(task, method)})
    return records


def _labels(task: Task, method: str) -> int:
    """How many labels it looks at: 0 if it runs without labels."""
    hidden: Any = None
    blind = task._replace(data=task.data._replace(train=Data(task.data.train.x, hidden)))
    try:
        _made(blind, method)
    except (TypeError, ValueError):
        return len(task.data.train.x)
    return 0


def _timed(task: Task, method: str) -> tuple[float, int]:
    """The processor's seconds, of the faster of two runs, and the gradient steps of a third: counting takes time."""
    seconds = []
    for _ in range(2):
        began = time.process_time()
        _made(task, method)
        seconds.append(time.process_time() - began)
    with counted(adam_step) as calls:
        _made(task, method)
    return min(seconds), calls["adam_step"]


def _made(task: Task, method: str) -> Network:
    return float_net(task.plan, task.data.train, task.seed) if method == "float" else made(task, method, 4, 4)


def granularity(task: Task) -> list[Observation]:
    """Weights at 4, 3 and 2 bits by min-max, per tensor, per output channel, in blocks of 16; activations at 8."""
    methods = NAIVE, "ptq-static-channel", "ptq-static-block-16"
    return [observed(task, method, (bits, 8), bits=bits) for method in methods for bits in (4, 3, 2)]


def sides(task: Task) -> list[Observation]:
    """Weights alone, activations alone, or both at 4, 3 and 2 bits, the other at 8; by min-max and by least MSE."""
    return [observed(task, method, widths, bits=bits, side=side)
            for method in (NAIVE, MSE) for bits in (4, 3, 2)
            for side, widths in (("weights", (bits, 8)), ("activations", (8, bits)), ("both", (bits, bits)))]


def inference(task: Task) -> list[Observation]:
    """What an image costs: bytes of the model, operations, passes over each activation, seconds in NumPy; W8A8."""
    x, records = task.data.test.x, []
    networks: dict[str, Network] = {"float": task.net, **{m: made(task, m, 8, 8) for m in (
        NAIVE, "ptq-dynamic-tensor", "ptq-dynamic-row")}}
    for method, network in networks.items():
        records.append({**origin(task, method, None if method == "float" else grids(8, 8)),
                        "model_bytes": network.nbytes, **_operations(method, task.plan.sizes),
                        "seconds_per_image": _fastest(network, x) / len(x)})
    return records


def _operations(method: str, sizes: tuple[int, ...]) -> dict[str, float]:
    """Per image, counted from the formulas. A product and its sum are two operations; quantizing a value five (divide,
    round, add, two compares: R3 to R6); a dynamic range two compares a value and twelve operations (R8, R9), shared
    by a batch of 64 if it is per tensor. Calibrating takes the float pass and two compares a value of 256 images."""
    products, values, layers = 2 * sum(a * b for a, b in pairwise(sizes)), sum(sizes[:-1]), len(sizes) - 1
    ranges = {"ptq-dynamic-row": 2 * values + 12 * layers, "ptq-dynamic-tensor": 2 * values + 12 * layers / 64}
    each = products + (0 if method == "float" else 5 * values) + ranges.get(method, 0)
    calibrating = 256 * (products + 2 * values) if method == NAIVE else 0
    return {"operations": each, "range_operations": ranges.get(method, 0),
            "passes": 0 if method == "float" else 1 + (method in ranges),
            **{f"operations_for_{name}_images": n * each + calibrating
               for name, n in (("540", 540), ("a_million", 1_000_000))}}


def _fastest(network: Network, x: Reals) -> float:
    seconds = []
    for _ in range(5):
        began = time.process_time()
        logits(network, x)
        seconds.append(time.process_time() - began)
    return min(seconds)
