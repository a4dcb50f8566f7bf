"""Integers beside their simulation: networks saved, run without floating point, and compared code for code."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ... import mlp
from ...affine import AffineParams, quantize
from ...arguments import Codes, Reals
from ...mlp.model import rows
from ...mlp.saved import save
from ..aligned import paragraph, ruled
from .methods import networks
from .tasks import Plan, prepare


class Agreement(NamedTuple):
    """Layer by layer: how many codes were made, how many of them differ from the simulation's, and how far from a tie,
    in steps, the exact value of such a code is at most (0 where none differs). End to end: how many logit codes differ,
    by how many steps at most, and of how many rows the prediction differs."""

    codes: int
    differ: int
    from_tie: float
    logits: int
    furthest: int
    predictions: int


def agreement(qnet: mlp.QuantizedNet, x: ArrayLike) -> Agreement:
    """Every layer on the same input codes, its integers beside its simulation rounded to codes; then both end to end.

    The simulation rounds y = scale * acc to float32 and divides in float32, the integers round acc * m with an m of 31
    bits; so a layer's code may differ where the exact value lies within these roundings of a tie, and nowhere else.
    End to end that is no law: one hidden code that differs moves every logit behind it, near a tie or not.

    >>> from refquant.mlp import init, ptq_static
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> agreement(ptq_static(init(np.random.default_rng(1), (4, 8, 3)), [x]), x)
    Agreement(codes=550, differ=0, from_tie=0.0, logits=0, furthest=0, predictions=0)
    """
    net = mlp.deploy(qnet)
    x = rows("agreement", x, len(net.layers[0].codes))
    q, codes, differ, from_tie = quantize(x, net.input), 0, 0, 0.0
    params = [layer.activation for layer in qnet.layers] + [net.output]
    for i, (layer, integer) in enumerate(zip(qnet.layers, net.layers, strict=True)):
        at, to = params[i], params[i + 1]
        assert isinstance(at, AffineParams) and isinstance(to, AffineParams)  # deploy has seen to it
        # in float64, which no dtype of the scale makes overflow, and which gives the same codes back
        y = mlp.linear(layer, np.multiply(q.astype(np.int64) - at.zero_point, at.scale, dtype=np.float64))
        simulated = quantize(y if i + 1 == len(net.layers) else np.maximum(y, 0), to)
        made = mlp.integer_linear(integer, q)
        acc = q.astype(np.int64) @ integer.codes.astype(np.int64) + integer.bias
        scale = np.broadcast_to(layer.weight.scale.reshape(-1), acc.shape[1:])
        for at_row, at_column in zip(*np.nonzero(made != simulated), strict=True):
            exact = int(acc[at_row, at_column]) * Fraction(float(at.scale)) * Fraction(float(scale[at_column]))
            v = exact / Fraction(float(to.scale))
            from_tie = max(from_tie, abs(float(v - (v.__floor__() + Fraction(1, 2)))))
        q, codes, differ = made, codes + made.size, differ + int((made != simulated).sum())
    logits = mlp.forward_quantized(qnet, x)
    steps = np.abs(quantize(logits, net.output).astype(int) - q)
    return Agreement(codes, differ, from_tie, int((steps > 0).sum()), int(steps.max(initial=0)),
                     int((logits.argmax(axis=1) != q.argmax(axis=1)).sum()))


class Saved(NamedTuple):
    """One network's file, and its accuracy on the test images: simulated, and in integers where it can."""

    name: str
    payload: int
    file_bytes: int
    accuracy: float
    integers: float | None
    agreement: Agreement | None


def save_networks(plan: Plan, folder: Path) -> list[Saved]:
    """Every quantized network of seed 0, as METHOD-WbAb.npz or METHOD-GRID.npz."""
    task, _ = prepare(plan, 0)
    return [_saved(run.network, f"{run.name}.npz", folder, *task.data.test)
            for run in networks(task) if isinstance(run.network, mlp.QuantizedNet)]


def _saved(qnet: mlp.QuantizedNet, name: str, folder: Path, x: Reals, labels: Codes) -> Saved:
    size = save(folder / name, qnet)
    simulated = mlp.accuracy(mlp.forward_quantized(qnet, x), labels)
    try:
        integers = mlp.accuracy(mlp.forward_integer(qnet, x), labels)
    except ValueError:  # dynamic, or more than 8 bits
        return Saved(name, qnet.nbytes, size, simulated, None, None)
    return Saved(name, qnet.nbytes, size, simulated, integers, agreement(qnet, x))


HEAD = ("network", "payload, bytes", "file, bytes", "accuracy, %", "integers only, %", "other codes",
        "other logits (steps)", "other predictions")


def table(saved: list[Saved]) -> str:
    """The rows as text."""
    if not saved:
        return "There is nothing to save: these methods make no network of integer codes."
    furthest = max((s.agreement.from_tie for s in saved if s.agreement), default=0.0)
    return "\n".join([
        *ruled([HEAD, *map(_line, saved)]), "", paragraph(
            "Seed 0, its test images. payload: packed codes, biases and scales. integers only: integer codes from the "
            "input to INT16 logits (static networks on integers of at most 8 bits). other codes: given the same input "
            "codes, a layer's integers differ from its simulation only near a tie, here at most "
            f"{furthest:.1e} steps from it. other logits: end to end; one different hidden code moves all logits after "
            "it, by at most the INT16 steps in brackets. other predictions: the two largest logits lie within one "
            "INT16 step, or a hidden code differs.")])


def _line(s: Saved) -> tuple[str, ...]:
    a = s.agreement
    found = ("–",) * 3 if a is None else (f"{a.differ} of {a.codes:,}", f"{a.logits} ({a.furthest})",
                                          str(a.predictions))
    return (s.name, f"{s.payload:,}", f"{s.file_bytes:,}", f"{100 * s.accuracy:.2f}",
            "–" if s.integers is None else f"{100 * s.integers:.2f}", *found)
