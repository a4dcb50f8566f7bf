"""Experiments on post-training quantization: each a pure function of a task, which returns records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ....affine import fake_quantize
from ....arguments import Reals
from ....blocks import split_blocks
from ....calibration import dynamic_params
from ....grids import E2M1, E4M3, INT4, INT8, NF4, Grid
from ....methods import adaround
from ....ranges import Fit, symmetric_params
from ....scales import mx_params, mx_rceil_params
from ...compare import after_training
from ...compare.methods import all_methods
from ...compare.network import Network
from ...compare.tasks import Task, grids, stream
from ...datasets import Data
from .observe import Observation, first, made, observed, recipe, tested, with_training

NAIVE, MSE, GPTQ, STRONG = "ptq-static-minmax", "ptq-static-mse", "ptq-gptq", "ptq-static-adaround"
LSQ = "qat-lsq"


def calibration(task: Task) -> list[Observation]:
    """W8, activations at 8, 4 and 3 bits: static ranges from 1, 2, 8, ... images, from all, and from noise."""
    train = task.data.train
    data = {n: with_training(task, first(train, n)) for n in (1, 2, 8, 32, 128, 512, len(train.x)) if n <= len(train.x)}
    data[0] = with_training(task, _noise(train, task.seed))
    return [observed(calibrated, method, (8, bits), bits=bits, images=n)
            for n, calibrated in data.items() for method in (NAIVE, MSE) for bits in (8, 4, 3)]


def _noise(train: Data, seed: int) -> Data:
    """256 images of Gaussian noise, of the pixels' mean and deviation, cut to 0..1."""
    drawn = stream(seed, "noise").normal(train.x.mean(), train.x.std(), (256, train.x.shape[1]))
    return Data(np.clip(drawn, 0, 1).astype(np.float32), np.zeros(256, np.int64))


def cost(task: Task) -> list[Observation]:
    """W4A4 and W2A2, what quality costs: the processor's seconds and the cross-entropy of PTQ, of AdaRound in 30 to
    1,000 iterations a layer, and of QAT in 1/30 to all of its epochs."""
    records, usual = list[Observation](), task.plan.epochs // 2
    for bits in (4, 2):
        efforts: list[tuple[str, str, int | None, Callable[[], Network]]] = [
            (method, "1", None, partial(made, task, method, bits, bits)) for method in (NAIVE, MSE, GPTQ)]
        for n in (30, 100, 300, 1000):
            rounding = partial(adaround, iterations=n)
            efforts.append((STRONG, str(n), None, partial(after_training.reconstructed, task, *grids(bits, bits),
                                                          rounding)))
        for share in (30, 10, 3, 1):
            n = max(1, usual // share)
            efforts.append((LSQ, f"1/{share}" if share > 1 else "1", n, partial(made, task, LSQ, bits, bits, epochs=n)))
        timed = _timed([make for *_, make in efforts])
        records += [tested(task, method, network, recipe(task, method, epochs), bits=bits, effort=effort,
                           seconds=seconds)
                    for (method, effort, epochs, _), (network, seconds) in zip(efforts, timed, strict=True)]
    return records


def _timed(makers: Sequence[Callable[[], Network]]) -> list[tuple[Network, float]]:
    """Each network, and the processor's seconds, the least of three rounds; the second runs backwards."""
    found = dict[int, tuple[Network, float]]()
    for step in (1, -1, 1):
        for i in range(len(makers))[::step]:
            began = time.process_time()
            network = makers[i]()
            seconds = time.process_time() - began
            found[i] = network, min(seconds, found[i][1]) if i in found else seconds
    return [found[i] for i in range(len(makers))]


def granularity(task: Task) -> list[Observation]:
    """Weights at 4, 3 and 2 bits by min-max, per tensor, per output channel, in blocks of 16; activations at 8."""
    methods = NAIVE, "ptq-static-channel", "ptq-static-block-16"
    return [observed(task, method, (bits, 8), bits=bits) for method in methods for bits in (4, 3, 2)]


def sides(task: Task) -> list[Observation]:
    """Weights alone or activations alone at 4, 3 and 2 bits, the other at 8; by min-max and by least MSE; of weights
    also by GPTQ."""
    return [observed(task, method, widths, bits=bits, side=side)
            for method in (NAIVE, MSE, GPTQ) for bits in (4, 3, 2)
            for side, widths in (("weights", (bits, 8)), ("activations", (8, bits)))[:1 + (method != GPTQ)]]


#: Grid, block size (None: one scale a matrix) and rule of the scales.
FORMATS: dict[str, tuple[Grid, int | None, Fit]] = {
    "INT8": (INT8, None, symmetric_params), "E4M3": (E4M3, None, symmetric_params),
    "INT4": (INT4, 64, symmetric_params), "NF4": (NF4, 64, symmetric_params),
    "MXFP8, floor": (E4M3, 32, mx_params), "MXFP8, RCEIL": (E4M3, 32, mx_rceil_params),
    "MXFP4, floor": (E2M1, 32, mx_params), "MXFP4, RCEIL": (E2M1, 32, mx_rceil_params)}


def formats(task: Task) -> list[Observation]:
    """The trained weights on 8-bit and 4-bit formats: how many decibels they lie above their error. And the network
    with weights and activations of 8 bits, by min-max, as integers and as E4M3."""
    w, records = task.net.weights, list[Observation]()
    for name, how in FORMATS.items():
        errors = np.concatenate([_error(one, *how).ravel() for one in w])
        signal, noise = sum(float(np.sum(np.square(one, dtype=np.float64))) for one in w), float(np.sum(errors**2))
        records.append({"seed": task.seed, "method": "weights", "format": name,
                        "weight_sqnr_db": 10 * math.log10(signal / noise)})
    return [*records, *(tested(task, NAIVE, all_methods()[NAIVE](task, *on), None, bits=8, format=name)
                        for name, on in (("INT8", grids(8, 8)), ("E4M3", (E4M3, E4M3))))]


def _error(w: Reals, grid: Grid, block: int | None, fit: Fit) -> Reals:
    x = split_blocks(w, min(block, len(w)), 0) if block else w
    return np.asarray(fake_quantize(x, dynamic_params(x, grid, 1 if block else None, fit=fit)) - x, np.float64)
