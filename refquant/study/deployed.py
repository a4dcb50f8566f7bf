"""Integers beside their simulation: networks saved, run without floating point, and compared code for code."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import mlp
from .._check import Codes, Reals
from ..affine import AffineParams, dequantize, quantize
from .compare import Plan, networks, prepare
from .saved import save


class Agreement(NamedTuple):
    """How many codes the layers made, how many of them otherwise than the simulation, and how far from a tie, in
    steps, the exact value of any such code was at most (0 where none differs)."""

    codes: int
    differ: int
    from_tie: float


def agreement(qnet: mlp.QuantizedNet, x: ArrayLike) -> Agreement:
    """Every layer on the same input codes: its integers, and its simulation rounded to codes.

    The simulation rounds y = scale * acc to float32 and divides in float32, the integers round acc * m with an m of 31
    bits; so a code may differ where the exact value lies within these roundings of a tie, and nowhere else.

    >>> from refquant.mlp import init, ptq_static
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> agreement(ptq_static(init(np.random.default_rng(1), (4, 8, 3)), [x]), x)
    Agreement(codes=550, differ=0, from_tie=0.0)
    """
    net = mlp.deploy(qnet)
    q, codes, differ, from_tie = quantize(np.asarray(x, np.float32), net.input), 0, 0, 0.0
    params = [layer.activation for layer in qnet.layers] + [net.output]
    for i, (layer, integer) in enumerate(zip(qnet.layers, net.layers, strict=True)):
        at, to = params[i], params[i + 1]
        assert isinstance(at, AffineParams) and isinstance(to, AffineParams)  # deploy has seen to it
        y = mlp.linear(layer, dequantize(q, at))
        simulated = quantize(y if i + 1 == len(net.layers) else np.maximum(y, 0), to)
        made = mlp.integer_linear(integer, q)
        acc = q.astype(np.int64) @ integer.codes.astype(np.int64) + integer.bias
        scale = np.broadcast_to(layer.weight.scale.reshape(-1), acc.shape[1:])
        for at_row, at_column in zip(*np.nonzero(made != simulated), strict=True):
            exact = int(acc[at_row, at_column]) * Fraction(float(at.scale)) * Fraction(float(scale[at_column]))
            v = exact / Fraction(float(to.scale))
            from_tie = max(from_tie, abs(float(v - (v.__floor__() + Fraction(1, 2)))))
        q, codes, differ = made, codes + made.size, differ + int((made != simulated).sum())
    return Agreement(codes, differ, from_tie)


class Saved(NamedTuple):
    """One network's file, and how it reads the test images: simulated, and in integers where it can."""

    name: str
    payload: int
    file_bytes: int
    accuracy: float
    integers: float | None
    agreement: Agreement | None


def save_networks(plan: Plan, folder: Path) -> list[Saved]:
    """Every quantized network of seed 0, as METHOD-WbAb.npz."""
    task, _ = prepare(plan, 0)
    return [_saved(run.network, f"{run.method}-W{run.bits}A{run.bits}.npz", folder, *task.data.test)
            for run in networks(task) if isinstance(run.network, mlp.QuantizedNet)]


def _saved(qnet: mlp.QuantizedNet, name: str, folder: Path, x: Reals, labels: Codes) -> Saved:
    size = save(folder / name, qnet)
    simulated = mlp.accuracy(mlp.forward_quantized(qnet, x), labels)
    try:
        integers = mlp.accuracy(mlp.forward_integer(qnet, x), labels)
    except ValueError:  # dynamic, or more than 8 bits
        return Saved(name, qnet.nbytes, size, simulated, None, None)
    return Saved(name, qnet.nbytes, size, simulated, integers, agreement(qnet, x))


def table(saved: list[Saved]) -> str:
    """The rows as text."""
    lines = [("network", "payload, bytes", "file, bytes", "accuracy, %", "integers only, %", "codes that differ")]
    lines += [(s.name, f"{s.payload:,}", f"{s.file_bytes:,}", f"{100 * s.accuracy:.2f}",
               "–" if s.integers is None else f"{100 * s.integers:.2f}",
               "–" if s.agreement is None else f"{s.agreement.differ} of {s.agreement.codes:,}") for s in saved]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths,
            strict=True))) for line in lines]
    furthest = max((s.agreement.from_tie for s in saved if s.agreement), default=0.0)
    return "\n".join([
        text[0], "-" * len(text[0]), *text[1:], "",
        "Seed 0, its test images. payload: packed codes, biases, scales. integers only: from input codes to INT16 "
        "logits, where there is such a",
        f"form (static, at most 8 bits). A code differs from the simulation's only by a tie: at most {furthest:.1e} "
        "steps away."])
